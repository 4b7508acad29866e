/*
 * The HorizontalPodAutoscaler of the target. There is no other one: Kubernetes lets none of two act that select a Pod
 * both, and the target's labels select the Pods of the primary, too. So it is led to where the traffic is: to the
 * primary between releases, to the target while a release has traffic. Only the name in its scaleTargetRef is written,
 * and the record says before that it may be.
 *
 * During a release it counts the Pods of both, so that the target gets as many as all traffic would need. The primary
 * is given as many, and does not shrink: its share of the traffic may come back immediately. So it is before it gets
 * traffic for the first time.
 *
 * Source: Kubernetes, pkg/controller/podautoscaler/horizontal.go (a target without replicas is not scaled, unless
 * minReplicas is 0; since 1.26 none acts, beyond its limits, where a Pod is found by the selectors of two, and the
 * selector by which one acted last counts until it acts by another or is deleted, also while its target has no
 * replicas).
 */
#include "controllers/canary/canary_impl.h"
#include "doc/doc.h"

static const char *declared(const struct canary *c)
{
    return c->spec ? doc_string(c->spec->autoscaler, "name") : NULL;
}

/* That may have been led to the primary. */
static const char *led(const struct canary *c)
{
    return doc_string(c->record, "data", RECORD_SCALER);
}

/* One that was led is given back before another one is. */
const char *canary_scaler_name(const struct canary *c)
{
    const char *name = led(c);

    return name ? name : declared(c);
}

static bool is_read(const struct canary *c)
{
    return c->in->synced & PLAN_WATCH_SCALERS;
}

bool canary_has_scaler(const struct canary *c)
{
    return canary_scaler_name(c);
}

bool canary_awaits_scalers(const struct canary *c)
{
    return canary_scaler_name(c) && !is_read(c) && !(c->in->failing & PLAN_WATCH_SCALERS);
}

bool canary_awaits_led_scaler(const struct canary *c)
{
    return led(c) && !is_read(c);
}

static bool scales(const struct canary *c, const char *deployment)
{
    const json_t *target = doc_at(c->scaler, "spec", "scaleTargetRef");

    return str_eq(doc_string(target, "kind"), "Deployment") && str_eq(doc_string(target, "name"), deployment);
}

static int count_at(const json_t *map, const char *key, int otherwise)
{
    int64_t count = doc_int(json_object_get(map, key), otherwise);

    return count < 0 || count > INT32_MAX ? otherwise : (int)count;
}

/* Why it cannot be followed, owned by the caller; NULL: it can, or there is none. */
static char *find_obstacle(const struct canary *c)
{
    char *text;

    if (!declared(c))
        return NULL;
    text = canary_unreadable(c, PLAN_WATCH_SCALERS, "HorizontalPodAutoscalers");
    if (text)
        return text;
    if (!c->scaler)
        return str_printf(
            "there is no HorizontalPodAutoscaler %s/%s, which spec.autoscalerRef names", c->ns, canary_scaler_name(c));
    if (!scales(c, c->spec->target.name) && !scales(c, c->primary_name))
        return str_printf(
            "HorizontalPodAutoscaler %s/%s, which spec.autoscalerRef names, does not scale Deployment %s",
            c->ns,
            canary_scaler_name(c),
            c->spec->target.name);
    if (doc_int(doc_at(c->scaler, "spec", "minReplicas"), 1) < 1)
        return str_printf(
            "HorizontalPodAutoscaler %s/%s has minReplicas 0, and may leave the primary without replicas: write 1, or "
            "more",
            c->ns,
            canary_scaler_name(c));
    return NULL;
}

void canary_observe_scaler(struct canary *c)
{
    const char *name = canary_scaler_name(c);

    c->scaler_object = name ? kube_cache_get(c->in->observed, mesh_kind(KIND_TARGET_AUTOSCALER), c->ns, name) : NULL;
    c->scaler = c->scaler_object ? kube_object_parse(c->scaler_object) : NULL;
    c->scaler_obstacle = find_obstacle(c);
}

char *canary_scaler_trouble(const struct canary *c)
{
    const json_t *active = doc_find(doc_at(c->scaler, "status", "conditions"), "type", "ScalingActive");

    if (!str_eq(doc_string(active, "status"), "False") || !str_eq(doc_string(active, "reason"), "AmbiguousSelector"))
        return NULL;
    return str_printf(
        "HorizontalPodAutoscaler %s/%s does nothing but keep to its limits, as another one selects the same pods "
        "(AmbiguousSelector)",
        c->ns,
        canary_scaler_name(c));
}

struct canary_bounds canary_scaler_bounds(const struct canary *c)
{
    const json_t *spec = doc_at(c->scaler, "spec");
    int least = count_at(spec, "minReplicas", 1);

    if (!spec || c->scaler_obstacle)
        return (struct canary_bounds){0};
    return (struct canary_bounds){.least = least, .most = count_at(spec, "maxReplicas", least)};
}

/* Requests get to the target's Pods. */
static bool is_shifted(const struct canary_state *s)
{
    return s->weight || s->match;
}

const char *canary_scaler_wanted(const struct canary *c, bool is_over)
{
    const char *target = c->spec->target.name;
    bool is_in_use = declared(c) && str_eq(declared(c), led(c)) && c->observed.phase > CANARY_INITIALIZING;

    if (is_over || !is_in_use || (is_shifted(&c->observed) && is_shifted(&c->next)))
        return scales(c, c->primary_name) ? target : NULL;
    return scales(c, target) ? c->primary_name : NULL;
}

/* The primary is given what the target has, as its autoscaler is there. */
static bool is_followed(const struct canary *c)
{
    return (c->observed.phase <= CANARY_INITIALIZING || is_shifted(&c->observed)) && !scales(c, c->primary_name);
}

static void record_floor(const struct canary *c, json_t *data)
{
    const struct canary_state *s = &c->observed;
    int floor = canary_recorded_floor(data);

    if (canary_is_idle(s->phase) || !canary_has_scaler(c)) {
        json_object_del(data, RECORD_FLOOR);
        return;
    }
    if (is_followed(c))
        floor = c->facts.target_replicas > floor ? c->facts.target_replicas : floor;
    else if (s->phase == CANARY_PROGRESSING && !is_shifted(s))
        floor = c->facts.primary_replicas;
    if (floor != canary_recorded_floor(data))
        json_object_set_new(data, RECORD_FLOOR, json_sprintf("%d", floor));
}

void canary_record_scaler(const struct canary *c, json_t *data)
{
    if (!led(c) && c->scaler && !c->scaler_obstacle)
        json_object_set_new(data, RECORD_SCALER, json_string(declared(c)));
    else if (led(c) && !str_eq(led(c), declared(c)) && is_read(c) && !scales(c, c->primary_name))
        json_object_del(data, RECORD_SCALER);
    /* Where nothing scales the primary any more, it keeps what it has. */
    if (led(c) && !declared(c) && c->facts.primary_replicas)
        json_object_set_new(data, RECORD_REPLICAS, json_sprintf("%d", c->facts.primary_replicas));
    record_floor(c, data);
}

int canary_primary_replicas(const struct canary *c, const json_t *record_data)
{
    const struct canary_bounds bounds = canary_scaler_bounds(c);
    int has = c->facts.primary_replicas, floor = canary_recorded_floor(record_data);
    int recorded = canary_recorded_replicas(record_data), least = canary_within(bounds, floor);

    if (!canary_has_scaler(c))
        return recorded;
    /* Without replicas it would not be scaled any more. */
    if (!has)
        return canary_within(bounds, floor > recorded ? floor : recorded);
    return has < least && is_followed(c) ? least : -1;
}
