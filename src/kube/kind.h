/*
 * Kinds of objects: one row each.
 *
 * From a row come the paths of requests, the watch, the RBAC rule, the rules of
 * the three-way merge, the order of writes and pruning. This room defines what a
 * row says; the table itself belongs to the room that knows which kinds are managed.
 */
#ifndef KUBE_KIND_H
#define KUBE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "doc/merge.h"
#include "kube/unions.h"

/* Which objects of a kind are watched. */
enum kube_watch_scope {
    KUBE_WATCH_NONE,      /* written, never watched */
    KUBE_WATCH_OWNED,     /* those that carry the owner label: an object is owned only where it does */
    KUBE_WATCH_ALL,       /* all of them in the cluster */
    KUBE_WATCH_NAMESPACE, /* all of them in the operator's namespace */
};

#define KUBE_VERSIONS_MAX 4

/* A version that an API group may serve, and the releases of Kubernetes (minor of 1.x) that serve it. */
struct kube_version {
    const char *name; /* "v1beta1" */
    int since, until; /* minor versions, inclusive; until 0: still served */
};

/* Objects that another object needs: of a kind that its own kind comes after (kube_kind.after). */
struct kube_need {
    const char *kind;
    /*
     * Where their names are in the object that needs them, "spec.template.spec.volumes[].configMap.name"; NULL: it
     * needs all objects of the kind, and as they are desired.
     */
    const char *path;
};

struct kube_kind {
    const char *kind;                                /* "Deployment" */
    const char *plural;                              /* "deployments" */
    const char *group;                               /* "apps"; "" is the core group */
    struct kube_version versions[KUBE_VERSIONS_MAX]; /* supported ones, the best first; ends with a NULL name */
    bool namespaced;
    bool is_secret;     /* memory of requests and answers is cleared, and it is kept as it is */
    bool is_definition; /* apiextensions.k8s.io: it adds and removes a custom kind */
    /*
     * Bits that the owner of the table gives a meaning: a cluster has (discovers, watches, caches) only the rows that
     * share a bit with its kube_cluster_options.roles.
     */
    unsigned roles;
    enum kube_watch_scope watch;
    bool pruned; /* an owned object that is no longer desired is deleted */
    /*
     * Controllers of Kubernetes create objects of this kind, too, and copy labels to them from an owned object: the
     * label alone does not make them owned.
     */
    bool copies_labels;
    bool unkeyed; /* elements of its sequences are not told apart by a field: they are merged by position, or whole */
    bool custom;  /* served through a CustomResourceDefinition: keeps empty values as they are sent, and is
                     there only once its definition is established */
    /*
     * Names of the kinds that must be in place before an object of this kind is created or changed; ends with NULL;
     * NULL waits for nothing. A custom kind waits for its own definition besides (`custom`). Removal goes the other way
     * round: an object is deleted once no object is left that comes after it.
     */
    const char *const *after;
    /*
     * An object that cannot be written, because the server refuses it, holds up only those that need it, and one that
     * cannot be removed only the removal of those that it needs. Ends with a row without a kind; may be NULL.
     */
    const struct kube_need *needs;
    /* What the operator does with it: verbs of RBAC, "update/status" for a subresource; ends with NULL. */
    const char *const *verbs;
    /* Paths that other managers own, with all below them, once the object exists; as in struct merge_rules; ends with
       NULL; may be NULL. */
    const char *const *foreign;
    /*
     * Paths, as in `foreign`, that an object must not have beside what is desired, whoever wrote them: they are
     * removed. Ends with NULL; may be NULL.
     */
    const char *const *excluded;
    /* Of a custom kind; ends with a row whose `at` is NULL; may be NULL. Those of Kubernetes' own kinds are known. */
    const struct kube_union *unions;
    /*
     * Only these parts of an object are kept in the cache besides its identity (apiVersion, kind, and in metadata
     * name, namespace, uid, resourceVersion, generation and deletionTimestamp): paths as in `foreign`
     * ("status.containerStatuses[].state.waiting"); "data.*" keeps the keys of a map, with null for what they hold. The
     * last step may be a name with dots, as annotations have.
     * Ends with NULL; NULL keeps all of it. What is kept in parts can be patched, but not updated as a whole.
     */
    const char *const *keep;
    /*
     * A row with this name is another view of a kind that has a row already, with a watch and a place in the cache of
     * its own: kube_kind_find() does not find it. Such a row is read, patched and removed from;
     * objects are created and updated through the kind's own row.
     */
    const char *view;
    /*
     * In such a row an object's owner (kube_object.owner) is the uid of its ownerReference of this kind, and not the
     * value of the owner label. With `owned_alone` those without one are not kept.
     */
    const char *owner_kind;
    bool owned_alone;
    /* Lists and watches ask for metadata alone, which servers before Kubernetes 1.15 do not know: they send it all. */
    bool metadata_only;
    /*
     * For objects that are only counted: what is kept of one instead of its document (it cannot be parsed, and has no
     * uid); owned by the caller. NULL: the object does not count and is not in the cache. An event that leaves it as
     * it is changes nothing. May be NULL.
     */
    char *(*digest)(const json_t *object);
};

/* A table of kinds is closed by a row without a kind's name. */
struct kube_kind_table {
    const struct kube_kind *rows;
    size_t len;
};

/* The row of a kind by its name and group, or NULL. The version in `api_version` ("apps/v1", "v1") is ignored. */
const struct kube_kind *kube_kind_find(const struct kube_kind_table *table, const char *api_version, const char *kind);
/* The kind's own row: of a view the one that objects are created through. */
const struct kube_kind *kube_kind_own(const struct kube_kind_table *table, const struct kube_kind *kind);

/* The version of a kind that Kubernetes 1.`minor` and the operator support; NULL: there is none. Without a server. */
const char *kube_kind_version_for(const struct kube_kind *kind, int minor);

/*
 * Whether this object needs the one of this kind and name (kube_kind.needs), so that this one has to exist;
 * *ret_exactly says whether it has to be as desired, too.
 */
bool kube_kind_needs(const struct kube_kind *kind, const json_t *object, const struct kube_kind *other,
                     const char *name, bool *ret_exactly);

/* "apps/v1", "v1" into `ret`. */
void kube_api_version(const struct kube_kind *kind, const char *version, char ret[128]);

/* The keys by which sequences of Kubernetes' own types are merged (its API reference: "patch merge key"). */
extern const struct merge_key kube_merge_keys[];

/*
 * How objects of a kind are merged, from its row: Kubernetes' own kinds by kube_merge_keys, with empty values the same
 * as absent ones, quantities compared as the server stores them, and what excludes each other as kube/unions.h says;
 * custom kinds literally, but for the unions of their row. `foreign` are paths that other managers own in this one
 * object, besides those of its kind (may be NULL). `ret` refers to itself and to the arguments: it must not move.
 */
struct kube_merge {
    struct merge_rules rules;
    const struct kube_kind *kind;
    const char *const *foreign[2]; /* of the kind, of the object */
};
void kube_merge_init(const struct kube_kind *kind, const char *const *foreign, struct kube_merge *ret);

#endif
