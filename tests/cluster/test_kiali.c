/*
 * Kiali of a mesh on a real API server: that the operator may grant what it grants, what the status says, and how it
 * ends. No node runs it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "others.h"
#include "rights_used.h"

#define NAME "kiali"
#define KIALI(fields) "{\"spec\": {\"kiali\": {" fields "}}}"
#define CONDITION "KialiReady"
#define ROLE kind_of("rbac.authorization.k8s.io/v1", "ClusterRole")
#define DEPLOYMENT kind_of("apps/v1", "Deployment")
#define SECRET kind_of("v1", "Secret")
#define CONFIG_MAP kind_of("v1", "ConfigMap")

/* The oldest Kubernetes that today's Istio runs on. */
enum { OLDEST_OF_TODAY = 30 };

static const struct {
    const char *api, *kind, *ns;
} objects[] = {
    {"v1", "ServiceAccount", NS},
    {"rbac.authorization.k8s.io/v1", "ClusterRole", NULL},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NULL},
    {"v1", "ConfigMap", NS},
    {"apps/v1", "Deployment", NS},
    {"v1", "Service", NS},
};

static const enum mesh_kind_id kinds[] = {KIND_KIALI};

static int begin(void **state)
{
    if (harness_setup(state) != 0)
        return -1;
    others_delete_definitions(kinds, ARRAY_LEN(kinds));
    operator_start();
    mesh_create(
        cluster_minor() < OLDEST_OF_TODAY ? "{\"version\": \"1.1.17\", \"removeCRDs\": true}"
                                          : "{\"version\": \"1.31.1\"}");
    mesh_wait_settled(PATIENCE);
    return 0;
}

static int end(void **state)
{
    mesh_delete_and_wait();
    operator_kill(15);
    others_delete_definitions(kinds, ARRAY_LEN(kinds));
    cluster_delete_if_there(SECRET, NS, NAME);
    cluster_delete_if_there(CONFIG_MAP, NS, "kiali-cabundle");
    return harness_teardown(state);
}

static size_t written(void)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        count += cluster_has(kind_of(objects[i].api, objects[i].kind), objects[i].ns, NAME);
    return count;
}

static bool all_are_written(void *unused)
{
    (void)unused;
    return written() == ARRAY_LEN(objects);
}

static bool none_is_written(void *unused)
{
    (void)unused;
    return written() == 0;
}

static bool cluster_has_kiali(void *unused)
{
    (void)unused;
    return cluster_has(mesh_kind(KIND_KIALI), NS, NAME);
}

static bool is_of_strategy_token(void *unused)
{
    _cleanup_json_ json_t *kiali = cluster_get(mesh_kind(KIND_KIALI), NS, NAME);

    (void)unused;
    return str_eq(doc_string(kiali, "spec", "auth", "strategy"), "token");
}

static void create(const char *kind, const char *name, const char *key)
{
    _cleanup_json_ json_t *object = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", kind),
        MAP("metadata", STRING("name", name), STRING("namespace", NS)),
        MAP("data", STRING(key, "MDEyMzQ1Njc4OWFiY2RlZg==")));

    cluster_create(kind_of("v1", kind), object);
}

/* The API server lets nobody grant what they may not do: without a right too few the role is not there. */
static void one_field_writes_all_of_it(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"Server\""));
    wait_until(all_are_written, NULL, PATIENCE, "Kiali is written");
    mesh_wait_condition(CONDITION, "SecretMissing");
    mesh_wait_settled(PATIENCE);
}

static void the_users_key_is_seen(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    create("Secret", NAME, "signing-key");
    mesh_wait_condition(CONDITION, "NotReady");
    mesh_wait_settled(PATIENCE);
}

static bool is_restored(void *unused)
{
    _cleanup_json_ json_t *role = cluster_get(ROLE, NULL, NAME);

    (void)unused;
    return json_array_size(doc_at(role, "rules")) > 1 && cluster_has(DEPLOYMENT, NS, NAME);
}

static void what_is_deleted_or_changed_is_restored(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    cluster_delete(DEPLOYMENT, NS, NAME);
    cluster_patch(ROLE, NULL, NAME, "{\"rules\": []}");
    wait_until(is_restored, NULL, PATIENCE, "both are restored");
    mesh_wait_settled(PATIENCE);
}

static void off_takes_it_away_and_nothing_else(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    create("ConfigMap", "kiali-cabundle", "ca");
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"None\""));
    wait_until(none_is_written, NULL, PATIENCE, "Kiali is gone");
    mesh_wait_condition(CONDITION, "");
    assert_true(cluster_has(SECRET, NS, NAME));
    assert_true(cluster_has(CONFIG_MAP, NS, "kiali-cabundle"));
}

