package dev.belljar.server.store;

import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.exception.FlywayValidateException;
import org.jdbi.v3.core.HandleCallback;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.jdbi.v3.core.statement.StatementExceptions;
import org.jdbi.v3.core.statement.StatementExceptions.MessageRendering;

/** A database whose tables are up to date, and how statements are run on it. */
final class Database implements AutoCloseable {
  private final StoreConfig config;
  private Connections connections;
  private Jdbi jdbi;
  private boolean closed;

  /** Since something failed. */
  private volatile boolean doubted;

  private Database(StoreConfig config, Connections connections) {
    this.config = config;
    this.connections = connections;
    this.jdbi = jdbi(connections);
  }

  private static Jdbi jdbi(Connections connections) {
    Jdbi jdbi = Jdbi.create(connections.pool()).registerArgument(new Times());
    // All other renderings put the values of a statement, which are the clients', into messages.
    jdbi.getConfig(StatementExceptions.class).setMessageRendering(MessageRendering.NONE);
    return jdbi;
  }

  static Database open(StoreConfig config) {
    return uninterrupted(
        () -> {
          Connections connections = Connections.open(config);
          try {
            migrate(config, connections.pool());
            return new Database(config, connections);
          } catch (RuntimeException | Error e) {
            connections.close();
            throw e;
          }
        });
  }

  private static void migrate(StoreConfig config, DataSource pool) {
    try {
      Flyway.configure()
          .dataSource(pool)
          .locations("classpath:dev/belljar/server/store")
          .loggers("slf4j")
          .cleanDisabled(true)
          .connectRetries(0)
          // By default a database from a newer release would be taken as it is.
          .ignoreMigrationPatterns(new String[0])
          .load()
          .migrate();
    } catch (FlywayValidateException e) {
      throw new StoreException(
          "The metadata store at %s was written by another release of Belljar, most likely a newer one. Use that release, or another data directory."
              .formatted(config.where()),
          e);
    } catch (FlywayException e) {
      throw new StoreException(
          "The tables of the metadata store at %s could not be brought up to date: %s"
              .formatted(config.where(), e.getMessage()),
          e);
    }
  }

  /** Runs statements on a connection of their own. */
  <T> T call(HandleCallback<T, RuntimeException> statements) {
    try {
      return uninterrupted(() -> usable().withHandle(statements));
    } catch (JdbiException e) {
      doubted = true;
      // The database's own message is left to the cause: it may quote what clients sent.
      throw new StoreException("The metadata store at " + config.where() + " failed" + state(e), e);
    }
  }

  /** As {@link #call}; what is changed is on the disk, and not only on its way, at the return. */
  <T> T callAndSync(HandleCallback<T, RuntimeException> statements) {
    boolean embedded = config.directory().isPresent();
    return call(
        handle -> {
          T result = statements.withHandle(handle);
          if (embedded) {
            handle.execute("checkpoint sync");
          }
          return result;
        });
  }

  /**
   * An embedded database that could not write, most likely for want of room, has closed itself for
   * good: it is opened again, for as often as it takes.
   */
  private synchronized Jdbi usable() {
    if (doubted && !closed && connections.broken()) {
      connections.close();
      connections = Connections.open(config);
      jdbi = jdbi(connections);
    }
    doubted = doubted && closed;
    return jdbi;
  }

  /**
   * Does work on a thread of its own, out of reach of interrupts of the caller, which stay pending.
   * One would break a connection or the closing of an embedded database, and leave open whether,
   * say, a sandbox is on record as stopped.
   */
  private static <T> T uninterrupted(Supplier<T> work) {
    try {
      return CompletableFuture.supplyAsync(work, Thread::startVirtualThread).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw e;
    }
  }

  private static String state(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException e && e.getSQLState() != null) {
        return " with SQLSTATE " + e.getSQLState() + ".";
      }
    }
    return ".";
  }

  @Override
  public void close() {
    uninterrupted(
        () -> {
          closeConnections();
          return true;
        });
  }

  private synchronized void closeConnections() {
    closed = true;
    connections.close();
  }
}
