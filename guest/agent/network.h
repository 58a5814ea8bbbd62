// Loopback and routes: every address is local to the machine.
#pragma once

#include "agent.h"

/** The machine's own address, 198.19.255.1: what its programs see as theirs when they connect. In network byte order. */
#define OWN_ADDRESS 0x01ff13c6u

/** Best effort: what fails is logged. */
void network_open(void);
