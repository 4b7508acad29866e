#include "controllers.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

static const msec_t SOONEST = 20, LATEST = SECONDS(2);
#define CA_BUNDLE "c2ltdWxhdGVk"

struct controllers {
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    const bool *eager;
    struct job *job;
    bool unfinished; /* something waits for a later turn */
};

/* Whether it happens now; else it is looked at again. */
static bool now(struct controllers *c, unsigned permille)
{
    if (*c->eager || rng_chance(c->rng, permille))
        return true;
    c->unfinished = true;
    return false;
}

static struct collection *kind_of(struct controllers *c, const char *group, const char *plural)
{
    return server_find(c->server, group, plural);
}

static const char *ns_of(const json_t *o)
{
    return doc_string(o, "metadata", "namespace");
}

static const char *name_of(const json_t *o)
{
    return doc_string(o, "metadata", "name");
}

static bool is_deleting(const json_t *o)
{
    return doc_at(o, "metadata", "deletionTimestamp") != NULL;
}

/* The objects of a kind, so that one can write while going through them; owned by the caller. */
static json_t *objects_of(const struct collection *kind)
{
    json_t *list = json_array();
    void *object;

    for (size_t i = 0; kind && map_next(kind->objects, &i, NULL, &object);)
        json_array_append(list, object);
    return list;
}

static void update(struct controllers *c, struct collection *kind, const char *subresource, const json_t *o)
{
    _cleanup_outcome_ struct outcome done =
        server_update(c->server, WHO_CLUSTER, kind, ns_of(o), name_of(o), subresource, o);
}

static void create(struct controllers *c, struct collection *kind, const char *ns, json_t *o)
{
    _cleanup_outcome_ struct outcome done = server_create(c->server, WHO_CLUSTER, kind, ns, o);

    json_decref(o);
}

static void remove_object(struct controllers *c, struct collection *kind, const json_t *o)
{
    _cleanup_outcome_ struct outcome done = server_delete(c->server, WHO_CLUSTER, kind, ns_of(o), name_of(o), NULL);
}

/* --- definitions --- */

static json_t *condition(const char *type)
{
    return OBJECT(STRING("type", type), STRING("status", "True"), STRING("reason", "simulated"));
}

static bool is_established(const json_t *definition)
{
    return doc_find(doc_at(definition, "status", "conditions"), "type", "Established") != NULL;
}

static void establish(struct controllers *c, struct collection *definitions, const json_t *definition)
{
    _cleanup_json_ json_t *o = doc_copy(definition);

    json_object_set_new(
        o, "status",
        OBJECT(SEQ("conditions", ITEM_VALUE(condition("NamesAccepted")), ITEM_VALUE(condition("Established"))),
               VALUE("acceptedNames", doc_copy(doc_at(definition, "spec", "names")))));
    update(c, definitions, "status", o);
}

static void serve(struct controllers *c, const json_t *definition)
{
    const json_t *versions = doc_at(definition, "spec", "versions");
    _cleanup_free_ const char **names = NEW_ARRAY(const char *, json_array_size(versions) + 2);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(versions); i++)
        if (doc_string(json_array_get(versions, i), "name"))
            names[count++] = doc_string(json_array_get(versions, i), "name");
    if (!count)
        names[count] = doc_string(definition, "spec", "version");
    /* One that was written from something odd; a real server refuses it. */
    if (!names[0] || !doc_string(definition, "spec", "group") || !doc_string(definition, "spec", "names", "plural"))
        return;
    server_serve(c->server, definition, names);
}

/* Its objects go first; those with finalizers keep it waiting. */
static void end_definition(struct controllers *c, struct collection *definitions, const json_t *definition)
{
    const char *group = doc_string(definition, "spec", "group"),
               *plural = doc_string(definition, "spec", "names", "plural");
    struct collection *kind = kind_of(c, group, plural);
    _cleanup_json_ json_t *objects = objects_of(kind), *o = NULL;
    json_t *object;
    size_t i;

    json_array_foreach(objects, i, object)
        if (!is_deleting(object))
            remove_object(c, kind, object);
    if (kind && map_len(kind->objects))
        return;
    server_unserve(c->server, group, plural);
    o = doc_copy(definition);
    json_object_set_new(json_object_get(o, "metadata"), "finalizers", json_array());
    update(c, definitions, NULL, o);
}

void controllers_settle_definitions(struct controllers *c)
{
    struct collection *kind = kind_of(c, "apiextensions.k8s.io", "customresourcedefinitions");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        bool served = kind_of(c, doc_string(o, "spec", "group"), doc_string(o, "spec", "names", "plural"));
        if (is_deleting(o)) {
            if (now(c, 300))
                end_definition(c, kind, o);
            continue;
        }
        /* Either may come first. */
        if (!is_established(o) && now(c, 500))
            establish(c, kind, o);
        if (!served && now(c, 500))
            serve(c, o);
    }
}

