/*
 * Fields that exclude each other: an API server accepts only one of them, or only within bounds of each other.
 *
 * A three-way merge keeps what another manager put beside what is desired. Where only one of the two may exist, or
 * where the other one cancels what the desired one means, the server would refuse it at each try, or undo it silently.
 * So desiring one removes the others. Sources: the API reference (the descriptions of the fields, "one of"; the
 * extensions x-kubernetes-unions, x-kubernetes-list-map-keys and x-kubernetes-map-type of its OpenAPI document) and,
 * because many unions are described there in prose or not at all, the API server's validation.
 */
#ifndef KUBE_UNIONS_H
#define KUBE_UNIONS_H

#include "doc/merge.h"

struct kube_kind;

/* One of the ways to fill a map. */
struct kube_variant {
    const char *when;          /* the value of the discriminator; NULL: there is no discriminator */
    const char *const *fields; /* that go with it; ends with NULL; NULL: none */
};

/*
 * The variants of a map exclude each other. The desired one is the one that the discriminator names; where that is not
 * desired itself, every one that has a desired field.
 */
struct kube_union {
    const char *kind;                    /* only in this kind; NULL: wherever such a map is */
    const char *at;                      /* the end of the map's path: "env[]"; "" is the object itself */
    const char *discriminator;           /* a field, "type"; NULL: there is none */
    const struct kube_variant *variants; /* ends with an empty one; NULL: every field is a variant by itself ... */
    const char *const *besides;          /* ... but these; ends with NULL; NULL: none */
    bool whole;                          /* the map is desired as it is: other managers' fields in it are removed */
};

/* For struct merge_rules, of an object of this kind. */
enum merge_fate kube_unions_fate(const struct kube_kind *kind, const char *path, const struct merge_place *in,
                                 const char *field, const json_t *value);
/* Members of unions that count although they are empty: an emptyDir, no Pod at all in a budget. */
bool kube_unions_empty_counts(const struct kube_kind *kind, const char *path);

#endif
