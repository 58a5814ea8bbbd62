#include "stream.h"

#include "channel.h"
#include "egress.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define AGENT_ID 0x80000000u
#define AGENT_STREAMS 512

static struct stream *buckets[BUCKETS];
static uint32_t next_id = AGENT_ID;
static int agent_streams;

// The streams that have something to send and credit for it, in the order of their turns.
static struct stream *first_ready, *last_ready;

static struct stream *find(uint32_t id) {
    struct stream *stream = buckets[id % BUCKETS];
    while (stream && stream->id != id) stream = stream->next;
    return stream;
}

static struct stream *create(uint32_t id, bool to_host, bool to_guest, const struct endpoint *endpoint, void *owner) {
    struct stream *stream = allocate(sizeof *stream);
    *stream = (struct stream) {.id = id, .endpoint = endpoint, .owner = owner, .to_host = to_host, .to_guest = to_guest,
        .credit = STREAM_WINDOW, .window = STREAM_WINDOW, .next = buckets[id % BUCKETS]};
    buckets[id % BUCKETS] = stream;
    if (id >= AGENT_ID) agent_streams++;
    return stream;
}

struct stream *stream_of_host(uint32_t id, bool to_host, bool to_guest, const struct endpoint *endpoint, void *owner) {
    if (id == 0 || id >= AGENT_ID || find(id)) return NULL;
    struct stream *stream = create(id, to_host, to_guest, endpoint, owner);
    stream->open = true;
    return stream;
}

struct stream *stream_open(const void *body, size_t length, bool carries_bytes, const struct endpoint *endpoint, void *owner) {
    if (agent_streams >= AGENT_STREAMS) return NULL;
    do next_id = (next_id + 1) | AGENT_ID;
    while (find(next_id));
    struct stream *stream = create(next_id, carries_bytes, carries_bytes, endpoint, owner);
    channel_send(OPEN, stream->id, body, length);
    return stream;
}

// ---- turns ----

static void enqueue(struct stream *stream) {
    if (stream->queued || !stream->readable || !stream->to_host || !stream->open || stream->credit == 0) return;
    stream->queued = true;
    stream->next_ready = NULL;
    stream->previous_ready = last_ready;
    if (last_ready) last_ready->next_ready = stream;
    else first_ready = stream;
    last_ready = stream;
}

static void dequeue(struct stream *stream) {
    if (!stream->queued) return;
    stream->queued = false;
    if (stream->previous_ready) stream->previous_ready->next_ready = stream->next_ready;
    else first_ready = stream->next_ready;
    if (stream->next_ready) stream->next_ready->previous_ready = stream->previous_ready;
    else last_ready = stream->previous_ready;
}

// ---- the end ----

void stream_discard(struct stream *stream) {
    struct stream **at = &buckets[stream->id % BUCKETS];
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
    dequeue(stream);
    if (stream->id >= AGENT_ID) agent_streams--;
    free(stream->held);
    stream->held = NULL;
    loop_dispose(stream);
}

static void end(struct stream *stream, int error, bool by_host) {
    stream->to_host = stream->to_guest = false;
    stream->endpoint->over(stream, error, by_host);
    stream_discard(stream);
}

static void end_if_over(struct stream *stream) {
    if (!stream->to_host && !stream->to_guest) end(stream, 0, false);
}

void stream_reset(struct stream *stream, int error) {
    uint8_t bytes[4] = {0, 0, (uint8_t) (error >> 8), (uint8_t) error};
    // What was read before an error is still worth having; where nothing is sent, the host learns at once.
    if (stream->to_host) channel_send_behind_data(RESET, stream->id, bytes, 4);
    else channel_send(RESET, stream->id, bytes, 4);
    end(stream, error, false);
}

void streams_forget_host(void) {
    for (int i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            struct stream *stream = buckets[i];
            if (stream->endpoint->deserted && stream->endpoint->deserted(stream)) stream_discard(stream);
            else end(stream, ECONNRESET, true);
        }
    }
}

// ---- to the host ----

void stream_readable(struct stream *stream) {
    stream->readable = true;
    enqueue(stream);
}

bool streams_have_output(void) {
    return first_ready;
}

static void take_turn(struct stream *stream) {
    size_t size;
    uint8_t *room = channel_data_room(&size);
    if (size > stream->credit) size = stream->credit;
    ssize_t count = stream->endpoint->produce(stream, room, size);
    if (count > 0) {
        channel_data(stream->id, (size_t) count);
        stream->credit -= (uint32_t) count;
        enqueue(stream);
    } else if (count == 0) {
        stream->readable = false;
    } else if (count == STREAM_END) {
        channel_send_behind_data(END, stream->id, NULL, 0);
        stream->to_host = false;
        end_if_over(stream);
    } else {
        stream_reset(stream, (int) -count);
    }
}

