/*
 * Objects of a cluster, odd in every place: both planners decide on what is observed, whatever it looks like, and
 * decide as before when it is as before again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/discovery.h"
#include "mesh/authority.h"
#include "mesh/workloads.h"
#include "net/certificate.h"
#include "odd.h"
#include "remote_world.h"

/* The mesh uses what looks into objects besides its own: sidecars of Pods, labels of namespaces. */
#define MESH "{\"sidecarRenewal\":{\"mode\":\"Automatic\"},\"autoInjectionNamespaces\":[\"app\",\"other\"]}"

static json_t *pod(const char *name, json_t *statuses, json_t *annotations)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            STRING("name", name),
            STRING("namespace", NS),
            STRING("creationTimestamp", "2018-12-17T00:00:00Z"),
            MAP("labels", STRING("istio", "pilot"), STRING("app", "istio-pilot")),
            VALUE("annotations", annotations)),
        MAP("status",
            STRING("phase", "Running"),
            STRING("podIP", "10.0.0.1"),
            STRING("reason", "Evicted"),
            STRING("message", "too much"),
            SEQ("conditions",
                ITEM(STRING("type", "Ready"), STRING("status", "True")),
                ITEM(
                    STRING("type", "PodScheduled"),
                    STRING("status", "False"),
                    STRING("reason", "Unschedulable"),
                    STRING("message", "m"))),
            VALUE("initContainerStatuses", statuses ? doc_copy(statuses) : NULL),
            VALUE("containerStatuses", statuses)));
}

static json_t *statuses(void)
{
    return ARRAY(
        ITEM(
            STRING("name", "discovery"),
            BOOL("ready", false),
            MAP("state", MAP("waiting", STRING("reason", "CrashLoopBackOff"), STRING("message", "back-off"))),
            MAP("lastState", MAP("terminated", STRING("reason", "Error"), INT("exitCode", 1)))),
        ITEM(STRING("name", "proxy"), MAP("state", MAP("terminated", STRING("reason", "Error"), INT("exitCode", 2)))));
}

static json_t *secret(const char *name, const char *type, json_t *data)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS)),
        STRING("type", type),
        VALUE("data", data));
}

static json_t *sidecar(void)
{
    json_t *object = pod(
        "with-sidecar",
        NULL,
        OBJECT(STRING("sidecar.istio.io/status", "{\"version\":\"old\",\"revision\":\"default\",\"containers\":[]}")));

    json_object_set_new(
        doc_make(object, "metadata"),
        "ownerReferences",
        ARRAY(ITEM(
            STRING("apiVersion", "apps/v1"),
            STRING("kind", "StatefulSet"),
            STRING("name", "with-sidecar"),
            BOOL("controller", true))));
    return object;
}

/* What runs the Pod with a sidecar, after a restart. */
static json_t *running(const struct kube_kind *kind)
{
    return OBJECT(
        STRING("apiVersion", "apps/v1"),
        STRING("kind", kind->kind),
        MAP("metadata",
            STRING("name", "with-sidecar"),
            STRING("namespace", "app"),
            INT("generation", 2),
            MAP("annotations", STRING(SIDECAR_RENEWAL_ANNOTATION, "retry"))),
        MAP("spec",
            BOOL("paused", true),
            INT("replicas", 1),
            MAP("updateStrategy", STRING("type", "RollingUpdate"), MAP("rollingUpdate", INT("partition", 1))),
            MAP("template",
                MAP("metadata",
                    MAP("labels", STRING("app", "a"), STRING("sidecar.istio.io/inject", "true")),
                    MAP("annotations",
                        STRING(SIDECAR_RESTARTED_ANNOTATION, "x 2019-01-01T00:00:00Z"),
                        STRING("sidecar.istio.io/proxyImage", "proxyv2:1"),
                        STRING("sidecar.istio.io/status", "{}"))))),
        MAP("status",
            INT("observedGeneration", 2),
            INT("replicas", 1),
            INT("updatedReplicas", 1),
            INT("availableReplicas", 1),
            INT("desiredNumberScheduled", 1),
            INT("currentNumberScheduled", 1),
            INT("updatedNumberScheduled", 1),
            INT("numberAvailable", 1)));
}

