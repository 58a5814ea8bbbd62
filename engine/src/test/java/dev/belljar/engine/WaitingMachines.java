package dev.belljar.engine;

import dev.belljar.SandboxPool;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The machines that wait in a pool. Nobody but its owner is to get at them, so they are looked for
 * in its fields.
 */
final class WaitingMachines {
  private static final String OURS = "dev.belljar.engine.";

  private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
  private final List<ReadyMachine> found = new ArrayList<>();

  private WaitingMachines() {}

  /** Of a pool that is full, so that nothing changes meanwhile. */
  static List<ReadyMachine> of(SandboxPool pool) {
    WaitingMachines search = new WaitingMachines();
    search.look(pool);
    return search.found;
  }

  /** Runs a script as root in a machine that is nobody's yet, and gives what it printed. */
  static String run(ReadyMachine machine, String script) throws IOException, AgentErrorException {
    Agent agent = machine.machine().agent();
    AgentProcess process =
        agent.spawn(
            new AgentProcess.Start(
                List.of("/bin/sh", "-ec", script + "\necho done"),
                List.of("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                "/",
                "root",
                022,
                false,
                true,
                true,
                0,
                0));
    String said =
        new String(process.stdout().orElseThrow().input().readAllBytes(), StandardCharsets.UTF_8);
    if (!said.endsWith("done\n")) {
      throw new AssertionError(
          said
              + new String(
                  process.stderr().orElseThrow().input().readAllBytes(), StandardCharsets.UTF_8));
    }
    return said.substring(0, said.length() - "done\n".length());
  }

  private void look(@Nullable Object at) {
    if (at == null || !seen.add(at)) {
      return;
    }
    switch (at) {
      case ReadyMachine machine -> found.add(machine);
      case Map<?, ?> map -> map.values().forEach(this::look);
      case Collection<?> all -> all.forEach(this::look);
      case AtomicReference<?> reference -> look(reference.get());
      default -> {
        for (Class<?> type = at.getClass();
            type != null && type.getName().startsWith(OURS);
            type = type.getSuperclass()) {
          for (Field field : type.getDeclaredFields()) {
            lookInto(at, field);
          }
        }
      }
    }
  }

  private void lookInto(Object holder, Field field) {
    if (Modifier.isStatic(field.getModifiers()) || field.getType().isPrimitive()) {
      return;
    }
    try {
      field.setAccessible(true);
      look(field.get(holder));
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }
}
