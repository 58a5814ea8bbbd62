// The machine as a whole: its start and its end.
#pragma once

#include "agent.h"

/** What PID 1 does before the channel can be served; the descriptor of the port. */
int machine_boot(void);

/** The root of the writable disk, which no path leads to after the boot. */
extern int machine_disk;

/** Switches the power off. */
_Noreturn void machine_off(void);

/** Makes the places that ACTIVATE writes names into; 0 or a negative errno. */
int machine_identity_open(void);
