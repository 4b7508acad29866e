/* What a plan reads of the world. */
#include <inttypes.h>
#include <stdio.h>

#include "base/release.h"
#include "controllers/canary/canary_impl.h"
#include "controllers/mesh/mesh_plan.h"
#include "doc/doc.h"

/* Endpoints name no more addresses than that. */
#define ENDPOINTS_MAX 1000
/* Bytes, in a message. */
#define COMMAND_SHOWN 64
#define FIRST_WITHOUT_MIXER "1.5.0"
#define FIRST_WITH_HEADERS "1.1.0"

static json_t *parse(const struct kube_object *o)
{
    return o && !o->deleting ? kube_object_parse(o) : NULL;
}

static const struct kube_object *get(const struct canary *c, enum mesh_kind_id kind, const char *name)
{
    return kube_cache_get(c->in->observed, mesh_kind(kind), c->ns, name);
}

static int int_at(const json_t *value, int otherwise)
{
    int64_t number = doc_int(value, otherwise);

    return number < 0 || number > INT32_MAX ? otherwise : (int)number;
}

static int replicas_of(const json_t *deployment)
{
    return int_at(doc_at(deployment, "spec", "replicas"), 1);
}

static bool is_observed(const json_t *deployment)
{
    return doc_int(doc_at(deployment, "status", "observedGeneration"), -1) >=
           doc_int(doc_at(deployment, "metadata", "generation"), 0);
}

/* All Pods are of the newest template, and available. */
static bool is_rolled_out(const json_t *deployment)
{
    const json_t *status = doc_at(deployment, "status");
    int replicas = replicas_of(deployment), updated = int_at(doc_at(status, "updatedReplicas"), 0);

    return is_observed(deployment) && updated >= replicas && int_at(doc_at(status, "replicas"), 0) == updated &&
           int_at(doc_at(status, "availableReplicas"), 0) >= replicas;
}

/* Addresses of a Service that are ready: of the Pods of one ReplicaSet, or of all where `set` is NULL. */
static int endpoints_of(const struct canary *c, const char *service, const char *set)
{
    const struct kube_object *o = get(c, KIND_HALF_ENDPOINTS, service);
    _cleanup_json_ json_t *counts = o && !o->deleting ? doc_parse_own(o->text) : NULL;
    _cleanup_free_ char *wanted = set ? mesh_pods_base(set) : NULL;
    const char *base;
    json_t *count;
    int sum = 0;

    json_object_foreach(counts, base, count)
        if (!wanted || str_eq(base, wanted))
            sum += int_at(count, 0);
    return sum;
}

static void read_mesh(struct canary *c)
{
    const struct kube_object *o = mesh_find(c->in->observed);
    const char *version;

    if (!(c->istio = parse(o)))
        return;
    version = str_or(doc_string(c->istio, "status", "version"), istio_version(c->istio, 0));
    c->mesh.ns = o->ns;
    c->mesh.in_seconds = release_compare(version, FIRST_WITHOUT_MIXER) < 0;
    c->mesh.lacks_headers = release_compare(version, FIRST_WITH_HEADERS) < 0;
    c->mesh.needs_tls = c->mesh.in_seconds && doc_bool(doc_at(c->istio, "spec", "mtls"), false);
}

/*
 * The pod-template-hash of the ReplicaSet that the Deployment controller made, or found, for the template. Not before
 * that controller has seen the template, and not while the Deployment is paused: it makes none then. Its name begins
 * with the Deployment's.
 */
static void read_hash(const struct canary *c, const json_t *deployment, char ret[CANARY_HASH_MAX])
{
    const struct kube_kind *kind = mesh_kind(KIND_TARGET_REPLICA_SET);
    const char *number = doc_string(deployment, "metadata", "annotations", DEPLOYMENT_REVISION);
    const char *name = doc_string(deployment, "metadata", "name"), *uid = doc_string(deployment, "metadata", "uid");
    const struct kube_object *o;

    if (!number || !name || !is_observed(deployment))
        return;
    for (size_t i = 0; (o = kube_cache_next(c->in->observed, kind, &i));) {
        _cleanup_json_ json_t *set = str_eq(o->ns, c->ns) && str_starts(o->name, name) ? kube_object_parse(o) : NULL;
        const char *hash = doc_string(set, "metadata", "labels", "pod-template-hash");
        if (hash && doc_find(doc_at(set, "metadata", "ownerReferences"), "uid", uid) &&
            str_eq(doc_string(set, "metadata", "annotations", DEPLOYMENT_REVISION), number))
            snprintf(ret, CANARY_HASH_MAX, "%s", hash);
    }
}

