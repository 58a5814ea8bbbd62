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
  public static final int GENERATION = 4;

  private static final int TRANSLATION_BUFFER_MEBIBYTES = 128;

  /** Bytes; the least that a guest takes for a disk. */
  private static final int EMPTY_SLOT = 1 << 20;

  private static final String SANDBOX =
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

  private QemuCommand() {}

  static List<String> of(MachineShape shape, MachineFiles files, String readOnly) {
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
      // Five levels of page tables would only make every walk longer.
      add(command, "-cpu", "max,-la57");
    } else {
      add(command, "-accel", "kvm", "-cpu", "host");
    }
    add(command, "-smp", Integer.toString(shape.vcpus()));
    add(command, "-m", shape.memoryMebibytes() + "M");
    add(
        command,
        "-object",
        "memory-backend-file,id=memory,size=%dM,mem-path=%s,share=%s"
            .formatted(
                shape.memoryMebibytes(),
                Jail.TEMPLATE + "/" + MachineFiles.MEMORY,
                restore ? "off" + readOnly : "on"));
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
    String disk = (restore ? Jail.RUN : Jail.TEMPLATE) + "/" + MachineFiles.DISK;
    add(
        command,
        "-blockdev",
        "driver=qcow2,node-name=disk,file.driver=file,file.filename=%s,discard=unmap,detect-zeroes=unmap,cache.no-flush=on,file.cache.no-flush=on,file.discard=unmap"
            .formatted(disk));
    // Where the host's disk is full, QEMU would stop the machine and tell nobody that it waits; so
    // the guest gets an error and goes on.
    add(command, "-device", "virtio-blk-device,drive=disk,discard=on,werror=report,rerror=report");
    addSlots(command, files);
    if (restore) {
      // The kernel is in the memory already.
      add(command, "-incoming", "defer");
    } else {
      add(command, "-kernel", Jail.IMAGE + "/vmlinuz", "-initrd", Jail.IMAGE + "/initrd");
      add(command, "-append", kernelArguments(shape, files));
    }
    return List.copyOf(command);
  }

  /**
   * Runs nothing, and has a disk open whose layers it is told to copy.
   *
   * @param disk the first in the jail
   */
  static List<String> withoutMachine(MachineDisk disk) {
    List<String> command = new ArrayList<>();
    add(command, JailRoot.QEMU);
    add(command, "-nodefaults", "-no-user-config", "-display", "none");
    add(command, "-machine", "none", "-accel", "tcg,tb-size=1");
    add(command, "-sandbox", SANDBOX);
    socket(command, "qmp", MachineFiles.MONITOR_SOCKET);
    add(command, "-mon", "chardev=qmp,mode=control");
    for (int above = disk.layers().size() - 1; above >= 0; above--) {
      addLayer(command, disk, above, 0);
    }
    return List.copyOf(command);
  }

  /**
   * A slot that no disk is in holds a little of nothing. A template knows it like that; the guest
   * hears of the size of a disk once it runs.
   */
  private static void addSlots(List<String> command, MachineFiles files) {
    int layer = 0;
    for (int slot = 0; slot < MachineDisk.SLOTS; slot++) {
      String node = MachineDisk.node(slot);
      Optional<MachineDisk> disk = diskIn(files, slot);
      if (disk.isPresent()) {
        int count = disk.get().layers().size();
        for (int above = count - 1; above >= 0; above--) {
          addLayer(command, disk.get(), above, layer);
        }
        layer += count;
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

  /**
   * What a header says of other files counts for nothing: whoever wrote to the file before may have
   * put it there.
   */
  private static void addLayer(List<String> command, MachineDisk disk, int number, int first) {
    MachineDisk.Layer layer = disk.layers().get(number);
    boolean lowest = number == disk.layers().size() - 1;
    String below =
        layer.format() == MachineDisk.Format.RAW
            ? ""
            : above(lowest ? "" : layerNode(disk, number + 1));
    add(
        command,
        "-blockdev",
        blockdev(
            layer.format().driver(),
            layerNode(disk, number),
            number > 0,
            below,
            Jail.LAYERS + "/" + (first + number) + "/" + layer.name()));
  }

  /** A file as a node of a disk; of one file each. */
  static String blockdev(String driver, String node, boolean readOnly, String below, String file) {
    return node(driver, node, readOnly, below, file(node, readOnly, file));
  }

  private static String node(
      String driver, String node, boolean readOnly, String below, String file) {
    return """
        {"driver":"%s","node-name":"%s","read-only":%s,"discard":"unmap","detect-zeroes":"unmap",%s"file":%s}"""
        .formatted(driver, node, readOnly, below, file);
  }

  private static String file(String node, boolean readOnly, String file) {
    return """
        {"driver":"file","node-name":"%sfile","filename":"%s","read-only":%s,"discard":"unmap"}"""
        .formatted(node, file, readOnly);
  }

  /** Options with which a node and its file are never opened for writing again. */
  static String readOnly(String node, String below, String file) {
    return "["
        + file(node, true, file)
        + ","
        + node("qcow2", node, true, below, quoted(node + "file"))
        + "]";
  }

  /** What a node is above, as a member of its options. */
  static String above(String below) {
    return "\"backing\":" + (below.isEmpty() ? "null" : quoted(below)) + ",";
  }

  private static String quoted(String text) {
    return '"' + text + '"';
  }

  static String layerNode(MachineDisk disk, int number) {
    return number == 0 ? disk.node() : disk.node() + "layer" + number;
  }

  private static String kernelArguments(MachineShape shape, MachineFiles files) {
    String common =
        "quiet loglevel=3 panic=-1 reboot=t random.trust_cpu=on cgroup_no_v1=all init_on_alloc=0 nowatchdog rcupdate.rcu_expedited=1";
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
