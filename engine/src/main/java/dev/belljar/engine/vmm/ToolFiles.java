package dev.belljar.engine.vmm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What a jailed tool is given.
 *
 * @param user whom it runs as; what it writes to must be that user's already
 * @param read directories that it may read, each at the place of its number below {@link
 *     Jail#LAYERS}
 * @param written the directory that it may write to, at {@link Jail#RUN}
 * @param largest bytes that a file may have which it writes
 */
record ToolFiles(JailUser user, List<Path> read, Optional<Path> written, long largest) {
  ToolFiles {
    read = List.copyOf(read);
  }
}
