/*
 * What must hold of a release, judged by what the server, Prometheus and the clients saw.
 */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "world_impl.h"

#define ROLE "canary.istio.banzaicloud.io/role"

/* How long an operator may go by a spec that was edited, or what a hand did may still be felt. */
static const msec_t LIMITS_FELT = SECONDS(90), RIVAL_UNHEARD = SECONDS(120), EDIT_FELT = SECONDS(600),
                    HAND_FELT = SECONDS(40), UNDER_WAY = SECONDS(2);

void rules_init(struct rules *r)
{
    *r = (struct rules){.weight = -1, .live = -1, .zero = MSEC_NEVER, .apex = MSEC_NEVER, .rival = MSEC_NEVER};
}

static const json_t *get(struct world *w, const char *group, const char *plural, const char *name)
{
    return ground_get(&w->ground, group, plural, name);
}

/* --- what users' hands did --- */

void rules_hand(struct world *w, unsigned hand)
{
    w->rules.hands |= hand;
    if (hand & HAND_PRIMARY)
        w->rules.floor = 0;
    w->rules.excused = world_now(w) + HAND_FELT;
}

/* An operator put something right: what the hand did is felt for a while. */
static void mend(struct world *w, unsigned hand)
{
    if (!(w->rules.hands & hand))
        return;
    w->rules.hands &= ~hand;
    w->rules.excused = world_now(w) + HAND_FELT;
}

void rules_forgive(struct world *w)
{
    /* What a Canary let go is the users' own: no operator puts it right. */
    if (w->users.has_orphans)
        return;
    w->rules.hands = 0;
    w->rules.excused = world_now(w) + w->ground.lag + w->ground.times.endpoints; /* proxies may still go by it */
}

static bool is_excused(const struct world *w)
{
    return w->rules.hands || world_now(w) < w->rules.excused;
}

static int64_t replicas_in(const json_t *deployment)
{
    return doc_int(doc_at(deployment, "spec", "replicas"), 1);
}

/* None of a version's Pods may be ready. */
static bool has_no_pods(const struct world *w, int version)
{
    return w->ground.sorts[version] == SORT_CRASHING || w->ground.sorts[version] == SORT_STUCK;
}

/* --- checks --- */

void rules_answered(struct world *w, enum prometheus_value what, const struct prometheus_answer *answer)
{
    struct rules *r = &w->rules;

    r->answers[r->answer_count % ANSWERS].what = what;
    r->answers[r->answer_count++ % ANSWERS].answer = *answer;
}

static bool passes_no_data(const struct spec *s)
{
    return str_eq(s->no_traffic, "Pass");
}

/* Whether two answers of one check are of few requests, or of good ones. */
static bool is_good(const struct spec *s, enum prometheus_value what, const struct prometheus_answer *all,
                    const struct prometheus_answer *other)
{
    double requests = all->none ? 0 : all->value, failed = other->none ? 0 : other->value;

    if (requests < s->least || requests <= 0)
        return passes_no_data(s);
    if (what == VALUE_DURATION)
        return other->none ? passes_no_data(s) : other->value <= 500;
    return failed <= requests && (requests - failed) / requests * 100 >= 99;
}

/* Whether a metric was found good at some time since then, over a window that lies behind it. */
static bool has_passed(const struct world *w, const struct spec *s, enum prometheus_value what)
{
    const struct rules *r = &w->rules;
    size_t first = r->answer_count < ANSWERS ? 0 : r->answer_count - ANSWERS;

    for (size_t i = first; i < r->answer_count; i++)
        for (size_t k = first; k < r->answer_count; k++) {
            const struct prometheus_answer *all = &r->answers[i % ANSWERS].answer,
                                           *other = &r->answers[k % ANSWERS].answer;
            if (r->answers[i % ANSWERS].what == VALUE_ALL && r->answers[k % ANSWERS].what == what &&
                all->at - s->window >= r->since && other->at - s->window >= r->since && is_good(s, what, all, other))
                return true;
        }
    return false;
}

