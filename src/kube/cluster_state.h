/*
 * What the parts of the cluster share: the state of all of them, and what each does for those above it. No other file
 * includes this.
 *
 *   cluster.c            the turn of a cluster: what the owner is notified of, and when to requeue
 *   cluster_fetch.c      single objects that are read, and the answers to actions
 *   cluster_discovery.c  what is served; whether the server can be reached
 *   cluster_verify.c     whether the watches can be trusted, and what follows if the server's versions went backwards
 *   cluster_watch.c      watches: their calls, and their events into the cache
 *   cluster_size.c       how much is held of a cluster, and whether it is too much
 *   cluster_state.c      what the parts report: a heartbeat, an outage, a doubt
 *
 * Each uses those below it in this list. What concerns one above it, it reports: the turn has every part look.
 *
 * Callbacks of calls only pass what arrived to their state machine, and request a turn; everything that follows happens
 * in the turn, so that the owner's callbacks run only from there, and once.
 */
#ifndef KUBE_CLUSTER_STATE_H
#define KUBE_CLUSTER_STATE_H

#include <sys/queue.h>

#include "kube/cluster.h"
#include "kube/watch.h"

/* Whether the cached state of a kind is trusted. */
enum kube_doubt {
    KUBE_BELIEVED,
    KUBE_DOUBTED, /* a list is desired that begins from now on */
    KUBE_ASKED,   /* it is under way */
};

/* A row's watch. */
struct kube_slot {
    struct kube_cluster *cluster;
    const struct kube_kind *kind;
    bool on;                    /* it is requested */
    char *ns, *labels, *fields; /* what is watched; NULL: all */
    struct kube_watch *watch;   /* NULL: the row is not one of this cluster's; then it is never on nor served */
    struct net_call *call;
    bool opened;    /* once, since the start */
    msec_t rests;   /* until then it is not watched, because it is not needed; MSEC_NEVER: it does not rest */
    unsigned lists; /* begun */
    enum kube_doubt doubt;
    char *definition; /* the version that a definition in the cache serves; NULL: there is none */
    bool withdrawn;   /* there was one: what discovery said since may have been too soon */
    int64_t asked;    /* the watch's version when the newest one was asked for; 0: it is not compared */
    bool suspected;   /* the newest version of another kind is older: this kind is asked for itself */
    unsigned refused; /* in a row: the server did not give the newest version of this kind */
};

/* How often something that costs much is done, for what happens again and again. */
struct kube_pace {
    msec_t after;   /* not sooner */
    unsigned times; /* in a row */
};

struct kube_question;
struct kube_fetch;

struct kube_cluster {
    struct net_io *io;
    struct net_io *own_io;     /* NULL: borrowed */
    struct net_client *client; /* NULL: none */
    const struct kube_kind_table *kinds;
    struct kube_cluster_options options;
    struct kube_cluster_events events;
    struct kube_cache *cache;
    struct kube_queue *queue;
    struct net_timer *timer;
    struct kube_cluster_stats stats;
    struct kube_slot *slots; /* one a row */
    size_t first_slot;       /* of the next turn, so that no kind starves another */
    enum kube_cluster_phase phase;
    bool started, changed;
    msec_t count_due; /* when a change of objects that are kept as a digest is reported; MSEC_NEVER: there is none */
    char *error;      /* of the connection and of discovery; NULL: none */
    enum err_class error_class; /* of `error` */
    char *told_error;           /* what kube_cluster_error() says */
    bool waits;                 /* it says what is waited for, and nothing failed */
    msec_t error_since;
    msec_t last_contact;
    msec_t turn_due; /* when the next turn was due, as the last one left it; MSEC_NEVER: not */

    struct kube_server server;
    bool known; /* `server` is filled */

    /* What each part keeps. Another one writes there only to report (cluster_state.c). */
    struct {
        bool lost; /* the server could not be reached */
        msec_t probe_due;
        unsigned failures;
        struct net_call *probe;
    } reach;
    struct {
        struct kube_discovery *documents; /* NULL: none are read */
        bool of_all;                      /* they are of all kinds, not of custom ones alone */
        bool next_of_all;                 /* the next ones */
        bool doubted;                     /* by another part */
        LIST_HEAD(, kube_question) questions;
        unsigned failures, polls;
        msec_t due; /* MSEC_NEVER: not */
    } discovery;
    struct {
        struct net_call *call;    /* NULL: none is under way */
        struct kube_slot *slot;   /* the kind that it asks for */
        msec_t after;             /* not sooner */
        unsigned failures;        /* in a row */
        bool hinted;              /* another part saw a version that is too old */
        msec_t hint_after;        /* hints are not followed sooner */
        struct kube_pace rewinds; /* a restore that is seen sooner is not believed */
        bool rewound;             /* another part saw a list of an older history */
        struct kube_pace breaks;  /* of lists after a connection that broke */
        bool broken;              /* another part saw one */
        msec_t outage_due;        /* when all is listed again after an outage; MSEC_NEVER: not */
    } verify;
    struct {
        LIST_HEAD(, kube_fetch) all;
        msec_t reread_due; /* when unwatched objects are read again */
    } fetch;
    struct {
        char *error; /* it was too large, and was not read in full since then; NULL: it was not */
        msec_t due;  /* when it is read again; MSEC_NEVER: it is not delayed */
        msec_t at;
        unsigned times; /* in a row */
    } size;
};

