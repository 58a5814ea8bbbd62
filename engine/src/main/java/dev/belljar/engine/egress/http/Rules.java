package dev.belljar.engine.egress.http;

import dev.belljar.engine.streams.ReadAhead;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/** What a relay does to the messages that go through it. */
public interface Rules {

  /** Why a request may not pass; empty where it may. */
  Optional<String> refusal(Request request);

  /** The request as the server is to have it. */
  default Request outgoing(Request request) {
    return request;
  }

  /** How many bytes of a request's body may be held to change them; 0 is to leave it alone. */
  default int heldBody(Request request) {
    return 0;
  }

  /** As many bodies of requests may be held at once as it has permits, over all connections. */
  default Semaphore requestsHeld() {
    return new Semaphore(1);
  }

  /** As many bodies of responses may be held at once as it has permits, over all connections. */
  default Semaphore responsesHeld() {
    return new Semaphore(1);
  }

  /** A whole body of a request as the server is to have it. */
  default byte[] outgoingBody(Request request, byte[] body) {
    return body;
  }

  /** Whether responses are changed on their way in. */
  default boolean changesResponses() {
    return false;
  }

  /** Text of a response's head as the guest is to have it, one character for each byte. */
  default String incoming(String text) {
    return text;
  }

  /** The whole body of a response as the guest is to have it. */
  default byte[] incoming(byte[] body) {
    return body;
  }

  /** The body of a response as the guest is to have it, as it comes. */
  default InputStream incoming(ReadAhead body) throws IOException {
    return body;
  }
}
