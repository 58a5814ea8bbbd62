package dev.belljar.cli;

import dev.belljar.ChildProcessStatus;
import dev.belljar.EgressRecord;
import dev.belljar.Isolation;
import dev.belljar.Signal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code run --json} prints.
 *
 * @param end how the program ended
 * @param stdout what it wrote
 * @param stderr what it wrote to standard error
 * @param timings how long each part took
 * @param isolation what separated it from this host
 * @param egress the connections that it made or tried
 */
record RunReport(
    ProgramEnd end,
    BoundedCapture stdout,
    BoundedCapture stderr,
    Timings timings,
    Isolation isolation,
    List<EgressRecord> egress) {

  /** How long each part took. */
  record Timings(Duration create, Duration copy, Duration run) {}

  /** As one JSON object. */
  ObjectNode toJson() {
    ObjectNode report = JsonNodeFactory.instance.objectNode();
    ChildProcessStatus status = end.status();
    report
        .putObject("status")
        .put("success", status.success() && !end.timedOut())
        .put("code", end.exitStatus())
        .put("signal", status.signal().map(Signal::name).orElse(null))
        .put("timedOut", end.timedOut())
        .put("outOfMemory", status.oom().name().toLowerCase(Locale.ROOT));
    put(report, "stdout", stdout);
    put(report, "stderr", stderr);
    report
        .putObject("timings")
        .put("createMillis", timings.create.toMillis())
        .put("copyMillis", timings.copy.toMillis())
        .put("runMillis", timings.run.toMillis());
    report
        .putObject("isolation")
        .put("engine", isolation.engine())
        .put("accelerator", isolation.accelerator())
        .put("hardware", isolation.hardware())
        .put("jail", isolation.jail())
        .put("image", isolation.image());
    ArrayNode connections = report.putArray("egress");
    for (EgressRecord connection : egress) {
      connections
          .addObject()
          .put("time", connection.time().toString())
          .put("host", connection.host())
          .put("port", connection.port())
          .put("address", connection.address().orElse(null))
          .put("verdict", connection.verdict().name().toLowerCase(Locale.ROOT))
          .put("reason", connection.reason())
          .put("bytesOut", connection.bytesOut())
          .put("bytesIn", connection.bytesIn())
          .put("durationMillis", connection.duration().toMillis());
    }
    return report;
  }

  /** As text where it is text; bytes that are none must not be mangled into it. */
  private static void put(ObjectNode report, String name, BoundedCapture capture) {
    byte[] bytes = capture.bytes();
    try {
      report.put(
          name, StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException e) {
      report.put(name + "Base64", Base64.getEncoder().encodeToString(bytes));
    }
    report.put(name + "Truncated", capture.truncated());
  }
}
