/* Remote clusters join, follow the central one, and heal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "federation.h"
#include "mesh/v1_0/v1_0.h"
#include "reconcile/desired.h"
#include "reconcile/marks.h"
#include "reconcile/tokens.h"

#define FIRST_SERVICE "istio-pilot"
#define SECOND_SERVICE "istio-policy"

/* --- joining --- */

static void add_keys(const struct rendered_list *objects, struct map *keys)
{
    for (size_t i = 0; i < objects->len; i++) {
        const json_t *object = objects->items[i].object;
        _cleanup_free_ char *key = object_key(
            objects->items[i].kind,
            doc_string(object, "metadata", "namespace"),
            doc_string(object, "metadata", "name"));
        map_put(keys, key, keys);
    }
}

/* What is marked in a remote cluster that has joined with SERVICES, the Istio resource aside. */
static struct map *expected_keys(void)
{
    static const char *versions[KIND_COUNT];
    const struct mesh_remote_service services[] = {{.name = FIRST_SERVICE}, {.name = SECOND_SERVICE}};
    _cleanup_json_ json_t *signing = json_object();
    _cleanup_json_ json_t *resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", MESH), STRING("namespace", NS)),
        MAP("spec"));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const struct mesh_remote remote = {.signing = signing};
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;
    struct mesh_env env = {.ns = NS, .versions = versions, .remote = &remote};
    struct rendered_list parts, ways;
    struct map *keys = map_new(NULL);
    _cleanup_free_ char *definition =
        object_key(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), NULL, "istios." API_GROUP);

    assert_int_equal(istio_parse(resource, NULL, &spec, &problems), 0);
    env.spec = spec;
    env.release = mesh_release_find(spec->version);
    mesh_versions_for(cluster_minor(), versions);
    mesh_render(&env, &parts);
    mesh_render_remote_services(&env, services, ARRAY_LEN(services), &ways);
    add_keys(&parts, keys);
    add_keys(&ways, keys);
    map_put(keys, definition, keys);
    rendered_release(&parts);
    rendered_release(&ways);
    return keys;
}

/* The object is marked as of the RemoteIstio, and belongs to istio-config where Kubernetes allows that. */
static void check_marks(const struct kube_kind *kind, const json_t *object, const char *uid, const char *config_uid)
{
    const char *name = doc_string(object, "metadata", "name");
    const json_t *owner = json_array_get(doc_at(object, "metadata", "ownerReferences"), 0);

    if (!str_eq(doc_string(object, "metadata", "labels", MARK_OWNER), uid))
        fail_msg("%s %s does not carry the mark of the RemoteIstio", kind->kind, name);
    if (kind->namespaced && !str_eq(doc_string(owner, "uid"), config_uid))
        fail_msg("%s %s does not belong to istio-config", kind->kind, name);
}

static void check_objects(const struct remote *r, const char *uid)
{
    _cleanup_map_ struct map *expected = expected_keys();
    _cleanup_json_ json_t *marked = NULL, *config = NULL, *ns = NULL;
    const char *key;
    json_t *item;
    void *value;
    size_t i;

    enter(r);
    config = cluster_get(ISTIO, NS, MESH_REMOTE_OWNER);
    assert_string_equal(doc_string(config, "metadata", "labels", MARK_OWNER), uid);
    marked = remote_objects();
    json_array_foreach(marked, i, item) {
        const struct kube_kind *kind = &mesh_kinds.rows[doc_int(doc_at(item, "row"), -1)];
        const char *name = doc_string(item, "name");
        _cleanup_free_ char *found = object_key(kind, doc_string(item, "ns"), name);
        _cleanup_json_ json_t *object = cluster_get(kind, doc_string(item, "ns"), name);
        check_marks(kind, object, uid, doc_string(config, "metadata", "uid"));
        if (!map_remove(expected, found))
            fail_msg("%s in %s is marked, and nobody wants it", found, r->name);
    }
    i = 0;
    if (map_next(expected, &i, &key, &value))
        fail_msg("%s is not in %s", key, r->name);
    ns = cluster_get(NAMESPACE, NULL, "default");
    assert_string_equal(doc_string(ns, "metadata", "labels", LABEL_INJECTION), "enabled");
    enter(NULL);
}

static void check_trust(const struct remote *r)
{
    _cleanup_json_ json_t *central = cluster_get(SECRET, NS, "istio-ca-secret"), *given = NULL;

    enter(r);
    given = cluster_get(SECRET, NS, "cacerts");
    enter(NULL);
    assert_string_equal(doc_string(given, "data", "ca-key.pem"), doc_string(central, "data", "ca-key.pem"));
    assert_string_equal(doc_string(given, "data", "root-cert.pem"), doc_string(central, "data", "ca-cert.pem"));
}

