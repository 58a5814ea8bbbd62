package dev.belljar.engine;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.spi.SandboxProvider;

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
    return LocalEngine.instance().create(options);
  }
}
