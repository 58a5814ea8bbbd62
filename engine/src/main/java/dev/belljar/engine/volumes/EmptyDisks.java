package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Makes empty qcow2 files. Those of one size are the same, so QEMU's tool, which takes tens of
 * milliseconds to start, is asked once for each size.
 */
final class EmptyDisks {
  private static final int SIZES_KEPT = 32;

  /** Of 20 GiB it has 200 KB. */
  private static final long LARGEST_KEPT = 1 << 20;

  private final DiskTools tools;
  private final Map<Long, byte[]> known =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, byte[]> eldest) {
          return size() > SIZES_KEPT;
        }
      };

  EmptyDisks(DiskTools tools) {
    this.tools = tools;
  }

  /** Makes one, without a word of what it is to lie above. */
  void create(Path file, long bytes) throws IOException {
    byte[] content;
    synchronized (known) {
      content = known.get(bytes);
    }
    if (content != null) {
      Files.write(file, content, StandardOpenOption.CREATE_NEW);
      return;
    }
    tools.createEmpty(file, bytes);
    if (Files.size(file) <= LARGEST_KEPT) {
      byte[] made = Files.readAllBytes(file);
      synchronized (known) {
        known.put(bytes, made);
      }
    }
  }
}
