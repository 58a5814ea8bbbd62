/** Disks that outlive sandboxes: volumes, snapshots, and the layers that both consist of. */
@NullMarked
package dev.belljar.engine.volumes;

import org.jspecify.annotations.NullMarked;
