/* What users do to the shop and its Canary. */
#include <stdio.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "world_impl.h"

#define COMMAND "canary.istio.banzaicloud.io/command"

static struct rng *dice(struct world *w)
{
    return &w->chaos;
}

static const json_t *get(struct world *w, const char *group, const char *plural, const char *name)
{
    return ground_get(&w->ground, group, plural, name);
}

static bool has_canary(struct world *w)
{
    return get(w, API_GROUP, CANARIES, CANARY);
}

__attribute__((format(printf, 2, 3))) static void did(struct world *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(w->users.did, sizeof(w->users.did), fmt, ap);
    va_end(ap);
}

/* --- the Canary --- */

static void choose_steps(struct world *w, struct spec *s)
{
    int weight = 0;

    s->step_count = (size_t)rng_between(dice(w), 1, 4);
    for (size_t i = 0; i < s->step_count; i++)
        s->steps[i] = weight += (int)rng_between(dice(w), 5, 100 / (int)s->step_count);
}

static void choose_spec(struct world *w, struct spec *s)
{
    static const char *const no_traffic[] = {"Hold", "Hold", "Hold", "Pass", "Fail"};

    *s = (struct spec){
        .interval = SECONDS(rng_between(dice(w), 2, 15)),
        .window = SECONDS(rng_between(dice(w), 12, 40)),
        .threshold = (int)rng_between(dice(w), 1, 3),
        .least = (int)rng_between(dice(w), 1, 20),
        .has_rate = !rng_chance(dice(w), 80),
        .has_duration = rng_chance(dice(w), 300),
        .skips = rng_chance(dice(w), 60),
        .reverts = true,
        .freezes = !rng_chance(dice(w), 200),
        .no_traffic = no_traffic[rng_below(dice(w), ARRAY_LEN(no_traffic))],
        .metrics_error = rng_chance(dice(w), 150) ? "Fail" : "Hold",
        .on_failure = rng_chance(dice(w), 150) ? "Hold" : "Rollback",
        .settle = (int)rng_between(dice(w), 1, 6),
        .drain = (int)rng_between(dice(w), 0, 12),
        .deadline = (int)rng_between(dice(w), 60, 180),
    };
    choose_steps(w, s);
    s->testers = rng_chance(&w->route_dice, 250);
    s->sticks = rng_chance(&w->route_dice, 350);
    if (rng_chance(&w->hook_dice, 350))
        s->hooks = (unsigned)rng_between(&w->hook_dice, 1, 31);
}

static json_t *webhooks(const struct spec *s)
{
    static const char *const types[] = {"confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase",
                                        "confirm-promotion"};
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (s->hooks & (1u << i))
            json_array_append_new(list, OBJECT(STRING("name", types[i]), STRING("type", types[i]),
                                               FORMAT("url", HOOKS_URL "%s", types[i]), STRING("timeout", "8s")));
    return list;
}

static json_t *metrics(const struct spec *s)
{
    json_t *list = json_array();

    if (s->has_rate)
        json_array_append_new(list, OBJECT(STRING("name", "request-success-rate"),
                                           FORMAT("interval", "%ds", (int)(s->window / 1000)),
                                           INT("minRequests", s->least), MAP("thresholdRange", INT("min", 99))));
    if (s->has_duration)
        json_array_append_new(list, OBJECT(STRING("name", "request-duration"),
                                           FORMAT("interval", "%ds", (int)(s->window / 1000)),
                                           INT("minRequests", s->least), MAP("thresholdRange", INT("max", 500))));
    return list;
}

static json_t *step_weights(const struct spec *s)
{
    json_t *weights = json_array();

    for (size_t i = 0; i < s->step_count; i++)
        json_array_append_new(weights, json_integer(s->steps[i]));
    return weights;
}

static json_t *steps(const struct spec *s)
{
    json_t *list = ARRAY(ITEM(SEQ("match", ITEM(MAP("headers", MAP(TESTER, STRING("exact", "yes")))))));

    for (size_t i = 0; i < s->step_count; i++)
        json_array_append_new(list, OBJECT(INT("weight", s->steps[i])));
    return list;
}

