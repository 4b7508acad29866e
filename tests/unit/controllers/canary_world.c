#include "canary_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/canary/canary_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/reconciler.h"

#define STEPS_MAX 2000
#define START SECONDS(1545000000)

static json_t *json(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    assert_non_null(value);
    return value;
}

json_t *canary_world_view(struct canary_world *cw, enum mesh_kind_id kind, const char *name)
{
    const struct kube_object *o = kube_cache_get(cw->w.cache, mesh_kind(kind), APP_NS, name);

    return o ? kube_object_parse(o) : NULL;
}

static void put(struct canary_world *cw, enum mesh_kind_id kind, json_t *object)
{
    world_put_as(&cw->w, mesh_kind(kind), object);
}

static json_t *target(const char *image, int replicas)
{
    return OBJECT(
        STRING("apiVersion", "apps/v1"),
        STRING("kind", "Deployment"),
        MAP("metadata",
            STRING("name", APP),
            STRING("namespace", APP_NS),
            INT("generation", 1),
            MAP("labels", STRING("app", APP))),
        MAP("spec",
            INT("replicas", replicas),
            MAP("selector", MAP("matchLabels", STRING("app", APP))),
            MAP("template",
                MAP("metadata", MAP("labels", STRING("app", APP))),
                MAP("spec", SEQ("containers", ITEM(STRING("name", "app"), STRING("image", image)))))));
}

void canary_world_put(struct canary_world *cw, const char *spec)
{
    static const char *const usual =
        "{\"targetRef\":{\"name\":\"podinfo\"},\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\","
        "\"threshold\":2,\"stepWeights\":[10,50],\"metrics\":[{\"name\":\"request-success-rate\",\"interval\":\"10s\","
        "\"thresholdRange\":{\"min\":99}},{\"name\":\"request-duration\",\"interval\":\"10s\","
        "\"thresholdRange\":{\"max\":500}}]}}";
    json_t *canary = canary_world_view(cw, KIND_CANARY, APP);

    if (!canary)
        canary = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "Canary"),
            MAP("metadata",
                STRING("name", APP),
                STRING("namespace", APP_NS),
                INT("generation", 1),
                STRING("creationTimestamp", "2018-12-16T00:00:00Z")));
    json_object_set_new(canary, "spec", json(spec ? spec : usual));
    put(cw, KIND_CANARY, canary);
}

void canary_world_init(struct canary_world *cw, const char *spec)
{
    *cw = (struct canary_world){.memo = canary_reconciler.memo_new(), .again = MSEC_NEVER};
    world_init(&cw->w);
    cw->w.synced = ~0u;
    cw->metrics.total = 100;
    cw->metrics.milliseconds = 20;
    put(cw, KIND_TARGET_DEPLOYMENT, target("app:1", APP_REPLICAS));
    put(cw,
        KIND_TARGET_SERVICE,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Service"),
            MAP("metadata", STRING("name", APP), STRING("namespace", APP_NS)),
            MAP("spec",
                MAP("selector", STRING("app", APP)),
                SEQ("ports", ITEM(STRING("name", "http"), INT("port", 80), INT("targetPort", 8080))))));
    canary_world_put(cw, spec);
}

static void forget_answer(struct canary_world *cw, size_t i)
{
    free(cw->answers[i].key);
    free(cw->answers[i].body);
    cw->answers[i] = cw->answers[--cw->answer_count];
    cw->answers[cw->answer_count].key = cw->answers[cw->answer_count].body = NULL;
}

void canary_world_release(struct canary_world *cw)
{
    while (cw->answer_count)
        forget_answer(cw, 0);
    canary_reconciler.memo_free(cw->memo);
    world_release(&cw->w);
}

void canary_world_release_image(struct canary_world *cw, const char *image)
{
    json_t *deployment = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);
    json_t *containers = doc_at(deployment, "spec", "template", "spec", "containers");

    json_object_set_new(json_array_get(containers, 0), "image", json_string(image));
    put(cw, KIND_TARGET_DEPLOYMENT, deployment);
}

