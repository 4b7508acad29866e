/*
 * Other managers against a real API server: they switch the member of every union in every object, and put beside our
 * fields what excludes or bounds them. The operator puts it back, and the server refuses no write of it. What no update
 * can put back is reported and not tried. Needs no node.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/marks.h"
#include "switches.h"

/* Each place is switched so often; after some times in a row the operator writes more slowly what is undone again. */
#define TURNS 8
#define TURNS_IN_A_ROW 4
#define OWNER "unions-owner"

/* Everything that a mesh can have. */
#define SPEC                                                                                                           \
    "\"autoInjectionNamespaces\": [\"default\"], \"mtls\": true, \"controlPlaneSecurityEnabled\": true,"               \
    "\"defaultPodDisruptionBudget\": {\"enabled\": true}, \"tracing\": {\"enabled\": true},"                           \
    "\"pilot\": {\"minReplicas\": 2, \"maxReplicas\": 3, \"tolerations\": [{\"key\": \"a\", \"operator\": "            \
    "\"Exists\"},"                                                                                                     \
    " {\"key\": \"b\", \"value\": \"c\", \"effect\": \"NoExecute\", \"tolerationSeconds\": 9}],"                       \
    " \"resources\": {\"requests\": {\"cpu\": \"100m\", \"memory\": \"1Gi\"}, \"limits\": {\"memory\": \"2Gi\"}}},"    \
    "\"citadel\": {\"resources\": {\"limits\": {\"cpu\": \"1\"}}}"

static const struct kube_kind *crd_kind(void)
{
    return kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
}

/* An object of the mesh. */
struct target {
    const struct kube_kind *kind;
    const char *ns, *name; /* in `desired` */
    json_t *desired;
    bool is_back;
};

static struct target targets[200];
static size_t target_count;

static void find_targets(void)
{
    struct desired_set *set = mesh_objects_of("{" SPEC "}");

    assert_in_range(set->len, 60, ARRAY_LEN(targets));
    for (size_t i = 0; i < set->len; i++) {
        struct target *t = &targets[target_count++];
        assert_int_equal(doc_parse(set->items[i].text, strlen(set->items[i].text), SIZE_MAX, &t->desired, NULL), 0);
        t->kind = set->items[i].kind;
        t->ns = t->kind->namespaced ? doc_string(t->desired, "metadata", "namespace") : NULL;
        t->name = doc_string(t->desired, "metadata", "name");
    }
    desired_free(set);
}

/* Another client who has objects of their own: of the namespace, and of the cluster. */
static json_t *make_owner(const char *api_version, const char *kind, bool namespaced)
{
    _cleanup_json_ json_t *object = OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        MAP("metadata", STRING("name", OWNER), STRING("namespace", namespaced ? NS : NULL)));
    _cleanup_json_ json_t *made = NULL;

    cluster_delete_if_there(kind_of(api_version, kind), namespaced ? NS : NULL, OWNER);
    cluster_create(kind_of(api_version, kind), object);
    made = cluster_get(kind_of(api_version, kind), namespaced ? NS : NULL, OWNER);
    return OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind),
        STRING("name", OWNER),
        STRING("uid", doc_string(made, "metadata", "uid")),
        BOOL("controller", true));
}

/* Writes the object with what `change` makes of it, as another client. */
static void write_as_other(const struct target *t, void (*change)(json_t *live, void *context), void *context)
{
    for (int tries = 0; tries < 20; tries++) {
        _cleanup_json_ json_t *live = cluster_get(t->kind, t->ns, t->name);
        _cleanup_free_ char *refusal = NULL;

        assert_non_null(live);
        change(live, context);
        if (cluster_try_update(t->kind, live, &refusal))
            return;
        if (!strstr(refusal, "the object has been modified"))
            fail_msg("the server does not take what another manager writes: %s", refusal);
    }
    fail_msg("%s/%s is always modified", t->kind->kind, t->name);
}

struct turn {
    const struct target *target;
    unsigned number;
    const json_t *owner;
    json_t *seen;
    size_t switched;
};

static void make_switches(json_t *live, void *context)
{
    struct turn *turn = context;

    turn->switched = switches_make(turn->target->desired, live, turn->number, turn->owner, turn->seen);
}

