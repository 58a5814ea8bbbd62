// READ_FILE, WRITE_FILE and READ_DIR: whole contents on a stream, a piece in each of its turns.
#include "calls.h"
#include "files.h"
#include "loop.h"
#include "stream.h"
#include "users.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct transfer {
    struct source source;
    int descriptor;
    struct stream *stream;
    uint32_t call;
    uid_t uid;
    uint64_t left; // to read
    uint64_t done;
    bool is_pipe;
    // READ_DIR: entries made ready for the host and not sent yet
    uint8_t *entries;
    size_t entries_start, entries_end;
};

static struct transfer *create(uint32_t call, uid_t uid, int descriptor) {
    struct transfer *transfer = allocate(sizeof *transfer);
    *transfer = (struct transfer) {.source.descriptor = -1, .descriptor = descriptor, .call = call, .uid = uid};
    return transfer;
}

static void destroy(struct transfer *transfer) {
    loop_forget(&transfer->source);
    close(transfer->descriptor);
    if (transfer->entries) loop_dispose(transfer->entries);
    loop_dispose(transfer);
}

static void ready(struct source *source, uint32_t events) {
    struct transfer *transfer = (struct transfer *) source;
    if (transfer->stream->to_host && (events & ~(uint32_t) EPOLLOUT)) stream_readable(transfer->stream);
    else if (transfer->stream->to_guest) stream_writable(transfer->stream);
}

static int open_as(uid_t uid, const char *path, int flags, mode_t mode) {
    identity_enter(uid);
    int descriptor = open(path, flags | OPEN_ALWAYS, mode);
    identity_leave();
    return descriptor;
}

// ---- READ_FILE ----

// A pipe that no writer has opened yet reads as ended; epoll knows better.
static bool awaits_writer(const struct transfer *transfer) {
    struct pollfd state = {.fd = transfer->descriptor, .events = POLLIN};
    return transfer->is_pipe && transfer->done == 0 && poll(&state, 1, 0) == 0;
}

static ssize_t read_produce(struct stream *stream, uint8_t *buffer, size_t size) {
    struct transfer *transfer = stream->owner;
    if (size > transfer->left) size = transfer->left;
    if (size == 0) return STREAM_END;
    ssize_t count;
    do count = read(transfer->descriptor, buffer, size);
    while (count < 0 && errno == EINTR);
    if (count == 0) return awaits_writer(transfer) ? 0 : STREAM_END;
    if (count < 0) return errno == EAGAIN ? 0 : -errno;
    transfer->done += (uint64_t) count;
    if (transfer->left != ALL_ONES) transfer->left -= (uint64_t) count;
    return count;
}

static void read_over(struct stream *stream, int error, bool by_host) {
    (void) error;
    (void) by_host;
    destroy(stream->owner);
}

static const struct endpoint read_endpoint = {.produce = read_produce, .over = read_over};

static int start_read(uint32_t call, uid_t uid, int descriptor, uint64_t offset, uint64_t length, uint32_t stream) {
    struct stat stat;
    if (fstat(descriptor, &stat) < 0) return errno;
    if (S_ISDIR(stat.st_mode)) return EISDIR;
    if (offset > INT64_MAX) return EINVAL;
    if (offset > 0 && lseek(descriptor, (off_t) offset, SEEK_SET) < 0) return errno;
    struct transfer *transfer = create(call, uid, descriptor);
    transfer->left = length;
    transfer->is_pipe = S_ISFIFO(stat.st_mode);
    transfer->stream = stream_of_host(stream, true, false, &read_endpoint, transfer);
    if (!transfer->stream) {
        loop_dispose(transfer);
        return EINVAL;
    }
    result_error(call, 0);
    if (loop_watch(&transfer->source, descriptor, ready) < 0) stream_readable(transfer->stream);
    return 0;
}

void call_read_file(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uint64_t offset = take_u64(body);
    uint64_t length = take_u64(body);
    uint32_t stream = take_u32(body);
    int error = body_end(body);
    int descriptor = error ? -1 : open_as(uid, path, O_RDONLY, 0);
    if (!error && descriptor < 0) error = errno;
    if (!error) error = start_read(call, uid, descriptor, offset, length, stream);
    if (!error) return;
    if (descriptor >= 0) close(descriptor);
    result_error(call, error);
}

// ---- WRITE_FILE ----

