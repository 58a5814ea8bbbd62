#include "resolver.h"

#include "channel.h"
#include "loop.h"
#include "names.h"
#include "stream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HEADER 12
#define QUESTION_LIMIT (255 + 4)
#define QUERY_LIMIT 4096
#define ASKERS_PER_NAME 64
#define TCP_CLIENTS 32
#define TIME_TO_LIVE 60
#define QUERIES_PER_SLICE 64

enum code { NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED };
enum type { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28 };

struct client {
    struct source source;
    struct client *next;
    size_t length; // of what was received
    uint8_t query[2 + QUERY_LIMIT];
};

// Who is to get the answer: a program at a UDP address, or a TCP client (which may be gone by then).
struct asker {
    struct asker *next;
    struct client *client;
    struct sockaddr_in address;
    struct in_addr asked; // the address that the program believes to be its name server's
    size_t length;
    uint8_t query[HEADER + QUESTION_LIMIT];
    uint16_t type;
};

struct lookup {
    struct lookup *next;
    struct stream *stream;
    struct asker *askers;
    int asker_count;
    char name[254];
};

static int udp = -1;
static struct source udp_source, tcp_source;
static struct client *clients;
static struct lookup *lookups;

// ---- answers ----

static void close_client(struct client *client) {
    struct client **at = &clients;
    while (*at != client) at = &(*at)->next;
    *at = client->next;
    for (struct lookup *lookup = lookups; lookup; lookup = lookup->next) {
        for (struct asker *asker = lookup->askers; asker; asker = asker->next) {
            if (asker->client == client) asker->address.sin_family = AF_UNSPEC;
        }
    }
    int descriptor = client->source.descriptor;
    loop_forget(&client->source);
    close(descriptor);
    loop_dispose(client);
}

