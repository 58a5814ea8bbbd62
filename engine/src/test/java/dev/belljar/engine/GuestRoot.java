package dev.belljar.engine;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;

/** Python in the hands of the guest's root, with the agent's own descriptors within reach. */
final class GuestRoot {
  /**
   * {@code of_agent(word)} is the agent's descriptor whose link has that word; {@code frame} is one
   * of docs/agent-protocol.md; {@code stop_agent} and {@code let_agent_go} hold PID 1 as a debugger
   * does.
   */
  private static final String PRELUDE =
      """
      import ctypes, errno, glob, os, socket, struct, subprocess, sys, time
      libc = ctypes.CDLL(None, use_errno=True)
      PIDFD_OPEN, PIDFD_GETFD, ATTACH, DETACH = 434, 438, 16, 17

      def of_agent(word):
          agent = libc.syscall(PIDFD_OPEN, 1, 0)
          for descriptor in os.listdir("/proc/1/fd"):
              if word in os.readlink("/proc/1/fd/" + descriptor):
                  return libc.syscall(PIDFD_GETFD, agent, int(descriptor), 0)
          raise SystemExit("the agent has no " + word)

      def stop_agent():
          if libc.ptrace(ATTACH, 1, None, None) != 0:
              raise SystemExit("the agent cannot be stopped")
          libc.waitpid(1, None, 0x40000000)

      def let_agent_go():
          libc.ptrace(DETACH, 1, None, None)

      def frame(kind, id, payload=b"", length=None):
          return struct.pack(">IBBHI", len(payload) if length is None else length, kind, 0, 0, id) + payload

      def by_name(name, port):
          return b"\\x01\\x00" + struct.pack(">I", len(name)) + name.encode() + struct.pack(">H", port)

      def by_address(address, port):
          family = socket.AF_INET6 if ":" in address else socket.AF_INET
          form = b"\\x06" if ":" in address else b"\\x04"
          return b"\\x01" + form + socket.inet_pton(family, address) + struct.pack(">H", port)

      """;

  private GuestRoot() {}

  /** Runs a script and gives what it printed; one that fails is a failure of the test. */
  static String python(Sandbox sandbox, String script, Object... arguments) {
    ChildProcessOutput output;
    try (ChildProcess child = start(sandbox, script, arguments)) {
      output = child.output();
    }
    if (!output.status().success()) {
      throw new AssertionError(output.stdoutText() + output.stderrText());
    }
    return output.stdoutText();
  }

  /** As above, and goes on without it. */
  static ChildProcess start(Sandbox sandbox, String script, Object... arguments) {
    String[] words = new String[arguments.length + 3];
    words[0] = "python3";
    words[1] = "-c";
    words[2] = PRELUDE + script;
    for (int i = 0; i < arguments.length; i++) {
      words[i + 3] = String.valueOf(arguments[i]);
    }
    return sandbox.spawn(
        "sudo",
        SpawnOptions.builder()
            .args(words)
            .stdout(SpawnOptions.Stdio.PIPED)
            .stderr(SpawnOptions.Stdio.PIPED)
            .build());
  }
}
