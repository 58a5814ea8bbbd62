package dev.belljar.engine.vmm;

import dev.belljar.engine.vmm.MachineDisk.Format;
import java.util.ArrayList;
import java.util.List;

/**
 * The files of a disk as QEMU's block nodes, each above the next. What a header says of other files
 * counts for nothing: whoever wrote to the file before may have put it there.
 *
 * @param node the node that the guest reads and writes
 * @param links the files, the one that is written to first
 * @param lasting whether what the guest flushes must be on the host's disk: not where all of it
 *     ends with the machine
 */
record DiskChain(String node, List<Link> links, boolean lasting) {
  DiskChain {
    links = List.copyOf(links);
  }

  /**
   * A file.
   *
   * @param path where the machine sees it
   * @param format how it is written
   */
  record Link(String path, Format format) {
    Link(String path) {
      this(path, Format.QCOW2);
    }

    /** Where it is. */
    String directory() {
      return path.substring(0, path.lastIndexOf('/') + 1);
    }
  }

  /** Options of all nodes, the lowest first. */
  List<String> options() {
    List<String> options = new ArrayList<>();
    for (int number = links.size() - 1; number >= 0; number--) {
      Link link = links.get(number);
      options.add(node(name(number), link, number > 0, below(number), file(number, link)));
    }
    return options;
  }

  /** Of a node with a file that the guest is to write to, above what it writes to now. */
  String head(String name, String path) {
    Link link = new Link(path);
    return node(name, link, false, backing(""), file(name, link, false));
  }

  /** With these, a node and its file are never opened for writing again. */
  String readOnly(String name, String nameBelow, String path) {
    Link link = new Link(path);
    return "["
        + file(name, link, true)
        + ","
        + node(name, link, true, backing(nameBelow), quoted(name + "file"))
        + "]";
  }

  /** The name of the node of a file. */
  String name(int number) {
    return number == 0 ? node : node + "layer" + number;
  }

  private String below(int number) {
    if (links.get(number).format() == Format.RAW) {
      return "";
    }
    return backing(number == links.size() - 1 ? "" : name(number + 1));
  }

  private String file(int number, Link link) {
    return file(name(number), link, number > 0);
  }

  private String node(String name, Link link, boolean readOnly, String below, String file) {
    return """
        {"driver":"%s","node-name":"%s","read-only":%s,"discard":"unmap","detect-zeroes":"unmap",%s%s"file":%s}"""
        .formatted(link.format.driver(), name, readOnly, cache(), below, file);
  }

  private String file(String name, Link link, boolean readOnly) {
    return """
        {"driver":"file","node-name":"%sfile","filename":"%s",%s"read-only":%s,"discard":"unmap"}"""
        .formatted(name, link.path, cache(), readOnly);
  }

  private String cache() {
    return lasting ? "" : "\"cache\":{\"no-flush\":true},";
  }

  private static String backing(String name) {
    return "\"backing\":" + (name.isEmpty() ? "null" : quoted(name)) + ",";
  }

  private static String quoted(String text) {
    return '"' + text + '"';
  }
}
