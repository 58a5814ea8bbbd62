// HOLD and RELEASE, and what becomes of everything when a machine wakes with another host.
#include "hold.h"

#include "calls.h"
#include "channel.h"
#include "process.h"
#include "stream.h"

#define LONGEST_HOLD 60000

int calls_in_slices;

void call_hold(uint32_t call, struct body *body) {
    uint32_t milliseconds = take_u32(body);
    int error = body_end(body);
    if (!error && (milliseconds < 1 || milliseconds > LONGEST_HOLD)) error = EINVAL;
    // Their results would be sent to a host that never called.
    if (!error && (calls_in_slices > 0 || shutting_down())) error = EBUSY;
    result_error(call, error);
    if (!error) channel_hold((int) milliseconds);
}

void call_release(uint32_t call, struct body *body) {
    int error = body_end(body);
    if (!error && !channel_was_held()) error = ESTALE;
    result_error(call, error);
}

void forget_host(void) {
    streams_forget_host();
    handles_forget_host();
    processes_forget_host();
    // What those said was said to nobody.
    channel_forget_host();
}
