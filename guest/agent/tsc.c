#include "tsc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __x86_64__
#include <x86intrin.h>

#define ROUNDS 3
#define ROUND_NANOSECONDS 100000000

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (int64_t) time.tv_sec * 1000000000 + time.tv_nsec;
}

// The clock between two readings of the counter that are as close as a few tries make them.
static void read_both(uint64_t *counter, int64_t *time) {
    uint64_t closest = UINT64_MAX;
    for (int i = 0; i < 20; i++) {
        uint64_t before = __rdtsc();
        int64_t middle = now();
        uint64_t after = __rdtsc();
        if (after - before >= closest) continue;
        closest = after - before;
        *counter = before + closest / 2;
        *time = middle;
    }
}

static uint64_t measure(void) {
    uint64_t start, end;
    int64_t from, to;
    struct timespec pause = {.tv_nsec = ROUND_NANOSECONDS};
    read_both(&start, &from);
    nanosleep(&pause, NULL);
    read_both(&end, &to);
    return (uint64_t) ((double) (end - start) * 1e6 / (double) (to - from) + 0.5);
}

static int compare(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *) one, b = *(const uint64_t *) other;
    return (a > b) - (a < b);
}

int tsc_print(void) {
    uint64_t rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) rounds[i] = measure();
    qsort(rounds, ROUNDS, sizeof *rounds, compare);
    printf("%llu\n", (unsigned long long) rounds[ROUNDS / 2]);
    return 0;
}

#else

int tsc_print(void) {
    fputs("belljar-agent: no time stamp counter on this processor\n", stderr);
    return 1;
}

#endif
