package dev.belljar.bench;

import java.util.List;

/**
 * Runs tasks in turn, round after round: whatever else the machine does in the meantime hits
 * Belljar and its alternatives alike. Each begins when the host has come to rest after the one
 * before.
 *
 * @param warmUps rounds of which nothing is kept
 * @param count rounds that count
 */
record Rounds(int warmUps, int count) {

  Recording play(List<Task> tasks) throws Exception {
    HostAtRest rest = new HostAtRest();
    Recording discarded = new Recording();
    for (int round = 0; round < warmUps; round++) {
      play(tasks, rest, discarded);
    }
    Recording recording = new Recording();
    for (int round = 0; round < count; round++) {
      play(tasks, rest, recording);
    }
    return recording;
  }

  private static void play(List<Task> tasks, HostAtRest rest, Recording into) throws Exception {
    for (Task task : tasks) {
      rest.await();
      task.run(into);
    }
  }
}
