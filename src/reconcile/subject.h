/*
 * One resource under the controller: what is kept of it from plan to plan, and how its plans are carried out, in the
 * central cluster and in its own. Only for files of the controller.
 */
#ifndef RECONCILE_SUBJECT_H
#define RECONCILE_SUBJECT_H

#include <sys/queue.h>

#include "reconcile/actor.h"
#include "reconcile/connection.h"
#include "reconcile/inquiry.h"

struct subject;
TAILQ_HEAD(subject_list, subject);

/* What all resources work with; borrowed. */
struct subject_setup {
    struct net_io *io;
    struct kube_cluster *cluster; /* the central one */
    const struct kube_kind_table *objects;
    struct connection_setup connections;
    struct kube_gate gate;
    const struct query_sender *queries, *dry_runs; /* see inquiry_new() */
    /* The resource has to be planned. Never from inside a function of the subject but subject_plan(). */
    void (*due)(void *context, struct subject *s);
    void *context;
};

/* A kind of resource, and the last observation for all of its resources. */
struct subject_kind {
    const struct reconciler *reconciler;
    const struct kube_kind *kind;
    const struct kube_kind *credentials; /* the view of Secrets; NULL: none */
    const struct on_demand *watches;     /* of the central cluster */
    void *shared;
    uint64_t version; /* of `shared` */
    unsigned synced;  /* of the watches that the kind needs */
};

struct subject {
    struct subject_setup *setup;
    const struct subject_kind *kind;
    char *ns, *name;
    void *memo;
    struct events *events;
    struct actor *central, *remote; /* `remote` exists with `cluster` */
    struct connection *connection;  /* NULL: its kind has no clusters of its own */
    struct kube_cluster *cluster;   /* the connection's, for which `remote` was made */
    struct inquiry *inquiry;        /* NULL: no plan has asked a query */
    struct net_timer *timer;        /* to plan again */
    unsigned watch;                 /* of the central cluster, as the last plan asks for */
    bool connect;                   /* as the last plan says */
    const char *warned;             /* logged last */
    struct map *told;               /* the texts of the last plan's events; NULL: it had none */
    /* What was observed when it was planned last. */
    struct {
        char *resource, *secret;
        uint64_t version;
        unsigned synced;
        bool held; /* a write of the resource or its Secret was under way, or one failed: it is owed */
    } seen;

    /* For the holder of the subjects alone. */
    TAILQ_ENTRY(subject) due_link, held_link;
    bool is_due, is_held;
    bool is_read_first; /* before the next plan */
};

struct subject *
subject_new(struct subject_setup *setup, const struct subject_kind *kind, const struct kube_object *resource);
void subject_free(struct subject *s);

/* Of a cluster, without what an actor adds. */
struct plan_input subject_input(const struct subject_setup *setup, struct kube_cluster *cluster, unsigned synced);
/* Plans the resource, and carries the plan out. */
void subject_plan(struct subject *s, const struct kube_object *resource);
/* Whether something that it depends on in the central cluster is not as when it was planned last. */
bool subject_is_behind(const struct subject *s, const struct kube_object *resource);
/* The same of a kind without shared_version. */
bool subject_is_concerned(const struct subject *s, const struct kube_object *resource);
/* A write in its own cluster is under way. */
bool subject_is_writing_remotely(const struct subject *s);

#endif
