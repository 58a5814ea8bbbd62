// Disks that a machine gets when it is restored: in the template their slots hold next to nothing.
#include "calls.h"
#include "hold.h"
#include "loop.h"
#include "machine.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// include/uapi/linux/ext4.h, which older headers do not have
#ifndef EXT4_IOC_RESIZE_FS
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif

#define SLOTS 16
#define GIB (1024ull * 1024 * KIB)
#define FIRST_LETTER 'c'
#define WAIT_MILLISECONDS 5000
#define LONGEST_FREEZE 10000

// The host waits half a minute for all disks.
#define LONGEST_LOOK 10000
#define LONGEST_TRIM 4000

// Where a disk was mounted, for as long as it is; what to do when its freeze has lasted long enough.
static struct disk {
    int root; // 0: nothing is attached
    bool frozen;
    struct timer thaw;
} disks[SLOTS];

// Whether the guest's root is a user's.
static bool has_own_root;

enum purpose { VOLUME, ROOT, IMAGE };

// ---- devices ----

// The kernel is told of the size after the machine runs.
static int wait_for_size(char letter, uint64_t bytes) {
    char path[64], text[32];
    int64_t limit = monotonic_milliseconds() + WAIT_MILLISECONDS;
    snprintf(path, sizeof path, "/sys/block/vd%c/size", letter);
    for (;;) {
        if (read_file(path, text, sizeof text) < 0) return ENODEV;
        if (strtoull(text, NULL, 10) * 512 == bytes) return 0;
        if (monotonic_milliseconds() > limit) return ETIMEDOUT;
        struct timespec pause = {.tv_nsec = 500000};
        nanosleep(&pause, NULL);
    }
}

