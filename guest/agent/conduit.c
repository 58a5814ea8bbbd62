#include "conduit.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define DROPPED_PER_SLICE (256 * KIB)

static void close_descriptor(struct conduit *conduit, bool reset) {
    int descriptor = conduit->source.descriptor;
    if (reset && conduit->kind == CONNECTION) {
        struct linger none = {.l_onoff = 1};
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    loop_forget(&conduit->source);
    close(descriptor);
}

// ---- without a host ----

static bool drop_slice(struct job *job) {
    static uint8_t dropped[64 * KIB];
    struct conduit *conduit = (struct conduit *) ((char *) job - offsetof(struct conduit, job));
    for (size_t total = 0; total < DROPPED_PER_SLICE;) {
        ssize_t count = read(conduit->source.descriptor, dropped, sizeof dropped);
        if (count > 0) {
            total += (size_t) count;
        } else if (count < 0 && errno == EAGAIN) {
            conduit->draining = false;
            return true;
        } else if (count == 0 || errno != EINTR) {
            if (conduit->closed) conduit->closed(conduit, 0, false);
            close_descriptor(conduit, false);
            loop_dispose(conduit);
            return true;
        }
    }
    return false;
}

static void drop_what_comes(struct conduit *conduit) {
    if (conduit->draining) return;
    conduit->draining = true;
    conduit->job.slice = drop_slice;
    job_start(&conduit->job);
}

// Programs write on; without a reader they would end or wait for ever.
static bool deserted(struct stream *stream) {
    struct conduit *conduit = stream->owner;
    if (conduit->kind == CONNECTION || !stream->to_host) return false;
    conduit->stream = NULL;
    drop_what_comes(conduit);
    return true;
}

static void ready(struct source *source, uint32_t events) {
    struct conduit *conduit = (struct conduit *) source;
    struct stream *stream = conduit->stream;
    if (!stream) {
        drop_what_comes(conduit);
        return;
    }
    if (!stream->open) {
        // Both directions are gone before the host answered: nobody is there to connect.
        if (events & (EPOLLERR | EPOLLHUP)) stream_reset(stream, 0);
        return;
    }
    if (events & ~(uint32_t) EPOLLOUT) stream_readable(stream);
    // A pipe that nobody reads any more tells with EPOLLERR; a connection that was reset after it said its last, with either.
    bool gone = conduit->kind == PIPE ? events & EPOLLERR : conduit->kind == CONNECTION && events & (EPOLLERR | EPOLLHUP);
    if (gone && stream->to_guest && !stream->to_host) stream_reset(stream, EPIPE);
    else if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) stream_writable(stream);
}

struct conduit *conduit_create(int descriptor, enum conduit_kind kind) {
    struct conduit *conduit = allocate(sizeof *conduit);
    *conduit = (struct conduit) {.source.descriptor = descriptor, .kind = kind};
    return conduit;
}

void conduit_abandon(struct conduit *conduit) {
    close_descriptor(conduit, true);
    loop_dispose(conduit);
}

void conduit_start(struct conduit *conduit) {
    int descriptor = conduit->source.descriptor;
    if (loop_watch(&conduit->source, descriptor, ready) == 0) return;
    // Not a thing to wait for: it is always ready.
    conduit->source.descriptor = descriptor;
    stream_readable(conduit->stream);
}

static ssize_t produce(struct stream *stream, uint8_t *buffer, size_t size) {
    struct conduit *conduit = stream->owner;
    ssize_t count;
    do count = read(conduit->source.descriptor, buffer, size);
    while (count < 0 && errno == EINTR);
    if (count > 0) return count;
    if (count == 0) return STREAM_END;
    if (errno == EAGAIN) return 0;
    // A terminal that no process has open any more.
    if (conduit->kind == TERMINAL && errno == EIO) return STREAM_END;
    return -errno;
}

static ssize_t consume(struct stream *stream, const uint8_t *bytes, size_t size) {
    struct conduit *conduit = stream->owner;
    ssize_t count;
    do count = write(conduit->source.descriptor, bytes, size);
    while (count < 0 && errno == EINTR);
    if (count >= 0) return count;
    if (errno == EAGAIN) return 0;
    return conduit->kind == TERMINAL && errno == EIO ? -EPIPE : -errno;
}

static void finished(struct stream *stream) {
    struct conduit *conduit = stream->owner;
    int descriptor = conduit->source.descriptor;
    if (conduit->kind == CONNECTION) {
        shutdown(descriptor, SHUT_WR);
    } else if (conduit->kind == TERMINAL) {
        struct termios settings;
        cc_t end_of_file = 4;
        if (tcgetattr(descriptor, &settings) == 0) end_of_file = settings.c_cc[VEOF];
        if (write(descriptor, &end_of_file, 1) < 0) say("a terminal takes no end of file: errno %d", errno);
    }
}

static void over(struct stream *stream, int error, bool by_host) {
    struct conduit *conduit = stream->owner;
    if (conduit->closed) conduit->closed(conduit, error, by_host);
    close_descriptor(conduit, error != 0 || by_host);
    loop_dispose(conduit);
}

// What came before the host's answer was passed over.
static void accepted(struct stream *stream) {
    stream_readable(stream);
}

const struct endpoint conduit_endpoint = {.produce = produce, .consume = consume, .finished = finished,
    .deserted = deserted, .accepted = accepted, .over = over};