void streams_fill_channel(void) {
    while (first_ready && channel_has_room()) {
        struct stream *stream = first_ready;
        dequeue(stream);
        take_turn(stream);
    }
}

// ---- to the guest ----

// Credit goes back in large steps: fewer frames, and never a stall, since half a window is still out.
static void give_credit(struct stream *stream, size_t consumed) {
    stream->consumed += (uint32_t) consumed;
    if (stream->consumed < STREAM_WINDOW / 2 || stream->ended) return;
    stream->window += stream->consumed;
    channel_send_u32(CREDIT, stream->id, stream->consumed);
    stream->consumed = 0;
}

// Everything came and was consumed.
static void finish(struct stream *stream) {
    stream->endpoint->finished(stream);
    stream->to_guest = false;
    end_if_over(stream);
}

// How many bytes the endpoint took; -1 if the stream is no more.
static ssize_t consume(struct stream *stream, const uint8_t *bytes, size_t length) {
    size_t taken = 0;
    while (taken < length) {
        ssize_t count = stream->endpoint->consume(stream, bytes + taken, length - taken);
        if (count < 0) {
            stream_reset(stream, (int) -count);
            return -1;
        }
        if (count == 0) break;
        taken += (size_t) count;
    }
    give_credit(stream, taken);
    return (ssize_t) taken;
}

static void hold(struct stream *stream, const uint8_t *bytes, size_t length) {
    if (length == 0) return;
    if (!stream->held) {
        // The window bounds what can come; pages that are never written cost nothing.
        stream->held = allocate(STREAM_WINDOW);
        stream->held_start = stream->held_length = 0;
    }
    if (stream->held_start + stream->held_length + length > STREAM_WINDOW) {
        memmove(stream->held, stream->held + stream->held_start, stream->held_length);
        stream->held_start = 0;
    }
    memcpy(stream->held + stream->held_start + stream->held_length, bytes, length);
    stream->held_length += length;
}

void stream_writable(struct stream *stream) {
    if (!stream->held || !stream->to_guest) return;
    ssize_t taken = consume(stream, stream->held + stream->held_start, stream->held_length);
    if (taken < 0) return;
    stream->held_start += (size_t) taken;
    stream->held_length -= (size_t) taken;
    if (stream->held_length > 0) return;
    free(stream->held);
    stream->held = NULL;
    if (stream->ended) finish(stream);
}

// ---- what the host sends ----

void stream_open_received(uint32_t id, uint8_t *payload, size_t length) {
    if (id == 0 || id >= AGENT_ID || find(id)) channel_violation("OPEN of an id that is not free");
    if (length != 3 || payload[0] != 3) channel_violation("OPEN of an unknown kind");
    egress_dial(id, (uint16_t) (payload[1] << 8 | payload[2]));
}

void stream_accept(struct stream *stream) {
    stream->open = true;
    channel_send(ACCEPT, stream->id, NULL, 0);
    enqueue(stream);
}

void stream_refuse(struct stream *stream, int error) {
    channel_send_u32(REFUSE, stream->id, (uint32_t) error);
    end(stream, error, false);
}

void stream_accept_received(uint32_t id) {
    struct stream *stream = find(id);
    if (!stream || stream->open) return;
    stream->open = true;
    if (stream->endpoint->accepted) stream->endpoint->accepted(stream);
    if (!stream->to_host && !stream->to_guest) end(stream, 0, true);
    else enqueue(stream);
}

void stream_refuse_received(uint32_t id, uint32_t error) {
    struct stream *stream = find(id);
    if (stream && !stream->open) end(stream, error == 0 || error > 4095 ? ECONNREFUSED : (int) error, true);
}

void stream_data_received(uint32_t id, const uint8_t *bytes, size_t length) {
    struct stream *stream = find(id);
    if (!stream || !stream->to_guest || stream->ended) return;
    if (!stream->open || length > stream->window) channel_violation("DATA without credit");
    stream->window -= (uint32_t) length;
    if (stream->held) {
        hold(stream, bytes, length);
        return;
    }
    ssize_t taken = consume(stream, bytes, length);
    if (taken >= 0) hold(stream, bytes + taken, length - (size_t) taken);
}

void stream_end_received(uint32_t id) {
    struct stream *stream = find(id);
    if (!stream || !stream->to_guest || stream->ended) return;
    if (!stream->open) channel_violation("END before ACCEPT");
    stream->ended = true;
    if (!stream->held) finish(stream);
}

void stream_reset_received(uint32_t id, uint32_t error) {
    struct stream *stream = find(id);
    if (stream) end(stream, error == 0 || error > 4095 ? ECANCELED : (int) error, true);
}

void stream_credit_received(uint32_t id, uint32_t credit) {
    struct stream *stream = find(id);
    if (!stream || !stream->to_host) return;
    if (credit > STREAM_WINDOW - stream->credit) channel_violation("more CREDIT than the window");
    stream->credit += credit;
    enqueue(stream);
}
