/*
 * Preloaded into a QEMU before 8.2, which opens its memory file for writing even where it only maps it privately.
 * Here the template's memory is opened for reading, so that the jail can keep it read-only: a private mapping of
 * such a file may be written, and no write reaches the file. Nothing of libc is used but errno.
 */
#include <fcntl.h>
#include <stdarg.h>

extern int *__errno_location(void);

static const char memory[] = MEMORY;

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
    if (is_memory(path))
        flags = (flags & ~O_ACCMODE) | O_RDONLY;
    long result;
    register long fourth __asm__("r10") = mode;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(257L /* openat */), "D"((long)AT_FDCWD), "S"(path), "d"((long)flags), "r"(fourth)
                     : "rcx", "r11", "memory");
    if (result < 0) {
        *__errno_location() = (int)-result;
        return -1;
    }
    return (int)result;
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
