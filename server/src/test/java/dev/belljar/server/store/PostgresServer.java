package dev.belljar.server.store;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL of the distribution's package, with a data directory of its own that is deleted when
 * it is closed. It listens on loopback only. Where the package is missing and this is root on a
 * system with apt-get, the package is installed, without the server that it would start.
 */
final class PostgresServer implements AutoCloseable {
  private static final Path VERSIONS = Path.of("/usr/lib/postgresql");
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String USER = "belljar";
  private static final String PASSWORD = "a password 'of' \"tests\"";

  private final Path programs;
  private final Path directory;
  private final int port;
  private final AtomicInteger databases = new AtomicInteger();
  private @Nullable Process server;

  private PostgresServer(Path programs, Path directory, int port) {
    this.programs = programs;
    this.directory = directory;
    this.port = port;
  }

  /** Blocks until the server answers. */
  static PostgresServer start() throws IOException, InterruptedException {
    Path programs = programs();
    Path directory = Files.createTempDirectory("belljar-postgres");
    PostgresServer postgres = new PostgresServer(programs, directory, freePort());
    try {
      if (isRoot()) {
        Files.setAttribute(directory, "unix:uid", uid("postgres"));
      }
      postgres.initialize();
      postgres.run();
      return postgres;
    } catch (IOException | InterruptedException | RuntimeException | Error e) {
      postgres.close();
      throw e;
    }
  }

  private void initialize() throws IOException, InterruptedException {
    Path password = directory.resolve("password");
    Files.writeString(password, PASSWORD);
    if (isRoot()) {
      Files.setAttribute(password, "unix:uid", uid("postgres"));
    }
    Files.setPosixFilePermissions(password, PosixFilePermissions.fromString("rw-------"));
    execute(
        unprivileged(
            programs.resolve("initdb").toString(),
            "--pgdata=" + directory.resolve("data"),
            "--username=" + USER,
            "--pwfile=" + password,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync"));
  }

  /** Starts it, again if it was stopped. */
  void run() throws IOException, InterruptedException {
    Path log = directory.resolve("log");
    Process started =
        new ProcessBuilder(
                unprivileged(
                    programs.resolve("postgres").toString(),
                    "-D",
                    directory.resolve("data").toString(),
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "port=" + port,
                    "-c",
                    "unix_socket_directories=" + directory,
                    "-c",
                    "fsync=off"))
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    server = started;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try (Connection connection =
          DriverManager.getConnection(config("postgres").jdbcUrl(), USER, PASSWORD)) {
        return;
      } catch (SQLException e) {
        if (!started.isAlive() || System.nanoTime() > deadline) {
          throw new IllegalStateException(
              "PostgreSQL does not answer: " + Files.readString(log, StandardCharsets.UTF_8), e);
        }
        Thread.sleep(50);
      }
    }
  }

  /** Stops it as a crash would; it can be run again. */
  void stop() throws InterruptedException {
    Process running = server;
    if (running == null) {
      return;
    }
    // Immediate shutdown: its children end too, which they would not if it were killed.
    try {
      execute(List.of("kill", "-QUIT", Long.toString(running.pid())));
    } catch (IOException | IllegalStateException e) {
      running.destroy();
    }
    if (!running.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      running.destroyForcibly().waitFor();
    }
    server = null;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    try {
      stop();
    } finally {
      delete(directory);
    }
  }

  /** How to reach a database that was just made and is empty. */
  StoreConfig emptyDatabase() throws SQLException {
    String name = "store_" + databases.incrementAndGet();
    try (Connection connection =
            DriverManager.getConnection(config("postgres").jdbcUrl(), USER, PASSWORD);
        Statement statement = connection.createStatement()) {
      statement.execute("create database " + name);
    }
    return config(name);
  }

  private StoreConfig config(String database) {
    return new StoreConfig(
        "jdbc:postgresql://127.0.0.1:%d/%s".formatted(port, database), USER, PASSWORD);
  }

  /**
   * The command as a user that PostgreSQL agrees to run as, ended with the JVM that ran it: a JVM
   * that is killed leaves no server behind. INT is a fast shutdown.
   */
  private static List<String> unprivileged(String... command) {
    List<String> whole = new ArrayList<>(List.of("setpriv", "--pdeathsig", "INT"));
    if (isRoot()) {
      whole.addAll(List.of("--reuid=postgres", "--regid=postgres", "--clear-groups"));
    }
    whole.addAll(List.of(command));
    return whole;
  }

  private static Path programs() throws IOException, InterruptedException {
    Optional<Path> installed = newestInstalled();
    if (installed.isEmpty() && isRoot() && Files.isExecutable(Path.of("/usr/bin/apt-get"))) {
      install();
      installed = newestInstalled();
    }
    return installed.orElseThrow(
        () ->
            new IllegalStateException(
                "These tests need PostgreSQL: apt-get install --no-install-recommends postgresql"));
  }

  private static Optional<Path> newestInstalled() throws IOException {
    if (!Files.isDirectory(VERSIONS)) {
      return Optional.empty();
    }
    try (var versions = Files.list(VERSIONS)) {
      return versions
          .map(version -> version.resolve("bin"))
          .filter(programs -> Files.isExecutable(programs.resolve("postgres")))
          .filter(programs -> Files.isExecutable(programs.resolve("initdb")))
          .max(Comparator.comparing(Path::toString));
    }
  }

  private static void install() throws IOException, InterruptedException {
    // Read by the package while it is installed, which then makes and starts no server of its own;
    // UCF_FORCE_CONFFOLD keeps the package from replacing it.
    Path settings = Path.of("/etc/postgresql-common/createcluster.conf");
    if (!Files.exists(settings)) {
      Files.createDirectories(settings.getParent());
      Files.writeString(settings, "create_main_cluster = false\n", StandardOpenOption.CREATE_NEW);
    }
    List<String> quietly =
        List.of(
            "env", "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1", "apt-get", "-q", "-y");
    execute(joined(quietly, "update"));
    execute(joined(quietly, "install", "--no-install-recommends", "postgresql"));
  }

  private static List<String> joined(List<String> first, String... second) {
    List<String> all = new ArrayList<>(first);
    all.addAll(List.of(second));
    return all;
  }

  private static void execute(List<String> command) throws IOException, InterruptedException {
    Path output = Files.createTempFile("belljar-command", ".log");
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(Path.of("/").toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      try {
        if (!process.waitFor(5, TimeUnit.MINUTES) || process.exitValue() != 0) {
          throw new IllegalStateException(
              command + " failed: " + Files.readString(output, StandardCharsets.UTF_8));
        }
      } finally {
        process.destroyForcibly();
      }
    } finally {
      Files.delete(output);
    }
  }

  private static boolean isRoot() {
    try {
      return Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
    } catch (IOException e) {
      return false;
    }
  }

  private static int uid(String user) throws IOException {
    for (String line : Files.readAllLines(Path.of("/etc/passwd"))) {
      String[] fields = line.split(":", -1);
      if (fields[0].equals(user)) {
        return Integer.parseInt(fields[2]);
      }
    }
    throw new IllegalStateException("There is no user " + user + " on this host.");
  }

  /** One that was free a moment ago. */
  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static void delete(Path directory) throws IOException {
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
              throws IOException {
            Files.delete(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