void canary_world_command(struct canary_world *cw, const char *command)
{
    json_t *canary = canary_world_view(cw, KIND_CANARY, APP);

    json_object_set_new(doc_make(canary, "metadata", "annotations"), CANARY_COMMAND, json_string(command));
    put(cw, KIND_CANARY, canary);
}

void canary_world_read(struct canary_world *cw, enum mesh_kind_id kind, bool is_read, bool fails)
{
    const struct watch_table *table = canary_reconciler.watches;
    unsigned bits = 0;

    for (size_t i = 0; i < table->len; i++)
        if (table->rows[i].kind == kind)
            bits |= table->rows[i].bit;
    assert_true(bits);
    cw->unread = is_read ? cw->unread & ~bits : cw->unread | bits;
    cw->failing = fails ? cw->failing | bits : cw->failing & ~bits;
}

void canary_world_forget(struct canary_world *cw)
{
    canary_reconciler.memo_free(cw->memo);
    cw->memo = canary_reconciler.memo_new();
}

/* --- Kubernetes' controllers --- */

static char *hash_of(const json_t *deployment)
{
    return str_printf("%08" PRIx32, (uint32_t)doc_hash(doc_at(deployment, "spec", "template")));
}

/* A ReplicaSet for a template that has none, unless the Deployment is paused. */
static char *find_set(struct canary_world *cw, const json_t *deployment, bool may_create)
{
    _cleanup_free_ char *hash = hash_of(deployment);
    char *name = str_printf("%s-%s", doc_string(deployment, "metadata", "name"), hash);
    _cleanup_json_ json_t *set = canary_world_view(cw, KIND_TARGET_REPLICA_SET, name);

    if (set || may_create)
        return name;
    free(name);
    return NULL;
}

/* True where it is another one than before. */
static bool number_set(struct canary_world *cw, json_t *deployment, const char *name)
{
    _cleanup_free_ char *hash = hash_of(deployment);
    json_t *annotations = doc_make(deployment, "metadata", "annotations"),
           *set = canary_world_view(cw, KIND_TARGET_REPLICA_SET, name);
    const char *number = doc_string(annotations, DEPLOYMENT_REVISION);

    if (set && number && str_eq(doc_string(set, "metadata", "annotations", DEPLOYMENT_REVISION), number)) {
        json_decref(set);
        return false;
    }
    json_decref(set);
    json_object_set_new(annotations, DEPLOYMENT_REVISION, json_sprintf("%d", ++cw->w.clock));
    put(cw,
        KIND_TARGET_REPLICA_SET,
        OBJECT(
            STRING("apiVersion", "apps/v1"),
            STRING("kind", "ReplicaSet"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", APP_NS),
                MAP("labels", STRING("app", APP), STRING("pod-template-hash", hash)),
                MAP("annotations", STRING(DEPLOYMENT_REVISION, doc_string(annotations, DEPLOYMENT_REVISION))),
                SEQ("ownerReferences",
                    ITEM(STRING("kind", "Deployment"), STRING("uid", doc_string(deployment, "metadata", "uid")))))));
    return true;
}

/*
 * Rolls it out: Pods of another template are replaced one a step, after the one that makes the ReplicaSet. A paused one
 * keeps its Pods, of whichever template.
 */
