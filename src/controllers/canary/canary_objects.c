/* The objects that belong to a Canary: desired as those of any resource are. */
#include <inttypes.h>

#include "controllers/canary/canary_impl.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "reconcile/objects.h"

#define TEMPLATE_HASH "pod-template-hash"

static const char *const replicas_are_foreign[] = {"spec.replicas", NULL};

static const char *default_port_name(const json_t *service)
{
    return str_or(doc_string(service, "portName"), "http");
}

static json_t *labels_of(const json_t *labels, const char *key, const char *value)
{
    json_t *with = labels ? json_copy((json_t *)labels) : json_object();

    json_object_set_new(with, key, json_string(value));
    return with;
}

static json_t *metadata(const struct canary *c, const char *name, const char *role)
{
    return OBJECT(
        STRING("name", name),
        STRING("namespace", c->ns),
        MAP("labels", STRING(CANARY_ROLE, role), STRING("app.kubernetes.io/managed-by", FIELD_MANAGER)));
}

/* The template of the primary without what makes it the primary's. */
static json_t *template_of_primary(const struct canary *c)
{
    json_t *template = doc_copy(doc_at(c->primary, "spec", "template"));

    json_object_del(doc_at(template, "metadata", "labels"), CANARY_ROLE);
    return template;
}

/*
 * What the record says, as it is or as it begins: the target as it is before anything is touched. One that was lost
 * later follows the primary, which serves.
 */
static json_t *record_data(const struct canary *c)
{
    const json_t *from = c->primary ? c->primary : c->target;
    bool is_foreign =
        c->route && (c->ref || (!str_eq(c->route_object->owner, c->re->object->uid) && !canary_leads_to_primary(c)));
    _cleanup_json_ json_t *template = NULL;
    _cleanup_free_ char *text = NULL, *route = NULL;

    if (c->record)
        return doc_copy(doc_at(c->record, "data"));
    template = c->primary ? template_of_primary(c) : doc_copy(doc_at(c->target, "spec", "template"));
    text = doc_text(template);
    route = is_foreign ? doc_text(doc_at(c->route, "spec")) : NULL;
    return OBJECT(
        FORMAT(RECORD_REVISION, "%016" PRIx64, doc_hash(template)),
        STRING(RECORD_TEMPLATE, text),
        FORMAT(RECORD_REPLICAS, "%" PRId64, doc_int(doc_at(from, "spec", "replicas"), 1)),
        STRING(RECORD_ROUTE, route));
}

static void move(json_t *data, const char *from, const char *to)
{
    json_object_set(data, to, json_object_get(data, from));
}

static void record_document(json_t *data, const char *key, const json_t *document)
{
    _cleanup_free_ char *text = doc_text(document);

    json_object_set_new(data, key, json_string(text));
}

/* What the target declares now is the primary's. */
static void record_template(const struct canary *c, json_t *data)
{
    record_document(data, RECORD_TEMPLATE, doc_at(c->target, "spec", "template"));
    json_object_set_new(data, RECORD_REVISION, json_string(c->revision));
}

/* Nothing leads to the primary, nor was anything sent that makes it so. */
static bool is_before_route(const struct canary *c)
{
    const struct kube_kind *kind = mesh_kind(KIND_VIRTUAL_SERVICE);
    msec_t settled = c->observed.settle_until;

    if (c->in->busy && c->in->busy(c->in->queue_context, kind, c->ns, c->route_name))
        return false;
    return c->observed.phase <= CANARY_INITIALIZING && c->target && c->facts.route < 0 && !c->facts.apex &&
           (!settled || c->in->now < settled);
}

