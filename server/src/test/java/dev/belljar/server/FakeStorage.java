package dev.belljar.server;

import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Volumes, snapshots and checkpoints of one tenant that are entries of maps. */
final class FakeStorage implements Storage {
  private static final long SMALLEST = 300_000_000;
  private static final long LARGEST = 20L << 30;

  private final Map<String, Volume> volumes = new LinkedHashMap<>();
  private final Map<String, Snapshot> snapshots = new LinkedHashMap<>();
  private final Map<String, Checkpoint> checkpoints = new LinkedHashMap<>();
  private int made;
  private int timesBusy;
  private Optional<RuntimeException> failure = Optional.empty();

  /** The next call fails so. */
  synchronized void failOnce(RuntimeException how) {
    failure = Optional.of(how);
  }

  /** Gives a sandbox the volumes that it is to have. */
  synchronized void attach(String sandbox, Optional<String> root, Collection<String> mounted) {
    fail();
    root.filter(name -> snapshotOf(name).isEmpty())
        .ifPresent(
            name -> {
              if (!existing(name).bootable()) {
                throw new StorageException(Reason.NOT_BOOTABLE, name + " holds no system.");
              }
              hold(sandbox, name);
            });
    mounted.forEach(name -> hold(sandbox, name));
  }

  /** Takes from a sandbox what it has. */
  synchronized void release(String sandbox) {
    List.copyOf(volumes.values()).stream()
        .filter(volume -> volume.holder().equals(Optional.of(sandbox)))
        .forEach(volume -> put(volume, Optional.empty(), volume.deletedAt()));
  }

  private void hold(String sandbox, String name) {
    Volume volume = existing(name);
    refuseBusy(volume);
    put(volume, Optional.of(sandbox), Optional.empty());
  }

  @Override
  public Volumes volumes() {
    return new FakeVolumes();
  }

  @Override
  public Snapshots snapshots() {
    return new FakeSnapshots();
  }

  @Override
  public Checkpoints checkpoints() {
    return new FakeCheckpoints();
  }

  private void fail() {
    Optional<RuntimeException> how = failure;
    failure = Optional.empty();
    how.ifPresent(
        e -> {
          throw e;
        });
  }

  private Optional<Volume> volume(String name) {
    return volumes.values().stream()
        .filter(
            each ->
                each.id().equals(name) || (each.deletedAt().isEmpty() && each.slug().equals(name)))
        .findFirst();
  }

  private Volume existing(String name) {
    return volume(name)
        .filter(volume -> volume.deletedAt().isEmpty())
        .orElseThrow(
            () -> new StorageException(Reason.NOT_FOUND, "There is no volume " + name + "."));
  }

  private Optional<Snapshot> snapshotOf(String name) {
    return snapshots.values().stream()
        .filter(each -> each.id().equals(name) || each.slug().equals(name))
        .findFirst();
  }

  private Optional<Checkpoint> checkpointOf(String name) {
    return checkpoints.values().stream()
        .filter(each -> each.id().equals(name) || each.slug().equals(name))
        .findFirst();
  }

  /** Saves a sandbox. */
  synchronized Checkpoint checkpoint(String slug, FakeSandbox sandbox) {
    fail();
    refuseTaken(slug);
    Checkpoint checkpoint =
        new Checkpoint(
            "chk_loc_%020d".formatted(++made),
            slug,
            "loc",
            sandbox.options().memory().bytes(),
            sandbox.options().vcpus(),
            5000,
            sandbox.id(),
            Instant.parse("2026-01-02T03:04:05Z"));
    checkpoints.put(checkpoint.id(), checkpoint);
    return checkpoint;
  }

  /** How often somebody was told that a sandbox has what is wanted. */
  synchronized int timesBusy() {
    return timesBusy;
  }

  private void refuseBusy(Volume volume) {
    volume
        .holder()
        .ifPresent(
            holder -> {
              timesBusy++;
              throw new StorageException(
                  Reason.BUSY, volume.slug() + " is in use by " + holder + ".");
            });
  }

  private void refuseTaken(String slug) {
    if (volume(slug).isPresent()
        || snapshotOf(slug).isPresent()
        || checkpointOf(slug).isPresent()) {
      throw new StorageException(Reason.SLUG_TAKEN, "There is a " + slug + " already.");
    }
  }

  private Volume put(Volume volume, Optional<String> holder, Optional<Instant> deletedAt) {
    Volume changed =
        new Volume(
            volume.id(),
            volume.slug(),
            volume.region(),
            volume.capacity(),
            volume.allocatedSize(),
            volume.flattenedSize(),
            volume.usedSize(),
            volume.bootable(),
            volume.baseSnapshot(),
            holder,
            deletedAt);
    volumes.put(changed.id(), changed);
    return changed;
  }

  private static <T> Page<T> page(
      List<T> all, PageRequest request, Function<T, String> id, Function<T, String> slug) {
    int begin = 0;
    if (request.cursor().isPresent()) {
      List<String> ids = all.stream().map(id).toList();
      begin = ids.indexOf(request.cursor().get()) + 1;
      if (begin == 0) {
        throw new InvalidOptionException("That is no cursor of this list.");
      }
    }
    List<T> rest =
        all.subList(begin, all.size()).stream()
            .filter(each -> slug.apply(each).contains(request.search().orElse("")))
            .toList();
    List<T> items = rest.subList(0, Math.min(rest.size(), request.limit()));
    return new Page<>(
        items,
        items.size() < rest.size() ? Optional.of(id.apply(items.getLast())) : Optional.empty());
  }

