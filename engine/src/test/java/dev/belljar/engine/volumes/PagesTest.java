package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PagesTest {
  private static final Instant FIRST = Instant.parse("2030-01-01T00:00:00.123456789Z");

  /** Something that a list may have. */
  private record Thing(String owner, String id, Instant created) implements Catalog.Listed {
    @Override
    public String slug() {
      return id;
    }

    @Override
    public boolean isThere() {
      return true;
    }
  }

  private final List<Thing> all = new ArrayList<>();

  private Thing add(String owner, String id, long nanos) {
    Thing thing = new Thing(owner, id, FIRST.plusNanos(nanos));
    all.add(thing);
    return thing;
  }

  private Page<String> page(String owner, Optional<String> cursor) throws IOException {
    return Pages.of(all, owner, new PageRequest(cursor, 2, Optional.empty()), Thing::id);
  }

  @Test
  void theOldestComeFirstWhateverTheirPlaceInTheCatalog() throws IOException {
    add("me", "c", 2);
    add("me", "b", 1);
    add("me", "d", 2);
    add("me", "a", 2);
    Page<String> first = page("me", Optional.empty());
    assertThat(first.items()).containsExactly("b", "a");
    Page<String> second = page("me", first.next());
    assertThat(second.items()).containsExactly("c", "d");
    assertThat(second.next()).isEmpty();
  }

  @Test
  void whatIsBehindOneThatIsGoneIsStillFound() throws IOException {
    add("me", "a", 1);
    add("me", "b", 1);
    add("me", "c", 1);
    Page<String> first = page("me", Optional.empty());
    all.removeIf(thing -> first.items().contains(thing.id()));
    assertThat(page("me", first.next()).items()).containsExactly("c");
    all.clear();
    assertThat(page("me", first.next())).isEqualTo(new Page<>(List.of(), Optional.empty()));
  }

  @Test
  void aCursorIsAPlaceAndTellsNothingOfAnothersThings() throws IOException {
    add("me", "b", 1);
    String there = PageCursor.of(add("other", "a", 1)).text();
    String nowhere = PageCursor.of(new Thing("other", "aa", FIRST)).text();
    assertThat(page("me", Optional.of(there)))
        .isEqualTo(page("me", Optional.of(nowhere)))
        .isEqualTo(new Page<>(List.of("b"), Optional.empty()));
  }

  @Test
  void aCursorIsShortAndFitForUrls() {
    Thing thing =
        new Thing(
            "me", "vol_loc_0123456789abcdefghjk", Instant.parse("9999-12-31T23:59:59.999999999Z"));
    assertThat(PageCursor.of(thing).text()).matches("[A-Za-z0-9_-]{1,120}");
    assertThat(PageCursor.parse(PageCursor.of(thing).text())).isEqualTo(PageCursor.of(thing));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "1.2",
        "1.2.",
        "1.2.../a",
        "1.2.A\0",
        "1.0000000000.a",
        "9999999999999.0.a",
        "--1.0.a",
        "1.0.a\n"
      })
  void whatNoListEndedWithIsRefused(String plain) {
    String encoded = Base64.getUrlEncoder().encodeToString(plain.getBytes(StandardCharsets.UTF_8));
    for (String cursor : List.of(plain, encoded, plain + "€", "A".repeat(1 << 20))) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> page("me", Optional.of(cursor)))
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(200));
    }
  }
}
