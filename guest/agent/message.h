// Reading the body of a call and writing that of a result.
#pragma once

#include "agent.h"

#include <time.h>

/** What is left of a body. The first error sticks and makes every later item zero or empty. */
struct body {
    uint8_t *at, *end;
    int error;
};

uint8_t take_u8(struct body *);
uint16_t take_u16(struct body *);
uint32_t take_u32(struct body *);
uint64_t take_u64(struct body *);
struct timespec take_time(struct body *); // nanoseconds
uint8_t *take_bytes(struct body *, size_t *length);

/** A str as a C string. It is terminated in place (moved over its own length), so a body is read once. EINVAL for a NUL inside. */
char *take_text(struct body *);

/** A text that is an absolute path of at most 4095 bytes. */
char *take_path(struct body *);

/** 0 if all of the body was read without error, otherwise the errno for the result. */
int body_end(struct body *);

/** The one result in the making. */
void result_begin(void);
void put_u8(uint8_t);
void put_u16(uint16_t);
void put_u32(uint32_t);
void put_u64(uint64_t);
void put_bytes(const void *bytes, size_t length);
void put_text(const char *text);
/** Room for at most 64 KiB; tell with put_filled how much of it was used. */
uint8_t *put_room(void);
void put_filled(size_t length);
void result_send(uint32_t call);

/** A result without body; error is 0 or a (positive) errno. */
void result_error(uint32_t call, int error);
