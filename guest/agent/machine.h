// The machine as a whole: its start and its end.
#pragma once

#include "agent.h"

/** What PID 1 does before the channel can be served; the descriptor of the port. */
int machine_boot(void);

/** The root of the writable disk, which no path leads to after the boot. */
extern int machine_disk;

/** The root of the image that the guest's root lies above. */
extern int machine_image;

/** The first root, under the guest's, which no path leads to after the boot. */
extern int machine_floor;

/** Switches the power off. */
_Noreturn void machine_off(void);

/** Makes the places that ACTIVATE writes names into; 0 or a negative errno. */
int machine_identity_open(void);

/** Has the usual places of the root point to them; 0 or a negative errno. */
int machine_identity_place(void);

/** Makes a directory and those above it; 0 or an errno. */
int make_directories(char *path);

/** Tells the host which blocks of the attached disks are free. */
void disks_trim(void);
