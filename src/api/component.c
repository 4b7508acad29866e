#include "api/component.h"

#include "api/rows.h"
#include "base/str.h"

/* Kubernetes sets no limit to replicas; this one catches slips of the keyboard. */
#define REPLICAS_MAX 1000

/* What Kubernetes' own types look like, as far as a slip in them would break a Deployment. */

static const struct field quantity = {NULL, QUANTITY};
static const struct field label_value = {NULL, TEXT(format_label_value)};

static const struct field resources_rows[] = {
    {"requests", MAP(format_resource_name, quantity, 16),
     .doc = "What a pod is promised: cpu, memory, ephemeral-storage or an extended resource."},
    {"limits", MAP(format_resource_name, quantity, 16), .doc = "What a pod may use at most."},
};

const struct field_table container_resources_table = {
    .name = "Resources",
    .doc = "Compute resources of a container, as in a Pod. They replace the default as a whole.",
    FIELD_ROWS(resources_rows),
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

static const struct field_table affinity_table = {
    .name = "Affinity",
    .doc = "Where pods are placed, as in a Pod. It replaces the default as a whole.",
    FIELD_ROWS(affinity_rows),
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
};

static const struct field toleration = {NULL, DOCUMENT(toleration_table)};

/* Components. They differ in whether they autoscale by default, as the chart's do. */

#define OWNER struct component_spec

/* clang-format off */
#define COMPONENT_ROWS(least_default, most_default)                                                                    \
    {"enabled", FLAG_AT(enabled), .otherwise = "true", .floating = true,                                               \
     .doc = "Whether it is installed. Where it is switched off, its objects are removed."},                            \
    {"image", TEXT_AT(image, format_image), .implied = "its own image from imageHub, with imageTag",                   \
     .doc = "The image of its container."},                                                                            \
    {"replicaCount", INTEGER_AT(replica_count, 1, REPLICAS_MAX), .implied = "minReplicas",                             \
     .doc = "How many pods; with an autoscaler, how many to begin with."},                                             \
    {"minReplicas", INTEGER_AT(min_replicas, 1, REPLICAS_MAX), least_default, .floating = true,                        \
     .doc = "Fewest pods. Below maxReplicas there is an autoscaler; equal to it there is none."},                      \
    {"maxReplicas", INTEGER_AT(max_replicas, 1, REPLICAS_MAX), most_default, .floating = true,                         \
     .doc = "Most pods."},                                                                                             \
    {"resources", DOCUMENT_AT(resources, container_resources_table), .implied = "as in Istio's Helm chart",                      \
     .doc = "Compute resources of its container."},                                                                    \
    {"nodeSelector", MAP_AT(node_selector, format_label_key, label_value, 64), .implied = "any node",                  \
     .doc = "Labels that a node must have."},                                                                          \
    {"affinity", DOCUMENT_AT(affinity, affinity_table), .implied = "the architectures that Istio is built for",        \
     .doc = "Where its pods are placed."},                                                                             \
    {"tolerations", LIST_AT(tolerations, toleration, 0, 64), .implied = "none",                                        \
     .doc = "Taints that it tolerates."},
/* clang-format on */

static const struct field fixed_rows[] = {
    COMPONENT_ROWS(.implied = "replicaCount, or 1", .implied = "the larger of replicaCount and minReplicas")};
static const struct field autoscaled_rows[] = {COMPONENT_ROWS(.otherwise = "1", .otherwise = "5")};

const struct field_table component_fixed_table = {
    .name = "Component",
    .doc = "A component whose number of pods is fixed unless minReplicas and maxReplicas say otherwise.\n"
           "There is no zero: a component that others depend on is switched off with `enabled`, which also removes\n"
           "the webhooks and Services that would lead to nobody.",
    FIELD_ROWS(fixed_rows),
};

const struct field_table component_autoscaled_table = {
    .name = "Autoscaled component",
    .doc = "A component with an autoscaler unless minReplicas and maxReplicas are equal.",
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
