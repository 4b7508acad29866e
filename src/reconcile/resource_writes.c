#include "reconcile/resource_writes.h"

#include "api/status.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

/* Its finalizers without the operator's own; a new reference. */
static json_t *finalizers_of_others(const struct api_resource *type, const json_t *resource)
{
    json_t *others = json_array(), *item;
    size_t i;

    json_array_foreach(doc_at(resource, "metadata", "finalizers"), i, item)
        if (!api_resource_is_finalizer(type, json_string_value(item)))
            json_array_append(others, item);
    return others;
}

uint64_t resource_hash(const struct api_resource *type, const json_t *resource)
{
    _cleanup_json_ json_t *written = json_copy((json_t *)resource);
    json_t *metadata = json_copy(json_object_get(resource, "metadata"));

    json_object_del(written, "status");
    json_object_del(metadata, "resourceVersion");
    json_object_del(metadata, "generation");
    if (json_is_array(json_object_get(metadata, "finalizers")))
        json_object_set_new(metadata, "finalizers", finalizers_of_others(type, resource));
    else if (!json_object_get(metadata, "finalizers"))
        json_object_set_new(metadata, "finalizers", json_array());
    if (metadata)
        json_object_set_new(written, "metadata", metadata);
    return doc_hash(written);
}

bool resource_carries_finalizer(const struct api_resource *type, const json_t *resource)
{
    json_t *item;
    size_t i;

    json_array_foreach(doc_at(resource, "metadata", "finalizers"), i, item)
        if (api_resource_is_finalizer(type, json_string_value(item)))
            return true;
    return false;
}

bool resource_has_finalizer(const struct planned_resource *r)
{
    return resource_carries_finalizer(r->type, r->resource);
}

void resource_plan_finalizer(const struct planned_resource *r, bool present, const char *reason)
{
    json_t *finalizers;

    if (plan_is_busy(r->in, r->object))
        return;
    finalizers = finalizers_of_others(r->type, r->resource);
    if (present)
        json_array_append_new(finalizers, json_string(r->type->finalizer));
    plan_patch_metadata(r->plan, r->in, r->object, OBJECT(VALUE("finalizers", finalizers)), reason, PLAN_BOOKKEEPING);
}

/* Of two writers that disagree each finds its conditions changed by the other, at another time again. */
static uint64_t wish_of(const json_t *status)
{
    _cleanup_json_ json_t *wish = doc_copy(status);
    json_t *condition;
    size_t i;

    json_array_foreach(doc_at(wish, STATUS_FIELD_CONDITIONS), i, condition)
        json_object_del(condition, "lastTransitionTime");
    return doc_hash(wish);
}

void resource_plan_status(const struct planned_resource *r, json_t *status, bool hold)
{
    const json_t *before = doc_at(r->resource, "status");
    _cleanup_json_ json_t *owned = status, *resource = NULL;
    bool new_word = !str_eq(doc_string(before, STATUS_FIELD_STATUS), doc_string(status, STATUS_FIELD_STATUS));
    bool new_phase =
        !str_eq(doc_string(before, STATUS_FIELD_UPGRADE, "phase"), doc_string(status, STATUS_FIELD_UPGRADE, "phase"));
    struct kube_action action;

    if ((before && json_equal(before, status)) || plan_is_busy(r->in, r->object) || (hold && !new_word && !new_phase))
        return;
    action = plan_action_on(r->in, KUBE_UPDATE_STATUS, r->object);
    action.content = doc_hash(status);
    action.wish = wish_of(status);
    resource = doc_copy(r->resource);
    json_object_set_new(resource, "status", TAKE_PTR(owned));
    action.body = doc_text(resource);
    action.reason = str_dup("status");
    action.tag = PLAN_BOOKKEEPING;
    plan_add(r->plan, r->in, action);
}

bool resource_is_settled(const struct planned_resource *r)
{
    const json_t *applied = doc_at(r->resource, "status", STATUS_FIELD_APPLIED_GENERATION);

    return applied && json_equal(applied, doc_at(r->resource, "metadata", "generation"));
}