static bool step_has_passed(const struct world *w, const struct spec *s)
{
    bool in_time = world_now(w) >= w->rules.since + s->interval;

    /* An answer that is none at all counts as no data there. */
    if (passes_no_data(s) && w->prometheus >= PROMETHEUS_EMPTY && w->prometheus <= PROMETHEUS_NAN)
        return true;
    return in_time && (!s->has_rate || has_passed(w, s, VALUE_FAILED)) &&
           (!s->has_duration || has_passed(w, s, VALUE_DURATION));
}

static int next_weight(const struct spec *s, int weight)
{
    for (size_t i = 0; i < s->step_count; i++)
        if (s->steps[i] > weight)
            return s->steps[i];
    return weight;
}

static bool is_former_felt(const struct world *w)
{
    return world_now(w) < w->users.edited + EDIT_FELT;
}

/* By the spec as it is, or as it was a while ago. */
static bool step_passed_by_either(const struct world *w)
{
    return step_has_passed(w, &w->users.spec) || (is_former_felt(w) && step_has_passed(w, &w->users.former));
}

static int next_by_either(const struct world *w, int weight)
{
    int next = next_weight(&w->users.spec, weight), former = next_weight(&w->users.former, weight);

    return is_former_felt(w) && former > next ? former : next;
}

static int last_weight(const struct world *w)
{
    const struct spec *s = &w->users.spec, *f = &w->users.former;
    int last = s->steps[s->step_count - 1], former = f->steps[f->step_count - 1];

    return is_former_felt(w) && former < last ? former : last;
}

/* --- writes --- */

static bool is_longer_than(const struct world *w, msec_t since, msec_t time)
{
    return since != MSEC_NEVER && world_now(w) - since >= time;
}

/* Of the ReplicaSet that the canary's Service selects. */
static int canary_version(struct world *w)
{
    const char *hash = doc_string(get(w, "", "services", SHOP_CANARY), "spec", "selector", "pod-template-hash");
    _cleanup_free_ char *name = str_printf("%s-%s", SHOP, str_or(hash, ""));

    return apps_version(get(w, "apps", "replicasets", name));
}

/* Before the first weight, by the spec as it is and as it was. */
static bool expects_testers(const struct world *w)
{
    return w->users.spec.testers && (!is_former_felt(w) || w->users.former.testers);
}

/* Requests of testers are set apart. */
static void check_match(struct world *w, int match)
{
    struct rules *r = &w->rules;

    if (!w->users.spec.testers && !(is_former_felt(w) && w->users.former.testers))
        world_fail(w, "%d %% of the requests of testers are set apart, and the Canary does not say so", match);
    r->run = canary_version(w);
    if (!r->approved[r->run])
        rules_check_rise(w, 0);
}

static void check_rise(struct world *w, int weight)
{
    struct rules *r = &w->rules;
    int before = r->weight;

    if (before <= 0) {
        r->run = canary_version(w);
        /* Those that match had it before, where the spec says so. */
        if (!r->approved[r->run] && expects_testers(w) && (!r->match || !step_passed_by_either(w)))
            world_fail(w, "version %d gets %d %% without a check of those that match that passed", r->run, weight);
        if (!r->approved[r->run] && weight > next_by_either(w, 0))
            world_fail(w, "version %d gets %d %% as its first weight", r->run, weight);
    } else if (!r->approved[r->run] && weight > next_by_either(w, before)) {
        world_fail(w, "the weight rises from %d to %d, and the next step is %d", before, weight,
                   next_by_either(w, before));
    } else if (!r->approved[r->run] && !step_passed_by_either(w)) {
        world_fail(w, "the weight rises from %d to %d without a check of that step that passed", before, weight);
    }
    if (!r->approved[r->run])
        rules_check_rise(w, before);
    /* From a primary that does not become ready the traffic is led to good Pods, whatever counts then. */
    if (!r->approved[r->run] && is_longer_than(w, r->rival, RIVAL_UNHEARD))
        world_fail(w, "the weight rises from %d to %d, and another VirtualService has the host", before, weight);
}

static bool is_allowed(const struct world *w, int version)
{
    const struct rules *r = &w->rules;

    return r->approved[version] || r->commanded[version] || w->users.spec.skips ||
           (is_former_felt(w) && w->users.former.skips);
}

static bool may_promote(const struct world *w, int version)
{
    const struct rules *r = &w->rules;

    if (is_allowed(w, version))
        return true;
    return version == r->run && r->weight >= last_weight(w) && step_passed_by_either(w);
}

