#include "process.h"

#include "calls.h"
#include "cgroups.h"
#include "channel.h"
#include "conduit.h"
#include "spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_PIPE_SIZE (256 * KIB)

enum target { TO_NULL, TO_STREAM, TO_STDOUT };

struct process {
    uint32_t call;
    pid_t pid;
    uint32_t cgroup;
    bool killed_by_host;
    struct conduit *terminal_input, *terminal_output; // NULL where there is none, or when it is over
    int terminal; // keeps the terminal from hanging up while the process ends; -1 where there is none
    struct process *next;
};

static struct process *processes;
static struct source child_ended;

static struct process *of_call(uint32_t call) {
    struct process *process = call ? processes : NULL;
    while (process && process->call != call) process = process->next;
    return process;
}

// ---- the end ----

static uint8_t memory_verdict(const struct process *process, int status) {
    bool succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (succeeded || cgroup_oom_kills(process->cgroup) == 0) return 0;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return killed && !process->killed_by_host ? 2 : 1;
}

static uint64_t microseconds(struct timeval time) {
    return (uint64_t) time.tv_sec * 1000000 + (uint64_t) time.tv_usec;
}

static void send_exit(const struct process *process, int status, const struct rusage *usage) {
    uint32_t signal = WIFSIGNALED(status) ? (uint32_t) WTERMSIG(status) : 0;
    uint32_t code = signal ? 128 + signal : (uint32_t) WEXITSTATUS(status);
    uint64_t time = microseconds(usage->ru_utime) + microseconds(usage->ru_stime);
    uint8_t payload[17] = {0, 0, 0, (uint8_t) code, 0, 0, 0, (uint8_t) signal, memory_verdict(process, status)};
    for (int i = 0; i < 8; i++) payload[9 + i] = (uint8_t) (time >> 8 * (7 - i));
    channel_send(EXIT, process->call, payload, sizeof payload);
}

static void let_terminal_go(struct process *process) {
    if (process->terminal >= 0) close(process->terminal);
    process->terminal = -1;
}

static void terminal_closed(struct conduit *conduit, int error, bool by_host) {
    struct process *process = conduit->owner;
    if (!process) return;
    struct conduit *input = process->terminal_input;
    if (process->terminal_input == conduit) process->terminal_input = NULL;
    if (process->terminal_output != conduit) return;
    process->terminal_output = NULL;
    process->terminal_input = NULL;
    // Without a reader the terminal hangs up, and for that its other descriptors must go as well. A process that has
    // closed its terminal is about to end, and a hang-up would end it by a signal before it can.
    if (by_host || error) let_terminal_go(process);
    if (input) {
        input->owner = NULL;
        stream_reset(input->stream, EPIPE);
    }
}

static void forget(struct process *process) {
    struct process **at = &processes;
    while (*at != process) at = &(*at)->next;
    *at = process->next;
    cgroup_give_back(process->cgroup, process->call);
    // Descendants may hold the terminal on. Its two halves no longer end each other then, which is harmless.
    if (process->terminal_input) process->terminal_input->owner = NULL;
    if (process->terminal_output) process->terminal_output->owner = NULL;
    let_terminal_go(process);
    free(process);
}

static void reap(struct source *source, uint32_t events) {
    struct signalfd_siginfo pending[8];
    struct rusage usage;
    int status;
    pid_t pid;
    (void) events;
    while (read(source->descriptor, pending, sizeof pending) > 0) {}
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        struct process *process = processes;
        while (process && process->pid != pid) process = process->next;
        if (!process) continue;
        if (process->call) send_exit(process, status, &usage);
        forget(process);
    }
    cgroups_check();
}

void processes_open(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor < 0 || loop_watch(&child_ended, descriptor, reap) < 0) die("no signalfd");
}

static void signal_tree(struct process *process, int signal) {
    if (!cgroup_signal(process->cgroup, signal)) kill(-process->pid, signal);
}

void processes_kill_all(void) {
    for (struct process *process = processes; process; process = process->next) signal_tree(process, SIGKILL);
    cgroups_kill_all();
}

void processes_forget_host(void) {
    for (struct process *process = processes; process; process = process->next) process->call = 0;
    cgroups_disown_all();
}

// ---- SPAWN ----

