/* A mesh with Kiali: what is written for it, what the status says of it, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define WITH(kiali)                                                                                                    \
    "{\"version\": \"1.31.1\", \"monitoring\": {\"prometheus\": {\"url\": \"http://prometheus:9090\"}}, "              \
    "\"kiali\": " kiali "}"
#define WITHOUT "{\"version\": \"1.31.1\"}"
#define SERVER WITH("{\"mode\": \"Server\"}")
#define ANONYMOUS WITH("{\"mode\": \"Server\", \"auth\": {\"strategy\": \"anonymous\"}}")
#define RBAC "rbac.authorization.k8s.io/v1"

static const struct {
    const char *api, *kind, *ns;
} objects[] = {
    {"v1", "ServiceAccount", NS},
    {RBAC, "ClusterRole", NULL},
    {RBAC, "ClusterRoleBinding", NULL},
    {"v1", "ConfigMap", NS},
    {APPS, "Deployment", NS},
    {"v1", "Service", NS},
};

static int begin(void **state)
{
    return mesh_begin_today_installed(state, WITHOUT);
}

/* The mesh is Available, whatever becomes of Kiali. */
static void expect(struct world *w, const char *status, const char *reason, const char *in_message)
{
    settle_with_condition(w, "KialiReady", status, reason, in_message);
    expect_status(w, "Status", "Available");
    expect_plan(w, "");
}

static size_t written(struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        count += world_has(w, objects[i].api, objects[i].kind, objects[i].ns, "kiali");
    return count;
}

static void put_secret(struct world *w, const char *key)
{
    world_put_as(
        w,
        mesh_kind(KIND_SECRET_KEYS),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", "kiali"), STRING("namespace", NS)),
            MAP("data", STRING(key, ""))));
}

static void it_is_written_and_told_when_it_is_ready(void **state)
{
    _cleanup_json_ json_t *mesh = NULL;
    struct world *w = *state;

    put_secret(w, "signing-key");
    world_put_mesh(w, SERVER);
    expect(w, "False", "NotReady", "Deployment kiali");
    assert_int_equal(written(w), ARRAY_LEN(objects));
    world_roll_out(w);
    expect(w, "True", "Ready", "Kiali v2.27 answers at Service istio-system/kiali");
    assert_int_equal(w->synced & (PLAN_WATCH_PODS | PLAN_WATCH_SECRET_KEYS), 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_string_equal(doc_string(mesh, "status", "monitoring", "kiali"), "Server");
    assert_string_equal(doc_string(mesh, "status", "monitoring", "kialiVersion"), "v2.27");
}

static void a_key_that_is_missing_is_told_with_what_to_do(void **state)
{
    static const char command[] = "kubectl -n istio-system create secret generic kiali --from-literal=signing-key=";
    struct world *w = *state;

    world_put_mesh(w, SERVER);
    expect(w, "False", "SecretMissing", command);
    put_secret(w, "passphrase");
    expect(w, "False", "SecretMissing", command);
    put_secret(w, "signing-key");
    expect(w, "False", "NotReady", "Deployment kiali");
}

static void without_sessions_no_key_is_missed(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, ANONYMOUS);
    expect(w, "False", "NotReady", "Deployment kiali");
    world_roll_out(w);
    expect(w, "True", "Ready", "");
}

/* An operator with the rights of an older config/operator.yaml may not grant what Kiali needs. */
static void what_cannot_be_written_is_told_and_the_rest_is(void **state)
{
    struct world *w = *state;

    world_fail(w, ERR_FORBIDDEN, KUBE_CREATE, "ClusterRole/kiali", "attempting to grant RBAC permissions");
    w->held = true;
    world_put_mesh(w, ANONYMOUS);
    settle_with_condition(
        w, "KialiReady", "False", "NotWritten", "ClusterRole/kiali: attempting to grant RBAC permissions");
    expect_status(w, "Status", "Available");
    assert_false(world_has(w, RBAC, "ClusterRole", NULL, "kiali"));
    assert_true(world_has(w, APPS, "Deployment", NS, "kiali"));
}

