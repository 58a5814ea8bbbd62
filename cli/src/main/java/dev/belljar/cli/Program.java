package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What {@code run} starts in the sandbox.
 *
 * @param script what is written into the sandbox first; empty for a shell command
 * @param command the command
 * @param args its arguments
 */
record Program(Optional<Script> script, String command, List<String> args) {

  /**
   * A script and where it goes.
   *
   * @param guestPath its absolute path in the sandbox
   * @param content its text
   * @param readsInput whether its text is what this process reads
   */
  record Script(String guestPath, Content content, boolean readsInput) {}

  /** Something that can be read once. */
  @FunctionalInterface
  interface Content {
    InputStream open() throws IOException;
  }

  /** Keeps the list as it is. */
  Program {
    args = List.copyOf(args);
  }

  /** A command for the shell; the arguments are its {@code $1}, {@code $2} and so on. */
  static Program ofShellCommand(String command, List<String> args) {
    List<String> all = new ArrayList<>(List.of("-c", command, "belljar"));
    all.addAll(args);
    return new Program(Optional.empty(), "bash", all);
  }

  /**
   * A script in a file.
   *
   * @throws InvalidOptionException where it is no file, cannot be read or its language is unknown
   */
  static Program ofFile(String name, Optional<String> languageName, List<String> args) {
    Path file = LocalPath.of(name);
    if (Files.isDirectory(file)) {
      throw new InvalidOptionException(
          name
              + " is a directory. Name the file in it that is to run, and add --copy "
              + name
              + " where it needs the others.");
    }
    if (!Files.exists(file)) {
      throw new InvalidOptionException(
          name
              + ": there is no such file. To run a shell command, write: belljar run -c 'COMMAND'");
    }
    if (!Files.isReadable(file)) {
      throw new InvalidOptionException(name + " cannot be read by this user.");
    }
    String baseName = String.valueOf(file.getFileName());
    Language language =
        languageName.map(Language::named).orElseGet(() -> Language.ofFile(baseName));
    return ofScript(language, baseName, () -> Files.newInputStream(file), false, args);
  }

  /** A script that is read from this process's standard input. */
  static Program ofInput(InputStream in, Optional<String> languageName, List<String> args) {
    String name =
        languageName.orElseThrow(
            () ->
                new InvalidOptionException(
                    "A script from standard input has no name that tells its language: add"
                        + " --lang deno, node, python or bash."));
    return ofScript(Language.named(name), Language.scriptName(name), () -> in, true, args);
  }

  /** Whether what this process reads is the script, and nothing is left for the program. */
  boolean takesInput() {
    return script.isPresent() && script.get().readsInput();
  }

  private static Program ofScript(
      Language language, String name, Content content, boolean readsInput, List<String> args) {
    var script = new Script(GuestPath.HOME + "/" + name, content, readsInput);
    List<String> command = language.interpreter();
    List<String> all = new ArrayList<>(command.subList(1, command.size()));
    all.add(script.guestPath());
    all.addAll(args);
    return new Program(Optional.of(script), command.getFirst(), all);
  }
}
