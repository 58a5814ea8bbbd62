#include "channel.h"

#include "calls.h"
#include "hold.h"
#include "loop.h"
#include "stream.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

// A DATA frame of this many bytes and its header fill two writes of the virtio console (32 KiB each) exactly.
#define DATA_SIZE (DATA_LIMIT - FRAME_HEADER)
#define BULK_SIZE (512 * KIB)
#define BULK_HIGH_WATER (192 * KIB)
#define CONTROL_HIGH_WATER (512 * KIB)
#define INPUT_SIZE (256 * KIB)
#define INPUT_PER_TURN (256 * KIB)

static struct source input, output;
static int input_descriptor, output_descriptor;
static bool is_port;
static bool readable, writable = true;
static struct timer reconnect;

// What was received and not yet handled.
static uint8_t *received;
static size_t received_size, received_start, received_end;

struct queue {
    uint8_t *bytes;
    size_t size, start, end;
};

static struct queue control, bulk;

// Bytes of the DATA (or END, RESET) frame that is partly written: nothing may come between.
static size_t bulk_rest;

static void input_ready(struct source *source, uint32_t events) {
    (void) source;
    if (events & ~(uint32_t) EPOLLOUT) readable = true;
    if (events & (EPOLLOUT | EPOLLERR)) writable = true;
}

static void output_ready(struct source *source, uint32_t events) {
    (void) source;
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) writable = true;
}

static void try_again(struct timer *timer) {
    (void) timer;
    readable = true;
    writable = true;
}

void channel_open(int in, int out, bool port) {
    input_descriptor = in;
    output_descriptor = out;
    is_port = port;
    reconnect.expired = try_again;
    received_size = INPUT_SIZE;
    received = allocate(received_size);
    bulk.size = BULK_SIZE;
    bulk.bytes = allocate(bulk.size);
    control.size = 128 * KIB;
    control.bytes = allocate(control.size);
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    readable = true;
    if (loop_watch(&input, in, input_ready) < 0) die("the channel cannot be polled");
    if (in != out && loop_watch(&output, out, output_ready) < 0) die("the channel cannot be polled");
}

_Noreturn void channel_violation(const char *what) {
    die("the host broke the protocol: %s", what);
}

// ---- out ----

static size_t queued(const struct queue *queue) {
    return queue->end - queue->start;
}

static uint8_t *queue_room(struct queue *queue, size_t length) {
    if (queue->size - queue->end < length && queue->start > 0) {
        memmove(queue->bytes, queue->bytes + queue->start, queued(queue));
        queue->end -= queue->start;
        queue->start = 0;
    }
    if (queue->size - queue->end < length) {
        while (queue->size - queue->end < length) queue->size *= 2;
        queue->bytes = realloc(queue->bytes, queue->size);
        if (!queue->bytes) die("out of memory");
    }
    return queue->bytes + queue->end;
}

static void put_header(uint8_t *at, enum frame_type type, uint32_t id, size_t length) {
    uint8_t header[FRAME_HEADER] = {
        (uint8_t) (length >> 24), (uint8_t) (length >> 16), (uint8_t) (length >> 8), (uint8_t) length, (uint8_t) type, 0, 0, 0,
        (uint8_t) (id >> 24), (uint8_t) (id >> 16), (uint8_t) (id >> 8), (uint8_t) id};
    memcpy(at, header, FRAME_HEADER);
}

static void enqueue(struct queue *queue, enum frame_type type, uint32_t id, const void *payload, size_t length) {
    uint8_t *at = queue_room(queue, FRAME_HEADER + length);
    put_header(at, type, id, length);
    if (length > 0) memcpy(at + FRAME_HEADER, payload, length);
    queue->end += FRAME_HEADER + length;
}

void channel_send(enum frame_type type, uint32_t id, const void *payload, size_t length) {
    enqueue(&control, type, id, payload, length);
}

void channel_send_u32(enum frame_type type, uint32_t id, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8), (uint8_t) value};
    enqueue(&control, type, id, bytes, 4);
}

void channel_send_behind_data(enum frame_type type, uint32_t id, const void *payload, size_t length) {
    enqueue(&bulk, type, id, payload, length);
}

bool channel_has_room(void) {
    return queued(&bulk) < BULK_HIGH_WATER;
}