static void what_is_deleted_or_changed_is_restored(void **state)
{
    _cleanup_json_ json_t *before = NULL, *after = NULL;
    struct world *w = *state;
    json_t *role;

    world_put_mesh(w, ANONYMOUS);
    settle(w);
    world_delete(w, APPS, "Deployment", NS, "kiali");
    settle(w);
    assert_int_equal(written(w), ARRAY_LEN(objects));
    before = world_get(w, RBAC, "ClusterRole", NULL, "kiali");
    role = world_get(w, RBAC, "ClusterRole", NULL, "kiali");
    json_object_set_new(
        role, "rules", ARRAY(ITEM(STRINGS("apiGroups", "*"), STRINGS("resources", "*"), STRINGS("verbs", "*"))));
    world_put(w, role);
    settle(w);
    after = world_get(w, RBAC, "ClusterRole", NULL, "kiali");
    assert_true(json_equal(doc_at(before, "rules"), doc_at(after, "rules")));
}

static void off_takes_away_what_was_made_and_nothing_else(void **state)
{
    static const char *const specs[] = {WITHOUT, WITH("{\"mode\": \"None\"}"), WITH("{\"viewOnly\": true}")};
    struct world *w = *state;

    put_of(w, mesh_kind(KIND_CONFIG_MAP), NS, "kiali-cabundle", NULL);
    put_of(w, mesh_kind(KIND_SECRET), NS, "kiali", NULL);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        world_put_mesh(w, ANONYMOUS);
        settle(w);
        assert_int_equal(written(w), ARRAY_LEN(objects));
        world_put_mesh(w, specs[i]);
        expect(w, "absent", "", "");
        assert_int_equal(written(w), 0);
        assert_true(world_has(w, "v1", "ConfigMap", NS, "kiali-cabundle"));
        assert_true(world_has(w, "v1", "Secret", NS, "kiali"));
    }
}

static void delete_mesh(struct world *w)
{
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    w->synced = 0;
    settle(w);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

static void a_mesh_that_is_deleted_takes_it_along(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, ANONYMOUS);
    settle(w);
    delete_mesh(w);
    assert_int_equal(written(w), 0);
}

/* --- by Kiali's own operator --- */

#define API "kiali.io/v1alpha1"
#define RESOURCE WITH("{\"mode\": \"KialiResource\"}")
#define ALL_WATCHES (PLAN_WATCH_KIALI | PLAN_WATCH_KIALI_SERVED)

static void put_kialis_definition(struct world *w)
{
    put_definition(w, KIND_KIALI_DEFINITION, KIND_KIALI, true);
}

static bool has_kiali(struct world *w)
{
    return world_has(w, API, "Kiali", NS, "kiali");
}

static void absent_definitions_are_told_and_cost_one_watch(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, RESOURCE);
    expect(w, "False", "DefinitionsMissing", "install Kiali's operator");
    assert_int_equal(w->synced & ALL_WATCHES, PLAN_WATCH_KIALI_SERVED);
    put_kialis_definition(w);
    expect(w, "False", "NotReady", "has not carried out Kiali istio-system/kiali yet");
    assert_true(has_kiali(w));
    assert_int_equal(written(w), 0);
}

/* An operator with the rights of an older one. */
static void lists_that_are_refused_are_told(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, RESOURCE);
    put_kialis_definition(w);
    w->failing = PLAN_WATCH_KIALI;
    expect(w, "False", "NotReadable", "rights of today's config/operator.yaml");
    w->failing = 0;
    expect(w, "False", "NotReady", "");
    assert_true(has_kiali(w));
}

static void what_kialis_operator_says_is_told(void **state)
{
    static const struct {
        const char *status, *holds, *reason, *in_message;
    } cases[] = {
        {"{\"conditions\": [{\"type\": \"Running\", \"status\": \"True\"}]}", "False", "NotReady", "yet"},
        {"{\"conditions\": [{\"type\": \"Failure\", \"status\": \"False\"},"
         " {\"type\": \"Successful\", \"status\": \"True\"}]}",
         "True",
         "Ready",
         "Kiali istio-system/kiali"},
        {"{\"conditions\": [{\"type\": \"Successful\", \"status\": \"True\"},"
         " {\"type\": \"Failure\", \"status\": \"True\", \"message\": \"no such strategy\"}]}",
         "False",
         "NotReady",
         "no such strategy"},
        {"{\"conditions\": [{\"type\": \"Failure\", \"status\": \"True\"}]}", "False", "NotReady", "Failure"},
        {"{\"conditions\": {}}", "False", "NotReady", "yet"},
    };
    struct world *w = *state;

    world_put_mesh(w, RESOURCE);
    put_kialis_definition(w);
    settle(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *kiali = world_get(w, API, "Kiali", NS, "kiali"), *value;
        assert_int_equal(doc_parse(cases[i].status, strlen(cases[i].status), SIZE_MAX, &value, NULL), 0);
        json_object_set_new(kiali, "status", value);
        world_put(w, kiali);
        expect(w, cases[i].holds, cases[i].reason, cases[i].in_message);
    }
}

