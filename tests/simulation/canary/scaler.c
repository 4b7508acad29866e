#include "scaler.h"

#include "apps.h"
#include "base/str.h"
#include "doc/doc.h"

static const msec_t PERIOD = SECONDS(15);

struct scaler {
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    struct job *job;
    bool is_held;
};

static struct collection *kind_of(struct server *server)
{
    return server_find(server, "autoscaling", "horizontalpodautoscalers");
}

static void limits_of(const json_t *autoscaler, int64_t *ret_least, int64_t *ret_most)
{
    *ret_least = doc_int(doc_at(autoscaler, "spec", "minReplicas"), 1);
    *ret_most = doc_int(doc_at(autoscaler, "spec", "maxReplicas"), *ret_least);
}

bool scaler_limits(struct server *server, const char *name, int64_t *ret_least, int64_t *ret_most)
{
    const json_t *autoscaler = server_get(kind_of(server), SHOP_NS, name);

    limits_of(autoscaler, ret_least, ret_most);
    return autoscaler;
}

bool scaler_scales(struct server *server, const char *name, const char *deployment)
{
    const json_t *autoscaler = server_get(kind_of(server), SHOP_NS, name);

    return str_eq(doc_string(autoscaler, "spec", "scaleTargetRef", "name"), deployment);
}

static void scale(struct scaler *s, const json_t *autoscaler)
{
    struct collection *kind = server_find(s->server, "apps", "deployments");
    const char *name = doc_string(autoscaler, "spec", "scaleTargetRef", "name");
    const json_t *deployment = server_get(kind, SHOP_NS, name);
    int64_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), 1), next = replicas, least, most;
    _cleanup_json_ json_t *o = NULL;
    _cleanup_outcome_ struct outcome done = {0};

    limits_of(autoscaler, &least, &most);
    if (!s->is_held && rng_chance(s->rng, 250))
        next = rng_between(s->rng, least, most > least ? most : least);
    next = next < least ? least : next > most ? most : next;
    if (!deployment || !replicas || next == replicas || doc_at(deployment, "metadata", "deletionTimestamp"))
        return;
    o = doc_copy(deployment);
    json_object_set_new(doc_at(o, "spec"), "replicas", json_integer(next));
    done = server_update(s->server, WHO_CLUSTER, kind, SHOP_NS, name, NULL, o);
}

static void scale_all(void *context)
{
    struct scaler *s = context;
    const struct collection *kind = kind_of(s->server);
    _cleanup_json_ json_t *list = json_array();
    json_t *autoscaler;
    void *object;
    size_t k;

    for (size_t i = 0; map_next(kind->objects, &i, NULL, &object);)
        if (str_eq(doc_string(object, "metadata", "namespace"), SHOP_NS))
            json_array_append(list, object);
    json_array_foreach(list, k, autoscaler)
        scale(s, autoscaler);
    s->job = sched_at(s->sched, sched_now(s->sched) + PERIOD, scale_all, s);
}

struct scaler *scaler_new(struct sched *sched, struct server *server, struct rng *rng)
{
    struct scaler *s = NEW(struct scaler);

    *s = (struct scaler){.sched = sched, .server = server, .rng = rng};
    s->job = sched_at(sched, sched_now(sched) + PERIOD, scale_all, s);
    return s;
}

void scaler_free(struct scaler *s)
{
    sched_drop(s->sched, s->job);
    free(s);
}

void scaler_hold(struct scaler *s, bool is_held)
{
    s->is_held = is_held;
}
