#include "message.h"

#include "channel.h"

#include <string.h>

static uint8_t *take(struct body *body, size_t length) {
    if (body->error == 0 && (size_t) (body->end - body->at) < length) body->error = EINVAL;
    if (body->error) return NULL;
    uint8_t *bytes = body->at;
    body->at += length;
    return bytes;
}

static uint64_t take_number(struct body *body, size_t size) {
    uint8_t *bytes = take(body, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++) value = value << 8 | bytes[i];
    return value;
}

uint8_t take_u8(struct body *body) {
    return (uint8_t) take_number(body, 1);
}

uint16_t take_u16(struct body *body) {
    return (uint16_t) take_number(body, 2);
}

uint32_t take_u32(struct body *body) {
    return (uint32_t) take_number(body, 4);
}

uint64_t take_u64(struct body *body) {
    return take_number(body, 8);
}

struct timespec take_time(struct body *body) {
    int64_t nanoseconds = (int64_t) take_u64(body);
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    if (time.tv_nsec < 0) {
        time.tv_sec--;
        time.tv_nsec += 1000000000;
    }
    return time;
}

uint8_t *take_bytes(struct body *body, size_t *length) {
    *length = take_u32(body);
    uint8_t *bytes = take(body, *length);
    if (!bytes) *length = 0;
    return bytes;
}

char *take_text(struct body *body) {
    size_t length;
    uint8_t *bytes = take_bytes(body, &length);
    if (!bytes) return "";
    if (memchr(bytes, 0, length)) {
        body->error = EINVAL;
        return "";
    }
    memmove(bytes - 1, bytes, length);
    bytes[length - 1] = 0;
    return (char *) bytes - 1;
}

char *take_path(struct body *body) {
    char *path = take_text(body);
    if (body->error) return path;
    if (strlen(path) > 4095) body->error = ENAMETOOLONG;
    else if (path[0] != '/') body->error = EINVAL;
    return path;
}

int body_end(struct body *body) {
    if (body->error == 0 && body->at != body->end) body->error = EINVAL;
    return body->error;
}

static uint8_t result[4 + 64 * KIB + 64];
static size_t result_length;

void result_begin(void) {
    memset(result, 0, 4);
    result_length = 4;
}

void put_bytes(const void *bytes, size_t length) {
    if (length > sizeof result - result_length) die("a result is too long");
    memcpy(result + result_length, bytes, length);
    result_length += length;
}

static void put_number(uint64_t value, size_t size) {
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t) (value >> 8 * (size - 1 - i));
    put_bytes(bytes, size);
}

void put_u8(uint8_t value) {
    put_number(value, 1);
}

void put_u16(uint16_t value) {
    put_number(value, 2);
}

void put_u32(uint32_t value) {
    put_number(value, 4);
}

void put_u64(uint64_t value) {
    put_number(value, 8);
}

void put_text(const char *text) {
    put_u32((uint32_t) strlen(text));
    put_bytes(text, strlen(text));
}

uint8_t *put_room(void) {
    return result + result_length;
}

void put_filled(size_t length) {
    result_length += length;
}

void result_send(uint32_t call) {
    channel_send(RESULT, call, result, result_length);
}

void result_error(uint32_t call, int error) {
    result_begin();
    result[2] = (uint8_t) (error >> 8);
    result[3] = (uint8_t) error;
    result_send(call);
}