/* The record as it is to be; owned by the caller. */
static json_t *desired_record(const struct canary *c)
{
    json_t *data = record_data(c);
    const char *recorded = doc_string(data, RECORD_REVISION);

    if (!doc_at(data, RECORD_TARGET))
        json_object_set_new(data, RECORD_TARGET, json_string(c->spec->target.name));
    if (!c->record && c->ref)
        record_document(data, RECORD_REF, c->ref);
    if (c->target && (!doc_at(data, RECORD_LABELS) || is_before_route(c)))
        record_document(data, RECORD_LABELS, canary_match_labels(c));
    if (c->wish.template == TEMPLATE_RESTORED) {
        move(data, RECORD_PREVIOUS_REVISION, RECORD_REVISION);
        move(data, RECORD_PREVIOUS_TEMPLATE, RECORD_TEMPLATE);
    } else if (c->wish.template == TEMPLATE_PROMOTED) {
        move(data, RECORD_REVISION, RECORD_PREVIOUS_REVISION);
        move(data, RECORD_TEMPLATE, RECORD_PREVIOUS_TEMPLATE);
        record_template(c, data);
    } else if (is_before_route(c)) {
        /* A version that is never ready is not the last one. */
        record_template(c, data);
    } else if (
        canary_is_idle(c->observed.phase) && c->target && !str_eq(recorded, c->revision) &&
        canary_is_same_template(c)) {
        json_object_set_new(data, RECORD_REVISION, json_string(c->revision));
    }
    /*
     * Between releases the target has no Pods: who gives it replicas, means the primary's. What waits has the Pods of
     * the release before until their hash is gone from the status.
     */
    if (canary_is_idle(c->observed.phase) && c->observed.phase != CANARY_FAILED && !c->facts.target_paused &&
        (c->observed.phase != CANARY_WAITING || !*c->observed.hash) &&
        doc_int(doc_at(c->target, "spec", "replicas"), 0) > 0)
        json_object_set_new(
            data, RECORD_REPLICAS, json_sprintf("%" PRId64, doc_int(doc_at(c->target, "spec", "replicas"), 1)));
    canary_record_scaler(c, data);
    return data;
}

/* They stay what they were, as no update can change a Deployment's selector. */
static const json_t *labels_of_primary(const struct canary *c)
{
    return c->recorded_labels ? c->recorded_labels : canary_match_labels(c);
}

static json_t *primary_spec(const struct canary *c, const json_t *data)
{
    static const char *const of_target[] = {
        "strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"};
    const json_t *from = doc_at(c->target ? c->target : c->primary, "spec");
    json_t *template = doc_parse_own(doc_string(data, RECORD_TEMPLATE)), *spec;
    const json_t *match = labels_of_primary(c);
    int replicas = canary_primary_replicas(c, data);

    json_object_set_new(doc_make(template, "metadata", "labels"), CANARY_ROLE, json_string(CANARY_ROLE_PRIMARY));
    spec = OBJECT(
        INT("replicas", replicas >= 0 ? replicas : canary_recorded_replicas(data)),
        MAP("selector", VALUE("matchLabels", labels_of(match, CANARY_ROLE, CANARY_ROLE_PRIMARY))),
        VALUE("template", template));
    for (size_t i = 0; i < ARRAY_LEN(of_target); i++)
        if (doc_at(from, of_target[i]))
            json_object_set(spec, of_target[i], doc_at(from, of_target[i]));
    return spec;
}

static bool is_own_apex(const struct canary *c)
{
    return c->apex_object && str_eq(c->apex_object->owner, c->re->object->uid);
}

/* As the Service that clients call has them, without what the server assigned. */
static json_t *ports(const struct canary *c)
{
    const json_t *service = c->spec->service, *target = doc_at(service, "targetPort");
    json_t *list = json_array(), *port;
    size_t i;

    json_array_foreach(is_own_apex(c) ? NULL : doc_at(c->apex, "spec", "ports"), i, port) {
        json_t *own = json_copy(port);
        json_object_del(own, "nodePort");
        json_array_append_new(list, own);
    }
    if (!i)
        json_array_append_new(
            list,
            OBJECT(
                STRING("name", default_port_name(service)),
                VALUE("port", json_incref(doc_at(service, "port"))),
                VALUE("targetPort", json_incref(target ? (json_t *)target : doc_at(service, "port")))));
    return list;
}

