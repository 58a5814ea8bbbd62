// The event loop: descriptors (edge-triggered), timers and long work in slices.
#pragma once

#include "agent.h"

struct source {
    int descriptor;
    void (*ready)(struct source *, uint32_t events);
};

/** Watches for input and output, edge-triggered; 0 or -errno (-EPERM: a descriptor that is always ready). */
int loop_watch(struct source *, int descriptor, void (*ready)(struct source *, uint32_t events));

/** Stops watching; events that were already fetched are dropped. Closes nothing. */
void loop_forget(struct source *);

/** Frees memory when no event that was already fetched can name it any more. */
void loop_dispose(void *memory);

struct timer {
    int64_t deadline;
    bool armed;
    void (*expired)(struct timer *);
    struct timer *next;
};

/** Sets (or moves) a timer; it runs once. */
void timer_set(struct timer *, int milliseconds);
void timer_cancel(struct timer *);

/** Work too long for one turn. A slice takes a few milliseconds and returns true when the work is over. */
struct job {
    bool (*slice)(struct job *);
    struct job *next;
};

void job_start(struct job *);

/** Runs until loop_stop(). */
void loop_open(void);
void loop_run(void);
void loop_stop(void);
int64_t monotonic_milliseconds(void);
