/*
 * The HorizontalPodAutoscaler of the target, and the primary's copy of it.
 *
 * The target's is the user's, and nothing is written to it: it does nothing while the target has no replicas, and goes
 * on when a release gives it some, within its limits. The primary's selects the Pods of the primary alone. During a
 * release it does not go below what the primary had when it began: its share of the traffic becomes less then, and may
 * come back immediately.
 *
 * Source: Kubernetes, pkg/controller/podautoscaler/horizontal.go (a target without replicas is not scaled, unless
 * minReplicas is 0; since 1.26 none of two acts that select a Pod both, beyond its limits, and one that acted once
 * counts as long as it is there).
 */
#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

bool canary_awaits_scalers(const struct canary *c)
{
    return c->spec && c->spec->autoscaler && !((c->in->synced | c->in->failing) & PLAN_WATCH_SCALERS);
}

static const char *name_of(const struct canary *c)
{
    return str_or(doc_string(c->spec->autoscaler, "name"), "");
}

static const struct kube_object *find(const struct canary *c, enum mesh_kind_id kind, const char *name)
{
    const struct kube_object *o = kube_cache_get(c->in->observed, mesh_kind(kind), c->ns, name);

    return o && !o->deleting ? o : NULL;
}

/* Without a reference any of its own, as its name is not known. */
static const struct kube_object *find_own(const struct canary *c)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(c->in->observed, mesh_kind(KIND_AUTOSCALER), &i));)
        if (str_eq(o->owner, c->re->object->uid) && !o->deleting &&
            (!c->primary_scaler_name || str_eq(o->name, c->primary_scaler_name)))
            return o;
    return NULL;
}

void canary_observe_scaler(struct canary *c)
{
    const struct kube_object *own = find_own(c);

    c->scaler = c->scaler_object ? kube_object_parse(c->scaler_object) : NULL;
    c->primary_scaler = own ? kube_object_parse(own) : NULL;
    c->scaler_obstacle = canary_scaler_obstacle(c);
}

static bool scales(const json_t *scaler, const char *deployment)
{
    const json_t *target = doc_at(scaler, "spec", "scaleTargetRef");

    return str_eq(doc_string(target, "kind"), "Deployment") && str_eq(doc_string(target, "name"), deployment);
}

static int count_at(const json_t *map, const char *key, int otherwise)
{
    int64_t count = doc_int(json_object_get(map, key), otherwise);

    return count < 0 || count > INT32_MAX ? otherwise : (int)count;
}

static struct canary_bounds bounds_of(const json_t *spec)
{
    struct canary_bounds b = {.least = count_at(spec, "minReplicas", 1)};

    b.most = count_at(spec, "maxReplicas", b.least);
    return b;
}

/* With what the Canary says of the primary. */
static struct canary_bounds with_own(const struct canary *c, struct canary_bounds b)
{
    const json_t *own = doc_at(c->spec->autoscaler, "primaryScalerReplicas");

    return (struct canary_bounds){count_at(own, "minReplicas", b.least), count_at(own, "maxReplicas", b.most)};
}

static char *impossible_limits(const struct canary *c)
{
    struct canary_bounds b = with_own(c, bounds_of(doc_at(c->scaler, "spec")));

    if (b.least <= b.most)
        return NULL;
    return str_printf(
        "spec.autoscalerRef.primaryScalerReplicas and HorizontalPodAutoscaler %s/%s give the primary minReplicas %d "
        "and maxReplicas %d: write both, or such as fit the declared ones",
        c->ns,
        name_of(c),
        b.least,
        b.most);
}

char *canary_scaler_obstacle(const struct canary *c)
{
    const struct kube_object *other;
    char *text;

    if (!c->spec->autoscaler)
        return NULL;
    text = canary_unreadable(c, PLAN_WATCH_SCALERS, "HorizontalPodAutoscalers");
    if (text)
        return text;
    if (!c->scaler)
        return str_printf(
            "there is no HorizontalPodAutoscaler %s/%s, which spec.autoscalerRef names", c->ns, name_of(c));
    if (!scales(c->scaler, c->spec->target.name))
        return str_printf(
            "HorizontalPodAutoscaler %s/%s, which spec.autoscalerRef names, does not scale Deployment %s",
            c->ns,
            name_of(c),
            c->spec->target.name);
    if (doc_int(doc_at(c->scaler, "spec", "minReplicas"), 1) < 1)
        return str_printf(
            "HorizontalPodAutoscaler %s/%s has minReplicas 0, so that it scales a target up that has to be without "
            "replicas: write 1, or more",
            c->ns,
            name_of(c));
    text = impossible_limits(c);
    if (text)
        return text;
    other = find(c, KIND_TARGET_AUTOSCALER, c->primary_scaler_name);
    if (other && !str_eq(other->owner, c->re->object->uid))
        return str_printf(
            "HorizontalPodAutoscaler %s/%s exists, and this Canary did not create it", c->ns, c->primary_scaler_name);
    return NULL;
}

char *canary_scaler_trouble(const struct canary *c)
{
    const json_t *active = doc_find(doc_at(c->primary_scaler, "status", "conditions"), "type", "ScalingActive");

    if (!str_eq(doc_string(active, "status"), "False") || !str_eq(doc_string(active, "reason"), "AmbiguousSelector"))
        return NULL;
    return str_printf(
        "HorizontalPodAutoscalers %s/%s and %s do nothing but keep to their limits, as Kubernetes lets no two act that "
        "select the same pods (AmbiguousSelector)",
        c->ns,
        name_of(c),
        c->primary_scaler_name);
}

/* What the primary's follows: the declared one, or what the primary's has while that cannot be followed. */
static const json_t *declared(const struct canary *c)
{
    return doc_at(c->scaler_obstacle ? c->primary_scaler : c->scaler, "spec");
}

struct canary_bounds canary_target_bounds(const struct canary *c)
{
    return c->scaler && !c->scaler_obstacle ? bounds_of(declared(c)) : (struct canary_bounds){0};
}

struct canary_bounds canary_primary_bounds(const struct canary *c, const json_t *record_data)
{
    struct canary_bounds b = with_own(c, bounds_of(declared(c)));
    int floor = canary_recorded_floor(record_data);

    if (!canary_scales_primary(c))
        return (struct canary_bounds){0};
    b.most = b.most < b.least ? b.least : b.most;
    if (floor > b.least)
        b.least = floor < b.most ? floor : b.most;
    return b;
}

bool canary_scales_primary(const struct canary *c)
{
    return c->spec->autoscaler && declared(c);
}

json_t *canary_primary_scaler_spec(const struct canary *c, const json_t *record_data)
{
    struct canary_bounds bounds = canary_primary_bounds(c, record_data);
    json_t *spec = doc_copy(declared(c));

    json_object_set_new(
        spec,
        "scaleTargetRef",
        OBJECT(STRING("apiVersion", "apps/v1"), STRING("kind", "Deployment"), STRING("name", c->primary_name)));
    json_object_set_new(spec, "minReplicas", json_integer(bounds.least));
    json_object_set_new(spec, "maxReplicas", json_integer(bounds.most));
    return spec;
}

bool canary_drops_scaler(const struct canary *c)
{
    return c->primary_scaler && !c->spec->autoscaler;
}
