/* Which rights an account used, as the API server's audit log tells. */
#ifndef TESTS_CLUSTER_RIGHTS_USED_H
#define TESTS_CLUSTER_RIGHTS_USED_H

#include <jansson.h>

#include "base/buf.h"
#include "base/map.h"

struct rights_used {
    struct map *rights; /* "group/resource verb" */
    struct buf refused; /* each after a blank */
};

#define RIGHTS_USED_INIT ((struct rights_used){.rights = map_new(NULL)})
void rights_used_release(struct rights_used *used);

/* A request of an audit log, for audit_read(); the context is a struct rights_used. */
void rights_used_note(void *context, const json_t *entry);
/* Of the operator's rights in the central cluster, those that only federation has use for. */
bool rights_are_of_federation(const char *right);
/* Those for kinds that only a mesh of today's Istio has, which a Kubernetes 1.20 cannot run. */
bool rights_are_of_todays_istio(const char *right);

#endif
