#include "machine.h"

#include "calls.h"
#include "cgroups.h"
#include "channel.h"
#include "loop.h"
#include "process.h"
#include "rehearsal.h"

#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

_Noreturn void machine_off(void) {
    for (;;) {
        reboot(RB_POWER_OFF);
        reboot(RB_HALT_SYSTEM);
        pause();
    }
}

// ---- ACTIVATE ----

struct activation {
    int64_t clock;
    const uint8_t *entropy;
    size_t entropy_length;
    const char *host_name, *machine_id;
    uint32_t process_limit;
    bool rehearse;
};

static int parse_activation(struct body *body, struct activation *activation) {
    activation->clock = (int64_t) take_u64(body);
    activation->entropy = take_bytes(body, &activation->entropy_length);
    activation->host_name = take_text(body);
    activation->machine_id = take_text(body);
    activation->process_limit = take_u32(body);
    activation->rehearse = take_u32(body) == 1;
    int error = body_end(body);
    if (error) return error;
    size_t name = strlen(activation->host_name);
    if (activation->clock < 0 || activation->entropy_length < 32 || activation->entropy_length > 512) return EINVAL;
    if (name < 1 || name > 63 || strpbrk(activation->host_name, " \t\r\n/")) return EINVAL;
    const char *id = activation->machine_id;
    return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32 ? 0 : EINVAL;
}

static int set_clock(int64_t nanoseconds) {
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return clock_settime(CLOCK_REALTIME, &time) < 0 ? errno : 0;
}

// Machines that were restored from one template share the state of its generator until now.
static int add_entropy(const uint8_t *bytes, size_t length) {
    struct {
        struct rand_pool_info info;
        uint8_t bytes[512];
    } pool;
    pool.info.entropy_count = (int) length * 8;
    pool.info.buf_size = (int) length;
    memcpy(pool.info.buf, bytes, length);
    int random = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (random < 0) return errno;
    int error = ioctl(random, RNDADDENTROPY, &pool) < 0 || ioctl(random, RNDRESEEDCRNG) < 0 ? errno : 0;
    close(random);
    explicit_bzero(&pool, sizeof pool);
    return error;
}

// What names the machine lies in memory, where writing it costs nothing; the usual places only point there.
#define IDENTITY "/run/belljar"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int write_identity(const char *path, const char *content) {
    return -write_file(path, content, O_WRONLY | O_CREAT | O_TRUNC);
}

static int point(const char *path, const char *target) {
    return (unlink(path) < 0 && errno != ENOENT) || symlink(target, path) < 0 ? errno : 0;
}

static int set_host_name(const char *name) {
    char line[80], hosts[256];
    if (sethostname(name, strlen(name)) < 0) return errno;
    snprintf(line, sizeof line, "%s\n", name);
    snprintf(hosts, sizeof hosts,
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n", name);
    int error = write_identity(IDENTITY "/hostname", line);
    return error ? error : write_identity(IDENTITY "/hosts", hosts);
}

// A random identifier of version 4 (RFC 9562).
static int renew_boot_id(void) {
    uint8_t b[16];
    char id[40];
    if (getrandom(b, sizeof b, 0) != sizeof b) return EIO;
    b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
    snprintf(id, sizeof id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1], b[2],
        b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return write_identity(IDENTITY "/boot-id", id);
}

int machine_identity_place(void) {
    int error = point("/etc/hostname", IDENTITY "/hostname");
    if (!error) error = point("/etc/hosts", IDENTITY "/hosts");
    if (!error) error = point("/etc/machine-id", IDENTITY "/machine-id");
    return -error;
}

int machine_identity_open(void) {
    int error = mkdir(IDENTITY, 0755) < 0 ? errno : 0;
    if (!error) error = set_host_name("belljar");
    if (!error) error = write_identity(IDENTITY "/machine-id", "");
    if (!error) error = renew_boot_id();
    if (!error) error = -machine_identity_place();
    if (!error && mount(IDENTITY "/boot-id", BOOT_ID, NULL, MS_BIND, NULL) < 0) error = errno;
    return -error;
}

static int activate(const struct activation *activation) {
    char id[40];
    int error = add_entropy(activation->entropy, activation->entropy_length);
    if (!error) error = set_clock(activation->clock);
    if (!error) error = set_host_name(activation->host_name);
    snprintf(id, sizeof id, "%s\n", activation->machine_id);
    if (!error) error = write_identity(IDENTITY "/machine-id", id);
    if (!error) error = renew_boot_id();
    if (!error) error = -cgroups_limit_processes(activation->process_limit);
    return error;
}

void call_activate(uint32_t call, struct body *body) {
    struct activation activation;
    int error = parse_activation(body, &activation);
    if (!error && in_machine) {
        rehearsal_end(activation.rehearse);
        error = activate(&activation);
    }
    result_error(call, error);
}

// ---- CLOCK ----

void call_clock(uint32_t call, struct body *body) {
    int64_t clock = (int64_t) take_u64(body);
    int error = body_end(body);
    if (!error && clock < 0) error = EINVAL;
    if (!error && in_machine) error = set_clock(clock);
    result_error(call, error);
}

// ---- STATS ----

static uint64_t memory_available(void) {
    char text[4096];
    if (read_file("/proc/meminfo", text, sizeof text) < 0) return 0;
    const char *line = strstr(text, "MemAvailable:");
    return line ? strtoull(line + 13, NULL, 10) * 1024 : 0;
}

void call_stats(uint32_t call, struct body *body) {
    struct sysinfo info = {0};
    struct statvfs disk = {0};
    int error = body_end(body);
    if (error) {
        result_error(call, error);
        return;
    }
    sysinfo(&info);
    statvfs("/", &disk);
    result_begin();
    put_u64((uint64_t) info.totalram * info.mem_unit);
    put_u64(memory_available());
    put_u64((uint64_t) disk.f_blocks * disk.f_frsize);
    put_u64((uint64_t) disk.f_bavail * disk.f_frsize);
    put_u32((uint32_t) cgroups_process_count());
    put_u64((uint64_t) monotonic_milliseconds());
    put_u64(cgroups_cpu_microseconds());
    result_send(call);
}

// ---- SHUTDOWN ----

static uint32_t shutdown_call;
static int shutdown_turns;
static struct timer shutdown_timer;

// In place: the kernel writes spaces and the like as \\040.
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        bool escaped = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
        *to = escaped ? (char) ((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) : *from;
        from += escaped ? 4 : 1;
    }
    *to = 0;
}

