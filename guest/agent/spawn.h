// Starting one program: what happens between clone and exec.
#pragma once

#include "users.h"

struct launch {
    char **arguments, **environment;
    const char *directory; // NULL: the user's home
    const struct identity *identity;
    uint32_t umask;
    int descriptors[3];
    bool terminal;
    bool large; // arguments and environment are more than 1 MiB
    int cgroup; // descriptor, or -1
};

/** The pid, or -errno of whatever failed up to and including execve. */
pid_t launch_program(const struct launch *);

/**
 * Runs /bin/true on the side. A machine that was just restored in emulation has to translate the code of its kernel anew; this
 * does so for the way of a command, on another processor, while the agent is still busy with ACTIVATE.
 */
void warm_up(void);
