package dev.belljar.cli;

import dev.belljar.AlreadyExistsException;
import dev.belljar.InvalidOptionException;
import dev.belljar.NotADirectoryException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SpawnOptions;
import dev.belljar.WriteOptions;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What {@code run} was asked for.
 *
 * @param program what to run
 * @param server where the sandbox is made
 * @param options in what sandbox
 * @param copies what to copy into it first
 * @param workingDirectory where the program starts, absolute; empty is the sandbox's own
 * @param timeout after which it is killed
 */
record RunRequest(
    Program program,
    ServerChoice server,
    SandboxOptions options,
    List<CopyRequest> copies,
    Optional<String> workingDirectory,
    Optional<Duration> timeout) {

  /** Makes the sandbox. */
  Sandbox create() {
    return server.create(options);
  }

  /** Puts everything that the program needs into the sandbox. */
  void fill(Sandbox sandbox) throws IOException {
    for (CopyRequest copy : copies) {
      copy.apply(sandbox);
    }
    if (program.script().isPresent()) {
      Program.Script script = program.script().get();
      try (InputStream content = script.content().open()) {
        sandbox.fs().writeFile(script.guestPath(), content, WriteOptions.DEFAULT);
      }
    }
    workingDirectory.ifPresent(directory -> makeDirectory(sandbox, directory));
  }

  private static void makeDirectory(Sandbox sandbox, String directory) {
    try {
      sandbox.fs().mkdirs(directory);
    } catch (AlreadyExistsException | NotADirectoryException e) {
      throw new InvalidOptionException(
          "--cwd " + directory + ": that is a file in the sandbox, or below one. Name a directory.",
          e);
    }
  }

  /** How the program is started. */
  SpawnOptions.Builder spawnOptions() {
    SpawnOptions.Builder spawn = SpawnOptions.builder().args(program.args()).piped();
    workingDirectory.ifPresent(spawn::cwd);
    return spawn;
  }
}
