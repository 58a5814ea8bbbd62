// The agent of a Belljar machine: carries out what the host asks on the channel. docs/agent-protocol.md is its contract.
#include "agent.h"
#include "channel.h"
#include "egress.h"
#include "loop.h"
#include "machine.h"
#include "process.h"
#include "tsc.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool in_machine;

void say(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int prefix = snprintf(line, sizeof line, "belljar-agent: ");
    vsnprintf(line + prefix, sizeof line - (size_t) prefix - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
    (void) ignored;
}

_Noreturn void die(const char *format, ...) {
    char reason[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (in_machine) write_file("/proc/sys/kernel/printk", "7", O_WRONLY); // up to the console
    say("%s", reason);
    processes_kill_all();
    if (in_machine) machine_off();
    exit(1);
}

void *allocate(size_t size) {
    void *memory = malloc(size);
    if (!memory) die("out of memory");
    return memory;
}

int write_file(const char *path, const char *content, int flags) {
    int descriptor = open(path, flags | O_CLOEXEC | O_NOCTTY, 0644);
    if (descriptor < 0) return -errno;
    ssize_t count = write(descriptor, content, strlen(content));
    int error = count < 0 ? -errno : 0;
    close(descriptor);
    return error;
}

ssize_t read_file(const char *path, char *content, size_t size) {
    size_t length = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) return -errno;
    while (length < size - 1) {
        ssize_t count = read(descriptor, content + length, size - 1 - length);
        if (count <= 0) break;
        length += (size_t) count;
    }
    close(descriptor);
    content[length] = 0;
    return (ssize_t) length;
}

// The channel moves out of the way: 0, 1 and 2 are always open, so no other descriptor ever gets their numbers.
static void serve_standard_streams(void) {
    int input = fcntl(0, F_DUPFD_CLOEXEC, 3), output = fcntl(1, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (input < 0 || output < 0 || null < 0) die("no standard streams");
    dup2(null, 0);
    dup2(null, 1);
    if (fcntl(2, F_GETFD) < 0) dup2(null, 2);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    loop_open();
    processes_open();
    channel_open(input, output, false);
    loop_run();
    processes_kill_all();
    channel_flush();
}

static void serve_machine(void) {
    in_machine = true;
    int port = machine_boot();
    loop_open();
    processes_open();
    egress_open();
    channel_open(port, port, true);
    loop_run();
    machine_off();
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "--tsc") == 0) return tsc_print();
    umask(0); // every mode is stated where a file is made
    if (count == 2 && strcmp(arguments[1], "--stdio") == 0) {
        serve_standard_streams();
        return 0;
    }
    if (getpid() == 1) serve_machine();
    fputs("usage: belljar-agent --stdio | --tsc\n", stderr);
    return 2;
}