static json_t *spec_of(const struct world *w, const struct spec *s)
{
    return OBJECT(
        MAP("targetRef", STRING("name", SHOP)),
        MAP("service", INT("port", 80),
            OPT(s->refers, MAP("virtualServiceRef", STRING("name", SHOP), SEQ("routes", ITEM_STRING(SHOP))))),
        OPT(w->users.is_scaled, MAP("autoscalerRef", STRING("name", SHOP))), STRING("metricsServer", PROMETHEUS_URL),
        MAP("analysis", FORMAT("interval", "%ds", (int)(s->interval / 1000)), INT("threshold", s->threshold),
            OPT(!s->testers, VALUE("stepWeights", step_weights(s))), OPT(s->testers, VALUE("steps", steps(s))),
            OPT(s->sticks, MAP("sessionAffinity", STRING("cookieName", STAYS), STRING("primaryCookieName", LEFT))),
            VALUE("metrics", metrics(s)), VALUE("webhooks", webhooks(s)), STRING("noTrafficPolicy", s->no_traffic),
            STRING("metricsErrorPolicy", s->metrics_error), STRING("onFailure", s->on_failure)),
        INT("settleSeconds", s->settle), INT("drainSeconds", s->drain), INT("progressDeadlineSeconds", s->deadline),
        BOOL("skipAnalysis", s->skips), BOOL("suspend", s->suspended), BOOL("freezeTarget", s->freezes));
}

/*
 * Proxies are behind by what the Canary allows for, and Pods end no sooner than all know. Endpoints may be far behind:
 * the operator sees them.
 */
static void choose_lags(struct world *w)
{
    const msec_t settle = SECONDS(w->users.spec.settle);
    struct ground *g = &w->ground;

    g->lag = rng_between(dice(w), settle / 2, settle - 60);
    g->times.endpoints = rng_between(dice(w), 10, settle - g->lag + SECONDS(w->users.spec.drain));
    g->times.grace = g->lag + g->times.endpoints + SECONDS(rng_between(dice(w), 1, 10));
}

void users_create_canary(struct world *w)
{
    /* A primary that was left behind is in the way. */
    if (has_canary(w) || w->users.has_orphans)
        return;
    w->users.former = w->users.spec;
    w->users.edited = world_now(w);
    ground_create(&w->ground, API_GROUP, CANARIES,
                  OBJECT(MAP("metadata", STRING("name", CANARY)), VALUE("spec", spec_of(w, &w->users.spec))));
    did(w, "create the Canary");
}

void users_delete_canary(struct world *w)
{
    ground_delete(&w->ground, API_GROUP, CANARIES, CANARY);
    did(w, "delete the Canary");
}

static void edit_canary(struct world *w, struct spec changed)
{
    w->users.former = w->users.spec;
    w->users.spec = changed;
    w->users.edited = world_now(w);
    ground_patch(&w->ground, API_GROUP, CANARIES, CANARY, OBJECT(VALUE("spec", spec_of(w, &changed))));
}

static void edit_steps(struct world *w)
{
    struct spec changed = w->users.spec;

    choose_steps(w, &changed);
    if (rng_chance(dice(w), 300))
        changed.window = SECONDS(rng_between(dice(w), 12, 40));
    edit_canary(w, changed);
    did(w, "edit the steps: %zu, the first of %d %%", changed.step_count, changed.steps[0]);
}

void users_suspend(struct world *w, bool suspended)
{
    struct spec changed = w->users.spec;

    changed.suspended = suspended;
    if (suspended != w->users.spec.suspended)
        edit_canary(w, changed);
    did(w, suspended ? "suspend the Canary" : "resume the Canary");
}

static void toggle_suspend(struct world *w)
{
    users_suspend(w, !w->users.spec.suspended);
}

