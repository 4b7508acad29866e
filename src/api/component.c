#include "api/component_rows.h"
#include "api/kubernetes.h"
#include "base/str.h"

/* Kubernetes' own types in outline; what values must be is in their full tables. */

static const struct field quantity = {NULL, QUANTITY};
const struct field component_label_value = {NULL, TEXT(format_label_value)};

static const struct field resources_rows[] = {
    {"requests", MAP(format_resource_name, quantity, 16),
     .doc = "What a pod is promised: cpu, memory, ephemeral-storage or an extended resource."},
    {"limits", MAP(format_resource_name, quantity, 16), .doc = "What a pod may use at most."},
};

const struct field_table container_resources_table = {
    .name = "Resources",
    .doc = "Compute resources of a container, as in a Pod. They replace the default as a whole.",
    FIELD_ROWS(resources_rows),
    .full = &kubernetes_resources,
};

static const struct field_table open_table = {
    .name = "Kubernetes object",
    .doc = "Passed on as it is; Kubernetes' API reference describes it.",
    .open = true,
};

static const struct field affinity_rows[] = {
    {"nodeAffinity", DOCUMENT(open_table), .doc = "On which nodes."},
    {"podAffinity", DOCUMENT(open_table), .doc = "Near which pods."},
    {"podAntiAffinity", DOCUMENT(open_table), .doc = "Away from which pods."},
};

const struct field_table component_affinity_table = {
    .name = "Affinity",
    .doc = "Where pods are placed, as in a Pod. It replaces the default as a whole.",
    FIELD_ROWS(affinity_rows),
    .full = &kubernetes_affinity,
};

static const struct field toleration_rows[] = {
    {"key", TEXT(format_label_key), .implied = "every taint, with operator Exists", .doc = "The taint's key."},
    {"operator", CHOICE("Equal", "Exists"), .implied = "Equal", .doc = "Whether the value counts."},
    {"value", TEXT(format_label_value), .doc = "The taint's value."},
    {"effect", CHOICE("NoSchedule", "PreferNoSchedule", "NoExecute"), .implied = "every effect",
     .doc = "The taint's effect."},
    {"tolerationSeconds", INTEGER(0, 2147483647), .implied = "for ever", .doc = "How long NoExecute is tolerated."},
};

static const struct field_table toleration_table = {
    .name = "Toleration",
    .doc = "A taint of nodes that pods put up with, as in a Pod.",
    FIELD_ROWS(toleration_rows),
    .full = &kubernetes_toleration,
};

const struct field component_toleration = {NULL, DOCUMENT(toleration_table)};

/* Components. They differ in whether they autoscale by default, as the chart's do. */

#define OWNER struct component_spec

static const struct field fixed_rows[] = {COMPONENT_ROWS(, COMPONENT_FIXED)};
static const struct field autoscaled_rows[] = {COMPONENT_ROWS(, COMPONENT_AUTOSCALED)};

const struct field_table component_fixed_table = {
    .name = "Component",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(fixed_rows),
};

const struct field_table component_autoscaled_table = {
    .name = "Autoscaled component",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(autoscaled_rows),
};

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* Zero is "not given": no field for replicas allows it. */
void component_complete(struct component_spec *c)
{
    if (!c->min_replicas)
        c->min_replicas = larger(c->replica_count, 1);
    if (!c->max_replicas)
        c->max_replicas = larger(c->replica_count, c->min_replicas);
    if (!c->replica_count)
        c->replica_count = c->min_replicas;
}

/* Contradictions only between values that were understood. */
void component_check(const struct component_spec *component, const char *path, struct problems *problems)
{
    _cleanup_free_ char *count = str_printf("%s.replicaCount", path);
    _cleanup_free_ char *least = str_printf("%s.minReplicas", path);
    _cleanup_free_ char *most = str_printf("%s.maxReplicas", path);

    if (problems_error_at(problems, count) || problems_error_at(problems, least) || problems_error_at(problems, most))
        return;
    if (component->min_replicas > component->max_replicas)
        problems_add(problems, PROBLEM_ERROR, least, "must not be above maxReplicas, which is %d, but is %d",
                     component->max_replicas, component->min_replicas);
    else if (component->replica_count < component->min_replicas || component->replica_count > component->max_replicas)
        problems_add(problems, PROBLEM_ERROR, count,
                     "must be from minReplicas, which is %d, to maxReplicas, which is %d, but is %d",
                     component->min_replicas, component->max_replicas, component->replica_count);
}
