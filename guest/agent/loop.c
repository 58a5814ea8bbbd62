#include "loop.h"

#include "channel.h"
#include "stream.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define BATCH 64

static int epoll = -1;
static bool stopped;
static struct timer *timers;
static struct job *first_job, **last_job = &first_job;

static struct epoll_event batch[BATCH];
static int batch_size, batch_position;

// Memory to free after the batch; it chains through its own first bytes.
static void **disposed;

int64_t monotonic_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void loop_open(void) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1: errno %d", errno);
}

int loop_watch(struct source *source, int descriptor, void (*ready)(struct source *, uint32_t)) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = source};
    source->descriptor = descriptor;
    source->ready = ready;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0) return 0;
    int error = errno;
    source->descriptor = -1;
    return -error;
}

void loop_forget(struct source *source) {
    if (source->descriptor < 0) return;
    epoll_ctl(epoll, EPOLL_CTL_DEL, source->descriptor, NULL);
    source->descriptor = -1;
    for (int i = batch_position; i < batch_size; i++) {
        if (batch[i].data.ptr == source) batch[i].data.ptr = NULL;
    }
}

void loop_dispose(void *memory) {
    *(void **) memory = disposed;
    disposed = memory;
}

void timer_set(struct timer *timer, int milliseconds) {
    timer->deadline = monotonic_milliseconds() + milliseconds;
    if (timer->armed) return;
    timer->armed = true;
    timer->next = timers;
    timers = timer;
}

void timer_cancel(struct timer *timer) {
    for (struct timer **at = &timers; *at; at = &(*at)->next) {
        if (*at != timer) continue;
        *at = timer->next;
        break;
    }
    timer->armed = false;
}

static int next_timeout(void) {
    if (first_job || channel_has_input() || (streams_have_output() && channel_has_room())) return 0;
    if (!timers) return -1;
    int64_t earliest = INT64_MAX;
    for (struct timer *timer = timers; timer; timer = timer->next) {
        if (timer->deadline < earliest) earliest = timer->deadline;
    }
    int64_t left = earliest - monotonic_milliseconds();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int) left;
}

static void run_timers(void) {
    if (!timers) return;
    int64_t now = monotonic_milliseconds();
    for (;;) {
        struct timer *due = timers;
        while (due && due->deadline > now) due = due->next;
        if (!due) return;
        timer_cancel(due);
        due->expired(due);
    }
}

void job_start(struct job *job) {
    job->next = NULL;
    *last_job = job;
    last_job = &job->next;
}

// One slice of each job that there was when the turn began.
static void run_jobs(void) {
    struct job *job = first_job;
    first_job = NULL;
    last_job = &first_job;
    while (job) {
        struct job *next = job->next;
        if (!job->slice(job)) job_start(job);
        job = next;
    }
}

static void free_disposed(void) {
    while (disposed) {
        void **memory = disposed;
        disposed = *memory;
        free(memory);
    }
}

void loop_run(void) {
    while (!stopped) {
        int count = epoll_wait(epoll, batch, BATCH, next_timeout());
        if (count < 0 && errno != EINTR) die("epoll_wait: errno %d", errno);
        batch_size = count < 0 ? 0 : count;
        for (batch_position = 0; batch_position < batch_size;) {
            struct epoll_event *event = &batch[batch_position++];
            struct source *source = event->data.ptr;
            if (source) source->ready(source, event->events);
        }
        batch_size = batch_position = 0;
        channel_receive();
        channel_wait();
        run_timers();
        run_jobs();
        streams_fill_channel();
        channel_flush();
        free_disposed();
    }
}

void loop_stop(void) {
    stopped = true;
}
