package dev.belljar.engine.egress.tls;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a TLS client says first (RFC 8446, 4.1.2): read for the name of the server that it wants,
 * whatever records it is cut into.
 *
 * @param serverName the name of its server_name extension, in lower case; empty where it has none
 * @param encrypted whether another one may be hidden in it (Encrypted Client Hello)
 */
public record ClientHello(Optional<String> serverName, boolean encrypted) {
  /** What a connection begins with when it is TLS: a handshake record of any version 3. */
  public static final int FIRST_BYTE = 22;

  private static final int HEADER = 5;
  private static final int LARGEST_RECORD = 1 << 14;
  private static final int LARGEST_HELLO = 64 << 10;
  private static final int MOST_RECORDS = 128;
  private static final int CLIENT_HELLO = 1;
  private static final int CHANGE_CIPHER_SPEC = 20;
  private static final int SERVER_NAME = 0;
  private static final int HOST_NAME = 0;
  private static final int ENCRYPTED_CLIENT_HELLO = 0xfe0d;
  private static final Pattern NAME =
      Pattern.compile("[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*\\.?");

  /** A hello, and the bytes that it was read from. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Read(ClientHello hello, byte[] bytes) {}

  /** Something that begins like TLS and goes on otherwise. */
  public static final class MalformedException extends IOException {
    private static final long serialVersionUID = 1L;

    MalformedException(String message) {
      super(message);
    }
  }

  /**
   * Reads records until the hello is complete, and no further than the record that it ends in.
   *
   * @throws MalformedException where it is none, or larger than 64 KiB
   */
  public static Read read(InputStream in) throws IOException {
    return read(in, false);
  }

  /**
   * As {@link #read(InputStream)}, of one that follows a HelloRetryRequest: a client may send a
   * change_cipher_spec before it (RFC 8446, D.4).
   */
  public static Read readSecond(InputStream in) throws IOException {
    return read(in, true);
  }

  private static Read read(InputStream in, boolean second) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    for (int records = 0; records < MOST_RECORDS; records++) {
      byte[] header = exactly(in, HEADER);
      all.writeBytes(header);
      int length = ByteBuffer.wrap(header).getShort(3) & 0xffff;
      if (second && records == 0 && header[0] == CHANGE_CIPHER_SPEC && length == 1) {
        all.writeBytes(exactly(in, length));
        continue;
      }
      if (header[0] != FIRST_BYTE || header[1] != 3 || length == 0 || length > LARGEST_RECORD) {
        throw new MalformedException("a TLS record that is none");
      }
      byte[] record = exactly(in, length);
      all.writeBytes(record);
      message.writeBytes(record);
      byte[] bytes = message.toByteArray();
      if (bytes[0] != CLIENT_HELLO) {
        throw new MalformedException("a TLS handshake that does not begin with a ClientHello");
      }
      if (bytes.length >= 4) {
        int wanted = 4 + (ByteBuffer.wrap(bytes).getInt() & 0xffffff);
        if (wanted > LARGEST_HELLO) {
          throw new MalformedException("a ClientHello of more than 64 KiB");
        }
        if (bytes.length > wanted) {
          throw new MalformedException("something behind a ClientHello");
        }
        if (bytes.length == wanted) {
          return new Read(parse(ByteBuffer.wrap(bytes, 4, wanted - 4)), all.toByteArray());
        }
      }
    }
    throw new MalformedException("a ClientHello in too many pieces");
  }

  private static byte[] exactly(InputStream in, int length) throws IOException {
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException("the connection ended within a ClientHello");
    }
    return bytes;
  }

  private static ClientHello parse(ByteBuffer hello) throws MalformedException {
    try {
      skip(hello, 2 + 32); // version, random
      skip(hello, hello.get() & 0xff); // session
      skip(hello, hello.getShort() & 0xffff); // cipher suites
      skip(hello, hello.get() & 0xff); // compression
      if (!hello.hasRemaining()) {
        return new ClientHello(Optional.empty(), false);
      }
      ByteBuffer extensions = part(hello, hello.getShort() & 0xffff);
      if (hello.hasRemaining()) {
        throw new MalformedException("something behind a ClientHello's extensions");
      }
      return ofExtensions(extensions);
    } catch (BufferUnderflowException | IllegalArgumentException e) {
      throw new MalformedException("a ClientHello that is shorter than it says");
    }
  }

  private static ClientHello ofExtensions(ByteBuffer extensions) throws MalformedException {
    Optional<String> name = Optional.empty();
    boolean encrypted = false;
    Set<Integer> seen = new HashSet<>();
    while (extensions.hasRemaining()) {
      int type = extensions.getShort() & 0xffff;
      ByteBuffer content = part(extensions, extensions.getShort() & 0xffff);
      if (!seen.add(type)) {
        throw new MalformedException("a ClientHello with an extension twice");
      }
      if (type == SERVER_NAME) {
        name = Optional.of(serverName(content));
      } else if (type == ENCRYPTED_CLIENT_HELLO) {
        encrypted = true;
      }
    }
    return new ClientHello(name, encrypted);
  }

  /** The only name there may be (RFC 6066, 3). */
  private static String serverName(ByteBuffer content) throws MalformedException {
    ByteBuffer list = part(content, content.getShort() & 0xffff);
    int type = list.get();
    ByteBuffer name = part(list, list.getShort() & 0xffff);
    String text = StandardCharsets.ISO_8859_1.decode(name).toString();
    if (type != HOST_NAME
        || list.hasRemaining()
        || content.hasRemaining()
        || text.length() > 254
        || !NAME.matcher(text).matches()) {
      throw new MalformedException("a ClientHello whose server name is none");
    }
    String lower = text.toLowerCase(Locale.ROOT);
    return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
  }

  private static void skip(ByteBuffer bytes, int count) {
    part(bytes, count);
  }

  private static ByteBuffer part(ByteBuffer bytes, int length) {
    if (length > bytes.remaining()) {
      throw new BufferUnderflowException();
    }
    ByteBuffer part = bytes.slice(bytes.position(), length);
    bytes.position(bytes.position() + length);
    return part;
  }
}
