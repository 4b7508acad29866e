#include "controllers/mesh/network.h"

#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/line.h"

/* The labels to set (null: to remove), or NULL if they stay as they are. */
static json_t *desired_labels(const json_t *labels, const char *network)
{
    const char *value = doc_string(labels, LABEL_NETWORK), *managed = doc_string(labels, LABEL_NETWORK_MANAGED);
    bool own = value && str_eq(value, managed);

    if (network && (!value || own))
        return own && str_eq(value, network)
                   ? NULL
                   : OBJECT(STRING(LABEL_NETWORK, network), STRING(LABEL_NETWORK_MANAGED, network));
    return managed ? OBJECT(OPT(own, NIL(LABEL_NETWORK)), NIL(LABEL_NETWORK_MANAGED)) : NULL;
}

/* NULL: there is nothing to look at. */
static const struct kube_object *namespace_of(const struct plan_input *in, const char *ns, const char *network)
{
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(KIND_NAMESPACE), NULL, ns);

    return o && !o->deleting && (network || strstr(o->text, LABEL_NETWORK_MANAGED)) ? o : NULL;
}

size_t network_plan(const struct plan_input *in, const char *ns, const char *network, struct plan *plan)
{
    const struct kube_object *o = namespace_of(in, ns, network);
    const char *reason = network ? "labelled with its network" : "no longer labelled with a network";
    _cleanup_json_ json_t *object = o ? kube_object_parse(o) : NULL;
    json_t *labels = desired_labels(doc_at(object, "metadata", "labels"), o ? network : NULL);

    if (!labels)
        return 0;
    plan_note_drift(plan, in, KUBE_MERGE_PATCH, o->kind, NULL, o->name, reason);
    if (plan_is_busy(in, o))
        json_decref(labels);
    else
        plan_patch_metadata(plan, in, o, OBJECT(VALUE("labels", labels)), reason, PLAN_CHANGED);
    return 1;
}

void network_notice(const struct plan_input *in, const char *ns, const char *network, struct buf *out)
{
    const struct kube_object *o = network ? namespace_of(in, ns, network) : NULL;
    _cleanup_json_ json_t *object = o ? kube_object_parse(o) : NULL;
    const json_t *labels = doc_at(object, "metadata", "labels");
    const char *value = doc_string(labels, LABEL_NETWORK);

    if (!value || str_eq(value, network) || str_eq(value, doc_string(labels, LABEL_NETWORK_MANAGED)))
        return;
    buf_separate(out, "; ");
    buf_printf(
        out,
        "the network is %s, and not %s, because a user set label " LABEL_NETWORK
        " of the namespace: remove it, or change spec.networkName",
        value,
        network);
}
