// A control group for each process tree, so that its end and its lack of memory can be told apart from others'.
#pragma once

#include "agent.h"

/** Sets up /sys/fs/cgroup/sandbox; without it everything below does nothing. 0 or -errno. */
int cgroups_open(void);

/** A fresh, empty group: its number (not 0), and a descriptor to be closed by the caller; 0 where there are none. */
uint32_t cgroup_take(int *descriptor);

/** Its leader, of that SPAWN, is gone, or never was (call 0); the group goes when it is empty. */
void cgroup_give_back(uint32_t number, uint32_t call);

/** Sends a signal to what the leader of that SPAWN, which is gone, left running; false where that is nothing. */
bool cgroup_signal_left(uint32_t call, int signal);

/** The id belongs to another SPAWN from now on. */
void cgroup_disown(uint32_t call);

/** No id means anything any more. */
void cgroups_disown_all(void);

/** Somebody ended: groups may have become empty. */
void cgroups_check(void);

/** Sends a signal to every process; false where there are no groups. */
bool cgroup_signal(uint32_t number, int signal);
void cgroups_kill_all(void);

/** How many processes in it the kernel killed for memory. */
uint64_t cgroup_oom_kills(uint32_t number);

int cgroups_limit_processes(uint32_t limit);
uint64_t cgroups_process_count(void);
uint64_t cgroups_cpu_microseconds(void);
