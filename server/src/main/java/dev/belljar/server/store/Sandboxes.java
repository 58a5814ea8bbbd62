package dev.belljar.server.store;

import dev.belljar.InvalidOptionException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;
import org.jdbi.v3.core.statement.StatementContext;

/** Which sandboxes there are and were, each seen only by its organization. */
public final class Sandboxes {
  /** The longest page. */
  public static final int MOST_ON_A_PAGE = 1000;

  private final Database database;

  Sandboxes(Database database) {
    this.database = database;
  }

  /**
   * Puts a sandbox on record.
   *
   * @throws StoreException if one with its id is there
   */
  public void insert(SandboxRecord sandbox) {
    database.call(
        handle -> {
          handle.useTransaction(transaction -> insert(transaction, sandbox));
          return true;
        });
  }

  private static void insert(Handle handle, SandboxRecord sandbox) {
    handle
        .createUpdate(
            """
            insert into sandboxes (id, organization, created_at, stop_at, stopped_at, stop_reason,
              memory_mib, token_id)
            values (:id, :organization, :createdAt, :stopAt, :stoppedAt, :stopReason, :memoryMib,
              :tokenId)
            """)
        .bind("id", sandbox.id())
        .bind("organization", sandbox.organization())
        .bind("createdAt", sandbox.createdAt())
        .bindByType("stopAt", sandbox.stopAt().orElse(null), Instant.class)
        .bindByType("stoppedAt", sandbox.stoppedAt().orElse(null), Instant.class)
        .bind("stopReason", sandbox.stopReason().orElse(null))
        .bind("memoryMib", sandbox.memoryMib())
        .bind("tokenId", sandbox.tokenId())
        .execute();
    if (sandbox.labels().isEmpty()) {
      return;
    }
    try (var labels =
        handle.prepareBatch(
            """
            insert into sandbox_labels (sandbox_id, label_name, label_value)
            values (:id, :name, :value)
            """)) {
      sandbox
          .labels()
          .forEach(
              (name, value) ->
                  labels.bind("id", sandbox.id()).bind("name", name).bind("value", value).add());
      labels.execute();
    }
  }

  /**
   * Puts on record that a sandbox has ended. The first time and reason stay.
   *
   * @param reason cut at 500 characters
   * @return false if it is not known, or had ended before
   */
  public boolean stopped(String id, Instant when, String reason) {
    if (!Bounds.isId(id)) {
      return false;
    }
    return database.call(
            handle ->
                handle
                    .createUpdate(
                        """
                        update sandboxes set stopped_at = :when, stop_reason = :reason
                        where id = :id and stopped_at is null
                        """)
                    .bind("when", Bounds.time(when))
                    .bind("reason", Bounds.reason(reason))
                    .bind("id", id)
                    .execute())
        > 0;
  }

  /**
   * Changes when a running sandbox is to end.
   *
   * @return false if it is not known, or has ended
   * @throws InvalidOptionException if the time is not in the years 1970 to 9999
   */
  public boolean stopAt(String id, Instant when) {
    Instant stopAt = Bounds.time(when);
    if (!Bounds.isId(id)) {
      return false;
    }
    return database.call(
            handle ->
                handle
                    .createUpdate(
                        "update sandboxes set stop_at = :when where id = :id and stopped_at is null")
                    .bind("when", stopAt)
                    .bind("id", id)
                    .execute())
        > 0;
  }

  /**
   * The sandbox, unless there is none or it is another organization's. Any text may be asked for.
   */
  public Optional<SandboxRecord> find(String organization, String id) {
    Bounds.organization(organization);
    if (!Bounds.isId(id)) {
      return Optional.empty();
    }
    return database.call(
        handle ->
            sandboxes(
                    handle
                        .createQuery(withLabels("organization = :organization and id = :id"))
                        .bind("organization", organization)
                        .bind("id", id)
                        .bind("rows", 1))
                .stream()
                .findFirst());
  }

