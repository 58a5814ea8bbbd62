package dev.belljar.server.sandboxes;

import dev.belljar.ChildProcess;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The processes that were started in one sandbox, by their number there. All sockets of the sandbox
 * see the same. Those that have ended are remembered for as long as there is room.
 */
public final class Processes {
  private static final int REMEMBERED = 1024;

  private final Map<Integer, ChildProcess> processes = new LinkedHashMap<>();

  /** Adds one. The guest gives a number again only when its process has ended. */
  public synchronized void add(ChildProcess process) {
    processes.remove(process.pid());
    processes.put(process.pid(), process);
    if (processes.size() > REMEMBERED) {
      var entries = processes.values().iterator();
      while (entries.hasNext() && processes.size() > REMEMBERED) {
        if (entries.next().statusFuture().isDone()) {
          entries.remove();
        }
      }
    }
  }

  /** The process of that number. */
  public synchronized Optional<ChildProcess> find(int pid) {
    return Optional.ofNullable(processes.get(pid));
  }
}
