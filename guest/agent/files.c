#include "files.h"

#include "calls.h"
#include "users.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __GLIBC__
#include <linux/stat.h>
#endif

static uint64_t device(uint32_t major, uint32_t minor) {
    return (uint64_t) (major & 0xfffff000) << 32 | (uint64_t) (major & 0xfff) << 8 | (uint64_t) (minor & 0xffffff00) << 12
        | (minor & 0xff);
}

static void put_time(const struct statx_timestamp *time) {
    put_u64((uint64_t) time->tv_sec * 1000000000u + time->tv_nsec);
}

int put_stat(int descriptor, const char *path, bool follow) {
    struct statx stat;
    int flags = path ? (follow ? 0 : AT_SYMLINK_NOFOLLOW) : AT_EMPTY_PATH;
    if (syscall(SYS_statx, descriptor, path ? path : "", flags, STATX_BASIC_STATS | STATX_BTIME, &stat) < 0) return errno;
    put_u64(device(stat.stx_dev_major, stat.stx_dev_minor));
    put_u64(stat.stx_ino);
    put_u32(stat.stx_mode);
    put_u64(stat.stx_nlink);
    put_u32(stat.stx_uid);
    put_u32(stat.stx_gid);
    put_u64(device(stat.stx_rdev_major, stat.stx_rdev_minor));
    put_u64(stat.stx_size);
    put_u32(stat.stx_blksize);
    put_u64(stat.stx_blocks);
    put_time(&stat.stx_atime);
    put_time(&stat.stx_mtime);
    put_time(&stat.stx_ctime);
    if (stat.stx_mask & STATX_BTIME) put_time(&stat.stx_btime);
    else put_u64((uint64_t) INT64_MIN);
    return 0;
}

// Ends an operation that has an identity: its result is begun already, or an error.
static void answer(uint32_t call, int error) {
    identity_leave();
    if (error) result_error(call, error);
    else result_send(call);
}

// The common case: one system call that says 0 or -1.
static void answer_of(uint32_t call, int outcome) {
    int error = outcome < 0 ? errno : 0;
    result_begin();
    answer(call, error);
}

// The end of the parsing: false when the call was answered with what is wrong with its body.
static bool begin(uint32_t call, struct body *body, uid_t uid) {
    int error = body_end(body);
    if (error) {
        result_error(call, error);
        return false;
    }
    identity_enter(uid);
    return true;
}

void call_stat(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    bool follow = take_u8(body);
    if (!begin(call, body, uid)) return;
    result_begin();
    answer(call, put_stat(AT_FDCWD, path, follow));
}

// An existing directory is as good as a new one. The parents are made so that this user can go on in them.
static int make_parents(char *path, mode_t mode) {
    for (char *at = path + 1;; at++) {
        if (*at && *at != '/') continue;
        char saved = *at;
        *at = 0;
        struct stat existing;
        mode_t mode_here = saved ? mode | 0300 : mode;
        int error = mkdir(path, mode_here) < 0 ? errno : 0;
        if (error && stat(path, &existing) == 0) error = S_ISDIR(existing.st_mode) ? 0 : saved ? ENOTDIR : EEXIST;
        *at = saved;
        if (error || !saved) return error;
    }
}

void call_make_dir(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    char *path = take_path(body);
    mode_t mode = take_u32(body);
    mode_t mask = take_u32(body);
    bool recursive = take_u8(body);
    if (!begin(call, body, uid)) return;
    mode = mode & ~mask & 07777;
    if (!recursive) {
        answer_of(call, mkdir(path, mode));
        return;
    }
    result_begin();
    answer(call, make_parents(path, mode));
}

void call_rename(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *from = take_path(body);
    const char *to = take_path(body);
    if (begin(call, body, uid)) answer_of(call, rename(from, to));
}

void call_chmod(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    mode_t mode = take_u32(body);
    if (begin(call, body, uid)) answer_of(call, chmod(path, mode & 07777));
}

