#include "calls.h"

static void call_ping(uint32_t call, struct body *body) {
    size_t length = (size_t) (body->end - body->at);
    if (length > 64 * KIB) {
        result_error(call, EINVAL);
        return;
    }
    result_begin();
    put_bytes(body->at, length);
    result_send(call);
}

static handler *const handlers[] = {
    [1] = call_activate, [2] = call_ping, [3] = call_stats, [4] = call_shutdown, [5] = call_mount, [6] = call_unmount,
    [7] = call_sync, [8] = call_attach, [9] = call_freeze, [10] = call_thaw, [11] = call_hold, [12] = call_release, [13] = call_clock,
    [16] = call_spawn, [17] = call_kill, [18] = call_resize,
    [32] = call_stat, [33] = call_read_dir, [34] = call_make_dir, [35] = call_remove, [36] = call_rename,
    [37] = call_chmod, [38] = call_chown, [39] = call_link, [40] = call_symlink, [41] = call_read_link,
    [42] = call_real_path, [43] = call_truncate, [44] = call_utime, [45] = call_copy_file, [46] = call_make_temp,
    [47] = call_read_file, [48] = call_write_file, [49] = call_stat_fs,
    [64] = call_file_open, [65] = call_file_close, [66] = call_file_read, [67] = call_file_write, [68] = call_file_seek,
    [69] = call_file_stat, [70] = call_file_sync, [71] = call_file_truncate, [72] = call_file_utime,
    [73] = call_file_lock, [74] = call_file_unlock,
};

void call_received(uint32_t call, uint16_t operation, uint8_t *bytes, size_t length) {
    struct body body = {.at = bytes, .end = bytes + length};
    handler *handler = operation < sizeof handlers / sizeof *handlers ? handlers[operation] : NULL;
    if (handler) handler(call, &body);
    else result_error(call, ENOSYS);
}