void users_command(struct world *w, const char *verb)
{
    if (str_eq(verb, "promote")) {
        /* Whichever the operator knows of. */
        w->rules.commanded[w->users.version] = true;
        w->rules.commanded[w->users.before] = true;
        w->rules.commanded[w->rules.run] = true;
    }
    ground_patch(&w->ground, API_GROUP, CANARIES, CANARY,
                 OBJECT(MAP("metadata", MAP("annotations", FORMAT(COMMAND, "%s@%u", verb, ++w->users.tokens)))));
    did(w, "command %s", verb);
}

static void any_command(struct world *w)
{
    static const char *const verbs[] = {"abort", "abort", "promote", "retry", "retry", "approve"};

    users_command(w, verbs[rng_below(dice(w), ARRAY_LEN(verbs))]);
}

/* --- versions --- */

static void declare(struct world *w, int version)
{
    /* Without that the target rolls while it has traffic, until the operator takes it away. */
    if (!w->users.spec.freezes && w->rules.reaches)
        rules_hand(w, HAND_ROUTE);
    w->users.before = w->users.version;
    w->users.version = version;
    ground_patch(
        &w->ground, "apps", "deployments", SHOP,
        OBJECT(MAP("spec",
                   MAP("template", MAP("spec", SEQ("containers", ITEM(STRING("name", SHOP),
                                                                      FORMAT("image", SHOP_IMAGE "%d", version))))))));
}

void users_release(struct world *w, enum sort sort)
{
    static const char *const names[SORT_COUNT] = {"good", "failing", "slow", "stuck", "crashing"};
    struct users *u = &w->users;

    if (!u->version || u->versions + 1 >= VERSIONS_MAX)
        return;
    w->ground.sorts[++u->versions] = sort;
    declare(w, u->versions);
    did(w, "declare version %d, which is %s", u->version, names[sort]);
}

static void release_good(struct world *w)
{
    users_release(w, SORT_GOOD);
}

static void release_bad(struct world *w)
{
    users_release(w, (enum sort)rng_between(dice(w), SORT_GOOD + 1, SORT_COUNT - 1));
}

static void go_back(struct world *w)
{
    int promoted = apps_version(get(w, "apps", "deployments", SHOP_PRIMARY));

    if (!w->users.version)
        return;
    declare(w, promoted && rng_chance(dice(w), 700) ? promoted : (int)rng_between(dice(w), 1, w->users.versions));
    did(w, "go back to version %d", w->users.version);
}

/* --- what others do to the objects --- */

static void scale(struct world *w)
{
    int replicas = (int)rng_between(dice(w), rng_chance(dice(w), 150) ? 0 : 1, 5);

    if (replicas)
        w->users.replicas = replicas;
    else
        rules_hand(w, HAND_TARGET);
    ground_patch(&w->ground, "apps", "deployments", SHOP, OBJECT(MAP("spec", INT("replicas", replicas))));
    did(w, "scale the target to %d", replicas);
}

static json_t *autoscaler(struct world *w)
{
    int least = (int)rng_between(dice(w), 1, 4);

    return OBJECT(MAP("metadata", STRING("name", SHOP)),
                  MAP("spec", INT("minReplicas", least), INT("maxReplicas", rng_between(dice(w), least, 7)),
                      MAP("scaleTargetRef", STRING("apiVersion", "apps/v1"), STRING("kind", "Deployment"),
                          STRING("name", SHOP))));
}

static void edit_limits(struct world *w)
{
    if (!w->users.is_scaled)
        return;
    rules_limits(w);
    ground_patch(&w->ground, "autoscaling", "horizontalpodautoscalers", SHOP, autoscaler(w));
    did(w, "edit the limits of the autoscaler");
}

/* Of the last route. */
static void edit_weights(struct world *w)
{
    const json_t *route = get(w, ISTIO_GROUP, "virtualservices", SHOP);
    int weight = (int)rng_between(dice(w), 0, 100);
    json_t *http, *last;

    if (traffic_weight(route) < 0)
        return;
    rules_hand(w, HAND_ROUTE);
    http = doc_copy(doc_at(route, "spec", "http"));
    last = json_array_get(http, json_array_size(http) - 1);
    json_object_set_new(last, "route",
                        ARRAY(ITEM(MAP("destination", STRING("host", SHOP_PRIMARY)), INT("weight", 100 - weight)),
                              ITEM(MAP("destination", STRING("host", SHOP_CANARY)), INT("weight", weight))));
    ground_patch(&w->ground, ISTIO_GROUP, "virtualservices", SHOP, OBJECT(MAP("spec", VALUE("http", http))));
    did(w, "edit the weight: %d", weight);
}

