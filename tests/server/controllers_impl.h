/* What the parts of the cluster's controllers share. Nobody else includes this. */
#ifndef TESTS_SERVER_CONTROLLERS_IMPL_H
#define TESTS_SERVER_CONTROLLERS_IMPL_H

#include "base/str.h"
#include "controllers.h"
#include "doc/build.h"
#include "doc/doc.h"

struct controllers {
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    const bool *eager;
    struct job *job;
    bool unfinished; /* something waits for a later turn */
    bool leaves_workloads, reads_configuration;
};

/* Of a release of Kubernetes that today's Istio runs on. */
static inline bool controllers_are_todays(const struct controllers *c)
{
    return server_minor(c->server) >= 30;
}

/* Whether it happens now; else it is looked at again. */
static inline bool now(struct controllers *c, unsigned permille)
{
    if (*c->eager || rng_chance(c->rng, permille))
        return true;
    c->unfinished = true;
    return false;
}

static inline struct collection *kind_of(struct controllers *c, const char *group, const char *plural)
{
    return server_find(c->server, group, plural);
}

static inline const char *ns_of(const json_t *o)
{
    return doc_string(o, "metadata", "namespace");
}

static inline const char *name_of(const json_t *o)
{
    return doc_string(o, "metadata", "name");
}

static inline bool is_deleting(const json_t *o)
{
    return doc_at(o, "metadata", "deletionTimestamp") != NULL;
}

/* The objects of a kind, so that one can write while going through them; owned by the caller. */
static inline json_t *objects_of(const struct collection *kind)
{
    json_t *list = json_array();
    void *object;

    for (size_t i = 0; kind && map_next(kind->objects, &i, NULL, &object);)
        json_array_append(list, object);
    return list;
}

static inline void update(struct controllers *c, struct collection *kind, const char *subresource, const json_t *o)
{
    _cleanup_outcome_ struct outcome done =
        server_update(c->server, WHO_CLUSTER, kind, ns_of(o), name_of(o), subresource, o);
}

static inline void create(struct controllers *c, struct collection *kind, const char *ns, json_t *o)
{
    _cleanup_outcome_ struct outcome done = server_create(c->server, WHO_CLUSTER, kind, ns, o);

    json_decref(o);
}

static inline void remove_object(struct controllers *c, struct collection *kind, const json_t *o)
{
    _cleanup_outcome_ struct outcome done = server_delete(c->server, WHO_CLUSTER, kind, ns_of(o), name_of(o), NULL);
}

static inline int64_t number(const json_t *o, const char *part, const char *field)
{
    return doc_int(doc_at(o, part, field), 0);
}

/* controllers_workloads.c: Deployments and their Pods, what scales and what reaches them. */
void controllers_deployments(struct controllers *c);
void controllers_autoscalers(struct controllers *c);
void controllers_endpoints(struct controllers *c);
void controllers_endpoint_slices(struct controllers *c);
void controllers_load_balancers(struct controllers *c);

/* controllers_apps.c */
void controllers_apps(struct controllers *c);

/* controllers_nodes.c */
void controllers_daemon_sets(struct controllers *c);

/* controllers_istio.c: Istio 1.0's programs. */
void controllers_injector(struct controllers *c);
void controllers_galley(struct controllers *c);
void controllers_citadel(struct controllers *c);

/* controllers_istiod.c: today's Istio. */
void controllers_istiod(struct controllers *c);

#endif
