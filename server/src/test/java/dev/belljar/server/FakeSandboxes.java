package dev.belljar.server;

import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.spi.SandboxProvider;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Sandboxes that exist in memory only, for tests of what stands before them. */
final class FakeSandboxes implements SandboxProvider {
  private final AtomicInteger next = new AtomicInteger();
  private final List<FakeSandbox> made = new CopyOnWriteArrayList<>();
  private volatile Runnable beforeEach = () -> {};

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public boolean serves(SandboxOptions options) {
    return true;
  }

  @Override
  public Sandbox create(SandboxOptions options) {
    beforeEach.run();
    if (options.allowNet().stream().anyMatch(pattern -> pattern.contains(" "))) {
      throw new InvalidOptionException("That is no pattern of hosts.");
    }
    FakeSandbox sandbox =
        new FakeSandbox("sbx_loc_%020d".formatted(next.incrementAndGet()), options);
    made.add(sandbox);
    return sandbox;
  }

  /** What happens before a sandbox is made; may throw. */
  void beforeEach(Runnable action) {
    beforeEach = action;
  }

  /** All that were made, oldest first. */
  List<FakeSandbox> made() {
    return List.copyOf(made);
  }

  FakeSandbox of(String id) {
    return made.stream().filter(sandbox -> sandbox.id().equals(id)).findFirst().orElseThrow();
  }
}