static bool all_is_back(void *context)
{
    _cleanup_buf_ struct buf why = BUF_INIT;
    bool all = true;

    (void)context;
    for (size_t i = 0; i < target_count; i++) {
        struct target *t = &targets[i];
        _cleanup_json_ json_t *live = t->is_back ? NULL : cluster_get(t->kind, t->ns, t->name);
        if (t->is_back)
            continue;
        t->is_back = live && switches_are_undone(t->desired, live, &why);
        all = all && t->is_back;
        if (!t->is_back)
            buf_printf(&why, " (%s); ", t->name);
    }
    wait_saw("%s", buf_str(&why));
    return all;
}

static void wait_until_back(const char *what)
{
    wait_until(all_is_back, NULL, PATIENCE, what);
}

/* Writes of the operator, by object and in sum. */
struct writes {
    struct map *objects; /* "resource/name" -> how many */
    size_t count;
    struct map *refused; /* "verb resource/name": what the server did not take, but for conflicts */
};

static void note_write(void *context, const json_t *entry)
{
    struct writes *w = context;
    const char *verb = doc_string(entry, "verb");
    int64_t code = doc_int(doc_at(entry, "responseStatus", "code"), 0);
    _cleanup_free_ char *key = NULL, *refused = NULL;

    if (!str_eq(verb, "update") && !str_eq(verb, "create") && !str_eq(verb, "patch"))
        return;
    /* A conflict wrote nothing: a Deployment's controller was faster, as often as the machine is busy. */
    if (code == 409)
        return;
    if (doc_string(entry, "objectRef", "subresource") || str_eq(doc_string(entry, "objectRef", "resource"), "events") ||
        str_eq(doc_string(entry, "objectRef", "resource"), "leases") ||
        str_eq(doc_string(entry, "objectRef", "resource"), "istios"))
        return;
    key =
        STR_JOIN('/', doc_string(entry, "objectRef", "resource"), str_or(doc_string(entry, "objectRef", "name"), "?"));
    map_put(w->objects, key, (void *)((uintptr_t)map_get(w->objects, key) + 1));
    w->count++;
    refused = STR_JOIN(' ', verb, key);
    /* A Service's node ports are released a moment after the write that gives them up, and refused until then. */
    if (code >= 400)
        map_put(w->refused, refused, NULL);
    else if (str_eq(doc_string(entry, "objectRef", "resource"), "services"))
        map_remove(w->refused, refused);
}

static struct writes read_writes(long position)
{
    struct writes w = {.objects = map_new(NULL), .refused = map_new(NULL)};

    audit_read(position, note_write, &w);
    return w;
}

static void must_be_taken(const struct writes *w)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *refused;

    for (size_t i = 0; map_next(w->refused, &i, &refused, NULL);)
        buf_printf(&text, " [%s]", refused);
    if (text.len)
        fail_msg("the server refused:%s", buf_str(&text));
}

static void writes_release(struct writes *w)
{
    map_free(w->objects);
    map_free(w->refused);
}

static void switched_members_are_put_back(void **state)
{
    _cleanup_json_ json_t *seen = json_object();
    _cleanup_json_ json_t *owner_here = NULL, *owner_of_cluster = NULL;
    _cleanup_free_ char *places = NULL;
    size_t switched = 0, written = 0;
    long position;
    struct writes w;
    const char *key;
    void *value;

    (void)state;
    owner_here = make_owner("v1", "ConfigMap", true);
    owner_of_cluster = make_owner("rbac.authorization.k8s.io/v1", "ClusterRole", false);
    position = audit_position();
    for (unsigned number = 0; number < TURNS; number++) {
        if (number && number % TURNS_IN_A_ROW == 0)
            pause_ms(11000);
        for (size_t i = 0; i < target_count; i++) {
            struct target *t = &targets[i];
            struct turn turn = {t, number, t->ns ? owner_here : owner_of_cluster, seen, 0};
            /* A definition is much work for the server, and has little to switch. */
            t->is_back = t->kind == crd_kind() && number > 0;
            if (t->is_back)
                continue;
            write_as_other(t, make_switches, &turn);
            switched += turn.switched;
            written++;
        }
        wait_until_back("switched");
    }
    places = doc_text(seen);
    print_message("%zu members switched in %zu writes of %zu objects: %s\n", switched, written, target_count, places);
    mesh_wait_settled(PATIENCE);
    w = read_writes(position);
    must_be_taken(&w);
    for (size_t i = 0; map_next(w.objects, &i, &key, &value);)
        if ((uintptr_t)value > 2 * TURNS)
            fail_msg("%s was written %zu times for %d switches", key, (size_t)(uintptr_t)value, TURNS);
    print_message("%zu writes put it back\n", w.count);
    writes_release(&w);
}

