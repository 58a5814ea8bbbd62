// What every part of the agent may use: failing, logging, and which mode it runs in.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KIB 1024u
#define MIB (1024u * KIB)
#define ALL_ONES UINT64_MAX

/** True as PID 1 of a machine; false with --stdio, where the agent may not touch what belongs to the host. */
extern bool in_machine;

/** One line to standard error (in a machine: to the kernel's log). */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Says why and ends the agent; in a machine, the machine. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Memory, or the end: the agent's own needs are small and bounded. */
void *allocate(size_t size);

/** Writes all of a small file (as /proc, /sys and /etc have them); 0 or -errno. */
int write_file(const char *path, const char *content, int flags);

/** Reads at most size - 1 bytes of a small file and terminates them; the length or -errno. */
ssize_t read_file(const char *path, char *content, size_t size);
