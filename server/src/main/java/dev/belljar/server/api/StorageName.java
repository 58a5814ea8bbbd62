package dev.belljar.server.api;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import io.javalin.http.Context;
import java.util.regex.Pattern;

/** Ids and slugs of volumes, snapshots and checkpoints. */
final class StorageName {
  private static final Pattern FORM = Pattern.compile("[A-Za-z0-9_-]{1,64}");

  private StorageName() {}

  /**
   * That in the path of a request.
   *
   * @throws StorageException where there can be none of that name
   */
  static String of(Context context) {
    String name = context.pathParam("id");
    if (!fits(name)) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "Neither a volume nor a snapshot nor a checkpoint can have that id or slug.");
    }
    return name;
  }

  /** Whether there can be one of that id or slug; no other text reaches an engine. */
  static boolean fits(String text) {
    return FORM.matcher(text).matches();
  }
}
