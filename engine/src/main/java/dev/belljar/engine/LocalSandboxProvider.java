package dev.belljar.engine;

import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPool;
import dev.belljar.Storage;
import dev.belljar.spi.SandboxProvider;
import dev.belljar.spi.Tenant;
import java.util.Optional;

/** Makes sandboxes on this host. */
public final class LocalSandboxProvider implements SandboxProvider {

  /** For {@link java.util.ServiceLoader}. */
  public LocalSandboxProvider() {}

  @Override
  public String name() {
    return "local";
  }

  @Override
  public boolean serves(SandboxOptions options) {
    return options.endpoint().isEmpty();
  }

  @Override
  public Sandbox create(SandboxOptions options) {
    return create(options, Tenant.OWN);
  }

  @Override
  public Sandbox create(SandboxOptions options, Tenant tenant) {
    return LocalEngine.instance().create(options, tenant);
  }

  @Override
  public Optional<Storage> storage(Tenant tenant) {
    return Optional.of(LocalEngine.instance().storage(tenant));
  }

  @Override
  public Optional<SandboxPool> openPool(PoolOptions options) {
    return Optional.of(LocalEngine.instance().openPool(options));
  }
}