/* What their strategy needs besides. */
static void what_users_write_into_it_stays(void **state)
{
    _cleanup_json_ json_t *after = NULL;
    struct world *w = *state;
    json_t *kiali;

    world_put_mesh(w, RESOURCE);
    put_kialis_definition(w);
    settle(w);
    kiali = world_get(w, API, "Kiali", NS, "kiali");
    json_object_set_new(doc_at(kiali, "spec", "auth"), "openid", OBJECT(STRING("client_id", "a")));
    json_object_set_new(doc_at(kiali, "spec", "auth"), "strategy", json_string("anonymous"));
    world_put(w, kiali);
    settle(w);
    after = world_get(w, API, "Kiali", NS, "kiali");
    assert_string_equal(doc_string(after, "spec", "auth", "openid", "client_id"), "a");
    assert_string_equal(doc_string(after, "spec", "auth", "strategy"), "token");
}

static void another_mode_takes_the_kiali_away_and_no_other(void **state)
{
    static const char *const specs[] = {WITHOUT, WITH("{\"mode\": \"None\"}"), ANONYMOUS};
    struct world *w = *state;

    put_kialis_definition(w);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        world_put_mesh(w, RESOURCE);
        settle(w);
        assert_true(has_kiali(w));
        assert_true(mesh_remembers(w, "kialiResources"));
        put_of(w, mesh_kind(KIND_KIALI), NS, "theirs", NULL);
        world_put_mesh(w, specs[i]);
        w->synced = 0; /* the next operator does it */
        mesh_memo_clear(w->memo);
        settle(w);
        assert_false(has_kiali(w));
        assert_int_equal(written(w), str_eq(specs[i], ANONYMOUS) ? ARRAY_LEN(objects) : 0);
        assert_true(world_has(w, API, "Kiali", NS, "theirs"));
        assert_int_equal(w->synced & ALL_WATCHES, 0);
    }
}

static void a_mesh_that_is_deleted_takes_the_kiali_along(void **state)
{
    struct world *w = *state;

    put_kialis_definition(w);
    world_put_mesh(w, RESOURCE);
    settle(w);
    delete_mesh(w);
    assert_false(has_kiali(w));
}

/* --- Servicegraph --- */

static void servicegraph_is_written_told_and_taken_away(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"default\"], \"servicegraph\": {\"enabled\": true}}");
    settle_with_condition(w, "ServicegraphReady", "False", "NotReady", "Deployment servicegraph");
    expect_status(w, "Status", "Available");
    expect_plan(w, "");
    world_roll_out(w);
    settle_with_condition(w, "ServicegraphReady", "True", "Ready", "Service istio-system/servicegraph");
    world_put_mesh(w, SPEC);
    settle_with_condition(w, "ServicegraphReady", "absent", "", "");
    expect_status(w, "Status", "Available");
    assert_false(world_has(w, APPS, "Deployment", NS, "servicegraph"));
    assert_false(world_has(w, "v1", "Service", NS, "servicegraph"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_written_and_told_when_it_is_ready),
        TEST(a_key_that_is_missing_is_told_with_what_to_do),
        TEST(without_sessions_no_key_is_missed),
        TEST(what_cannot_be_written_is_told_and_the_rest_is),
        TEST(what_is_deleted_or_changed_is_restored),
        TEST(off_takes_away_what_was_made_and_nothing_else),
        TEST(a_mesh_that_is_deleted_takes_it_along),
        INSTALLED(servicegraph_is_written_told_and_taken_away),
        TEST(absent_definitions_are_told_and_cost_one_watch),
        TEST(lists_that_are_refused_are_told),
        TEST(what_kialis_operator_says_is_told),
        TEST(what_users_write_into_it_stays),
        TEST(another_mode_takes_the_kiali_away_and_no_other),
        TEST(a_mesh_that_is_deleted_takes_the_kiali_along),
    };

    return cmocka_run_group_tests_name("controllers kiali", tests, NULL, NULL);
}