static void add_service(
    const struct canary *c, const struct mesh_env *env, const char *name, const char *role, json_t *selector,
    struct rendered_list *out)
{
    mesh_add(
        env,
        out,
        "Service",
        OBJECT(
            VALUE("metadata", metadata(c, name, role)),
            MAP("spec", VALUE("selector", selector), VALUE("ports", ports(c)))));
}

/* Of what the target selects: the primary by the role in its template, the canary by the ReplicaSet. */
static void add_services(const struct canary *c, const struct mesh_env *env, struct rendered_list *out)
{
    const json_t *match = canary_match_labels(c), *primary = labels_of_primary(c);
    const char *live = doc_string(c->canary_half, "spec", "selector", TEMPLATE_HASH);
    const char *hash = *c->observed.hash ? c->observed.hash : live;

    add_service(
        c, env, c->primary_service, CANARY_ROLE_PRIMARY, labels_of(primary, CANARY_ROLE, CANARY_ROLE_PRIMARY), out);
    if (is_own_apex(c) || (c->wish.apex && !c->apex_object))
        add_service(c, env, c->service, CANARY_ROLE_PRIMARY, labels_of(primary, CANARY_ROLE, CANARY_ROLE_PRIMARY), out);
    if (hash)
        add_service(c, env, c->canary_service, CANARY_ROLE_CANARY, labels_of(match, TEMPLATE_HASH, hash), out);
}

static void add_rule(
    const struct canary *c, const struct mesh_env *env, const char *host, const char *role, struct rendered_list *out)
{
    const json_t *given = doc_at(c->spec->service, "trafficPolicy");
    json_t *policy = given ? doc_copy(given) : json_object();

    if (c->mesh.needs_tls && !json_object_get(policy, "tls"))
        json_object_set_new(policy, "tls", OBJECT(STRING("mode", "ISTIO_MUTUAL")));
    if (!given && !c->mesh.needs_tls) {
        json_decref(policy);
        return;
    }
    mesh_add(
        env,
        out,
        "DestinationRule",
        OBJECT(
            VALUE("metadata", metadata(c, host, role)),
            MAP("spec", STRING("host", host), VALUE("trafficPolicy", policy))));
}

void canary_plan_objects(struct canary *c, struct plan *plan)
{
    const struct mark_owner owner = {API_GROUP_VERSION, "Canary", c->ns, c->name, c->re->object->uid, NULL};
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const struct mesh_env env = {.ns = c->ns, .versions = versions};
    struct objects_input objects = {.plan = c->in, .owner_uid = owner.uid, .settled = resource_is_settled(&c->re->own)};
    struct rendered_list list = {0};
    struct desired_set *set;
    struct rendered *primary;
    json_t *data = desired_record(c);

    mesh_desired_versions(c->in->server, versions);
    primary = mesh_add(
        &env,
        &list,
        "Deployment",
        OBJECT(
            VALUE("metadata", metadata(c, c->primary_name, CANARY_ROLE_PRIMARY)),
            VALUE("spec", primary_spec(c, data))));
    if (primary && canary_primary_replicas(c, data) < 0)
        primary->foreign = replicas_are_foreign;
    add_services(c, &env, &list);
    add_rule(c, &env, c->primary_service, CANARY_ROLE_PRIMARY, &list);
    add_rule(c, &env, c->canary_service, CANARY_ROLE_CANARY, &list);
    mesh_add(
        &env,
        &list,
        "ConfigMap",
        OBJECT(VALUE("metadata", metadata(c, c->record_name, CANARY_ROLE_PRIMARY)), VALUE("data", data)));
    set = desired_from(&list, &owner);
    objects.desired[0] = set;
    objects_plan(&objects, plan);
    desired_free(set);
}
