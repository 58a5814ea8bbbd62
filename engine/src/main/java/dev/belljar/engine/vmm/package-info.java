/**
 * The virtual machine monitor: QEMU's command line, its jail, its monitor protocol, and the
 * accelerator that works here.
 */
@NullMarked
package dev.belljar.engine.vmm;

import org.jspecify.annotations.NullMarked;
