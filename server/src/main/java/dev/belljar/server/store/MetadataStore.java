package dev.belljar.server.store;

/**
 * What the server remembers across restarts. Its methods, and those of its parts, block for the
 * time of a query, may be called by many threads at once, and throw {@link StoreException} when the
 * database fails or does not answer within 30 s. An interrupt does not end them.
 */
public final class MetadataStore implements AutoCloseable {
  private final Database database;
  private final Tokens tokens;
  private final Sandboxes sandboxes;

  private MetadataStore(Database database) {
    this.database = database;
    this.tokens = new Tokens(database);
    this.sandboxes = new Sandboxes(database);
  }

  /**
   * Opens the database, makes it if there is none, and brings its tables up to date.
   *
   * @throws StoreInUseException if the database is embedded and open already
   * @throws StoreException if it cannot be reached or used, or was written by a newer Belljar
   */
  public static MetadataStore open(StoreConfig config) {
    return new MetadataStore(Database.open(config));
  }

  /** Who may use the server. */
  public Tokens tokens() {
    return tokens;
  }

  /** Which sandboxes there are and were. */
  public Sandboxes sandboxes() {
    return sandboxes;
  }

  /** Waits for what is being written; calls after this fail. More than once is as good as once. */
  @Override
  public void close() {
    database.close();
  }
}
