package dev.belljar.server.rpc;

import java.time.Duration;

/**
 * What all sockets of a server share.
 *
 * @param heap what they may hold of it
 * @param patience how long a client's bytes may wait for a reader before their stream is given up
 * @param opening how long a client may take to open the socket of a sandbox that was just made
 */
public record SocketLimits(HeapBudget heap, Duration patience, Duration opening) {

  /** Those of a server. */
  public static SocketLimits ofHeap() {
    return new SocketLimits(HeapBudget.ofHeap(), Duration.ofSeconds(30), Duration.ofSeconds(30));
  }

  /** The same, with what one organization may hold. */
  public SocketLimits share() {
    return new SocketLimits(heap.share(), patience, opening);
  }
}
