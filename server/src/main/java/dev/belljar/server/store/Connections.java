package dev.belljar.server.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;

/** The connections to one database. */
final class Connections implements AutoCloseable {
  private static final int MOST = 4;
  private static final long PATIENCE_MILLIS = 10_000;

  /** H2's code for a database that another process has open. */
  private static final int ALREADY_OPEN = 90020;

  /** Two blocks of header and some content. */
  private static final long SHORTEST_FILE = 3 * 4096;

  private final Optional<EmbeddedDirectory> directory;
  private final Optional<Connection> anchor;
  private final HikariDataSource pool;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Connections(
      Optional<EmbeddedDirectory> directory, Optional<Connection> anchor, HikariDataSource pool) {
    this.directory = directory;
    this.anchor = anchor;
    this.pool = pool;
  }

  static Connections open(StoreConfig config) {
    Optional<EmbeddedDirectory> directory = config.directory().map(EmbeddedDirectory::claim);
    Optional<Connection> anchor = Optional.empty();
    try {
      anchor = connect(config, directory);
      directory.ifPresent(EmbeddedDirectory::restrictFiles);
      return new Connections(directory, anchor, pool(config));
    } catch (RuntimeException | Error e) {
      close(anchor, directory);
      throw e;
    }
  }

  /**
   * Connects before there is a pool, which would log and repeat what fails here. H2 closes a
   * database with its last connection: an embedded one keeps this connection, so that it stays
   * open, and locked, whatever the pool does.
   */
  private static Optional<Connection> connect(
      StoreConfig config, Optional<EmbeddedDirectory> directory) {
    config.file().ifPresent(Connections::checkNotCutOff);
    Properties properties = properties(config);
    properties.setProperty("user", config.user());
    properties.setProperty("password", config.password());
    try {
      Connection connection = DriverManager.getConnection(config.jdbcUrl(), properties);
      if (directory.isPresent()) {
        return Optional.of(connection);
      }
      connection.close();
      return Optional.empty();
    } catch (SQLException e) {
      if (directory.isPresent() && e.getErrorCode() == ALREADY_OPEN) {
        throw new StoreInUseException(directory.get().path(), e);
      }
      throw new StoreException(
          "The metadata store at %s cannot be opened: %s".formatted(config.where(), e.getMessage()),
          e);
    }
  }

  /**
   * H2 would take a file that lost its beginning for a new database, in which nobody has a token.
   */
  private static void checkNotCutOff(Path file) {
    try {
      if (Files.exists(file) && Files.size(file) < SHORTEST_FILE) {
        throw new StoreException(
            "The metadata store at %s is cut off: it has %d bytes. Put a copy of it in its place, or remove it to begin without tokens and sandboxes."
                .formatted(file, Files.size(file)),
            new EOFException("less than the header"));
      }
    } catch (IOException e) {
      throw new StoreException("The metadata store at " + file + " cannot be read.", e);
    }
  }

  private static HikariDataSource pool(StoreConfig config) {
    HikariConfig settings = new HikariConfig();
    settings.setPoolName("belljar-metadata");
    settings.setJdbcUrl(config.jdbcUrl());
    settings.setUsername(config.user());
    settings.setPassword(config.password());
    settings.setDataSourceProperties(properties(config));
    settings.setMaximumPoolSize(MOST);
    settings.setMinimumIdle(1);
    settings.setConnectionTimeout(PATIENCE_MILLIS);
    // The first connection is made at once, and failing, is not tried again: one has just
    // succeeded.
    settings.setInitializationFailTimeout(1);
    if (config.directory().isPresent()) {
      // Within a process connections neither break nor age.
      settings.setMaxLifetime(0);
    }
    return new HikariDataSource(settings);
  }

  /** A server that is gone is noticed; settings in the URL win over these. */
  private static Properties properties(StoreConfig config) {
    Properties properties = new Properties();
    if (config.directory().isEmpty()) {
      properties.setProperty("ApplicationName", "belljar");
      properties.setProperty("connectTimeout", "10");
      properties.setProperty("socketTimeout", "30");
      properties.setProperty("tcpKeepAlive", "true");
      // Details of errors quote values of rows.
      properties.setProperty("logServerErrorDetail", "false");
    }
    return properties;
  }

  /** Whether an embedded database has closed itself, and every connection with it. */
  boolean broken() {
    if (closed.get()) {
      return true;
    }
    if (anchor.isEmpty()) {
      return false;
    }
    try (Statement any = anchor.get().createStatement()) {
      return !any.execute("select count(*) from information_schema.tables");
    } catch (SQLException e) {
      return true;
    }
  }

  DataSource pool() {
    return pool;
  }

  @Override
  public void close() {
    // Once only: by the second time the directory may be another store's.
    boolean broken = broken();
    if (closed.compareAndSet(false, true)) {
      pool.close();
      try {
        close(anchor, directory);
      } catch (StoreException e) {
        if (!broken) {
          throw e;
        }
      }
    }
  }

  private static void close(Optional<Connection> anchor, Optional<EmbeddedDirectory> directory) {
    try {
      if (anchor.isPresent()) {
        anchor.get().close();
      }
    } catch (SQLException e) {
      throw new StoreException("The metadata store was not closed cleanly.", e);
    } finally {
      directory.ifPresent(EmbeddedDirectory::close);
    }
  }
}
