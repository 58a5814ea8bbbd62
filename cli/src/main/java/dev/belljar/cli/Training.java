package dev.belljar.cli;

/**
 * What {@code belljar setup} runs once, so that the JDK can note which classes a start needs: a
 * program in a sandbox of this process, and one on the server that BELLJAR_DATA leads to.
 */
final class Training {
  private Training() {}

  /** Ends with 0 where both ran. */
  public static void main(String[] args) {
    StandardStreams streams = StandardStreams.ofThisProcess();
    int here = Main.execute(streams, "run", "--quiet", "--no-server", "-c", "true");
    int there = Main.execute(streams, "run", "--quiet", "-c", "true");
    QuickEnd.rehearse();
    System.exit(here == 0 ? there : here);
  }
}
