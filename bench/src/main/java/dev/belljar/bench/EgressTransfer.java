package dev.belljar.bench;

import com.sun.net.httpserver.HttpServer;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.engine.vmm.HostTools;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** 64 MiB from a server on this host's loopback, through egress. */
final class EgressTransfer implements Subject {
  private static final int SIZE = 64 << 20;

  @Override
  public String name() {
    return "egress";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      byte[] body = new byte[SIZE];
      server.createContext(
          "/",
          exchange -> {
            exchange.sendResponseHeaders(200, SIZE);
            try (OutputStream out = exchange.getResponseBody()) {
              out.write(body);
            }
          });
      server.setExecutor(threads);
      server.start();
      return measure(bench, server.getAddress().getPort());
    } finally {
      server.stop(0);
    }
  }

  private static List<Measurement> measure(Workbench bench, int port) throws Exception {
    String options = "-fsS";
    SandboxOptions redirected =
        SandboxOptions.builder()
            .connectTo(new SandboxOptions.ConnectTo("bench.test", 80, "127.0.0.1", port))
            .build();
    try (Sandbox sandbox = Sandbox.create(redirected)) {
      GuestCommand guest =
          GuestCommand.of("curl", options, "-o", "/dev/null", "http://bench.test/64M");
      List<Task> tasks = new ArrayList<>();
      tasks.add(
          into -> {
            long began = System.nanoTime();
            guest.text(sandbox);
            into.addRateSince("guest", began, SIZE);
          });
      if (HostTools.locate("curl").isPresent()) {
        String url = "http://127.0.0.1:" + port + "/64M";
        HostCommand host = HostCommand.of("curl", options, "-o", "/dev/null", url);
        tasks.add(
            into -> {
              long began = System.nanoTime();
              host.run();
              into.addRateSince("native", began, SIZE);
            });
      }
      Recording recording = bench.rounds().play(tasks);
      Unit rate = Unit.MEGABYTES_PER_SECOND;
      return List.of(
          new Measurement(
              "egress",
              "`curl` of 64 MiB from this host through egress",
              recording.samples("guest", rate),
              recording.alternatives(rate, "native").toArray(Alternative[]::new)));
    }
  }
}