static void send_udp(const struct asker *asker, void *bytes, size_t length) {
    struct iovec part = {bytes, length};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {0};
    struct msghdr message = {.msg_name = (void *) &asker->address, .msg_namelen = sizeof asker->address, .msg_iov = &part,
        .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    struct in_pktinfo source = {.ipi_spec_dst = asker->asked};
    memcpy(CMSG_DATA(header), &source, sizeof source);
    // A program that does not take its answer asks again.
    sendmsg(udp, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_answer(const struct asker *asker, uint8_t *answer, size_t length) {
    if (!asker->client) {
        send_udp(asker, answer + 2, length);
    } else if (asker->address.sin_family != AF_UNSPEC && asker->client->source.descriptor >= 0) {
        answer[0] = (uint8_t) (length >> 8);
        answer[1] = (uint8_t) length;
        if (send(asker->client->source.descriptor, answer, length + 2, MSG_NOSIGNAL) != (ssize_t) length + 2) close_client(asker->client);
    }
}

// The question comes back with a code, and with an address where there is one.
static void answer(const struct asker *asker, enum code code, const struct in_addr *address) {
    uint8_t bytes[2 + HEADER + QUESTION_LIMIT + 16];
    uint8_t *message = bytes + 2;
    memcpy(message, asker->query, asker->length);
    message[2] = (uint8_t) (0x80 | (asker->query[2] & 0x79)); // an answer; opcode and recursion desired as asked
    message[3] = (uint8_t) (0x80 | code); // recursion available
    memset(message + 4, 0, 8);
    message[5] = asker->length > HEADER;
    size_t length = asker->length;
    if (address) {
        static const uint8_t record[] = {0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, TIME_TO_LIVE, 0, 4};
        message[7] = 1;
        memcpy(message + length, record, sizeof record);
        memcpy(message + length + sizeof record, address, 4);
        length += sizeof record + 4;
    }
    send_answer(asker, bytes, length);
}

static void answer_accepted(const struct asker *asker, struct in_addr address) {
    answer(asker, NO_ERROR, asker->type == TYPE_A ? &address : NULL);
}

// ---- asking the host ----

static void lookup_over(struct stream *stream, int error, bool by_host) {
    struct lookup *lookup = stream->owner, **at = &lookups;
    while (*at != lookup) at = &(*at)->next;
    *at = lookup->next;
    struct in_addr address = {0};
    bool accepted = error == 0 && by_host;
    if (accepted) address = names_give(lookup->name);
    while (lookup->askers) {
        struct asker *asker = lookup->askers;
        lookup->askers = asker->next;
        // A name that policy forbids does not exist either: programs take REFUSED for a failure that passes, and try again.
        if (accepted) answer_accepted(asker, address);
        else answer(asker, error == ENOENT || error == EACCES ? NO_SUCH_NAME : SERVER_FAILURE, NULL);
        free(asker);
    }
    loop_dispose(lookup);
}

static const struct endpoint lookup_endpoint = {.over = lookup_over};

static void ask_host(const char *name, const struct asker *asker) {
    struct lookup *lookup = lookups;
    while (lookup && strcmp(lookup->name, name) != 0) lookup = lookup->next;
    if (!lookup) {
        size_t length = strlen(name);
        uint8_t body[5 + 253] = {2, 0, 0, 0, (uint8_t) length};
        memcpy(body + 5, name, length);
        lookup = allocate(sizeof *lookup);
        *lookup = (struct lookup) {.next = lookups};
        memcpy(lookup->name, name, length + 1);
        lookup->stream = stream_open(body, 5 + length, false, &lookup_endpoint, lookup);
        if (!lookup->stream) {
            free(lookup);
            answer(asker, SERVER_FAILURE, NULL);
            return;
        }
        lookups = lookup;
    }
    if (lookup->asker_count == ASKERS_PER_NAME) {
        answer(asker, SERVER_FAILURE, NULL);
        return;
    }
    struct asker *copy = allocate(sizeof *copy);
    *copy = *asker;
    copy->next = lookup->askers;
    lookup->askers = copy;
    lookup->asker_count++;
}

// ---- questions ----

// The name of the question in lower case and with dots; false where it is malformed. `plain` tells whether it is one
// that a host can have: letters, digits, hyphens and underscores.
static bool read_name(const uint8_t *bytes, size_t length, size_t *end, char name[254], bool *plain) {
    size_t at = HEADER, written = 0;
    *plain = true;
    for (;;) {
        if (at >= length) return false;
        size_t label = bytes[at++];
        if (label == 0) break;
        if (label > 63 || at + label > length || written + label + (written > 0) > 253) return false;
        if (written > 0) name[written++] = '.';
        for (size_t i = 0; i < label; i++) {
            char c = (char) bytes[at++];
            if (c >= 'A' && c <= 'Z') c = (char) (c + 32);
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) *plain = false;
            name[written++] = c;
        }
    }
    name[written] = 0;
    *end = at;
    return true;
}

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    if (length < tail || strcmp(name + length - tail, end) != 0) return false;
    return length == tail || name[length - tail - 1] == '.';
}

static void answer_locally(struct asker *asker, uint8_t last_byte, uint8_t third_byte) {
    struct in_addr address = {htonl(0x7f000000u | (uint32_t) third_byte << 8 | last_byte)};
    // ::1 is left to /etc/hosts: whoever asks a name server gets along with 127.0.0.1.
    answer_accepted(asker, address);
}

static void answer_name(struct asker *asker, const char *name, bool plain) {
    char own[65] = {0};
    struct in_addr address;
    gethostname(own, sizeof own - 1);
    const char *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    if (ends_with(name, "localhost")) answer_locally(asker, 1, 0);
    else if (strcasecmp(name, own) == 0) answer_locally(asker, 1, 1);
    else if (!plain || !*name || ends_with(name, "arpa") || strspn(last, "0123456789") == strlen(last)) answer(asker, NO_SUCH_NAME, NULL);
    else if (names_fresh(name, &address)) answer_accepted(asker, address);
    else ask_host(name, asker);
}

static void handle_query(struct asker *asker, const uint8_t *query, size_t length) {
    char name[254];
    bool plain;
    size_t end = 0;
    if (length < HEADER || query[2] & 0x80) return; // an answer to nobody
    memcpy(asker->query, query, HEADER);
    asker->length = HEADER;
    if (query[2] & 0x78) {
        answer(asker, NOT_IMPLEMENTED, NULL);
        return;
    }
    bool one_question = query[4] == 0 && query[5] == 1;
    if (!one_question || !read_name(query, length, &end, name, &plain) || length - end < 4) {
        answer(asker, FORMAT_ERROR, NULL);
        return;
    }
    memcpy(asker->query, query, end + 4);
    asker->length = end + 4;
    asker->type = (uint16_t) (query[end] << 8 | query[end + 1]);
    if (query[end + 2] != 0 || query[end + 3] != 1) answer(asker, NO_SUCH_NAME, NULL); // not the Internet's class
    else answer_name(asker, name, plain);
}

// ---- UDP ----

static bool receive_one(void) {
    uint8_t query[QUERY_LIMIT];
    struct asker asker = {0};
    struct iovec part = {query, sizeof query};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    struct msghdr message = {.msg_name = &asker.address, .msg_namelen = sizeof asker.address, .msg_iov = &part,
        .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(udp, &message, MSG_DONTWAIT);
    if (length < 0) return errno != EAGAIN;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        struct in_pktinfo info;
        if (header->cmsg_level != IPPROTO_IP || header->cmsg_type != IP_PKTINFO) continue;
        memcpy(&info, CMSG_DATA(header), sizeof info);
        asker.asked = info.ipi_addr;
    }
    handle_query(&asker, query, (size_t) length);
    return true;
}

static bool udp_running;

static bool udp_slice(struct job *job) {
    (void) job;
    for (int i = 0; i < QUERIES_PER_SLICE; i++) {
        if (receive_one()) continue;
        udp_running = false;
        return true;
    }
    return false;
}

static void udp_ready(struct source *source, uint32_t events) {
    static struct job job = {.slice = udp_slice};
    (void) source;
    if (udp_running || !(events & ~(uint32_t) EPOLLOUT)) return;
    udp_running = true;
    job_start(&job);
}

// ---- TCP ----

static void client_ready(struct source *source, uint32_t events) {
    struct client *client = (struct client *) source;
    (void) events;
    for (;;) {
        ssize_t count = recv(source->descriptor, client->query + client->length, sizeof client->query - client->length, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            close_client(client);
            return;
        }
        client->length += (size_t) count;
        while (client->length >= 2) {
            size_t length = (size_t) client->query[0] << 8 | client->query[1];
            if (length > QUERY_LIMIT) {
                close_client(client);
                return;
            }
            if (client->length < 2 + length) break;
            struct asker asker = {.client = client, .address.sin_family = AF_INET};
            uint8_t query[QUERY_LIMIT];
            memcpy(query, client->query + 2, length);
            client->length -= 2 + length;
            memmove(client->query, client->query + 2 + length, client->length);
            handle_query(&asker, query, length);
            if (source->descriptor < 0) return; // it did not take the answer
        }
    }
}

static void tcp_ready(struct source *source, uint32_t events) {
    (void) events;
    for (;;) {
        int descriptor = accept4(source->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        struct client **last = &clients;
        int count = 0;
        while (*last) {
            last = &(*last)->next;
            count++;
        }
        struct client *client = allocate(sizeof *client);
        client->next = NULL;
        client->length = 0;
        *last = client;
        if (loop_watch(&client->source, descriptor, client_ready) < 0) die("a connection cannot be polled");
        if (count >= TCP_CLIENTS) close_client(clients); // the oldest
    }
}

static int open_socket(int type) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, descriptor = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (type == SOCK_DGRAM) setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes);
    if (bind(descriptor, (struct sockaddr *) &address, sizeof address) == 0 && (type == SOCK_DGRAM || listen(descriptor, 64) == 0)) {
        return descriptor;
    }
    say("no resolver: errno %d", errno);
    close(descriptor);
    return -1;
}

int resolver_open(void) {
    int tcp = open_socket(SOCK_STREAM);
    udp = open_socket(SOCK_DGRAM);
    if (tcp >= 0) loop_watch(&tcp_source, tcp, tcp_ready);
    if (udp >= 0) loop_watch(&udp_source, udp, udp_ready);
    return udp;
}
