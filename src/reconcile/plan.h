/*
 * The one decision function: what to do now, from what is observed.
 *
 * Pure: no clock, no I/O, no randomness, no globals. Everything it knows comes in
 * as `struct plan_input`; everything it decides goes out as `struct plan`. Planning
 * again on the state that a plan's actions lead to finds nothing to do.
 *
 * The memo holds results of pure functions so that a plan costs in proportion
 * to what changed; with an empty memo the plan is the same, only slower.
 */
#ifndef RECONCILE_PLAN_H
#define RECONCILE_PLAN_H

#include "base/clock.h"
#include "kube/cluster.h"
#include "reconcile/desired.h"

/* A write that failed, or was accepted and changed nothing, with no other successful write of the object since. */
struct plan_failure {
    enum err_class class;
    enum kube_verb verb;
    char *object; /* object_key(); owned by the holder of the failure */
    char *text;
};

struct plan_input {
    msec_t now; /* wall */
    const struct kube_server *server;
    struct kube_cache *observed; /* written to only in the memos of its objects */
    /* The bits of plan.watch whose list has arrived. */
    unsigned synced;
    /* Of the others, those whose list failed last: it may never arrive. No event tells of it: look again. */
    unsigned failing;
    /* How the last write of this object (object_key()) failed, if that was one with this verb. May be NULL. */
    const struct plan_failure *(*failure)(const void *context, enum kube_verb verb, const char *object);
    /* Whether a write of this object is under way; then no other write is planned. May be NULL. */
    bool (*busy)(const void *context, const struct kube_kind *kind, const char *ns, const char *name);
    /* Whether this write failed before and is held back now: it is not planned. May be NULL. */
    bool (*held)(const void *context, const struct kube_action *action);
    /* Whether a create that was decided for the resource is under way. May be NULL. */
    bool (*creating)(const void *context);
    const void *queue_context;
    /* The plan is shown and not sent: it has every action, also those that would wait for other objects. */
    bool preview;
};

/*
 * Bits of plan.watch and plan_input.synced. A table gives the bits of watches that are on only while a plan asks for
 * them (reconcile/on_demand.h). This one is a request: list all that is observed once more, after the first plan that
 * asks for it.
 */
#define PLAN_RELISTED (1u << 31)

/* What an action means to users: the reason of its Event. */
#define PLAN_MEANINGS(X)                                                                                               \
    X(CREATED, "Created", "created")                                                                                   \
    X(CHANGED, "Changed", "changed")                                                                                   \
    X(HEALED, "Healed", "healed")                                                                                      \
    X(ADOPTED, "Adopted", "adopted")                                                                                   \
    X(REMOVED, "Removed", "removed")                                                                                   \
    X(RESTARTED, "Restarted", "restarted")                                                                             \
    X(FOLLOWED, "Followed", "followed") /* addresses of Pods change often: no Event */                                 \
    X(BOOKKEEPING, "Noted", "noted")    /* the resource's own status and finalizer: no Event */

enum plan_meaning {
#define X(id, reason, word) PLAN_##id,
    PLAN_MEANINGS(X)
#undef X
};

/* Why an object is not as the resource asks. The last ones are stuck: only another client or time can help. */
enum drift_cause {
    DRIFT_WAITS,   /* its write is sent, under way, or waits for such of other objects; or it is being deleted */
    DRIFT_NEEDS,   /* its write waits for an object that is stuck, so it is stuck as well */
    DRIFT_FAILED,  /* its last write failed, and may succeed later */
    DRIFT_HELD,    /* it is being deleted, and the finalizer of another manager holds it */
    DRIFT_REFUSED, /* its last write was refused: the user has to change something */
    DRIFT_CAUSE_LAST = DRIFT_REFUSED,
};

/* At most this many of a cause are kept by name; all are counted. */
#define DRIFT_NAMED_MAX 10

struct drift {
    enum drift_cause cause;
    char *object; /* object_key(); owned */
    char *text;   /* owned */
};

