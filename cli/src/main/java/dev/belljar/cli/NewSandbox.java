package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.engine.egress.EgressPolicy;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a sandbox is made: what {@code run} and {@code create} have in common. */
final class NewSandbox {
  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = ByteSizeConverter.class,
      description = "The sandbox's memory, 768MiB to 4GiB; 1280MiB unless given.")
  private @Nullable ByteSize memory;

  @Option(
      names = {"-e", "--env"},
      paramLabel = "K=V",
      description = "Set an environment variable.")
  private List<String> env = new ArrayList<>();

  @Option(
      names = "--allow-net",
      paramLabel = "HOST[:PORT]",
      split = ",",
      description =
          "Let the program reach this host and no other; may be repeated, and * stands for any name"
              + " below a domain. Without it: the public internet, never this machine's networks.")
  private List<String> allowNet = new ArrayList<>();

  @Option(names = "--no-net", description = "Let the program reach nothing at all.")
  private boolean noNet;

  @Option(
      names = "--vcpus",
      paramLabel = "N",
      description = "Virtual processors, 1 to 16; 2 unless given.")
  private @Nullable Integer vcpus;

  @Option(
      names = "--processes",
      paramLabel = "N",
      description = "Processes and threads at once, 16 to 32768; 1024 unless given.")
  private @Nullable Integer processes;

  @Option(
      names = "--connect-to",
      paramLabel = "HOST:PORT:ADDRESS:PORT",
      description = "Send connections to the first pair to the second one, like curl's.")
  private List<String> connectTo = new ArrayList<>();

  @Option(
      names = "--ca-cert",
      paramLabel = "FILE",
      description = "Add certificate authorities (PEM) to those that the sandbox trusts.")
  private List<String> caCertificates = new ArrayList<>();

  @Option(
      names = "--secret",
      paramLabel = "NAME@HOST[,HOST]=VARIABLE",
      description =
          "Let requests to these hosts carry what this command's environment VARIABLE holds; the"
              + " program sees a placeholder in its variable NAME.")
  private List<String> secrets = new ArrayList<>();

  @Option(
      names = "--secret-in-body",
      paramLabel = "NAME",
      description =
          "Put that --secret into bodies of requests as well, not only into URLs and header fields;"
              + " may be repeated.")
  private List<String> secretsInBody = new ArrayList<>();

  @Option(
      names = "--net-limits",
      paramLabel = "LIMITS",
      description =
          "How much it may do on the network, as in connections=50,per-second=10,bytes=100MB,idle=30s;"
              + " 256 connections, 200 per second and 10 minutes unless given.")
  private @Nullable String netLimits;

  @Option(
      names = "--root",
      paramLabel = "NAME",
      description =
          "Boot from this volume, which keeps what is written, or this snapshot, which does not. See"
              + " 'belljar volumes'.")
  private @Nullable String root;

  @Option(
      names = "--volume",
      paramLabel = "NAME:/path",
      description = "Mount this volume there; may be repeated.")
  private List<String> volumes = new ArrayList<>();

  @Option(
      names = "--checkpoint",
      paramLabel = "NAME",
      description =
          "Go on from this checkpoint, its processes included. Memory, processors and disks are the"
              + " checkpoint's: --memory, --vcpus, --root and --volume cannot be given with it. See"
              + " 'belljar checkpoint'.")
  private @Nullable String checkpoint;

  /** What was asked for, on that server or on this machine. */
  SandboxOptions.Builder options(Optional<Endpoint> server) throws IOException {
    SandboxOptions.Builder options =
        SandboxOptions.builder().env(assignments("--env", env)).allowNet(allowNet);
    server.ifPresentOrElse(options::endpoint, options::local);
    if (checkpoint != null) {
      if (memory != null || vcpus != null) {
        throw new InvalidOptionException(
            "--checkpoint takes no --memory and no --vcpus: they are as they were when '"
                + checkpoint
                + "' was made.");
      }
      options.checkpoint(checkpoint);
    }
    if (memory != null) {
      options.memory(memory);
    }
    if (noNet) {
      options.noNet();
    }
    if (vcpus != null) {
      options.vcpus(vcpus);
    }
    if (processes != null) {
      options.processes(processes);
    }
    connectTo.forEach(options::connectTo);
    SecretOption.addAll(secrets, secretsInBody, options, System.getenv());
    if (netLimits != null) {
      options.egressLimits(EgressLimits.parse(netLimits));
    }
    if (root != null) {
      options.root(root);
    }
    volumes.forEach(volume -> VolumeOption.parse(volume).addTo(options));
    for (String file : caCertificates) {
      options.caCertificate(CertificateFile.read(file));
    }
    return options;
  }

  /** Whether it needs volumes, snapshots or checkpoints, which each server has of its own. */
  boolean namesStorage() {
    return root != null || checkpoint != null || !volumes.isEmpty();
  }

  /** Says which secrets can never be used, though nothing is wrong with them. */
  static void warnOfSecrets(SandboxOptions options, StandardStreams streams) {
    if (options.secrets().isEmpty()) {
      return;
    }
    EgressPolicy.secretsOutOfReach(options)
        .forEach(
            (name, hosts) ->
                streams.say(
                    "warning: --secret "
                        + name
                        + " will never be sent to "
                        + String.join(", ", hosts)
                        + (options.noNet()
                            ? ": with --no-net nothing is."
                            : ": --allow-net does not allow it.")));
  }

  /** {@code K=V} each. */
  static Map<String, String> assignments(String option, List<String> texts) {
    Map<String, String> map = new LinkedHashMap<>();
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals <= 0) {
        throw new InvalidOptionException(
            option + " " + text + " sets nothing. Write " + option + " NAME=VALUE.");
      }
      map.put(text.substring(0, equals), text.substring(equals + 1));
    }
    return map;
  }
}