/* Of a VirtualService of which only a route's destinations are the Canary's: all else. Owned by the caller. */
static json_t *rest_of(const json_t *route)
{
    json_t *rest = doc_copy(doc_at(route, "spec")), *last;
    const size_t count = json_array_size(doc_at(rest, "http"));

    last = count ? json_array_get(doc_at(rest, "http"), count - 1) : NULL;
    if (str_eq(doc_string(last, "name"), SHOP))
        json_object_del(last, "route");
    return rest;
}

static void check_rest(struct world *w, const json_t *before, const json_t *after)
{
    _cleanup_json_ json_t *was = rest_of(before), *is = rest_of(after);

    if (!before || !after)
        world_fail(w, "an operator creates or deletes the users' VirtualService");
    else if (!json_equal(was, is))
        world_fail(w, "an operator changes more of the users' VirtualService than destinations and weights");
}

static void route_written(struct world *w, enum who who, const json_t *before, const json_t *after)
{
    struct rules *r = &w->rules;
    int weight = traffic_weight(after);

    int match = traffic_match(after);

    r->live = weight;
    r->match = match;
    r->reaches = traffic_reaches_canary(after);
    if (weight < 0 || r->reaches)
        r->zero = MSEC_NEVER;
    else if (r->zero == MSEC_NEVER)
        r->zero = world_now(w);
    if (who != WHO_OPERATOR)
        return;
    mend(w, HAND_ROUTE);
    if (w->users.spec.refers)
        check_rest(w, before, after);
    if (weight == r->weight && match == r->led)
        return;
    if ((weight > 0 || match) && r->weight <= 0 && !r->led) {
        r->floor = replicas_in(get(w, "apps", "deployments", SHOP_PRIMARY));
        r->shifted = world_now(w);
    }
    if (match > r->led)
        check_match(w, match);
    if (weight > 0 && weight > r->weight)
        check_rise(w, weight);
    /* It may be promoted, and its promotion be under way, while the Canary is deleted. */
    if (r->weight > 0 && weight < r->weight && may_promote(w, r->run))
        r->approved[r->run] = true;
    world_say(w, "   # weight %d -> %d", r->weight, weight);
    r->weight = weight;
    r->led = match;
    r->since = world_now(w);
}

/*
 * What the autoscaler wrote is left, but for the steps from none and to none; and where it scales the target the
 * primary may grow, by a write that was sent then.
 */
static void check_scaling(struct world *w, enum who who, bool is_primary, const json_t *before, const json_t *after)
{
    int64_t from = replicas_in(before), to = replicas_in(after), least, most, floor = w->rules.floor;
    const char *whose = is_primary ? "primary" : "target";
    bool is_led, may_grow;

    if (!w->users.is_scaled || !before || !after || from == to)
        return;
    scaler_limits(w->ground.server, SHOP, &least, &most);
    is_led = scaler_scales(w->ground.server, SHOP, SHOP_PRIMARY);
    if (is_primary && to && to < from && to < floor && to < most && w->rules.live > 0 && !is_excused(w) &&
        (!is_led || world_now(w) >= w->rules.shifted + LIMITS_FELT))
        world_fail(w, "the primary shrinks to %" PRId64 " replicas during a release, which began with %" PRId64, to,
                   floor);
    if (who != WHO_OPERATOR || (!to && !is_primary))
        return;
    may_grow = !is_led || w->rules.live > 0 || world_now(w) < w->rules.led_back + UNDER_WAY;
    if (from && !(is_primary && to > from && may_grow))
        world_fail(w, "an operator turns the replicas of the %s from %" PRId64 " to %" PRId64, whose, from, to);
    else if (!from && world_now(w) >= w->rules.limits && (to < least || to > most))
        world_fail(w, "an operator gives the %s %" PRId64 " replicas, and its autoscaler wants %" PRId64 " to %" PRId64,
                   whose, to, least, most);
}

