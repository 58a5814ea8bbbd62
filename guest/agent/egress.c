#include "egress.h"

#include "channel.h"
#include "conduit.h"
#include "intercept.h"
#include "names.h"
#include "network.h"
#include "resolver.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_SLICE 64

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

// ---- connections of the guest's programs ----

struct listener {
    struct source source;
    struct job job;
    bool running;
};

static struct listener listener4, listener6;

static void put_port(uint8_t *body, in_port_t port) {
    memcpy(body, &port, 2);
}

// The body of the OPEN: by the name that the address stands for, or by address. 0 where it stands for nothing.
static size_t describe(const union address *to, uint8_t body[264]) {
    body[0] = 1;
    if (to->any.sa_family == AF_INET6) {
        body[1] = 6;
        memcpy(body + 2, &to->v6.sin6_addr, 16);
        put_port(body + 18, to->v6.sin6_port);
        return 20;
    }
    if (!names_own(to->v4.sin_addr)) {
        body[1] = 4;
        memcpy(body + 2, &to->v4.sin_addr, 4);
        put_port(body + 6, to->v4.sin_port);
        return 8;
    }
    const char *name = names_find(to->v4.sin_addr);
    if (!name) return 0;
    size_t length = strlen(name);
    uint8_t start[6] = {1, 0, 0, 0, 0, (uint8_t) length};
    memcpy(body, start, sizeof start);
    memcpy(body + 6, name, length);
    put_port(body + 6 + length, to->v4.sin_port);
    return 8 + length;
}

static bool is_loopback(const union address *to) {
    if (to->any.sa_family == AF_INET) return ntohl(to->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&to->v6.sin6_addr);
}

static void take_connection(int descriptor) {
    union address to;
    socklen_t size = sizeof to;
    uint8_t body[264];
    int yes = 1;
    struct conduit *conduit = conduit_create(descriptor, CONNECTION);
    // Who connects to the listener itself was not on the way to anywhere.
    bool foreign = getsockname(descriptor, &to.any, &size) == 0 && !is_loopback(&to);
    size_t length = foreign ? describe(&to, body) : 0;
    if (length > 0) conduit->stream = stream_open(body, length, true, &conduit_endpoint, conduit);
    if (!conduit->stream) {
        conduit_abandon(conduit);
        return;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    conduit_start(conduit);
}

static bool accept_slice(struct job *job) {
    struct listener *listener = (struct listener *) ((char *) job - offsetof(struct listener, job));
    for (int i = 0; i < ACCEPTS_PER_SLICE; i++) {
        int descriptor = accept4(listener->source.descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            take_connection(descriptor);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            listener->running = false;
            return true;
        }
    }
    return false;
}

static void listener_ready(struct source *source, uint32_t events) {
    struct listener *listener = (struct listener *) source;
    (void) events;
    if (listener->running) return;
    listener->running = true;
    listener->job.slice = accept_slice;
    job_start(&listener->job);
}

static int listen_on(struct listener *listener, const union address *address, socklen_t size) {
    int yes = 1, descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    if (address->any.sa_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(descriptor, &address->any, size) < 0 || listen(descriptor, 1024) < 0) {
        close(descriptor);
        return -1;
    }
    loop_watch(&listener->source, descriptor, listener_ready);
    return descriptor;
}

void egress_open(void) {
    union address v4 = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    union address v6 = {.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
    network_open();
    int udp = resolver_open();
    int tcp4 = listen_on(&listener4, &v4, sizeof v4.v4);
    int tcp6 = listen_on(&listener6, &v6, sizeof v6.v6);
    int error = intercept(tcp4, tcp6, udp);
    if (error < 0) say("connections cannot be intercepted: errno %d", -error);
}

// ---- DIAL ----

struct dial {
    struct source source;
    struct stream *stream;
    uint16_t port;
    int error; // of the first attempt; then ::1 is tried
};

static void try_dial(struct dial *dial);

static void end_attempt(struct dial *dial) {
    int descriptor = dial->source.descriptor;
    loop_forget(&dial->source);
    if (descriptor >= 0) close(descriptor);
}

static void dial_over(struct stream *stream, int error, bool by_host) {
    struct dial *dial = stream->owner;
    (void) error;
    (void) by_host;
    end_attempt(dial);
    loop_dispose(dial);
}

static const struct endpoint dial_endpoint = {.over = dial_over};

static void dial_failed(struct dial *dial, int error) {
    end_attempt(dial);
    if (dial->error) {
        stream_refuse(dial->stream, dial->error);
        return;
    }
    dial->error = error;
    try_dial(dial);
}

static void dial_connected(struct dial *dial) {
    struct stream *stream = dial->stream;
    int yes = 1, descriptor = dial->source.descriptor;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    loop_forget(&dial->source);
    loop_dispose(dial);
    struct conduit *conduit = conduit_create(descriptor, CONNECTION);
    conduit->stream = stream;
    stream->endpoint = &conduit_endpoint;
    stream->owner = conduit;
    stream_accept(stream);
    conduit_start(conduit);
}

static void dial_ready(struct source *source, uint32_t events) {
    struct dial *dial = (struct dial *) source;
    int error = 0;
    socklen_t size = sizeof error;
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    getsockopt(source->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) dial_failed(dial, error);
    else dial_connected(dial);
}

static void try_dial(struct dial *dial) {
    union address v4 = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(dial->port)}};
    union address v6 = {.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(dial->port)}};
    const union address *to = dial->error ? &v6 : &v4;
    int descriptor = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = descriptor < 0 ? errno : 0;
    if (!error && connect(descriptor, &to->any, dial->error ? sizeof v6.v6 : sizeof v4.v4) < 0 && errno != EINPROGRESS) error = errno;
    if (error) {
        if (descriptor >= 0) close(descriptor);
        dial_failed(dial, error);
        return;
    }
    // Connected or not yet: epoll tells either.
    loop_watch(&dial->source, descriptor, dial_ready);
}

void egress_dial(uint32_t id, uint16_t port) {
    struct dial *dial = allocate(sizeof *dial);
    *dial = (struct dial) {.source.descriptor = -1, .port = port};
    dial->stream = stream_of_host(id, true, true, &dial_endpoint, dial);
    dial->stream->open = false;
    try_dial(dial);
}