static void roll_out(struct canary_world *cw, enum mesh_kind_id kind, const char *name, bool hangs)
{
    json_t *deployment = canary_world_view(cw, kind, name);
    _cleanup_json_ json_t *before = doc_copy(deployment);
    _cleanup_free_ char *set = NULL;
    int64_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), 1);
    bool is_paused = doc_bool(doc_at(deployment, "spec", "paused"), false), is_other = false;
    bool had_pods = doc_int(doc_at(before, "status", "replicas"), 0) > 0;
    int64_t updated = doc_int(doc_at(before, "status", "updatedReplicas"), 0);

    if (!deployment)
        return;
    set = find_set(cw, deployment, !is_paused);
    if (set)
        is_other = number_set(cw, deployment, set);
    if (!set || (had_pods && is_other))
        updated = 0;
    else if (
        !had_pods || updated == doc_int(doc_at(before, "status", "replicas"), 0) ||
        (!is_paused && ++updated > replicas))
        updated = replicas;
    cw->is_rolling |= set && !is_paused && updated < replicas;
    json_object_set_new(
        deployment,
        "status",
        OBJECT(
            INT("observedGeneration", doc_int(doc_at(deployment, "metadata", "generation"), 0)),
            INT("replicas", replicas),
            INT("updatedReplicas", updated),
            INT("availableReplicas", hangs ? 0 : replicas)));
    if (doc_equal(before, deployment))
        json_decref(deployment);
    else
        put(cw, kind, deployment);
}

/* The ready Pods behind a Service of the Canary, and the name of their ReplicaSet. */
static int64_t ready_behind(struct canary_world *cw, const json_t *service, char **ret_set)
{
    const char *hash = doc_string(service, "spec", "selector", "pod-template-hash");
    bool is_primary = str_eq(doc_string(service, "spec", "selector", CANARY_ROLE), "primary");
    _cleanup_json_ json_t *deployment =
        canary_world_view(cw, is_primary ? KIND_DEPLOYMENT : KIND_TARGET_DEPLOYMENT, is_primary ? APP "-primary" : APP);
    _cleanup_json_ json_t *set = NULL;

    *ret_set = is_primary ? find_set(cw, deployment, true) : str_printf(APP "-%s", str_or(hash, ""));
    if (!is_primary && hash) {
        set = canary_world_view(cw, KIND_TARGET_REPLICA_SET, *ret_set);
        if (!set || !str_eq(
                        doc_string(set, "metadata", "annotations", DEPLOYMENT_REVISION),
                        doc_string(deployment, "metadata", "annotations", DEPLOYMENT_REVISION)))
            return 0;
    }
    return doc_int(doc_at(deployment, "status", "availableReplicas"), 0);
}

static void list_endpoints(struct canary_world *cw, const char *name)
{
    _cleanup_json_ json_t *service = canary_world_view(cw, KIND_SERVICE, name);
    _cleanup_free_ char *set = NULL;
    json_t *addresses = json_array();

    if (!service || cw->endpoints_lag) {
        json_decref(addresses);
        return;
    }
    for (int64_t i = ready_behind(cw, service, &set); i > 0; i--)
        json_array_append_new(
            addresses,
            OBJECT(FORMAT("ip", "10.0.0.%d", (int)i), MAP("targetRef", FORMAT("name", "%s-pod%02d", set, (int)i))));
    put(cw,
        KIND_HALF_ENDPOINTS,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Endpoints"),
            MAP("metadata", STRING("name", name), STRING("namespace", APP_NS), STRING("uid", name)),
            SEQ("subsets", ITEM(VALUE("addresses", addresses)))));
}

/* Views have what the kinds' own rows have, too. */
static void show(struct canary_world *cw, enum mesh_kind_id from, enum mesh_kind_id view, const char *name)
{
    json_t *object = canary_world_view(cw, from, name), *shown = canary_world_view(cw, view, name);

    if (object)
        put(cw, view, json_incref(object));
    else if (shown && doc_at(shown, "metadata", "labels", MARK_OWNER))
        kube_cache_remove(cw->w.cache, mesh_kind(view), APP_NS, name, NULL);
    json_decref(object);
    json_decref(shown);
}