static ssize_t write_consume(struct stream *stream, const uint8_t *bytes, size_t size) {
    struct transfer *transfer = stream->owner;
    ssize_t count;
    // With the user's own rights over space, and set-user-id bits go as they should.
    identity_enter(transfer->uid);
    do count = write(transfer->descriptor, bytes, size);
    while (count < 0 && errno == EINTR);
    identity_leave();
    if (count < 0) return errno == EAGAIN ? 0 : -errno;
    transfer->done += (uint64_t) count;
    return count;
}

static void write_finished(struct stream *stream) {
    (void) stream;
}

static void write_over(struct stream *stream, int error, bool by_host) {
    struct transfer *transfer = stream->owner;
    if (by_host) error = ECANCELED;
    if (error) {
        result_error(transfer->call, error);
    } else {
        result_begin();
        put_u64(transfer->done);
        result_send(transfer->call);
    }
    destroy(transfer);
}

static const struct endpoint write_endpoint = {.consume = write_consume, .finished = write_finished, .over = write_over};

void call_write_file(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uint8_t flags = take_u8(body);
    mode_t mode = take_u32(body);
    mode_t mask = take_u32(body);
    uint32_t stream = take_u32(body);
    int error = body_end(body);
    if (!error && flags & ~15u) error = EINVAL;
    int how = O_WRONLY | (flags & 3 ? O_CREAT : 0) | (flags & 2 ? O_EXCL : 0) | (flags & 4 ? O_APPEND : 0) | (flags & 8 ? O_TRUNC : 0);
    int descriptor = error ? -1 : open_as(uid, path, how, mode & ~mask & 07777);
    if (!error && descriptor < 0) error = errno;
    if (error) {
        result_error(call, error);
        return;
    }
    struct transfer *transfer = create(call, uid, descriptor);
    transfer->stream = stream_of_host(stream, false, true, &write_endpoint, transfer);
    if (!transfer->stream) {
        destroy(transfer);
        result_error(call, EINVAL);
        return;
    }
    loop_watch(&transfer->source, descriptor, ready);
}

// ---- READ_DIR ----

#define ENTRIES (32 * KIB)

// An entry is shorter as the host gets it than as the kernel gives it, so it fits in the same space.
static int fetch_entries(struct transfer *transfer) {
    static uint8_t raw[ENTRIES] __attribute__((aligned(8)));
    transfer->entries_start = transfer->entries_end = 0;
    long count = syscall(SYS_getdents64, transfer->descriptor, raw, sizeof raw);
    if (count <= 0) return count < 0 ? -errno : STREAM_END;
    for (long at = 0; at < count;) {
        struct linux_dirent *entry = (struct linux_dirent *) (raw + at);
        size_t length = strlen(entry->name);
        at += entry->length;
        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
        uint8_t *to = transfer->entries + transfer->entries_end;
        to[0] = entry->type;
        to[1] = (uint8_t) (length >> 8);
        to[2] = (uint8_t) length;
        memcpy(to + 3, entry->name, length);
        transfer->entries_end += 3 + length;
    }
    return 0;
}

static ssize_t directory_produce(struct stream *stream, uint8_t *buffer, size_t size) {
    struct transfer *transfer = stream->owner;
    while (transfer->entries_start == transfer->entries_end) {
        int error = fetch_entries(transfer);
        if (error) return error;
    }
    size_t length = transfer->entries_end - transfer->entries_start;
    if (length > size) length = size;
    memcpy(buffer, transfer->entries + transfer->entries_start, length);
    transfer->entries_start += length;
    return (ssize_t) length;
}

static const struct endpoint directory_endpoint = {.produce = directory_produce, .over = read_over};

void call_read_dir(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uint32_t stream = take_u32(body);
    int error = body_end(body);
    int descriptor = error ? -1 : open_as(uid, path, O_RDONLY | O_DIRECTORY, 0);
    if (!error && descriptor < 0) error = errno;
    if (error) {
        result_error(call, error);
        return;
    }
    struct transfer *transfer = create(call, uid, descriptor);
    transfer->stream = stream_of_host(stream, true, false, &directory_endpoint, transfer);
    if (!transfer->stream) {
        destroy(transfer);
        result_error(call, EINVAL);
        return;
    }
    transfer->entries = allocate(ENTRIES);
    result_error(call, 0);
    stream_readable(transfer->stream);
}