/* --- what no update can put back --- */

/* Deletes the object, and creates what `change` makes of it. */
static void
replace(const char *api_version, const char *kind, const char *ns, const char *name, void (*change)(json_t *))
{
    static const char *const own[] = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"};
    const struct kube_kind *row = kind_of(api_version, kind);
    _cleanup_json_ json_t *object = cluster_get(row, ns, name);

    assert_non_null(object);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        json_object_del(json_object_get(object, "metadata"), own[i]);
    json_object_del(object, "status");
    change(object);
    cluster_delete(row, ns, name);
    wait_until(cluster_lacks, &(struct place){row, ns, name}, PATIENCE, "the old object is deleted");
    cluster_create(row, object);
}

static void other_role(json_t *binding)
{
    json_object_set_new(json_object_get(binding, "roleRef"), "name", json_string(OWNER));
}

static void other_selector(json_t *deployment)
{
    json_object_set_new(doc_make(deployment, "spec", "selector", "matchLabels"), "app", json_string("other"));
    json_object_set_new(doc_make(deployment, "spec", "template", "metadata", "labels"), "app", json_string("other"));
}

struct stuck {
    const char *api_version, *kind, *ns, *name, *resource; /* as in the audit log */
};

static const struct stuck stuck[] = {
    {"v1", "ConfigMap", NS, "istio", "configmaps"},
    {"apps/v1", "Deployment", NS, "istio-egressgateway", "deployments"},
    {"rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "istio-galley-istio-system", "clusterroles"},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NULL, "istio-pilot-istio-system", "clusterrolebindings"},
};

static bool is_reported(void *context)
{
    _cleanup_free_ char *text = mesh_status("ErrorMessage"), *status = mesh_status("Status");

    return str_eq(status, "ReconcileFailed") && strstr(text, context) &&
           strstr(text, "delete it, and the operator creates it again");
}

static bool is_no_failure(void *context)
{
    _cleanup_free_ char *status = mesh_status("Status");

    (void)context;
    return !str_eq(status, "ReconcileFailed");
}

static bool service_is_there(void *context)
{
    return cluster_has(kind_of("v1", "Service"), NS, context);
}

static struct target *find_target(const char *kind, const char *name)
{
    for (size_t i = 0; i < target_count; i++)
        if (str_eq(targets[i].kind->kind, kind) && str_eq(targets[i].name, name))
            return &targets[i];
    fail_msg("the mesh has no %s %s", kind, name);
    return NULL;
}

static void what_no_update_puts_back_is_reported_and_not_tried(void **state)
{
    struct writes w;
    long position;

    (void)state;
    operator_kill(SIGTERM);
    cluster_patch(kind_of("v1", "ConfigMap"), NS, "istio", "{\"immutable\": true, \"data\": {\"mesh\": \"other\"}}");
    cluster_patch(
        kind_of("rbac.authorization.k8s.io/v1", "ClusterRole"),
        NULL,
        "istio-galley-istio-system",
        "{\"aggregationRule\": {\"clusterRoleSelectors\": [{\"matchLabels\": {\"foreign\": \"label\"}}]}}");
    replace(stuck[1].api_version, stuck[1].kind, stuck[1].ns, stuck[1].name, other_selector);
    replace(stuck[3].api_version, stuck[3].kind, stuck[3].ns, stuck[3].name, other_role);
    position = audit_position();
    operator_start();
    wait_until(is_reported, (void *)"", PATIENCE, "the status says what to do");
    /* It holds up nothing else. */
    cluster_delete(kind_of("v1", "Service"), NS, "istio-pilot");
    wait_until(service_is_there, (void *)"istio-pilot", PATIENCE, "another object is put back");
    pause_ms(5000);
    w = read_writes(position);
    for (size_t i = 0; i < ARRAY_LEN(stuck); i++) {
        _cleanup_free_ char *key = STR_JOIN('/', stuck[i].resource, stuck[i].name);
        if (map_has(w.objects, key))
            fail_msg("%s was written, though no update can put it back", key);
    }
    must_be_taken(&w);
    writes_release(&w);

    for (size_t i = 0; i < target_count; i++)
        targets[i].is_back = true;
    for (size_t i = 0; i < ARRAY_LEN(stuck); i++) {
        cluster_delete(kind_of(stuck[i].api_version, stuck[i].kind), stuck[i].ns, stuck[i].name);
        find_target(stuck[i].kind, stuck[i].name)->is_back = false;
    }
    wait_until_back("deleted after it was told");
    wait_until(is_no_failure, NULL, PATIENCE, "nothing fails any more");
    mesh_wait_settled(PATIENCE);
}

/* --- quantities, ports, strategies --- */

/* Fails where the operator writes anything while nothing happens. */
static void expect_rest(const char *what)
{
    struct writes w;
    long position;

    mesh_wait_settled(PATIENCE);
    pause_ms(500);
    position = audit_position();
    pause_ms(5000);
    w = read_writes(position);
    if (w.count) {
        const char *key = NULL;
        size_t i = 0;
        map_next(w.objects, &i, &key, NULL);
        fail_msg("%s: %zu writes at rest, such as of %s", what, w.count, key);
    }
    writes_release(&w);
}

struct quantity {
    const char *deployment, *list, *resource, *value;
};

static bool quantity_is(void *context)
{
    const struct quantity *q = context;
    _cleanup_json_ json_t *object = cluster_get(DEPLOYMENT, NS, q->deployment);
    const json_t *container = json_array_get(doc_at(object, "spec", "template", "spec", "containers"), 0);

    return str_eq(doc_string(container, "resources", q->list, q->resource), q->value);
}

/* The operator may not have seen the change of the resource yet. */
static void expect_quantity(const char *deployment, const char *list, const char *resource, const char *value)
{
    struct quantity q = {deployment, list, resource, value};
    _cleanup_free_ char *what = str_printf("%s has %s.%s %s", deployment, list, resource, value);

    wait_until(quantity_is, &q, PATIENCE, what);
}

static void quantities_that_the_server_rounds_are_at_rest(void **state)
{
    (void)state;
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"pilot\": {\"resources\": {\"requests\": {\"cpu\": \"1.5m\", \"memory\": \"0.0001\"}}},"
        " \"galley\": {\"resources\": {\"requests\": {\"cpu\": \"0.0015\", \"memory\": \"0.9Gi\"}}},"
        " \"citadel\": {\"resources\": {\"limits\": {\"cpu\": \"1500u\", \"memory\": \"7168Pi\"},"
        " \"requests\": {\"memory\": \"1024Mi\"}}}}}");
    expect_quantity("istio-pilot", "requests", "cpu", "2m");
    expect_quantity("istio-pilot", "requests", "memory", "1m");
    expect_quantity("istio-galley", "requests", "cpu", "2m");
    expect_quantity("istio-citadel", "limits", "memory", "7Ei");
    expect_rest("quantities");
}

