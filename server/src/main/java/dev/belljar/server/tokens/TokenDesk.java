package dev.belljar.server.tokens;

import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.MetadataStore;
import dev.belljar.server.store.StoreConfig;
import dev.belljar.server.store.TokenRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Where tokens are made, listed and revoked. An embedded database belongs to the server while that
 * runs, so the server is asked then. Methods block.
 */
public interface TokenDesk extends AutoCloseable {

  /** Makes a token; see {@link dev.belljar.server.store.Tokens#create}. */
  CreatedToken create(String organization, String name);

  /** All tokens, oldest first. */
  List<TokenRecord> list();

  /**
   * Revokes a token.
   *
   * @return false where there is no such token, or it was revoked before
   */
  boolean revoke(String id);

  @Override
  void close();

  /**
   * The desk of a data directory.
   *
   * @throws dev.belljar.server.store.StoreException where it cannot be used
   */
  static TokenDesk open(Path data, StoreConfig store) {
    Path socket = RunningServer.socket(data);
    if (Files.exists(socket)) {
      try {
        return new RunningServer(socket);
      } catch (IOException e) {
        // Left over from a server that was killed.
      }
    }
    return new Direct(MetadataStore.open(store));
  }

  /**
   * Nobody else uses the database.
   *
   * @param store closed with this
   */
  record Direct(MetadataStore store) implements TokenDesk {
    @Override
    public CreatedToken create(String organization, String name) {
      return store.tokens().create(organization, name);
    }

    @Override
    public List<TokenRecord> list() {
      return store.tokens().list();
    }

    @Override
    public boolean revoke(String id) {
      return store.tokens().revoke(id);
    }

    @Override
    public void close() {
      store.close();
    }
  }
}
