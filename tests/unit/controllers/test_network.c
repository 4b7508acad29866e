/* The label by which the control plane's namespace names the cluster's network. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "controllers/mesh/network.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define WITH(network) "{\"version\": \"1.31.1\", \"networkName\": \"" network "\"}"
#define WITHOUT "{\"version\": \"1.31.1\"}"

static int begin(void **state)
{
    if (mesh_begin_today_installed(state, WITHOUT) != 0)
        return -1;
    world_put_namespace(*state, NS, OBJECT(STRING("team", "mesh")));
    return 0;
}

static void expect_labels(struct world *w, const char *network, const char *managed)
{
    _cleanup_json_ json_t *ns = world_get(w, "v1", "Namespace", NULL, NS);
    const char *has = doc_string(ns, "metadata", "labels", LABEL_NETWORK);
    const char *has_managed = doc_string(ns, "metadata", "labels", LABEL_NETWORK_MANAGED);

    assert_string_equal(str_or(has, ""), network);
    assert_string_equal(str_or(has_managed, ""), managed);
    assert_string_equal(doc_string(ns, "metadata", "labels", "team"), "mesh");
}

static void it_follows_the_resource(void **state)
{
    struct world *w = *state;

    expect_labels(w, "", "");
    world_put_mesh(w, WITH("east"));
    assert_true(world_converge(w) > 0);
    expect_labels(w, "east", "east");
    world_put_mesh(w, WITH("west"));
    assert_true(world_converge(w) > 0);
    expect_labels(w, "west", "west");
    world_put_mesh(w, WITHOUT);
    assert_true(world_converge(w) > 0);
    expect_labels(w, "", "");
    expect_plan(w, "");
}

static void it_comes_back_where_it_was_taken_off(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, WITH("east"));
    assert_true(world_converge(w) > 0);
    world_put_namespace(w, NS, OBJECT(STRING("team", "mesh"), STRING(LABEL_NETWORK_MANAGED, "east")));
    expect_plan(w, "patch Namespace/" NS ": labelled with its network\n");
    expect_labels(w, "east", "east");
}

/* Also one that replaces the operator's; then the namespace is all the user's. */
static void a_label_that_a_user_sets_stays(void **state)
{
    static const char *const managed[] = {NULL, "east"};
    struct world *w = *state;

    world_put_mesh(w, WITH("east"));
    assert_true(world_converge(w) > 0);
    for (size_t i = 0; i < ARRAY_LEN(managed); i++) {
        _cleanup_json_ json_t *ready = NULL;
        world_put_namespace(
            w,
            NS,
            OBJECT(STRING("team", "mesh"), STRING(LABEL_NETWORK, "theirs"), STRING(LABEL_NETWORK_MANAGED, managed[i])));
        roll_out_today(w);
        assert_true(world_converge(w) >= 0);
        expect_labels(w, "theirs", "");
        ready = condition_of(w, "Ready");
        assert_non_null(strstr(doc_string(ready, "message"), "the network is theirs, and not east"));
    }
    world_put_mesh(w, WITHOUT);
    assert_true(world_converge(w) > 0);
    expect_labels(w, "theirs", "");
}

static void it_goes_with_the_mesh(void **state)
{
    struct world *w = *state;
    json_t *mesh;

    world_put_mesh(w, WITH("east"));
    assert_true(world_converge(w) > 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    expect_labels(w, "", "");
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

#define TODAY(test) cmocka_unit_test_setup_teardown(test, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TODAY(it_follows_the_resource),
        TODAY(it_comes_back_where_it_was_taken_off),
        TODAY(a_label_that_a_user_sets_stays),
        TODAY(it_goes_with_the_mesh),
    };

    return cmocka_run_group_tests_name("controllers network", tests, NULL, NULL);
}
