package dev.belljar.server.rpc;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.io.JsonStringEncoder;

/**
 * A file on its way to a client, counted against the heap's budget while it is read, whatever size
 * it claimed: a device has none, and a file may grow. Base64 is made while the guest is waited for
 * anyway; nothing is sent before all is there, as what has begun to be sent can be no error any
 * more, and the socket is not to wait for the guest.
 */
final class HeldBytes implements AutoCloseable {
  /** A multiple of 3, so that pieces of base64 join without padding. */
  private static final int CHUNK = 192 << 10;

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final HeapBudget budget;
  private final boolean text;
  private final byte[] chunk = new byte[CHUNK];

  /** Of base64 or as it was read. */
  private final List<byte[]> chunks = new ArrayList<>();

  private long taken;

  private HeldBytes(HeapBudget budget, boolean text) {
    this.budget = budget;
    this.text = text;
  }

  /** Why bytes could not be held. */
  enum Refusal {
    TOO_MANY,
    NO_MEMORY
  }

  /** Some bytes, or why not. */
  record Result(Optional<HeldBytes> bytes, Optional<Refusal> refusal) {}

  /**
   * Reads to the end. Close what comes of it.
   *
   * @param text whether they travel as text; base64 otherwise
   * @param expected how many there should be: memory for those is waited for, before any is held;
   *     who holds some and waits for more would keep others from what they wait for
   */
  static Result read(InputStream in, boolean text, long expected, long most, HeapBudget budget)
      throws IOException, InterruptedException {
    HeldBytes held = new HeldBytes(budget, text);
    boolean complete = false;
    try {
      long first = held.cost(Math.min(expected, most) + CHUNK);
      if (!budget.take(first, PATIENCE)) {
        return new Result(Optional.empty(), Optional.of(Refusal.NO_MEMORY));
      }
      held.taken = first;
      long total = 0;
      while (true) {
        long missing = held.cost(total + CHUNK) - held.taken;
        if (missing > 0) {
          if (!budget.tryTake(missing)) {
            return new Result(Optional.empty(), Optional.of(Refusal.NO_MEMORY));
          }
          held.taken += missing;
        }
        int read = in.readNBytes(held.chunk, 0, CHUNK);
        total += read;
        if (total > most) {
          return new Result(Optional.empty(), Optional.of(Refusal.TOO_MANY));
        }
        held.add(read);
        if (read < CHUNK) {
          budget.give(held.taken - held.cost(total));
          held.taken = held.cost(total);
          complete = true;
          return new Result(Optional.of(held), Optional.empty());
        }
      }
    } finally {
      if (!complete) {
        held.close();
      }
    }
  }

  /** Of the heap, for so many bytes. */
  private long cost(long bytes) {
    return text ? bytes : (bytes + 2) / 3 * 4;
  }

  private void add(int read) {
    chunks.add(
        text
            ? Arrays.copyOf(chunk, read)
            : Base64.getEncoder().encode(ByteBuffer.wrap(chunk, 0, read)).array());
  }

  /** Pieces of what stands between the quotes of a JSON string, in UTF-8. */
  Iterator<ByteBuffer> pieces() {
    return text ? quoted() : chunks.stream().map(ByteBuffer::wrap).iterator();
  }

  /** What is not UTF-8 is replaced. */
  private Iterator<ByteBuffer> quoted() {
    Reader reader =
        new InputStreamReader(
            new SequenceInputStream(
                Collections.enumeration(chunks.stream().map(ByteArrayInputStream::new).toList())),
            StandardCharsets.UTF_8);
    return new Iterator<>() {
      private final char[] buffer = new char[CHUNK];
      private int kept;
      private boolean over;

      @Override
      public boolean hasNext() {
        return !over;
      }

      @Override
      public ByteBuffer next() {
        if (over) {
          throw new java.util.NoSuchElementException();
        }
        int length = kept;
        try {
          while (length < buffer.length) {
            int read = reader.read(buffer, length, buffer.length - length);
            if (read < 0) {
              over = true;
              break;
            }
            length += read;
          }
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        // A piece is cut between characters only.
        kept = !over && Character.isHighSurrogate(buffer[length - 1]) ? 1 : 0;
        String piece = new String(buffer, 0, length - kept);
        if (kept == 1) {
          buffer[0] = buffer[length - 1];
        }
        return ByteBuffer.wrap(JsonStringEncoder.getInstance().quoteAsUTF8(piece));
      }
    };
  }

  @Override
  public void close() {
    budget.give(taken);
    taken = 0;
    chunks.clear();
  }
}
