// The processes that the host asked for, and the reaping of all.
#pragma once

#include "agent.h"

/** Watches for ended children. */
void processes_open(void);

/** SIGKILL to everything that was ever started here. */
void processes_kill_all(void);

/** They go on, and nobody hears of their end. */
void processes_forget_host(void);
