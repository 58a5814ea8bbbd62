// The streams on the channel: credit, turns, and what is held for a slow receiver.
#pragma once

#include "agent.h"

#define STREAM_WINDOW (256 * KIB)
#define STREAM_END (-5000)

struct stream;

/** What is at the guest's end of a stream. */
struct endpoint {
    /** Fills the buffer: the number of bytes, 0 for nothing yet (stream_readable() tells), STREAM_END, or -errno. */
    ssize_t (*produce)(struct stream *, uint8_t *buffer, size_t size);
    /** Takes bytes: their number, 0 for none now (stream_writable() tells), or -errno. */
    ssize_t (*consume)(struct stream *, const uint8_t *bytes, size_t size);
    /** Everything has been consumed, and no more will come. */
    void (*finished)(struct stream *);
    /** The host at the other end is gone: true if the owner goes on without a stream. May be NULL. */
    bool (*deserted)(struct stream *);
    /** The host accepted the stream that the agent opened. */
    void (*accepted)(struct stream *);
    /** The stream is over and about to be freed; error is 0 or why it was reset. Called once, last. */
    void (*over)(struct stream *, int error, bool by_host);
};

struct stream {
    uint32_t id;
    struct stream *next;
    const struct endpoint *endpoint;
    void *owner;
    bool to_host, to_guest; // which directions are still open
    bool open; // false until accepted

    uint32_t credit; // that the host gave
    bool readable, queued;
    struct stream *previous_ready, *next_ready;

    uint32_t window; // that the host has left
    uint32_t consumed; // and not yet given back
    uint8_t *held;
    size_t held_start, held_length;
    bool ended; // END came, but something is still held
};

/** A stream that the host named; NULL if the id is not free or not the host's. */
struct stream *stream_of_host(uint32_t id, bool to_host, bool to_guest, const struct endpoint *, void *owner);

/** A stream of the agent's own, for which OPEN is sent; NULL if there are too many. */
struct stream *stream_open(const void *body, size_t length, bool carries_bytes, const struct endpoint *, void *owner);

/** Answers an OPEN of the host. */
void stream_accept(struct stream *);
void stream_refuse(struct stream *, int error);

void stream_readable(struct stream *);
void stream_writable(struct stream *);

/** Ends the stream from this side, telling the host. */
void stream_reset(struct stream *, int error);

/** Forgets a stream that never was, because its call failed: tells nobody, not even its endpoint. */
void stream_discard(struct stream *);

/** The host is gone, and all streams with it. */
void streams_forget_host(void);

/** For the loop: gives each stream that has something to send its turn. */
bool streams_have_output(void);
void streams_fill_channel(void);

/** For the channel. */
void stream_open_received(uint32_t id, uint8_t *payload, size_t length);
void stream_accept_received(uint32_t id);
void stream_refuse_received(uint32_t id, uint32_t error);
void stream_data_received(uint32_t id, const uint8_t *bytes, size_t length);
void stream_end_received(uint32_t id);
void stream_reset_received(uint32_t id, uint32_t error);
void stream_credit_received(uint32_t id, uint32_t credit);
