package dev.belljar.bench;

import dev.belljar.engine.vmm.Machine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Boots that make templates, one after another, with what tells a sound one: the agent greets, and
 * the guest's clock is one of microseconds. No boot is tried again here, as making a template
 * would.
 */
final class TemplateBoots implements Subject {
  private static final String CLOCK =
      "/sys/devices/system/clocksource/clocksource0/current_clocksource";

  @Override
  public String name() {
    return "boots";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    int sound = 0;
    StringBuilder failures = new StringBuilder();
    Recording recording = new Recording();
    try (ColdMachines machines = ColdMachines.open()) {
      for (int i = 1; i <= bench.runs(); i++) {
        long began = System.nanoTime();
        try (Machine machine = machines.boot()) {
          recording.addMillisSince("boot", began);
          String clock = clock(machine);
          if (clock.equals("tsc") || clock.equals("kvm-clock")) {
            sound++;
          } else {
            failures
                .append("; boot ")
                .append(i)
                .append(" has the clock '")
                .append(clock)
                .append('\'');
          }
        } catch (IOException e) {
          failures.append("; boot ").append(i).append(": ").append(e.getMessage());
        }
        System.err.println("boot " + i + ": " + sound + " of " + i + " sound");
      }
    }
    bench
        .notes()
        .add(
            "boots: "
                + sound
                + " of "
                + bench.runs()
                + " came up at the first try, with a clock of microseconds"
                + failures);
    if (sound < bench.runs()) {
      throw new IOException(bench.runs() - sound + " boots failed");
    }
    return List.of(
        new Measurement(
            "boot",
            "boot a machine for a template, to the agent's greeting",
            recording.samples("boot", Unit.MILLISECONDS)));
  }

  private static String clock(Machine machine) throws IOException {
    try (InputStream in = machine.agent().files().read(0, CLOCK)) {
      return new String(in.readNBytes(100), StandardCharsets.US_ASCII).strip();
    } catch (dev.belljar.engine.agent.AgentErrorException e) {
      throw new IOException("the guest does not say what clock it has: " + e.getMessage(), e);
    }
  }
}