static void primary_written(struct world *w, enum who who, const json_t *before, const json_t *after)
{
    struct rules *r = &w->rules;
    int from = apps_version(before), to = apps_version(after);

    check_scaling(w, who, true, before, after);
    /* What was deleted does not come back by a version that is never ready. */
    if (who == WHO_OPERATOR && !has_no_pods(w, to))
        mend(w, HAND_PRIMARY);
    if (from == to || !to)
        return;
    /* Until something leads there, it is of what served before. */
    if (before && r->live >= 0 && who == WHO_OPERATOR && !may_promote(w, to))
        world_fail(w, "the primary gets version %d, whose checks did not all pass", to);
    if (before && r->live >= 0 && who == WHO_OPERATOR && !is_allowed(w, to))
        rules_check_promotion(w, to);
    r->approved[to] = true;
    w->report->promoted += before != NULL;
    if (w->ground.sorts[to] == SORT_CRASHING)
        r->crashing = MSEC_NEVER;
    else if (r->crashing == MSEC_NEVER)
        r->crashing = world_now(w) + EDIT_FELT;
    world_say(w, "   # the primary gets version %d", to);
}

void rules_limits(struct world *w)
{
    w->rules.limits = world_now(w) + LIMITS_FELT;
    w->rules.floor = 0;
}

/* While it serves, a rolling update may take a quarter of them. */
static void check_capacity(struct world *w)
{
    int64_t least, most;

    if (!w->users.is_scaled || is_excused(w) || world_now(w) < w->rules.limits || world_now(w) < w->rules.crashing ||
        w->users.has_orphans || !scaler_limits(w->ground.server, SHOP, &least, &most))
        return;
    if ((int64_t)apps_ready(w->ground.apps, true) < least - least / 4)
        world_fail(w, "the primary serves with %zu ready Pods, and %" PRId64 " replicas are the least",
                   apps_ready(w->ground.apps, true), least);
}

static void target_written(struct world *w, enum who who, const json_t *before, const json_t *after)
{
    msec_t drain = SECONDS(w->users.spec.drain);

    check_scaling(w, who, false, before, after);
    if (who != WHO_OPERATOR || !before || !after)
        return;
    mend(w, HAND_TARGET);
    if (doc_int(doc_at(after, "spec", "replicas"), 1) >= doc_int(doc_at(before, "spec", "replicas"), 1))
        return;
    if (!is_excused(w) && !is_longer_than(w, w->rules.zero, drain))
        world_fail(w, "the target is scaled down, and the route did not lead to the primary for %" PRId64 " ms", drain);
    if (!is_excused(w) && !w->rules.apex_unseen && !is_longer_than(w, w->rules.apex, drain))
        world_fail(w, "the target is scaled down, and its Service did not lead to the primary for %" PRId64 " ms",
                   drain);
}

static void apex_written(struct world *w, enum who who, const json_t *after)
{
    struct rules *r = &w->rules;
    bool leads = str_eq(doc_string(after, "spec", "selector", ROLE), "primary");

    /* Until an operator puts it right it may not have heard of it. */
    r->apex_unseen = !leads && who == WHO_HUMAN;
    if (!leads)
        r->apex = MSEC_NEVER;
    else if (r->apex == MSEC_NEVER)
        r->apex = world_now(w);
}

static void scaler_written(struct world *w, const json_t *before, const json_t *after)
{
    const char *was = doc_string(before, "spec", "scaleTargetRef", "name");
    const char *is = doc_string(after, "spec", "scaleTargetRef", "name");

    if (str_eq(is, SHOP_PRIMARY) && !str_eq(was, is))
        w->rules.led_back = world_now(w);
}

/* A Canary that is deleted leaves the primary to the users, where the target did not become ready in time. */
static void check_orphan(struct world *w, const json_t *before, const json_t *after)
{
    const json_t *canary = get(w, API_GROUP, CANARIES, CANARY);
    msec_t deleted = clock_time(doc_string(canary, "metadata", "deletionTimestamp"));

    if (!after || !doc_at(before, "metadata", "ownerReferences") || doc_at(after, "metadata", "ownerReferences"))
        return;
    w->users.has_orphans = true;
    if (!deleted || SERVER_EPOCH + world_now(w) - deleted < SECONDS(w->users.spec.deadline))
        world_fail(w, "%s is let go before the deadline of the deletion", doc_string(after, "metadata", "name"));
}

