/* The table of managed kinds and that of releases. */
#include "fixture.h"

#include <string.h>

#include "base/str.h"

static const struct kube_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        if (!mesh_kinds.rows[i].view && str_eq(mesh_kinds.rows[i].kind, name))
            return &mesh_kinds.rows[i];
    }
    fail_msg("there is no kind %s", name);
    return NULL;
}

static void test_a_kind_waits_only_for_kinds_before_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];

        for (const char *const *after = kind->after; after && *after; after++)
            assert_true(kind_named(*after) < kind); /* so nothing ever waits in a circle */
    }
}

static void test_every_supported_kubernetes_serves_every_kind(void **state)
{
    const char *versions[KIND_COUNT];

    (void)state;
    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        for (int minor = r->kubernetes_min; minor <= r->kubernetes_max; minor++) {
            mesh_versions_for(minor, versions);
            for (size_t i = 0; i < mesh_kinds.len; i++) {
                /* Istios that have Leases, and those that are asked for slices, run on newer ones. */
                if (!versions[i] && (i != KIND_MADE_LEASE || minor >= 14) && (i != KIND_ENDPOINT_SLICE || minor >= 21))
                    fail_msg("Kubernetes 1.%d serves no %s that we speak", minor, mesh_kinds.rows[i].kind);
            }
        }
    }
}

static void test_the_version_follows_the_server(void **state)
{
    static const struct {
        const char *kind;
        int minor;
        const char *version;
    } rows[] = {
        {"CustomResourceDefinition", 15, "v1beta1"},
        {"CustomResourceDefinition", 16, "v1"},
        {"CustomResourceDefinition", 22, "v1"},
        {"MutatingWebhookConfiguration", 15, "v1beta1"},
        {"MutatingWebhookConfiguration", 16, "v1"},
        {"HorizontalPodAutoscaler", 11, "v2beta1"},
        {"HorizontalPodAutoscaler", 12, "v2beta2"},
        {"HorizontalPodAutoscaler", 22, "v2beta2"},
        {"HorizontalPodAutoscaler", 23, "v2"},
        {"PodDisruptionBudget", 20, "v1beta1"},
        {"PodDisruptionBudget", 21, "v1"},
        {"ClusterRole", 10, "v1"},
        {"Deployment", 10, "v1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(kube_kind_version_for(kind_named(rows[i].kind), rows[i].minor), rows[i].version);
}

static void test_what_is_not_owned_is_neither_pruned_nor_kept_whole(void **state)
{
    static const char *const not_owned[] = {
        "Namespace",
        "Pod",
    };
    const struct kube_kind *citadels = mesh_kind(KIND_KEY_AND_CERT_SECRET);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_owned); i++) {
        assert_false(kind_named(not_owned[i])->pruned);
        assert_non_null(kind_named(not_owned[i])->keep);
    }
    assert_false(citadels->pruned);
    assert_false(mesh_kind(KIND_MADE_WEBHOOK)->pruned);
    assert_non_null(mesh_kind(KIND_MADE_WEBHOOK)->keep);
    assert_false(mesh_kind(KIND_CREDENTIALS_SECRET)->pruned);
    /* the users' resources would go with their definitions */
    assert_false(kind_named("CustomResourceDefinition")->pruned);
    assert_false(kind_named("Istio")->pruned);
    assert_false(kind_named("RemoteIstio")->pruned);
}

static void test_what_citadels_secrets_hold_is_not_kept(void **state)
{
    (void)state;
    for (const char *const *path = mesh_kind(KIND_KEY_AND_CERT_SECRET)->keep; *path; path++)
        assert_false(str_starts(*path, "data") || str_starts(*path, "stringData"));
}

static void test_a_remote_cluster_has_only_what_it_is_made_of(void **state)
{
    static const char *const remote[] = {
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "Secret",
        "Service",
        "Endpoints",
        "Deployment",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "MutatingWebhookConfiguration",
        "Pod",
        "key-and-cert",
        "secret-keys",
        "config-map-keys",
        "Istio",
    };
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];
        /* A line has what it is made of, and no cluster has what no line needs. */
        if (i == KIND_STATEFUL_SET)
            assert_int_equal(kind->roles, 0);
        else
            assert_int_not_equal(kind->roles & (MESH_CENTRAL | MESH_REMOTE), 0);
        if (!(kind->roles & MESH_REMOTE))
            continue;
        assert_string_equal(kind->view ? kind->view : kind->kind, remote[found]);
        found++;
    }
    assert_int_equal(found, ARRAY_LEN(remote));
    /* The central cluster's Secrets are the users' and Citadel's: none is made or changed as a whole. */
    assert_int_equal(kind_named("Secret")->roles, MESH_REMOTE);
    assert_int_equal(kind_named("Endpoints")->roles, MESH_REMOTE);
    assert_int_equal(kind_named("RemoteIstio")->roles, MESH_CENTRAL);
}