void call_chown(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uid_t owner = take_u32(body);
    gid_t group = take_u32(body);
    bool follow = take_u8(body);
    if (begin(call, body, uid)) answer_of(call, fchownat(AT_FDCWD, path, owner, group, follow ? 0 : AT_SYMLINK_NOFOLLOW));
}

void call_link(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *existing = take_path(body);
    const char *new = take_path(body);
    if (begin(call, body, uid)) answer_of(call, link(existing, new));
}

void call_symlink(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *target = take_text(body);
    const char *new = take_path(body);
    if (!body->error && strlen(target) > 4095) body->error = ENAMETOOLONG;
    if (begin(call, body, uid)) answer_of(call, symlink(target, new));
}

void call_read_link(uint32_t call, struct body *body) {
    char target[4096];
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    if (!begin(call, body, uid)) return;
    ssize_t length = readlink(path, target, sizeof target);
    int error = length < 0 ? errno : 0;
    result_begin();
    if (!error) {
        put_u32((uint32_t) length);
        put_bytes(target, (size_t) length);
    }
    answer(call, error);
}

void call_real_path(uint32_t call, struct body *body) {
    char resolved[PATH_MAX];
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    if (!begin(call, body, uid)) return;
    int error = realpath(path, resolved) ? 0 : errno;
    result_begin();
    if (!error) put_text(resolved);
    answer(call, error);
}

void call_truncate(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    uint64_t size = take_u64(body);
    if (!body->error && size > INT64_MAX) body->error = EINVAL;
    if (begin(call, body, uid)) answer_of(call, truncate(path, (off_t) size));
}

void call_utime(uint32_t call, struct body *body) {
    struct timespec times[2];
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    times[0] = take_time(body);
    times[1] = take_time(body);
    if (begin(call, body, uid)) answer_of(call, utimensat(AT_FDCWD, path, times, 0));
}

static int make_temporary(const char *directory, const char *prefix, const char *suffix, bool is_directory, mode_t mask, char *path) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
    for (int attempt = 0; attempt < 100; attempt++) {
        unsigned char noise[12];
        char name[sizeof noise + 1] = {0};
        if (getrandom(noise, sizeof noise, 0) < 0) return errno;
        for (size_t i = 0; i < sizeof noise; i++) name[i] = letters[noise[i] % 32];
        if (snprintf(path, 4096, "%s/%s%s%s", directory, prefix, name, suffix) >= 4096) return ENAMETOOLONG;
        if (is_directory) {
            if (mkdir(path, 0700 & ~mask) == 0) return 0;
        } else {
            int descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | OPEN_ALWAYS, 0600 & ~mask);
            if (descriptor >= 0) {
                close(descriptor);
                return 0;
            }
        }
        if (errno != EEXIST) return errno;
    }
    return EEXIST;
}

void call_make_temp(uint32_t call, struct body *body) {
    char path[4096];
    uid_t uid = take_u32(body);
    const char *directory = take_path(body);
    const char *prefix = take_text(body);
    const char *suffix = take_text(body);
    bool is_directory = take_u8(body);
    mode_t mask = take_u32(body);
    if (!body->error && (strchr(prefix, '/') || strchr(suffix, '/'))) body->error = EINVAL;
    if (!begin(call, body, uid)) return;
    if (strcmp(directory, "/") == 0) directory = "";
    int error = make_temporary(directory, prefix, suffix, is_directory, mask, path);
    result_begin();
    if (!error) put_text(path);
    answer(call, error);
}

void call_stat_fs(uint32_t call, struct body *body) {
    struct statvfs stat;
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    if (!begin(call, body, uid)) return;
    int error = statvfs(path, &stat) < 0 ? errno : 0;
    result_begin();
    if (!error) {
        put_u64((uint64_t) stat.f_blocks * stat.f_frsize);
        put_u64((uint64_t) stat.f_bavail * stat.f_frsize);
        put_u64(stat.f_files);
        put_u64(stat.f_favail);
    }
    answer(call, error);
}