static bool has_all_metrics(void *context)
{
    _cleanup_json_ json_t *autoscaler =
        cluster_get(kind_of("autoscaling/v2beta2", "HorizontalPodAutoscaler"), NS, "istio-pilot");

    (void)context;
    return json_array_size(doc_at(autoscaler, "spec", "metrics")) == 4;
}

/* The server keeps them in another version of the API, and gives them in an order of its own. */
static void metrics_that_the_server_orders_are_at_rest(void **state)
{
    (void)state;
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"overlays\": [{\"kind\": \"HorizontalPodAutoscaler\", \"name\": \"istio-pilot\", \"patches\": ["
        "{\"op\": \"add\", \"path\": \"/spec/metrics/-\", \"value\": {\"type\": \"Resource\", \"resource\":"
        " {\"name\": \"memory\", \"target\": {\"type\": \"AverageValue\", \"averageValue\": \"1.5Gi\"}}}},"
        "{\"op\": \"add\", \"path\": \"/spec/metrics/-\", \"value\": {\"type\": \"Pods\", \"pods\":"
        " {\"metric\": {\"name\": \"m\"}, \"target\": {\"type\": \"AverageValue\", \"averageValue\": \"0.0001\"}}}},"
        "{\"op\": \"add\", \"path\": \"/spec/metrics/-\", \"value\": {\"type\": \"External\", \"external\":"
        " {\"metric\": {\"name\": \"e\"}, \"target\": {\"type\": \"Value\", \"value\": \"1000m\"}}}}]}]}}");
    wait_until(has_all_metrics, NULL, PATIENCE, "the autoscaler has four metrics");
    expect_rest("metrics");
}