/* That are of the Deployment's newest template, and that its Service knows. */
static int endpoints_of_newest(const struct canary *c, const char *service, const char *deployment, const char *hash)
{
    _cleanup_free_ char *set = *hash ? str_printf("%s-%s", deployment, hash) : NULL;

    return set ? endpoints_of(c, service, set) : 0;
}

/* One of a former Canary of that name may not be collected yet. */
static json_t *parse_own(const struct canary *c, enum mesh_kind_id kind, const char *name)
{
    const struct kube_object *o = get(c, kind, name);

    return o && str_eq(o->owner, c->re->object->uid) ? parse(o) : NULL;
}

json_t *canary_recorded(const struct reconcile *re)
{
    _cleanup_free_ char *name = str_printf("%s-original", re->object->name);
    const struct kube_object *o =
        kube_cache_get(re->world->central->observed, mesh_kind(KIND_CONFIG_MAP), re->object->ns, name);
    _cleanup_json_ json_t *record = o && str_eq(o->owner, re->object->uid) ? kube_object_parse(o) : NULL;

    return json_incref(doc_at(record, "data"));
}

/* Every VirtualService may be in the way, so they are looked at when one of them has changed, and not at every plan. */
static void look_for_conflict(struct canary *c)
{
    struct canary_memo *memo = c->re->memo;
    uint64_t routes = kube_cache_changes(c->in->observed, mesh_kind(KIND_VIRTUAL_SERVICE));

    if (!memo->knows_conflict || memo->routes != routes) {
        free(memo->conflict);
        memo->conflict = c->ref ? canary_ref_obstacle(c) : NULL;
        memo->is_unusable = memo->conflict;
        if (!memo->conflict)
            memo->conflict = canary_route_conflict(c);
        memo->routes = routes;
        memo->knows_conflict = true;
    }
    c->conflict = memo->conflict;
}

void canary_observe(struct canary *c)
{
    c->target_object = get(c, KIND_TARGET_DEPLOYMENT, c->spec->target.name);
    c->apex_object = get(c, KIND_TARGET_SERVICE, c->service);
    c->route_object = get(c, KIND_VIRTUAL_SERVICE, c->route_name);
    look_for_conflict(c);
    c->target = parse(c->target_object);
    c->apex = parse(c->apex_object);
    c->route = parse(c->route_object);
    c->primary = parse_own(c, KIND_DEPLOYMENT, c->primary_name);
    c->record = parse_own(c, KIND_CONFIG_MAP, c->record_name);
    if (c->record && !canary_record_is_sound(c->record))
        json_decref(TAKE_PTR(c->record));
    c->recorded_labels = canary_recorded_labels(c);
    canary_observe_scaler(c);
    c->canary_half = parse_own(c, KIND_SERVICE, c->canary_service);
    read_hash(c, c->primary, c->primary_hash);
    read_mesh(c);
    if (!c->target)
        return;
    if (!*c->observed.hash)
        read_hash(c, c->target, c->hash);
    snprintf(c->revision, sizeof(c->revision), "%016" PRIx64, doc_hash(doc_at(c->target, "spec", "template")));
}

void canary_release(struct canary *c)
{
    json_t *documents[] = {
        c->scaler,
        c->istio,
        c->target,
        c->primary,
        c->apex,
        c->route,
        c->record,
        c->recorded_labels,
        c->canary_half,
        c->checks,
        c->hooks,
        c->notices};

    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        json_decref(documents[i]);
    free(c->primary_name);
    free(c->primary_service);
    free(c->canary_service);
    free(c->record_name);
    free(c->scaler_obstacle);
    free(c->contended);
    buf_release(&c->text);
    buf_release(&c->check_text);
    buf_release(&c->gate_text);
    buf_release(&c->end_text);
}

const json_t *canary_match_labels(const struct canary *c)
{
    return c->target ? doc_at(c->target, "spec", "selector", "matchLabels") : c->recorded_labels;
}

static char *foreign_object(const struct canary *c, enum mesh_kind_id kind, const char *name)
{
    const struct kube_object *o = get(c, kind, name);

    if (!o || str_eq(o->owner, c->re->object->uid))
        return NULL;
    return str_printf("%s %s/%s exists, and this Canary did not create it", o->kind->kind, c->ns, name);
}