static json_t *budget(void)
{
    return OBJECT(
        STRING("apiVersion", "policy/v1beta1"),
        STRING("kind", "PodDisruptionBudget"),
        MAP("metadata", STRING("name", "with-sidecar"), STRING("namespace", "app")),
        MAP("spec",
            MAP("selector",
                MAP("matchLabels", STRING("app", "a")),
                SEQ("matchExpressions", ITEM(STRING("key", "app"), STRING("operator", "In"), STRINGS("values", "a"))))),
        MAP("status", INT("disruptionsAllowed", 1)));
}

static json_t *node(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Node"),
        MAP("metadata", STRING("name", "a"), MAP("labels", STRING("minikube.k8s.io/name", "m"))),
        MAP("status", MAP("nodeInfo", STRING("kubeletVersion", "v1.34.4+k3s1"))));
}

static json_t *definition_of_gateway_api(void)
{
    return OBJECT(
        STRING("apiVersion", "apiextensions.k8s.io/v1"),
        STRING("kind", "CustomResourceDefinition"),
        MAP("metadata",
            STRING("name", GATEWAY_API_DEFINITION),
            MAP("annotations",
                STRING("gateway.networking.k8s.io/bundle-version", "v1.5.1"),
                STRING("gateway.networking.k8s.io/channel", "standard"))));
}

static json_t *definition_of_classes(void)
{
    return OBJECT(
        STRING("apiVersion", "apiextensions.k8s.io/v1"),
        STRING("kind", "CustomResourceDefinition"),
        MAP("metadata", STRING("name", GATEWAY_CLASS_DEFINITION)),
        MAP("spec",
            STRING("group", "gateway.networking.k8s.io"),
            MAP("names", STRING("kind", "GatewayClass"), STRING("plural", "gatewayclasses")),
            SEQ("versions", ITEM(STRING("name", "v1"), BOOL("served", true), BOOL("storage", true)))),
        MAP("status", SEQ("conditions", ITEM(STRING("type", "Established"), STRING("status", "True")))));
}

/* Of a kind of the Prometheus, of the Grafana or of Kiali's operator. */
static json_t *definition_of_monitoring(enum mesh_kind_id id)
{
    const struct kube_kind *kind = mesh_kind(id);

    return OBJECT(
        STRING("apiVersion", "apiextensions.k8s.io/v1"),
        STRING("kind", "CustomResourceDefinition"),
        MAP("metadata", FORMAT("name", "%s.%s", kind->plural, kind->group)),
        MAP("spec",
            STRING("group", kind->group),
            MAP("names", STRING("kind", kind->kind), STRING("plural", kind->plural)),
            SEQ("versions", ITEM(STRING("name", kind->versions[0].name), BOOL("served", true), BOOL("storage", true)))),
        MAP("status", SEQ("conditions", ITEM(STRING("type", "Established"), STRING("status", "True")))));
}

static json_t *authority(const char *name)
{
    struct certificate c;
    _cleanup_free_ char *pem = NULL;

    assert_int_equal(certificate_make((const char *const[]){"x", NULL}, 0, SECONDS(1), NULL, &c, NULL), 0);
    pem = base64_encode(c.ca, strlen(c.ca));
    certificate_release(&c);
    return secret(name, "Opaque", OBJECT(STRING("ca-cert.pem", pem), STRING("root-cert.pem", pem)));
}

/* Of Istio 1.1, with a proxy that was restarted. */
static json_t *reliant(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            STRING("name", "reliant"),
            STRING("namespace", "app"),
            MAP("annotations", STRING("sidecar.istio.io/status", "{\"version\":\"0123\"}"))),
        MAP("spec",
            STRING("nodeName", "a"),
            SEQ("initContainers", ITEM(STRING("name", "a"))),
            SEQ("containers", ITEM(STRING("name", "istio-proxy")))),
        MAP("status",
            STRING("startTime", "2019-01-01T00:00:00Z"),
            SEQ("containerStatuses",
                ITEM(
                    STRING("name", "istio-proxy"),
                    INT("restartCount", 1),
                    MAP("state", MAP("running", STRING("startedAt", "2019-01-01T00:00:00Z")))))));
}

static json_t *endpoints(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Endpoints"),
        MAP("metadata", STRING("name", "app-primary"), STRING("namespace", "default")),
        SEQ("subsets",
            ITEM(
                SEQ("addresses",
                    ITEM(STRING("ip", "10.0.0.1"), MAP("targetRef", STRING("name", "app-primary-5d4f-x7k2p")))))));
}

