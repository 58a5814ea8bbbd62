package dev.belljar.server.contract;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.util.Optional;

/** A sandbox of this program's own, its storage apart from that of whoever runs the tests. */
class EmbeddedSandboxIT extends SandboxContract {
  private final LocalSandboxProvider engine = new LocalSandboxProvider();
  private Tenant tenant = Tenant.OWN;

  @Override
  void start(Path data) {
    tenant = new Tenant("", Optional.of(data.resolve("storage")));
  }

  @Override
  Sandbox make(SandboxOptions.Builder options) {
    return engine.create(options.local().build(), tenant);
  }

  @Override
  Storage storage() {
    return engine.storage(tenant).orElseThrow();
  }
}
