#include "controllers/mesh/autoscalers.h"

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

#define SCALED_TWICE                                                                                                   \
    "the operator does not own these HorizontalPodAutoscalers, which scale its Deployments; delete them: "

void autoscalers_notice(
    const struct plan_input *in, const struct kube_object *resource, const struct desired_set *desired, struct buf *out)
{
    const struct kube_kind *kind = mesh_kind(KIND_LEFT_AUTOSCALER);
    const struct kube_kind *deployment = mesh_kind(KIND_DEPLOYMENT);
    const struct kube_object *o;
    size_t count = 0;

    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));) {
        _cleanup_json_ json_t *object = str_eq(o->owner, resource->uid) ? NULL : kube_object_parse(o);
        const json_t *target = doc_at(object, "spec", "scaleTargetRef");
        const char *name = doc_string(target, "name");
        if (!name || !str_eq(doc_string(target, "kind"), deployment->kind) ||
            !desired_find(desired, deployment, o->ns, name))
            continue;
        if (!count)
            buf_separate(out, "; ");
        buf_printf(out, "%s%s (%s)", count++ ? ", " : SCALED_TWICE, o->name, name);
    }
}
