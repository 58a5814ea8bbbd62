package dev.belljar;

/**
 * What separates a sandbox from the host that runs it.
 *
 * @param engine what runs the machine, with its version, for example {@code QEMU 7.2.22}
 * @param accelerator {@code kvm} (hardware virtualization) or {@code tcg} (software emulation)
 * @param hardware whether the processor's virtualization separates guest and host
 * @param jail what confines the engine itself, for example {@code bubblewrap 0.8.0, uid 65534,
 *     seccomp}
 * @param image the hash of the image that the machine booted from
 */
public record Isolation(
    String engine, String accelerator, boolean hardware, String jail, String image) {}
