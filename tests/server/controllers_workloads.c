/* Deployments and their Pods, what scales and what reaches them. */
#include "controllers_impl.h"

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

static const char *tag_of(const json_t *deployment)
{
    const json_t *container = json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);
    const char *image = doc_string(container, "image"), *tag = image ? strrchr(image, ':') : NULL;

    return tag ? tag + 1 : "";
}

/* Istio 1.0 knows no sources of configuration, and takes no field that it does not know. */
static bool can_read_configuration(struct controllers *c, const json_t *pilot)
{
    const json_t *config = server_get(kind_of(c, "", "configmaps"), ns_of(pilot), "istio");

    return !str_starts(tag_of(pilot), "1.0.") ||
           !strstr(str_or(doc_string(config, "data", "mesh"), ""), "configSources");
}

/* Whether Pods of a Deployment run that start now. */
static bool starts(struct controllers *c, const json_t *deployment)
{
    const char *broken = doc_string(deployment, "metadata", "annotations", CONTROLLERS_BROKEN);

    if (broken && str_eq(broken, tag_of(deployment)))
        return false;
    return !c->reads_configuration || !str_eq(name_of(deployment), "istio-pilot") ||
           can_read_configuration(c, deployment);
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
    } else if (available != desired && starts(c, o) && now(c, 300)) {
        set_rollout(c, kind, o, desired, desired);
    }
}

/* It stays what it was. */
static json_t *pod_address(struct controllers *c, const json_t *pod)
{
    json_t *address = doc_at(pod, "status", "podIP");

    return address ? json_incref(address)
                   : json_sprintf("10.44.%d.%d", (int)rng_below(c->rng, 256), (int)rng_between(c->rng, 1, 254));
}

static bool is_ready(const json_t *pod)
{
    return str_eq(doc_string(doc_find(doc_at(pod, "status", "conditions"), "type", "Ready"), "status"), "True");
}

static json_t *new_pod(const json_t *deployment)
{
    return OBJECT(MAP("metadata", STRING("name", name_of(deployment)),
                      VALUE("labels", doc_copy(doc_at(deployment, "spec", "template", "metadata", "labels"))),
                      SEQ("ownerReferences", ITEM(STRING("kind", "Deployment"), STRING("name", name_of(deployment)),
                                                  STRING("uid", doc_string(deployment, "metadata", "uid"))))));
}

/* With its annotations, by which istiod injects. */
static void create_pod_today(struct controllers *c, struct collection *pods, const json_t *deployment)
{
    json_t *pod = new_pod(deployment), *template = doc_at(deployment, "spec", "template", "metadata", "annotations");

    if (json_is_object(template))
        json_object_set_new(json_object_get(pod, "metadata"), "annotations", doc_copy(template));
    if (controllers_admit(c, ns_of(deployment), pod)) {
        create(c, pods, ns_of(deployment), pod);
    } else {
        c->unfinished = true;
        json_decref(pod);
    }
}

/* Of a template that is no longer the Deployment's. */
static bool is_former(const json_t *pod, const json_t *deployment)
{
    return pod &&
           !doc_equal(doc_at(pod, "metadata", "labels"), doc_at(deployment, "spec", "template", "metadata", "labels"));
}

/* Today a Pod that a user made unready becomes ready again. */
static bool says_that_it_runs(struct controllers *c, const json_t *pod)
{
    return str_eq(doc_string(pod, "status", "phase"), "Running") && (!controllers_are_todays(c) || is_ready(pod));
}