/* --- Deployments and their Pods --- */

static int64_t number(const json_t *o, const char *part, const char *field)
{
    return doc_int(doc_at(o, part, field), 0);
}

static void set_rollout(struct controllers *c, struct collection *kind, const json_t *deployment, int64_t updated,
                        int64_t available)
{
    _cleanup_json_ json_t *o = doc_copy(deployment);

    json_object_set_new(o, "status",
                        OBJECT(VALUE("observedGeneration", json_incref(doc_at(deployment, "metadata", "generation"))),
                               INT("replicas", updated), INT("updatedReplicas", updated),
                               INT("readyReplicas", available), INT("availableReplicas", available)));
    update(c, kind, "status", o);
}

static void roll_out(struct controllers *c, struct collection *kind, const json_t *o)
{
    int64_t desired = number(o, "spec", "replicas"), updated = number(o, "status", "updatedReplicas");
    int64_t available = number(o, "status", "availableReplicas");

    if (number(o, "status", "observedGeneration") != doc_int(doc_at(o, "metadata", "generation"), 0)) {
        if (now(c, 500))
            set_rollout(c, kind, o, updated < desired ? updated : desired, available < desired ? available / 2 : 0);
        else
            return;
        c->unfinished = true;
    } else if (updated != desired) {
        if (now(c, 400))
            set_rollout(c, kind, o, desired, available < desired ? available : desired);
        c->unfinished = true;
    } else if (available != desired && now(c, 300)) {
        set_rollout(c, kind, o, desired, desired);
    }
}

static bool is_available(struct controllers *c, const char *name)
{
    const struct collection *kind = kind_of(c, "apps", "deployments");
    const json_t *o = server_get(kind, "istio-system", name);

    return o && !is_deleting(o) && number(o, "status", "availableReplicas") > 0;
}

/* It stays what it was. */
static json_t *pod_address(struct controllers *c, const json_t *pod)
{
    json_t *address = doc_at(pod, "status", "podIP");

    return address ? json_incref(address)
                   : json_sprintf("10.44.%d.%d", (int)rng_below(c->rng, 256), (int)rng_between(c->rng, 1, 254));
}

/* One Pod a Deployment, which says why where it does not run. */
static void pod_of(struct controllers *c, struct collection *pods, const json_t *deployment)
{
    bool runs = number(deployment, "status", "availableReplicas") > 0;
    const json_t *pod = server_get(pods, ns_of(deployment), name_of(deployment));
    json_t *o;

    if (!pod)
        create(c, pods, ns_of(deployment),
               OBJECT(MAP("metadata", STRING("name", name_of(deployment)),
                          VALUE("labels", doc_copy(doc_at(deployment, "spec", "template", "metadata", "labels"))),
                          SEQ("ownerReferences", ITEM(STRING("kind", "Deployment"), STRING("name", name_of(deployment)),
                                                      STRING("uid", doc_string(deployment, "metadata", "uid")))))));
    if (!(pod = server_get(pods, ns_of(deployment), name_of(deployment))) ||
        runs == str_eq(doc_string(pod, "status", "phase"), "Running"))
        return;
    o = doc_copy(pod);
    json_object_set_new(
        o, "status",
        OBJECT(STRING("phase", runs ? "Running" : "Pending"), VALUE("podIP", pod_address(c, pod)),
               SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", runs ? "True" : "False"))),
               OPT(!runs, SEQ("containerStatuses",
                              ITEM(STRING("name", "discovery"),
                                   MAP("state", MAP("waiting", STRING("reason", "ImagePullBackOff"))))))));
    update(c, pods, "status", o);
    json_decref(o);
}

static void deployments(struct controllers *c)
{
    struct collection *kind = kind_of(c, "apps", "deployments"), *pods = kind_of(c, "", "pods");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        if (is_deleting(o))
            continue;
        roll_out(c, kind, o);
        pod_of(c, pods, o);
    }
}

static void scale(struct controllers *c, struct collection *kind, const json_t *autoscaler)
{
    int64_t least = number(autoscaler, "spec", "minReplicas"), most = number(autoscaler, "spec", "maxReplicas");
    const json_t *target =
        server_get(kind, ns_of(autoscaler), doc_string(autoscaler, "spec", "scaleTargetRef", "name"));
    _cleanup_json_ json_t *o = target ? doc_copy(target) : NULL;

    if (!o || is_deleting(o) || most < least)
        return;
    json_object_set_new(json_object_get(o, "spec"), "replicas", json_integer(rng_between(c->rng, least, most)));
    update(c, kind, NULL, o);
}