static json_t *amounts(void)
{
    return OBJECT(STRING("cpu", "1500m"), STRING("memory", "2Gi"), STRING("pods", "110"));
}

static json_t *room_node(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Node"),
        MAP("metadata", STRING("name", "node-1")),
        MAP("spec",
            BOOL("unschedulable", false),
            STRING("providerID", "cloud://1"),
            SEQ("taints", ITEM(STRING("key", "dedicated"), STRING("effect", "NoSchedule")))),
        MAP("status", VALUE("allocatable", amounts())));
}

static json_t *room_pod(void)
{
    json_t *pod = sidecar();

    json_object_set_new(
        pod,
        "spec",
        OBJECT(
            STRING("nodeName", "node-1"),
            INT("priority", 0),
            SEQ("initContainers",
                ITEM(
                    STRING("name", "istio-proxy"),
                    STRING("restartPolicy", "Always"),
                    MAP("resources", VALUE("limits", amounts())))),
            SEQ("containers", ITEM(STRING("name", "app"), MAP("resources", VALUE("requests", amounts()))))));
    return pod;
}

static json_t *quota(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ResourceQuota"),
        MAP("metadata", STRING("name", "quota"), STRING("namespace", NS)),
        MAP("spec", VALUE("hard", amounts()), SEQ("scopes"), MAP("scopeSelector")),
        MAP("status", VALUE("hard", amounts()), VALUE("used", amounts())));
}

/* Of a kind of which a digest is kept alone. */
static json_t *sample_of(const struct kube_kind *kind)
{
    switch ((enum mesh_kind_id)(kind - mesh_kinds.rows)) {
    case KIND_SIDECAR_POD:
        return sidecar();
    case KIND_RELIANT_POD:
        return reliant();
    case KIND_RUNNING_DEPLOYMENT:
    case KIND_RUNNING_STATEFUL_SET:
    case KIND_RUNNING_DAEMON_SET:
        return running(kind);
    case KIND_RUNNING_BUDGET:
        return budget();
    case KIND_HALF_ENDPOINTS:
        return endpoints();
    case KIND_NODE:
        return node();
    case KIND_ROOM_NODE:
        return room_node();
    case KIND_ROOM_POD:
        return room_pod();
    case KIND_ROOM_QUOTA:
        return quota();
    case KIND_SELF_SIGNED_AUTHORITY:
        return authority(MESH_SELF_SIGNED_AUTHORITY);
    case KIND_PLUGGED_IN_AUTHORITY:
        return authority(MESH_PLUGGED_IN_AUTHORITY);
    case KIND_GATEWAY_API:
        return definition_of_gateway_api();
    case KIND_SERVICE_PORTS:
        return OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Service"),
            MAP("metadata", STRING("name", "zipkin"), STRING("namespace", NS)),
            MAP("spec", SEQ("ports", ITEM(STRING("name", "http"), INT("port", 9411), STRING("appProtocol", "http")))));
    case KIND_WIDE_TELEMETRY:
        return OBJECT(
            STRING("apiVersion", "telemetry.istio.io/v1"),
            STRING("kind", "Telemetry"),
            MAP("metadata", STRING("name", "mesh-default"), STRING("namespace", NS)),
            MAP("spec", MAP("selector", MAP("matchLabels"))));
    case KIND_SERVICE_WITH_AUTH:
        return OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Service"),
            MAP("metadata",
                STRING("name", "db"),
                STRING("namespace", "default"),
                MAP("annotations", STRING("auth.istio.io/3306", "NONE"))));
    case KIND_GATEWAY_CLASS_DEFINITION:
        return definition_of_classes();
    case KIND_SERVICE_MONITOR_DEFINITION:
        return definition_of_monitoring(KIND_SERVICE_MONITOR);
    case KIND_POD_MONITOR_DEFINITION:
        return definition_of_monitoring(KIND_POD_MONITOR);
    case KIND_PROMETHEUS_RULE_DEFINITION:
        return definition_of_monitoring(KIND_PROMETHEUS_RULE);
    case KIND_PROMETHEUS_DEFINITION:
        return definition_of_monitoring(KIND_PROMETHEUS);
    case KIND_GRAFANA_DASHBOARD_DEFINITION:
        return definition_of_monitoring(KIND_GRAFANA_DASHBOARD);
    case KIND_KIALI_DEFINITION:
        return definition_of_monitoring(KIND_KIALI);
    default:
        fail_msg("%s (%s) has no sample", kind->kind, str_or(kind->view, ""));
        return NULL;
    }
}

