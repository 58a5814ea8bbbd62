package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.WalkEntry;
import java.io.IOException;
import java.util.Spliterator;
import java.util.Spliterators.AbstractSpliterator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import tools.jackson.core.JacksonException;

/** What a walk finds: a stream whose every message is one entry as JSON. */
final class EntryStream extends AbstractSpliterator<WalkEntry> {
  private final String method;
  private final IncomingStream source;

  EntryStream(String method, IncomingStream source) {
    super(Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL);
    this.method = method;
    this.source = source;
  }

  Stream<WalkEntry> stream() {
    return StreamSupport.stream(this, false).onClose(source::close);
  }

  @Override
  public boolean tryAdvance(Consumer<? super WalkEntry> action) {
    try {
      byte[] chunk = source.readChunk();
      if (chunk.length == 0) {
        return false;
      }
      Reply entry =
          new Reply(
              "'" + method + "'",
              Json.read(new String(chunk, java.nio.charset.StandardCharsets.UTF_8)));
      action.accept(new WalkEntry(entry.text("path"), RemoteFs.entry(entry)));
      return true;
    } catch (IOException e) {
      if (e.getCause() instanceof StreamFailedException failed) {
        throw failed.error().exception();
      }
      throw new BelljarException("The walk broke off: " + e.getMessage(), e);
    } catch (JacksonException e) {
      throw new BelljarException("The server's '" + method + "' sent what is not JSON.", e);
    }
  }
}
