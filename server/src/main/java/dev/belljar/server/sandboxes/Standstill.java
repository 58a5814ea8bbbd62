package dev.belljar.server.sandboxes;

import dev.belljar.Checkpoint;
import dev.belljar.VolumeOptions;
import dev.belljar.server.observe.ServerEvents;
import java.time.Duration;

/**
 * What clients may have of a sandbox that stands still, however they ask for it. Its sockets,
 * streams and lifetime go on; what is asked of it is refused by the sandbox itself.
 */
public final class Standstill {
  private final ServerEvents events;

  /** Tells of everything that was asked for. */
  public Standstill(ServerEvents events) {
    this.events = events;
  }

  /** Stops it until {@link #resume}. */
  public void pause(HostedSandbox hosted) {
    hosted.sandbox().pause();
    events.paused(hosted.id());
  }

  /** Lets it go on. */
  public void resume(HostedSandbox hosted) {
    hosted.sandbox().resume();
    events.resumed(hosted.id());
  }

  /**
   * Saves it; blocks for seconds.
   *
   * @throws dev.belljar.InvalidOptionException where the slug cannot be one
   * @throws dev.belljar.StorageException where it cannot be saved
   */
  public Checkpoint checkpoint(HostedSandbox hosted, String slug) {
    VolumeOptions.checkSlug(slug);
    long began = System.nanoTime();
    Checkpoint checkpoint = hosted.sandbox().checkpoint(slug);
    events.created(checkpoint, Duration.ofNanos(System.nanoTime() - began));
    return checkpoint;
  }
}
