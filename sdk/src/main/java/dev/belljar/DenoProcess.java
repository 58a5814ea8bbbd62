package dev.belljar;

/** A Deno program in a sandbox, made by {@link SandboxDeno#run}. */
public interface DenoProcess extends ChildProcess {

  /**
   * Blocks until the program, or one that it started, listens on a TCP port.
   *
   * @return true when it does, false when it ended before
   * @throws SandboxClosedException where the sandbox ended before
   */
  boolean httpReady();

  /**
   * Sends a request to the HTTP server of the program, whatever host the URL names, and blocks
   * until the head of the answer is there.
   *
   * @throws FetchException where the program does not listen, or breaks off
   */
  FetchResponse fetch(FetchRequest request);

  /**
   * Has {@code listener} called, on a thread of its own, each time that Deno starts a watched
   * program again. Deno says so on standard error; where that is piped and nobody reads it, no more
   * is heard once 256 KiB wait, and the program stands still then.
   */
  void onRestart(Runnable listener);
}
