#include "cgroups.h"

#include "loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
#define SANDBOX ROOT "/sandbox"
#define CHECKS_PER_TURN 16
#define SPARES 16
#define SPARES_PER_TURN 2
// Upkeep waits until the burst of commands that set it off is likely to be over, and then works in small portions.
#define UPKEEP_DELAY 200
#define UPKEEP_PAUSE 10

struct group {
    uint32_t number;
    uint32_t call; // of its leader's SPAWN; 0 where there was none, or the id is in use again
    struct group *next;
};

static bool available;
static uint32_t last_number;
// Made ahead of time: a group costs more than the process that will be in it.
static uint32_t spares[SPARES];
static int spare_count;
// Groups without a leader, perhaps with descendants of it.
static struct group *left, **left_end = &left;
static int left_count;
static struct timer upkeep;

static uint32_t make_group(void) {
    char path[64];
    snprintf(path, sizeof path, SANDBOX "/%u", ++last_number);
    if (mkdir(path, 0755) == 0) return last_number;
    say("no control group: errno %d", errno);
    return 0;
}

static bool remove_group(uint32_t number) {
    char path[64];
    snprintf(path, sizeof path, SANDBOX "/%u", number);
    return rmdir(path) == 0 || errno != EBUSY;
}

// Whether there are more to make.
static bool fill_spares(int most) {
    while (spare_count < SPARES && most-- > 0) {
        uint32_t number = make_group();
        if (!number) return false;
        spares[spare_count++] = number;
    }
    return spare_count < SPARES;
}

static uint32_t take_spare(void) {
    return spare_count > 0 ? spares[--spare_count] : make_group();
}

static void keep_up(struct timer *timer) {
    (void) timer;
    bool more = fill_spares(SPARES_PER_TURN);
    int checks = left_count < CHECKS_PER_TURN ? left_count : CHECKS_PER_TURN;
    bool removed = false;
    while (checks-- > 0) {
        struct group *group = left;
        left = group->next;
        left_count--;
        if (!left) left_end = &left;
        if (remove_group(group->number)) {
            free(group);
            removed = true;
        } else {
            group->next = NULL;
            *left_end = group;
            left_end = &group->next;
            left_count++;
        }
    }
    if (more || (removed && left)) timer_set(&upkeep, UPKEEP_PAUSE);
}

static void plan_upkeep(void) {
    if (!upkeep.armed) timer_set(&upkeep, UPKEEP_DELAY);
}

int cgroups_open(void) {
    struct sysinfo memory;
    char number[32];
    int error;
    // Each controller makes a group dearer, and every process has one. Processes are counted for all groups together, and
    // sessions share the processors fairly without one (autogroups).
    if ((error = write_file(ROOT "/cgroup.subtree_control", "+memory +pids", O_WRONLY)) < 0) return error;
    if (mkdir(SANDBOX, 0755) < 0 && errno != EEXIST) return -errno;
    if ((error = write_file(SANDBOX "/cgroup.subtree_control", "+memory", O_WRONLY)) < 0) return error;

    sysinfo(&memory);
    uint64_t total = (uint64_t) memory.totalram * memory.mem_unit;
    uint64_t reserve = total / 20 > 48 * MIB ? total / 20 : 48 * MIB;
    snprintf(number, sizeof number, "%llu", (unsigned long long) (total > 2 * reserve ? total - reserve : total / 2));
    write_file(SANDBOX "/memory.max", number, O_WRONLY);
    write_file(SANDBOX "/memory.oom.group", "0", O_WRONLY);
    cgroups_limit_processes(1024);
    available = true;
    upkeep.expired = keep_up;
    fill_spares(SPARES);
    return 0;
}

uint32_t cgroup_take(int *descriptor) {
    char path[64];
    *descriptor = -1;
    if (!available) return 0;
    uint32_t number = take_spare();
    plan_upkeep();
    if (!number) return 0;
    snprintf(path, sizeof path, SANDBOX "/%u", number);
    *descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return number;
}

void cgroup_give_back(uint32_t number, uint32_t call) {
    if (!number) return;
    struct group *group = allocate(sizeof *group);
    group->number = number;
    group->call = call;
    // The newest is the likeliest to be empty.
    group->next = left;
    if (!left) left_end = &group->next;
    left = group;
    left_count++;
    plan_upkeep();
}

void cgroups_check(void) {
    if (left) plan_upkeep();
}

static void signal_members(const char *path, int signal) {
    // A snapshot is enough: who forks while being signalled would also escape a signal to a process group.
    static char members[256 * KIB];
    if (read_file(path, members, sizeof members) <= 0) return;
    for (char *at = members; *at;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at) return;
        if (pid > 1) kill((pid_t) pid, signal);
        at = *end ? end + 1 : end;
    }
}

bool cgroup_signal(uint32_t number, int signal) {
    char path[80];
    if (!number) return false;
    if (signal == SIGKILL) {
        snprintf(path, sizeof path, SANDBOX "/%u/cgroup.kill", number);
        if (write_file(path, "1", O_WRONLY) == 0) return true;
    }
    snprintf(path, sizeof path, SANDBOX "/%u/cgroup.procs", number);
    signal_members(path, signal);
    return true;
}

// The number behind a key in a file of lines "key number"; behind nothing, the first number.
static uint64_t value_in(const char *path, const char *key) {
    char text[1024];
    if (read_file(path, text, sizeof text) < 0) return 0;
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        size_t length = strlen(key);
        if (strncmp(line, key, length) == 0) return strtoull(line + length, NULL, 10);
    }
    return 0;
}

static struct group *left_by(uint32_t call) {
    struct group *group = left;
    while (group && group->call != call) group = group->next;
    return group;
}

bool cgroup_signal_left(uint32_t call, int signal) {
    char path[80];
    struct group *group = call ? left_by(call) : NULL;
    if (!group) return false;
    snprintf(path, sizeof path, SANDBOX "/%u/cgroup.events", group->number);
    return value_in(path, "populated ") != 0 && cgroup_signal(group->number, signal);
}

void cgroup_disown(uint32_t call) {
    struct group *group;
    while ((group = left_by(call))) group->call = 0;
}

void cgroups_disown_all(void) {
    for (struct group *group = left; group; group = group->next) group->call = 0;
}

void cgroups_kill_all(void) {
    if (available) write_file(SANDBOX "/cgroup.kill", "1", O_WRONLY);
}

uint64_t cgroup_oom_kills(uint32_t number) {
    char path[80];
    if (!number) return 0;
    snprintf(path, sizeof path, SANDBOX "/%u/memory.events", number);
    return value_in(path, "oom_kill ");
}

int cgroups_limit_processes(uint32_t limit) {
    char number[16];
    snprintf(number, sizeof number, "%u", limit);
    return write_file(SANDBOX "/pids.max", limit == 0 ? "max" : number, O_WRONLY);
}

uint64_t cgroups_process_count(void) {
    return available ? value_in(SANDBOX "/pids.current", "") : 0;
}

uint64_t cgroups_cpu_microseconds(void) {
    return available ? value_in(SANDBOX "/cpu.stat", "usage_usec ") : 0;
}
