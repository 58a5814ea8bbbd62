package dev.belljar.engine.egress;

import dev.belljar.engine.egress.http.Request;
import dev.belljar.engine.egress.http.Rules;
import dev.belljar.engine.egress.secrets.HostSecrets;
import dev.belljar.engine.streams.ReadAhead;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;

/**
 * Requests are for the name that was connected to, and carry the secrets that may go there.
 *
 * @param names which names are that one
 * @param secrets none where the connection is not to be changed
 */
record NameRules(Predicate<String> names, Optional<HostSecrets> secrets) implements Rules {

  @Override
  public Optional<String> refusal(Request request) {
    return request.refusal(names);
  }

  @Override
  public Request outgoing(Request request) {
    return secrets.map(s -> s.outgoing(request)).orElse(request);
  }

  @Override
  public int heldBody(Request request) {
    return secrets.map(s -> s.heldBody(request)).orElse(0);
  }

  @Override
  public Semaphore requestsHeld() {
    return secrets.map(HostSecrets::requestsHeld).orElseGet(Rules.super::requestsHeld);
  }

  @Override
  public Semaphore responsesHeld() {
    return secrets.map(HostSecrets::responsesHeld).orElseGet(Rules.super::responsesHeld);
  }

  @Override
  public byte[] outgoingBody(Request request, byte[] body) {
    return secrets.map(s -> s.outgoingBody(request, body)).orElse(body);
  }

  @Override
  public boolean changesResponses() {
    return secrets.isPresent();
  }

  @Override
  public String incoming(String text) {
    return secrets.map(s -> s.incoming(text)).orElse(text);
  }

  @Override
  public byte[] incoming(byte[] body) {
    return secrets.map(s -> s.incoming(body)).orElse(body);
  }

  @Override
  public InputStream incoming(ReadAhead body) {
    return secrets.map(s -> s.incoming(body)).orElse(body);
  }
}
