// Addresses that stand for names.
#pragma once

#include "agent.h"

#include <netinet/in.h>

/** Whether an address is one that names may be given. */
bool names_own(struct in_addr);

/** The name that an address stands for, or NULL. */
const char *names_find(struct in_addr);

/** The address of a name that the host accepted, now or in the last few seconds; false where it must be asked. */
bool names_fresh(const char *name, struct in_addr *);

/** Gives a name that the host just accepted its address. */
struct in_addr names_give(const char *name);
