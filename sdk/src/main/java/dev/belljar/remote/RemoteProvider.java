package dev.belljar.remote;

import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxInfo;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.spi.RemoteSandboxProvider;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Makes and reaches sandboxes of a server. */
public final class RemoteProvider implements RemoteSandboxProvider {
  private static final Pattern ID = Pattern.compile("sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}");

  /** For {@link java.util.ServiceLoader}. */
  public RemoteProvider() {}

  @Override
  public String name() {
    return "remote";
  }

  @Override
  public boolean serves(SandboxOptions options) {
    return options.endpoint().isPresent();
  }

  @Override
  public Sandbox create(SandboxOptions options) {
    Endpoint endpoint =
        options
            .endpoint()
            .orElseThrow(() -> new InvalidOptionException("The options name no server."));
    return RemoteSandbox.create(new Server(endpoint), options);
  }

  @Override
  public Sandbox connect(String id, Endpoint endpoint) {
    checkId(id);
    return RemoteSandbox.connect(new Server(endpoint), id);
  }

  @Override
  public List<SandboxInfo> list(Endpoint endpoint, Map<String, String> labels) {
    try (Server server = new Server(endpoint)) {
      return server.list(labels);
    }
  }

  @Override
  public Storage storage(Endpoint endpoint) {
    return new RemoteStorage(endpoint);
  }

  /** It becomes part of a URL. */
  private static void checkId(String id) {
    if (!ID.matcher(id).matches()) {
      throw new InvalidOptionException(
          "'" + id + "' is not the id of a sandbox: sbx_, three letters, _ and 20 characters.");
    }
  }
}
