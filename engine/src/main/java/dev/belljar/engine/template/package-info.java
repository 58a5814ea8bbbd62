/**
 * Machines booted once and frozen, from which every sandbox's machine is restored; and which
 * accelerator works on this host.
 */
@NullMarked
package dev.belljar.engine.template;

import org.jspecify.annotations.NullMarked;
