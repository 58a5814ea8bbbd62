package dev.belljar.engine;

import dev.belljar.engine.template.Template;
import dev.belljar.engine.volumes.BootImage;
import dev.belljar.engine.volumes.MachineKind;
import java.util.Optional;

/**
 * What a machine begins as.
 *
 * @param template what it is restored from
 * @param edition of the template
 * @param image the image that it runs above
 * @param kind what a checkpoint of it will take
 * @param disks those beyond its own
 */
record Origin(
    Template template,
    String edition,
    BootImage image,
    MachineKind kind,
    Optional<SandboxDisks> disks) {}
