package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.SandboxCommand;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Measures Belljar on this host, beside what a user would pick instead, and prints one table.
 * {@code --help} says how; {@code bench/README.md} says what the figures mean.
 */
public final class Bench {
  private static final List<Subject> SUBJECTS =
      List.of(
          new FirstAnswer(),
          new Pooled(),
          new Exec(),
          HelloProgram.deno(),
          HelloProgram.node(),
          HelloProgram.python(),
          new FileTransfer(),
          new StandardStreams(),
          new BulkStreams(),
          new EgressTransfer(),
          new StoredDisks(),
          new WholeProgram(),
          new IdleMachines(),
          new ManyInARow(),
          new Crowd(),
          new Served(),
          new ImageBuild(),
          new TemplateBoots());

  private static final String USAGE =
      """
      Usage: bench/run [--runs N] [--quick] [--only NAME,…] [--image] [--boots] [--json [FILE]] [--against FILE]
               (or: belljar bench …)
             bench/run growth [--quick] [--only NAME,…] [--json [FILE]] [--plots DIR]
             bench/run soak [--minutes N] [--clients N]
             bench/run jmh [ARGUMENT…]

        --runs N       measure each thing that often (default 30); slow things less often
        --only NAME,…  only these: NAMES
        --image        also build the image anew, in an empty cache directory: minutes, and a network
        --boots        also boot machines for templates, as many as runs: seconds each
        --quick        five runs, and without what takes minutes: storage, idle, row, server, crowd
        --against FILE compare with a report of --json: ratios to the alternatives, or to the host's
                       own /bin/true where there are none, and memory; never times. Ends with 3
                       where one got worse by half
        --json [FILE]  the report as JSON, with every sample: in a file beside the table, or without
                       one on standard output instead of it
        --help         this text

      With growth: how cost grows with the number of sandboxes and connections and the size of files;
      'bench/run growth --help' says how.
      With soak: many clients work a server for minutes; 'bench/run soak --help' says how.
      With jmh: the benchmarks of single classes; 'bench/run jmh --help' says how, and how to see what
      they allocate.
      """;

  private static final int GOT_WORSE = 3;

  private final Arguments arguments;
  private final List<Measurement> measurements = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private boolean failed;

  private Bench(Arguments arguments) {
    this.arguments = arguments;
  }

  /**
   * The program. Ends with 0 when everything asked for was measured or skipped for a stated reason,
   * 1 when something failed, 2 for a wrong command line, and 3 when a ratio got worse. A target
   * that is missed is no failure.
   */
  public static void main(String[] args) {
    // The engine logs through SLF4J; what matters of it is in the report.
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    int code = run(List.of(args), out);
    if (code != 0) {
      System.exit(code);
    }
  }

  private static int run(List<String> words, PrintStream out) {
    Arguments arguments;
    try {
      arguments = Arguments.parse(words);
      requireKnown(arguments);
    } catch (IllegalArgumentException e) {
      System.err.println("bench: " + e.getMessage() + " 'bench/run --help' says what there is.");
      return 2;
    }
    if (arguments.help()) {
      out.print(USAGE.replace("NAMES", names()));
      return 0;
    }
    try (Unwinding unwinding = Unwinding.begin()) {
      try {
        return new Bench(arguments).report(command("", words), out);
      } catch (IOException | UncheckedIOException e) {
        System.err.println("bench: " + e.getMessage());
        return 1;
      } catch (InterruptedException e) {
        System.err.println("bench: interrupted");
        return unwinding.isEnding() ? 0 : 1;
      }
    }
  }

  private int report(String command, PrintStream out) throws IOException, InterruptedException {
    // First, so that a wrong file costs no run.
    Optional<Comparison> recorded = Optional.empty();
    if (arguments.against().isPresent()) {
      recorded = Optional.of(Comparison.with(arguments.against().get()));
    }
    MachineFacts facts = MachineFacts.gather();
    try (Sandbox sandbox = Sandbox.create()) {
      facts.addOf(sandbox);
    }
    try (Scratch scratch = Scratch.create();
        Enclosures enclosures = Enclosures.find(scratch.directory(), notes)) {
      Workbench bench = new Workbench(arguments.runs(), root(), scratch, enclosures.all(), notes);
      // Whatever else is wanted: what is recorded is compared some day.
      measure(new Yardstick(), bench);
      for (Subject subject : SUBJECTS) {
        if (arguments.wants(subject.name())) {
          measure(subject, bench);
        }
      }
    }
    Report report = new Report(command, facts.asMap(), measurements, notes);
    JsonDestination.write(arguments.json(), out, MarkdownReport.of(report), JsonReport.of(report));
    if (failed) {
      return 1;
    }
    return recorded.isPresent() ? compare(recorded.get()) : 0;
  }

  private int compare(Comparison recorded) {
    long common = recorded.common(measurements);
    if (common == 0) {
      System.err.println("bench: nothing of this is in " + arguments.against().orElseThrow() + ".");
      return 1;
    }
    List<String> worse = recorded.worse(measurements);
    worse.forEach(line -> System.err.println("bench: worse: " + line));
    System.err.println(
        worse.isEmpty()
            ? "bench: none of " + common + " figures got worse by half."
            : "bench: compared with " + arguments.against().orElseThrow());
    return worse.isEmpty() ? 0 : GOT_WORSE;
  }

  /** One failure does not cost the figures of the others. */
  private void measure(Subject subject, Workbench bench) throws InterruptedException {
    System.err.println("measuring " + subject.name() + "…");
    try {
      measurements.addAll(subject.measure(bench));
    } catch (InterruptedException e) {
      throw e;
    } catch (SkippedException e) {
      notes.add(subject.name() + " was skipped: " + e.getMessage() + ".");
    } catch (Exception e) {
      if (Thread.interrupted()) {
        throw (InterruptedException) new InterruptedException().initCause(e);
      }
      failed = true;
      notes.add("**" + subject.name() + " failed**: " + e);
    }
  }

  /** Belljar's directory: what {@code bench/run} says, else where the program was started. */
  static Path root() {
    return Path.of(System.getProperty("belljar.root", "")).toAbsolutePath();
  }

  private static void requireKnown(Arguments arguments) {
    for (String name : arguments.only()) {
      if (SUBJECTS.stream().noneMatch(subject -> subject.name().equals(name))) {
        throw new IllegalArgumentException("There is no '" + name + "' to measure.");
      }
    }
  }

  private static String names() {
    return SUBJECTS.stream().map(Subject::name).collect(Collectors.joining(", "));
  }

  /**
   * What was typed.
   *
   * @param way the first word, or empty
   */
  static String command(String way, List<String> words) {
    return Stream.concat(Stream.of("bench/run", way), words.stream())
        .filter(word -> !word.isEmpty())
        .map(word -> word.matches("[A-Za-z0-9_./,=-]+") ? word : SandboxCommand.quote(word))
        .collect(Collectors.joining(" "));
  }
}