void joining_makes_everything_and_marks_it(void **state)
{
    (void)state;
    join_all();
    for (size_t i = 0; i < REMOTES; i++) {
        const struct remote *r = &remotes[i];
        _cleanup_json_ json_t *resource = cluster_get(REMOTE, NS, r->name), *secret = cluster_get(SECRET, NS, r->name);
        _cleanup_free_ char *version = remote_status(r->name, "kubernetesVersion");
        const json_t *finalizers = doc_at(resource, "metadata", "finalizers");

        assert_string_equal(
            json_string_value(json_array_get(finalizers, 0)), "remote-istio-operator.finializer.banzaicloud.io");
        assert_string_equal(doc_string(secret, "metadata", "labels", V1_KUBECONFIG_LABEL), "true");
        assert_string_equal(version, "v1.20.2");
        assert_true(doc_int(doc_at(resource, "status", "endpointsSynced"), 0) >= 2);
        check_objects(r, doc_string(resource, "metadata", "uid"));
        check_trust(r);
    }
}

/* --- following --- */

static void wait_all_in_step(void)
{
    for (size_t i = 0; i < REMOTES; i++)
        wait_in_step(&remotes[i]);
}

static bool second_service_is_gone(void *context)
{
    bool gone;

    enter(context);
    gone = !cluster_has(SERVICE, NS, SECOND_SERVICE) && !cluster_has(ENDPOINTS, NS, SECOND_SERVICE);
    enter(NULL);
    return gone;
}

static bool pod_is_ready(void *context)
{
    _cleanup_json_ json_t *pod = cluster_get(POD, NS, context);

    return str_eq(doc_string(doc_find(doc_at(pod, "status", "conditions"), "type", "Ready"), "status"), "True");
}

static void choose_services(const struct remote *r, const char *services)
{
    _cleanup_free_ char *patch = str_printf("{\"spec\": {\"enabledServices\": %s}}", services);

    cluster_patch(REMOTE, NS, r->name, patch);
}

void endpoints_follow_pods_and_services(void **state)
{
    struct remote *last = &remotes[REMOTES - 1];

    (void)state;
    join_all();
    pod_create("follow", "istio", "pilot");
    wait_until(pod_is_ready, (void *)"follow", TO_FOLLOW, "the Pod is ready");
    wait_all_in_step();
    pod_set_ready("follow", false);
    wait_all_in_step();
    pod_set_ready("follow", true);
    wait_all_in_step();
    cluster_delete(POD, NS, "follow");
    wait_all_in_step();
    pod_delete_one("istio=pilot");
    wait_all_in_step();

    pod_create("other", "kind-of-pod", "other");
    wait_until(pod_is_ready, (void *)"other", TO_FOLLOW, "the Pod is ready");
    choose_services(
        last,
        "[{\"name\": \"istio-pilot\", \"labelSelector\": \"kind-of-pod in (other,another),!istio\"},"
        " {\"name\": \"istio-policy\", \"labelSelector\": \"istio-mixer-type\"}]");
    wait_in_step(last);
    choose_services(last, "[{\"name\": \"istio-pilot\", \"labelSelector\": \"istio=pilot\"}]");
    wait_in_step(last);
    wait_until(second_service_is_gone, last, TO_FOLLOW, "a service that left the list is gone");
    cluster_delete(POD, NS, "other");
    wait_joined(last);
}

/* --- drift --- */

/* Without what the server or its controllers write; a change by others is kept in a label. */
static char *shape_of(const json_t *object)
{
    static const char *const fleeting[] = {
        "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"};
    _cleanup_json_ json_t *copy = doc_copy(object);
    json_t *metadata = json_object_get(copy, "metadata"), *reference;
    size_t i;

    for (i = 0; i < ARRAY_LEN(fleeting); i++)
        json_object_del(metadata, fleeting[i]);
    json_object_del(copy, "status");
    json_object_del(json_object_get(copy, "spec"), "clusterIP"); /* a Service that is made again has another one */
    json_object_del(json_object_get(copy, "spec"), "clusterIPs");
    json_object_del(copy, "secrets"); /* of a ServiceAccount: its tokens */
    json_object_del(json_object_get(metadata, "annotations"), "deployment.kubernetes.io/revision");
    json_object_del(json_object_get(metadata, "annotations"), "endpoints.kubernetes.io/last-change-trigger-time");
    json_object_del(json_object_get(metadata, "labels"), "theirs");
    /* Of a workload whose ServiceAccount was made again. */
    json_object_del(doc_at(copy, "spec", "template", "metadata", "annotations"), TOKENS_ANNOTATION);
    json_array_foreach(json_object_get(metadata, "ownerReferences"), i, reference)
        json_object_del(reference, "uid");
    return doc_text(copy);
}

/* A remote cluster's object, and what it was. */
struct victim {
    const struct remote *remote;
    const struct kube_kind *kind;
    const char *ns, *name;
    char *before, *uid;
};

static json_t *look_at(const struct victim *v)
{
    json_t *object;

    enter(v->remote);
    object = cluster_get(v->kind, v->ns, v->name);
    enter(NULL);
    return object;
}

static bool is_as_before(void *context)
{
    const struct victim *v = context;
    _cleanup_json_ json_t *object = look_at(v);
    _cleanup_free_ char *now = object && !doc_at(object, "metadata", "deletionTimestamp") ? shape_of(object) : NULL;

    return str_eq(now, v->before);
}

