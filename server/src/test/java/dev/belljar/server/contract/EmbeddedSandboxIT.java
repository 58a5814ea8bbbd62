package dev.belljar.server.contract;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;

/** A sandbox of this program's own. */
class EmbeddedSandboxIT extends SandboxContract {

  @Override
  Sandbox make(SandboxOptions.Builder options) {
    return Sandbox.create(options.local().build());
  }
}