// What was mounted later goes first. Best effort: everything is on the disks after sync() already.
static void unmount_disks(void) {
    static char mounts[64 * KIB];
    char *targets[256];
    size_t count = 0;
    if (read_file("/proc/mounts", mounts, sizeof mounts) < 0) return;
    for (char *line = strtok(mounts, "\n"); line && count < 256; line = strtok(NULL, "\n")) {
        char *target = strchr(line, ' ');
        if (strncmp(line, "/dev/", 5) != 0 || !target) continue;
        targets[count] = ++target;
        target[strcspn(target, " ")] = 0;
        unescape(target);
        if (strcmp(target, "/") != 0) count++;
    }
    while (count-- > 0) {
        if (umount2(targets[count], 0) < 0) mount(NULL, targets[count], NULL, MS_REMOUNT | MS_RDONLY, NULL);
    }
}

static void release_disks(void) {
    char disk[32];
    sync();
    disks_trim();
    unmount_disks();
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    snprintf(disk, sizeof disk, "/proc/self/fd/%d", machine_disk);
    if (mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0) say("the disk stays writable: errno %d", errno);
    sync();
}

bool shutting_down(void) {
    return shutdown_call;
}

// The killed need a moment to be gone; their files are closed only then.
static void shutdown_step(struct timer *timer) {
    if (cgroups_process_count() > 0 && shutdown_turns++ < 100) {
        cgroups_kill_all();
        timer_set(timer, 10);
        return;
    }
    if (in_machine) release_disks();
    result_error(shutdown_call, 0);
    channel_drain();
    loop_stop();
}

void call_shutdown(uint32_t call, struct body *body) {
    int error = body_end(body);
    if (error || shutdown_timer.armed) {
        result_error(call, error ? error : EALREADY);
        return;
    }
    shutdown_call = call;
    shutdown_timer.expired = shutdown_step;
    processes_kill_all();
    timer_set(&shutdown_timer, 0);
}

// ---- MOUNT, UNMOUNT, SYNC ----

int make_directories(char *path) {
    for (char *at = path + 1;; at++) {
        if (*at && *at != '/') continue;
        char saved = *at;
        *at = 0;
        int error = mkdir(path, 0755) < 0 && errno != EEXIST ? errno : 0;
        *at = saved;
        if (error || !saved) return error;
    }
}

void call_mount(uint32_t call, struct body *body) {
    const char *source = take_text(body);
    char *target = take_path(body);
    const char *type = take_text(body);
    uint64_t flags = take_u64(body);
    const char *data = take_text(body);
    int error = body_end(body);
    if (!error && !in_machine) error = EPERM;
    if (!error) error = make_directories(target);
    if (!error && mount(source, target, type, flags, data) < 0) error = errno;
    result_error(call, error);
}

void call_unmount(uint32_t call, struct body *body) {
    const char *target = take_path(body);
    uint32_t flags = take_u32(body);
    int error = body_end(body);
    if (!error && !in_machine) error = EPERM;
    if (!error && umount2(target, (int) flags) < 0) error = errno;
    result_error(call, error);
}

void call_sync(uint32_t call, struct body *body) {
    uint8_t what = take_u8(body);
    int error = body_end(body);
    if (!error && what > 1) error = EINVAL;
    if (!error && in_machine) {
        sync();
        if (what == 1) rehearsal_prepare();
    }
    result_error(call, error);
}