/* Source: Kubernetes, pkg/controller/podautoscaler/horizontal.go. What has no replicas is not scaled. */
static void scale(struct canary_world *cw, enum mesh_kind_id kind, const json_t *scaler, int wanted)
{
    const json_t *spec = doc_at(scaler, "spec");
    json_t *deployment = canary_world_view(cw, kind, str_or(doc_string(spec, "scaleTargetRef", "name"), ""));
    int64_t least = doc_int(doc_at(spec, "minReplicas"), 1), most = doc_int(doc_at(spec, "maxReplicas"), least);
    int64_t replicas = doc_int(doc_at(deployment, "spec", "replicas"), 1), next = wanted ? wanted : replicas;

    next = next < least ? least : next > most ? most : next;
    if (!deployment || (!replicas && least) || next == replicas) {
        json_decref(deployment);
        return;
    }
    json_object_set_new(doc_at(deployment, "spec"), "replicas", json_integer(next));
    put(cw, kind, deployment);
}

/* The users' one, whichever Deployment it names. */
static void scale_named(struct canary_world *cw)
{
    _cleanup_json_ json_t *scaler = canary_world_view(cw, KIND_TARGET_AUTOSCALER, APP);
    bool is_led = str_eq(doc_string(scaler, "spec", "scaleTargetRef", "name"), APP "-primary");

    if (scaler)
        scale(
            cw,
            is_led ? KIND_DEPLOYMENT : KIND_TARGET_DEPLOYMENT,
            scaler,
            is_led ? cw->wanted_primary : cw->wanted_target);
}

static void run_controllers(struct canary_world *cw)
{
    cw->is_rolling = false;
    scale_named(cw);
    roll_out(cw, KIND_TARGET_DEPLOYMENT, APP, cw->target_hangs);
    roll_out(cw, KIND_DEPLOYMENT, APP "-primary", cw->primary_hangs);
    show(cw, KIND_DEPLOYMENT, KIND_TARGET_DEPLOYMENT, APP "-primary");
    show(cw, KIND_SERVICE, KIND_TARGET_SERVICE, APP "-primary");
    show(cw, KIND_SERVICE, KIND_TARGET_SERVICE, APP "-canary");
    list_endpoints(cw, APP "-primary");
    list_endpoints(cw, APP "-canary");
}

/* --- Prometheus --- */

static char *vector(bool has_value, double value)
{
    return has_value ? str_printf(
                           "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},"
                           "\"value\":[1,\"%g\"]}]}}",
                           value)
                     : str_dup("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}");
}

static char *answer_to(struct canary_world *cw, const char *url)
{
    bool has_series = !cw->metrics.is_idle;

    snprintf(cw->metrics.last, sizeof(cw->metrics.last), "%s", url);
    if (cw->metrics.raw)
        return str_dup(cw->metrics.raw);
    if (strstr(url, "histogram_quantile")) {
        snprintf(cw->metrics.last_duration, sizeof(cw->metrics.last_duration), "%s", url);
        return vector(has_series, cw->metrics.milliseconds);
    }
    if (strstr(url, "response_code")) {
        snprintf(cw->metrics.last_failed, sizeof(cw->metrics.last_failed), "%s", url);
        return vector(has_series && cw->metrics.failed > 0, cw->metrics.failed);
    }
    return vector(has_series, cw->metrics.total);
}

/* --- webhooks --- */

struct canary_world_hook *canary_world_hook(struct canary_world *cw, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(cw->hooks); i++) {
        struct canary_world_hook *hook = &cw->hooks[i];
        if (!hook->name)
            *hook = (struct canary_world_hook){.name = name, .status = 200};
        if (str_eq(hook->name, name))
            return hook;
    }
    fail_msg("too many webhooks");
    return NULL;
}

/* --- answers --- */

static void ask_hook(struct canary_world *cw, const struct query *query, size_t at)
{
    struct canary_world_hook *hook = NULL;

    assert_true(str_starts(query->url, HOOKS_URL));
    for (size_t i = 0; i < ARRAY_LEN(cw->hooks) && cw->hooks[i].name; i++)
        if (str_eq(query->url + strlen(HOOKS_URL), cw->hooks[i].name))
            hook = &cw->hooks[i];
    assert_non_null(hook);
    if (!hook->status)
        return;
    hook->asked++;
    snprintf(hook->last, sizeof(hook->last), "%s", query->post);
    snprintf(hook->authorization, sizeof(hook->authorization), "%s", str_or(query->authorization, ""));
    cw->answers[at].status = hook->status;
    cw->answers[at].body = hook->status > 0 ? str_dup("<html>") : NULL;
}

