/*
 * Servers of webhooks and alerts, by a process of its own on a loopback address: it keeps what is posted to it.
 */
#ifndef TESTS_CLUSTER_LISTENER_H
#define TESTS_CLUSTER_LISTENER_H

#include <jansson.h>
#include <stdatomic.h>
#include <sys/types.h>

enum { LISTENER_POSTS = 128 };

/* Shared by both processes. */
struct listener {
    pid_t process;
    int port;
    _Atomic int gate; /* the status that posts to /gate are answered with, 403 at first; others get 200 */
    _Atomic int count;
    struct listener_post {
        char path[64], body[2048];
    } posts[LISTENER_POSTS]; /* the first ones */
};

struct listener *listener_start(void);
void listener_end(struct listener *l);
/* The posts to a path so far: documents in their order, owned by the caller. */
json_t *listener_posts(const struct listener *l, const char *path);

#endif
