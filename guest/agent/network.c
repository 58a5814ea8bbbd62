#include "network.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK_INDEX 1

struct message {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
    };
    uint8_t attributes[128];
};

static void add_attribute(struct message *message, uint16_t type, const void *value, size_t length) {
    struct rtattr *attribute = (struct rtattr *) ((uint8_t *) message + NLMSG_ALIGN(message->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t) RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), value, length);
    message->header.nlmsg_len = (uint32_t) (NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static int request(int netlink, struct message *message) {
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;
    message->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(netlink, message, message->header.nlmsg_len, 0) < 0) return -errno;
    if (recv(netlink, &answer, sizeof answer, 0) < (ssize_t) NLMSG_LENGTH(sizeof answer.error)) return -EIO;
    return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EIO;
}

static int raise_loopback(int netlink) {
    struct message message = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof message.link), .nlmsg_type = RTM_NEWLINK},
        .link = {.ifi_index = LOOPBACK_INDEX, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}};
    return request(netlink, &message);
}

static int add_own_address(int netlink) {
    uint32_t address = OWN_ADDRESS;
    struct message message = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof message.address), .nlmsg_type = RTM_NEWADDR,
            .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
        .address = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = LOOPBACK_INDEX}};
    add_attribute(&message, IFA_LOCAL, &address, sizeof address);
    add_attribute(&message, IFA_ADDRESS, &address, sizeof address);
    return request(netlink, &message);
}

// `local default dev lo`. Without a source of its own a connection would come from the address that it goes to.
static int make_everything_local(int netlink, uint8_t family) {
    uint32_t device = LOOPBACK_INDEX, source = OWN_ADDRESS;
    struct message message = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof message.route), .nlmsg_type = RTM_NEWROUTE,
            .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
        .route = {.rtm_family = family, .rtm_table = RT_TABLE_LOCAL, .rtm_protocol = RTPROT_STATIC,
            .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, .rtm_type = RTN_LOCAL}};
    add_attribute(&message, RTA_OIF, &device, sizeof device);
    if (family == AF_INET) add_attribute(&message, RTA_PREFSRC, &source, sizeof source);
    return request(netlink, &message);
}

static void check(const char *what, int error) {
    if (error < 0) say("%s: errno %d", what, -error);
}

void network_open(void) {
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0) {
        say("no rtnetlink: errno %d", errno);
        return;
    }
    check("loopback", raise_loopback(netlink));
    check("own address", add_own_address(netlink));
    check("IPv4 route", make_everything_local(netlink, AF_INET));
    check("IPv6 route", make_everything_local(netlink, AF_INET6));
    close(netlink);
}
