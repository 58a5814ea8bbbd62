package dev.belljar.engine.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * QEMU's command line, inside the jail. A template's machine and those restored from it must have
 * the same one, apart from where the memory is mapped shared and from where the state comes.
 */
public final class QemuCommand {
  /** Changes with everything here that a frozen machine could not be restored under. */
  public static final int GENERATION = 8;

  private static final int TRANSLATION_BUFFER_MEBIBYTES = 128;

  /** Bytes; the least that a guest takes for a disk. */
  private static final int EMPTY_SLOT = 1 << 20;

  private static final String SANDBOX =
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

  private QemuCommand() {}

  static List<String> of(MachineShape shape, MachineFiles files) {
    boolean restore = files.state().isPresent();
    boolean emulated = shape.accelerator() == Accelerator.TCG;
    List<String> command = new ArrayList<>();
    add(command, JailRoot.QEMU);
    add(command, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none");
    add(command, "-sandbox", SANDBOX);
    String timer = emulated ? "on" : "off";
    add(
        command,
        "-machine",
        "microvm,acpi=on,pit=%s,pic=%s,rtc=off,isa-serial=off,memory-backend=memory"
            .formatted(timer, timer));
    if (emulated) {
      add(command, "-accel", "tcg,thread=multi,tb-size=" + TRANSLATION_BUFFER_MEBIBYTES);
      // Five levels of page tables would only make every walk longer. Told that it copies quickly
      // by the byte (erms), a guest does that, and the emulator goes byte by byte: half as fast.
      add(command, "-cpu", "max,-la57,-erms");
    } else {
      add(command, "-accel", "kvm", "-cpu", "host");
    }
    // What a machine consists of is settled here and looked at by whoever restores it.
    add(command, "-global", "migration.send-configuration=off");
    add(command, "-smp", Integer.toString(shape.vcpus()));
    add(command, "-m", shape.memoryMebibytes() + "M");
    add(
        command,
        "-object",
        "memory-backend-file,id=memory,size=%dM,mem-path=%s,share=%s"
            .formatted(
                shape.memoryMebibytes(),
                Jail.TEMPLATE + "/" + MachineFiles.MEMORY,
                restore ? "off" : "on"));
    socket(command, "qmp", MachineFiles.MONITOR_SOCKET);
    add(command, "-mon", "chardev=qmp,mode=control");
    socket(command, "channel", MachineFiles.CHANNEL_SOCKET);
    add(command, "-device", "virtio-serial-device,max_ports=2");
    add(command, "-device", "virtserialport,chardev=channel,name=belljar");
    add(
        command,
        "-blockdev",
        "driver=file,node-name=root,filename=" + Jail.IMAGE + "/root.erofs,read-only=on");
    add(command, "-device", "virtio-blk-device,drive=root");
    addChain(command, files.ownChain());
    // Where the host's disk is full, QEMU would stop the machine and tell nobody that it waits; so
    // the guest gets an error and goes on.
    add(command, "-device", "virtio-blk-device,drive=disk,discard=on,werror=report,rerror=report");
    addSlots(command, files);
    // What the guest has used and freed again goes back to the host.
    add(command, "-device", "virtio-balloon-device,free-page-reporting=on");
    if (restore) {
      // The kernel is in the memory already.
      add(command, "-incoming", "defer");
    } else {
      add(command, "-kernel", Jail.IMAGE + "/vmlinuz", "-initrd", Jail.IMAGE + "/initrd");
      add(command, "-append", kernelArguments(shape, files));
    }
    return List.copyOf(command);
  }

  /** Runs nothing, and has a disk open whose layers it is told to copy. */
  static List<String> withoutMachine(DiskChain disk) {
    List<String> command = new ArrayList<>();
    add(command, JailRoot.QEMU);
    add(command, "-nodefaults", "-no-user-config", "-display", "none");
    add(command, "-machine", "none", "-accel", "tcg,tb-size=1");
    add(command, "-sandbox", SANDBOX);
    socket(command, "qmp", MachineFiles.MONITOR_SOCKET);
    add(command, "-mon", "chardev=qmp,mode=control");
    addChain(command, disk);
    return List.copyOf(command);
  }

  /**
   * A slot that no disk is in holds a little of nothing. A template knows it like that; the guest
   * hears of the size of a disk once it runs.
   */
  private static void addSlots(List<String> command, MachineFiles files) {
    for (int slot = 0; slot < MachineDisk.SLOTS; slot++) {
      String node = MachineDisk.node(slot);
      Optional<MachineDisk> disk = diskIn(files, slot);
      if (disk.isPresent()) {
        addChain(command, files.chain(disk.get()));
      } else {
        add(
            command,
            "-blockdev",
            "driver=null-co,node-name=" + node + ",read-zeroes=on,size=" + EMPTY_SLOT);
      }
      add(
          command,
          "-device",
          "virtio-blk-device,drive=" + node + ",discard=on,werror=report,rerror=report");
    }
  }

  private static Optional<MachineDisk> diskIn(MachineFiles files, int slot) {
    return files.disks().stream().filter(disk -> disk.slot() == slot).findFirst();
  }

  private static void addChain(List<String> command, DiskChain chain) {
    chain.options().forEach(options -> add(command, "-blockdev", options));
  }

  private static String kernelArguments(MachineShape shape, MachineFiles files) {
    // Of the kernel's security modules only the one that programs confine themselves with: each
    // makes every call longer, and the guest is not what keeps anybody from anything.
    String common =
        "quiet loglevel=3 panic=-1 psi=0 reboot=t random.trust_cpu=on cgroup_no_v1=all init_on_alloc=0 nowatchdog rcupdate.rcu_expedited=1 lsm=landlock audit=0";
    if (shape.accelerator() == Accelerator.KVM) {
      return common;
    }
    // An emulated machine has nothing to measure its time stamp counter against, so it is told.
    // Addresses that differ from run to
    // run would make the emulator translate every program anew: without them a command takes a
    // third of the time.
    return common
        + " mitigations=off norandmaps no_timer_check tsc=reliable tsc_early_khz="
        + files.tscKilohertz();
  }

  /** QEMU connects and the host listens: nobody has to wait for a socket to appear. */
  private static void socket(List<String> command, String id, String name) {
    add(command, "-chardev", "socket,id=" + id + ",path=" + Jail.RUN + "/" + name);
  }

  private static void add(List<String> command, String... words) {
    command.addAll(List.of(words));
  }
}
