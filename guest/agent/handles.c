// Open files by handle. A read or write that has to wait keeps its place in a line until its file is ready.
#include "calls.h"
#include "files.h"
#include "loop.h"
#include "users.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLES 1024
#define INDEX_BITS 10

struct waiting {
    uint32_t call;
    struct waiting *next;
    size_t length;
    uint8_t bytes[]; // of a write
};

struct handle {
    struct source source;
    int descriptor;
    uint32_t number;
    uid_t uid;
    bool pollable;
    struct waiting *readers, *writers;
};

static struct handle *handles[HANDLES];
static uint32_t serial;

static struct handle *find(uint32_t number) {
    struct handle *handle = handles[number % HANDLES];
    return handle && handle->number == number ? handle : NULL;
}

// Takes uid and handle off the body; the rest is the caller's.
static struct handle *take_handle(struct body *body, uid_t *uid) {
    *uid = take_u32(body);
    return find(take_u32(body));
}

static int check(struct body *body, const struct handle *handle) {
    int error = body_end(body);
    return error ? error : handle ? 0 : EBADF;
}

static struct waiting **end_of(struct waiting **line) {
    while (*line) line = &(*line)->next;
    return line;
}

static void wait_in(struct waiting **line, uint32_t call, const uint8_t *bytes, size_t length) {
    struct waiting *waiting = allocate(sizeof *waiting + (bytes ? length : 0));
    *waiting = (struct waiting) {.call = call, .length = length};
    if (bytes) memcpy(waiting->bytes, bytes, length);
    *end_of(line) = waiting;
}

// False: not now.
static bool try_read(struct handle *handle, uint32_t call, size_t length) {
    result_begin();
    ssize_t count;
    do count = read(handle->descriptor, put_room(), length);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN && handle->pollable) return false;
    if (count < 0) {
        result_error(call, errno);
    } else {
        put_filled((size_t) count);
        result_send(call);
    }
    return true;
}

static bool try_write(struct handle *handle, uint32_t call, const uint8_t *bytes, size_t length) {
    ssize_t count;
    identity_enter(handle->uid);
    do count = write(handle->descriptor, bytes, length);
    while (count < 0 && errno == EINTR);
    identity_leave();
    if (count < 0 && errno == EAGAIN && handle->pollable) return false;
    if (count < 0) {
        result_error(call, errno);
    } else {
        result_begin();
        put_u32((uint32_t) count);
        result_send(call);
    }
    return true;
}

static void ready(struct source *source, uint32_t events) {
    struct handle *handle = (struct handle *) source;
    (void) events;
    while (handle->readers && try_read(handle, handle->readers->call, handle->readers->length)) {
        struct waiting *served = handle->readers;
        handle->readers = served->next;
        free(served);
    }
    while (handle->writers && try_write(handle, handle->writers->call, handle->writers->bytes, handle->writers->length)) {
        struct waiting *served = handle->writers;
        handle->writers = served->next;
        free(served);
    }
}

static int open_handle(uid_t uid, const char *path, int flags, mode_t mode, uint32_t *number) {
    uint32_t index = 0;
    while (index < HANDLES && handles[index]) index++;
    if (index == HANDLES) return EMFILE;
    identity_enter(uid);
    int descriptor = open(path, flags | OPEN_ALWAYS, mode);
    identity_leave();
    if (descriptor < 0) return errno;
    serial = (serial + 1) & (UINT32_MAX >> INDEX_BITS);
    if (serial == 0) serial = 1;
    struct handle *handle = allocate(sizeof *handle);
    *handle = (struct handle) {.descriptor = descriptor, .uid = uid, .number = serial << INDEX_BITS | index};
    handle->pollable = loop_watch(&handle->source, descriptor, ready) == 0;
    handles[index] = handle;
    *number = handle->number;
    return 0;
}