static void delete_route(struct world *w)
{
    /* One that was there before is the users' own: it does not come back by itself as it was. */
    if (w->users.has_route)
        return;
    rules_hand(w, HAND_ROUTE);
    ground_delete(&w->ground, ISTIO_GROUP, "virtualservices", SHOP);
    did(w, "delete the VirtualService");
}

void users_rival(struct world *w, bool is_there)
{
    if (is_there == (w->rules.rival != MSEC_NEVER))
        return;
    w->rules.rival = is_there ? world_now(w) : MSEC_NEVER;
    if (is_there)
        ground_create(&w->ground, ISTIO_GROUP, "virtualservices",
                      OBJECT(MAP("metadata", STRING("name", SHOP_RIVAL)),
                             MAP("spec", SEQ("hosts", ITEM_STRING(SHOP)),
                                 SEQ("http", ITEM(SEQ("route", ITEM(MAP("destination", STRING("host", SHOP)))))))));
    else
        ground_delete(&w->ground, ISTIO_GROUP, "virtualservices", SHOP_RIVAL);
    world_say(w, "(another VirtualService of the host is %s)", is_there ? "there" : "gone");
}

static void edit_selector(struct world *w)
{
    ground_patch(&w->ground, "", "services", SHOP,
                 OBJECT(MAP("spec", MAP("selector", NIL("canary.istio.banzaicloud.io/role")))));
    did(w, "edit the selector of the Service");
}

/* The Service and the target, as a repository has them. */
static void apply_again(struct world *w)
{
    ground_patch(&w->ground, "apps", "deployments", SHOP, OBJECT(MAP("spec", INT("replicas", w->users.replicas))));
    edit_selector(w);
    did(w, "apply the target and its Service again");
}

static void scale_primary(struct world *w)
{
    int replicas = (int)rng_between(dice(w), 0, 4);

    rules_hand(w, HAND_PRIMARY);
    ground_patch(&w->ground, "apps", "deployments", SHOP_PRIMARY, OBJECT(MAP("spec", INT("replicas", replicas))));
    did(w, "scale the primary to %d", replicas);
}

static void delete_primary(struct world *w)
{
    rules_hand(w, HAND_PRIMARY);
    ground_delete(&w->ground, "apps", "deployments", SHOP_PRIMARY);
    did(w, "delete the primary");
}

static void delete_canary_service(struct world *w)
{
    rules_hand(w, HAND_CANARY_SERVICE);
    ground_delete(&w->ground, "", "services", SHOP_CANARY);
    did(w, "delete the Service of the canary");
}

static void evict(struct world *w)
{
    bool primary = rng_chance(dice(w), 500);

    rules_hand(w, 0);
    apps_evict(w->ground.apps, primary, (size_t)rng_between(dice(w), 1, 5));
    did(w, "evict Pods of the %s", primary ? "primary" : "target");
}

static void delete_target(struct world *w)
{
    rules_hand(w, HAND_TARGET);
    ground_delete(&w->ground, "apps", "deployments", SHOP);
    w->users.version = 0;
    did(w, "delete the target");
}

static bool has_replicas(const struct world *w, const char *deployment)
{
    return doc_int(doc_at(ground_get(&w->ground, "apps", "deployments", deployment), "spec", "replicas"), 0) > 0;
}

void users_switch_on(struct world *w)
{
    if (!has_replicas(w, SHOP) && !has_replicas(w, SHOP_PRIMARY))
        ground_patch(&w->ground, "apps", "deployments", SHOP, OBJECT(MAP("spec", INT("replicas", w->users.replicas))));
}

