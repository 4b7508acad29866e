#include "reconcile/marks.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/merge.h"

#define APPLIED_MAX_BYTES (1024 * 1024)

static json_t *owner_reference(const struct mark_owner *owner)
{
    return OBJECT(
        STRING("apiVersion", owner->api_version),
        STRING("kind", owner->kind),
        STRING("name", owner->name),
        STRING("uid", owner->uid),
        BOOL("controller", true));
}

static void note_fields(json_t *object, const struct kube_kind *kind)
{
    struct kube_merge how;
    _cleanup_json_ json_t *applied = NULL;
    _cleanup_free_ char *text = NULL;

    kube_merge_init(kind, NULL, &how);
    applied =
        OBJECT(FORMAT("hash", "%016" PRIx64, doc_hash(object)), VALUE("fields", merge_skeleton(object, &how.rules)));
    text = doc_text(applied);
    json_object_set_new(doc_make(object, "metadata", "annotations"), MARK_APPLIED, json_string(text));
}

void mark_desired(json_t *object, const struct kube_kind *kind, const struct mark_owner *owner)
{
    json_object_set_new(
        doc_make(object, "metadata", "labels"), MARK_OWNER, json_string(str_or(owner->label, owner->uid)));
    if (kind->namespaced && owner->uid && str_eq(doc_string(object, "metadata", "namespace"), owner->ns))
        json_object_set_new(doc_make(object, "metadata"), "ownerReferences", ARRAY(ITEM_VALUE(owner_reference(owner))));
    note_fields(object, kind);
}

void mark_fields(json_t *object, const struct kube_kind *kind)
{
    json_t *annotations = doc_at(object, "metadata", "annotations");

    if (!json_object_get(annotations, MARK_APPLIED))
        return;
    json_object_del(annotations, MARK_APPLIED);
    if (!json_object_size(annotations))
        json_object_del(doc_at(object, "metadata"), "annotations");
    note_fields(object, kind);
}

void mark_again(json_t *object)
{
    _cleanup_json_ json_t *applied = mark_applied(object);
    _cleanup_free_ char *text = NULL;

    if (!applied)
        return;
    json_object_set_new(applied, "hash", json_sprintf("%016" PRIx64, doc_hash(object)));
    text = doc_text(applied);
    json_object_set_new(doc_make(object, "metadata", "annotations"), MARK_APPLIED, json_string(text));
}

json_t *mark_applied(const json_t *object)
{
    const char *text = doc_string(object, "metadata", "annotations", MARK_APPLIED);
    json_t *applied;

    /* A broken annotation counts as absent: then no field is removed, only added and changed. */
    if (!text || doc_parse(text, strlen(text), APPLIED_MAX_BYTES, &applied, NULL) < 0)
        return NULL;
    return applied;
}

bool mark_is_ignored(const json_t *object)
{
    return str_eq(doc_string(object, "metadata", "annotations", MARK_IGNORE), "true");
}
