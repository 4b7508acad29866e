#include "controllers/mesh/refused_pods.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

/* A node may learn a moment later where the webhook is answered. Repeated writes come later and later anyway. */
#define RETRY_EVERY SECONDS(2)

static bool is_refused(const json_t *deployment)
{
    const json_t *failure = doc_find(doc_at(deployment, "status", "conditions"), "type", "ReplicaFailure");

    return str_eq(doc_string(failure, "status"), "True") &&
           strstr(str_or(doc_string(failure, "message"), ""), "failed calling webhook");
}

static bool was_retried(const json_t *deployment, msec_t now)
{
    const char *at = doc_string(deployment, "metadata", "annotations", REFUSED_PODS_ANNOTATION);
    msec_t then;

    return at && clock_parse_rfc3339(at, &then) && then <= now && now - then < RETRY_EVERY;
}

static void retry(const struct plan_input *in, const struct kube_object *o, json_t *deployment, struct plan *plan)
{
    struct kube_action action = plan_action_on(in, KUBE_UPDATE, o);
    char time[32];

    clock_rfc3339(in->now, time);
    json_object_set_new(doc_make(deployment, "metadata", "annotations"), REFUSED_PODS_ANNOTATION, json_string(time));
    action.body = doc_text(deployment);
    action.wish = str_hash(REFUSED_PODS_ANNOTATION, strlen(REFUSED_PODS_ANNOTATION)) | 1;
    action.reason = str_dup("its Pods were refused while a webhook did not answer, and are tried again");
    action.tag = PLAN_HEALED;
    plan_add(plan, in, action);
}

void refused_pods_retry(struct reconcile *r, const struct desired_set *desired, struct plan *plan)
{
    const struct plan_input *in = r->world->central;

    for (size_t i = 0; !in->preview && i < desired->len; i++) {
        const struct desired *w = &desired->items[i];
        const struct kube_object *o =
            w->kind == mesh_kind(KIND_DEPLOYMENT) ? kube_cache_get(in->observed, w->kind, w->ns, w->name) : NULL;
        _cleanup_json_ json_t *deployment = o && !o->deleting ? kube_object_parse(o) : NULL;
        if (!is_refused(deployment))
            continue;
        reconcile_requeue(r, RETRY_EVERY);
        if (!plan_is_busy(in, o) && !was_retried(deployment, in->now))
            retry(in, o, deployment, plan);
    }
}
