package dev.belljar.engine.volumes;

/**
 * What a machine must be like for a checkpoint to be restored in it.
 *
 * @param engine names the QEMU, its command line, the accelerator and the processor
 * @param memoryMebibytes memory
 * @param vcpus virtual processors
 */
public record MachineKind(String engine, int memoryMebibytes, int vcpus) {}