static inline struct kube_slot *kube_slot_of(struct kube_cluster *c, const struct kube_kind *kind)
{
    return &c->slots[kind - c->kinds->rows];
}

static inline bool kube_cluster_has(const struct kube_cluster *c, const struct kube_kind *kind)
{
    return !c->options.roles || (kind->roles & c->options.roles);
}

/* cluster_state.c: a turn, soon. */
void kube_cluster_soon(struct kube_cluster *c);
/* An answer, or part of one, arrived. */
void kube_cluster_heard(struct kube_cluster *c);
/* Whether there was no answer at all: the connection is at fault. */
bool kube_is_unreachable(const struct net_response *response, const struct err *e);
/* The server cannot be reached. */
void kube_cluster_lost(struct kube_cluster *c, const struct err *e);
/* Of the connection, or of discovery. */
void kube_cluster_note_error(struct kube_cluster *c, const struct err *e);
/* Which custom kinds are served may not be what it was: it is checked again. */
void kube_cluster_doubt_discovery(struct kube_cluster *c);
/* Something hints that versions went backwards: the server is asked now, or some seconds after the last time. */
void kube_cluster_doubt_versions(struct kube_cluster *c);
/* They did: a list was of an older history. */
void kube_cluster_rewound(struct kube_cluster *c);
/* The connection of an open watch broke: it may be another server that answers from now on. */
void kube_cluster_broken(struct kube_cluster *c);

/* cluster_watch.c */
void kube_slots_init(struct kube_cluster *c);
void kube_slots_release(struct kube_cluster *c);
void kube_slots_read(struct kube_cluster *c);
void kube_slots_step(struct kube_cluster *c);
msec_t kube_slots_due(const struct kube_cluster *c);
void kube_slots_retry(struct kube_cluster *c);
/* Users create objects of this kind, and others may install its definition. */
bool kube_slot_is_of_users(const struct kube_slot *slot);
/* The server serves the kind in this version; NULL: in none. */
void kube_serve(struct kube_cluster *c, const struct kube_kind *kind, const char *version);
/* The version that is used for the kind has changed, or it is served again. */
void kube_slot_restart(struct kube_slot *slot);
void kube_slots_restart(struct kube_cluster *c);
/* An object of the kind was added or changed, or it was deleted (`object` NULL): definitions say what is served. */
void kube_slot_noticed(struct kube_slot *slot, const char *name, const json_t *object);

/* cluster_discovery.c */
void kube_discovery_step(struct kube_cluster *c);
msec_t kube_discovery_step_due(const struct kube_cluster *c);
void kube_discovery_release(struct kube_cluster *c);

/* cluster_verify.c */
void kube_verify_step(struct kube_cluster *c);
msec_t kube_verify_due(const struct kube_cluster *c);
void kube_verify_release(struct kube_cluster *c);
/* Whether there is a watch to verify; the answer is a heartbeat of the server, too. */
bool kube_verify_can_ask(const struct kube_cluster *c);
/* The answer to a write is such a hint where its version is far behind the watch's. */
void kube_verify_write(struct kube_slot *slot, const json_t *object);
/* The server's versions are older than what a watch has reported: everything is listed again. */
void kube_verify_rewound(struct kube_cluster *c);
/*
 * The server was unreachable, and answers again; or it is unknown what it did, because this process was stopped. Its
 * store may be an older one that has reached as many versions: everything is listed within half a minute.
 */
void kube_verify_outage(struct kube_cluster *c);
/* The oldest kube_watch_trusted() of what is watched; MSEC_NEVER: nothing is. `ret_slot` may be NULL. */
msec_t kube_watches_trusted(const struct kube_cluster *c, const struct kube_slot **ret_slot);

/* cluster_size.c */
/* More is held than kube_cluster_options.held_max. */
bool kube_size_is_over(const struct kube_cluster *c);
/* It was too large, and is not read for a while. */
bool kube_size_holds_up(const struct kube_cluster *c);
/* Looks, and says what has to follow. */
enum kube_size_step { KUBE_SIZE_AS_BEFORE, KUBE_SIZE_GIVE_UP, KUBE_SIZE_TRY_AGAIN };
enum kube_size_step kube_size_step(struct kube_cluster *c);

/* cluster_fetch.c */
void kube_fetches_release(struct kube_cluster *c);
void kube_reread_step(struct kube_cluster *c);
msec_t kube_reread_due(const struct kube_cluster *c);
void kube_cluster_action_done(void *context, const struct kube_action *action, const json_t *object,
                              const struct err *e);

#endif