uint8_t *channel_data_room(size_t *size) {
    *size = DATA_SIZE;
    return queue_room(&bulk, FRAME_HEADER + DATA_SIZE) + FRAME_HEADER;
}

void channel_data(uint32_t id, size_t length) {
    put_header(bulk.bytes + bulk.end, DATA, id, length);
    bulk.end += FRAME_HEADER + length;
}

// Writes what the other side takes; false when it takes no more now.
static bool write_some(struct queue *queue, size_t length, size_t *written) {
    ssize_t count = write(output_descriptor, queue->bytes + queue->start, length);
    if (count < 0 && errno == EINTR) count = 0;
    if (count < 0) {
        *written = 0;
        if (errno != EAGAIN) {
            if (!is_port) die("the channel is closed (errno %d)", errno);
            timer_set(&reconnect, 50);
        }
        writable = false;
        return false;
    }
    *written = (size_t) count;
    queue->start += (size_t) count;
    if (queue->start == queue->end) queue->start = queue->end = 0;
    return true;
}

static size_t frame_size(const uint8_t *frame) {
    return FRAME_HEADER + ((size_t) frame[0] << 24 | (size_t) frame[1] << 16 | (size_t) frame[2] << 8 | frame[3]);
}

// Follows the frames of the bulk queue over `written` bytes, to know where the next frame begins.
static void account(const uint8_t *at, size_t written) {
    while (written > 0) {
        if (bulk_rest == 0) bulk_rest = frame_size(at);
        size_t step = written < bulk_rest ? written : bulk_rest;
        bulk_rest -= step;
        written -= step;
        at += step;
    }
}

void channel_flush(void) {
    size_t written;
    while (writable) {
        // While a host is slow, a control frame waits for the rest of one DATA frame, not for the queue.
        if (queued(&control) > 0 && bulk_rest == 0) {
            if (!write_some(&control, queued(&control), &written)) return;
        } else if (queued(&bulk) > 0) {
            const uint8_t *at = bulk.bytes + bulk.start;
            size_t length = queued(&control) > 0 ? bulk_rest : queued(&bulk);
            bool more = write_some(&bulk, length, &written);
            account(at, written);
            if (!more) return;
        } else {
            return;
        }
    }
}

void channel_drain(void) {
    int64_t limit = monotonic_milliseconds() + 2000;
    while (queued(&control) + queued(&bulk) > 0 && monotonic_milliseconds() < limit) {
        writable = true;
        channel_flush();
        struct pollfd wait = {.fd = output_descriptor, .events = POLLOUT};
        poll(&wait, 1, 20);
    }
}

void channel_forget_host(void) {
    control.start = control.end = bulk.start = bulk.end = bulk_rest = 0;
}

// ---- in ----

static bool held, was_held;
static int64_t held_until;

void channel_hold(int milliseconds) {
    held = true;
    held_until = monotonic_milliseconds() + milliseconds;
}

bool channel_was_held(void) {
    return was_held;
}

// The next frame ends it. A greeting is of another host: the machine was saved here, and this is a copy.
static void end_hold(enum frame_type type) {
    was_held = held;
    held = false;
    if (was_held && type == HELLO) forget_host();
}

// Whole frames are waiting in the buffer because too many results are still to be sent.
static bool held_back;

bool channel_has_input(void) {
    return (readable || held_back) && queued(&control) < CONTROL_HIGH_WATER;
}

