package dev.belljar.engine.egress.secrets;

import dev.belljar.Secret;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.BiPredicate;

/**
 * The secrets of one sandbox: each has a placeholder, which is all that the guest sees of it. The
 * values are kept here alone, and overwritten at the end.
 */
public final class SandboxSecrets implements AutoCloseable {
  /** What every placeholder begins with. */
  public static final String PREFIX = "belljar-secret-";

  private static final String ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
  private static final int RANDOM_CHARACTERS = 32;

  /** Bodies in memory at once: a guest that sends the beginnings of many waits for itself. */
  private static final int BODIES = 16;

  private final List<Held> held;
  private final Semaphore requestsHeld = new Semaphore(BODIES);
  private final Semaphore responsesHeld = new Semaphore(BODIES);
  private final Credentials credentials = new Credentials();

  /** A secret with what stands for it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Held(
      String name,
      String placeholder,
      byte[] value,
      boolean inBody,
      BiPredicate<String, Integer> hosts) {}

  private SandboxSecrets(List<Held> held) {
    this.held = held;
  }

  /** How the hosts of a secret are told from others. */
  public interface HostReader {
    /** Reads patterns; the result says whether they mean a name and port. */
    BiPredicate<String, Integer> read(String secretName, List<String> patterns);
  }

  /** Gives each its placeholder. */
  public static SandboxSecrets of(
      Map<String, Secret> secrets, HostReader hosts, SecureRandom random) {
    List<Held> held = new ArrayList<>();
    secrets.forEach(
        (name, secret) ->
            held.add(
                new Held(
                    name,
                    placeholder(random),
                    secret.value(),
                    secret.inBody(),
                    hosts.read(name, secret.hosts()))));
    return new SandboxSecrets(List.copyOf(held));
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return held.isEmpty();
  }

  /** The environment variables with the placeholders. */
  public Map<String, String> environment() {
    Map<String, String> variables = new LinkedHashMap<>();
    held.forEach(secret -> variables.put(secret.name(), secret.placeholder()));
    return variables;
  }

  /** Whether any may be sent to that host. */
  public boolean concern(String name, int port) {
    return held.stream().anyMatch(secret -> secret.hosts().test(name, port));
  }

  /** Those that may be sent to that host, for one connection; what comes back has none. */
  public HostSecrets forHost(String name, int port) {
    return new HostSecrets(
        held.stream().filter(secret -> secret.hosts().test(name, port)).toList(),
        held,
        credentials,
        requestsHeld,
        responsesHeld);
  }

  /** For one connection that none may be sent on; what comes back has none either. */
  public HostSecrets forNobody() {
    return new HostSecrets(List.of(), held, credentials, requestsHeld, responsesHeld);
  }

  /** Overwrites the values. */
  @Override
  public void close() {
    held.forEach(secret -> Arrays.fill(secret.value(), (byte) 0));
  }

  private static String placeholder(SecureRandom random) {
    StringBuilder text = new StringBuilder(PREFIX);
    for (int i = 0; i < RANDOM_CHARACTERS; i++) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return text.toString();
  }
}
