// A stream whose end is a descriptor: a pipe, a terminal, a connection.
#pragma once

#include "loop.h"
#include "stream.h"

enum conduit_kind { PIPE, TERMINAL, CONNECTION };

struct conduit {
    struct source source;
    enum conduit_kind kind;
    struct stream *stream; // NULL when its host is gone: what comes is read and dropped then
    struct job job;
    bool draining;
    /** Told once when the conduit is over; it closes its descriptor itself. May be NULL. */
    void (*closed)(struct conduit *, int error, bool by_host);
    void *owner;
};

extern const struct endpoint conduit_endpoint;

/** Owns the descriptor from now on. Its stream is to be set by the caller (endpoint conduit_endpoint, owner the conduit). */
struct conduit *conduit_create(int descriptor, enum conduit_kind);

/** Closes and frees a conduit that never had a stream; a connection is reset. */
void conduit_abandon(struct conduit *);

/** Begins to watch; call when the stream is set. */
void conduit_start(struct conduit *);