/* Of two that name one target the older acts; of two of the same age the one whose name comes first. */
static char *rival(const struct canary *c)
{
    const struct kube_kind *kind = mesh_kind(KIND_CANARY);
    const char *created = str_or(doc_string(c->re->resource, "metadata", "creationTimestamp"), "");
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(c->in->observed, kind, &i));) {
        _cleanup_json_ json_t *other = NULL;
        int order;
        if (!str_eq(o->ns, c->ns) || str_eq(o->name, c->name) || !strstr(o->text, c->spec->target.name))
            continue;
        other = kube_object_parse(o);
        order = strcmp(str_or(doc_string(other, "metadata", "creationTimestamp"), ""), created);
        if (str_eq(doc_string(other, "spec", "targetRef", "name"), c->spec->target.name) &&
            (order < 0 || (order == 0 && strcmp(o->name, c->name) < 0)))
            return str_printf("Canary %s/%s releases Deployment %s already", c->ns, o->name, c->spec->target.name);
    }
    return NULL;
}

/* What it released so far has no Pods of its own, and needs the primary that it has. */
static char *other_target(const struct canary *c)
{
    const char *recorded = doc_string(c->record, "data", RECORD_TARGET);

    if (!recorded || str_eq(recorded, c->spec->target.name))
        return NULL;
    return str_printf(
        "spec.targetRef.name was %s when the Canary was created: set it back, or delete the Canary and create it again",
        recorded);
}

/* No routes are as good as none that are named. */
static bool is_same_ref(const json_t *one, const json_t *other)
{
    const json_t *routes = doc_at(one, "routes"), *others = doc_at(other, "routes");

    return str_eq(doc_string(one, "name"), doc_string(other, "name")) &&
           (json_equal(routes, others) || (!json_array_size(routes) && !json_array_size(others)));
}

/* Routes that it splits would keep their weights for ever. */
static char *other_ref(const struct canary *c)
{
    const char *recorded = doc_string(c->record, "data", RECORD_REF);
    _cleanup_json_ json_t *was = canary_recorded_map(recorded);

    if (!c->record || is_same_ref(was, c->ref))
        return NULL;
    return str_printf(
        "spec.service.virtualServiceRef was %s when the Canary was created: set it back, or delete the Canary and "
        "create it again",
        str_or(recorded, "not given"));
}

static bool has_port(const json_t *service, int64_t port)
{
    json_t *one;
    size_t i;

    json_array_foreach(doc_at(service, "spec", "ports"), i, one)
        if (doc_int(doc_at(one, "port"), 0) == port)
            return true;
    return false;
}

/* The Service that is there already does not lead to the target. */
static char *wrong_apex(const struct canary *c)
{
    const json_t *labels = doc_at(c->target, "spec", "template", "metadata", "labels");
    int64_t port = doc_int(doc_at(c->spec->service, "port"), 0);
    const char *key;
    json_t *value;

    if (!has_port(c->apex, port))
        return str_printf(
            "Service %s/%s has no port %" PRId64 ", which spec.service.port names", c->ns, c->service, port);
    if (!json_object_size(doc_at(c->apex, "spec", "selector")))
        return str_printf("Service %s/%s has no selector", c->ns, c->service);
    json_object_foreach(doc_at(c->apex, "spec", "selector"), key, value)
        if (!str_eq(key, CANARY_ROLE) && !json_equal(value, json_object_get(labels, key)))
            return str_printf(
                "Service %s/%s selects by the label %s, which the pods of Deployment %s do not have so",
                c->ns,
                c->service,
                key,
                c->spec->target.name);
    return NULL;
}

bool canary_awaits_routes(const struct canary *c)
{
    return !(c->in->synced & PLAN_WATCH_ROUTES) && kube_server_version(c->in->server, mesh_kind(KIND_VIRTUAL_SERVICE));
}

char *canary_obstacle(const struct canary *c)
{
    char *text;

    text = canary_unreadable(c, PLAN_WATCH_ROUTES, "VirtualServices");
    if (text)
        return text;
    if (!(c->in->synced & PLAN_WATCH_ROUTES))
        return str_dup("waits for VirtualServices of Istio, which the API server does not serve yet");
    if (canary_awaits_scalers(c))
        return str_dup("waits for HorizontalPodAutoscalers to be read");
    text = other_target(c);
    if (!text)
        text = other_ref(c);
    if (text || c->record || c->primary)
        return text;
    text = rival(c);
    if (!text)
        text = foreign_object(c, KIND_TARGET_DEPLOYMENT, c->primary_name);
    if (!text)
        text = foreign_object(c, KIND_TARGET_SERVICE, c->primary_service);
    if (!text)
        text = foreign_object(c, KIND_TARGET_SERVICE, c->canary_service);
    if (text)
        return text;
    if (!c->target)
        return str_printf("there is no Deployment %s/%s", c->ns, c->spec->target.name);
    if (!json_object_size(canary_match_labels(c)))
        return str_printf("Deployment %s/%s has no spec.selector.matchLabels", c->ns, c->spec->target.name);
    text = c->apex ? wrong_apex(c) : NULL;
    if (!text && c->ref)
        text = canary_ref_obstacle(c);
    return text || !c->scaler_obstacle ? text : str_dup(c->scaler_obstacle);
}

