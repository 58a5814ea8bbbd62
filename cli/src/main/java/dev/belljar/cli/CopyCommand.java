package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code belljar copy}. */
@Command(
    name = "copy",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Copies a file or a directory tree into a sandbox of a server, or out of it. The target is what it"
          + " will be called; where that is a directory already, it goes into it. Links are copied"
          + " inwards only.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  belljar copy data.csv $id:/tmp/data.csv",
      "  belljar copy src $id:src                  into /home/app/src",
      "  belljar copy $id:/tmp/result.json ."
    })
final class CopyCommand implements Callable<Integer> {
  private static final Pattern REMOTE = Pattern.compile("(sbx_[a-z]{3}_[0-9a-z]+):(.*)");

  @Parameters(index = "0", paramLabel = "FROM", description = "A path here, or ID:PATH.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String from;

  @Parameters(index = "1", paramLabel = "TO", description = "A path here, or ID:PATH.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String to;

  @Mixin private EndpointOptions server = new EndpointOptions();

  @Override
  public Integer call() throws IOException {
    Matcher source = REMOTE.matcher(from);
    Matcher target = REMOTE.matcher(to);
    boolean out = source.matches();
    if (out == target.matches()) {
      throw new InvalidOptionException(
          "Say ID:PATH for one of the two, for example: belljar copy data.csv sbx_…:/tmp/data.csv");
    }
    Matcher remote = out ? source : target;
    String path = GuestPath.absolute(remote.group(2));
    try (Sandbox sandbox = Sandbox.connect(remote.group(1), server.require())) {
      if (out) {
        download(sandbox, path);
      } else {
        upload(sandbox, path);
      }
    }
    return ExitCode.SUCCESS;
  }

  private void download(Sandbox sandbox, String path) throws IOException {
    Path local = LocalPath.of(to);
    if (Files.isDirectory(local)) {
      local = local.resolve(name(path));
    }
    sandbox.fs().download(path, local);
  }

  private void upload(Sandbox sandbox, String path) throws IOException {
    Path local = LocalPath.of(from);
    if (!Files.exists(local)) {
      throw new InvalidOptionException(from + ": there is no such file or directory.");
    }
    String target = path;
    if (isDirectory(sandbox, path)) {
      target =
          (path.endsWith("/") ? path : path + "/")
              + Optional.ofNullable(local.toRealPath().getFileName())
                  .map(Path::toString)
                  .orElse("");
    }
    sandbox.fs().upload(local, target);
  }

  private static boolean isDirectory(Sandbox sandbox, String path) {
    return sandbox.fs().exists(path) && sandbox.fs().stat(path).isDirectory();
  }

  private static String name(String path) {
    String bare = path.replaceAll("/+$", "");
    String name = bare.substring(bare.lastIndexOf('/') + 1);
    if (name.isEmpty() || name.equals("..") || name.equals(".")) {
      throw new InvalidOptionException("Say what " + path + " is to be called here.");
    }
    return name;
  }
}
