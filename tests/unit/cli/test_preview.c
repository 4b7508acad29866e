/* What `diff` shows: the plan against a live cluster, here a virtual one on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../apiserver/apiserver.h"
#include "api/crd.h"
#include "api/status.h"
#include "base/str.h"
#include "cli/preview.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net/loop.h"
#include "reconcile/marks.h"

#define NS "istio-system"
#define IN_TIME SECONDS(60)

struct bench {
    struct event_base *loop;
    struct apiserver *servers;
    struct virtual *cluster;
    struct kube_config *config;
    struct preview preview;
    struct problems problems;
    struct err e;
};

static void put(struct bench *b, const char *group, const char *plural, const char *ns, json_t *object)
{
    struct server *s = virtual_server(b->cluster);

    server_put(s, WHO_HUMAN, server_find(s, group, plural), ns, object);
    json_decref(object);
}

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);
    _cleanup_free_ char *text = NULL;

    *b = (struct bench){.loop = event_base_new(), .problems = PROBLEMS_INIT};
    assert_int_equal(apiserver_new(b->loop, 0, 20, &b->servers, &b->e), 0);
    b->cluster = apiserver_add(b->servers, "central");
    put(b, "", "namespaces", NULL, OBJECT(MAP("metadata", STRING("name", NS))));
    for (size_t i = 0; api_resources[i]; i++) {
        _cleanup_json_ json_t *definition = api_crd(api_resources[i], "v1");
        server_serve(virtual_server(b->cluster), definition, (const char *const[]){API_VERSION, NULL});
    }
    text = apiserver_kubeconfig(b->servers, "central");
    assert_int_equal(kube_config_parse("kubeconfig", text, strlen(text), NULL, KUBE_CONFIG_FOREIGN, &b->config, &b->e),
                     0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    preview_release(&b->preview);
    problems_release(&b->problems);
    kube_config_free(b->config);
    apiserver_free(b->servers);
    loop_free(b->loop);
    free(b);
    return 0;
}

static json_t *mesh(const char *ns, const char *name, const char *spec)
{
    return OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", "Istio"),
                  MAP("metadata", STRING("name", name), STRING("namespace", ns)),
                  VALUE("spec", json_loads(spec, 0, NULL)));
}

static int make(struct bench *b, const char *name, const char *spec, msec_t timeout)
{
    _cleanup_json_ json_t *resource = mesh(NS, name, spec);

    return preview_make(b->loop, b->config, resource, timeout, &b->preview, &b->problems, &b->e);
}

/* The same, which writes nothing. */
static int show(struct bench *b, const char *name, const char *spec, msec_t timeout)
{
    int64_t version = server_version(virtual_server(b->cluster));
    int result = make(b, name, spec, timeout);

    assert_int_equal(server_version(virtual_server(b->cluster)), version);
    return result;
}

static const struct kube_action *action_on(const struct bench *b, const char *kind, const char *name)
{
    for (size_t i = 0; i < b->preview.plan.len; i++)
        if (str_eq(b->preview.plan.actions[i].kind->kind, kind) && str_eq(b->preview.plan.actions[i].name, name))
            return &b->preview.plan.actions[i];
    return NULL;
}

static void a_new_mesh_is_shown_as_its_objects(void **state)
{
    struct bench *b = *state;
    const struct kube_action *a;
    _cleanup_json_ json_t *after = NULL;

    assert_int_equal(show(b, "istio", "{}", IN_TIME), 0);
    a = action_on(b, "ConfigMap", "istio");
    assert_non_null(a);
    assert_int_equal(a->verb, KUBE_CREATE);
    assert_null(preview_before(&b->preview, a));
    after = preview_after(&b->preview, a);
    assert_non_null(doc_string(after, "data", "mesh"));
    /* Also what waits for other objects. */
    assert_non_null(action_on(b, "Deployment", "istio-pilot"));
    assert_non_null(action_on(b, "MutatingWebhookConfiguration", "istio-sidecar-injector"));
}

static void a_namespace_is_shown_with_its_new_label(void **state)
{
    struct bench *b = *state;
    const struct kube_action *a;
    _cleanup_json_ json_t *after = NULL;

    put(b, "", "namespaces", NULL, OBJECT(MAP("metadata", STRING("name", "shop"), MAP("labels", STRING("a", "b")))));
    assert_int_equal(show(b, "istio", "{\"autoInjectionNamespaces\": [\"shop\"]}", IN_TIME), 0);
    a = action_on(b, "Namespace", "shop");
    assert_non_null(a);
    after = preview_after(&b->preview, a);
    assert_string_equal(doc_string(after, "metadata", "labels", "a"), "b");
    assert_string_equal(doc_string(after, "metadata", "labels", "istio-injection"), "enabled");
}

