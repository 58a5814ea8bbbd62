// What PID 1 does until the channel can be served: devices, modules, the root, and the kernel's file systems in it.
#include "machine.h"

#include "cgroups.h"
#include "loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MILLISECONDS 60000
#define PORT_NAME "belljar\n"
#define KERNEL_FLAGS (MS_NOSUID | MS_NOEXEC | MS_NODEV)

int machine_disk = -1, machine_image = -1, machine_floor = -1;

static void mount_or_die(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    if (mkdir(target, 0755) < 0 && errno != EEXIST) die("mkdir %s: errno %d", target, errno);
    if (mount(source, target, type, flags, data) < 0) die("mount of %s (%s): errno %d", target, type, errno);
}

static void nap(void) {
    struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
}

// Until here there is nothing to write to but the kernel's log.
static void open_log(void) {
    int log = open("/dev/kmsg", O_WRONLY);
    int null = open("/dev/null", O_RDWR);
    if (null < 0) machine_off();
    dup2(null, 0);
    dup2(null, 1);
    dup2(log >= 0 ? log : null, 2);
    for (int descriptor = 3; descriptor < 16; descriptor++) close(descriptor);
}

// ---- modules ----

static int is_module(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && strcmp(entry->d_name + length - 3, ".ko") == 0;
}

static void load_modules(void) {
    struct dirent **entries;
    char path[300];
    int count = scandir("/modules", &entries, is_module, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/modules/%s", entries[i]->d_name);
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || (syscall(SYS_finit_module, descriptor, "", 0) < 0 && errno != EEXIST)) {
            die("%s: errno %d", path, errno);
        }
        close(descriptor);
        unlink(path); // its memory is of better use to programs
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    rmdir("/modules");
}

// ---- devices ----

static bool is_our_port(const char *port) {
    char path[300], name[64];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", port);
    return read_file(path, name, sizeof name) > 0 && strcmp(name, PORT_NAME) == 0;
}

static int find_port(void) {
    char path[300];
    int descriptor = -1;
    DIR *ports = opendir("/sys/class/virtio-ports");
    if (!ports) return -1;
    for (struct dirent *entry; descriptor < 0 && (entry = readdir(ports));) {
        if (entry->d_name[0] == '.' || !is_our_port(entry->d_name)) continue;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    closedir(ports);
    return descriptor;
}

static int wait_for_port(void) {
    int64_t limit = monotonic_milliseconds() + WAIT_MILLISECONDS;
    for (;;) {
        int descriptor = find_port();
        if (descriptor >= 0) return descriptor;
        if (monotonic_milliseconds() > limit) die("no virtio port named belljar");
        nap();
    }
}

static void wait_for(const char *device) {
    int64_t limit = monotonic_milliseconds() + WAIT_MILLISECONDS;
    while (access(device, F_OK) < 0) {
        if (monotonic_milliseconds() > limit) die("no device %s", device);
        nap();
    }
}

// ---- the root ----

static void make_directory(const char *path) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST) die("mkdir %s: errno %d", path, errno);
}

// The image below, a disk that can be written above it. index and metacopy stay off: the disk may be opened by another
// image's machine later, and redirect_dir lets programs rename directories of the image as they can anywhere else.
static void mount_root(void) {
    wait_for("/dev/vda");
    wait_for("/dev/vdb");
    mount_or_die("/dev/vda", "/lower", "erofs", MS_RDONLY | MS_NODEV, NULL);
    mount_or_die("/dev/vdb", "/writable", "ext4", MS_NOATIME, "discard");
    machine_disk = open("/writable", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    machine_image = open("/lower", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    machine_floor = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_directory("/writable/upper");
    make_directory("/writable/work");
    mount_or_die("overlay", "/root", "overlay", MS_NOATIME,
        "lowerdir=/lower,upperdir=/writable/upper,workdir=/writable/work,redirect_dir=on,index=off,xino=auto");
}

static void switch_root(void) {
    if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0) die("moving /dev: errno %d", errno);
    umount2("/proc", MNT_DETACH);
    umount2("/sys", MNT_DETACH);
    unlink("/init");
    if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        die("switching the root: errno %d", errno);
    }
}

static void make_devices(void) {
    static const struct {
        const char *path;
        mode_t mode;
    } devices[] = {{"/dev/null", 0666}, {"/dev/zero", 0666}, {"/dev/full", 0666}, {"/dev/random", 0666},
        {"/dev/urandom", 0666}, {"/dev/tty", 0666}, {"/dev/kmsg", 0600}, {"/dev/fuse", 0666}};
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}, {"pts/ptmx", "/dev/ptmx"}};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) chmod(devices[i].path, devices[i].mode);
    unlink("/dev/ptmx");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST) say("%s: errno %d", links[i][1], errno);
    }
}

