package dev.belljar.engine.template;

import dev.belljar.ByteSize;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.vmm.IncompleteJailException;
import dev.belljar.engine.vmm.Jail;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineFiles;
import dev.belljar.engine.vmm.MachineShape;
import dev.belljar.engine.vmm.QemuCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The templates on this host: made when first needed, kept for as long as image, QEMU and shape are
 * the same.
 */
public final class TemplateStore {
  private static final Logger LOG = LoggerFactory.getLogger(TemplateStore.class);

  /** For other processes that make one, each in seconds to minutes. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(20);

  private static final Duration BOOT_LIMIT = Duration.ofSeconds(90);
  private static final int TRIES = 3;
  private static final Duration WARM_UP_LIMIT = Duration.ofSeconds(60);

  /**
   * A kernel goes on tidying up after the last command has ended: control groups, deferred frees,
   * write-back. What it has not done when it is frozen, every restored machine does before its
   * first command, with translations of its own under emulation.
   */
  private static final Duration SETTLING = Duration.ofSeconds(2);

  private static final List<String> WARM_UP_ENVIRONMENT =
      List.of(
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME=/tmp/warm",
          "DENO_NO_UPDATE_CHECK=1",
          "LANG=C.UTF-8");

  /**
   * What everyone uses goes through the page cache before the machine is frozen. Leaves nothing
   * behind.
   */
  private static final List<String> WARM_UP =
      List.of(
          "mkdir -p /tmp/warm && cd /tmp/warm && echo 'console.log(1 + 1)' > warm.ts && deno run warm.ts && deno run -A warm.ts && deno eval 1",
          "cd /tmp/warm && echo 'console.log(1)' > warm.mjs && node warm.mjs && node -e 'require(\"fs\")'",
          "python3 -c 'import json, os, re, subprocess, sys, urllib.request'",
          "ls -l / | sort | head -n 1 | sed s/a/b/ | grep -c . ; cat /etc/os-release; id; ps; env; sudo -n true; getent hosts localhost; curl --version; git --version; echo '{}' | jq .",
          "rm -rf /tmp/warm");

  private final Directories directories;
  private final RunDirectories runs;
  private final ColdBoot boot;
  private final Jail jail;
  private final String engine;
  private final String identity;
  private final Map<MachineShape, Template> known = new ConcurrentHashMap<>();

  /**
   * For one image under one QEMU.
   *
   * @param qemuVersion a template of another version could not be restored
   */
  public TemplateStore(
      Directories directories,
      RunDirectories runs,
      ColdBoot boot,
      Jail jail,
      Image image,
      String qemuVersion)
      throws IOException {
    this.directories = directories;
    this.runs = runs;
    this.boot = boot;
    this.jail = jail;
    engine = "qemu" + qemuVersion + "-" + HostProcessor.identity() + "-" + QemuCommand.GENERATION;
    identity = image.hash() + "-" + engine;
  }

  /** Names what a frozen machine of that shape needs besides its files: it runs under no other. */
  public String engine(MachineShape shape) {
    return engine + "-" + shape.accelerator().name().toLowerCase(Locale.ROOT);
  }

  /** The template for a shape, if it was made. */
  public Optional<Template> find(MachineShape shape) {
    Path directory = directory(shape);
    if (!Files.isDirectory(directory)) {
      // Whoever empties the cache gets another.
      return Optional.empty();
    }
    Template template = known.get(shape);
    if (template != null) {
      return Optional.of(template);
    }
    Template found = new Template(directory, List.of(MachineFiles.DISK), shape);
    known.put(shape, found);
    return Optional.of(found);
  }

  /**
   * The template for a shape, made if it is not there: seconds. Of several that want it one makes
   * it and the others wait.
   */
  public Template get(MachineShape shape, Consumer<String> progress) throws IOException {
    Optional<Template> found = find(shape);
    if (found.isPresent()) {
      return found.get();
    }
    directories.make(directories.templates());
    try (BuildLock lock =
        BuildLock.acquire(directories.templates().resolve("build.lock"), LONGEST_WAIT)) {
      found = find(shape);
      if (found.isPresent()) {
        return found.get();
      }
      checkSpace(shape);
      return make(shape, progress);
    }
  }

  /** A machine whose memory does not get the room that its file has ends without a word. */
  private void checkSpace(MachineShape shape) throws IOException {
    ByteSize needed = new ByteSize((long) shape.memoryMebibytes() << 20);
    long usable = Files.getFileStore(directories.templates()).getUsableSpace();
    if (usable < needed.bytes()) {
      throw new IOException(
          "A template for machines of this size needs %s in %s, and %s are free. Make room, or set BELLJAR_CACHE to a directory on another disk."
              .formatted(needed, directories.cache(), new ByteSize(usable)));
    }
  }

  private Template make(MachineShape shape, Consumer<String> progress) throws IOException {
    IOException failure = new IOException("no try was made");
    for (int attempt = 1; attempt <= TRIES; attempt++) {
      progress.accept("Booting a machine to make a template of it");
      Path making = directories.templates().resolve("making");
      FileTree.delete(making);
      Files.createDirectory(making);
      try {
        freeze(shape, making, progress);
        Path directory = directory(shape);
        Files.move(making, directory, StandardCopyOption.ATOMIC_MOVE);
        Template template = new Template(directory, List.of(MachineFiles.DISK), shape);
        known.put(shape, template);
        return template;
      } catch (IncompleteJailException e) {
        throw e;
      } catch (IOException e) {
        LOG.info("Making a template failed (try {} of {}): {}", attempt, TRIES, e.getMessage());
        failure = e;
      } finally {
        FileTree.delete(making);
      }
    }
    throw failure;
  }

  private void freeze(MachineShape shape, Path making, Consumer<String> progress)
      throws IOException {
    try (Machine machine = boot.boot(shape, making, runs.create(), BOOT_LIMIT)) {
      progress.accept("Warming the template up");
      for (String command : WARM_UP) {
        run(machine.agent(), command);
      }
      machine.agent().sync(true);
      settle();
      progress.accept("Freezing the template");
      machine.freeze(making.resolve(MachineFiles.STATE));
    } catch (AgentErrorException e) {
      throw new IOException("The guest failed while the template was made: " + e.getMessage(), e);
    }
    boot.createDisk(
        making.resolve(Template.EMPTY_DISK), Jail.TEMPLATE + "/" + MachineFiles.DISK, "qcow2");
    jail.takeBack(making);
    FileTree.makeReadable(making);
    FileTree.force(making);
  }

  private static void run(Agent agent, String command) throws IOException, AgentErrorException {
    AgentProcess process =
        agent.spawn(
            new AgentProcess.Start(
                List.of("/bin/bash", "-c", command),
                WARM_UP_ENVIRONMENT,
                "/tmp",
                "app",
                022,
                false,
                false,
                false,
                0,
                0));
    try {
      int code = process.exit().get(WARM_UP_LIMIT.toSeconds(), TimeUnit.SECONDS).code();
      if (code != 0) {
        throw new IOException("'" + command + "' ended with exit code " + code + " in the guest");
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("'" + command + "' did not end in the guest", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while making a template.");
    }
  }

  private static void settle() throws IOException {
    try {
      Thread.sleep(SETTLING);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while making a template.");
    }
  }

  private Path directory(MachineShape shape) {
    return directories
        .templates()
        .resolve(
            "%s-%s-%dM-%dcpu"
                .formatted(
                    identity,
                    shape.accelerator().name().toLowerCase(Locale.ROOT),
                    shape.memoryMebibytes(),
                    shape.vcpus()));
  }
}