static bool comes_after(const char *kind, const char *other)
{
    for (const char *const *name = kind_named(kind)->after; name && *name; name++) {
        if (str_eq(*name, other))
            return true;
    }
    return false;
}

static void test_webhooks_are_removed_before_what_answers_them(void **state)
{
    (void)state;
    assert_true(comes_after("MutatingWebhookConfiguration", "Deployment"));
    assert_true(comes_after("MutatingWebhookConfiguration", "Service"));
    assert_true(comes_after("ValidatingWebhookConfiguration", "Deployment"));
    assert_true(comes_after("ValidatingWebhookConfiguration", "Service"));
    assert_true(comes_after("Deployment", "RoleBinding"));
    assert_true(comes_after("RoleBinding", "Role"));
    assert_true(comes_after("Deployment", "ServiceAccount"));
    assert_true(comes_after("Deployment", "Secret"));
    assert_true(comes_after("Endpoints", "Service"));
    assert_true(comes_after("MeshPolicy", "DestinationRule"));
}

static void test_releases_are_found_by_version(void **state)
{
    (void)state;
    for (const struct mesh_release *r = mesh_releases; r->version; r++) {
        assert_ptr_equal(mesh_release_find(r->version), r);
        assert_string_equal(r->line->form->name, str_starts(r->version, "1.0.")   ? "1.0"
                                                 : str_starts(r->version, "1.1.") ? "1.1"
                                                                                  : "1.28 to 1.31");
    }
    assert_non_null(mesh_release_find("1.0.5"));
    assert_null(mesh_release_find("1.0.4"));
    assert_null(mesh_release_find(NULL));
}

static void test_components_are_named_as_their_fields(void **state)
{
    _cleanup_fixture_ struct fixture f;

    (void)state;
    fixture_init(&f);
    fixture_render(&f, 20);
    for (const struct mesh_component *c = mesh_components(&f.env); c->name; c++) {
        for (const struct rollout_workload *w = c->workloads; w->name; w++) {
            fixture_object(&f, mesh_kinds.rows[w->kind].kind, w->name);
            assert_int_not_equal(mesh_kinds.rows[w->kind].roles & MESH_CENTRAL, 0);
        }
        assert_true(c->spec(&f.own.common)->enabled);
    }
}

static bool is_component(const struct mesh_component *components, const char *name)
{
    for (; components->name; components++)
        if (str_eq(components->name, name))
            return true;
    return false;
}

static bool is_component_of_a_line(unsigned role, const char *name)
{
    const struct mesh_line *line;

    for (size_t i = 0; (line = mesh_line_next(&i));)
        if (is_component(role == MESH_CENTRAL ? line->central.components : line->remote.components, name))
            return true;
    return false;
}

static void test_what_programs_make_is_of_a_known_kind_and_component(void **state)
{
    static const unsigned roles[] = {MESH_CENTRAL, MESH_REMOTE};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
        const struct mesh_made *made;
        size_t count = 0;
        for (size_t i = 0; (made = mesh_made_next(roles[r], &i)); count++) {
            const struct kube_kind *kind = mesh_kind(made->kind);
            assert_non_null(kind);
            assert_int_not_equal(kind->roles & roles[r], 0);
            /* A list of the whole kind, and not of what has our label. */
            assert_int_equal(kind->watch, KUBE_WATCH_NONE);
            assert_non_null(kind->keep);
            assert_true(is_component_of_a_line(roles[r], made->component));
        }
        assert_true(count > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kind_waits_only_for_kinds_before_it),
        cmocka_unit_test(test_every_supported_kubernetes_serves_every_kind),
        cmocka_unit_test(test_the_version_follows_the_server),
        cmocka_unit_test(test_what_is_not_owned_is_neither_pruned_nor_kept_whole),
        cmocka_unit_test(test_what_citadels_secrets_hold_is_not_kept),
        cmocka_unit_test(test_a_remote_cluster_has_only_what_it_is_made_of),
        cmocka_unit_test(test_what_programs_make_is_of_a_known_kind_and_component),
        cmocka_unit_test(test_webhooks_are_removed_before_what_answers_them),
        cmocka_unit_test(test_releases_are_found_by_version),
        cmocka_unit_test(test_components_are_named_as_their_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