void call_file_open(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uint32_t flags = take_u32(body);
    mode_t mode = take_u32(body);
    mode_t mask = take_u32(body);
    uint32_t number = 0;
    int error = body_end(body);
    if (!error && (flags & ~63u || !(flags & 3))) error = EINVAL;
    int how = (flags & 3) == 3 ? O_RDWR : flags & 2 ? O_WRONLY : O_RDONLY;
    how |= (flags & 12 ? O_CREAT : 0) | (flags & 8 ? O_EXCL : 0) | (flags & 16 ? O_APPEND : 0) | (flags & 32 ? O_TRUNC : 0);
    if (!error) error = open_handle(uid, path, how, mode & ~mask & 07777, &number);
    if (error) {
        result_error(call, error);
        return;
    }
    result_begin();
    put_u32(number);
    result_send(call);
}

static void cancel_all(struct waiting *line) {
    while (line) {
        struct waiting *next = line->next;
        result_error(line->call, ECANCELED);
        free(line);
        line = next;
    }
}

static int close_handle(struct handle *handle) {
    cancel_all(handle->readers);
    cancel_all(handle->writers);
    loop_forget(&handle->source);
    int error = close(handle->descriptor) < 0 ? errno : 0;
    handles[handle->number % HANDLES] = NULL;
    loop_dispose(handle);
    return error;
}

void handles_forget_host(void) {
    for (int i = 0; i < HANDLES; i++) {
        if (handles[i]) close_handle(handles[i]);
    }
}

void call_file_close(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    int error = check(body, handle);
    if (!error) error = close_handle(handle);
    result_error(call, error);
}

void call_file_read(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    uint32_t length = take_u32(body);
    int error = check(body, handle);
    if (!error && (length == 0 || length > 64 * KIB)) error = EINVAL;
    if (error) result_error(call, error);
    else if (handle->readers || !try_read(handle, call, length)) wait_in(&handle->readers, call, NULL, length);
}

void call_file_write(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    const uint8_t *bytes = body->at;
    size_t length = (size_t) (body->end - body->at);
    body->at = body->end;
    int error = check(body, handle);
    if (!error && length > 64 * KIB) error = EINVAL;
    if (error) result_error(call, error);
    else if (handle->writers || !try_write(handle, call, bytes, length)) wait_in(&handle->writers, call, bytes, length);
}

void call_file_seek(uint32_t call, struct body *body) {
    static const int from[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    int64_t offset = (int64_t) take_u64(body);
    uint8_t whence = take_u8(body);
    int error = check(body, handle);
    if (!error && whence > 2) error = EINVAL;
    off_t position = error ? 0 : lseek(handle->descriptor, offset, from[whence]);
    if (position < 0) error = errno;
    if (error) {
        result_error(call, error);
        return;
    }
    result_begin();
    put_u64((uint64_t) position);
    result_send(call);
}

void call_file_stat(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    int error = check(body, handle);
    result_begin();
    if (!error) error = put_stat(handle->descriptor, NULL, true);
    if (error) result_error(call, error);
    else result_send(call);
}

static void answer_of(uint32_t call, int outcome) {
    result_error(call, outcome < 0 ? errno : 0);
}

void call_file_sync(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    bool data_only = take_u8(body);
    int error = check(body, handle);
    if (error) result_error(call, error);
    else answer_of(call, data_only ? fdatasync(handle->descriptor) : fsync(handle->descriptor));
}

void call_file_truncate(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    uint64_t size = take_u64(body);
    int error = check(body, handle);
    if (!error && size > INT64_MAX) error = EINVAL;
    if (error) result_error(call, error);
    else answer_of(call, ftruncate(handle->descriptor, (off_t) size));
}

void call_file_utime(uint32_t call, struct body *body) {
    struct timespec times[2];
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    times[0] = take_time(body);
    times[1] = take_time(body);
    int error = check(body, handle);
    if (error) {
        result_error(call, error);
        return;
    }
    identity_enter(uid);
    int outcome = futimens(handle->descriptor, times);
    identity_leave();
    answer_of(call, outcome);
}

void call_file_lock(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    bool exclusive = take_u8(body);
    int error = check(body, handle);
    if (error) result_error(call, error);
    else answer_of(call, flock(handle->descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

void call_file_unlock(uint32_t call, struct body *body) {
    uid_t uid;
    struct handle *handle = take_handle(body, &uid);
    int error = check(body, handle);
    if (error) result_error(call, error);
    else answer_of(call, flock(handle->descriptor, LOCK_UN));
}