/* What nobody watches by label, in both clusters. */
static void put_others(struct world *w)
{
    world_put(w, pod("istio-pilot-1", statuses(), NULL));
    world_put(w, pod("istio-pilot-2", NULL, NULL));
    world_put_namespace(w, "app", OBJECT(STRING("istio-injection", "disabled")));
    world_put_namespace(
        w, "other", OBJECT(STRING("istio-injection", "enabled"), STRING(LABEL_INJECTION_MANAGED, "enabled")));
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "admissionregistration.k8s.io/v1"),
            STRING("kind", "ValidatingWebhookConfiguration"),
            MAP("metadata", STRING("name", "istio-galley")),
            SEQ("webhooks",
                ITEM(
                    STRING("name", "pilot.validation.istio.io"),
                    MAP("clientConfig", MAP("service", STRING("namespace", NS)))))));
    world_put_as(
        w,
        mesh_kind(KIND_KEY_AND_CERT_SECRET),
        secret("istio.default", "istio.io/key-and-cert", OBJECT(STRING("a", "b"))));
    world_put_as(w, mesh_kind(KIND_SIDECAR_POD), sidecar());
    world_put_as(w, mesh_kind(KIND_RELIANT_POD), reliant());
    world_put_as(w, mesh_kind(KIND_RUNNING_DEPLOYMENT), running(mesh_kind(KIND_RUNNING_DEPLOYMENT)));
    world_put_as(w, mesh_kind(KIND_RUNNING_STATEFUL_SET), running(mesh_kind(KIND_RUNNING_STATEFUL_SET)));
    world_put_as(w, mesh_kind(KIND_RUNNING_DAEMON_SET), running(mesh_kind(KIND_RUNNING_DAEMON_SET)));
    world_put_as(w, mesh_kind(KIND_RUNNING_BUDGET), budget());
    world_put_as(w, mesh_kind(KIND_SECRET_KEYS), secret("istio.pilot", "Opaque", OBJECT(STRING("a", "b"))));
    world_put_as(
        w,
        mesh_kind(KIND_CONFIG_MAP_KEYS),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "ConfigMap"),
            MAP("metadata", STRING("name", "istio"), STRING("namespace", NS)),
            MAP("data", STRING("mesh", "")),
            MAP("binaryData", STRING("b", ""))));
}

/* A Deployment that says why it is not available. */
static void break_deployment(struct world *w, const char *name)
{
    json_t *d = world_get(w, "apps/v1", "Deployment", NS, name);

    assert_non_null(d);
    json_object_set_new(
        d,
        "status",
        OBJECT(
            INT("observedGeneration", 0),
            INT("replicas", 2),
            INT("updatedReplicas", 1),
            SEQ("conditions",
                ITEM(
                    STRING("type", "Progressing"),
                    STRING("status", "False"),
                    STRING("reason", "ProgressDeadlineExceeded")),
                ITEM(
                    STRING("type", "ReplicaFailure"),
                    STRING("status", "True"),
                    STRING("reason", "Quota"),
                    STRING("message", "no")))));
    world_put(w, d);
}

static int setup(void **state)
{
    struct remote_world *w;

    remote_world_setup(state);
    w = *state;
    world_put_mesh(&w->central, MESH);
    put_others(&w->central);
    put_others(&w->remote);
    world_put(
        &w->remote,
        OBJECT(
            STRING("apiVersion", "v1"), STRING("kind", "Namespace"), MAP("metadata", STRING("name", "kube-system"))));
    assert_true(world_converge(&w->central) > 0);
    remote_world_put_secret(w, "cacerts", OBJECT(STRING("ca-cert.pem", "YQ=="), STRING("ca-key.pem", "YQ==")));
    remote_world_join(w, "{\"autoInjectionNamespaces\":[\"app\",\"other\"]}");
    world_roll_out(&w->central);
    break_deployment(&w->central, "istio-pilot");
    break_deployment(&w->remote, "istio-citadel");
    assert_true(world_converge(&w->central) >= 0);
    assert_true(remote_world_converge(w) >= 0);
    return 0;
}

