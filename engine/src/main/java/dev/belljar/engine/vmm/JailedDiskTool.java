package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.LeftProcesses;
import dev.belljar.engine.storage.RunDirectories;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * QEMU's disk tool for files that a machine may have written to: whoever broke out of one could
 * have made them to break out of the tool as well. It is jailed as machines are, with a user, name
 * spaces and limits of its own, and sees those files and nothing else.
 */
public final class JailedDiskTool {
  /** What the tool has to say is a few lines. */
  private static final int LONGEST_ANSWER = 1 << 16;

  private static final int LONGEST_COMPLAINT = 2000;

  /** Far above what a disk of 20 GiB takes, far below what would harm a host. */
  private static final long MEMORY = 4L << 30;

  private static final int OTHERS_MAY_READ = 0004;

  private final Jail jail;
  private final RunDirectories runs;

  /** In that jail; what each run needs is in a directory of this process. */
  public JailedDiskTool(Jail jail, RunDirectories runs) {
    this.jail = jail;
    this.runs = runs;
  }

  /**
   * How it ended.
   *
   * @param status its exit status
   * @param output what it wrote on standard output, at most 64 KiB
   * @param complaints the beginning of what it wrote on standard error
   */
  public record Ended(int status, String output, String complaints) {}

  /** What it is to do, in the names that files have in the jail. */
  public interface Arguments {
    /** All words behind the program's name. */
    List<String> of(List<String> read, String written);
  }

  /**
   * Runs it, for as long as it takes.
   *
   * @param read files that it may read; each in a directory that holds nothing secret
   * @param written a file that it may write to, which is there; alone in its directory
   * @param largest bytes that this may have
   * @param limit how long it may take
   * @throws IOException where it cannot be started or takes longer
   */
  public Ended run(
      List<Path> read, Optional<Path> written, long largest, Duration limit, Arguments arguments)
      throws IOException {
    JailUser user = jail.nextUser();
    List<Path> given = new ArrayList<>();
    Path run = runs.create();
    try {
      List<String> names = new ArrayList<>();
      for (Path file : read) {
        names.add(Jail.LAYERS + "/" + names.size() + "/" + file.getFileName());
        // Only heads are for the owner alone.
        if (((Integer) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS)
                & OTHERS_MAY_READ)
            == 0) {
          given.add(file);
          user.take(file);
        }
      }
      if (written.isPresent()) {
        given.add(written.get());
        user.take(written.get());
      }
      ToolFiles files =
          new ToolFiles(
              user,
              read.stream().map(JailedDiskTool::directoryOf).toList(),
              written.map(JailedDiskTool::directoryOf),
              largest);
      List<String> program = new ArrayList<>(List.of(JailRoot.QEMU_IMG));
      program.addAll(
          arguments.of(names, written.map(file -> Jail.RUN + "/" + file.getFileName()).orElse("")));
      List<String> command =
          new ArrayList<>(List.of("nice", "-n", "10", "prlimit", "--as=" + MEMORY));
      command.addAll(jail.command(files, run.resolve("mounts"), program));
      return run(command, run, limit);
    } finally {
      for (Path file : given) {
        jail.takeBack(file);
      }
      FileTree.delete(run);
    }
  }

  private static Path directoryOf(Path file) {
    return Optional.ofNullable(file.getParent()).orElseThrow();
  }

  private static Ended run(List<String> command, Path run, Duration limit) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    LeftProcesses.mark(builder.environment(), run);
    Process process = Spawner.start(builder);
    try {
      process.getOutputStream().close();
      CompletableFuture<String> output = reading(process.getInputStream(), LONGEST_ANSWER);
      CompletableFuture<String> complaints = reading(process.getErrorStream(), LONGEST_COMPLAINT);
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException("QEMU's disk tool took longer than " + limit.toSeconds() + " s.");
      }
      return new Ended(process.exitValue(), output.join(), complaints.join().strip());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while QEMU's disk tool ran.");
    } finally {
      end(process);
    }
  }

  /** Keeps the beginning; the rest is read, so that the tool does not wait for it. */
  private static CompletableFuture<String> reading(InputStream stream, int kept) {
    CompletableFuture<String> text = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("disk tool")
        .start(
            () -> {
              try {
                byte[] bytes = stream.readNBytes(kept);
                stream.transferTo(OutputStream.nullOutputStream());
                text.complete(new String(bytes, StandardCharsets.UTF_8));
              } catch (IOException e) {
                text.complete("");
              }
            });
    return text;
  }

  private static void end(Process process) {
    // A jail that is half made does not take its first child with it yet.
    List<ProcessHandle> children = process.descendants().toList();
    process.destroyForcibly();
    children.forEach(ProcessHandle::destroyForcibly);
    process.onExit().join();
  }
}
