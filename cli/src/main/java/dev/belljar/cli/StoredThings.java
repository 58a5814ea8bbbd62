package dev.belljar.cli;

import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * How volumes, snapshots or checkpoints are shown.
 *
 * @param kind one of them, in a word
 * @param json all that is known of one
 * @param line one in a list
 * @param facts all that is known of one, for people
 */
record StoredThings<T>(
    String kind, Function<T, ObjectNode> json, Function<T, String> line, Function<T, Facts> facts) {

  /** What a list is asked with. */
  static final class ListOptions {
    @Option(
        names = "--search",
        paramLabel = "TEXT",
        description = "Only those with this in their slug.")
    private @Nullable String search;

    @Option(names = "--json", description = "Print one JSON array.")
    private boolean json;
  }

  /** Prints a list of all. */
  int list(Function<PageRequest, Page<T>> pages, ListOptions options, StandardStreams streams)
      throws IOException {
    var found = AllPages.of(pages, Optional.ofNullable(options.search));
    if (options.json) {
      ArrayNode list = JsonNodeFactory.instance.arrayNode();
      found.forEach(thing -> list.add(json.apply(thing)));
      JsonOutput.print(list, streams.out());
      return ExitCode.SUCCESS;
    }
    StringBuilder text = new StringBuilder();
    found.forEach(thing -> text.append(line.apply(thing).stripTrailing()).append('\n'));
    streams.print(text.toString());
    return ExitCode.SUCCESS;
  }

  /** Prints what is known of one. */
  int one(Optional<T> found, String name, boolean asJson, StandardStreams streams)
      throws IOException {
    return one(found, name, () -> Optional.empty(), asJson, streams);
  }

  /**
   * Prints what is known of one.
   *
   * @param other asked where it is not there: the kind of what has that name instead
   */
  int one(
      Optional<T> found,
      String name,
      Supplier<Optional<String>> other,
      boolean asJson,
      StandardStreams streams)
      throws IOException {
    T thing = found.orElseThrow(() -> unknown(name, other.get()));
    if (asJson) {
      JsonOutput.print(json.apply(thing), streams.out());
    } else {
      streams.print(facts.apply(thing).toString());
    }
    return ExitCode.SUCCESS;
  }

  private StorageException unknown(String name, Optional<String> other) {
    String but = other.map(", but a %s of that name"::formatted).orElse("");
    return new StorageException(
        Reason.NOT_FOUND,
        "There is no %s '%s'%s. See: belljar %ss list"
            .formatted(kind, name, but, other.orElse(kind)));
  }
}
