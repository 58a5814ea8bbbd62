package dev.belljar.bench;

import java.util.List;

/**
 * Runs tasks in turn, round after round: whatever else the machine does in the meantime hits
 * Belljar and its alternatives alike.
 *
 * @param warmUps rounds of which nothing is kept
 * @param count rounds that count
 */
record Rounds(int warmUps, int count) {

  Recording play(List<Task> tasks) throws Exception {
    Recording discarded = new Recording();
    for (int round = 0; round < warmUps; round++) {
      for (Task task : tasks) {
        task.run(discarded);
      }
    }
    Recording recording = new Recording();
    for (int round = 0; round < count; round++) {
      for (Task task : tasks) {
        task.run(recording);
      }
    }
    return recording;
  }
}
