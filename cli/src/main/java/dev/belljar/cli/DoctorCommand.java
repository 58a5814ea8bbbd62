package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.engine.GuestSoftware;
import dev.belljar.engine.Host;
import dev.belljar.engine.HostReport;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code belljar doctor}. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = "Says what this machine offers to sandboxes, what it lacks, and what mends that.",
    footer = {
      "",
      "Exit status: 0 when sandboxes work here, 1 when something is missing, 2 when called wrongly."
    })
final class DoctorCommand implements Callable<Integer> {
  private final StandardStreams streams;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--sbom",
      description =
          "Print a software bill of materials instead, in CycloneDX's JSON: the libraries on the class"
              + " path and the packages in the guest's image.")
  private boolean sbom;

  DoctorCommand(StandardStreams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() {
    CommandLogging.to(streams, json ? CommandLogging.Detail.WARNINGS : CommandLogging.Detail.NOTES);
    if (sbom) {
      return printBill();
    }
    HostReport report = Host.inspect();
    if (json) {
      JsonOutput.print(json(report), streams.out());
    } else {
      streams.print(text(report));
    }
    return report.ready() ? ExitCode.SUCCESS : ExitCode.FAILURE;
  }

  private int printBill() {
    try {
      Optional<GuestSoftware> guest = GuestSoftware.read();
      if (guest.isEmpty()) {
        streams.say("the guest's image is not built yet, and left out. 'belljar setup' builds it.");
      }
      JsonOutput.print(
          SoftwareBill.document(BelljarCommand.Version.text(), SoftwareBill.classPath(), guest),
          streams.out());
      return ExitCode.SUCCESS;
    } catch (IOException e) {
      throw new BelljarException("There is no software bill: " + e.getMessage(), e);
    }
  }

  private static ObjectNode json(HostReport report) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("version", BelljarCommand.Version.text()).put("ready", report.ready());
    ArrayNode findings = object.putArray("findings");
    for (HostReport.Finding finding : report.findings()) {
      findings
          .addObject()
          .put("name", finding.name())
          .put("state", finding.state().name().toLowerCase(Locale.ROOT))
          .put("value", finding.value())
          .put("reason", finding.reason())
          .put("fix", finding.fix());
    }
    return object;
  }

  private static String text(HostReport report) {
    int width =
        report.findings().stream().mapToInt(finding -> finding.name().length()).max().orElse(0);
    String indent = " ".repeat(9 + width + 2);
    var text = new StringBuilder();
    for (HostReport.Finding finding : report.findings()) {
      text.append(
          String.format(
              "%-9s%-" + (width + 2) + "s%s%n", mark(finding), finding.name(), finding.value()));
      if (!finding.reason().isEmpty()) {
        text.append(indent).append(finding.reason()).append('\n');
      }
      if (!finding.fix().isEmpty()) {
        text.append(indent).append("to mend it: ").append(finding.fix()).append('\n');
      }
    }
    return text.append('\n')
        .append(
            report.ready()
                ? "Sandboxes work on this machine.\n"
                : "Sandboxes do not work on this machine yet. 'belljar setup' does what it can.\n")
        .toString();
  }

  private static String mark(HostReport.Finding finding) {
    return switch (finding.state()) {
      case OK -> "ok";
      case WARNING -> "warning";
      case MISSING -> "MISSING";
    };
  }
}