struct plan {
    struct kube_action *actions; /* their tag is the enum plan_meaning */
    size_t len, cap;
    size_t drift; /* desired objects that are not in place, and objects to delete: sent, under way or held back */
    size_t causes[DRIFT_CAUSE_LAST + 1]; /* the same by their causes */
    struct drift *drifts;                /* the named ones */
    size_t drift_len, drift_cap;
    size_t unseen;      /* of the drift: not observed, and being created or found to exist without the owner label */
    size_t ignored;     /* objects that are left alone: the user annotated them, or they are of a newer release */
    size_t newer;       /* of those, the ones of a newer release; the first of them is */
    char *newest;       /* object_key(); owned */
    size_t inherited;   /* objects with parts of a Pod template of another manager; the first of them is */
    char *heir;         /* object_key(); owned */
    size_t definitions; /* of the drift: desired CustomResourceDefinitions */
    size_t managed;     /* desired objects */
    size_t users;       /* objects of users that are to be changed: no drift, but failures of the writes are kept */
    unsigned watch;     /* watches to have on, and PLAN_RELISTED */
};

void plan_release(struct plan *plan);
/* Adds actions, numbers and watches of `part`, which is released. */
void plan_append(struct plan *plan, struct plan *part);
/* Adds an action, unless it is held back (plan_input.held); takes it over. */
void plan_add(struct plan *plan, const struct plan_input *in, struct kube_action action);
/* A write of this observed object, for plan_add(), that still needs its body and reason. */
struct kube_action plan_action_on(const struct plan_input *in, enum kube_verb verb, const struct kube_object *o);
/* Whether a write of this observed object is under way: see plan_input.busy. */
bool plan_is_busy(const struct plan_input *in, const struct kube_object *o);
/*
 * Counts an object that is not as the resource asks. `text` is why, where its last write did not fail; a write with
 * another verb than `verb` says nothing about it. True where it is stuck.
 */
bool plan_note_drift(
    struct plan *plan, const struct plan_input *in, enum kube_verb verb, const struct kube_kind *kind, const char *ns,
    const char *name, const char *text);
/* The same of an object that waits for a stuck one. */
bool plan_note_need(
    struct plan *plan, const struct kube_kind *kind, const char *ns, const char *name,
    const struct kube_kind *stuck_kind, const char *stuck_ns, const char *stuck_name);
/* The same of an observed object that no write can put in place: `text` says why, and what the user has to do. */
bool plan_note_refusal(struct plan *plan, const struct kube_object *o, const char *text);
/* The same of an observed object that is being deleted. */
bool plan_note_deletion(struct plan *plan, const struct kube_object *o);
/* "held by the finalizer A, B": those of other managers; owned by the caller. NULL: there is none. */
char *plan_holders(const json_t *object);
/* An object waits for its own write only, so the objects after it wait as well. */
bool plan_is_moving(const struct plan *plan);
/* How the last write of an object failed, if that was one with this verb; NULL: it did not. */
const struct plan_failure *plan_failure_of(
    const struct plan_input *in, enum kube_verb verb, const struct kube_kind *kind, const char *ns, const char *name);
/* The write will not succeed by itself. */
bool plan_failure_lasts(const struct plan_failure *failure);
/*
 * Counts an observed object that is to be deleted, and adds its deletion, unless it is being deleted, busy or held
 * back.
 */
void plan_remove(struct plan *plan, const struct plan_input *in, const struct kube_object *o, const char *reason);
/*
 * Adds a merge patch of an observed object's metadata (taken over), which applies only if no other client changed the
 * object.
 */
void plan_patch_metadata(
    struct plan *plan, const struct plan_input *in, const struct kube_object *o, json_t *metadata, const char *reason,
    enum plan_meaning meaning);
/*
 * Whether all that is observed was listed again since plans ask for it; this plan then asks for it, too. Before a
 * finalizer is removed, a watch alone does not prove that nothing is left, because it may have fallen silent; and no
 * list does while a create is under way.
 */
bool plan_is_relisted(const struct plan_input *in, struct plan *plan);

const char *plan_meaning_reason(enum plan_meaning meaning); /* "Healed" */
const char *plan_meaning_word(enum plan_meaning meaning);   /* "healed" */

#endif
