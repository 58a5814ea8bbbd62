#include "users.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TABLE_LIMIT MIB

// A file kept in memory as long as it is the same on disk.
struct table {
    const char *path;
    struct stat version;
    char *text;
    unsigned changes;
};

static struct table passwd = {.path = "/etc/passwd"}, group = {.path = "/etc/group"};

static bool same(const struct stat *one, const struct stat *other) {
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size
        && memcmp(&one->st_mtim, &other->st_mtim, sizeof one->st_mtim) == 0
        && memcmp(&one->st_ctim, &other->st_ctim, sizeof one->st_ctim) == 0;
}

static const char *text_of(struct table *table) {
    struct stat now;
    if (stat(table->path, &now) < 0 || !S_ISREG(now.st_mode) || now.st_size >= TABLE_LIMIT) return "";
    if (table->text && same(&now, &table->version)) return table->text;
    free(table->text);
    table->text = allocate((size_t) now.st_size + 2);
    if (read_file(table->path, table->text, (size_t) now.st_size + 2) < 0) table->text[0] = 0;
    table->version = now;
    table->changes++;
    return table->text;
}

// The next line, split at its colons; the count of its fields, or 0 at the end.
static int next_line(const char **text, char *line, size_t size, char *fields[7]) {
    if (!**text) return 0;
    size_t length = strcspn(*text, "\n");
    snprintf(line, size, "%.*s", (int) length, *text);
    *text += length + ((*text)[length] == '\n');
    int count = 0;
    while (line && count < 7) fields[count++] = strsep(&line, ":");
    for (int i = count; i < 7; i++) fields[i] = "";
    return count;
}

static bool number(const char *text, uint32_t *value) {
    char *end;
    if (*text < '0' || *text > '9') return false;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (*end || parsed >= UINT32_MAX) return false;
    *value = (uint32_t) parsed;
    return true;
}

static bool listed(const char *members, const char *name) {
    size_t length = strlen(name);
    while (*members) {
        size_t member = strcspn(members, ",");
        if (member == length && memcmp(members, name, length) == 0) return true;
        members += member + (members[member] == ',');
    }
    return false;
}

static void find_groups(const char *name, struct identity *identity) {
    static char line[64 * KIB];
    char *fields[7];
    const char *text = text_of(&group);
    gid_t gid;
    while (next_line(&text, line, sizeof line, fields)) {
        if (identity->group_count == GROUPS_LIMIT) return;
        if (number(fields[2], &gid) && gid != identity->gid && listed(fields[3], name)) {
            identity->groups[identity->group_count++] = gid;
        }
    }
}

// By name, or where it is NULL by uid.
static bool find(const char *name, uid_t uid, struct identity *identity) {
    char line[8192], *fields[7];
    const char *text = text_of(&passwd);
    uint32_t found;
    while (next_line(&text, line, sizeof line, fields)) {
        if (!number(fields[2], &found) || !number(fields[3], &identity->gid)) continue;
        if (name ? strcmp(fields[0], name) != 0 : found != uid) continue;
        identity->uid = found;
        identity->group_count = 0;
        snprintf(identity->home, sizeof identity->home, "%s", fields[5][0] == '/' ? fields[5] : "/");
        find_groups(fields[0], identity);
        return true;
    }
    return false;
}

void identity_of_uid(uid_t uid, struct identity *identity) {
    if (find(NULL, uid, identity)) return;
    identity->uid = uid;
    identity->gid = uid;
    identity->group_count = 0;
    strcpy(identity->home, "/");
}

int identity_of_user(const char *user, struct identity *identity) {
    char uid_text[16];
    uint32_t uid, gid;
    const char *colon = strchr(user, ':');
    if (!colon) return *user && find(user, 0, identity) ? 0 : EINVAL;
    if ((size_t) (colon - user) >= sizeof uid_text) return EINVAL;
    snprintf(uid_text, sizeof uid_text, "%.*s", (int) (colon - user), user);
    if (!number(uid_text, &uid) || !number(colon + 1, &gid)) return EINVAL;
    identity_of_uid(uid, identity);
    identity->gid = gid;
    return 0;
}

// The identity that the last file operation had, while the tables stay as they are.
static struct identity last;
static unsigned last_changes;

static void refresh(uid_t uid) {
    text_of(&passwd);
    text_of(&group);
    if (last.uid == uid && last_changes == passwd.changes + group.changes) return;
    identity_of_uid(uid, &last);
    last_changes = passwd.changes + group.changes;
}

static bool entered;

void identity_enter(uid_t uid) {
    if (uid == 0 || geteuid() != 0) return;
    refresh(uid);
    syscall(SYS_setgroups, last.group_count, last.groups);
    setfsgid(last.gid);
    setfsuid(uid); // takes the capabilities over files away as well
    entered = true;
}

void identity_leave(void) {
    if (!entered) return;
    int error = errno;
    setfsuid(0);
    setfsgid(0);
    syscall(SYS_setgroups, 0, NULL);
    entered = false;
    errno = error;
}
