#include "intercept.h"

#include "agent.h"
#include "network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TCP4, TCP6, UDP, SOCKETS };

static int bpf(int command, union bpf_attr *attributes) {
    long result = syscall(SYS_bpf, command, attributes, sizeof *attributes);
    return result < 0 ? -errno : (int) result;
}

static int make_map(const int sockets[SOCKETS]) {
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 8, .max_entries = SOCKETS};
    int map = bpf(BPF_MAP_CREATE, &attributes);
    for (uint32_t key = 0; map >= 0 && key < SOCKETS; key++) {
        if (sockets[key] < 0) continue;
        uint64_t value = (uint64_t) sockets[key];
        union bpf_attr element = {.map_fd = (uint32_t) map, .key = (uintptr_t) &key, .value = (uintptr_t) &value};
        int error = bpf(BPF_MAP_UPDATE_ELEM, &element);
        if (error < 0) {
            close(map);
            return error;
        }
    }
    return map;
}

// ---- the program ----

#define FIELD(name) offsetof(struct bpf_sk_lookup, name)
#define LOAD(to, from, offset) {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, .off = (int16_t) (offset)}
#define COPY(to, from) {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from}
#define SET(to, value) {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = (int32_t) (value)}
#define ADD(to, value) {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = to, .imm = (value)}
#define AND(to, value) {.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = to, .imm = (value)}
// 32-bit comparisons: addresses are loaded as they are on the wire, without regard to a sign.
#define IF_EQUAL(reg, value, label) {.code = BPF_JMP32 | BPF_JEQ | BPF_K, .dst_reg = reg, .imm = (int32_t) (value), .off = label}
#define IF_OTHER(reg, value, label) {.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = reg, .imm = (int32_t) (value), .off = label}
#define IF_NULL(reg, label) {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = reg, .off = label}
#define GO(label) {.code = BPF_JMP | BPF_JA, .off = label}
#define CALL_HELPER(function) {.code = BPF_JMP | BPF_CALL, .imm = function}
#define RETURN {.code = BPF_JMP | BPF_EXIT}
// A place to jump to; taken out before the program is loaded.
#define LABEL(label) {.code = 0xff, .imm = label}
#define LABEL_BASE 1000

enum { V6 = LABEL_BASE, FOREIGN6, NOT_MAPPED, NOT_TCP4, REDIRECT, PASS, LABELS };