static void autoscalers(struct controllers *c)
{
    _cleanup_json_ json_t *list = objects_of(kind_of(c, "autoscaling", "horizontalpodautoscalers"));
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (!*c->eager && rng_chance(c->rng, 10))
            scale(c, kind_of(c, "apps", "deployments"), o);
}

/* --- what ends with something else --- */

static struct map *living_uids(struct controllers *c)
{
    struct map *uids = map_new(NULL);
    struct collection *kind;
    void *o;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));)
        for (size_t k = 0; map_next(kind->objects, &k, NULL, &o);)
            map_put(uids, doc_string(o, "metadata", "uid"), kind);
    return uids;
}

static bool is_garbage(const json_t *o, const struct map *uids)
{
    const json_t *owners = doc_at(o, "metadata", "ownerReferences");

    for (size_t i = 0; i < json_array_size(owners); i++)
        if (map_has(uids, str_or(doc_string(json_array_get(owners, i), "uid"), "")))
            return false;
    return json_array_size(owners) > 0;
}

static void garbage(struct controllers *c)
{
    _cleanup_map_ struct map *uids = living_uids(c);
    struct collection *kind;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));) {
        _cleanup_json_ json_t *list = objects_of(kind);
        json_t *o;
        size_t k;
        json_array_foreach(list, k, o)
            if (is_garbage(o, uids) && !is_deleting(o) && now(c, 300))
                remove_object(c, kind, o);
    }
}

/* How many objects a namespace still has; those that may go are removed. */
static size_t empty_namespace(struct controllers *c, const char *ns)
{
    struct collection *kind;
    size_t left = 0;

    for (size_t i = 0; (kind = server_next_kind(c->server, &i));) {
        _cleanup_json_ json_t *list = kind->namespaced ? objects_of(kind) : NULL;
        json_t *o;
        size_t k;
        json_array_foreach(list, k, o) {
            if (!str_eq(ns_of(o), ns))
                continue;
            left++;
            if (!is_deleting(o) && now(c, 500))
                remove_object(c, kind, o);
        }
    }
    return left;
}

static void namespaces(struct controllers *c)
{
    struct collection *kind = kind_of(c, "", "namespaces");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *ended = NULL;
        if (!is_deleting(o) || empty_namespace(c, name_of(o)) || !now(c, 500))
            continue;
        ended = doc_copy(o);
        json_object_set_new(json_object_get(ended, "spec"), "finalizers", json_array());
        update(c, kind, NULL, ended);
    }
}

/* --- Istio's components --- */

static void injector(struct controllers *c)
{
    struct collection *kind = kind_of(c, "admissionregistration.k8s.io", "mutatingwebhookconfigurations");
    const json_t *webhooks = server_get(kind, NULL, "istio-sidecar-injector");
    _cleanup_json_ json_t *o = NULL;
    json_t *first;

    if (!webhooks || !is_available(c, "istio-sidecar-injector") || !now(c, 500))
        return;
    o = doc_copy(webhooks);
    first = json_array_get(doc_at(o, "webhooks"), 0);
    if (first)
        json_object_set_new(doc_make(first, "clientConfig"), "caBundle", json_string(CA_BUNDLE));
    update(c, kind, NULL, o);
}

static void galley(struct controllers *c)
{
    struct collection *kind = kind_of(c, "admissionregistration.k8s.io", "validatingwebhookconfigurations");

    if (is_available(c, "istio-galley") && !server_get(kind, NULL, "istio-galley") && now(c, 500))
        create(c, kind, NULL,
               OBJECT(MAP("metadata", STRING("name", "istio-galley")),
                      SEQ("webhooks", ITEM(STRING("name", "pilot.validation.istio.io"),
                                           MAP("clientConfig", MAP("service", STRING("name", "istio-galley"),
                                                                   STRING("namespace", "istio-system")))))));
}

/* Without a certificate that it is given Citadel makes its own. */
static void sign(struct controllers *c, struct collection *secrets)
{
    if (server_get(secrets, "istio-system", "cacerts") || server_get(secrets, "istio-system", "istio-ca-secret") ||
        !now(c, 500))
        return;
    create(c, secrets, "istio-system",
           OBJECT(MAP("metadata", STRING("name", "istio-ca-secret")), STRING("type", "istio.io/ca-root"),
                  MAP("stringData", FORMAT("ca-cert.pem", "certificate %d", (int)rng_below(c->rng, 1000)),
                      FORMAT("ca-key.pem", "key %d", (int)rng_below(c->rng, 1000)))));
}

static void citadel(struct controllers *c)
{
    _cleanup_json_ json_t *accounts = objects_of(kind_of(c, "", "serviceaccounts"));
    struct collection *secrets = kind_of(c, "", "secrets");
    json_t *o;
    size_t i;

    if (!is_available(c, "istio-citadel"))
        return;
    sign(c, secrets);
    json_array_foreach(accounts, i, o) {
        _cleanup_free_ char *name = str_printf("istio.%s", name_of(o));
        if (!server_get(secrets, ns_of(o), name) && !is_deleting(o) && now(c, 500))
            create(c, secrets, ns_of(o),
                   OBJECT(MAP("metadata", STRING("name", name)), STRING("type", "istio.io/key-and-cert")));
    }
}

