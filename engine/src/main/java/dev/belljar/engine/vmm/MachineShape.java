package dev.belljar.engine.vmm;

/**
 * What distinguishes machines that cannot share a template.
 *
 * @param accelerator what runs the guest's instructions
 * @param memoryMebibytes memory
 * @param vcpus virtual processors
 */
public record MachineShape(Accelerator accelerator, int memoryMebibytes, int vcpus) {}