void users_create_target(struct world *w)
{
    if (w->users.version)
        return;
    w->users.version = (int)rng_between(dice(w), 1, w->users.versions);
    ground_create(
        &w->ground, "apps", "deployments",
        OBJECT(MAP("metadata", STRING("name", SHOP)),
               MAP("spec", INT("replicas", w->users.replicas), MAP("selector", MAP("matchLabels", STRING("app", SHOP))),
                   VALUE("template", ground_template(w->users.version)))));
    did(w, "create the target again, with version %d", w->users.version);
}

/* --- what is around --- */

static void change_prometheus(struct world *w)
{
    w->prometheus = w->prometheus == PROMETHEUS_WORKS
                        ? (enum prometheus_state)rng_between(dice(w), PROMETHEUS_WORKS + 1, PROMETHEUS_STATES - 1)
                        : PROMETHEUS_WORKS;
    did(w, "(Prometheus: state %d)", w->prometheus);
}

static void change_traffic(struct world *w)
{
    static const unsigned rates[] = {0, 1, 5, 10, 20};

    w->ground.rate = rates[rng_below(dice(w), ARRAY_LEN(rates))];
    did(w, "(%u requests a second)", w->ground.rate);
}

/* How often each happens, relative to the others. */
static const struct {
    unsigned often;
    void (*act)(struct world *w);
} deeds[] = {
    {20, release_good},       {12, release_bad},          {8, go_back},
    {14, any_command},        {4, toggle_suspend},        {7, scale},
    {4, edit_weights},        {2, delete_route},          {2, edit_selector},
    {2, scale_primary},       {1, delete_primary},        {3, evict},
    {4, edit_steps},          {1, delete_canary_service}, {1, delete_target},
    {3, users_delete_canary}, {10, change_prometheus},    {6, change_traffic},
    {3, apply_again},         {4, edit_limits},
};

void users_act(struct world *w)
{
    unsigned all = 0, at, i = 0;

    if (!w->users.version && rng_chance(dice(w), 400)) {
        users_create_target(w);
        return;
    }
    if (!has_canary(w) && rng_chance(dice(w), 400)) {
        users_create_canary(w);
        return;
    }
    for (size_t k = 0; k < ARRAY_LEN(deeds); k++)
        all += deeds[k].often;
    at = (unsigned)rng_below(dice(w), all);
    for (; at >= deeds[i].often; i++)
        at -= deeds[i].often;
    did(w, "nothing");
    deeds[i].act(w);
}

/* The shop is open, and has a route of its own in some seeds. */
void users_begin(struct world *w)
{
    struct users *u = &w->users;

    *u = (struct users){.version = 1, .versions = 1, .replicas = (int)rng_between(dice(w), 1, 4)};
    choose_spec(w, &u->spec);
    u->former = u->spec;
    choose_lags(w);
    ground_open_shop(&w->ground, u->replicas);
    u->is_scaled = rng_chance(dice(w), 400);
    if (u->is_scaled)
        ground_create(&w->ground, "autoscaling", "horizontalpodautoscalers", autoscaler(w));
    u->has_route = rng_chance(dice(w), 300);
    if (!u->has_route)
        return;
    if (rng_chance(&w->route_dice, 400)) {
        u->spec.refers = true;
        u->spec.testers = u->spec.sticks = false;
        u->former = u->spec;
    }
    ground_create(
        &w->ground, ISTIO_GROUP, "virtualservices",
        OBJECT(MAP("metadata", STRING("name", SHOP)),
               MAP("spec", SEQ("hosts", ITEM_STRING(SHOP)),
                   SEQ("http",
                       OPT(u->spec.refers,
                           ITEM(STRING("name", "old"), SEQ("match", ITEM(MAP("uri", STRING("prefix", "/old")))),
                                SEQ("route", ITEM(MAP("destination", STRING("host", "old")))))),
                       ITEM(STRING("name", SHOP), STRING("timeout", "7s"),
                            SEQ("route", ITEM(MAP("destination", STRING("host", SHOP)))))))));
}
