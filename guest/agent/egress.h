// The way out, and the way in: connections of the guest's programs as streams.
#pragma once

#include "agent.h"

/** Sets up loopback, routes, the interception of connections, and the resolver. */
void egress_open(void);

/** DIAL: connects to a port of the guest for the host. */
void egress_dial(uint32_t stream, uint16_t port);