static bool is_created_again(void *context)
{
    const struct victim *v = context;
    _cleanup_json_ json_t *object = look_at(v);

    return object && !str_eq(doc_string(object, "metadata", "uid"), v->uid) && is_as_before(context);
}

/* How a stranger spoils an object of this kind; a label of its own goes with it, which is its business. */
static const char *harm_for(const char *kind)
{
    static const struct {
        const char *kind, *patch;
    } harms[] = {
        {"ConfigMap", "\"data\": null"},
        {"Secret", "\"data\": {\"ca-key.pem\": \"c3BvaWx0\"}"},
        {"Endpoints", "\"subsets\": [{\"addresses\": [{\"ip\": \"192.0.2.1\"}], \"ports\": [{\"port\": 1}]}]"},
        {"Deployment", "\"spec\": {\"replicas\": 3}"},
        {"ClusterRole", "\"rules\": []"},
        {"ClusterRoleBinding", "\"subjects\": []"},
        {"MutatingWebhookConfiguration", "\"webhooks\": []"},
    };

    for (size_t i = 0; i < ARRAY_LEN(harms); i++)
        if (str_eq(harms[i].kind, kind))
            return harms[i].patch;
    return NULL;
}

static void spoil(const struct victim *v)
{
    const char *harm = harm_for(v->kind->kind);
    /* Without our mark it is out of sight of the watch: found again by the create that fails. */
    _cleanup_free_ char *patch = str_printf(
        "{\"metadata\": {\"labels\": {\"theirs\": \"kept\", \"" MARK_OWNER "\": null}}%s%s}",
        harm ? ", " : "",
        str_or(harm, ""));

    enter(v->remote);
    cluster_patch(v->kind, v->ns, v->name, patch);
    enter(NULL);
}

struct healing {
    bool (*holds)(void *);
    struct victim *victim;
};

static bool is_healed(void *context)
{
    const struct healing *healing = context;
    const struct victim *v = healing->victim;
    _cleanup_json_ json_t *object = NULL;
    _cleanup_free_ char *now = NULL;

    if (healing->holds(healing->victim))
        return true;
    object = look_at(v);
    now = object ? shape_of(object) : str_dup("nothing");
    wait_saw("%s\n%s", v->before, now);
    return false;
}

static void wait_healed(bool (*holds)(void *), struct victim *v)
{
    _cleanup_free_ char *what = str_printf("%s %s is as before", v->kind->kind, v->name);

    wait_until(is_healed, &(struct healing){holds, v}, TO_FOLLOW, what);
}

static void heals(struct victim *v)
{
    _cleanup_json_ json_t *object = look_at(v), *changed = NULL;

    v->before = shape_of(object);
    v->uid = str_dup(doc_string(object, "metadata", "uid"));
    spoil(v);
    wait_healed(is_as_before, v);
    changed = look_at(v);
    assert_string_equal(doc_string(changed, "metadata", "uid"), v->uid);
    if (!str_eq(doc_string(changed, "metadata", "labels", "theirs"), "kept"))
        fail_msg("%s %s: a label of others is gone", v->kind->kind, v->name);
    enter(v->remote);
    cluster_delete(v->kind, v->ns, v->name);
    enter(NULL);
    wait_healed(is_created_again, v);
    free(v->before);
    free(v->uid);
}

void what_others_change_heals_and_what_is_theirs_stays(void **state)
{
    struct remote *r = &remotes[REMOTES - 1];
    _cleanup_json_ json_t *marked = NULL;
    json_t *item;
    size_t i;

    (void)state;
    remote_join(r);
    wait_joined(r);
    enter(r);
    marked = remote_objects();
    enter(NULL);
    assert_true(json_array_size(marked) > 15);
    json_array_foreach(marked, i, item) {
        struct victim v = {
            .remote = r,
            .kind = &mesh_kinds.rows[doc_int(doc_at(item, "row"), -1)],
            .ns = doc_string(item, "ns"),
            .name = doc_string(item, "name"),
        };
        /* Everything hangs on it: below. */
        if (!str_eq(v.kind->kind, "CustomResourceDefinition"))
            heals(&v);
    }
    enter(r);
    cluster_delete(kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition"), NULL, "istios." API_GROUP);
    enter(NULL);
    pause_ms(1000);
    wait_joined(r);
    wait_in_step(r);
}

/* --- rest --- */

#define REST_MS 5000

void at_rest_nothing_is_written(void **state)
{
    _cleanup_buf_ struct buf writes = BUF_INIT;
    long here, there[REMOTES];

    (void)state;
    if (!audit_is_on())
        skip();
    join_all();
    pause_ms(2000); /* statuses of what was just made */
    here = audit_position();
    for (size_t i = 0; i < REMOTES; i++)
        there[i] = audit_position_of(remotes[i].audit);
    pause_ms(REST_MS);
    audit_read(here, audit_note_write, &writes);
    for (size_t i = 0; i < REMOTES; i++)
        audit_read_file(remotes[i].audit, REMOTE_ACCOUNT, there[i], audit_note_write, &writes);
    if (writes.len)
        fail_msg("at rest there was written:%s", buf_str(&writes));
}
