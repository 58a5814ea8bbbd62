package dev.belljar.server.store;

import dev.belljar.InvalidOptionException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which database the metadata is in.
 *
 * @param jdbcUrl {@code jdbc:postgresql:...}, or what {@link #embedded} makes
 * @param user whom to log in as
 * @param password may be empty
 */
public record StoreConfig(String jdbcUrl, String user, String password) {

  // async: reads and writes with a channel that an interrupted thread does not close for all
  // others.
  private static final String EMBEDDED = "jdbc:h2:async:";

  private static final String DATABASE = "metadata";

  // - DB_CLOSE_ON_EXIT: the server ends its sandboxes while the JVM exits, and has to write that
  // down; H2 would close the database under it.
  // - WRITE_DELAY: a commit is in the file when it returns, so a killed server forgets no
  // revocation.
  // - TRACE_LEVEL_FILE: no trace file; it would hold statements.
  private static final String SETTINGS =
      ";DB_CLOSE_ON_EXIT=FALSE;WRITE_DELAY=0;LOCK_TIMEOUT=10000;TRACE_LEVEL_FILE=0;TRACE_LEVEL_SYSTEM_OUT=0";

  /** Checks that the database is one of the two kinds that Belljar is tested with. */
  public StoreConfig {
    if (!jdbcUrl.startsWith(EMBEDDED + "/") && !jdbcUrl.startsWith("jdbc:postgresql:")) {
      throw new InvalidOptionException(
          "The URL of the metadata store must begin with 'jdbc:postgresql:'. Without one, metadata is kept in the data directory.");
    }
  }

  /**
   * A database in files, in {@code dataDir/metadata}, a directory that only its owner can enter.
   * One process at a time can open it.
   *
   * @throws InvalidOptionException if the path contains a semicolon, which H2 would read as the
   *     start of its settings
   */
  public static StoreConfig embedded(Path dataDir) {
    Path database = dataDir.toAbsolutePath().normalize().resolve(DATABASE).resolve(DATABASE);
    if (database.toString().indexOf(';') >= 0) {
      throw new InvalidOptionException(
          "The data directory "
              + dataDir
              + " has a ';' in its path, which the database cannot have.");
    }
    return new StoreConfig(EMBEDDED + database + SETTINGS, "belljar", "");
  }

  /** The files of an embedded database are the only ones in this directory. */
  Optional<Path> directory() {
    if (!jdbcUrl.startsWith(EMBEDDED)) {
      return Optional.empty();
    }
    return Optional.ofNullable(Path.of(withoutSettings().substring(EMBEDDED.length())).getParent());
  }

  /** The file that H2 makes of an embedded database's path. */
  Optional<Path> file() {
    return directory().map(directory -> directory.resolve(DATABASE + ".mv.db"));
  }

  /** What an operator recognizes the database by, free of secrets. */
  String where() {
    return directory().map(Path::toString).orElseGet(this::withoutSettings);
  }

  /** A URL of PostgreSQL may carry the password among its settings, so those are not shown. */
  private String withoutSettings() {
    return jdbcUrl.split(jdbcUrl.startsWith(EMBEDDED) ? ";" : "\\?", 2)[0];
  }

  /** Shows neither the password nor the settings of the URL. */
  @Override
  public String toString() {
    return "StoreConfig[" + withoutSettings() + ", user=" + user + "]";
  }
}
