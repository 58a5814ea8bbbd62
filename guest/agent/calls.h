// What the host can ask for: one handler for each operation.
#pragma once

#include "message.h"

void call_received(uint32_t call, uint16_t operation, uint8_t *body, size_t length);

/** How many calls are being worked off in slices. */
extern int calls_in_slices;

/** Whether SHUTDOWN was called. */
bool shutting_down(void);

/** Closes the open files of the last host. */
void handles_forget_host(void);

/** A handler answers the call, now or later, exactly once. */
typedef void handler(uint32_t call, struct body *);

handler call_activate, call_stats, call_shutdown, call_mount, call_unmount, call_sync, call_attach, call_freeze, call_thaw,
    call_hold, call_release, call_clock;
handler call_spawn, call_kill, call_resize;
handler call_stat, call_make_dir, call_rename, call_chmod, call_chown, call_link, call_symlink, call_read_link,
    call_real_path, call_truncate, call_utime, call_make_temp, call_stat_fs;
handler call_read_dir, call_remove, call_copy_file, call_read_file, call_write_file;
handler call_file_open, call_file_close, call_file_read, call_file_write, call_file_seek, call_file_stat, call_file_sync,
    call_file_truncate, call_file_utime, call_file_lock, call_file_unlock;
