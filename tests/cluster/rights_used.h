/* Which rights an account used, as the API server's audit log tells. */
#ifndef TESTS_CLUSTER_RIGHTS_USED_H
#define TESTS_CLUSTER_RIGHTS_USED_H

#include <jansson.h>

#include "base/buf.h"
#include "base/map.h"

struct rights_used {
    struct map *rights;            /* "group/resource verb" */
    struct map *refused, *allowed; /* "group/resource verb of namespace" */
};

#define RIGHTS_USED_INIT                                                                                               \
    ((struct rights_used){.rights = map_new(NULL), .refused = map_new(NULL), .allowed = map_new(NULL)})
void rights_used_release(struct rights_used *used);

/* A request of an audit log, for audit_read(); the context is a struct rights_used. */
void rights_used_note(void *context, const json_t *entry);
/*
 * What an account lacks the right for, each after a blank. An API server that just started refuses everything until it
 * has read the roles, so that what it allowed at another time is not among them.
 */
void rights_used_refused(const struct rights_used *used, struct buf *ret);
/* Fails the test where something was refused, or where a right of the operator's that `is_due` was not used. */
void rights_used_check(const struct rights_used *used, bool (*is_due)(const char *right));
/* The same of all that the audit log has so far: what a stage ends with. */
void rights_used_check_audit(bool (*is_due)(const char *right));
/* Of the operator's rights in the central cluster, those that only federation has use for. */
bool rights_are_of_federation(const char *right);
/* Those by which workloads are restarted: the tests of today's Istio do so, with real sidecars. */
bool rights_are_of_renewal(const char *right);
/* That by which injection is proven before another release of today's Istio goes on: by a dry run. */
bool rights_are_of_upgrades(const char *right);
/* Those that no other kind of resource has use for: `hack/test canary` uses them. */
bool rights_are_of_canaries(const char *right);
/* Those for Kiali's own operator: `hack/test kubernetes` uses them. */
bool rights_are_of_kiali(const char *right);
/* Those for kinds of which a mesh of today's Istio has objects and one of Istio 1.0 has none. */
bool rights_are_of_todays_istio(const char *right);

#endif
