package dev.belljar.server.api;

import java.util.regex.Pattern;

/** Ids and slugs of volumes and snapshots. */
final class StorageName {
  private static final Pattern FORM = Pattern.compile("[A-Za-z0-9_-]{1,64}");

  private StorageName() {}

  /** Whether there can be one of that id or slug; no other text reaches an engine. */
  static boolean fits(String text) {
    return FORM.matcher(text).matches();
  }
}
