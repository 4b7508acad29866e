/*
 * A kind of custom resource, as a row: what the controller runtime has to know about it.
 *
 * The runtime does once what every kind needs: finalizer, deletion until nothing is left, refusal of what is invalid,
 * pause, status and conditions, Events, retries, the watches and connections that a plan asks for, and when to plan. A
 * kind adds what it desires: pure functions of the world. A new kind is a folder with a row, and rows in other tables:
 * see "Where to add things" in ARCHITECTURE.md.
 *
 * One resource is reconciled so (reconciler.c):
 *
 *   begin, then for a resource that is being deleted and has the operator's finalizer
 *     leave    plans the removal, until it says that nothing is left; then the finalizer is removed. Where finalizers
 *              of other managers keep the resource even then, its status names them
 *   else
 *     review   is it valid, and is there something to wait for?
 *     plan     if it is valid and waits for nothing, and the finalizer is on the resource
 *     held     if it is refused or waits: what is done anyway. (A valid one without the finalizer only gets it.)
 *   status     adds the kind's own fields to the status that follows
 *   end
 */
#ifndef RECONCILE_RECONCILER_H
#define RECONCILE_RECONCILER_H

#include "api/resource.h"
#include "reconcile/on_demand.h"
#include "reconcile/query.h"
#include "reconcile/resource_writes.h"
#include "reconcile/rollout.h"
#include "reconcile/status.h"

/* How the API server of a resource's own cluster can be reached. Strings are borrowed. */
struct contact {
    const char *refused; /* why the kubeconfig cannot be used; NULL: it can, or there is none */
    const char *error;   /* what keeps the connection from its next phase, or went wrong last; "": nothing */
    msec_t error_age;    /* for how long */
    msec_t last;         /* wall: it answered; 0: never */
};

/* Everything that a plan may depend on, in addition to the resource. All borrowed. */
struct plan_world {
    const struct plan_input *central; /* the operator's own cluster */
    const struct plan_input *remote;  /* the resource's own cluster; NULL: none, or it is not synced */
    struct contact contact;           /* with the resource's own cluster */
    struct query_answers answers;     /* to the queries of the last plan */
    void *shared;                     /* what all resources of the kind share: see reconciler.shared_new */
};

/* What began, ended or failed, reported once for each text as long as plans have it. */
struct reconcile_event {
    const char *reason; /* of its Event; static */
    bool is_warning;
    char *text; /* owned */
};
enum { RECONCILE_EVENTS_MAX = 8 };

/* What is decided for one resource. */
struct reconcile_plan {
    struct plan central, remote;
    bool connect;           /* to the resource's own cluster, by reconciler.credentials */
    struct queries queries; /* whose answers are needed; the resource is planned again with each of them */
    /* A warning, reported once for each reason: the reason of its Event, and the text; static. */
    const char *warning_reason, *warning;
    struct reconcile_event events[RECONCILE_EVENTS_MAX];
    size_t event_count;
    msec_t again_after; /* requeue after this time without an event; MSEC_NEVER */
};

void reconcile_plan_release(struct reconcile_plan *plan);
/* Takes `text` over. Of more than RECONCILE_EVENTS_MAX the last ones are dropped. */
void reconcile_tell(struct reconcile_plan *plan, const char *reason, bool is_warning, char *text);

/* One resource while it is reconciled. */
struct reconcile {
    const struct reconciler *reconciler;
    const struct plan_world *world;
    const struct kube_object *object;
    json_t *resource; /* `object`, parsed */
    void *memo;       /* results of pure functions, kept from plan to plan; with an empty one the plan is the same */
    void *state;      /* reconciler.state_size bytes, zeroed, for this one plan */
    struct reconcile_plan *plan;
    struct planned_resource own; /* to write to the resource */

    /* What the functions of the row find out. */
    struct status_facts facts;
    struct err refusal;       /* for facts.refused to point to */
    struct rollouts rollouts; /* for facts.rollouts to point to; released with this */
    struct plan withheld;     /* writes that are not sent because the resource is paused */
    struct buf notice;        /* what the user should know, although all is well */
    char *waiting;            /* for facts.waits_for to point to; owned */
    bool is_unread;           /* what the status counts is not all read yet: it need not be written now */
    bool keeps_status;        /* the status stays as it was */
    bool is_news;             /* what the next plans go by is in the status: it is written with everything else */
    const char *removed;      /* why the finalizer is removed; static; NULL: everything was deleted */
};

/* The resource is looked at again after this time, or earlier. */
void reconcile_requeue(struct reconcile *r, msec_t after);
/* The same while one of these watches of the central cluster is not synced: no event tells that a list fails. */
void reconcile_await_lists(struct reconcile *r, unsigned watches);

/*
 * What is known around a resource that is reviewed before it is in the cluster, or without any. All borrowed; zero is
 * not known, and then nothing is refused for it.
 */
