// Users and groups as /etc/passwd and /etc/group have them now.
#pragma once

#include "agent.h"

#define GROUPS_LIMIT 256

struct identity {
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[GROUPS_LIMIT]; // supplementary, without gid
    char home[4096];
};

/** A name, or `uid:gid`; 0 or EINVAL. */
int identity_of_user(const char *user, struct identity *);

/** A user by number with its primary group (of the same number where the user is unknown). */
void identity_of_uid(uid_t uid, struct identity *);

/** Does file operations as that user until identity_leave(); for root nothing needs to change. */
void identity_enter(uid_t uid);
void identity_leave(void);
