package dev.belljar.server;

import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.spi.SandboxProvider;
import dev.belljar.spi.Tenant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** Sandboxes that exist in memory only, for tests of what stands before them. */
final class FakeSandboxes implements SandboxProvider {
  private final AtomicInteger next = new AtomicInteger();
  private final List<FakeSandbox> made = new CopyOnWriteArrayList<>();
  private final Map<Tenant, FakeStorage> storage = new ConcurrentHashMap<>();
  private volatile boolean withStorage = true;
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
    throw new IllegalStateException("A server makes sandboxes for somebody.");
  }

  @Override
  public Sandbox create(SandboxOptions options, Tenant tenant) {
    beforeEach.run();
    if (options.allowNet().stream().anyMatch(pattern -> pattern.contains(" "))) {
      throw new InvalidOptionException("That is no pattern of hosts.");
    }
    String id = "sbx_loc_%020d".formatted(next.incrementAndGet());
    FakeStorage disks = storageOf(tenant);
    disks.attach(id, options.root(), options.volumes().values());
    FakeSandbox sandbox = new FakeSandbox(id, options, disks);
    made.add(sandbox);
    return sandbox;
  }

  @Override
  public Optional<Storage> storage(Tenant tenant) {
    return withStorage ? Optional.of(storageOf(tenant)) : Optional.empty();
  }

  FakeStorage storageOf(Tenant tenant) {
    // Whatever its limits are.
    Tenant whose = new Tenant(tenant.name(), tenant.data());
    return storage.computeIfAbsent(whose, each -> new FakeStorage());
  }

  /** An engine that keeps nothing. */
  void withoutStorage() {
    withStorage = false;
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
