/*
 * The plan for a resource against a live cluster, to be shown and not sent: what
 * `diff` prints.
 */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include <event2/event.h>

#include "api/problem.h"
#include "kube/cluster.h"
#include "reconcile/plan.h"

struct preview {
    struct kube_cluster *cluster; /* as observed; owned */
    struct plan plan;
};

/*
 * Connects, reads what exists (also objects without the owner label that have the names of desired ones), and plans as
 * if `resource` were in the cluster, and not paused. Runs `loop` until that is done, at most `timeout`. The resource's
 * errors and warnings go to `problems`, too, by field.
 */
int preview_make(struct event_base *loop, const struct kube_config *config, const json_t *resource, msec_t timeout,
                 struct preview *ret, struct problems *problems, struct err *e);
void preview_release(struct preview *p);
/* What status.upgrade would say, where the version changes; owned by the caller; NULL: it does not. */
json_t *preview_upgrade(const struct preview *p);

/* The object that an action is about as it is now; owned by the caller; NULL where there is none. */
json_t *preview_before(const struct preview *p, const struct kube_action *action);
/* And as it would be. */
json_t *preview_after(const struct preview *p, const struct kube_action *action);

#endif
