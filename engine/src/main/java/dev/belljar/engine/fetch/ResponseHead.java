package dev.belljar.engine.fetch;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Status line and headers of an answer, as curl dumps them; names in lower case. */
record ResponseHead(int status, String statusText, List<Map.Entry<String, String>> headers) {
  private static final int LARGEST = 256 << 10;
  private static final Pattern STATUS =
      Pattern.compile("HTTP/[0-9.]{1,4} ([1-9][0-9]{2})(?: (.*))?");

  /** What curl undoes. */
  private static final Set<String> ENCODINGS = Set.of("gzip", "x-gzip", "deflate", "br", "zstd");

  /**
   * Reads up to the end of the first head that is not for information only (1xx).
   *
   * @param words takes lines that are no head: what curl has to say
   * @return empty where there is none
   */
  static Optional<ResponseHead> read(InputStream dump, List<String> words) throws IOException {
    int budget = LARGEST;
    while (true) {
      List<String> lines = new ArrayList<>();
      while (true) {
        Optional<String> line = line(dump, budget);
        if (line.isEmpty()) {
          return Optional.empty();
        }
        budget -= line.get().length() + 1;
        if (budget <= 0) {
          throw tooLarge();
        }
        if (lines.isEmpty() && !line.get().startsWith("HTTP/")) {
          if (!line.get().isBlank()) {
            words.add(line.get());
          }
        } else if (line.get().isEmpty()) {
          break;
        } else {
          lines.add(line.get());
        }
      }
      ResponseHead head = parse(lines);
      if (head.status >= 200 || head.status == 101) {
        return Optional.of(head);
      }
    }
  }

  /** Whether the body is not as it was sent, so that what these headers say of it is wrong. */
  private boolean decoded() {
    List<String> encodings =
        headers.stream()
            .filter(header -> header.getKey().equals("content-encoding"))
            .flatMap(header -> Pattern.compile(",").splitAsStream(header.getValue()))
            .map(encoding -> encoding.strip().toLowerCase(Locale.ROOT))
            .toList();
    return !encodings.isEmpty() && ENCODINGS.containsAll(encodings);
  }

  /** Less the headers that no longer hold for the body that curl gives. */
  ResponseHead ofDecodedBody() {
    if (!decoded()) {
      return this;
    }
    return new ResponseHead(
        status,
        statusText,
        headers.stream()
            .filter(
                header -> !Set.of("content-encoding", "content-length").contains(header.getKey()))
            .toList());
  }

  private static ResponseHead parse(List<String> lines) throws IOException {
    Matcher first = STATUS.matcher(lines.getFirst());
    if (!first.matches()) {
      throw new IOException("the answer is not HTTP");
    }
    List<Map.Entry<String, String>> headers = new ArrayList<>();
    for (String line : lines.subList(1, lines.size())) {
      int colon = line.indexOf(':');
      boolean folded = line.startsWith(" ") || line.startsWith("\t");
      if (folded && !headers.isEmpty()) {
        Map.Entry<String, String> last = headers.removeLast();
        headers.add(Map.entry(last.getKey(), (last.getValue() + " " + line.strip()).strip()));
      } else if (!folded && colon > 0) {
        headers.add(
            Map.entry(
                line.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                line.substring(colon + 1).strip()));
      }
    }
    String text = first.group(2);
    return new ResponseHead(
        Integer.parseInt(first.group(1)), text == null ? "" : text.strip(), headers);
  }

  /** A line without its end; bytes as ISO 8859-1, as the Fetch standard has it. */
  private static Optional<String> line(InputStream dump, int budget) throws IOException {
    StringBuilder line = new StringBuilder();
    int next;
    while ((next = dump.read()) != '\n') {
      if (next < 0) {
        return line.isEmpty() ? Optional.empty() : Optional.of(line.toString());
      }
      if (line.length() >= budget) {
        throw tooLarge();
      }
      line.append((char) next);
    }
    if (!line.isEmpty() && line.charAt(line.length() - 1) == '\r') {
      line.setLength(line.length() - 1);
    }
    return Optional.of(line.toString());
  }

  private static IOException tooLarge() {
    return new IOException("the head of the answer is larger than " + LARGEST + " bytes");
  }
}
