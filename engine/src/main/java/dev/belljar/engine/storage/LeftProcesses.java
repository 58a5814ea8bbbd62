package dev.belljar.engine.storage;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What makes a machine's jail says in its environment for which directory it does. It ends with
 * this process, but for an instant at its beginning: whoever is killed just then leaves it behind.
 */
public final class LeftProcesses {
  private static final Logger LOG = LoggerFactory.getLogger(LeftProcesses.class);
  private static final String VARIABLE = "BELLJAR_RUN";

  /** In which the JDK writes environments. */
  private static final Charset NATIVE = Charset.forName(System.getProperty("sun.jnu.encoding"));

  private static final int ROUNDS = 10;
  private static final Duration LONGEST_END = Duration.ofSeconds(2);
  private static final long LOOK_AGAIN_MILLIS = 2;

  private LeftProcesses() {}

  /** Notes in the environment of a process to be started that it is for that directory. */
  public static void mark(Map<String, String> environment, Path run) {
    environment.put(VARIABLE, run.toString());
  }

  /** Kills those that are for directories in that one, and waits until they are gone. */
  static void end(Path directory) throws IOException {
    String mark = VARIABLE + "=" + directory + "/";
    List<ProcessHandle> left = marked(mark);
    for (int round = 0; round < ROUNDS && !left.isEmpty(); round++) {
      end(left, mark);
      // One may have forked between being seen and being ended.
      left = marked(mark);
    }
    if (!left.isEmpty()) {
      throw new IOException("processes start anew: " + left);
    }
  }

  private static List<ProcessHandle> marked(String mark) {
    return ProcessHandle.allProcesses().filter(process -> isMarked(process.pid(), mark)).toList();
  }

  private static void end(List<ProcessHandle> left, String mark) throws IOException {
    for (ProcessHandle process : left) {
      LOG.info("Ending process {}, left by one that was killed", process.pid());
      process.destroyForcibly();
    }
    long deadline = System.nanoTime() + LONGEST_END.toNanos();
    for (ProcessHandle process : left) {
      // One that ended has no environment, also where nobody has collected it: a container's first
      // process may never.
      while (isMarked(process.pid(), mark)) {
        if (System.nanoTime() > deadline) {
          throw new IOException("process " + process.pid() + " does not end");
        }
        try {
          Thread.sleep(LOOK_AGAIN_MILLIS);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
    }
  }

  private static boolean isMarked(long pid, String mark) {
    try {
      String environment = Files.readString(Path.of("/proc/" + pid + "/environ"), NATIVE);
      return Arrays.stream(environment.split("\0")).anyMatch(variable -> variable.startsWith(mark));
    } catch (IOException e) {
      return false; // It is another user's, or gone.
    }
  }
}
