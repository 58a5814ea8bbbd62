package dev.belljar;

import java.io.InputStream;
import java.io.OutputStream;

/** A TCP connection into a sandbox, made by {@link Sandbox#dial}. */
public interface GuestConnection extends AutoCloseable {

  /** What the program in the sandbox sends. Reading blocks until there is something. */
  InputStream input();

  /** What it gets. Writing blocks while it does not read; closing ends this direction. */
  OutputStream output();

  /** Ends both directions. Idempotent. */
  @Override
  void close();
}