/* One Pod a Deployment, which says why where it does not run. */
static void pod_of(struct controllers *c, struct collection *pods, const json_t *deployment)
{
    bool runs = number(deployment, "status", "availableReplicas") > 0;
    const json_t *pod = server_get(pods, ns_of(deployment), name_of(deployment));
    json_t *o;

    if (controllers_are_todays(c) && is_former(pod, deployment) && now(c, 400))
        remove_object(c, pods, pod);
    else if (!pod && controllers_are_todays(c))
        create_pod_today(c, pods, deployment);
    else if (!pod)
        create(c, pods, ns_of(deployment), new_pod(deployment));
    if (!(pod = server_get(pods, ns_of(deployment), name_of(deployment))) || runs == says_that_it_runs(c, pod))
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

void controllers_deployments(struct controllers *c)
{
    struct collection *kind = kind_of(c, "apps", "deployments"), *pods = kind_of(c, "", "pods");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        if (is_deleting(o) || controllers_is_app(o))
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

void controllers_scale(struct controllers *c)
{
    _cleanup_json_ json_t *list = objects_of(kind_of(c, "autoscaling", "horizontalpodautoscalers"));
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        scale(c, kind_of(c, "apps", "deployments"), o);
}

void controllers_autoscalers(struct controllers *c)
{
    _cleanup_json_ json_t *list = objects_of(kind_of(c, "autoscaling", "horizontalpodautoscalers"));
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (!*c->eager && rng_chance(c->rng, 10))
            scale(c, kind_of(c, "apps", "deployments"), o);
}

/* --- Endpoints of Services --- */

static bool has_labels(const json_t *selector, const json_t *pod)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)selector, key, value)
        if (!json_equal(value, doc_at(pod, "metadata", "labels", key)))
            return false;
    return true;
}

static bool is_selected(const json_t *selector, const json_t *pod)
{
    return has_labels(selector, pod) && is_ready(pod);
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

void controllers_endpoints(struct controllers *c)
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

/* --- EndpointSlices of Services: one each --- */

static json_t *endpoints_of(const json_t *service, const struct collection *pods)
{
    json_t *list = json_array();
    void *pod;

    for (size_t i = 0; pods && map_next(pods->objects, &i, NULL, &pod);)
        if (str_eq(ns_of(pod), ns_of(service)) && has_labels(doc_at(service, "spec", "selector"), pod) &&
            doc_string(pod, "status", "podIP"))
            json_array_append_new(list, OBJECT(SEQ("addresses", ITEM_STRING(doc_string(pod, "status", "podIP"))),
                                               MAP("conditions", BOOL("ready", is_ready(pod)))));
    return list;
}

static void slice(struct controllers *c, struct collection *kind, const json_t *service)
{
    _cleanup_free_ char *name = str_printf("%s-slice", name_of(service));
    const json_t *before = server_get(kind, ns_of(service), name);
    _cleanup_json_ json_t *endpoints = endpoints_of(service, kind_of(c, "", "pods")), *o = NULL;

    if ((before && doc_equal(json_object_get(before, "endpoints"), endpoints)) || !now(c, 500))
        return;
    o = before ? doc_copy(before)
               : OBJECT(MAP("metadata", STRING("name", name),
                            MAP("labels", STRING("kubernetes.io/service-name", name_of(service))),
                            SEQ("ownerReferences", ITEM(STRING("kind", "Service"), STRING("name", name_of(service)),
                                                        STRING("uid", doc_string(service, "metadata", "uid"))))),
                        STRING("addressType", "IPv4"));
    json_object_set(o, "endpoints", endpoints);
    if (before)
        update(c, kind, NULL, o);
    else
        create(c, kind, ns_of(service), json_incref(o));
}

void controllers_endpoint_slices(struct controllers *c)
{
    struct collection *kind = kind_of(c, "discovery.k8s.io", "endpointslices");
    _cleanup_json_ json_t *list = objects_of(kind_of(c, "", "services"));
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o)
        if (!is_deleting(o) && json_object_size(doc_at(o, "spec", "selector")))
            slice(c, kind, o);
}

/* --- addresses from outside --- */

void controllers_load_balancers(struct controllers *c)
{
    struct collection *kind = kind_of(c, "", "services");
    _cleanup_json_ json_t *list = objects_of(kind);
    json_t *o;
    size_t i;

    json_array_foreach(list, i, o) {
        _cleanup_json_ json_t *with = NULL;
        if (is_deleting(o) || !str_eq(doc_string(o, "spec", "type"), "LoadBalancer") ||
            doc_at(o, "status", "loadBalancer", "ingress") || !now(c, 300))
            continue;
        with = doc_copy(o);
        json_object_set_new(doc_make(with, "status", "loadBalancer"), "ingress",
                            ARRAY(ITEM(STRING("ip", "203.0.113.7"))));
        update(c, kind, "status", with);
    }
}
