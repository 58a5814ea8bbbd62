// The duplex byte stream to the host, and the frames on it.
#pragma once

#include "agent.h"

enum frame_type { HELLO = 1, CALL, RESULT, EXIT, OPEN, ACCEPT, REFUSE, DATA, END, RESET, CREDIT };

#define FRAME_HEADER 12
#define DATA_LIMIT (64 * KIB)
#define CALL_LIMIT (4 * MIB)

/** Takes the channel. A port stays when its host goes away; anything else ends the agent with its end of file. */
void channel_open(int input, int output, bool port);

/** A frame that goes ahead of all DATA. */
void channel_send(enum frame_type, uint32_t id, const void *payload, size_t length);
void channel_send_u32(enum frame_type, uint32_t id, uint32_t value);

/** A frame that keeps its place behind the DATA sent before it. */
void channel_send_behind_data(enum frame_type, uint32_t id, const void *payload, size_t length);

/** Whether another DATA frame may be made now. */
bool channel_has_room(void);

/** Room for the bytes of one DATA frame, only if channel_has_room(); then channel_data() sends that many of them. */
uint8_t *channel_data_room(size_t *size);
void channel_data(uint32_t id, size_t length);

/** For the loop. */
bool channel_has_input(void);
void channel_receive(void);
void channel_flush(void);

/** Sends and receives nothing after this turn, for at most that long, until the host's next frame comes. */
void channel_hold(int milliseconds);

/** Whether the channel was held until the frame that is being handled. */
bool channel_was_held(void);

/** For the loop: waits while the channel is held. */
void channel_wait(void);

/** Drops all that is to be sent. */
void channel_forget_host(void);

/** Waits (a short while) until all is written. Only before the end. */
void channel_drain(void);

/** The other side broke the protocol: there is no way to go on. */
_Noreturn void channel_violation(const char *what);
