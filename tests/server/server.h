/*
 * A Kubernetes API server in memory: a state machine over requests, without I/O. The simulation, the unit tests (sim.h)
 * and, over HTTP/2, virtual clusters (tests/apiserver) use it. The same cases are run against this server and a real
 * one: tests/conformance.
 *
 * What it models, and where:
 *
 *   server.c    paths, answers and Status bodies, discovery, lists in pages with tokens that expire, metadata alone
 *   store.c     resourceVersion, uid and generation; conflicts; the subresource status; finalizers and deletion with
 *               preconditions; namespaces that end; history that is compacted or put back; who wrote what
 *   defaults.c  what the server fills in, drops and refuses, kind by kind; schemas of custom kinds
 *   stream.c    watches: from a version, with bookmarks, 410 in the answer or in the stream, selectors, time-outs
 *   selector.c  label and field selectors
 *   net.c, net_watch.c  one client's way to it (a net_io) and all that goes wrong there
 *   controllers.c       what a cluster does by itself; its workloads, nodes and Istio's programs are in files beside it
 *
 * It does not model: dry runs, admission (net.h has a hook), rights, patches other than merge patches, and conversion
 * between versions.
 *
 * Built-in kinds are the rows of the table that the release serves, and those that federation, leases and Events need.
 * Custom kinds are served when server_serve() says so; deciding that is up to the controllers (controllers.h).
 *
 * Sources: "Kubernetes API Concepts", "API conventions", and answers of a real 1.20 server.
 */
#ifndef TESTS_SERVER_SERVER_H
#define TESTS_SERVER_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "kube/kind.h"
#include "kube/request.h"
#include "rng.h"
#include "sched.h"

/* Who writes. */
enum who { WHO_OPERATOR, WHO_CLUSTER, WHO_HUMAN };

/* A change of one object, as watches see it. */
struct change {
    int64_t version;
    bool removed;
    json_t *object, *before; /* `before` NULL: it was not there */
};

/* A kind that is served. */
struct collection {
    char *group, *plural, *kind;
    char **versions; /* served ones, the storage version last */
    bool namespaced, custom, has_status;
    bool gone;           /* no longer served */
    size_t streams;      /* that are open on it */
    int64_t since;       /* version at which it came to be served; what was before is not remembered */
    json_t *schema;      /* unknown fields are dropped by it and defaults set; NULL: none */
    struct map *objects; /* "namespace/name" -> json_t without apiVersion and kind */
    struct change *changes;
    size_t change_count, change_cap;
    uint64_t dropped; /* changes that were forgotten */
};

struct server;
struct shared;

typedef void (*server_observer_fn)(void *context, enum who who, const struct collection *kind, const json_t *before,
                                   const json_t *after);

/* Simulated time begins here on the server's wall clock. */
#define SERVER_EPOCH SECONDS(1545000000)

/* A Kubernetes 1.`minor` that serves the table's built-in kinds and a few more; all pointers are borrowed. */
struct server *server_new(const struct kube_kind_table *kinds, int minor, struct rng *rng, const struct sched *sched);
void server_free(struct server *s);
int server_minor(const struct server *s);
/* No differences by chance: pages as long as asked for, and the ways of a 1.20 server. */
void server_set_calm(struct server *s);
/* Equal parts of objects are kept once, in `shared`, which is borrowed. */
void server_share(struct server *s, struct shared *shared);
/* Told of every write that changed something. */
void server_observe(struct server *s, server_observer_fn observer, void *context);
/* What webhooks make of a new Pod; false: it is refused. Asked for every one that comes by a request. */
typedef bool (*server_admit_fn)(void *context, const char *ns, json_t *pod);
void server_set_admission(struct server *s, server_admit_fn admit, void *context);
/* The highest version there is. */
int64_t server_version(const struct server *s);
/* Forgets what watches could go on from. */
void server_compact(struct server *s);
/* The same up to a version. */
void server_forget(struct server *s, int64_t version);
/*
 * A snapshot of the store, and the way back to it: objects, versions and what is served are as they were then, and what
 * watches could go on from is forgotten. Its uids and versions are given out once more. The observer is not told.
 * Streams that are open wait for versions of the future, or end where they were behind. False: there is no snapshot.
 */
void server_save(struct server *s);
bool server_put_back(struct server *s);
/* Other clients write, what nobody here reads, until this is the version. */
void server_catch_up(struct server *s, int64_t version);
/* While cold, custom kinds are not served yet, as in a server that has just started. */
void server_set_cold(struct server *s, bool cold);

/* --- requests --- */

struct answer {
    int status;
    char *body; /* owned by the caller */
};

/* Anything but a watch. */
struct answer server_handle(struct server *s, const struct net_request *request, enum who who);
/* A Status object as body. `retry_after` 0: without. */
struct answer server_refusal(int status, const char *reason, const char *message, int retry_after);

bool server_is_watch(const struct net_request *request);
struct stream;
/* A watch, or NULL with a refusal in *ret_refusal. */
struct stream *stream_open(struct server *s, const struct net_request *request, struct answer *ret_refusal);
void stream_free(struct stream *w);
/* Appends the lines of what happened since. False: the stream ends behind them. */
bool stream_read(struct stream *w, struct buf *lines);
/* Whether stream_read() would bring something. */
bool stream_has_more(const struct stream *w);
/* Appends a bookmark, where the release has them and the watch asked for them. */
void stream_bookmark(struct stream *w, struct buf *lines);
int stream_seconds(const struct stream *w); /* asked for; 0: no limit */

/* --- objects, for the cluster's controllers and for users --- */

/* NULL where it is not served. */
struct collection *server_find(struct server *s, const char *group, const char *plural);
/* for (size_t i = 0; (kind = server_next_kind(s, &i));) */
struct collection *server_next_kind(struct server *s, size_t *position);
/* Borrowed; NULL where it is not there. `ns` NULL: cluster scope. */
const json_t *server_get(const struct collection *kind, const char *ns, const char *name);
/* A served custom kind, from its definition; the schema is that of the definition. */
void server_serve(struct server *s, const json_t *definition, const char *const *versions);
void server_unserve(struct server *s, const char *group, const char *plural);

/* What came of a write: 200 or 201 with the object, or a refusal. */
struct outcome {
    int status;
    const char *reason; /* NULL on success */
    char message[256];
    json_t *object; /* as it is now, or was when it was removed; owned; NULL after a refusal */
    bool removed;
};
void outcome_release(struct outcome *o);
#define _cleanup_outcome_ _cleanup_(outcome_release)

struct outcome server_create(struct server *s, enum who who, struct collection *kind, const char *ns,
                             const json_t *object);
/* The same of the operator's, as a dry run: nothing is stored. */
struct outcome server_try_create(struct server *s, struct collection *kind, const char *ns, const json_t *object);
/* `subresource` NULL or "status". Without a resourceVersion in `object` it is not checked. */
struct outcome server_update(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name,
                             const char *subresource, const json_t *object);
/* `options` is a DeleteOptions; NULL: none. */
struct outcome server_delete(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name,
                             const json_t *options);
/*
 * What tests find or make in the store, without the rules of requests: `object` replaces what is there, whatever its
 * status and metadata say (the uid and the version are the server's), and no finalizer keeps what is erased.
 */
void server_put(struct server *s, enum who who, struct collection *kind, const char *ns, const json_t *object);
void server_erase(struct server *s, enum who who, struct collection *kind, const char *ns, const char *name);
/* RFC 7386. */
void server_merge_patch(json_t *target, const json_t *patch);

#endif