void rules_changed(struct world *w, enum who who, const struct collection *kind, const json_t *before,
                   const json_t *after)
{
    const json_t *o = after ? after : before;
    const char *name = doc_string(o, "metadata", "name");

    if (!str_eq(doc_string(o, "metadata", "namespace"), SHOP_NS))
        return;
    if (who == WHO_OPERATOR)
        check_orphan(w, before, after);
    if (str_eq(kind->plural, "deployments") && str_eq(name, SHOP) && after)
        rules_declared(w, after);
    if (str_eq(kind->plural, CANARIES) && after)
        rules_recorded(w, before, after);
    if (str_eq(kind->plural, "virtualservices") && str_eq(name, SHOP))
        route_written(w, who, before, after);
    else if (str_eq(kind->plural, "deployments") && str_eq(name, SHOP_PRIMARY))
        primary_written(w, who, before, after);
    else if (str_eq(kind->plural, "deployments") && str_eq(name, SHOP))
        target_written(w, who, before, after);
    else if (str_eq(kind->plural, "services") && str_eq(name, SHOP))
        apex_written(w, who, after);
    else if (str_eq(kind->plural, "horizontalpodautoscalers") && str_eq(name, SHOP))
        scaler_written(w, before, after);
    else if (str_eq(kind->plural, "services") && str_eq(name, SHOP_CANARY) && who == WHO_OPERATOR)
        mend(w, HAND_CANARY_SERVICE);
}

/* --- requests --- */

/* A version that has no Pods, or loses them, is nobody's fault but its own. */
static bool is_own_fault(const struct world *w, const struct traffic_request *r)
{
    if (r->host == HOST_CANARY)
        return has_no_pods(w, w->rules.run);
    if (r->host == HOST_APEX && w->rules.apex == MSEC_NEVER &&
        (has_no_pods(w, w->users.version) || has_no_pods(w, w->users.before)))
        return true;
    return world_now(w) < w->rules.crashing;
}

static void check_version(struct world *w, const struct traffic_request *request)
{
    const struct apps_pod *pod = request->pod;
    const struct rules *r = &w->rules;
    static const char *const hosts[HOST_COUNT] = {SHOP, SHOP_PRIMARY, SHOP_CANARY};

    if (r->approved[pod->version] || (request->host == HOST_CANARY && (pod->version == r->run || is_excused(w))))
        return;
    /* Before the Service leads to the primary, or where it does not any more, the target serves as it ever did. */
    if (request->host == HOST_APEX && !pod->is_primary &&
        !is_longer_than(w, r->apex, w->ground.lag + w->ground.times.endpoints))
        return;
    world_fail(w, "version %d, which passed no check, serves a request to %s", pod->version, hosts[request->host]);
}

/* Clients stay at the version that they were at, and none is left behind where a release has ended. */
static void check_where(struct world *w, const struct traffic_request *request)
{
    if (is_excused(w))
        return;
    w->report->stayed += request->stays;
    w->report->matched += request->is_tester && request->host == HOST_CANARY && w->rules.match;
    if (request->stays && request->host != HOST_CANARY)
        world_fail(w, "a client with the cookie of this release does not stay at the new version");
    if (request->host == HOST_CANARY && is_longer_than(w, w->rules.zero, w->ground.lag))
        world_fail(w, "a request goes to the canary, and for %" PRId64 " ms nothing has led there",
                   world_now(w) - w->rules.zero);
}

void rules_request(struct world *w, const struct traffic_request *request)
{
    static const char *const hosts[HOST_COUNT] = {SHOP, SHOP_PRIMARY, SHOP_CANARY};

    w->report->served++;
    if (request->host == HOST_PRIMARY)
        check_capacity(w);
    check_where(w, request);
    if (request->fate != FATE_LOST) {
        check_version(w, request);
        return;
    }
    w->report->lost++;
    if (!is_excused(w) && !is_own_fault(w, request))
        world_fail(w, "a request of proxy %zu to %s is lost: %s", request->proxy, hosts[request->host], request->why);
}

/* --- the end of a release --- */

static bool has_condition(const json_t *canary, const char *type)
{
    return str_eq(doc_string(doc_find(doc_at(canary, "status", "conditions"), "type", type), "status"), "True");
}