/* --- Endpoints of Services --- */

static bool is_selected(const json_t *selector, const json_t *pod)
{
    const json_t *ready = doc_find(doc_at(pod, "status", "conditions"), "type", "Ready");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)selector, key, value)
        if (!json_equal(value, doc_at(pod, "metadata", "labels", key)))
            return false;
    return str_eq(doc_string(ready, "status"), "True");
}

static json_t *addresses_of(const json_t *service, const struct collection *pods)
{
    json_t *addresses = json_array();
    void *pod;

    for (size_t i = 0; pods && map_next(pods->objects, &i, NULL, &pod);)
        if (str_eq(ns_of(pod), ns_of(service)) && is_selected(doc_at(service, "spec", "selector"), pod))
            json_array_append_new(addresses, OBJECT(STRING("ip", doc_string(pod, "status", "podIP"))));
    return addresses;
}

/* They have the Service's labels, whosever those are. */
static void lead_to_pods(struct controllers *c, struct collection *kind, const json_t *service)
{
    const json_t *before = server_get(kind, ns_of(service), name_of(service));
    json_t *labels = doc_at(service, "metadata", "labels"), *addresses;
    _cleanup_json_ json_t *o = NULL, *subsets = NULL;

    if (!json_object_size(doc_at(service, "spec", "selector")))
        return;
    addresses = addresses_of(service, kind_of(c, "", "pods"));
    subsets = json_array_size(addresses) ? ARRAY(ITEM(VALUE("addresses", json_incref(addresses)),
                                                      SEQ("ports", ITEM(INT("port", 80), STRING("protocol", "TCP")))))
                                         : NULL;
    json_decref(addresses);
    if ((before && doc_equal(doc_at(before, "metadata", "labels"), labels) &&
         doc_equal(doc_at(before, "subsets"), subsets)) ||
        !now(c, 500))
        return;
    o = before ? doc_copy(before) : OBJECT(MAP("metadata", STRING("name", name_of(service))));
    if (labels)
        json_object_set(json_object_get(o, "metadata"), "labels", labels);
    else
        json_object_del(json_object_get(o, "metadata"), "labels");
    if (subsets)
        json_object_set(o, "subsets", subsets);
    else
        json_object_del(o, "subsets");
    if (before)
        update(c, kind, NULL, o);
    else
        create(c, kind, ns_of(service), json_incref(o));
}

static void endpoints(struct controllers *c)
{
    struct collection *services = kind_of(c, "", "services"), *kind = kind_of(c, "", "endpoints");
    _cleanup_json_ json_t *list = objects_of(services), *there = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (!is_deleting(o))
            lead_to_pods(c, kind, o);
    json_array_foreach(there, i, o)
        if (!server_get(services, ns_of(o), name_of(o)) && now(c, 300))
            remove_object(c, kind, o);
}

static void tokens(struct controllers *c)
{
    struct collection *kind = kind_of(c, "", "serviceaccounts");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *with = NULL;
        if (doc_at(o, "secrets") || is_deleting(o) || !now(c, 500))
            continue;
        with = doc_copy(o);
        json_object_set_new(with, "secrets", ARRAY(ITEM(FORMAT("name", "%s-token", name_of(o)))));
        update(c, kind, NULL, with);
    }
}

static void turn(void *context)
{
    static void (*const all[])(struct controllers *) = {controllers_settle_definitions,
                                                        deployments,
                                                        autoscalers,
                                                        garbage,
                                                        namespaces,
                                                        injector,
                                                        galley,
                                                        citadel,
                                                        endpoints,
                                                        tokens};
    struct controllers *c = context;
    int64_t before = server_version(c->server);

    c->job = NULL;
    c->unfinished = false;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (*c->eager || rng_chance(c->rng, 800))
            all[i](c);
        else
            c->unfinished = true;
    if (c->unfinished || server_version(c->server) != before)
        controllers_poke(c);
}

struct controllers *controllers_new(struct sched *sched, struct server *server, struct rng *rng, const bool *eager)
{
    struct controllers *c = NEW(struct controllers);

    *c = (struct controllers){.sched = sched, .server = server, .rng = rng, .eager = eager};
    return c;
}

void controllers_free(struct controllers *c)
{
    if (!c)
        return;
    sched_drop(c->sched, c->job);
    free(c);
}

void controllers_poke(struct controllers *c)
{
    if (!c->job)
        c->job = sched_at(c->sched, sched_now(c->sched) + rng_between(c->rng, SOONEST, LATEST), turn, c);
}