/* What the server adds to a template later is in the primary, too: then it is no other version. */
bool canary_is_same_template(const struct canary *c)
{
    const char *recorded = doc_string(c->record, "data", RECORD_TEMPLATE);
    _cleanup_json_ json_t *former = recorded ? doc_parse_own(recorded) : NULL, *last = NULL, *desired = NULL,
                          *live = NULL;
    struct kube_merge rules;
    struct merge merge;
    bool same;

    if (!c->primary || !c->target || !former)
        return false;
    kube_merge_init(mesh_kind(KIND_DEPLOYMENT), NULL, &rules);
    last = json_pack("{s{sO}}", "spec", "template", former);
    desired = json_pack("{s{sO}}", "spec", "template", doc_at(c->target, "spec", "template"));
    live = json_pack("{s{sO}}", "spec", "template", doc_at(c->primary, "spec", "template"));
    {
        _cleanup_json_ json_t *skeleton = merge_skeleton(last, &rules.rules);
        merge_three_way(skeleton, desired, live, &rules.rules, &merge);
    }
    same = merge.change_count == 0;
    merge_release(&merge);
    return same;
}

/* What the installed Istio cannot do. */
static const char *unfit(const struct canary *c)
{
    struct canary_step steps[CANARY_STEPS_MAX];
    size_t count = c->mesh.in_seconds ? canary_steps(c->spec, steps) : 0;

    for (size_t i = 0; i < count; i++)
        if (steps[i].mirror && steps[i].mirror != 100)
            return "this Istio mirrors all requests or none: spec.analysis must mirror 100 percent";
    if (c->spec->analysis.affinity && c->mesh.lacks_headers)
        return "this Istio gives no cookies: spec.analysis.sessionAffinity needs Istio 1.1";
    return NULL;
}

static bool is_primary_ready(const struct canary *c)
{
    int need = replicas_of(c->primary);

    return c->primary && is_rolled_out(c->primary) &&
           endpoints_of_newest(c, c->primary_service, c->primary_name, c->primary_hash) >=
               (need > ENDPOINTS_MAX ? ENDPOINTS_MAX : need);
}

/* Whoever commands is told what was not understood. */
static const char *read_command(struct canary *c)
{
    const char *text = doc_string(c->re->resource, "metadata", "annotations", CANARY_COMMAND);

    if (!text || canary_verb_of(text) != CANARY_NO_COMMAND)
        return text;
    reconcile_tell(
        c->re->plan,
        "UnknownCommand",
        true,
        str_printf(
            "annotation " CANARY_COMMAND ": must be abort@TOKEN, promote@TOKEN, approve@TOKEN or retry@TOKEN, "
            "of at most %d bytes, but is \"%.*s\"",
            CANARY_COMMAND_MAX - 1,
            (int)str_cut(text, COMMAND_SHOWN),
            text));
    return NULL;
}

void canary_note_facts(struct canary *c, bool objects_ready)
{
    struct canary_facts *f = &c->facts;

    f->now = c->in->now;
    f->command = read_command(c);
    f->has_target = c->target;
    f->revision = c->revision;
    f->hash = *c->hash ? c->hash : NULL;
    f->target_replicas = c->target ? replicas_of(c->target) : 0;
    f->target_paused = doc_bool(doc_at(c->target, "spec", "paused"), false);
    f->target_ready = c->target && f->target_replicas > 0 && is_rolled_out(c->target);
    f->recorded = doc_string(c->record, "data", RECORD_REVISION);
    f->objects_ready = objects_ready;
    f->primary_ready = is_primary_ready(c);
    f->primary_serves = c->primary && endpoints_of(c, c->primary_service, NULL) > 0;
    f->primary_replicas = c->primary ? replicas_of(c->primary) : 0;
    f->canary_endpoints = endpoints_of_newest(c, c->canary_service, c->spec->target.name, c->observed.hash);
    canary_read_route(c);
    f->unfit = unfit(c);
    f->conflict = c->conflict;
    f->scaler_obstacle = c->scaler_obstacle;
    f->bounds = canary_scaler_bounds(c);
    f->apex = canary_has_apex(c);
}