struct request {
    struct launch launch;
    struct identity identity;
    uint8_t targets[3];
    uint32_t streams[3];
    bool terminal;
    struct winsize window;
};

static char **take_list(struct body *body) {
    uint32_t count = take_u32(body);
    if (count > (size_t) (body->end - body->at) / 4) body->error = EINVAL;
    if (body->error) count = 0;
    char **list = allocate(((size_t) count + 1) * sizeof *list);
    for (uint32_t i = 0; i < count; i++) list[i] = take_text(body);
    list[count] = NULL;
    return list;
}

static int parse(struct body *body, struct request *request) {
    request->launch.large = body->end - body->at > (ptrdiff_t) MIB;
    const char *directory = take_text(body);
    const char *user = take_text(body);
    request->launch.umask = take_u32(body);
    request->launch.arguments = take_list(body);
    request->launch.environment = take_list(body);
    for (int i = 0; i < 3; i++) request->targets[i] = take_u8(body);
    for (int i = 0; i < 3; i++) request->streams[i] = take_u32(body);
    request->terminal = take_u8(body);
    request->window.ws_row = take_u16(body);
    request->window.ws_col = take_u16(body);
    int error = body_end(body);
    if (error) return error;

    const uint8_t *targets = request->targets;
    if (!request->launch.arguments[0]) return EINVAL;
    if (targets[0] > TO_STREAM || targets[1] > TO_STREAM || targets[2] > TO_STDOUT) return EINVAL;
    if (request->terminal && (targets[0] != TO_STREAM || targets[1] != TO_STREAM || targets[2] != TO_STDOUT)) return EINVAL;
    request->launch.directory = *directory ? directory : NULL;
    request->launch.identity = &request->identity;
    request->launch.terminal = request->terminal;
    return identity_of_user(user, &request->identity);
}

// The descriptors of one SPAWN while it is made. What the child gets is closed here afterwards in any case.
struct plumbing {
    int child[3];
    struct conduit *conduits[3];
};

static int open_null(int *descriptor) {
    *descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    return *descriptor < 0 ? errno : 0;
}

static int open_pipe(struct plumbing *plumbing, int number, const struct request *request) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return errno;
    int ours = number == 0 ? ends[1] : ends[0];
    plumbing->child[number] = number == 0 ? ends[0] : ends[1];
    fcntl(ours, F_SETFL, O_NONBLOCK);
    fcntl(ours, F_SETPIPE_SZ, OUTPUT_PIPE_SIZE);
    // So that the program may open its own /dev/stdout.
    if (geteuid() == 0 && fchown(ours, request->identity.uid, request->identity.gid) < 0) say("a pipe keeps its owner");
    plumbing->conduits[number] = conduit_create(ours, PIPE);
    return 0;
}

static int open_terminal(struct plumbing *plumbing, const struct request *request) {
    char name[32];
    int number, unlock = 0;
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return errno;
    plumbing->conduits[1] = conduit_create(master, TERMINAL);
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0) return errno;
    ioctl(master, TIOCSWINSZ, &request->window);
    int second = fcntl(master, F_DUPFD_CLOEXEC, 3);
    if (second < 0) return errno;
    plumbing->conduits[0] = conduit_create(second, TERMINAL);
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    plumbing->child[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (plumbing->child[0] < 0) return errno;
    if (geteuid() == 0 && fchown(plumbing->child[0], request->identity.uid, (gid_t) -1) < 0) return errno;
    plumbing->child[1] = plumbing->child[2] = plumbing->child[0];
    return 0;
}

static int open_plumbing(struct plumbing *plumbing, const struct request *request) {
    if (request->terminal) return open_terminal(plumbing, request);
    for (int i = 0; i < 3; i++) {
        int error = 0;
        if (request->targets[i] == TO_NULL) error = open_null(&plumbing->child[i]);
        else if (request->targets[i] == TO_STREAM) error = open_pipe(plumbing, i, request);
        else plumbing->child[i] = plumbing->child[1];
        if (error) return error;
    }
    return 0;
}

static void close_child_ends(struct plumbing *plumbing) {
    for (int i = 0; i < 3; i++) {
        bool shared = i > 0 && (plumbing->child[i] == plumbing->child[i - 1] || plumbing->child[i] == plumbing->child[0]);
        if (plumbing->child[i] >= 0 && !shared) close(plumbing->child[i]);
    }
}