/* --- one object after the other --- */

struct walk {
    struct remote_world *w;
    bool few; /* what matters is which objects there are, whose they are, and of which type what is read in them is */
    size_t objects, tries,
        decided[4]; /* how many actions there are of the mesh, in the central cluster, in the remote one; and of none */
};

static void check_actions(const struct plan *plan)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        _cleanup_json_ json_t *body = NULL;
        assert_true(a->kind && a->name && *a->name && (!a->kind->namespaced || (a->ns && *a->ns)));
        if (a->body)
            assert_int_equal(doc_parse(a->body, strlen(a->body), SIZE_MAX, &body, NULL), 0);
    }
}

/* How many actions both planners decide on. */
static void decide(struct remote_world *w, size_t *ret_counts)
{
    struct reconcile_plan remote;
    struct plan mesh = world_plan(&w->central);

    remote_world_plan(w, &remote);
    check_actions(&mesh);
    check_actions(&remote.central);
    check_actions(&remote.remote);
    ret_counts[0] = mesh.len;
    ret_counts[1] = remote.central.len;
    ret_counts[2] = remote.remote.len;
    plan_release(&mesh);
    reconcile_plan_release(&remote);
}

static void set_version(struct world *w, json_t *object)
{
    json_object_set_new(doc_make(object, "metadata"), "resourceVersion", json_sprintf("%d", ++w->clock));
}

/* What the planner sees of a definition, a cluster asks for its version. */
static void read_definition(const json_t *object)
{
    for (size_t i = 0; i < mesh_kinds.len; i++)
        kube_definition_version(object, &mesh_kinds.rows[i]);
}

static bool is_of_few(enum odd how)
{
    return how == ODD_ABSENT || how == ODD_NULL || how == ODD_MAP || how == ODD_NULLS || how == ODD_TEXT ||
           how == ODD_LARGE;
}

static void
try(struct walk *walk, struct world *w, const struct kube_kind *kind, const json_t *good, size_t place, enum odd how)
{
    json_t *object = odd_document(good, place, how, NULL), *again;
    const char *ns, *name;
    size_t counts[3];

    if (!object)
        return;
    if (walk->few && !is_of_few(how)) {
        json_decref(object);
        return;
    }
    walk->tries++;
    /* The same version would be no news. */
    if (str_eq(doc_string(object, "metadata", "resourceVersion"), doc_string(good, "metadata", "resourceVersion")))
        set_version(w, object);
    kube_cache_put(w->cache, kind, object);
    read_definition(object);
    decide(walk->w, counts);
    ns = kind->namespaced ? doc_string(object, "metadata", "namespace") : NULL;
    name = doc_string(object, "metadata", "name");
    if (name && !str_eq(name, doc_string(good, "metadata", "name")))
        kube_cache_remove(w->cache, kind, ns, name, NULL);
    else if (ns && !str_eq(ns, doc_string(good, "metadata", "namespace")))
        kube_cache_remove(w->cache, kind, ns, name, NULL);
    json_decref(object);
    again = doc_copy(good);
    set_version(w, again);
    assert_true(kube_cache_put(w->cache, kind, again) || kind->digest);
    json_decref(again);
}

static void check_as_before(struct walk *walk, const char *key)
{
    size_t counts[3];

    decide(walk->w, counts);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i] != walk->decided[i])
            fail_msg("%s is as before, and %zu actions are decided on, not %zu", key, counts[i], walk->decided[i]);
}

static void try_object(struct walk *walk, struct world *w, const struct kube_kind *kind, const json_t *good)
{
    _cleanup_free_ char *key =
        object_key(kind, doc_string(good, "metadata", "namespace"), doc_string(good, "metadata", "name"));

    walk->objects++;
    fprintf(stderr, "%s\n", key); /* the last one before a crash */
    for (size_t place = 0; place < odd_places(good); place++)
        for (enum odd how = 0; how < ODD_COUNT; how++)
            try(walk, w, kind, good, place, how);
    check_as_before(walk, key);
}

/* The kinds of which each object is read in its own way. */
static size_t most_of(const struct kube_kind *kind)
{
    return str_eq(kind->kind, "Secret") || str_eq(kind->kind, "Pod") || str_eq(kind->kind, "ConfigMap") ? 4 : 1;
}

