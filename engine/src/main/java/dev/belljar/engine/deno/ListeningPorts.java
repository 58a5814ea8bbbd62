package dev.belljar.engine.deno;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.DirEntry;
import dev.belljar.FileSystemOperationException;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import dev.belljar.engine.fetch.GuestFetch.Server;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * On which TCP ports a process, or one that it started, listens: from the guest's {@code /proc}
 * (proc(5)), of which nothing is believed to be well-formed or short.
 */
final class ListeningPorts {
  private static final int LARGEST_FILE = 1 << 20;
  private static final int MOST_PROCESSES = 1024;
  private static final int MOST_DESCRIPTORS = 4096;
  private static final long FIRST_PAUSE_MILLIS = 20;
  private static final long LONGEST_PAUSE_MILLIS = 250;

  /** The state of a socket that listens, in {@code /proc/net/tcp}. */
  private static final String LISTEN = "0A";

  private static final Pattern LOCAL = Pattern.compile("([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})");

  private static final String LOOPBACK_V6 = "00000000000000000000000001000000";
  private static final Pattern CGROUP = Pattern.compile("0::((?:/[A-Za-z0-9_-]{1,64}){1,8})");
  private static final Pattern SOCKET = Pattern.compile("socket:\\[([0-9]{1,18})]");

  private final Sandbox sandbox;
  private final int pid;
  private final String user;

  ListeningPorts(Sandbox sandbox, int pid, String user) {
    this.sandbox = sandbox;
    this.pid = pid;
    this.user = user;
  }

  /** Blocks until there is one, or until the process has ended. */
  boolean await(ChildProcess process) {
    CompletableFuture<ChildProcessStatus> ended = process.statusFuture();
    long pause = FIRST_PAUSE_MILLIS;
    while (!ended.isDone()) {
      if (first().isPresent()) {
        return true;
      }
      try {
        ended.get(pause, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        pause = Math.min(LONGEST_PAUSE_MILLIS, pause + pause / 2);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new BelljarException("Interrupted while waiting for process " + pid + ".", e);
      } catch (ExecutionException e) {
        // status() below tells.
      }
    }
    process.status();
    return false;
  }

  /** The one that has been there longest. */
  Optional<Server> first() {
    Map<Long, Server> listening = new TreeMap<>();
    collect("/proc/net/tcp", listening);
    collect("/proc/net/tcp6", listening);
    if (listening.isEmpty()) {
      return Optional.empty();
    }
    listening.keySet().retainAll(sockets(processes()));
    return listening.values().stream().findFirst();
  }

  /** Sockets that listen, by their inode: later ones have higher numbers. */
  private void collect(String table, Map<Long, Server> listening) {
    read(table)
        .lines()
        .forEach(
            line -> {
              String[] fields = line.strip().split("\\s+", 11);
              if (fields.length < 11 || !fields[3].equals(LISTEN) || !mayBeOurs(fields[7])) {
                return;
              }
              Matcher local = LOCAL.matcher(fields[1]);
              if (local.matches() && fields[9].matches("[0-9]{1,18}")) {
                int port = Integer.parseInt(local.group(2), 16);
                String host = local.group(1).equals(LOOPBACK_V6) ? "[::1]" : "127.0.0.1";
                listening.put(Long.parseLong(fields[9]), new Server(host, port));
              }
            });
  }

  /** The agent's own sockets are root's. */
  private boolean mayBeOurs(String owner) {
    return isApp() ? !owner.equals("0") : true;
  }

  private boolean isApp() {
    return user.equals("app");
  }

  /** The process and all that it started: they are in a cgroup of their own. */
  private List<String> processes() {
    return read("/proc/" + pid + "/cgroup")
        .lines()
        .map(CGROUP::matcher)
        .filter(Matcher::matches)
        .findFirst()
        .map(group -> read("/sys/fs/cgroup" + group.group(1) + "/cgroup.procs"))
        .orElse("")
        .lines()
        .filter(line -> line.matches("[1-9][0-9]{0,8}"))
        .limit(MOST_PROCESSES)
        .toList();
  }

  private Set<Long> sockets(List<String> processes) {
    Set<Long> inodes = new HashSet<>();
    for (String link : isApp() ? links(processes) : linksOfOther(processes)) {
      Matcher socket = SOCKET.matcher(link);
      if (socket.matches()) {
        inodes.add(Long.parseLong(socket.group(1)));
      }
    }
    return inodes;
  }

  private List<String> links(List<String> processes) {
    List<String> links = new ArrayList<>();
    for (String process : processes) {
      String directory = "/proc/" + process + "/fd";
      try (Stream<DirEntry> entries = sandbox.fs().readDir(directory)) {
        for (DirEntry entry : entries.limit(MOST_DESCRIPTORS).toList()) {
          links.add(sandbox.fs().readLink(directory + "/" + entry.name()));
        }
      } catch (FileSystemOperationException e) {
        // It ended meanwhile, or is not this user's to look into.
      }
    }
    return links;
  }

  /** Only a user's own processes can be looked into. */
  private List<String> linksOfOther(List<String> processes) {
    if (processes.isEmpty()) {
      return List.of();
    }
    SpawnOptions.Builder find = SpawnOptions.builder().user(user).stdout(SpawnOptions.Stdio.PIPED);
    find.stderr(SpawnOptions.Stdio.NULL);
    processes.forEach(process -> find.args("/proc/" + process + "/fd"));
    find.args("-lname", "socket:*", "-printf", "%l\\n");
    try (ChildProcess child = sandbox.spawn("find", find.build())) {
      return new String(child.stdout().readNBytes(LARGEST_FILE), ISO_8859_1).lines().toList();
    } catch (IOException | FileSystemOperationException e) {
      return List.of();
    }
  }

  private String read(String path) {
    try (InputStream file = sandbox.fs().newInputStream(path)) {
      return new String(file.readNBytes(LARGEST_FILE), ISO_8859_1);
    } catch (IOException | FileSystemOperationException e) {
      return "";
    }
  }
}