  /**
   * An organization's sandboxes, newest first. Following the cursors meets each sandbox once,
   * however many are made meanwhile; those are on the first page of the next listing.
   *
   * @param labels all of which a sandbox must have, with these values; at most 5
   * @param status which to leave out, if any
   * @param cursor from the page before; empty for the first
   * @param limit the most to return, 1 to {@link #MOST_ON_A_PAGE}
   * @throws BadCursorException if the cursor is none
   * @throws InvalidOptionException if labels or limit are out of bounds
   */
  public SandboxPage list(
      String organization,
      Map<String, String> labels,
      Optional<SandboxRecord.Status> status,
      Optional<String> cursor,
      int limit) {
    Bounds.organization(organization);
    Bounds.labels(labels);
    if (limit < 1 || limit > MOST_ON_A_PAGE) {
      throw new InvalidOptionException(
          "A page has 1 to " + MOST_ON_A_PAGE + " sandboxes, not " + limit + ".");
    }
    Optional<SandboxCursor> position = cursor.map(SandboxCursor::parse);
    List<Map.Entry<String, String>> wanted = List.copyOf(labels.entrySet());

    StringBuilder condition = new StringBuilder("organization = :organization");
    status.ifPresent(
        wantedStatus ->
            condition.append(
                switch (wantedStatus) {
                  case RUNNING -> " and stopped_at is null";
                  case STOPPED -> " and stopped_at is not null";
                }));
    if (position.isPresent()) {
      condition.append(" and created_at <= :at and (created_at < :at or id < :id)");
    }
    for (int i = 0; i < wanted.size(); i++) {
      condition.append(
          " and id in (select sandbox_id from sandbox_labels where label_name = :name%d and label_value = :value%d)"
              .formatted(i, i));
    }
    // One more than asked for tells whether there is a next page.
    List<SandboxRecord> found =
        database.call(
            handle -> {
              Query query = handle.createQuery(withLabels(condition.toString()));
              query.bind("organization", organization).bind("rows", limit + 1);
              position.ifPresent(p -> query.bind("at", p.createdAt()).bind("id", p.id()));
              for (int i = 0; i < wanted.size(); i++) {
                query.bind("name" + i, wanted.get(i).getKey());
                query.bind("value" + i, wanted.get(i).getValue());
              }
              return sandboxes(query);
            });
    if (found.size() <= limit) {
      return new SandboxPage(found, Optional.empty());
    }
    List<SandboxRecord> page = found.subList(0, limit);
    return new SandboxPage(page, Optional.of(SandboxCursor.after(page.getLast()).text()));
  }

  /**
   * Ends on record what a server that crashed left running.
   *
   * @return how many that were
   */
  public int stopAllRunning(Instant when, String reason) {
    return database.call(
        handle ->
            handle
                .createUpdate(
                    """
                    update sandboxes set stopped_at = :when, stop_reason = :reason
                    where stopped_at is null
                    """)
                .bind("when", Bounds.time(when))
                .bind("reason", Bounds.reason(reason))
                .execute());
  }

  /**
   * Forgets sandboxes that ended before then.
   *
   * @return how many that were
   */
  public int deleteStoppedBefore(Instant then) {
    return database.call(
        handle ->
            handle
                .createUpdate("delete from sandboxes where stopped_at < :then")
                .bind("then", Bounds.time(then))
                .execute());
  }

  /** How many sandboxes of an organization run. */
  public long countRunning(String organization) {
    Bounds.organization(organization);
    return database.call(
        handle ->
            handle
                .createQuery(
                    """
                    select count(*) from sandboxes
                    where organization = :organization and stopped_at is null
                    """)
                .bind("organization", organization)
                .mapTo(Long.class)
                .one());
  }

  /**
   * Sandboxes and their labels by one statement, so that none is seen without its labels while it
   * is being deleted.
   */
  private static String withLabels(String condition) {
    return """
        select s.*, l.label_name, l.label_value from (
          select * from sandboxes where %s order by created_at desc, id desc limit :rows
        ) s left join sandbox_labels l on l.sandbox_id = s.id
        order by s.created_at desc, s.id desc
        """
        .formatted(condition);
  }

  private static List<SandboxRecord> sandboxes(Query query) {
    List<LabelledRow> rows = query.map(Sandboxes::read).list();
    List<SandboxRecord> sandboxes = new ArrayList<>();
    for (int next = 0; next < rows.size(); ) {
      SandboxRecord sandbox = rows.get(next).sandbox();
      Map<String, String> labels = new TreeMap<>();
      for (; next < rows.size() && rows.get(next).sandbox().id().equals(sandbox.id()); next++) {
        rows.get(next).label().ifPresent(label -> labels.put(label.getKey(), label.getValue()));
      }
      sandboxes.add(
          new SandboxRecord(
              sandbox.id(),
              sandbox.organization(),
              sandbox.createdAt(),
              sandbox.stopAt(),
              sandbox.stoppedAt(),
              sandbox.stopReason(),
              labels,
              sandbox.memoryMib(),
              sandbox.tokenId()));
    }
    return sandboxes;
  }

  /** A sandbox comes once for each of its labels, and once if it has none. */
  private record LabelledRow(SandboxRecord sandbox, Optional<Map.Entry<String, String>> label) {}

  private static LabelledRow read(ResultSet row, StatementContext context) throws SQLException {
    var sandbox =
        new SandboxRecord(
            row.getString("id"),
            row.getString("organization"),
            Times.required(row, "created_at"),
            Times.optional(row, "stop_at"),
            Times.optional(row, "stopped_at"),
            Optional.ofNullable(row.getString("stop_reason")),
            Map.of(),
            row.getInt("memory_mib"),
            row.getString("token_id"));
    String label = row.getString("label_name");
    return new LabelledRow(
        sandbox,
        label == null
            ? Optional.empty()
            : Optional.of(Map.entry(label, row.getString("label_value"))));
  }
}
