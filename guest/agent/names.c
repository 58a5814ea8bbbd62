#include "names.h"

#include "loop.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 16384
#define BUCKETS 16384
// 198.18.0.0/15. A place in the table has one of seven addresses at a time, the next one for each name that gets it, so
// that an address which a program kept too long stands for nothing rather than for another name.
#define BASE 0xc6120000u
#define ROUNDS 7
#define FRESH_MILLISECONDS 5000

struct name {
    char *text;
    int64_t accepted;
    uint32_t round;
    int next_in_bucket; // places, -1 at the end
    int newer, older;
};

static struct name *names;
static int *buckets;
static int used, newest = -1, oldest = -1;

static void prepare(void) {
    if (names) return;
    names = calloc(NAMES, sizeof *names);
    buckets = malloc(BUCKETS * sizeof *buckets);
    if (!names || !buckets) die("out of memory");
    for (int i = 0; i < BUCKETS; i++) buckets[i] = -1;
}

static uint32_t bucket_of(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (uint8_t) *text) * 16777619u;
    return hash % BUCKETS;
}

static void unlink_age(int place) {
    struct name *name = &names[place];
    if (name->newer >= 0) names[name->newer].older = name->older;
    else newest = name->older;
    if (name->older >= 0) names[name->older].newer = name->newer;
    else oldest = name->newer;
}

static void link_newest(int place) {
    names[place].newer = -1;
    names[place].older = newest;
    if (newest >= 0) names[newest].newer = place;
    newest = place;
    if (oldest < 0) oldest = place;
}

static void use(int place) {
    unlink_age(place);
    link_newest(place);
}

static int place_of(const char *text) {
    prepare();
    int place = buckets[bucket_of(text)];
    while (place >= 0 && strcmp(names[place].text, text) != 0) place = names[place].next_in_bucket;
    return place;
}

static struct in_addr address_of(int place) {
    return (struct in_addr) {htonl(BASE + names[place].round * NAMES + (uint32_t) place)};
}

bool names_own(struct in_addr address) {
    return (ntohl(address.s_addr) & 0xfffe0000u) == BASE;
}

const char *names_find(struct in_addr address) {
    prepare();
    uint32_t offset = ntohl(address.s_addr) - BASE;
    int place = (int) (offset % NAMES);
    if (place >= used || names[place].round != offset / NAMES) return NULL;
    use(place);
    return names[place].text;
}

bool names_fresh(const char *text, struct in_addr *address) {
    int place = place_of(text);
    if (place < 0 || monotonic_milliseconds() - names[place].accepted > FRESH_MILLISECONDS) return false;
    use(place);
    *address = address_of(place);
    return true;
}

static int take_place(void) {
    if (used < NAMES) return used++;
    int place = oldest;
    unlink_age(place);
    int *at = &buckets[bucket_of(names[place].text)];
    while (*at != place) at = &names[*at].next_in_bucket;
    *at = names[place].next_in_bucket;
    free(names[place].text);
    names[place].round = (names[place].round + 1) % ROUNDS;
    return place;
}

struct in_addr names_give(const char *text) {
    int place = place_of(text);
    if (place >= 0) {
        use(place);
    } else {
        place = take_place();
        names[place].text = strdup(text);
        if (!names[place].text) die("out of memory");
        uint32_t bucket = bucket_of(text);
        names[place].next_in_bucket = buckets[bucket];
        buckets[bucket] = place;
        link_newest(place);
    }
    names[place].accepted = monotonic_milliseconds();
    return address_of(place);
}
