package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Copies layers into one, confined as machines are: they may have been written to by one. */
public interface LayerMerger {

  /**
   * Has the first file hold all that the ones below it hold, but for the lowest, which stay below.
   * What headers say of other files counts for nothing. Blocks until that is done; an interrupt
   * ends it.
   *
   * @param files a chain, the uppermost first: an empty one, and those that are only read
   * @param kept how many of the lowest are not copied
   * @param bytes the size of the first
   * @throws IOException where it was not done
   */
  void merge(List<Path> files, int kept, long bytes) throws IOException;
}
