package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** How cost grows, from one of something to many: tables, and a plot for each. */
final class GrowthProgram {
  private static final List<GrowingSubject> SUBJECTS =
      List.of(new GrowingSandboxes(), new GrowingFiles(), new GrowingConnections());

  private static final String USAGE =
      """
      Usage: bench/run growth [--quick] [--only NAME,…] [--json [FILE]] [--plots DIR]

        --quick        to 20 sandboxes, 10 MB and 50 connections; at most 3 minutes
        --only NAME,…  only these: sandboxes, files, connections
        --json [FILE]  the figures as JSON: in a file beside the table, or without one on standard
                       output instead of it
        --plots DIR    write a plot of each there, NAME.svg
        --help         this text

      Measures one, and then more and more at once: 1 to 100 idle sandboxes, files of 1 KB to 1 GB,
      1 to 200 connections to a server. What is not measured after 4 minutes is left out, and that is
      said; all together take at most 12 minutes.
      """;

  private final Options options;
  private final PrintStream out;
  private final List<Growth> growths = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private boolean failed;

  private record Options(
      boolean quick,
      Set<String> only,
      Optional<JsonDestination> json,
      Optional<Path> plots,
      boolean help) {}

  private GrowthProgram(Options options, PrintStream out) {
    this.options = options;
    this.out = out;
  }

  /**
   * The program. Ends with 0 when all was measured or left out for a stated reason, 1 when
   * something failed, and 2 for a wrong command line.
   */
  public static void main(String[] args) {
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    int code = run(List.of(args), out);
    if (code != 0) {
      System.exit(code);
    }
  }

  private static int run(List<String> words, PrintStream out) {
    Options options;
    try {
      options = parse(words);
    } catch (IllegalArgumentException e) {
      System.err.println(
          "bench: " + e.getMessage() + " 'bench/run growth --help' says what there is.");
      return 2;
    }
    if (options.help()) {
      out.print(USAGE);
      return 0;
    }
    try (Unwinding unwinding = Unwinding.begin()) {
      try {
        return new GrowthProgram(options, out).report(Bench.command("growth", words));
      } catch (IOException | UncheckedIOException e) {
        System.err.println("bench: " + e.getMessage());
        return 1;
      } catch (InterruptedException e) {
        System.err.println("bench: interrupted");
        return unwinding.isEnding() ? 0 : 1;
      }
    }
  }

  private static Options parse(List<String> words) {
    boolean quick = false;
    boolean help = false;
    Set<String> only = Set.of();
    Optional<JsonDestination> json = Optional.empty();
    Optional<Path> plots = Optional.empty();
    Deque<String> left = new ArrayDeque<>(words);
    while (!left.isEmpty()) {
      String option = left.remove();
      switch (option) {
        case "--quick" -> quick = true;
        case "--only" -> only = known(Arguments.value(option, left));
        case "--json" -> json = Optional.of(JsonDestination.following(left));
        case "--plots" -> plots = Optional.of(Path.of(Arguments.value(option, left)));
        case "--help", "-h" -> help = true;
        default -> throw new IllegalArgumentException("There is no option '" + option + "'.");
      }
    }
    return new Options(quick, only, json, plots, help);
  }

  private static Set<String> known(String names) {
    Set<String> known = Set.of(names.split(","));
    for (String name : known) {
      if (SUBJECTS.stream().noneMatch(subject -> subject.name().equals(name))) {
        throw new IllegalArgumentException("There is no '" + name + "' that grows.");
      }
    }
    return known;
  }

  private int report(String command) throws IOException, InterruptedException {
    MachineFacts facts = MachineFacts.gather();
    try (Sandbox sandbox = Sandbox.create()) {
      facts.addOf(sandbox);
    }
    try (Scratch scratch = Scratch.create()) {
      Workbench bench = new Workbench(1, Bench.root(), scratch, List.of(), notes);
      for (GrowingSubject subject : SUBJECTS) {
        if (options.only().isEmpty() || options.only().contains(subject.name())) {
          measure(subject, bench);
        }
      }
    }
    write(command, facts.asMap());
    return failed ? 1 : 0;
  }

  /** One failure does not cost the figures of the others. */
  private void measure(GrowingSubject subject, Workbench bench) throws InterruptedException {
    System.err.println("measuring " + subject.name() + "…");
    try {
      Growth growth = subject.measure(bench, new Steps(subject.name(), options.quick(), notes));
      if (!growth.steps().isEmpty()) {
        growths.add(growth);
      }
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

  private void write(String command, Map<String, String> facts) throws IOException {
    JsonDestination.write(
        options.json(),
        out,
        GrowthReport.markdown(command, facts, growths, notes),
        GrowthReport.json(command, facts, growths, notes));
    if (options.plots().isPresent()) {
      Path directory = Files.createDirectories(options.plots().get());
      for (Growth growth : growths) {
        Files.writeString(directory.resolve(growth.name() + ".svg"), new Plot(growth).svg());
      }
    }
  }
}
