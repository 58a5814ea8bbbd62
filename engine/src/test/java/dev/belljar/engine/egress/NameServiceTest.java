package dev.belljar.engine.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class NameServiceTest {
  private static final InetAddress ADDRESS = InetAddress.ofLiteral("93.184.216.34");

  private final CountDownLatch released = new CountDownLatch(1);
  private final AtomicInteger underWay = new AtomicInteger();
  private final List<FutureTask<List<InetAddress>>> questions = new ArrayList<>();

  @AfterEach
  void release() {
    released.countDown();
  }

  @Test
  void sandboxesWhoseNamesAreSlowDelayNobodyElse() throws Exception {
    for (int i = 0; i < 20; i++) {
      ask(slow(), 10);
    }
    awaitUnderWay(20 * NameService.AT_ONCE);

    FutureTask<List<InetAddress>> other = ask(quick(), 1).getFirst();

    assertThat(other.get(5, TimeUnit.SECONDS)).containsExactly(ADDRESS);
  }

  @Test
  void aSandboxHasAFewLookUpsUnderWayAndTheRestWaitTheirTurn() throws Exception {
    ask(slow(), 20);
    awaitUnderWay(NameService.AT_ONCE);

    released.countDown();

    for (FutureTask<List<InetAddress>> question : questions) {
      assertThat(question.get(10, TimeUnit.SECONDS)).containsExactly(ADDRESS);
    }
  }

  @Test
  void moreThanWaitAreRefusedAtOnce() {
    NameService names = slow();
    ask(names, NameService.AT_ONCE + NameService.WAITING);
    await()
        .untilAsserted(
            () ->
                assertThatThrownBy(() -> names.resolve("one.more"))
                    .isNotInstanceOf(UnknownHostException.class)
                    .hasMessageContaining("too many of the sandbox's names"));
  }

  @Test
  void aTurnIsNotOverBeforeTheResolverIsDoneWithIt() {
    NameService names = slow(Duration.ofMillis(100));
    // Who waits for them gives up; their threads cannot.
    List<FutureTask<List<InetAddress>>> first = ask(names, NameService.AT_ONCE);
    await().until(() -> first.stream().allMatch(FutureTask::isDone));
    FutureTask<List<InetAddress>> next = ask(names, 1).getFirst();

    assertThat(underWay).hasValue(NameService.AT_ONCE);
    assertThatThrownBy(() -> next.get(10, TimeUnit.SECONDS))
        .hasRootCauseInstanceOf(UnknownHostException.class)
        .hasMessageContaining("no answer for 'name.test' in time");
    assertThat(underWay).hasValue(NameService.AT_ONCE);

    released.countDown();
    await().until(() -> names.resolve("name.test").equals(List.of(ADDRESS)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.1", "2001:db8::1", "::1", "::ffff:10.0.0.1"})
  void addressesNeedNoResolver(String address) throws Exception {
    NameService names = slow();
    ask(names, NameService.AT_ONCE + NameService.WAITING);

    assertThat(names.resolve(address)).containsExactly(InetAddress.ofLiteral(address));
  }

  @Test
  void aNameThatIsNotThereSaysSo() {
    NameService names =
        new NameService(
            name -> {
              throw new UnknownHostException(name);
            },
            NameService.PATIENCE);
    assertThatThrownBy(() -> names.resolve("nothing.test"))
        .isInstanceOf(UnknownHostException.class)
        .hasMessageContaining("no address for 'nothing.test'");
  }

  private NameService slow() {
    return slow(NameService.PATIENCE);
  }

  private NameService slow(Duration patience) {
    return new NameService(
        name -> {
          underWay.incrementAndGet();
          try {
            released.await();
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          } finally {
            underWay.decrementAndGet();
          }
          return new InetAddress[] {ADDRESS};
        },
        patience);
  }

  private static NameService quick() {
    return new NameService(name -> new InetAddress[] {ADDRESS}, NameService.PATIENCE);
  }

  private List<FutureTask<List<InetAddress>>> ask(NameService names, int times) {
    List<FutureTask<List<InetAddress>>> asked = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      FutureTask<List<InetAddress>> question = new FutureTask<>(() -> names.resolve("name.test"));
      Thread.ofVirtual().start(question);
      asked.add(question);
    }
    questions.addAll(asked);
    return asked;
  }

  private void awaitUnderWay(int count) {
    await()
        .during(Duration.ofMillis(200))
        .untilAsserted(() -> assertThat(underWay).hasValue(count));
  }
}
