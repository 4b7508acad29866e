/*
 * Who may read: asks the API server which user a bearer token belongs to (TokenReview) and whether that user may get a
 * path (SubjectAccessReview of a non-resource URL). Source: "Authentication and Authorization" in the Kubernetes API
 * reference.
 *
 * Answers are kept for a short time, by the token's hash and never by the token; their number is bounded, and so is the
 * number of questions under way.
 */
#ifndef SERVE_ACCESS_H
#define SERVE_ACCESS_H

#include "kube/client.h"
#include "net/http_head.h"

/* How long a yes and a no are kept. */
#define ACCESS_YES_KEPT SECONDS(60)
#define ACCESS_NO_KEPT SECONDS(10)

struct access;

/* The client is borrowed. */
struct access *access_new(struct net_client *client);
/* What is under way is answered with 503. */
void access_free(struct access *a);

/* An HTTP status: 200 may read, 401 unknown, 403 may not, 503 cannot be said now. `why` is for the one who asked. */
typedef void (*access_done_fn)(void *context, int status, const char *why);

/* May the client with this Authorization header get `path`? `done` runs once, now or later. */
void access_check(
    struct access *a, struct http_span authorization, const char *path, access_done_fn done, void *context);

#endif