/* The number of the node port; 0: no such port. */
static int64_t node_port(const json_t *service, int64_t number, const char *protocol)
{
    json_t *port;
    size_t i;

    json_array_foreach(doc_at(service, "spec", "ports"), i, port)
        if (doc_int(json_object_get(port, "port"), 0) == number && str_eq(doc_string(port, "protocol"), protocol))
            return doc_int(json_object_get(port, "nodePort"), 0);
    return 0;
}

#define INGRESS "istio-ingressgateway"
#define OVERLAYS(patches)                                                                                              \
    "{\"spec\": {\"overlays\": [{\"kind\": \"Service\", \"name\": \"" INGRESS "\", \"patches\": [" patches "]}]}}"
#define NODE_PORTS "{\"op\": \"replace\", \"path\": \"/spec/type\", \"value\": \"NodePort\"}"
#define DNS(name, protocol)                                                                                            \
    ", {\"op\": \"add\", \"path\": \"/spec/ports/-\", \"value\": {\"name\": \"" name                                   \
    "\", \"port\": 53, \"protocol\": \"" protocol "\"}}"

static void add_foreign_port(json_t *service, void *context)
{
    (void)context;
    json_array_append_new(doc_at(service, "spec", "ports"), OBJECT(STRING("name", "foreign"), INT("port", 99)));
}

static bool has_dns_ports(void *context)
{
    _cleanup_json_ json_t *service = cluster_get(kind_of("v1", "Service"), NS, INGRESS);

    (void)context;
    return node_port(service, 53, "TCP") && node_port(service, 53, "UDP");
}

static void ports_of_others_and_node_ports_stay(void **state)
{
    const struct kube_kind *kind = kind_of("v1", "Service");
    const struct target ingress = {.kind = kind, .ns = NS, .name = INGRESS};
    _cleanup_json_ json_t *before = NULL, *after = NULL;
    json_t *port;
    size_t i;

    (void)state;
    cluster_patch(ISTIO, NS, MESH, OVERLAYS(NODE_PORTS DNS("dns-tcp", "TCP")));
    mesh_wait_settled(PATIENCE);
    write_as_other(&ingress, add_foreign_port, NULL);
    before = cluster_get(kind, NS, INGRESS);
    assert_int_not_equal(node_port(before, 99, "TCP"), 0);
    /* A second protocol on one number. */
    cluster_patch(ISTIO, NS, MESH, OVERLAYS(NODE_PORTS DNS("dns-tcp", "TCP") DNS("dns", "UDP")));
    wait_until(has_dns_ports, NULL, PATIENCE, "there is one number with two protocols");
    expect_rest("ports");
    after = cluster_get(kind, NS, INGRESS);
    json_array_foreach(doc_at(before, "spec", "ports"), i, port) {
        int64_t number = doc_int(json_object_get(port, "port"), 0);
        if (node_port(after, number, "TCP") != node_port(before, number, "TCP"))
            fail_msg("port %d lost its node port", (int)number);
    }
}

static bool is_recreate(void *context)
{
    _cleanup_json_ json_t *deployment = cluster_get(DEPLOYMENT, NS, "istio-pilot");

    (void)context;
    return str_eq(doc_string(deployment, "spec", "strategy", "type"), "Recreate");
}

static void a_strategy_takes_the_place_of_the_servers_default(void **state)
{
    (void)state;
    cluster_patch(
        ISTIO,
        NS,
        MESH,
        "{\"spec\": {\"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istio-pilot\", \"patches\":"
        " [{\"op\": \"add\", \"path\": \"/spec/strategy\", \"value\": {\"type\": \"Recreate\"}}]}]}}");
    wait_until(is_recreate, NULL, PATIENCE, "the strategy is Recreate");
    expect_rest("strategy");
}

static int setup(void **state)
{
    if (harness_setup(state) < 0)
        return -1;
    operator_start();
    mesh_create("{" SPEC "}");
    mesh_wait_settled(PATIENCE);
    find_targets();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switched_members_are_put_back),
        cmocka_unit_test(what_no_update_puts_back_is_reported_and_not_tried),
        cmocka_unit_test(quantities_that_the_server_rounds_are_at_rest),
        cmocka_unit_test(metrics_that_the_server_orders_are_at_rest),
        cmocka_unit_test(ports_of_others_and_node_ports_stay),
        cmocka_unit_test(a_strategy_takes_the_place_of_the_servers_default),
    };

    if (argc > 1 && argv[1][0] == '-')
        cmocka_set_skip_filter(argv[1] + 1);
    else if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster unions", tests, setup, harness_teardown);
}
