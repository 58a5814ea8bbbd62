// A command that goes ahead of the first one.
//
// A machine that was just restored in emulation has to translate the code of its kernel anew. The rehearsal does so for the second
// half of a command's way, from execve to the exit, on another processor, while the agent is still busy with ACTIVATE and with the
// first half. Its process is made before the freeze, since a fork at ACTIVATE would cost as much as it saves.
#pragma once

#include "agent.h"

/** Makes the process, which then waits. Once; without effect where there are no control groups. */
void rehearsal_prepare(void);

/** Lets it run /bin/true, or not, and end. Without effect unless it was prepared. */
void rehearsal_end(bool run);
