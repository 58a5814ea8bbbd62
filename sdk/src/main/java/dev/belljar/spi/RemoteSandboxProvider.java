package dev.belljar.spi;

import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import dev.belljar.SandboxInfo;
import dev.belljar.Storage;
import java.util.List;
import java.util.Map;

/** An engine whose sandboxes live on a server and may be there already. */
public interface RemoteSandboxProvider extends SandboxProvider {

  /**
   * Connects to a sandbox that is there and blocks until it answers.
   *
   * @throws dev.belljar.SandboxClosedException where there is none of that id
   * @throws dev.belljar.InvalidTokenException where the server does not accept the token
   * @throws dev.belljar.SandboxUnavailableException where the server cannot be reached or refuses
   */
  Sandbox connect(String id, Endpoint endpoint);

  /**
   * The sandboxes that have all of those labels.
   *
   * @throws dev.belljar.InvalidTokenException where the server does not accept the token
   * @throws dev.belljar.SandboxUnavailableException where the server cannot be reached or refuses
   */
  List<SandboxInfo> list(Endpoint endpoint, Map<String, String> labels);

  /** The volumes and snapshots of a server. */
  Storage storage(Endpoint endpoint);
}
