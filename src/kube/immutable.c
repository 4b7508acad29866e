#include "kube/immutable.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/kind.h"

/* The field itself and all below it. */
static const struct immutable {
    const char *kind, *path;
    int until; /* the last minor version that refuses it; 0: all do */
} fields[] = {
    {"ClusterRole", "aggregationRule"}, /* but for a cluster's administrator */
    {"ClusterRoleBinding", "roleRef"},
    {"CustomResourceDefinition", "spec.group"},
    {"CustomResourceDefinition", "spec.names.kind"},
    {"CustomResourceDefinition", "spec.names.plural"},
    {"CustomResourceDefinition", "spec.scope"},
    {"DaemonSet", "spec.selector"},
    {"Deployment", "spec.selector"},
    {"Job", "spec.selector"},
    {"Job", "spec.template"},
    {"PodDisruptionBudget", "spec", 14},
    {"RoleBinding", "roleRef"},
    {"Secret", "type"},
    {"Service", "spec.clusterIP"},
    {"StatefulSet", "spec.podManagementPolicy"},
    {"StatefulSet", "spec.selector"},
    {"StatefulSet", "spec.serviceName"},
    {"StatefulSet", "spec.volumeClaimTemplates"},
};

/* With `immutable: true`. */
static const char *const data[] = {"data", "binaryData", "immutable"};

static bool is_within(const char *path, const char *field)
{
    size_t len = strlen(field);

    return strncmp(path, field, len) == 0 && (!path[len] || path[len] == '.' || path[len] == '[');
}

static bool is_immutable_data(const struct kube_kind *kind, const json_t *live, const char *path)
{
    if ((!str_eq(kind->kind, "ConfigMap") && !str_eq(kind->kind, "Secret")) ||
        !json_is_true(json_object_get(live, "immutable")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(data); i++)
        if (is_within(path, data[i]))
            return true;
    return false;
}

/* The field of the table, or NULL. */
static const char *immutable_field(const struct kube_kind *kind, int minor, const json_t *live,
                                   const struct merge_change *change)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct immutable *f = &fields[i];
        if (!str_eq(f->kind, kind->kind) || !is_within(change->path, f->path))
            continue;
        if (f->until && (!minor || minor > f->until))
            continue;
        /* A Service without an address gets one. */
        if (str_eq(f->path, "spec.clusterIP") &&
            (change->type != MERGE_CHANGE || !*str_or(doc_string(live, "spec", "clusterIP"), "")))
            continue;
        return f->path;
    }
    return NULL;
}

/* What depends on it would be deleted with it. */
static const char *remedy(const struct kube_kind *kind)
{
    if (str_eq(kind->kind, "CustomResourceDefinition"))
        return "delete it, which deletes all its resources, and the operator creates it again";
    return "delete it, and the operator creates it again";
}

bool kube_immutable(const struct kube_kind *kind, int minor, const json_t *live, const struct merge *merge,
                    struct buf *why)
{
    for (size_t i = 0; !kind->custom && i < merge->change_count; i++) {
        const struct merge_change *change = &merge->changes[i];
        const char *field = immutable_field(kind, minor, live, change);

        if (is_immutable_data(kind, live, change->path)) {
            buf_printf(why, "it is immutable and has other data; %s", remedy(kind));
            return true;
        }
        if (field) {
            buf_printf(why, "it has another %s, which %s can change; %s", field,
                       str_eq(kind->kind, "ClusterRole") ? "only an administrator" : "no update", remedy(kind));
            return true;
        }
    }
    return false;
}
