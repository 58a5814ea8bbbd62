package dev.belljar.engine.vmm;

/** What runs the guest's instructions. */
public enum Accelerator {
  /** The processor's virtualization, through Linux' KVM. */
  KVM,
  /** Software emulation: QEMU's Tiny Code Generator. Works everywhere, several times slower. */
  TCG
}
