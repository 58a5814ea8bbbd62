package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.InvalidOptionException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxPausedException;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.examples.untrustedcode.DemoException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Turns every failure into one message that says what happened and what to do, and an exit status;
 * with {@code --json} the message is an object on standard output. No stack trace reaches a user.
 */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
  /** Long enough for a Ctrl-C that ended a machine to reach this process as well. */
  private static final long INTERRUPT_GRACE_MILLIS = 200;

  private final StandardStreams streams;

  Failures(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public int handleParseException(ParameterException failure, String[] args) {
    CommandLine command = failure.getCommandLine();
    report(streams, "usage", sentence(failure), Arrays.asList(args).contains("--json"));
    if (!Arrays.asList(args).contains("--json")) {
      PrintWriter err = command.getErr();
      UnmatchedArgumentException.printSuggestions(failure, err);
      err.println(
          "Try '" + command.getCommandSpec().qualifiedName() + " --help' for more information.");
      err.flush();
    }
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
    if (failure instanceof OutputClosedException closed && closed.nobodyReads()) {
      return ExitCode.OUTPUT_CLOSED;
    }
    boolean echo =
        failure instanceof SandboxClosedException || failure instanceof SandboxUnavailableException;
    if (echo && endsNow()) {
      return ExitCode.INTERRUPTED;
    }
    boolean json = command.getParseResult().hasMatchedOption("--json");
    report(streams, kind(failure), sentence(failure), json);
    boolean usage = failure instanceof InvalidOptionException;
    return usage
        ? command.getCommandSpec().exitCodeOnInvalidInput()
        : command.getCommandSpec().exitCodeOnExecutionException();
  }

  /** Says it, or prints the object. */
  static void report(StandardStreams streams, String kind, String message, boolean json) {
    if (!json) {
      streams.say(message);
      return;
    }
    ObjectNode report = JsonNodeFactory.instance.objectNode();
    report.putObject("error").put("kind", kind).put("message", message);
    JsonOutput.print(report, streams.out());
  }

  private static String kind(Exception failure) {
    return switch (failure) {
      case InvalidOptionException e -> "usage";
      case SandboxUnavailableException e -> "unavailable";
      case SandboxClosedException e -> "ended";
      case SandboxPausedException e -> "paused";
      case StorageException e -> "storage";
      case BelljarException e -> "sandbox";
      case DemoException e -> "model";
      case IOException e -> "host";
      case OutputClosedException e -> "host";
      default -> "internal";
    };
  }

  private static String sentence(Exception failure) {
    String message = failure.getMessage();
    return switch (failure) {
      case PermissionDeniedException e ->
          message
              + ". In the sandbox everything is done as the user app, who may write below /home/app"
              + " and /tmp.";
      case SandboxClosedException e ->
          message + " What was in it is gone; run the command again for a new one.";
      case BelljarException e -> String.valueOf(message);
      case DemoException e -> String.valueOf(message);
      case OutputClosedException e -> String.valueOf(message);
      case IOException e -> String.valueOf(message);
      case UnmatchedArgumentException e ->
          e.isUnknownOption() ? String.valueOf(message) : unknownCommand(e);
      case ParameterException e -> String.valueOf(message);
      default ->
          "this is a defect of Belljar, please report it: "
              + failure
              + " at "
              + Arrays.stream(failure.getStackTrace()).limit(3).toList();
    };
  }

  private static String unknownCommand(UnmatchedArgumentException failure) {
    return "there is no command '"
        + failure.getUnmatched().getFirst()
        + "'. 'belljar --help' lists the commands.";
  }

  /**
   * Whether this process is ending because of a signal, so that the failure is only its echo. A
   * Ctrl-C reaches the machine as well, and its end may be noticed first.
   */
  private static boolean endsNow() {
    try {
      Thread.sleep(INTERRUPT_GRACE_MILLIS);
      return TerminationSignals.endsNow();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }
}
