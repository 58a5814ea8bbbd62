package dev.belljar.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** JMH's program, with what there is to say of these benchmarks before its own help. */
final class JmhProgram {
  private static final String USAGE =
      """
      Usage: bench/run jmh [PATTERN…] [JMH'S OPTION…]

        bench/run jmh -prof gc                 all, with what they allocate
        bench/run jmh ChannelMux -prof gc      those whose names contain it
        bench/run jmh -l                       says what there is
        bench/run jmh Base64 -p NAME=VALUE …   with one value of a parameter only

      With -prof gc the line gc.alloc.rate.norm says how many bytes an operation allocates, and
      gc.alloc.rate how many megabytes a second. What an operation is stands in the benchmark's
      Javadoc: a mebibyte of payload wherever bytes flow, so that 1048576 B/op is one copy.

      JMH's own options:

      """;

  private JmhProgram() {}

  public static void main(String[] args) throws IOException {
    if (List.of(args).contains("--help") || List.of(args).contains("-h")) {
      PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
      out.print(USAGE);
      org.openjdk.jmh.Main.main(new String[] {"-h"});
    } else {
      org.openjdk.jmh.Main.main(args);
    }
  }
}