static int open_streams(struct plumbing *plumbing, const struct request *request) {
    for (int i = 0; i < 3; i++) {
        struct conduit *conduit = plumbing->conduits[i];
        if (!conduit) continue;
        conduit->stream = stream_of_host(request->streams[i], i > 0, i == 0, &conduit_endpoint, conduit);
        if (!conduit->stream) return EINVAL;
    }
    return 0;
}

static void abandon(struct plumbing *plumbing) {
    for (int i = 0; i < 3; i++) {
        struct conduit *conduit = plumbing->conduits[i];
        if (!conduit) continue;
        if (conduit->stream) stream_discard(conduit->stream);
        conduit_abandon(conduit);
    }
}

static void enlist(uint32_t call, pid_t pid, uint32_t cgroup, struct plumbing *plumbing, bool terminal) {
    struct process *process = allocate(sizeof *process);
    cgroup_disown(call);
    *process = (struct process) {.call = call, .pid = pid, .cgroup = cgroup, .terminal = -1, .next = processes};
    processes = process;
    if (terminal) {
        process->terminal_input = plumbing->conduits[0];
        process->terminal_output = plumbing->conduits[1];
        process->terminal = fcntl(plumbing->conduits[1]->source.descriptor, F_DUPFD_CLOEXEC, 3);
        for (int i = 0; i < 2; i++) {
            plumbing->conduits[i]->owner = process;
            plumbing->conduits[i]->closed = terminal_closed;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (plumbing->conduits[i]) conduit_start(plumbing->conduits[i]);
    }
}

static int spawn(uint32_t call, struct request *request) {
    struct plumbing plumbing = {.child = {-1, -1, -1}};
    uint32_t cgroup = 0;
    pid_t pid = -1;
    int error = open_plumbing(&plumbing, request);
    if (!error) error = open_streams(&plumbing, request);
    if (!error) {
        memcpy(request->launch.descriptors, plumbing.child, sizeof plumbing.child);
        cgroup = cgroup_take(&request->launch.cgroup);
        pid = launch_program(&request->launch);
        if (request->launch.cgroup >= 0) close(request->launch.cgroup);
        if (pid < 0) error = -pid;
    }
    close_child_ends(&plumbing);
    if (error) {
        abandon(&plumbing);
        cgroup_give_back(cgroup, 0);
        return error;
    }
    result_begin();
    put_u32((uint32_t) pid);
    result_send(call);
    enlist(call, pid, cgroup, &plumbing, request->terminal);
    return 0;
}

void call_spawn(uint32_t call, struct body *body) {
    struct request request = {0};
    int error = parse(body, &request);
    if (!error && of_call(call)) error = EINVAL;
    if (!error) error = spawn(call, &request);
    if (error) result_error(call, error);
    free(request.launch.arguments);
    free(request.launch.environment);
}

// ---- KILL, RESIZE ----

void call_kill(uint32_t call, struct body *body) {
    uint32_t spawned = take_u32(body);
    struct process *process = of_call(spawned);
    uint32_t signal = take_u32(body);
    uint8_t scope = take_u8(body);
    int error = body_end(body);
    if (!error && (signal > 64 || scope > 1)) error = EINVAL;
    if (!error && !process) {
        // The process is gone, but what it started may be there.
        if (scope == 0 || !cgroup_signal_left(spawned, (int) signal)) error = ESRCH;
    } else if (!error) {
        if (signal == SIGKILL) process->killed_by_host = true;
        if (scope == 1 && signal != 0) signal_tree(process, (int) signal);
        else if (kill(process->pid, (int) signal) < 0) error = errno;
    }
    result_error(call, error);
}

void call_resize(uint32_t call, struct body *body) {
    struct process *process = of_call(take_u32(body));
    struct winsize window = {.ws_row = take_u16(body)};
    window.ws_col = take_u16(body);
    int error = body_end(body);
    if (!error && !process) error = ESRCH;
    if (!error && !process->terminal_output) error = ENOTTY;
    // The kernel sends SIGWINCH itself.
    if (!error && ioctl(process->terminal_output->source.descriptor, TIOCSWINSZ, &window) < 0) error = errno;
    result_error(call, error);
}