/* True where there is an answer that the last plan did not have. */
static bool ask(struct canary_world *cw, const struct query *query)
{
    size_t i = 0;

    while (i < cw->answer_count && !str_eq(cw->answers[i].key, query->key))
        i++;
    if (i < cw->answer_count && cw->w.later < cw->answers[i].due)
        return false;
    if (i == cw->answer_count) {
        assert_true(cw->answer_count < CANARY_ANSWERS_MAX);
        cw->answers[cw->answer_count++].key = str_dup(query->key);
    }
    free(cw->answers[i].body);
    cw->answers[i].body = NULL;
    cw->answers[i].status = 0;
    cw->answers[i].at = cw->w.later;
    cw->answers[i].due = query->max_age == MSEC_NEVER ? MSEC_NEVER : cw->w.later + query->max_age;
    if (query->post) {
        ask_hook(cw, query, i);
    } else {
        cw->answers[i].status = cw->metrics.down ? -1 : 200;
        cw->answers[i].body = cw->metrics.down ? NULL : answer_to(cw, query->url);
        cw->metrics.asked++;
    }
    if (cw->answers[i].status)
        return true;
    forget_answer(cw, i);
    return false;
}

/* True where there is a new answer. As the runtime does, those are dropped that are not asked for. */
static bool answer(struct canary_world *cw, const struct queries *queries)
{
    bool any = false;

    for (size_t i = cw->answer_count; i-- > 0;)
        if (!queries_find(queries, cw->answers[i].key))
            forget_answer(cw, i);
    for (size_t i = 0; i < queries->len; i++)
        any |= ask(cw, &queries->items[i]);
    for (size_t i = 0; i < cw->answer_count; i++)
        if (cw->answers[i].due < cw->again)
            cw->again = cw->answers[i].due;
    return any;
}

/* --- plans --- */

static void note(struct canary_world *cw)
{
    _cleanup_free_ char *phase = canary_world_status(cw, STATUS_FIELD_PHASE), *line = NULL;
    size_t len = strlen(cw->log);
    const char *last = cw->log + len;

    line = str_printf("%s %d\n", phase, canary_world_weight(cw));
    while (last > cw->log && !(last[-1] == '\n' && last < cw->log + len))
        last--;
    if (!str_eq(last, line) && len + strlen(line) < sizeof(cw->log))
        memcpy(cw->log + len, line, strlen(line) + 1);
}

static void count_writes(struct canary_world *cw, const struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++)
        cw->writes += plan->actions[i].tag != PLAN_BOOKKEEPING;
}

static bool is_held_back(const void *context, const struct kube_action *action)
{
    const struct canary_world *cw = context;

    return cw->holds_back && action->tag != PLAN_BOOKKEEPING;
}

static void note_events(struct canary_world *cw, const struct reconcile_plan *plan)
{
    for (size_t i = 0; i < plan->event_count; i++) {
        _cleanup_free_ char *line = str_printf("%s: %s\n", plan->events[i].reason, plan->events[i].text);
        size_t len = strlen(cw->events);
        if (!strstr(cw->events, line) && len + strlen(line) < sizeof(cw->events))
            memcpy(cw->events + len, line, strlen(line) + 1);
    }
}

static const struct plan_failure *failure_of(const void *context, enum kube_verb verb, const char *object)
{
    return world_failure(&((const struct canary_world *)context)->w, verb, object);
}

static struct plan_input observed(struct canary_world *cw)
{
    return (struct plan_input){
        .now = START + cw->w.later + cw->clock,
        .server = &cw->w.server,
        .observed = cw->w.cache,
        .synced = ~cw->unread,
        .failing = cw->failing,
        .failure = failure_of,
        .held = is_held_back,
        .queue_context = cw,
    };
}

