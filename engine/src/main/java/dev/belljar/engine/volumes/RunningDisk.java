package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Path;

/** A volume in a machine that runs, as whoever runs it lets it be switched to a new head. */
public interface RunningDisk {

  /** Lets the machine write to a new file, which is beside the one that it writes to now. */
  void admit(Path file) throws IOException;

  /**
   * Has the guest write down all of it, and then nothing more, for at most some seconds.
   *
   * @throws IOException where it does not do that; everything goes on as before
   */
  void freeze() throws IOException;

  /**
   * Has the machine write to that file from now on, above the one that it wrote to.
   *
   * @return false where it does not, and everything is as before
   * @throws IOException where it is not known whether it does; the machine has ended
   */
  boolean switchTo(Path file) throws IOException;

  /**
   * Ends the freeze.
   *
   * @throws IOException where it had ended already
   */
  void thaw() throws IOException;
}
