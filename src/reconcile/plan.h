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
#include "reconcile/wanted.h"

/* A write that failed and was not followed by one that did not. */
struct plan_failure {
    enum err_class class;
    char *object; /* object_key(); owned by whoever keeps the failure */
    char *text;
};

struct plan_input {
    msec_t now; /* wall */
    const struct kube_server *server;
    struct kube_cache *observed; /* written to only in the memos of kube_object */
    const struct plan_failure *failures;
    size_t failure_count;
    /* The bits of plan.watch whose list has arrived. */
    unsigned synced;
    /* Whether a write of this object is under way: then no other one is planned. May be NULL. */
    bool (*busy)(const void *context, const struct kube_kind *kind, const char *ns, const char *name);
    /* Whether this write failed before and is held back now: it is not planned. May be NULL. */
    bool (*held)(const void *context, const struct kube_action *action);
    const void *queue_context;
    /* To be shown and not sent: everything at once, whatever has to wait for something else. */
    bool preview;
};

/*
 * Bits of plan.watch and plan_input.synced. Those of watches that are only there while a plan asks for them are given
 * by a table (reconcile/on_demand.h). This one is a question: all that is observed, listed once more since it was asked
 * for first.
 */
#define PLAN_LISTED_ANEW (1u << 31)

/* What an action means to people: the reason of its Event. */
#define PLAN_MEANINGS(X)                                                                                               \
    X(CREATED, "Created", "created")                                                                                   \
    X(CHANGED, "Changed", "changed")                                                                                   \
    X(HEALED, "Healed", "healed")                                                                                      \
    X(ADOPTED, "Adopted", "adopted")                                                                                   \
    X(REMOVED, "Removed", "removed")                                                                                   \
    X(FOLLOWED, "Followed", "followed") /* addresses of Pods come and go: no Event */                                  \
    X(NOTED, "Noted", "noted")          /* the resource's own status and finalizer: no Event */

enum plan_meaning {
#define X(id, reason, word) PLAN_##id,
    PLAN_MEANINGS(X)
#undef X
};

struct plan {
    struct kube_action *actions; /* their tag is the enum plan_meaning */
    size_t len, cap;
    size_t drift;   /* wanted objects that are not in place, and objects that must go: sent, under way or held back */
    size_t unseen;  /* of the drift: what is not observed and is being made, or found to be there without our mark */
    size_t ignored; /* objects that a person marked to be left alone */
    size_t managed; /* wanted objects */
    unsigned watch; /* watches to have on, and PLAN_LISTED_ANEW */
    /* Of the drift: what no write can put in place, and what the user has to do; told as failures are. Owned. */
    struct plan_failure *stuck;
    size_t stuck_count, stuck_cap;
};

void plan_release(struct plan *plan);
/* Adds actions, numbers and watches of `part`, which is released. */
void plan_append(struct plan *plan, struct plan *part);
/* Adds an action, unless it is held back (plan_input.held); takes it over. */
void plan_add(struct plan *plan, const struct plan_input *in, struct kube_action action);
/* Adds an object that no write can put in place, of which `text` (taken over) says what the user has to do. */
void plan_stuck(struct plan *plan, const struct kube_object *o, char *text);
/* Whether a write of this observed object is under way: see plan_input.busy. */
bool plan_is_busy(const struct plan_input *in, const struct kube_object *o);
/* Adds the removal of an observed object, unless it is going already, busy or held back. */
void plan_remove(struct plan *plan, const struct plan_input *in, const struct kube_object *o, const char *reason);
/* Adds a merge patch of an observed object's metadata (taken over), for as long as nobody else changed the object. */
void plan_patch_metadata(
    struct plan *plan, const struct plan_input *in, const struct kube_object *o, json_t *metadata, const char *reason,
    enum plan_meaning meaning);
/*
 * Whether all that is observed was listed anew since plans ask for it, as this one does then, too: before the last
 * trace of a resource goes, that nothing is left is not believed of a watch that may have fallen silent.
 */
bool plan_is_listed_anew(const struct plan_input *in, struct plan *plan);

const char *plan_meaning_reason(enum plan_meaning meaning); /* "Healed" */
const char *plan_meaning_word(enum plan_meaning meaning);   /* "healed" */

#endif