bool canary_world_is_concerned(struct canary_world *cw)
{
    struct plan_input input = observed(cw);

    return canary_reconciler.is_concerned(cw->memo, &input);
}

/* As the runtime decides whether a plan has to be made. */
static bool is_due(struct canary_world *cw, const struct kube_object *canary)
{
    bool concerned = canary_world_is_concerned(cw);

    return concerned || cw->is_answered || cw->w.later >= cw->again || !str_eq(cw->planned, canary->resource_version);
}

bool canary_world_step(struct canary_world *cw)
{
    struct query_answer answers[CANARY_ANSWERS_MAX];
    const struct plan_input input = observed(cw);
    const struct plan_world world = {
        .central = &input, .contact = {.error = ""}, .answers = {answers, cw->answer_count}};
    struct reconcile_plan plan;
    const struct kube_object *canary;
    bool any, due;

    run_controllers(cw);
    if (!(canary = kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP)))
        return false;
    for (size_t i = 0; i < cw->answer_count; i++)
        answers[i] = (struct query_answer){
            .key = cw->answers[i].key,
            .error = cw->answers[i].body ? NULL : "connection refused",
            .status = cw->answers[i].body ? cw->answers[i].status : 0,
            .body = cw->answers[i].body,
            .body_len = cw->answers[i].body ? strlen(cw->answers[i].body) : 0,
            .at = START + cw->answers[i].at + cw->clock};
    due = is_due(cw, canary);
    snprintf(cw->planned, sizeof(cw->planned), "%s", canary->resource_version);
    assert_true(reconcile_resource(&canary_reconciler, &world, canary, cw->memo, &plan));
    any = plan.central.len > 0;
    if (!due && any)
        fail_msg("the runtime would not have made this plan: %s", plan.central.actions[0].reason);
    cw->again = plan.again_after == MSEC_NEVER ? MSEC_NEVER : cw->w.later + plan.again_after;
    cw->managed = plan.central.managed;
    count_writes(cw, &plan.central);
    note_events(cw, &plan);
    cw->is_answered = answer(cw, &plan.queries);
    any |= cw->is_answered;
    world_act(&cw->w, &plan.central);
    reconcile_plan_release(&plan);
    note(cw);
    return any || cw->is_rolling;
}

static bool is_there(struct canary_world *cw, const char *phase, int weight)
{
    _cleanup_free_ char *is = canary_world_status(cw, STATUS_FIELD_PHASE);

    return str_eq(is, phase) && (weight < 0 || canary_world_weight(cw) == weight);
}

/* To what is due next; false: nothing is. */
static bool go_on(struct canary_world *cw, msec_t until)
{
    if (cw->again == MSEC_NEVER || cw->again > until)
        return false;
    assert_true(cw->again > cw->w.later);
    cw->w.later = cw->again;
    return true;
}

void canary_world_until(struct canary_world *cw, const char *phase, int weight)
{
    _cleanup_free_ char *status = NULL;

    for (int i = 0; i < STEPS_MAX; i++) {
        if (is_there(cw, phase, weight))
            return;
        if (!canary_world_step(cw) && !go_on(cw, MSEC_NEVER - 1))
            break;
    }
    status = canary_world_status(cw, STATUS_FIELD_MESSAGE);
    fail_msg("%s %d did not come: %s\n%s", phase, weight, status, cw->log);
}

void canary_world_rest(struct canary_world *cw, msec_t length)
{
    const msec_t until = cw->w.later + length;

    for (int i = 0; i < STEPS_MAX; i++)
        if (!canary_world_step(cw) && !go_on(cw, until)) {
            cw->w.later = until;
            return;
        }
    fail_msg("it does not rest:\n%s", cw->log);
}

