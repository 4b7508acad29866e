/*
 * Kiali of a mesh on a real API server: that the operator may grant what it grants, what the status says, and how it
 * ends. No node runs it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "others.h"

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

static int begin(void **state)
{
    if (harness_setup(state) != 0)
        return -1;
    if (cluster_minor() < OLDEST_OF_TODAY)
        return 0;
    operator_start();
    mesh_create("{\"version\": \"1.31.1\"}");
    mesh_wait_settled(PATIENCE);
    return 0;
}

static int end(void **state)
{
    if (cluster_minor() < OLDEST_OF_TODAY)
        return harness_teardown(state);
    mesh_delete_and_wait();
    operator_kill(15);
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

static void a_mesh_that_is_deleted_takes_it_along(void **state)
{
    (void)state;
    if (cluster_minor() < OLDEST_OF_TODAY)
        skip();
    mesh_delete_and_wait();
    assert_int_equal(written(), 0);
    assert_true(cluster_has(SECRET, NS, NAME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_field_writes_all_of_it),
        cmocka_unit_test(the_users_key_is_seen),
        cmocka_unit_test(what_is_deleted_or_changed_is_restored),
        cmocka_unit_test(off_takes_it_away_and_nothing_else),
        cmocka_unit_test(what_another_manager_created_is_taken_over),
        cmocka_unit_test(a_mesh_that_is_deleted_takes_it_along),
    };

    return cmocka_run_group_tests_name("cluster kiali", tests, begin, end);
}
