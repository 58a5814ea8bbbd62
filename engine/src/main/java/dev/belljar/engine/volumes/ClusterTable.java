package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.Optional;

/**
 * Which parts of a disk a layer holds, by the tables of its qcow2 file (docs/interop/qcow2.txt of
 * QEMU). A machine may have written them: nothing is read but what a disk of that size can have,
 * and nothing in them is followed but places within the file.
 *
 * @param held clusters of the disk that the layer has bytes of
 * @param hidden clusters that read as zeros, whatever is below
 * @param tables how many tables of the second level there are
 * @param cutOff whether a table or a cluster is beyond the end of the file
 */
record ClusterTable(BitSet held, BitSet hidden, int tables, boolean cutOff) {
  private static final int CLUSTER_BITS = 16;

  /** Bytes of a cluster, in all files that we make. */
  static final int CLUSTER = 1 << CLUSTER_BITS;

  /** Bytes of the disk that one table of the second level tells of. */
  private static final long PER_TABLE = (long) CLUSTER / Long.BYTES * CLUSTER;

  private static final int HEADER = 104;
  private static final int CLUSTER_BITS_AT = 20;
  private static final int SIZE_AT = 24;
  private static final int L1_SIZE_AT = 36;
  private static final int L1_AT = 40;
  private static final long PLACE = 0x00fffffffffffe00L;
  private static final long COMPRESSED = 1L << 62;
  private static final long ZERO = 1;

  /** Bytes that are read at most of a layer of a disk of that size. */
  static long cost(long bytes) {
    return (bytes + PER_TABLE - 1) / PER_TABLE * CLUSTER;
  }

  /**
   * Reads them.
   *
   * @param bytes how large the disk may be
   * @return empty where it is no qcow2 file as we make them
   */
  static Optional<ClusterTable> read(Path file, long bytes) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer header = ByteBuffer.allocate(HEADER);
      int most = (int) ((bytes + PER_TABLE - 1) / PER_TABLE);
      if (!fill(channel, header, 0)
          || header.getInt(CLUSTER_BITS_AT) != CLUSTER_BITS
          || header.getLong(SIZE_AT) > bytes) {
        return Optional.empty();
      }
      int count = Math.clamp(header.getInt(L1_SIZE_AT), 0, most);
      ByteBuffer first = ByteBuffer.allocate(count * Long.BYTES);
      long at = header.getLong(L1_AT);
      if (at < 0 || !fill(channel, first, at)) {
        return Optional.of(new ClusterTable(new BitSet(), new BitSet(), 0, true));
      }
      return Optional.of(read(channel, first, count));
    }
  }

  private static ClusterTable read(FileChannel channel, ByteBuffer first, int count)
      throws IOException {
    BitSet held = new BitSet();
    BitSet hidden = new BitSet();
    int tables = 0;
    boolean cutOff = false;
    long end = channel.size();
    ByteBuffer second = ByteBuffer.allocate(CLUSTER);
    for (int i = 0; i < count; i++) {
      long place = first.getLong(i * Long.BYTES) & PLACE;
      if (place == 0) {
        continue;
      }
      tables++;
      second.clear();
      if (!fill(channel, second, place)) {
        cutOff = true;
        continue;
      }
      for (int j = 0; j < CLUSTER / Long.BYTES; j++) {
        long entry = second.getLong(j * Long.BYTES);
        int cluster = i * (CLUSTER / Long.BYTES) + j;
        if ((entry & COMPRESSED) != 0) {
          held.set(cluster);
        } else if ((entry & ZERO) != 0) {
          hidden.set(cluster);
        } else if ((entry & PLACE) != 0) {
          held.set(cluster);
          cutOff |= (entry & PLACE) >= end;
        }
      }
    }
    return new ClusterTable(held, hidden, tables, cutOff);
  }

  /** False where the file ends before. */
  private static boolean fill(FileChannel channel, ByteBuffer buffer, long at) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, at + buffer.position()) < 0) {
        return false;
      }
    }
    return true;
  }
}
