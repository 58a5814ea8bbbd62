package dev.belljar.bench;

/**
 * What a server holds at a moment.
 *
 * @param heap megabytes of Java's heap that a full collection leaves
 * @param threads of the kernel's; virtual ones are not counted
 * @param files open file descriptors
 * @param resident megabytes of memory (VmRSS of proc_pid_status(5))
 */
record Footprint(double heap, int threads, int files, double resident) {}
