package dev.belljar.engine.egress.secrets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.engine.egress.secrets.Replacement.Pair;
import dev.belljar.engine.streams.ReadAhead;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class ReplacementTest {
  private static Pair pair(String from, String to) {
    return new Pair(from.getBytes(ISO_8859_1), to.getBytes(ISO_8859_1));
  }

  private static final Replacement SECRETS =
      new Replacement(List.of(pair("abcabd", "<1>"), pair("abc", "<22222222>"), pair("bbb", "")));

  /** The first that fits, from the left. */
  private static String expected(String text) {
    StringBuilder result = new StringBuilder();
    int at = 0;
    while (at < text.length()) {
      if (text.startsWith("abcabd", at)) {
        result.append("<1>");
        at += 6;
      } else if (text.startsWith("abc", at)) {
        result.append("<22222222>");
        at += 3;
      } else if (text.startsWith("bbb", at)) {
        at += 3;
      } else {
        result.append(text.charAt(at++));
      }
    }
    return result.toString();
  }

  private static String random(Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(60); i > 0; i--) {
      text.append("aabbcd".charAt(random.nextInt(6)));
    }
    return text.toString();
  }

  @Test
  void everyCutOfAStreamGivesTheSame() throws IOException {
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      String text = random(random);
      String whole = new String(SECRETS.apply(text.getBytes(ISO_8859_1)), ISO_8859_1);
      InputStream cut =
          new FilterInputStream(new ByteArrayInputStream(text.getBytes(ISO_8859_1))) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
              return super.read(target, offset, Math.min(length, 1 + random.nextInt(5)));
            }
          };
      assertThat(whole).isEqualTo(expected(text));
      assertThat(new String(replaced(cut).readAllBytes(), ISO_8859_1)).isEqualTo(whole);
    }
  }

  private static InputStream replaced(InputStream in) {
    ReadAhead ahead = new ReadAhead(in, 1 << 10);
    ahead.start("in");
    return SECRETS.apply(ahead);
  }

  private static void write(PipedOutputStream out, String text) throws IOException {
    out.write(text.getBytes(ISO_8859_1));
    out.flush();
  }

  @Test
  void linesAreGivenAtOnce() throws IOException {
    try (PipedOutputStream out = new PipedOutputStream();
        InputStream in = replaced(new PipedInputStream(out))) {
      write(out, "event: x\n");
      assertThat(new String(in.readNBytes(9), ISO_8859_1)).isEqualTo("event: x\n");
    }
  }

  /** Otherwise a guest that has its guesses repeated sees how much of one is right. */
  @ParameterizedTest
  @ValueSource(strings = {"abcab", "abxab", "zzzzz", "zzzza"})
  void whatIsHeldBackDoesNotDependOnWhatItIs(String guess) throws Exception {
    try (PipedOutputStream out = new PipedOutputStream();
        InputStream in = replaced(new PipedInputStream(out))) {
      write(out, "line\n" + guess);
      assertThat(new String(in.readNBytes(5), ISO_8859_1)).isEqualTo("line\n");
      FutureTask<Integer> next = new FutureTask<>(in::read);
      Thread.ofVirtual().start(next);
      assertThatExceptionOfType(TimeoutException.class)
          .isThrownBy(() -> next.get(300, TimeUnit.MILLISECONDS));
      assertThat(next.get(10, TimeUnit.SECONDS))
          .isEqualTo(guess.equals("abcab") ? '<' : guess.charAt(0));
    }
  }

  @Test
  void theLongerOfTwoIsIt() {
    Replacement overlapping = new Replacement(List.of(pair("key", "<K>"), pair("keyring", "<R>")));
    assertThat(new String(overlapping.apply("keyring key".getBytes(ISO_8859_1)), ISO_8859_1))
        .isEqualTo("<R> <K>");
  }
}
