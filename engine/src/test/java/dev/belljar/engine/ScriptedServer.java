package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A server that reads the head of one request and answers, byte for byte, what a test says. */
final class ScriptedServer implements AutoCloseable {
  private final ServerSocket listener;
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private volatile UnaryOperator<String> answers = request -> "";
  private volatile boolean byteByByte;

  /** With TLS where there is a context. */
  ScriptedServer(@Nullable SSLContext context) throws IOException {
    InetAddress own = InetAddress.getLoopbackAddress();
    listener =
        context == null
            ? new ServerSocket(0, 300, own)
            : context.getServerSocketFactory().createServerSocket(0, 300, own);
    Thread.ofVirtual().start(this::serve);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** From the head of a request to the whole answer; one character for each byte. */
  void answers(UnaryOperator<String> fromNowOn) {
    answers = fromNowOn;
  }

  void byteByByte(boolean fromNowOn) {
    byteByByte = fromNowOn;
  }

  /** The heads of the requests so far. */
  List<String> requests() {
    return requests;
  }

  private void serve() {
    while (!listener.isClosed()) {
      try {
        Socket socket = listener.accept();
        Thread.ofVirtual().start(() -> answer(socket));
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  private void answer(Socket accepted) {
    try (Socket socket = accepted) {
      String head = head(socket.getInputStream());
      requests.add(head);
      byte[] bytes = answers.apply(head).getBytes(ISO_8859_1);
      OutputStream out = socket.getOutputStream();
      if (byteByByte) {
        for (byte b : bytes) {
          out.write(b);
          out.flush();
        }
      } else {
        out.write(bytes);
      }
    } catch (IOException e) {
      // The other side was quicker.
    }
  }

  private static String head(InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int b;
    while (!bytes.toString(ISO_8859_1).endsWith("\r\n\r\n") && (b = in.read()) >= 0) {
      bytes.write(b);
    }
    return bytes.toString(ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
