/*
 * Preloaded into a QEMU that restores a machine, for what no option of QEMU's says.
 *
 * The template's memory is opened for reading, so that the jail can keep it read-only: a private mapping of such a file
 * may be written, and no write reaches the file. What the guest gives back of it is given back to the host; QEMU would
 * first punch a hole into the file, which is to stay as it is, and takes that as done.
 *
 * No huge pages: QEMU asks for them for its translations, of which an idle machine has a few in many places.
 *
 * Nothing of libc is used but errno.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

extern int *__errno_location(void);

static const char memory[] = MEMORY;
static int memory_descriptor = -1;

static long system_call(long number, long first, long second, long third, long fourth, long fifth)
{
    long result;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    if (result >= 0)
        return result;
    *__errno_location() = (int)-result;
    return -1;
}

static int is_memory(const char *path)
{
    for (int i = 0;; i++) {
        if (path[i] != memory[i])
            return 0;
        if (!path[i])
            return 1;
    }
}

static int open_directly(const char *path, int flags, int mode)
{
    int memory_asked = is_memory(path);
    if (memory_asked)
        flags = (flags & ~O_ACCMODE) | O_RDONLY;
    int descriptor = (int)system_call(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0);
    if (memory_asked)
        memory_descriptor = descriptor;
    return descriptor;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_directly(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int __open_2(const char *path, int flags)
{
    return open_directly(path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_directly(path, flags, 0);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length)
{
    if (descriptor >= 0 && descriptor == memory_descriptor)
        return 0;
    return (int)system_call(SYS_fallocate, descriptor, mode, offset, length, 0);
}

int fallocate64(int descriptor, int mode, off_t offset, off_t length) __attribute__((alias("fallocate")));

__attribute__((constructor)) static void without_huge_pages(void)
{
    system_call(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
}