/* That with the fewest places: the definitions of today's Istio have up to thousands. */
static json_t *smallest_of(struct world *w, const struct kube_kind *kind)
{
    json_t *smallest = NULL;
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(w->cache, kind, &i));) {
        json_t *object = kube_object_parse(o);
        if (smallest && odd_places(object) >= odd_places(smallest)) {
            json_decref(object);
            continue;
        }
        json_decref(smallest);
        smallest = object;
    }
    return smallest;
}

/* An array, owned by the caller. */
static json_t *objects_of(struct world *w, const struct kube_kind *kind)
{
    json_t *objects = json_array();
    const struct kube_object *o;

    if (kind->digest) {
        json_array_append_new(objects, sample_of(kind));
    } else if (kind == mesh_kind(KIND_DEFINITION)) {
        json_t *definition = smallest_of(w, kind);
        if (definition)
            json_array_append_new(objects, definition);
    } else {
        for (size_t i = 0; json_array_size(objects) < most_of(kind) && (o = kube_cache_next(w->cache, kind, &i));)
            json_array_append_new(objects, kube_object_parse(o));
    }
    return objects;
}

static void try_kind(struct walk *walk, struct world *w, const struct kube_kind *kind)
{
    _cleanup_json_ json_t *objects = objects_of(w, kind);
    json_t *object;
    size_t i;

    json_array_foreach(objects, i, object) {
        if (kind->digest)
            set_version(w, object);
        try_object(walk, w, kind, object);
    }
}

/* Kinds of which nothing is read but by the merge; so that one of them, in one cluster, tells of all. */
static bool is_merged_only(const struct kube_kind *kind)
{
    static const char *const others[] = {
        "Namespace", "CustomResourceDefinition", "Secret", "Endpoints", "Deployment", "Pod", "Istio", "RemoteIstio"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq(kind->kind, others[i]))
            return false;
    return true;
}

static bool has_own_meaning(const struct kube_kind *kind)
{
    return !kind->custom || str_eq(kind->kind, "Gateway") || !is_merged_only(kind);
}

static void try_all(struct remote_world *w, bool few)
{
    struct walk walk = {.w = w, .few = few};

    decide(w, walk.decided);
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];
        if (has_own_meaning(kind) && !(few && kind->custom && is_merged_only(kind)))
            try_kind(&walk, &w->central, kind);
        if (!is_merged_only(kind))
            try_kind(&walk, &w->remote, kind);
    }
    print_message("%zu objects, %zu of them odd\n", walk.objects, walk.tries);
    assert_true(walk.objects > 25 && walk.tries > (few ? 2000 : 10000));
}