static uint32_t number_at(const uint8_t *at) {
    return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

static size_t payload_limit(enum frame_type type) {
    switch (type) {
        case HELLO: return 8;
        case CALL: return CALL_LIMIT;
        case OPEN: return 512;
        case DATA: return DATA_LIMIT;
        case REFUSE: case RESET: case CREDIT: return 4;
        case ACCEPT: case END: return 0;
        default: channel_violation("unknown frame");
    }
}

static void handle(enum frame_type type, uint32_t id, uint8_t *payload, size_t length) {
    static const uint8_t hello[8] = {0, 0, 0, 1, 0x42, 0x45, 0x4c, 0x4c};
    bool number = type == REFUSE || type == RESET || type == CREDIT;
    if (number && length != 4) channel_violation("short frame");
    end_hold(type);
    switch (type) {
        case HELLO:
            if (length != 8 || memcmp(payload + 4, hello + 4, 4) != 0) channel_violation("not a HELLO");
            channel_send(HELLO, 0, hello, sizeof hello);
            break;
        case CALL:
            if (id == 0 || length < 2) channel_violation("malformed call");
            call_received(id, (uint16_t) (payload[0] << 8 | payload[1]), payload + 2, length - 2);
            break;
        case OPEN: stream_open_received(id, payload, length); break;
        case ACCEPT: stream_accept_received(id); break;
        case REFUSE: stream_refuse_received(id, number_at(payload)); break;
        case DATA:
            if (length == 0) channel_violation("empty DATA");
            stream_data_received(id, payload, length);
            break;
        case END: stream_end_received(id); break;
        case RESET: stream_reset_received(id, number_at(payload)); break;
        case CREDIT: stream_credit_received(id, number_at(payload)); break;
        default: channel_violation("unknown frame");
    }
}

// Handles every whole frame that is there. Returns how many bytes the frame at the front needs in all.
static size_t handle_frames(void) {
    held_back = false;
    while (received_end - received_start >= FRAME_HEADER) {
        uint8_t *frame = received + received_start;
        enum frame_type type = frame[4];
        if (frame[5] | frame[6] | frame[7]) channel_violation("malformed header");
        size_t length = number_at(frame);
        if (length > payload_limit(type)) channel_violation("frame too long");
        if (received_end - received_start < FRAME_HEADER + length) return FRAME_HEADER + length;
        if (queued(&control) >= CONTROL_HIGH_WATER) {
            held_back = true;
            return FRAME_HEADER;
        }
        received_start += FRAME_HEADER + length;
        handle(type, number_at(frame + 8), frame + FRAME_HEADER, length);
    }
    return FRAME_HEADER;
}

// Moves what is left to the front, in a buffer that can hold the frame; a large buffer goes when it is no longer needed.
static void make_room(size_t needed) {
    size_t left = received_end - received_start;
    size_t size = needed > INPUT_SIZE ? needed : INPUT_SIZE;
    bool grow = size > received_size;
    bool shrink = received_size > INPUT_SIZE && needed <= INPUT_SIZE && left <= INPUT_SIZE;
    if (grow || shrink) {
        uint8_t *larger = allocate(size);
        memcpy(larger, received + received_start, left);
        free(received);
        received = larger;
        received_size = size;
    } else if (left == 0 || received_size - received_start < needed || received_size - received_end < 16 * KIB) {
        memmove(received, received + received_start, left);
    } else {
        return;
    }
    received_start = 0;
    received_end = left;
}

static void input_ended(int error) {
    readable = false;
    if (is_port) {
        // No host at the port. The machine may be frozen now and wake with another one.
        timer_set(&reconnect, 50);
        return;
    }
    if (error) say("the channel is closed (errno %d)", error);
    loop_stop();
}

void channel_receive(void) {
    size_t budget = INPUT_PER_TURN;
    while (channel_has_input()) {
        make_room(handle_frames());
        if (!readable || budget == 0 || received_end == received_size) return;
        // The port gives at most one page for a read: gather what is there before frames are looked at.
        bool dry = false;
        while (received_end < received_size && budget > 0) {
            ssize_t count = read(input_descriptor, received + received_end, received_size - received_end);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno == EAGAIN) {
                readable = false;
                dry = true;
                break;
            }
            if (count <= 0) {
                handle_frames();
                input_ended(count < 0 ? errno : 0);
                return;
            }
            received_end += (size_t) count;
            budget -= (size_t) count < budget ? (size_t) count : budget;
        }
        size_t needed = handle_frames();
        if (dry || budget == 0) {
            make_room(needed);
            return;
        }
    }
}

void channel_wait(void) {
    int64_t left;
    if (!held) return;
    channel_drain();
    while (held && (left = held_until - monotonic_milliseconds()) > 0) {
        struct pollfd wait = {.fd = input_descriptor, .events = POLLIN};
        poll(&wait, 1, (int) left);
        // Without a host at its other end a port is always ready.
        if (wait.revents & POLLHUP) poll(NULL, 0, 2);
        readable = true;
        channel_receive();
    }
    held = false;
    writable = true;
}
