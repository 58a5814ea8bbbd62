/**
 * What machines boot: a kernel and a read-only root file system, built on this host from a recipe
 * and kept until that changes.
 */
@NullMarked
package dev.belljar.engine.image;

import org.jspecify.annotations.NullMarked;