// Register 6 is the context, 7 the protocol, 8 what to look up.
static const struct bpf_insn source[] = {
    COPY(BPF_REG_6, BPF_REG_1),
    LOAD(BPF_REG_7, BPF_REG_6, FIELD(protocol)),
    LOAD(BPF_REG_2, BPF_REG_6, FIELD(family)),
    IF_EQUAL(BPF_REG_2, AF_INET6, V6),
    IF_OTHER(BPF_REG_2, AF_INET, PASS),

    LOAD(BPF_REG_2, BPF_REG_6, FIELD(local_ip4)),
    COPY(BPF_REG_3, BPF_REG_2),
    AND(BPF_REG_3, 0xff), // the first byte on the wire: this processor is little-endian
    IF_EQUAL(BPF_REG_3, 127, PASS),
    IF_EQUAL(BPF_REG_3, 0, PASS),
    SET(BPF_REG_8, TCP4),
    IF_OTHER(BPF_REG_7, IPPROTO_TCP, NOT_TCP4),
    IF_EQUAL(BPF_REG_2, OWN_ADDRESS, PASS),
    GO(REDIRECT),
    LABEL(NOT_TCP4),
    IF_OTHER(BPF_REG_7, IPPROTO_UDP, PASS),
    LOAD(BPF_REG_2, BPF_REG_6, FIELD(local_port)),
    IF_OTHER(BPF_REG_2, 53, PASS),
    SET(BPF_REG_8, UDP),
    GO(REDIRECT),

    LABEL(V6),
    IF_OTHER(BPF_REG_7, IPPROTO_TCP, PASS),
    LOAD(BPF_REG_2, BPF_REG_6, FIELD(local_ip6[0])),
    IF_OTHER(BPF_REG_2, 0, FOREIGN6),
    LOAD(BPF_REG_2, BPF_REG_6, FIELD(local_ip6[1])),
    IF_OTHER(BPF_REG_2, 0, FOREIGN6),
    LOAD(BPF_REG_2, BPF_REG_6, FIELD(local_ip6[2])),
    LOAD(BPF_REG_3, BPF_REG_6, FIELD(local_ip6[3])),
    IF_OTHER(BPF_REG_2, 0xffff0000, NOT_MAPPED), // ::ffff:0:0/96
    AND(BPF_REG_3, 0xff),
    IF_EQUAL(BPF_REG_3, 127, PASS),
    GO(FOREIGN6),
    LABEL(NOT_MAPPED),
    IF_OTHER(BPF_REG_2, 0, FOREIGN6),
    IF_EQUAL(BPF_REG_3, 0x01000000, PASS), // ::1
    LABEL(FOREIGN6),
    SET(BPF_REG_8, TCP6),

    LABEL(REDIRECT),
    {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_8, .off = -4},
    {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD},
    {.code = 0},
    COPY(BPF_REG_2, BPF_REG_10),
    ADD(BPF_REG_2, -4),
    CALL_HELPER(BPF_FUNC_map_lookup_elem),
    IF_NULL(BPF_REG_0, PASS),
    COPY(BPF_REG_7, BPF_REG_0),
    COPY(BPF_REG_1, BPF_REG_6),
    COPY(BPF_REG_2, BPF_REG_0),
    SET(BPF_REG_3, 0),
    CALL_HELPER(BPF_FUNC_sk_assign),
    COPY(BPF_REG_1, BPF_REG_7),
    CALL_HELPER(BPF_FUNC_sk_release),

    LABEL(PASS),
    SET(BPF_REG_0, SK_PASS),
    RETURN,
};

#define LENGTH (sizeof source / sizeof *source)

static size_t assemble(int map, struct bpf_insn program[LENGTH]) {
    size_t places[LABELS - LABEL_BASE], length = 0;
    for (size_t i = 0; i < LENGTH; i++) {
        if (source[i].code == 0xff) places[source[i].imm - LABEL_BASE] = length;
        else program[length++] = source[i];
    }
    for (size_t i = 0; i < length; i++) {
        struct bpf_insn *instruction = &program[i];
        if (instruction->code == (BPF_LD | BPF_DW | BPF_IMM)) instruction->imm = map;
        if (instruction->off >= LABEL_BASE) instruction->off = (int16_t) (places[instruction->off - LABEL_BASE] - i - 1);
    }
    return length;
}

static int load(int map) {
    static char log[16 * KIB];
    struct bpf_insn program[LENGTH];
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SK_LOOKUP, .expected_attach_type = BPF_SK_LOOKUP,
        .insns = (uintptr_t) program, .insn_cnt = (uint32_t) assemble(map, program), .license = (uintptr_t) "",
        .prog_name = "belljar"};
    int descriptor = bpf(BPF_PROG_LOAD, &attributes);
    if (descriptor >= 0) return descriptor;
    attributes.log_buf = (uintptr_t) log;
    attributes.log_size = sizeof log;
    attributes.log_level = 1;
    bpf(BPF_PROG_LOAD, &attributes);
    // What is wrong is told at the end.
    size_t length = strlen(log);
    say("bpf: %s", log + (length > 300 ? length - 300 : 0));
    return descriptor;
}

int intercept(int tcp4, int tcp6, int udp) {
    int map = make_map((const int[SOCKETS]) {[TCP4] = tcp4, [TCP6] = tcp6, [UDP] = udp});
    if (map < 0) return map;
    int program = load(map);
    if (program < 0) return program;
    int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (network < 0) return -errno;
    union bpf_attr attributes = {.link_create = {.prog_fd = (uint32_t) program, .target_fd = (uint32_t) network,
        .attach_type = BPF_SK_LOOKUP}};
    // The link holds as long as its descriptor is open, which is for good.
    int link = bpf(BPF_LINK_CREATE, &attributes);
    return link < 0 ? link : 0;
}
