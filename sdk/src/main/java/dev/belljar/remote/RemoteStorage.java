package dev.belljar.remote;

import dev.belljar.Endpoint;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.Volumes;

/** Disks on a server. */
final class RemoteStorage implements Storage {
  private final Endpoint endpoint;

  RemoteStorage(Endpoint endpoint) {
    this.endpoint = endpoint;
  }

  @Override
  public Volumes volumes() {
    throw new UnsupportedOperationException(endpoint.toString());
  }

  @Override
  public Snapshots snapshots() {
    throw new UnsupportedOperationException(endpoint.toString());
  }
}