struct check_context {
    int minor;                         /* of the Kubernetes 1.x that gets its objects */
    const char *const *versions;       /* those that it speaks, for each row of the kinds */
    const char *ns, *name;             /* of the resource, where its metadata has none */
    const struct kube_cache *observed; /* the central cluster, where the resource is or is to be */
    bool is_new;                       /* it is to be created there, and held against the resources that exist */
    const json_t *mesh;                /* the resource of the mesh that it joins, where it is not in `observed` */
};

struct reconciler {
    const struct api_resource *resource;
    size_t kind; /* the place of its row in the table of kinds */

    /*
     * The watches that are on only while a plan asks for them: the bits of plan.watch and plan_input.synced are those
     * of this table. Kinds may share a table. A kind of object is in one table at most, because it has one watch. NULL:
     * none.
     */
    const struct watch_table *watches;
    /* Those of the central cluster that are on while a resource exists, and synced before a plan. */
    unsigned watch;
    /*
     * The namespace of the table's watches of one namespace, borrowed; NULL: none. Of the rows with the table, in
     * order, the first that names one decides: a kind whose resources are elsewhere cannot use such watches. May be
     * NULL.
     */
    const char *(*watch_namespace)(const struct kube_cache *observed);

    /* May be NULL: there is no memo. */
    void *(*memo_new)(void);
    void (*memo_free)(void *memo); /* accepts NULL */

    /*
     * A snapshot of the central cluster that all resources of the kind share, brought up to date before they are
     * planned; and a number that grows with every change of what a resource may depend on. All NULL: none, and each
     * resource is planned at every change of the central cluster. With the number, none is planned because that cluster
     * was listed again: who asks it for that (plan_is_relisted()) sets again_after.
     */
    void *(*shared_new)(void);
    void (*shared_free)(void *shared);
    void (*shared_update)(void *shared, const struct plan_input *central);
    uint64_t (*shared_version)(const void *shared);
    /* Whether anything can be said yet; NULL: it can. */
    bool (*is_ready)(const void *shared);

    /*
     * Without such a number: whether something may have changed in the central cluster, since the last plan with this
     * memo, that the resource depends on besides itself. Asked at every change there, of every resource: it has to cost
     * little. Where it says no, the resource is planned when it changes itself, when an answer comes and when
     * again_after is over. NULL: any change may.
     */
    bool (*is_concerned)(void *memo, const struct plan_input *central);

    /*
     * The kind in whose objects the one with the resource's name, in its namespace, is the Secret with the kubeconfig
     * of the resource's own cluster: its row's place. 0: there are no such clusters.
     */
    size_t credentials;
    /* Whether objects of the kind are desired in that cluster, or may be; NULL: they are. */
    bool (*needs)(const void *memo, const struct kube_kind *kind);

    /*
     * All that is wrong with a resource, by the rules of review() and plan(): what admission, `validate`, `render` and
     * `diff` say. Where the context allows it the objects are built, so that overlays are tried, and appended to
     * `ret_objects` (NULL: they are not asked for) if there is no error. Every row has it.
     */
    void (*check)(
        const json_t *resource, const struct check_context *context, json_t *ret_objects, struct problems *problems);

    /* Another operator created it here: it is not reconciled. May be NULL. */
    bool (*is_foreign)(const json_t *resource);

    size_t state_size;
    void (*begin)(struct reconcile *r); /* may be NULL */
    /* Sets facts.refused or facts.waits_for; neither: it can be planned. */
    void (*review)(struct reconcile *r);
    void (*plan)(struct reconcile *r);
    void (*held)(struct reconcile *r); /* may be NULL */
    /*
     * True where nothing is left and plan_is_relisted() confirms it: the runtime then removes the finalizer
     * immediately. Sets facts.leftovers.
     */
    bool (*leave)(struct reconcile *r);
    /* False: the status need not be written. May be NULL. */
    bool (*status)(struct reconcile *r, json_t *status);
    void (*end)(struct reconcile *r); /* may be NULL */
};

/*
 * The decision for one resource. Pure. False: nothing can be decided yet, and all stays as it is, including the
 * connection. `ret` is to be released in either case.
 */
bool reconcile_resource(
    const struct reconciler *reconciler, const struct plan_world *world, const struct kube_object *object, void *memo,
    struct reconcile_plan *ret);

/*
 * The plans in the central cluster of all resources of a kind, as one, with empty memos: for callers without a
 * controller.
 */
void reconcile_all(const struct reconciler *reconciler, const struct plan_input *central, struct plan *ret);

/* Where writes go, by whether the resource is paused: into `plan`, or to be withheld. */
struct plan *reconcile_writes(struct reconcile *r, struct plan *plan, bool paused);
/* The facts that follow from what was planned into reconcile_writes(), and the plan's numbers. */
void reconcile_conclude(struct reconcile *r, struct plan *plan, bool paused);

#endif
