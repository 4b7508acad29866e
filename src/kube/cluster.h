/*
 * One API server with its client, discovery, watches, cache and apply queue.
 *
 * The owner gives a table of kinds and is notified when something changed; it reads the
 * cache and puts actions. A watch of a custom kind starts when its definition is
 * established and served. A failure stays within its cluster: back-off, caps and errors belong to one.
 *
 * The answers to actions go into the cache before action_done runs. While the server
 * cannot be reached one request after another asks for /version, nothing else is sent,
 * and what is put waits; then watches go on from where they were, and within half a minute
 * everything is listed once more, in case that the server came back with an older store.
 * That is done, too, when the connection of a watch broke and the next one was there immediately (where that happens
 * again and again, at most every ten minutes), and when this process was stopped.
 *
 * Watches are verified: where one has heard nothing for half a minute, the server is asked for its
 * newest resource version (a list of one object). If that is older than what a watch has reported, the store was
 * restored to an older state, and everything is listed again; not more often than every half a minute, later every ten
 * minutes, where a server reads from stale stores.
 *
 * A server that needs more than held_max is dropped with all its objects, and read again after growing delays; until it
 * was read in full, kube_cluster_error() says what is too much.
 *
 * Custom kinds: a definition in the cache that is established makes its kind served, and so does
 * the server's discovery. Where neither does, the kinds that users write (KUBE_WATCH_ALL, KUBE_WATCH_NAMESPACE) are
 * asked for every now and then (1 s, later 30 s); those that only the operator writes (KUBE_WATCH_OWNED) wait for their
 * definition to come into the cache. A write to a kind that is just established may still be answered by NotFound: it
 * is tried again like any failure.
 */
#ifndef KUBE_CLUSTER_H
#define KUBE_CLUSTER_H

#include <event2/event.h>

#include "kube/cache.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "kube/queue.h"

struct kube_cluster;

struct kube_cluster_events {
    /*
     * The cache, the server's kinds or the state of the watches changed. Many changes in one turn may be reported once;
     * those of objects that are kept as a digest are reported once a second.
     */
    void (*changed)(void *context);
    kube_action_done_fn action_done;
    void *context;
};

struct kube_cluster_options {
    const char *owner_label; /* key; watches of KUBE_WATCH_OWNED select by its presence */
    const char *namespace;   /* of KUBE_WATCH_NAMESPACE */
    unsigned roles;          /* the rows it has: those that share a bit with it (kube_kind.roles); 0: all */
    struct net_client_options client;
    struct kube_queue_options queue;
    /*
     * After this long without any answer the server is asked for its newest version, or for /version where nothing is
     * watched, and counts as lost where it does not answer: a server that hangs leaves its connections open. 0: only
     * watches notice silence.
     */
    msec_t probe_after, probe_timeout; /* the second one 0: as of any request */
    msec_t verify_after;               /* a watch that heard nothing this long is verified; 0: 30 s */
    msec_t watch_silence;              /* a watch without a byte this long is opened again; 0: as kube/watch.h says */
    int page_size;                     /* of lists, at most; 0: 500; smaller where objects are large */
    size_t held_max;                   /* bytes of memory: of what is in the cache or waits to go there; 0: no limit */
};

enum kube_cluster_phase {
    KUBE_CLUSTER_CONNECTING, /* no answer yet */
    KUBE_CLUSTER_SYNCING,    /* lists are under way */
    KUBE_CLUSTER_SYNCED,     /* every watch that could run has listed once; it stays so, unless */
    KUBE_CLUSTER_TOO_LARGE,  /* more arrived than held_max; the next phase is KUBE_CLUSTER_SYNCED */
    KUBE_CLUSTER_PHASE_LAST = KUBE_CLUSTER_TOO_LARGE,
};

struct kube_cluster_stats {
    uint64_t watch_restarts, lists, watch_events;
    uint64_t watch_failures;  /* lists, watches and connections that failed */
    uint64_t version_rewinds; /* times that the server's versions were found to have gone backwards */
    uint64_t verifications;   /* requests for the newest version, by which watches are trusted */
    size_t watches_open, watches_wanted;
};

int kube_cluster_new(struct event_base *loop, const struct kube_config *config, const struct kube_kind_table *kinds,
                     const struct kube_cluster_options *options, const struct kube_cluster_events *events,
                     struct kube_cluster **ret, struct err *e);
/* The same on any io (a simulation's), which is borrowed; there is no kube_cluster_client(). */
struct kube_cluster *kube_cluster_new_on(struct net_io *io, const struct kube_kind_table *kinds,
                                         const struct kube_cluster_options *options,
                                         const struct kube_cluster_events *events);