void canary_world_request_deletion(struct canary_world *cw)
{
    json_t *canary = canary_world_view(cw, KIND_CANARY, APP);

    json_object_set_new(doc_at(canary, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    put(cw, KIND_CANARY, canary);
}

bool canary_world_is_gone(struct canary_world *cw)
{
    return !kube_cache_get(cw->w.cache, mesh_kind(KIND_CANARY), APP_NS, APP);
}

void canary_world_delete(struct canary_world *cw)
{
    canary_world_request_deletion(cw);
    for (int i = 0; i < STEPS_MAX; i++) {
        if (canary_world_is_gone(cw))
            return;
        if (!canary_world_step(cw) && !go_on(cw, MSEC_NEVER - 1))
            break;
    }
    fail_msg("the Canary does not go:\n%s", cw->log);
}

char *canary_world_status(struct canary_world *cw, const char *field)
{
    _cleanup_json_ json_t *canary = canary_world_view(cw, KIND_CANARY, APP);

    return str_dup(str_or(doc_string(canary, "status", field), ""));
}

int canary_world_weight(struct canary_world *cw)
{
    _cleanup_json_ json_t *route = canary_world_view(cw, KIND_VIRTUAL_SERVICE, APP);
    const json_t *http = doc_at(route, "spec", "http");
    const size_t count = json_array_size(http);
    const json_t *routes = doc_at(count ? json_array_get(http, count - 1) : NULL, "route");

    return route ? (int)doc_int(doc_at(json_array_get(routes, 1), "weight"), 0) : -1;
}

char *canary_world_image(struct canary_world *cw, const char *deployment)
{
    _cleanup_json_ json_t *d = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, deployment);

    return str_dup(
        str_or(doc_string(json_array_get(doc_at(d, "spec", "template", "spec", "containers"), 0), "image"), ""));
}

int canary_world_replicas(struct canary_world *cw, const char *deployment)
{
    _cleanup_json_ json_t *d = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, deployment);

    return d ? (int)doc_int(doc_at(d, "spec", "replicas"), 1) : -1;
}

/* --- tests --- */

struct canary_world *canary_world_start(const char *spec)
{
    struct canary_world *cw = NEW(struct canary_world);

    canary_world_init(cw, spec);
    return cw;
}

void canary_world_done(struct canary_world *cw)
{
    canary_world_release(cw);
    free(cw);
}

void canary_world_expect(struct canary_world *cw, const char *field, const char *text)
{
    _cleanup_free_ char *is = canary_world_status(cw, field);

    assert_string_equal(is, text);
}

static void expect_of_condition(struct canary_world *cw, const char *type, const char *field, const char *text)
{
    _cleanup_json_ json_t *canary = canary_world_view(cw, KIND_CANARY, APP);
    const json_t *condition = doc_find(doc_at(canary, "status", STATUS_FIELD_CONDITIONS), "type", type);

    assert_string_equal(doc_string(condition, field), text);
}

void canary_world_expect_condition(struct canary_world *cw, const char *type, const char *status)
{
    expect_of_condition(cw, type, "status", status);
}

void canary_world_expect_reason(struct canary_world *cw, const char *type, const char *reason)
{
    expect_of_condition(cw, type, "reason", reason);
}

void canary_world_put_replicas(struct canary_world *cw, int replicas)
{
    json_t *target = canary_world_view(cw, KIND_TARGET_DEPLOYMENT, APP);

    json_object_set_new(doc_at(target, "spec"), "replicas", json_integer(replicas));
    world_put_as(&cw->w, mesh_kind(KIND_TARGET_DEPLOYMENT), target);
}

void canary_world_expect_image(struct canary_world *cw, const char *deployment, const char *image)
{
    _cleanup_free_ char *is = canary_world_image(cw, deployment);

    assert_string_equal(is, image);
}

struct canary_world *canary_world_start_at_rest(const char *spec)
{
    struct canary_world *cw = canary_world_start(spec);

    canary_world_until(cw, "Initialized", 0);
    canary_world_rest(cw, SECONDS(60));
    return cw;
}

struct canary_world *canary_world_start_release(const char *spec)
{
    struct canary_world *cw = canary_world_start_at_rest(spec);

    canary_world_release_image(cw, "app:2");
    return cw;
}
