/* What objects of all kinds have, and what selects them. */
#include "api/kubernetes_impl.h"

/* A row is a field, in the order of their names. */
/* clang-format off */

/* Passed on as it is. */
const struct field_table kubernetes_anything = {.name = "Object", .open = true};

static const struct field label_requirement_rows[] = {
    {"key", TEXT(format_label_key), REQUIRED},
    {"operator", CHOICE("In", "NotIn", "Exists", "DoesNotExist"), REQUIRED},
    {"values", TEXTS(format_label_value, 0)},
};
TABLE(label_requirement, "LabelSelectorRequirement", .check = kubernetes_check_requirement);

static const struct field label_selector_rows[] = {
    {"matchExpressions", LIST_OF(label_requirement, 0)},
    {"matchLabels", MAP_OF(format_label_key, format_label_value)},
};
const struct field_table kubernetes_label_selector = TABLE_OF("LabelSelector", label_selector_rows);

static const struct field owner_reference_rows[] = {
    {"apiVersion", TEXT(format_any), REQUIRED},
    {"blockOwnerDeletion", FLAG},
    {"controller", FLAG},
    {"kind", TEXT(format_any), REQUIRED},
    {"name", TEXT(format_any), REQUIRED},
    {"uid", TEXT(format_any), REQUIRED},
};
TABLE(owner_reference, "OwnerReference");

static const struct field metadata_rows[] = {
    /* These two first: see kubernetes_open_metadata. */
    {"name", TEXT(format_object_name)},
    {"namespace", TEXT(format_dns_label)},
    {"annotations", MAP_OF(format_annotation_key, format_annotation_value)},
    {"clusterName", TEXT(format_any), .until = 23},
    {"creationTimestamp", TIME},
    {"deletionGracePeriodSeconds", INTEGER(0, INT64_MOST)},
    {"deletionTimestamp", TIME},
    {"finalizers", TEXTS(format_finalizer, 0)},
    {"generateName", TEXT(format_any)},
    {"generation", INTEGER(0, INT64_MOST)},
    {"labels", MAP_OF(format_label_key, format_label_value)},
    {"managedFields", LIST_OF(kubernetes_anything, 0), .since = 14},
    {"ownerReferences", LIST_OF(owner_reference, 0)},
    {"resourceVersion", TEXT(format_any)},
    {"selfLink", TEXT(format_any)},
    {"uid", TEXT(format_any)},
};
const struct field_table kubernetes_metadata =
    TABLE_OF("ObjectMeta", metadata_rows, .check = kubernetes_check_metadata);

/*
 * Of a resource that the API server may have written: a newer one may have more in it. What a file has to say of name and
 * namespace is checked where it is read.
 */
const struct field_table kubernetes_open_metadata = {
    .name = "ObjectMeta",
    .rows = metadata_rows + 2,
    .len = ARRAY_LEN(metadata_rows) - 2,
    .open = true,
    .check = kubernetes_check_metadata,
};

/* clang-format on */