static void mount_kernel_file_systems(void) {
    mount_or_die("proc", "/proc", "proc", KERNEL_FLAGS, NULL);
    mount_or_die("sysfs", "/sys", "sysfs", KERNEL_FLAGS, NULL);
    mount_or_die("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount_or_die("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_or_die("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=20%");
    // Starting a process in a group of its own then waits for no grace period of the kernel's.
    mount_or_die("cgroup2", "/sys/fs/cgroup", "cgroup2", KERNEL_FLAGS, "favordynmods");
    mkdir("/run/lock", 01777);
    make_devices();
}

// ---- the rest ----

static void set(const char *path, const char *value) {
    int error = write_file(path, value, O_WRONLY);
    if (error < 0 && error != -ENOENT) say("%s: errno %d", path, -error);
}

static void set_kernel_parameters(void) {
    set("/proc/sys/kernel/printk", "1");
    // Everybody may listen on port 80: there is nobody else here to be protected from it.
    set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    set("/proc/sys/kernel/oops_all_cpu_backtrace", "0");
    // Memory that is short must end a program rather than have all of them read their own code again and again: what was
    // used in the last second stays (admin-guide/mm/multigen_lru of the kernel).
    set("/sys/kernel/mm/lru_gen/min_ttl_ms", "1000");
    // A kernel that is broken must not go on: the host sees the machine end.
    set("/proc/sys/kernel/panic", "-1");
}

// The timer of the first PCs, by which the kernel measures others while it starts, goes on by itself 36 times a second, each
// time waking QEMU. Counting once to its end and no further (mode 0 of the 8254), it rests; under KVM there is none.
static void stop_first_timer(void) {
    enum { CHANNEL_0 = 0x40, CONTROL = 0x43, ONCE = 0x30 };
    if (ioperm(CHANNEL_0, CONTROL - CHANNEL_0 + 1, 1) < 0) {
        say("no ports: errno %d", errno);
        return;
    }
    outb(ONCE, CONTROL);
    outb(0, CHANNEL_0);
    outb(0, CHANNEL_0);
    ioperm(CHANNEL_0, CONTROL - CHANNEL_0 + 1, 0);
}

// An idle guest still has its processors woken, 22 times a second as the kernel comes, and under emulation each time
// costs a quarter of a millisecond of the host's. What is switched off here does nothing for a machine of its kind:
// moving memory together ahead of time, folding counters every second (they are folded when they are large, too), and
// the guard of ordinary programs against real-time ones, which sets a timer for whatever runs.
static void let_processors_sleep(void) {
    static const char *debug = "/run/debug";
    char path[64];
    set("/proc/sys/vm/compaction_proactiveness", "0");
    set("/proc/sys/vm/stat_interval", "300");
    if (mkdir(debug, 0700) < 0 || mount("debugfs", debug, "debugfs", KERNEL_FLAGS, NULL) < 0) {
        say("no debugfs: errno %d", errno);
        return;
    }
    for (int cpu = 0;; cpu++) {
        snprintf(path, sizeof path, "%s/sched/fair_server/cpu%d/runtime", debug, cpu);
        if (write_file(path, "0", O_WRONLY) < 0) break;
    }
    umount(debug);
    rmdir(debug);
}

// No program of the guest may keep the agent from running. Nor can it have the agent killed for memory: the kernel spares
// PID 1, so there is no oom_score_adj that every process would have to be freed from.
static void raise_above_the_guest(void) {
    struct sched_param first = {.sched_priority = 1};
    // musl's own function refuses (it would be about a thread, as POSIX has it).
    if (syscall(SYS_sched_setscheduler, 0, SCHED_RR | SCHED_RESET_ON_FORK, &first) < 0) say("no real-time scheduling: errno %d", errno);
}

int machine_boot(void) {
    mkdir("/dev", 0755);
    if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755") < 0 && errno != EBUSY) machine_off();
    open_log();
    mount_or_die("proc", "/proc", "proc", KERNEL_FLAGS, NULL);
    mount_or_die("sysfs", "/sys", "sysfs", KERNEL_FLAGS, NULL);
    load_modules();
    int port = wait_for_port();
    mount_root();
    switch_root();
    mount_kernel_file_systems();
    set_kernel_parameters();
    stop_first_timer();
    let_processors_sleep();
    int error = cgroups_open();
    if (error) die("control groups: errno %d", -error);
    error = machine_identity_open();
    if (error) die("the machine's names: errno %d", -error);
    raise_above_the_guest();
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    return port;
}
