package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.SavedDisks.SavedDisk;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Does everything that changes a store, to be ended at one of the {@link FaultPoint}s. What stands
 * for the machine of the volume notes that it wrote.
 */
final class CrashingStore {
  /** The kibibyte that a machine writes to, and what. */
  static final int WRITTEN_AT = 1000;

  /** After the checkpoint. */
  static final int WRITTEN_LATER_AT = 2000;

  static final int WRITTEN = 42;

  private static final int KILLED = 137;

  private CrashingStore() {}

  /** The store, a file to note in, an image; the point to end at, and at which time it comes. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    endAt(FaultPoint.valueOf(arguments[3]), Integer.parseInt(arguments[4]));
    Path notes = Path.of(arguments[1]);
    VolumeStore store = Disks.store(Path.of(arguments[0]), Disks.merger(), InstantSource.system());
    BootImage image = new BootImage("0123abcd", Path.of(arguments[2]));
    note(notes, "asks create one");
    store.create("me", VolumeOptions.of("one", ByteSize.parse("300MB")), image);
    note(notes, "created one");
    Opened opened = store.openVolume("me", "one", "sbx");
    store.runs(opened.id(), new NotedDisk(notes));
    note(notes, "asks snapshot running");
    store.snapshot("me", "one", "running");
    note(notes, "snapshot running");
    opened.close();
    note(notes, "asks snapshot resting");
    store.snapshot("me", "one", "resting");
    note(notes, "snapshot resting");
    note(notes, "asks delete running");
    store.deleteSnapshot("me", "running");
    note(notes, "deleted running");
    store.merge();
    note(notes, "merged");
    store.create("me", VolumeOptions.of("two", ByteSize.parse("300MB")).from("resting"), image);
    note(notes, "created two");
    store.deleteVolume("me", "two");
    note(notes, "deleted two");
    saveMachine(store, notes, image);
    store.close();
  }

  /** As kill -9 does. */
  private static void endAt(FaultPoint chosen, int time) {
    AtomicInteger times = new AtomicInteger();
    FaultPoint.at(
        point -> {
          if (point == chosen && times.incrementAndGet() == time) {
            Runtime.getRuntime().halt(KILLED);
          }
        });
  }

  private static void saveMachine(VolumeStore store, Path notes, BootImage image)
      throws IOException {
    Files.writeString(image.directory().resolve(BootImage.NAME), "root");
    Files.writeString(image.directory().resolve(BootImage.BLANK_DISK), "blank");
    Opened opened = store.openVolume("me", "one", "sbx");
    CheckpointDraft.Request request =
        new CheckpointDraft.Request("me", "saved", "sbx", List.of(opened.id()), image, 0, 256);
    note(notes, "asks checkpoint");
    try (CheckpointDraft draft = store.beginCheckpoint(request)) {
      Files.writeString(draft.directory().resolve("memory"), "memory");
      Path head = draft.newHead(opened.id());
      SavedDisk disk =
          new SavedDisk(
              1, opened.bytes(), List.of(), Optional.of(draft.top(opened.id())), Optional.empty());
      draft.commit(
          new MachineKind("qemu", 768, 1),
          new SavedDisks(image.hash(), List.of(), List.of(disk)),
          () -> {
            Disks.write(List.of(head), WRITTEN_LATER_AT, WRITTEN);
            note(notes, "written later");
            return true;
          });
      draft.complete();
      note(notes, "checkpoint");
    }
    opened.close();
    note(notes, "asks delete checkpoint");
    store.deleteCheckpoint("me", "saved");
    note(notes, "deleted checkpoint");
  }

  static void note(Path notes, String text) throws IOException {
    Files.writeString(notes, text + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** Stands for a machine that writes. */
  private record NotedDisk(Path notes) implements RunningDisk {
    @Override
    public void admit(Path file) {}

    @Override
    public void freeze() throws IOException {
      note(notes, "frozen");
    }

    @Override
    public boolean switchTo(Path file) throws IOException {
      Disks.write(List.of(file), WRITTEN_AT, WRITTEN);
      note(notes, "written");
      return true;
    }

    @Override
    public void thaw() throws IOException {
      note(notes, "thawed");
    }
  }
}
