// COPY_FILE: in slices, inside the kernel where it can.
#include "calls.h"
#include "files.h"
#include "loop.h"
#include "users.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE MIB

struct copy {
    struct job job;
    uint32_t call;
    uid_t uid;
    int from, to;
    bool by_hand; // sendfile does not work with this file
};

static int copy_by_hand(const struct copy *copy) {
    static char buffer[64 * KIB];
    ssize_t count = read(copy->from, buffer, sizeof buffer);
    if (count <= 0) return count < 0 ? -errno : 0;
    for (ssize_t done = 0; done < count;) {
        ssize_t written = write(copy->to, buffer + done, (size_t) (count - done));
        if (written < 0) return -errno;
        done += written;
    }
    return (int) count;
}

// How many bytes a slice copied (0: the end), or -errno.
static int copy_some(struct copy *copy) {
    if (!copy->by_hand) {
        ssize_t count = sendfile(copy->to, copy->from, NULL, SLICE);
        if (count >= 0) return (int) count;
        if (errno != EINVAL && errno != ENOSYS) return -errno;
        copy->by_hand = true;
    }
    return copy_by_hand(copy);
}

static bool slice(struct job *job) {
    struct copy *copy = (struct copy *) job;
    identity_enter(copy->uid);
    int count = copy_some(copy);
    identity_leave();
    if (count > 0) return false;
    calls_in_slices--;
    close(copy->from);
    close(copy->to);
    result_error(copy->call, -count);
    free(copy);
    return true;
}

static int open_both(struct copy *copy, const char *from, const char *to, mode_t mask) {
    struct stat source, target;
    copy->from = open(from, O_RDONLY | OPEN_ALWAYS);
    if (copy->from < 0 || fstat(copy->from, &source) < 0) return errno;
    if (!S_ISREG(source.st_mode)) return S_ISDIR(source.st_mode) ? EISDIR : EINVAL;
    mode_t mode = source.st_mode & 0777;
    copy->to = open(to, O_WRONLY | O_CREAT | OPEN_ALWAYS, mode & ~mask);
    if (copy->to < 0 || fstat(copy->to, &target) < 0) return errno;
    if (!S_ISREG(target.st_mode)) return EINVAL;
    // Onto itself: truncating would lose it.
    if (source.st_dev == target.st_dev && source.st_ino == target.st_ino) return EINVAL;
    if (ftruncate(copy->to, 0) < 0) return errno;
    // "Keeps the permission bits", as far as the target is the user's.
    if (fchmod(copy->to, mode) < 0 && errno != EPERM) return errno;
    return 0;
}

void call_copy_file(uint32_t call, struct body *body) {
    uid_t uid = take_u32(body);
    const char *from = take_path(body);
    const char *to = take_path(body);
    mode_t mask = take_u32(body);
    int error = body_end(body);
    if (error) {
        result_error(call, error);
        return;
    }
    struct copy *copy = allocate(sizeof *copy);
    *copy = (struct copy) {.job.slice = slice, .call = call, .uid = uid, .from = -1, .to = -1};
    identity_enter(uid);
    error = open_both(copy, from, to, mask);
    identity_leave();
    if (!error) {
        calls_in_slices++;
        job_start(&copy->job);
        return;
    }
    if (copy->from >= 0) close(copy->from);
    if (copy->to >= 0) close(copy->to);
    free(copy);
    result_error(call, error);
}
