/*
 * Which kinds a server serves, and in which versions: from its discovery documents,
 * and for custom kinds from their definitions. No I/O: the caller sends the requests.
 *
 * Only the resource lists of groups that the table names, in versions that both sides have, are asked for.
 *
 * Sources: "The Kubernetes API" (discovery: /version, /api, /apis) and "Extend the Kubernetes API with
 * CustomResourceDefinitions".
 */
#ifndef KUBE_DISCOVERY_H
#define KUBE_DISCOVERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "kube/kind.h"

/* The answers of a kind's row and the server's discovery, put together. */
struct kube_server {
    int major, minor;  /* of Kubernetes */
    char *git_version; /* "v1.20.2" */
    const struct kube_kind_table *kinds;
    const char **versions; /* for each row of the table: the one for this server; NULL: not served (yet) */
};

/* The version to speak for a kind, or NULL. */
const char *kube_server_version(const struct kube_server *s, const struct kube_kind *kind);

struct kube_discovery;

/* `desired`: for each row whether it is looked for (copied). `server`: the server's own version, too. */
struct kube_discovery *kube_discovery_new(const struct kube_kind_table *kinds, const bool *desired, bool server);
void kube_discovery_free(struct kube_discovery *d);
DEFINE_CLEANUP(struct kube_discovery *, kube_discovery_free)
#define _cleanup_kube_discovery_ _cleanup_(kube_discovery_free_p)

/* The path of one more document to get; NULL: none (now). All that it names may be under way at the same time. */
const char *kube_discovery_next(struct kube_discovery *d);
/* The document of a path. Fails where it makes no sense: start again, later. */
int kube_discovery_answer(struct kube_discovery *d, const char *path, const char *body, size_t len, struct err *e);
/* There is no such document (404): nothing of it is served. Any other failure: start again, later. */
void kube_discovery_absent(struct kube_discovery *d, const char *path);
bool kube_discovery_done(const struct kube_discovery *d);

/* What was found, once it is done. NULL: not served, or not looked for. */
const char *kube_discovery_version(const struct kube_discovery *d, const struct kube_kind *kind);
/* Of the server itself; borrowed; NULL where it was not asked. */
const char *kube_discovery_server(const struct kube_discovery *d, int *ret_major, int *ret_minor);

/* Whether a CustomResourceDefinition (v1 or v1beta1) defines this kind. */
bool kube_definition_is_of(const json_t *definition, const struct kube_kind *kind);
/* The best version of the kind that its definition serves; NULL where it is not established, or is being deleted. */
const char *kube_definition_version(const json_t *definition, const struct kube_kind *kind);

#endif
