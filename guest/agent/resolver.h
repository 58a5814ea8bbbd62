// The name server of the machine: asks the host for each name, and hands out an address that stands for it.
#pragma once

/** Listens on 127.0.0.1 port 53; the UDP socket, or -1. */
int resolver_open(void);
