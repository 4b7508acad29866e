#include "controllers/mesh/injection.h"

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

#define ENABLED "enabled"
#define LEFT_ALONE "left alone, for somebody labelled them istio-injection=disabled: "

static const struct kube_kind *namespaces(void)
{
    return mesh_kind(KIND_NAMESPACE);
}

static bool is_listed(const json_t *names, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(names, i, item)
        if (str_eq(json_string_value(item), name))
            return true;
    return false;
}

enum labels { THEIRS, OURS, OURS_BROKEN, UNLABELLED, DISABLED };

static enum labels labels_of(const json_t *ns)
{
    const char *injection = doc_string(ns, "metadata", "labels", LABEL_INJECTION);
    bool managed = str_eq(doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED), ENABLED);

    if (managed)
        return str_eq(injection, ENABLED) ? OURS : OURS_BROKEN;
    if (!injection)
        return UNLABELLED;
    return str_eq(injection, ENABLED) ? THEIRS : DISABLED;
}

/* The labels to set (null: to take off), or NULL where they stay as they are. */
static json_t *wanted_labels(enum labels labels, bool listed)
{
    if (listed && (labels == UNLABELLED || labels == OURS_BROKEN))
        return OBJECT(S(LABEL_INJECTION, ENABLED), S(LABEL_INJECTION_MANAGED, ENABLED));
    if (!listed && labels == OURS)
        return OBJECT(NIL(LABEL_INJECTION), NIL(LABEL_INJECTION_MANAGED));
    if (!listed && labels == OURS_BROKEN) /* what somebody made of the first label since is theirs */
        return OBJECT(NIL(LABEL_INJECTION_MANAGED));
    return NULL;
}

size_t injection_plan(const struct plan_input *in, const json_t *names, struct plan *plan)
{
    const struct kube_kind *kind = namespaces();
    uint64_t hash = (names ? doc_hash(names) : 0) | 1;
    struct kube_object *o;
    size_t count = 0;

    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *ns = NULL, *labels = NULL;
        if (o->in_place == hash || o->deleting)
            continue;
        ns = kube_object_parse(o);
        labels = wanted_labels(labels_of(ns), is_listed(names, o->name));
        if (!labels) {
            o->in_place = hash;
            continue;
        }
        count++;
        if (!plan_is_busy(in, o))
            plan_patch_metadata(
                plan,
                in,
                o,
                OBJECT(V("labels", TAKE_PTR(labels))),
                is_listed(names, o->name) ? "listed for sidecar injection" : "no longer listed for sidecar injection",
                PLAN_CHANGED);
    }
    plan->drift += count;
    return count;
}

void injection_notice(const struct plan_input *in, const json_t *names, struct buf *out)
{
    size_t i, count = 0;
    json_t *item;

    json_array_foreach(names, i, item) {
        const struct kube_object *o = kube_cache_get(in->observed, namespaces(), NULL, json_string_value(item));
        _cleanup_json_ json_t *ns = o ? kube_object_parse(o) : NULL;
        if (ns && labels_of(ns) == DISABLED)
            buf_printf(out, "%s%s", count++ ? ", " : out->len ? "; " LEFT_ALONE : LEFT_ALONE, o->name);
    }
}
