// REMOVE: a whole tree in slices, with a bounded number of descriptors however deep it is.
#include "calls.h"
#include "files.h"
#include "loop.h"
#include "users.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_ENTRIES 256
#define SLICE_MILLISECONDS 4
// Directories below this depth are closed while one in them is worked on, and found again as its parent.
#define OPEN_DEPTH 64
#define BATCH (16 * KIB)

// A directory on the way from the one to be removed to the one that is being emptied.
struct level {
    int descriptor; // -1: closed meanwhile
    dev_t device;
    ino_t inode;
    char *name; // in the level above
    bool removed_some; // since it was read from the start
};

struct removal {
    struct job job;
    uint32_t call;
    uid_t uid;
    char *path;
    struct level *levels;
    size_t depth, capacity;
    // The entries of the innermost level that were read and not looked at yet
    size_t position, filled;
    uint8_t entries[BATCH] __attribute__((aligned(8)));
};

static int enter(struct removal *removal, int parent, const char *name) {
    struct stat stat;
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | OPEN_ALWAYS);
    if (descriptor < 0) return errno;
    if (fstat(descriptor, &stat) < 0) {
        int error = errno;
        close(descriptor);
        return error;
    }
    if (removal->depth == removal->capacity) {
        removal->capacity = removal->capacity ? removal->capacity * 2 : 16;
        removal->levels = realloc(removal->levels, removal->capacity * sizeof *removal->levels);
        if (!removal->levels) die("out of memory");
    }
    if (removal->depth >= OPEN_DEPTH) {
        struct level *above = &removal->levels[removal->depth - 1];
        close(above->descriptor);
        above->descriptor = -1;
    }
    removal->levels[removal->depth++] = (struct level) {.descriptor = descriptor, .device = stat.st_dev,
        .inode = stat.st_ino, .name = strdup(name)};
    removal->position = removal->filled = 0;
    return 0;
}

// Removes one entry, or goes into it if it is a directory with something in it.
static int remove_entry(struct removal *removal, int parent, const char *name, bool directory) {
    if (!directory) {
        if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
        if (errno != EISDIR && errno != EPERM) return errno;
        struct stat stat;
        int error = errno;
        if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) return errno;
        if (!S_ISDIR(stat.st_mode)) return error;
    }
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST) return errno;
    return enter(removal, parent, name);
}

// The level above again, if it still is the one that it was: somebody may be moving directories meanwhile.
static int reopen(struct removal *removal, int child) {
    struct level *level = &removal->levels[removal->depth - 1];
    struct stat stat;
    if (level->descriptor >= 0) return 0;
    int descriptor = openat(child, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | OPEN_ALWAYS);
    if (descriptor < 0) return errno;
    if (fstat(descriptor, &stat) < 0 || stat.st_dev != level->device || stat.st_ino != level->inode) {
        close(descriptor);
        return ESTALE;
    }
    level->descriptor = descriptor;
    return 0;
}

// The innermost level has no entries left: removes it, from the one above or by the path of the call.
static int leave(struct removal *removal) {
    struct level *level = &removal->levels[--removal->depth];
    int error = 0;
    if (removal->depth > 0) {
        error = reopen(removal, level->descriptor);
        struct level *above = &removal->levels[removal->depth - 1];
        if (!error && unlinkat(above->descriptor, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) error = errno;
        if (!error) above->removed_some = true;
    } else if (rmdir(removal->path) < 0 && errno != ENOENT) {
        error = errno;
    }
    bool again = (error == ENOTEMPTY || error == EEXIST) && level->removed_some;
    if (again) {
        // Read once more: entries may be passed over while others are removed.
        level->removed_some = false;
        lseek(level->descriptor, 0, SEEK_SET);
        removal->depth++;
        error = 0;
    } else {
        close(level->descriptor);
        free(level->name);
    }
    removal->position = removal->filled = 0;
    return error;
}

static int step(struct removal *removal) {
    struct level *level = &removal->levels[removal->depth - 1];
    if (removal->position == removal->filled) {
        long count = syscall(SYS_getdents64, level->descriptor, removal->entries, sizeof removal->entries);
        if (count < 0) return errno;
        if (count == 0) return leave(removal);
        removal->position = 0;
        removal->filled = (size_t) count;
    }
    struct linux_dirent *entry = (struct linux_dirent *) (removal->entries + removal->position);
    removal->position += entry->length;
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) return 0;
    size_t depth = removal->depth;
    int64_t position = entry->position;
    int descriptor = level->descriptor;
    int error = remove_entry(removal, descriptor, entry->name, entry->type == 4);
    if (error) return error;
    level = &removal->levels[depth - 1];
    level->removed_some = true;
    // After the entry that was entered, reading goes on here.
    if (removal->depth > depth && level->descriptor >= 0) lseek(level->descriptor, position, SEEK_SET);
    return 0;
}

static void finish(struct removal *removal, int error) {
    result_error(removal->call, error);
    for (size_t i = 0; i < removal->depth; i++) {
        if (removal->levels[i].descriptor >= 0) close(removal->levels[i].descriptor);
        free(removal->levels[i].name);
    }
    free(removal->levels);
    free(removal->path);
    free(removal);
}

static bool slice(struct job *job) {
    struct removal *removal = (struct removal *) job;
    int64_t limit = monotonic_milliseconds() + SLICE_MILLISECONDS;
    int error = 0;
    identity_enter(removal->uid);
    for (int i = 0; i < SLICE_ENTRIES && removal->depth > 0 && !error; i++) {
        error = step(removal);
        if (i % 16 == 15 && monotonic_milliseconds() >= limit) break;
    }
    identity_leave();
    if (removal->depth > 0 && !error) return false;
    calls_in_slices--;
    finish(removal, error);
    return true;
}

static int remove_one(const char *path) {
    struct stat stat;
    if (lstat(path, &stat) < 0) return errno;
    return (S_ISDIR(stat.st_mode) ? rmdir(path) : unlink(path)) < 0 ? errno : 0;
}

void call_remove(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *path = take_path(body);
    bool recursive = take_u8(body);
    int error = body_end(body);
    if (error) {
        result_error(call, error);
        return;
    }
    identity_enter(uid);
    error = remove_one(path);
    struct removal *removal = NULL;
    if (recursive && (error == ENOTEMPTY || error == EEXIST)) {
        removal = allocate(sizeof *removal);
        memset(removal, 0, offsetof(struct removal, entries));
        removal->job.slice = slice;
        removal->call = call;
        removal->uid = uid;
        removal->path = strdup(path);
        error = enter(removal, AT_FDCWD, path);
    }
    identity_leave();
    if (removal && !error) {
        calls_in_slices++;
        job_start(&removal->job);
    } else if (removal) finish(removal, error);
    else result_error(call, error);
}