/* Not from inside one of its callbacks. */
void kube_cluster_free(struct kube_cluster *c);
DEFINE_CLEANUP(struct kube_cluster *, kube_cluster_free)
#define _cleanup_kube_cluster_ _cleanup_(kube_cluster_free_p)
void kube_cluster_start(struct kube_cluster *c);

enum kube_cluster_phase kube_cluster_phase(const struct kube_cluster *c);
/* What keeps it from the next phase or what went wrong last; "" where nothing did. */
const char *kube_cluster_error(const struct kube_cluster *c);
/* The class of that error, where the connection or discovery failed; else ERR_UNAVAILABLE. */
enum err_class kube_cluster_error_class(const struct kube_cluster *c);
/* The same where something went wrong; "" also where lists are only waited for. */
const char *kube_cluster_failure(const struct kube_cluster *c);
/* Monotonic: since when kube_cluster_error() is not empty, whatever it said since; MSEC_NEVER: it is empty. */
msec_t kube_cluster_error_since(const struct kube_cluster *c);
/* Monotonic; 0: never. */
msec_t kube_cluster_last_contact(const struct kube_cluster *c);
/*
 * How long ago the watch that heard least was last known to be up to date: it brought something, or the server's newest
 * version showed that it misses nothing. A watch that is closed grows older; one that is open and quiet is verified
 * after half a minute. 0 where nothing is watched. `ret_kind` gets the watch's kind, or NULL.
 */
msec_t kube_cluster_watch_age(const struct kube_cluster *c, const struct kube_kind **ret_kind);
/*
 * Older state is not relied on: kube_cluster_error() says so, and the operator is not ready. A connection that is lost
 * and opened again takes less.
 */
#define KUBE_LISTENING_MOST SECONDS(60)

/* NULL while connecting. */
const struct kube_server *kube_cluster_server(const struct kube_cluster *c);
struct kube_cache *kube_cluster_cache(struct kube_cluster *c);
struct kube_queue *kube_cluster_queue(struct kube_cluster *c);
struct net_client *kube_cluster_client(struct kube_cluster *c);
const struct kube_kind_table *kube_cluster_kinds(const struct kube_cluster *c);
/* The io that it runs on: for other users of that io. */
struct net_io *kube_cluster_io(struct kube_cluster *c);
const struct kube_cluster_stats *kube_cluster_stats(const struct kube_cluster *c);

/*
 * Reads one object and puts it into the cache (or removes it where it was deleted): for objects that the label watch
 * cannot see, when a create found that they exist. `changed` follows. The cluster does so itself after a write that
 * failed because the cache was behind: AlreadyExists, Conflict, and NotFound of an update. Every ten minutes it also
 * reads again the objects that matter (kube_object.matters) and that the label watch does not see.
 */
void kube_cluster_fetch(struct kube_cluster *c, const struct kube_kind *kind, const char *ns, const char *name);
/* Such a read is under way; `changed` follows at its end, also where it failed. */
bool kube_cluster_is_fetching(const struct kube_cluster *c, const struct kube_kind *kind, const char *ns,
                              const char *name);

/*
 * A watch that runs only while it is requested; the kind's row must have KUBE_WATCH_NONE and be one of the
 * cluster's (for others nothing happens). Switched off, its objects leave the cache. `ns` NULL is every namespace;
 * selectors may be NULL. One per kind: switched on with other arguments, it begins again with them.
 */
void kube_cluster_watch(struct kube_cluster *c, const struct kube_kind *kind, const char *ns,
                        const char *label_selector, const char *field_selector, bool on);
/*
 * An owned kind (KUBE_WATCH_OWNED) that is not `needed`, and of which no object exists, is not watched but listed every
 * ten minutes. It counts as synced meanwhile: an object of it can then only come from a request that was long under
 * way.
 */
void kube_cluster_need(struct kube_cluster *c, const struct kube_kind *kind, bool needed);
/*
 * Lists again every kind that is watched, or rests: a watch may have fallen silent, and that is noticed only after
 * minutes. Until kube_cluster_is_relisted() what was known before stays.
 */
void kube_cluster_relist(struct kube_cluster *c);
bool kube_cluster_is_relisted(const struct kube_cluster *c);
/*
 * Whether a kind's watch (such a one, or any other) is on and its list has arrived, so that an object that is not in
 * the cache does not exist, as far as the watch selects.
 */
bool kube_cluster_watch_synced(const struct kube_cluster *c, const struct kube_kind *kind);
/* Its watch is on and not synced, as its list failed last: the server refuses it, or does not answer. */
bool kube_cluster_watch_fails(const struct kube_cluster *c, const struct kube_kind *kind);

#endif