/* As Istio's sample has it, with rights to change the mesh; it has no label of the operator's. */
static void what_another_manager_created_is_taken_over(void **state)
{
    _cleanup_json_ json_t *role = OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRole"),
        MAP("metadata", STRING("name", NAME), MAP("labels", STRING("helm.sh/chart", "kiali-server-2.27.0"))),
        SEQ("rules",
            ITEM(
                STRINGS("apiGroups", "networking.istio.io"),
                STRINGS("resources", "*"),
                STRINGS("verbs", "get", "delete"))));

    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    cluster_create(ROLE, role);
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"Server\""));
    wait_until(all_are_written, NULL, PATIENCE, "Kiali is written");
    wait_until(is_restored, NULL, PATIENCE, "the role is taken over");
    mesh_wait_settled(PATIENCE);
}

/* Kiali's operator is not there: its definition comes later. */
static void kialis_operator_is_waited_for(void **state)
{
    const struct kube_kind *kiali = mesh_kind(KIND_KIALI);

    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"KialiResource\""));
    mesh_wait_condition(CONDITION, "DefinitionsMissing");
    wait_until(none_is_written, NULL, PATIENCE, "the operator's own Kiali is gone");
    others_create_definition(kiali);
    mesh_wait_condition(CONDITION, "NotReady");
    mesh_wait_settled(PATIENCE);
    assert_true(cluster_has(kiali, NS, NAME));
    cluster_patch(kiali, NS, NAME, "{\"spec\": {\"auth\": {\"strategy\": \"anonymous\"}}}");
    wait_until(is_of_strategy_token, NULL, PATIENCE, "a changed one is restored");
    cluster_delete(kiali, NS, NAME);
    wait_until(cluster_has_kiali, NULL, PATIENCE, "a deleted one is restored");
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"None\""));
    wait_until(cluster_lacks, &(struct place){kiali, NS, NAME}, PATIENCE, NAME);
    mesh_wait_condition(CONDITION, "");
    cluster_patch(ISTIO, NS, MESH, KIALI("\"mode\": \"KialiResource\""));
    wait_until(cluster_has_kiali, NULL, PATIENCE, "it is written again");
}

static void a_mesh_that_is_deleted_takes_it_along(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    mesh_delete_and_wait();
    assert_int_equal(written(), 0);
    assert_false(cluster_has_kiali(NULL));
    assert_true(cluster_has(SECRET, NS, NAME));
}

/* Reading again after a conflict needs one. */
static bool is_due(const char *right)
{
    return rights_are_of_kiali(right) && !str_ends(right, " get");
}

static void the_rights_for_it_were_used_and_nothing_refused(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY || !audit_is_on())
        skip();
    rights_used_check_audit(is_due);
}

/* --- Istio 1.0 and 1.1 --- */

static bool has_servicegraph(void *unused)
{
    (void)unused;
    return cluster_has(DEPLOYMENT, NS, "servicegraph") && cluster_has(kind_of("v1", "Service"), NS, "servicegraph");
}

static void servicegraph_comes_and_goes(void **state)
{
    (void)state;
    if (cluster_minor() >= OLDEST_OF_TODAY)
        skip();
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"servicegraph\": {\"enabled\": true}}}");
    wait_until(has_servicegraph, NULL, PATIENCE, "Servicegraph is written");
    mesh_wait_settled(PATIENCE);
    cluster_patch(ISTIO, NS, MESH, "{\"spec\": {\"servicegraph\": null}}");
    wait_until(cluster_lacks, &(struct place){DEPLOYMENT, NS, "servicegraph"}, PATIENCE, "it is gone");
    mesh_wait_condition("ServicegraphReady", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servicegraph_comes_and_goes),
        cmocka_unit_test(one_field_writes_all_of_it),
        cmocka_unit_test(the_users_key_is_seen),
        cmocka_unit_test(what_is_deleted_or_changed_is_restored),
        cmocka_unit_test(off_takes_it_away_and_nothing_else),
        cmocka_unit_test(what_another_manager_created_is_taken_over),
        cmocka_unit_test(kialis_operator_is_waited_for),
        cmocka_unit_test(a_mesh_that_is_deleted_takes_it_along),
        cmocka_unit_test(the_rights_for_it_were_used_and_nothing_refused),
    };

    return cmocka_run_group_tests_name("cluster kiali", tests, begin, end);
}
