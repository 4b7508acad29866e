/* The rows that every component has. Only for files that hold tables. */
#ifndef API_COMPONENT_ROWS_H
#define API_COMPONENT_ROWS_H

#include "api/component.h"
#include "api/rows.h"

/* Kubernetes sets no limit to replicas; this one catches slips of the keyboard. */
#define COMPONENT_REPLICAS_MAX 1000

/* What Kubernetes' own types look like, as far as a slip in them would break a Deployment. */
extern const struct field component_label_value, component_toleration;
extern const struct field_table component_affinity_table;

/* How many pods: with an autoscaler by default, and without, as the components of the chart. */
#define COMPONENT_FIXED .implied = "replicaCount, or 1", .implied = "the larger of replicaCount and minReplicas"
#define COMPONENT_AUTOSCALED .otherwise = "1", .otherwise = "5"

/* Below the heading of a table with these rows. */
#define COMPONENT_FIXED_DOC                                                                                            \
    "A component whose number of pods is fixed unless minReplicas and maxReplicas say otherwise.\n"                    \
    "There is no zero: a component that others depend on is switched off with `enabled`, which also removes\n"         \
    "the webhooks and Services that would lead nowhere."
#define COMPONENT_AUTOSCALED_DOC "A component with an autoscaler unless minReplicas and maxReplicas are equal."

/*
 * `in` is where the members of struct component_spec lie in OWNER: nothing where it is OWNER, `pilot.` where OWNER has
 * one of that name. The second argument is one of those above. `enabled` is true by default; a release's defaults
 * (api_edition.defaults) change that.
 */
#define COMPONENT_ROWS(in, replicas) COMPONENT_ROWS_(in, replicas)
/* clang-format off */
#define COMPONENT_ROWS_(in, least_default, most_default)                                                               \
    {"enabled", FLAG_AT(in enabled), .otherwise = "true", .floating = true,                                            \
     .doc = "Whether it is installed. Where it is switched off, its objects are removed."},                            \
    {"image", TEXT_AT(in image, format_image), .implied = "its own image from imageHub, with imageTag",                \
     .doc = "The image of its container."},                                                                            \
    {"replicaCount", INTEGER_AT(in replica_count, 1, COMPONENT_REPLICAS_MAX), .implied = "minReplicas",                \
     .doc = "How many pods; with an autoscaler, how many to begin with."},                                             \
    {"minReplicas", INTEGER_AT(in min_replicas, 1, COMPONENT_REPLICAS_MAX), least_default, .floating = true,           \
     .doc = "Fewest pods. Below maxReplicas there is an autoscaler; equal to it there is none."},                      \
    {"maxReplicas", INTEGER_AT(in max_replicas, 1, COMPONENT_REPLICAS_MAX), most_default, .floating = true,            \
     .doc = "Most pods."},                                                                                             \
    {"resources", DOCUMENT_AT(in resources, container_resources_table),                                                \
     .implied = "defaultResources, else as in Istio's Helm chart", .doc = "Compute resources of its container."},      \
    {"nodeSelector", MAP_AT(in node_selector, format_label_key, component_label_value, 64), .implied = "any node",     \
     .doc = "Labels that a node must have."},                                                                          \
    {"affinity", DOCUMENT_AT(in affinity, component_affinity_table),                                                   \
     .implied = "the architectures that Istio is built for", .doc = "Where its pods are placed."},                     \
    {"tolerations", LIST_AT(in tolerations, component_toleration, 0, 64), .implied = "none",                           \
     .doc = "Taints that it tolerates."}

/*
 * Of a component that runs once on each node, and has no number of pods: its container, and on which nodes it is. Behind
 * `in` what holds instead of the image, the resources, nodeSelector with its doc, affinity with its doc, tolerations.
 */
#define COMPONENT_NODE_ROWS(in, image_, resources_, nodes_, nodes_doc, affinity_, affinity_doc, taints_)               \
    {"image", TEXT_AT(in image, format_image), .implied = image_, .doc = "The image of its container."},               \
    {"resources", DOCUMENT_AT(in resources, container_resources_table), .implied = resources_,                         \
     .doc = "Compute resources of its container."},                                                                    \
    {"nodeSelector", MAP_AT(in node_selector, format_label_key, component_label_value, 64), .implied = nodes_,         \
     .doc = nodes_doc},                                                                                                \
    {"affinity", DOCUMENT_AT(in affinity, component_affinity_table), .implied = affinity_, .doc = affinity_doc},       \
    {"tolerations", LIST_AT(in tolerations, component_toleration, 0, 64), .implied = taints_,                          \
     .doc = "Taints that it tolerates."}
/* clang-format on */

/* Of Istio's CNI plugin. */
#define COMPONENT_CNI_LOG_LEVELS CHOICE("debug", "info", "warn", "error", "fatal", "none")

#endif