/* What the live resource asked for was in place; so another client deleted what is missing, unless it asks for more. */
static void what_is_missing_was_deleted_only_where_nothing_else_is_asked_for(void **state)
{
    static const struct {
        const char *live, *shown, *reason;
    } cases[] = {
        {"{}", "{}", "deleted by another client"},
        {"{\"mtls\": false}", "{}", "deleted by another client"},
        {"{}", "{\"pause\": true}", "deleted by another client"},
        {"{\"mtls\": true}", "{}", "not there yet"},
        {"{}", "{\"tracing\": {\"zipkinAddress\": \"zipkin.shop:9411\"}}", "not there yet"},
        {"{\"mtls\": 5}", "{}", "not there yet"},
    };
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *live = mesh(NS, "istio", cases[i].live);
        json_object_set_new(doc_at(live, "metadata"), "generation", json_integer(7));
        json_object_set_new(live, "status", OBJECT(INT(STATUS_FIELD_APPLIED_GENERATION, 7)));
        put(b, API_GROUP, "istios", NS, live);
        assert_int_equal(show(b, "istio", cases[i].shown, IN_TIME), 0);
        assert_string_equal(action_on(b, "ConfigMap", "istio")->reason, cases[i].reason);
        preview_release(&b->preview);
        b->preview = (struct preview){0};
    }
}

/* No write puts them in place. */
static void what_the_user_has_to_do_is_a_warning(void **state)
{
    struct bench *b = *state;
    const char *const paths[] = {"ConfigMap/" NS "/istio", "Service/" NS "/istio-pilot"};

    put(b, "", "configmaps", NS,
        OBJECT(MAP("metadata", STRING("name", "istio"), STRING("namespace", NS)), BOOL("immutable", true),
               MAP("data", STRING("mesh", "old"))));
    put(b, "", "services", NS,
        OBJECT(MAP("metadata", STRING("name", "istio-pilot"), STRING("namespace", NS),
                   STRING("deletionTimestamp", "2019-01-01T00:00:00Z"), STRINGS("finalizers", "example.com/held"))));
    assert_int_equal(show(b, "istio", "{}", IN_TIME), 0);
    assert_int_equal(b->problems.len, ARRAY_LEN(paths));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_string_equal(b->problems.items[i].path, paths[i]);
}

/* A pause says nothing about what the resource asks for. */
static void a_paused_mesh_is_shown_all_the_same(void **state)
{
    struct bench *b = *state;

    assert_int_equal(show(b, "istio", "{\"pause\": true}", IN_TIME), 0);
    assert_non_null(action_on(b, "ConfigMap", "istio"));
}

/* A watch brings what has the owner label; the rest is read one by one. */
static void an_object_that_is_there_is_shown_as_it_is_and_as_it_would_be(void **state)
{
    struct bench *b = *state;

    for (int owned = 0; owned < 2; owned++) {
        const struct kube_action *a;
        _cleanup_json_ json_t *before = NULL, *after = NULL;
        put(b, "", "configmaps", NS,
            OBJECT(MAP("metadata", STRING("name", "istio"), STRING("namespace", NS),
                       OPT(owned, MAP("labels", STRING(MARK_OWNER, "uid-of-an-old-one")))),
                   MAP("data", STRING("mesh", "old"))));
        assert_int_equal(show(b, "istio", "{}", IN_TIME), 0);
        a = action_on(b, "ConfigMap", "istio");
        assert_non_null(a);
        assert_int_equal(a->verb, KUBE_UPDATE);
        before = preview_before(&b->preview, a);
        after = preview_after(&b->preview, a);
        assert_string_equal(doc_string(before, "kind"), "ConfigMap");
        assert_string_equal(doc_string(before, "apiVersion"), "v1");
        assert_string_equal(doc_string(before, "data", "mesh"), "old");
        assert_string_not_equal(doc_string(after, "data", "mesh"), "old");
        preview_release(&b->preview);
        b->preview = (struct preview){0};
    }
}

/* Galleys of all meshes use that name. */
static void galleys_webhook_is_shown_to_go_where_it_is_this_meshs(void **state)
{
    static const char *const namespaces[] = {NS, "other"};
    struct bench *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        const struct kube_action *a;
        put(b, "admissionregistration.k8s.io", "validatingwebhookconfigurations", NULL,
            OBJECT(MAP("metadata", STRING("name", "istio-galley")),
                   SEQ("webhooks", ITEM(STRING("name", "pilot.validation.istio.io"),
                                        MAP("clientConfig", MAP("service", STRING("name", "istio-galley"),
                                                                STRING("namespace", namespaces[i])))))));
        assert_int_equal(show(b, "istio", "{\"galley\": {\"enabled\": false}}", IN_TIME), 0);
        a = action_on(b, "ValidatingWebhookConfiguration", "istio-galley");
        assert_int_equal(a != NULL, i == 0);
        assert_true(!a || a->verb == KUBE_REMOVE);
        preview_release(&b->preview);
        b->preview = (struct preview){0};
    }
}

