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

/** In a child: makes it what the program is to find. 0, or an errno. */
int launch_prepare(const struct launch *);

/** Becomes the program; returns an errno if it cannot. */
int launch_run(const struct launch *);