  private final class FakeVolumes implements Volumes {
    @Override
    public Volume create(VolumeOptions options) {
      synchronized (FakeStorage.this) {
        fail();
        refuseTaken(options.slug());
        if (options.capacity().bytes() < SMALLEST || options.capacity().bytes() > LARGEST) {
          throw new InvalidOptionException(
              "A capacity of " + options.capacity() + " is out of bounds.");
        }
        Optional<Snapshot> base =
            options
                .from()
                .filter(from -> !from.equals(VolumeOptions.BUILTIN))
                .map(
                    from ->
                        snapshotOf(from)
                            .orElseThrow(
                                () ->
                                    new StorageException(
                                        Reason.NOT_FOUND, "There is no origin " + from + ".")));
        Volume volume =
            new Volume(
                "vol_loc_%020d".formatted(++made),
                options.slug(),
                "loc",
                options.capacity().bytes(),
                1000,
                2000,
                1500,
                base.map(Snapshot::bootable).orElse(options.from().isPresent()),
                base.map(from -> new Volume.Origin(from.id(), from.slug())),
                Optional.empty(),
                Optional.empty());
        volumes.put(volume.id(), volume);
        return volume;
      }
    }

    @Override
    public Optional<Volume> get(String idOrSlug) {
      synchronized (FakeStorage.this) {
        fail();
        return volume(idOrSlug);
      }
    }

    @Override
    public Page<Volume> list(PageRequest request) {
      synchronized (FakeStorage.this) {
        fail();
        return page(
            volumes.values().stream().filter(each -> each.deletedAt().isEmpty()).toList(),
            request,
            Volume::id,
            Volume::slug);
      }
    }

    @Override
    public void delete(String idOrSlug) {
      synchronized (FakeStorage.this) {
        Volume volume = existing(idOrSlug);
        refuseBusy(volume);
        put(volume, Optional.empty(), Optional.of(Instant.parse("2026-01-02T03:04:05Z")));
      }
    }

    @Override
    public Volume restore(String idOrSlug) {
      synchronized (FakeStorage.this) {
        fail();
        Volume volume =
            volumes.values().stream()
                .filter(each -> each.deletedAt().isPresent())
                .filter(each -> each.id().equals(idOrSlug) || each.slug().equals(idOrSlug))
                .reduce((first, last) -> last)
                .orElseThrow(
                    () ->
                        new StorageException(
                            Reason.NOT_FOUND, "No deleted volume is " + idOrSlug + "."));
        refuseTaken(volume.slug());
        return put(volume, Optional.empty(), Optional.empty());
      }
    }

    @Override
    public Snapshot snapshot(String idOrSlug, String slug) {
      synchronized (FakeStorage.this) {
        fail();
        Volume volume = existing(idOrSlug);
        refuseTaken(slug);
        Snapshot snapshot =
            new Snapshot(
                "snp_loc_%020d".formatted(++made),
                slug,
                "loc",
                volume.capacity(),
                300,
                4000,
                volume.bootable(),
                new Volume.Origin(volume.id(), volume.slug()));
        snapshots.put(snapshot.id(), snapshot);
        return snapshot;
      }
    }
  }

  private final class FakeCheckpoints implements Checkpoints {
    @Override
    public Optional<Checkpoint> get(String idOrSlug) {
      synchronized (FakeStorage.this) {
        fail();
        return checkpointOf(idOrSlug);
      }
    }

    @Override
    public Page<Checkpoint> list(PageRequest request) {
      synchronized (FakeStorage.this) {
        fail();
        return page(List.copyOf(checkpoints.values()), request, Checkpoint::id, Checkpoint::slug);
      }
    }

    @Override
    public void delete(String idOrSlug) {
      synchronized (FakeStorage.this) {
        checkpoints.remove(
            checkpointOf(idOrSlug)
                .orElseThrow(
                    () ->
                        new StorageException(
                            Reason.NOT_FOUND, "There is no checkpoint " + idOrSlug + "."))
                .id());
      }
    }
  }

  private final class FakeSnapshots implements Snapshots {
    @Override
    public Optional<Snapshot> get(String idOrSlug) {
      synchronized (FakeStorage.this) {
        fail();
        return snapshotOf(idOrSlug);
      }
    }

    @Override
    public Page<Snapshot> list(PageRequest request) {
      synchronized (FakeStorage.this) {
        fail();
        return page(List.copyOf(snapshots.values()), request, Snapshot::id, Snapshot::slug);
      }
    }

    @Override
    public void delete(String idOrSlug) {
      synchronized (FakeStorage.this) {
        snapshots.remove(
            snapshotOf(idOrSlug)
                .orElseThrow(
                    () ->
                        new StorageException(
                            Reason.NOT_FOUND, "There is no snapshot " + idOrSlug + "."))
                .id());
      }
    }
  }
}
