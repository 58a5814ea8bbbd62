package dev.belljar.engine.template;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/**
 * Who may use /dev/kvm, and the command that lets this user.
 *
 * @param exists whether there is one
 * @param group that it belongs to
 * @param groupMay whether members of the group may read and write it
 * @param everyoneMay whether everyone may
 * @param processorFlags what the processor can, as /proc/cpuinfo has it
 * @param user this user's name
 * @param root whether that is root: machines run as users without rights, with the device's group
 *     then
 * @param userMay whether this process may read and write it
 */
record KvmAccess(
    boolean exists,
    String group,
    boolean groupMay,
    boolean everyoneMay,
    Set<String> processorFlags,
    String user,
    boolean root,
    boolean userMay) {
  private static final Path DEVICE = Path.of("/dev/kvm");

  /** As it is on this host now. */
  static KvmAccess now() {
    String user = System.getProperty("user.name", "");
    boolean root = user.equals("root");
    try {
      PosixFileAttributes attributes = Files.readAttributes(DEVICE, PosixFileAttributes.class);
      Set<PosixFilePermission> permissions = attributes.permissions();
      return new KvmAccess(
          true,
          attributes.group().getName(),
          permissions.contains(PosixFilePermission.GROUP_READ)
              && permissions.contains(PosixFilePermission.GROUP_WRITE),
          permissions.contains(PosixFilePermission.OTHERS_READ)
              && permissions.contains(PosixFilePermission.OTHERS_WRITE),
          Set.of(),
          user,
          root,
          Files.isReadable(DEVICE) && Files.isWritable(DEVICE));
    } catch (IOException e) {
      return new KvmAccess(false, "", false, false, flagsOfProcessor(), user, root, false);
    }
  }

  /** Whether a machine could be given it. */
  boolean granted() {
    return exists && (everyoneMay || (root ? groupMay && !isRootsGroup() : userMay));
  }

  /** Why a machine cannot be given it, in a sentence; empty if it can. */
  String reason() {
    if (!exists) {
      return canVirtualize()
          ? "There is no /dev/kvm: the kernel's module is not loaded."
          : "There is no /dev/kvm, and the processor offers no virtualization (vmx or svm): switch it on in the"
              + " firmware's (BIOS) settings or, where this is a virtual machine, as nested virtualization in its host.";
    }
    if (granted()) {
      return "";
    }
    return root
        ? "As root, machines run without rights but with the group of /dev/kvm, which is "
            + group
            + (isRootsGroup() ? ", and root's is not given away." : " and may not use it.")
        : "The user " + user + " may not use /dev/kvm.";
  }

  /** The command that mends that; empty where there is none or nothing to mend. */
  String fix() {
    if (!exists) {
      return canVirtualize()
          ? "sudo modprobe " + (processorFlags.contains("vmx") ? "kvm_intel" : "kvm_amd")
          : "";
    }
    if (granted()) {
      return "";
    }
    boolean groupServes = groupMay && !isRootsGroup();
    String device =
        groupServes
            ? ""
            : "sudo groupadd --force --system kvm && sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm";
    if (root) {
      return device;
    }
    return (device.isEmpty() ? "" : device + " && ")
        + "sudo usermod -aG "
        + (groupServes ? group : "kvm")
        + " "
        + user
        + "   # and log in again";
  }

  private boolean isRootsGroup() {
    return group.equals("root");
  }

  private boolean canVirtualize() {
    return processorFlags.contains("vmx") || processorFlags.contains("svm");
  }

  private static Set<String> flagsOfProcessor() {
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"), StandardCharsets.UTF_8)) {
      return lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .map(line -> Set.copyOf(java.util.List.of(line.split("\\s+"))))
          .orElse(Set.of());
    } catch (IOException | java.io.UncheckedIOException e) {
      return Set.of();
    }
  }
}