static int open_directory(int below, const char *path) {
    return openat(below, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// A file system that once could not be written to (the host's disk was full) bears a mark: the kernel mounts it all the
// same, and makes it no larger until it was looked at.
static bool is_marked(char letter) {
    enum { SUPERBLOCK = 1024, MAGIC_AT = 56, STATE_AT = 58, ERRORS = 2 };
    char device[16];
    unsigned char head[64];
    snprintf(device, sizeof device, "/dev/vd%c", letter);
    int file = open(device, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool marked = pread(file, head, sizeof head, SUPERBLOCK) == sizeof head && head[MAGIC_AT] == 0x53 && head[MAGIC_AT + 1] == 0xef
        && (head[STATE_AT] & ERRORS);
    close(file);
    return marked;
}

// Waits for a program that ends by itself, or is asked to and then made to; false where it had to be.
static bool ended_until(pid_t pid, int64_t limit, int *status) {
    for (int signal = 0; waitpid(pid, status, WNOHANG) == 0;) {
        struct timespec pause = {.tv_nsec = 5000000};
        nanosleep(&pause, NULL);
        if (monotonic_milliseconds() < limit) continue;
        // e2fsck leaves what it is at in order when it is told to end.
        signal = signal ? SIGKILL : SIGTERM;
        kill(pid, signal);
        limit += 2000;
    }
    return monotonic_milliseconds() < limit;
}

// By a program of the image: where a root has taken its place, its programs are whatever a user made them. What takes too
// long is mounted as it is.
static void mend(char letter) {
    static int64_t limit;
    char device[16];
    if (has_own_root) return;
    if (!limit) limit = monotonic_milliseconds() + LONGEST_LOOK;
    if (monotonic_milliseconds() > limit) return;
    snprintf(device, sizeof device, "/dev/vd%c", letter);
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/usr/sbin/e2fsck", "e2fsck", "-fy", device, (char *) NULL);
        _exit(127);
    }
    int status = -1;
    bool ended = pid > 0 && ended_until(pid, limit, &status);
    say("%s was looked at: status %d%s", device, status, ended ? "" : ", not to the end");
}

// The mark may be made by the mount, which finds in the journal that writing had failed.
static int mount_ext4(char letter, const char *target) {
    char device[16];
    snprintf(device, sizeof device, "/dev/vd%c", letter);
    for (int mended = 0;; mended++) {
        if (!mended && is_marked(letter)) mend(letter);
        if (mount(device, target, "ext4", MS_NOATIME, "discard,noinit_itable") < 0) return errno;
        if (mended || !is_marked(letter) || umount2(target, 0) < 0) return 0;
        mend(letter);
    }
}

// A volume may be larger than the snapshot that it was made from.
static void fill(int root, uint64_t bytes) {
    struct statvfs held;
    if (fstatvfs(root, &held) < 0 || held.f_frsize == 0) return;
    uint64_t blocks = bytes / held.f_frsize;
    if (ioctl(root, EXT4_IOC_RESIZE_FS, &blocks) < 0 && errno != EINVAL && errno != EPERM) say("a volume does not grow: errno %d", errno);
}

// A directory below the first root, where no path of the guest leads; 0 or an errno.
static int make_hidden(const char *name, char target[64]) {
    snprintf(target, 64, "/proc/self/fd/%d/%s", machine_floor, name);
    return mkdirat(machine_floor, name, 0700) < 0 && errno != EEXIST ? errno : 0;
}

// ---- a root of its own ----

// An overlay makes a directory or two on its disk when it is mounted. Where users have filled that to the last block, it has
// the room of these files; they are no part of the root.
#define RESERVES 4
#define RESERVE_BYTES (64 * KIB)

static void give_up_reserve(int disk) {
    char name[16];
    for (int i = 0; i < RESERVES; i++) {
        snprintf(name, sizeof name, "reserve%d", i);
        unlinkat(disk, name, 0);
    }
    syncfs(disk); // Only then may the blocks be used anew.
}

static void keep_reserve(int disk) {
    char name[16];
    for (int i = 0; i < RESERVES; i++) {
        snprintf(name, sizeof name, "reserve%d", i);
        // It may be there already, smaller, or be something else that a user put there.
        int file = openat(disk, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (file < 0) continue;
        for (off_t bytes = RESERVE_BYTES; bytes >= 4 * KIB && fallocate(file, 0, 0, bytes) < 0;) bytes /= 2;
        close(file);
    }
}

static int try_overlay(int disk) {
    char options[256], target[64];
    struct statvfs made;
    if (mkdirat(disk, "upper", 0755) < 0 && errno != EEXIST) return errno;
    if (mkdirat(disk, "work", 0755) < 0 && errno != EEXIST) return errno;
    if (mkdirat(machine_floor, "next", 0755) < 0 && errno != EEXIST) return errno;
    snprintf(options, sizeof options,
        "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work,redirect_dir=on,index=off,xino=auto",
        machine_image, disk, disk);
    snprintf(target, sizeof target, "/proc/self/fd/%d/next", machine_floor);
    if (mount("overlay", target, "overlay", MS_NOATIME, options) < 0) return errno;
    // Without a directory to work in it is there, and cannot be written to.
    if (statvfs(target, &made) < 0 || !(made.f_flag & ST_RDONLY)) return 0;
    umount2(target, 0);
    return ENOSPC;
}

static int mount_overlay(int disk) {
    int error = try_overlay(disk);
    if (error == ENOSPC || error == EROFS) {
        give_up_reserve(disk);
        error = try_overlay(disk);
    }
    if (!error) keep_reserve(disk);
    return error;
}

// What the kernel serves moves along; /proc goes last, for paths that lead through it.
static int enter_next(void) {
    static const char *const kept[] = {"dev", "run", "sys", "proc"};
    char from[8];
    int next = open_directory(machine_floor, "next");
    if (next < 0) return errno;
    int error = fchdir(next) < 0 ? errno : 0;
    close(next);
    for (size_t i = 0; !error && i < sizeof kept / sizeof *kept; i++) {
        snprintf(from, sizeof from, "/%s", kept[i]);
        if (mkdir(kept[i], 0755) < 0 && errno != EEXIST) error = errno;
        if (!error && mount(from, kept[i], NULL, MS_MOVE, NULL) < 0) error = errno;
    }
    if (!error && (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)) error = errno;
    return error;
}

static int make_root(int disk) {
    int error = mount_overlay(disk);
    if (!error) error = enter_next();
    if (error) return error;
    machine_disk = disk;
    return -machine_identity_place();
}

// ---- ATTACH ----

static int attach_image(char letter) {
    char device[16], target[64];
    snprintf(device, sizeof device, "/dev/vd%c", letter);
    int error = make_hidden("image", target);
    if (!error && mount(device, target, "erofs", MS_RDONLY | MS_NODEV, NULL) < 0) error = errno;
    if (error) return error;
    int image = open_directory(machine_floor, "image");
    if (image < 0) return errno;
    close(machine_image);
    machine_image = image;
    return 0;
}

static int attach_root(struct disk *disk, char letter, uint64_t bytes) {
    char target[64];
    int error = make_hidden("disk", target);
    if (!error) error = mount_ext4(letter, target);
    if (error) return error;
    disk->root = open_directory(machine_floor, "disk");
    if (disk->root < 0) {
        disk->root = 0;
        return errno;
    }
    fill(disk->root, bytes);
    has_own_root = true;
    return make_root(disk->root);
}

// As make_directories(), where no symbolic link leads elsewhere: what is mounted there would lie over something else.
static int make_plain_directories(const char *path) {
    char part[NAME_MAX + 1];
    int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), error = at < 0 ? errno : 0;
    while (!error && *(path += strspn(path, "/"))) {
        size_t length = strcspn(path, "/");
        if (length >= sizeof part) {
            error = ENAMETOOLONG;
            break;
        }
        memcpy(part, path, length);
        part[length] = 0;
        path += length;
        if (mkdirat(at, part, 0755) < 0 && errno != EEXIST) error = errno;
        int next = error ? -1 : openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (!error && next < 0) error = errno;
        close(at);
        at = next;
    }
    if (at >= 0) close(at);
    return error;
}

static int attach_volume(struct disk *disk, char letter, uint64_t bytes, char *target) {
    int error = make_plain_directories(target);
    if (!error) error = mount_ext4(letter, target);
    if (error) return error;
    int root = open_directory(AT_FDCWD, target);
    if (root < 0) return errno;
    fill(root, bytes);
    // Programs take an empty volume for one only if it is.
    unlinkat(root, "lost+found", AT_REMOVEDIR);
    disk->root = root;
    return 0;
}

void call_attach(uint32_t call, struct body *body) {
    uint8_t slot = take_u8(body);
    uint8_t purpose = take_u8(body);
    uint64_t bytes = take_u64(body);
    char *target = take_path(body);
    int error = body_end(body);
    if (!error && (slot >= SLOTS || purpose > IMAGE)) error = EINVAL;
    if (!error && disks[slot].root) error = EBUSY;
    if (!error && !in_machine) error = EPERM;
    char letter = (char) (FIRST_LETTER + slot);
    if (!error) error = wait_for_size(letter, bytes);
    if (!error && purpose == IMAGE) error = attach_image(letter);
    if (!error && purpose == ROOT) error = attach_root(&disks[slot], letter, bytes);
    if (!error && purpose == VOLUME) error = attach_volume(&disks[slot], letter, bytes, target);
    result_error(call, error);
}

// ---- release ----

// What was deleted last is given back to the host: the file system forgets what it has not yet told when it is unmounted.
// Not of one that had an error: what it takes for free may not be.
void disks_trim(void) {
    int64_t limit = monotonic_milliseconds() + LONGEST_TRIM;
    for (int i = 0; i < SLOTS; i++) {
        struct statvfs held;
        if (!disks[i].root || disks[i].frozen || is_marked((char) (FIRST_LETTER + i)) || fstatvfs(disks[i].root, &held) < 0) continue;
        uint64_t bytes = (uint64_t) held.f_blocks * held.f_frsize + GIB;
        for (uint64_t at = 0; at < bytes && monotonic_milliseconds() < limit; at += GIB) {
            struct fstrim_range part = {.start = at, .len = GIB, .minlen = 64 * KIB};
            if (ioctl(disks[i].root, FITRIM, &part) < 0) break;
        }
    }
}

// ---- FREEZE, THAW ----

static int thaw(struct disk *disk) {
    if (!disk->frozen) return ESTALE;
    disk->frozen = false;
    timer_cancel(&disk->thaw);
    return ioctl(disk->root, FITHAW, 0) < 0 ? errno : 0;
}

static void thaw_expired(struct timer *timer) {
    struct disk *disk = (struct disk *) ((char *) timer - offsetof(struct disk, thaw));
    int error = thaw(disk);
    if (error) say("a disk stays frozen: errno %d", error);
}

static struct disk *attached(struct body *body, int *error) {
    uint8_t slot = take_u8(body);
    bool there = slot < SLOTS && disks[slot].root;
    if (!*error && !there) *error = EINVAL;
    return &disks[slot < SLOTS ? slot : 0];
}

void call_freeze(uint32_t call, struct body *body) {
    int error = 0;
    struct disk *disk = attached(body, &error);
    uint32_t milliseconds = take_u32(body);
    if (!error) error = body_end(body);
    if (!error && (milliseconds < 1 || milliseconds > LONGEST_FREEZE)) error = EINVAL;
    // Its writes would block the loop, and with it the thaw.
    if (!error && (disk->frozen || calls_in_slices > 0 || shutting_down())) error = EBUSY;
    if (!error && ioctl(disk->root, FIFREEZE, 0) < 0) error = errno;
    if (!error) {
        disk->frozen = true;
        disk->thaw.expired = thaw_expired;
        timer_set(&disk->thaw, (int) milliseconds);
    }
    result_error(call, error);
}

// ESTALE: it thawed by itself, so what was written meanwhile may be in what was taken for frozen.
void call_thaw(uint32_t call, struct body *body) {
    int error = 0;
    struct disk *disk = attached(body, &error);
    if (!error) error = body_end(body);
    if (!error) error = thaw(disk);
    result_error(call, error);
}
