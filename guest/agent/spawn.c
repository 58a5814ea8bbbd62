#include "spawn.h"

#include "cgroups.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child runs on this stack, in the agent's memory, while the agent waits for its exec (as vfork does, without copying
// page tables). It makes system calls only, and leaves nothing changed that the agent would miss.
static char child_stack[64 * KIB] __attribute__((aligned(16)));

struct child {
    const struct launch *launch;
    volatile int error;
};

static void open_limits(void) {
    struct rlimit files = {65536, 1048576}, none = {0, 0}, current;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &current) == 0) {
        current.rlim_cur = current.rlim_max < files.rlim_cur ? current.rlim_max : files.rlim_cur;
        setrlimit(RLIMIT_NOFILE, &current);
    }
    setrlimit(RLIMIT_CORE, &none);
}

// Linux gives arguments and environment a quarter of the stack's limit, and never more than 6 MiB.
static void open_stack(void) {
    struct rlimit stack = {0};
    if (getrlimit(RLIMIT_STACK, &stack) < 0 || stack.rlim_cur >= 24 * MIB || stack.rlim_max < 24 * MIB) return;
    stack.rlim_cur = 24 * MIB;
    setrlimit(RLIMIT_STACK, &stack);
}

static int become(const struct identity *identity) {
    if (geteuid() != 0) return identity->uid == geteuid() ? 0 : EPERM;
    gid_t groups[GROUPS_LIMIT + 1];
    groups[0] = identity->gid;
    memcpy(groups + 1, identity->groups, identity->group_count * sizeof *groups);
    if (syscall(SYS_setgroups, identity->group_count + 1, groups) < 0) return errno;
    if (syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0) return errno;
    // The process limit of the machine is the control group's; a user's own would count across process trees.
    if (syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0) return errno;
    return 0;
}

int launch_run(const struct launch *launch) {
    const char *name = launch->arguments[0];
    if (strchr(name, '/')) {
        execve(name, launch->arguments, launch->environment);
        return errno;
    }
    if (!*name) return ENOENT;
    const char *path = "/usr/local/bin:/usr/bin:/bin";
    for (char **variable = launch->environment; *variable; variable++) {
        if (strncmp(*variable, "PATH=", 5) == 0) {
            path = *variable + 5;
            break;
        }
    }
    char candidate[4096];
    int error = ENOENT;
    for (;;) {
        int length = (int) strcspn(path, ":");
        int printed = length == 0 ? snprintf(candidate, sizeof candidate, "./%s", name)
            : snprintf(candidate, sizeof candidate, "%.*s/%s", length, path, name);
        if (printed < (int) sizeof candidate) {
            execve(candidate, launch->arguments, launch->environment);
            if (errno == EACCES) error = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR) return errno;
        }
        if (!path[length]) return error;
        path += length + 1;
    }
}

int launch_prepare(const struct launch *launch) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &standard, NULL);
    syscall(SYS_setsid);
    for (int i = 0; i < 3; i++) {
        if (dup2(launch->descriptors[i], i) < 0) return errno;
    }
    syscall(SYS_close_range, 3, ~0u, 0);
    if (launch->terminal) ioctl(0, TIOCSCTTY, 0);
    open_limits();
    if (launch->large) open_stack();
    umask(launch->umask & 07777);
    int error = become(launch->identity);
    if (error) return error;
    if (chdir(launch->directory ? launch->directory : launch->identity->home) < 0) return errno;
    sigset_t nothing;
    sigemptyset(&nothing);
    sigprocmask(SIG_SETMASK, &nothing, NULL);
    return 0;
}

static int child_main(void *argument) {
    struct child *child = argument;
    child->error = launch_prepare(child->launch);
    if (!child->error) child->error = launch_run(child->launch);
    _exit(127);
}

#ifdef __x86_64__
// clone() of the C library cannot place the child in a control group.
static long clone_into(struct clone_args *arguments, int (*function)(void *), void *argument) {
    long result;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "mov %[argument], %%rdi\n\t"
        "call *%[function]\n\t"
        "hlt\n"
        "1:"
        : "=a"(result)
        : "a"((long) SYS_clone3), "D"(arguments), "S"(sizeof *arguments), [function] "r"(function), [argument] "r"(argument)
        : "rcx", "r11", "memory");
    return result;
}
#endif

static pid_t start(struct child *child, int cgroup) {
#ifdef __x86_64__
    if (cgroup >= 0) {
        struct clone_args arguments = {.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
            .stack = (uintptr_t) child_stack, .stack_size = sizeof child_stack, .cgroup = (uint64_t) cgroup};
        return (pid_t) clone_into(&arguments, child_main, child);
    }
#endif
    (void) cgroup;
    pid_t pid = clone(child_main, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
    return pid < 0 ? -errno : pid;
}

pid_t launch_program(const struct launch *launch) {
    struct child child = {.launch = launch};
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = start(&child, launch->cgroup);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid > 0 && child.error) {
        waitpid(pid, NULL, 0);
        return -child.error;
    }
    return pid;
}