/* Without a Canary the shop is as it was. */
static bool is_as_before(struct world *w, struct buf *why)
{
    const json_t *target = get(w, "apps", "deployments", SHOP), *route = get(w, ISTIO_GROUP, "virtualservices", SHOP);

    if (w->users.has_orphans)
        return true;
    if (get(w, "apps", "deployments", SHOP_PRIMARY))
        buf_printf(why, "there is a primary without a Canary");
    else if (get(w, "", "services", SHOP_PRIMARY) || get(w, "", "services", SHOP_CANARY))
        buf_printf(why, "there are Services of a Canary that is gone");
    else if (traffic_weight(route) >= 0 || (w->users.has_route && !route))
        buf_printf(why, "the VirtualService is not as it was before the Canary");
    else if (doc_string(get(w, "", "services", SHOP), "spec", "selector", ROLE))
        buf_printf(why, "the Service selects by the role still");
    else if (w->users.is_scaled && !scaler_scales(w->ground.server, SHOP, SHOP))
        buf_printf(why, "the autoscaler does not scale the target");
    else if (target && doc_int(doc_at(target, "spec", "replicas"), 0) == 0)
        buf_printf(why, "the target has no replicas");
    else if (target && doc_bool(doc_at(target, "spec", "paused"), false))
        buf_printf(why, "the target is paused");
    else if (target && !has_no_pods(w, w->users.version) && !apps_ready(w->ground.apps, false))
        buf_printf(why, "the target has no ready Pods");
    return !why->len;
}

bool rules_settled(struct world *w, struct buf *why)
{
    const json_t *canary = get(w, API_GROUP, CANARIES, CANARY), *status = doc_at(canary, "status"),
                 *target = get(w, "apps", "deployments", SHOP), *primary = get(w, "apps", "deployments", SHOP_PRIMARY);
    const char *phase = str_or(doc_string(status, "phase"), "none");
    int64_t weight = doc_int(doc_at(status, "canaryWeight"), -1);
    bool is_promoted = apps_version(primary) == w->users.version;

    if (!canary)
        return is_as_before(w, why);
    if (doc_at(canary, "metadata", "deletionTimestamp"))
        buf_printf(why, "the Canary is being deleted (%s)", str_or(doc_string(status, "message"), ""));
    else if (str_eq(phase, "Initializing") && has_condition(canary, "Held") &&
             w->ground.sorts[w->users.version] == SORT_STUCK)
        /* There is no version yet to which it could go back. */
        return true;
    else if (!str_eq(phase, "Initialized") && !str_eq(phase, "Succeeded") && !str_eq(phase, "Failed"))
        buf_printf(why, "phase %s, reason %s, %s%s", phase, str_or(doc_string(status, "reason"), "none"),
                   has_condition(canary, "Held") ? "held, " : "", str_or(doc_string(status, "message"), ""));
    else if (is_promoted == str_eq(phase, "Failed"))
        buf_printf(why, "phase %s, the primary has version %d, and the target %d", phase, apps_version(primary),
                   w->users.version);
    else if (str_eq(phase, "Failed") && !doc_string(status, "reason"))
        buf_printf(why, "it failed without a reason");
    else if (weight != w->rules.live)
        buf_printf(why, "status.canaryWeight is %" PRId64 ", and the live weight %d", weight, w->rules.live);
    else if (weight != 0)
        buf_printf(why, "the canary has a weight of %" PRId64 " at the end", weight);
    else if (doc_int(doc_at(target, "spec", "replicas"), -1) != 0 || doc_bool(doc_at(target, "spec", "paused"), false))
        buf_printf(why, "the target has replicas, or is paused");
    else if (w->users.is_scaled && !scaler_scales(w->ground.server, SHOP, SHOP_PRIMARY))
        buf_printf(why, "the autoscaler does not scale the primary");
    else if (doc_int(doc_at(primary, "status", "availableReplicas"), 0) <
             doc_int(doc_at(primary, "spec", "replicas"), 1))
        buf_printf(why, "the primary's Pods are not all ready");
    else if (doc_int(doc_at(status, "observedGeneration"), -1) != doc_int(doc_at(canary, "metadata", "generation"), 0))
        buf_printf(why, "the status is of another generation");
    return !why->len;
}
