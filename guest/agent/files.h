// What the file operations share.
#pragma once

#include "message.h"

/** The flags that every file is opened with: nothing the agent opens may make it wait or become its terminal. */
#define OPEN_ALWAYS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/** Puts the *stat* of a descriptor (path NULL) or path into the result; 0 or errno. */
int put_stat(int descriptor, const char *path, bool follow);

/** An entry as getdents64 gives it. */
struct linux_dirent {
    uint64_t inode;
    int64_t position;
    uint16_t length;
    uint8_t type;
    char name[];
} __attribute__((packed));
