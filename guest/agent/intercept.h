// A BPF sk_lookup program that leads connections to foreign addresses to sockets of the agent.
#pragma once

/** The sockets: TCP over IPv4, TCP over IPv6 (or -1), and UDP for queries to any name server. 0 or -errno. */
int intercept(int tcp4, int tcp6, int udp);