/* As a mesh of Istio 1.0.5 has it. */
static void put_pilot(struct bench *b)
{
    _cleanup_json_ json_t *pilot = NULL;

    assert_int_equal(show(b, "istio", "{\"version\": \"1.0.5\"}", IN_TIME), 0);
    pilot = preview_after(&b->preview, action_on(b, "Deployment", "istio-pilot"));
    json_object_del(doc_at(pilot, "metadata"), "ownerReferences");
    json_object_set_new(doc_make(pilot, "metadata", "labels"), MARK_OWNER, json_string("uid-of-an-old-one"));
    put(b, "apps", "deployments", NS, TAKE_PTR(pilot));
    preview_release(&b->preview);
    b->preview = (struct preview){0};
}

/* What the preflight looks at is read for it: here nodes, and what is rolled out on them. */
static void a_version_without_room_for_its_rollout_is_refused(void **state)
{
    static const char *const memories[] = {"64Gi", "1Gi"};
    struct bench *b = *state;
    json_t *live = mesh(NS, "istio", "{\"version\": \"1.0.5\"}");

    put_pilot(b);
    json_object_set_new(live, "status", OBJECT(STRING(STATUS_FIELD_VERSION, "1.0.5")));
    put(b, API_GROUP, "istios", NS, live);
    for (size_t i = 0; i < ARRAY_LEN(memories); i++) {
        put(b, "", "nodes", NULL,
            OBJECT(MAP("metadata", STRING("name", "node-1")),
                   MAP("status", MAP("allocatable", STRING("cpu", "8"), STRING("memory", memories[i])))));
        /* Meanwhile the cluster rolls it out. */
        assert_int_equal(make(b, "istio", "{\"version\": \"1.1.17\"}", IN_TIME), i ? -1 : 0);
        if (i) {
            assert_int_equal(b->e.class, ERR_INVALID);
            if (!strstr(b->e.text, "no node has room for one Pod more of Deployment istio-pilot"))
                fail_msg("%s", b->e.text);
        } else {
            _cleanup_json_ json_t *upgrade = preview_upgrade(&b->preview);
            assert_string_equal(doc_string(upgrade, "to"), "1.1.17");
        }
        preview_release(&b->preview);
        b->preview = (struct preview){0};
    }
}

static void an_invalid_resource_is_refused_with_the_field(void **state)
{
    struct bench *b = *state;

    assert_int_equal(show(b, "istio", "{\"pilot\": {\"replicaCount\": \"many\"}}", IN_TIME), -1);
    assert_int_equal(b->e.class, ERR_INVALID);
    assert_true(b->problems.len > 0);
    assert_string_equal(b->problems.items[0].path, "spec.pilot.replicaCount");
}

static void a_second_mesh_is_refused(void **state)
{
    struct bench *b = *state;
    json_t *first = mesh(NS, "first", "{}");

    json_object_set_new(doc_at(first, "metadata"), "creationTimestamp", json_string("2018-12-17T00:00:00Z"));
    put(b, API_GROUP, "istios", NS, first);
    assert_int_equal(show(b, "second", "{}", IN_TIME), -1);
    assert_int_equal(b->e.class, ERR_INVALID);
}

static void a_server_that_does_not_let_it_in_is_an_error_immediately(void **state)
{
    struct bench *b = *state;
    msec_t began = clock_now_monotonic();

    virtual_set_fault(b->cluster, "401");
    assert_int_equal(show(b, "istio", "{}", IN_TIME), -1);
    assert_int_equal(b->e.class, ERR_UNAUTHORIZED);
    assert_true(clock_now_monotonic() - began < IN_TIME / 2);
}

static void a_server_that_does_not_answer_is_waited_for_so_long(void **state)
{
    struct bench *b = *state;
    msec_t began = clock_now_monotonic();

    virtual_set_fault(b->cluster, "hang");
    assert_int_equal(show(b, "istio", "{}", SECONDS(1)), -1);
    assert_int_equal(b->e.class, ERR_TIMEOUT);
    /* And not as long as a request may take. */
    assert_in_range(clock_now_monotonic() - began, SECONDS(1), SECONDS(7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_mesh_is_shown_as_its_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(a_namespace_is_shown_with_its_new_label, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_was_deleted_only_where_nothing_else_is_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_user_has_to_do_is_a_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(a_paused_mesh_is_shown_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(an_object_that_is_there_is_shown_as_it_is_and_as_it_would_be, setup, teardown),
        cmocka_unit_test_setup_teardown(galleys_webhook_is_shown_to_go_where_it_is_this_meshs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_version_without_room_for_its_rollout_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invalid_resource_is_refused_with_the_field, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_mesh_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_does_not_let_it_in_is_an_error_immediately, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_does_not_answer_is_waited_for_so_long, setup, teardown),
    };

    return cmocka_run_group_tests_name("unit cli preview", tests, NULL, NULL);
}