static void delete_mesh(struct remote_world *w)
{
    json_t *mesh = world_get(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(doc_make(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:01Z"));
    world_put(&w->central, mesh);
}

static void a_mesh_stands_odd_objects(void **state)
{
    try_all(*state, false);
}

/* --- today's Istio --- */

/* Its plugin and its sidecars look into what no other field does. */
#define TODAYS_MESH                                                                                                    \
    "{\"version\":\"" REMOTE_WORLD_TODAYS_VERSION "\",\"sidecars\":{\"count\":true},"                                  \
    "\"autoInjectionNamespaces\":[\"app\",\"other\"],\"defaultPodDisruptionBudget\":{\"enabled\":true},"               \
    "\"mtls\":true,\"cni\":{\"enabled\":true},\"tracing\":{\"zipkinAddress\":\"zipkin:9411\",\"sampling\":50}}"

static void put_as(struct world *w, enum mesh_kind_id id, const char *ns, const char *name)
{
    const struct kube_kind *kind = mesh_kind(id);
    char api_version[128];

    kube_api_version(kind, kind->versions[0].name, api_version);
    world_put_as(
        w,
        kind,
        OBJECT(
            STRING("apiVersion", api_version),
            STRING("kind", kind->kind),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", ns),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z"))));
}

/* As istiod fills it in. */
static void fill_in_ca_bundles(struct world *w, enum mesh_kind_id id)
{
    _cleanup_json_ json_t *configuration = smallest_of(w, mesh_kind(id));
    json_t *webhook;
    size_t i;

    json_array_foreach(doc_at(configuration, "webhooks"), i, webhook)
        json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
    world_put(w, json_incref(configuration));
}

/* What istiod and the nodes have. */
static void put_todays_others(struct world *w)
{
    world_put_as(w, mesh_kind(KIND_NODE), node());
    world_put_as(w, mesh_kind(KIND_SELF_SIGNED_AUTHORITY), authority(MESH_SELF_SIGNED_AUTHORITY));
    world_put_as(w, mesh_kind(KIND_SERVICE_PORTS), sample_of(mesh_kind(KIND_SERVICE_PORTS)));
    world_put_as(w, mesh_kind(KIND_WIDE_TELEMETRY), sample_of(mesh_kind(KIND_WIDE_TELEMETRY)));
    world_put_as(w, mesh_kind(KIND_GATEWAY_API), definition_of_gateway_api());
    world_put_as(w, mesh_kind(KIND_GATEWAY_CLASS_DEFINITION), definition_of_classes());
    world_put_as(
        w,
        mesh_kind(KIND_MADE_GATEWAY_CLASS),
        OBJECT(
            STRING("apiVersion", "gateway.networking.k8s.io/v1"),
            STRING("kind", "GatewayClass"),
            MAP("metadata",
                STRING("name", "istio"),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z"),
                SEQ("managedFields", ITEM(STRING("manager", "pilot-discovery"))))));
    world_put_as(
        w,
        mesh_kind(KIND_ENDPOINT_SLICE),
        OBJECT(
            STRING("apiVersion", "discovery.k8s.io/v1"),
            STRING("kind", "EndpointSlice"),
            MAP("metadata",
                STRING("name", "istiod-1"),
                STRING("namespace", NS),
                MAP("labels", STRING("kubernetes.io/service-name", "istiod"))),
            SEQ("endpoints", ITEM(STRINGS("addresses", "10.1.0.9"), MAP("conditions", BOOL("ready", true))))));
    put_as(w, KIND_MADE_CONFIG_MAP, "app", "istio-ca-root-cert");
    put_as(w, KIND_MADE_LEASE, NS, "istio-gateway-deployment-default");
    world_put_as(
        w,
        mesh_kind(KIND_MADE_INJECTOR),
        OBJECT(
            STRING("apiVersion", "admissionregistration.k8s.io/v1"),
            STRING("kind", "MutatingWebhookConfiguration"),
            MAP("metadata", STRING("name", "istio-revision-tag-stable")),
            SEQ("webhooks",
                ITEM(
                    STRING("name", "rev.namespace.sidecar-injector.istio.io"),
                    MAP("clientConfig", MAP("service", STRING("name", "istiod"), STRING("namespace", NS)))))));
}

static int setup_today(void **state)
{
    struct remote_world *w;

    remote_world_setup_today(state);
    w = *state;
    world_put_mesh(&w->central, TODAYS_MESH);
    put_others(&w->central);
    put_todays_others(&w->central);
    remote_world_put_secret(w, REMOTE, OBJECT(STRING("config", "e30=")));
    remote_world_put_resource(w, "{}");
    assert_true(world_converge(&w->central) > 0);
    fill_in_ca_bundles(&w->central, KIND_MUTATING_WEBHOOK);
    fill_in_ca_bundles(&w->central, KIND_VALIDATING_WEBHOOK);
    world_roll_out(&w->central);
    world_put_daemons(&w->central, NS, "istio-cni-node", 1, 1);
    break_deployment(&w->central, "istiod");
    assert_true(world_converge(&w->central) >= 0);
    assert_true(remote_world_converge(w) >= 0);
    return 0;
}

/* The merge was tried with all ways above. */
static void a_mesh_of_today_stands_odd_objects(void **state)
{
    try_all(*state, true);
}

static void a_mesh_of_today_that_is_deleted_stands_odd_objects(void **state)
{
    delete_mesh(*state);
    try_all(*state, true);
}

/* --- the end --- */

static void a_remote_cluster_that_leaves_stands_odd_objects(void **state)
{
    remote_world_delete_resource(*state);
    try_all(*state, true);
}

static void a_mesh_that_is_deleted_stands_odd_objects(void **state)
{
    delete_mesh(*state);
    try_all(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mesh_stands_odd_objects, setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(a_remote_cluster_that_leaves_stands_odd_objects, setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(a_mesh_that_is_deleted_stands_odd_objects, setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(a_mesh_of_today_stands_odd_objects, setup_today, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_mesh_of_today_that_is_deleted_stands_odd_objects, setup_today, remote_world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
