/* Control planes of today's Istio that have names, and which one namespaces and Pods belong to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

/* The default of upgrade.formerGracePeriod. */
#define GRACE SECONDS(600)
#define CANARY                                                                                                         \
    "{\"version\": \"1.31.1\", \"mtls\": true, \"revision\": \"canary\", "                                             \
    "\"autoInjectionNamespaces\": [\"default\"]}"

static void put_pod_as(struct world *w, const char *name, const char *revision, bool is_deleted)
{
    world_put_as(
        w,
        mesh_kind(KIND_SIDECAR_POD),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", "default"),
                OPT(is_deleted, STRING("deletionTimestamp", "2026-12-18T00:00:00Z")),
                MAP("annotations", FORMAT("sidecar.istio.io/status", "{\"revision\":\"%s\"}", revision)))));
}

static void put_pod(struct world *w, const char *name, const char *revision)
{
    put_pod_as(w, name, revision, false);
}

static void expect_label(struct world *w, const char *ns, const char *label, const char *value)
{
    _cleanup_json_ json_t *o = world_get(w, "v1", "Namespace", NULL, ns);
    const char *found = doc_string(o, "metadata", "labels", label);

    if (!str_eq(found, value))
        fail_msg("Namespace %s: %s is %s, but must be %s", ns, label, str_or(found, "absent"), str_or(value, "absent"));
}

static void expect_control_plane(struct world *w, const char *suffix, bool is_there)
{
    static const struct {
        const char *api_version, *kind, *ns, *base, *behind;
    } objects[] = {
        {APPS, "Deployment", NS, "istiod", ""},
        {"v1", "Service", NS, "istiod", ""},
        {"v1", "ServiceAccount", NS, "istiod", ""},
        {"v1", "ConfigMap", NS, "istio", ""},
        {"v1", "ConfigMap", NS, "istio-sidecar-injector", ""},
        {"rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "istiod-clusterrole", "-" NS},
        {WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector", ""},
        {WEBHOOKS, "ValidatingWebhookConfiguration", NULL, "istio-validator", "-" NS},
    };

    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        _cleanup_free_ char *name = str_printf("%s%s%s", objects[i].base, suffix, objects[i].behind);
        if (world_has(w, objects[i].api_version, objects[i].kind, objects[i].ns, name) != is_there)
            fail_msg("%s %s must %sbe there", objects[i].kind, name, is_there ? "" : "not ");
    }
}

static void expect_notice(struct world *w, const char *text)
{
    _cleanup_json_ json_t *ready = condition_of(w, "Ready");

    if (!strstr(doc_string(ready, "message"), text))
        fail_msg("%s, but must have %s", doc_string(ready, "message"), text);
}

static void another_revision_replaces_a_control_plane_when_no_pod_needs_it(void **state)
{
    struct world *w = *state;

    put_pod(w, "app", "default");
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    world_put_mesh(w, CANARY);
    settle(w);
    /* New Pods get sidecars by the former one until the new one can give them any. */
    expect_control_plane(w, "", true);
    expect_control_plane(w, "-canary", true);
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    expect_notice(w, "the control plane of revision default stays until that of revision canary");

    roll_out_today(w);
    expect_control_plane(w, "", true);
    expect_label(w, "default", LABEL_INJECTION, NULL);
    expect_label(w, "default", LABEL_REVISION, "canary");
    expect_label(w, "default", LABEL_INJECTION_MANAGED, "canary");
    expect_notice(w, "the control plane of revision default stays until the 1 pods with its sidecar are replaced");
    expect_status(w, "Status", "Available");

    put_pod(w, "app", "canary");
    settle(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "", false);
    expect_control_plane(w, "-canary", true);
    assert_true(world_has(w, APPS, "Deployment", NS, "istio-ingressgateway"));
    assert_true(world_has(w, "v1", "ServiceAccount", NS, "istio-reader-service-account"));
    expect_notice(w, "");
}

/* Its proxy hears of other Pods from there alone. */
static void a_control_plane_stays_until_the_last_pod_has_ended(void **state)
{
    struct world *w = *state;

    put_pod(w, "old", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    put_pod(w, "new", "canary");
    put_pod_as(w, "old", "default", true);
    settle(w);
    expect_control_plane(w, "", true);
    expect_notice(w, "the control plane of revision default stays until the 1 pods with its sidecar are replaced");

    assert_true(kube_cache_remove(w->cache, mesh_kind(KIND_SIDECAR_POD), "default", "old", NULL));
    settle(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "", false);
}

static void expect_grace(struct world *w, const char *unused_since, const char *until)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const json_t *former = json_array_get(doc_at(mesh, "status", "formerControlPlanes"), 0);

    if (!str_eq(doc_string(former, "unusedSince"), unused_since) || !str_eq(doc_string(former, "until"), until))
        fail_msg(
            "it is not used since %s and stays until %s",
            str_or(doc_string(former, "unusedSince"), "never"),
            str_or(doc_string(former, "until"), "ever"));
}

static void a_control_plane_that_is_not_used_stays_for_its_grace(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *before = world_get(w, APPS, "Deployment", NS, "istiod"), *after = NULL;

    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    expect_grace(w, NULL, NULL);
    put_pod(w, "app", "canary");
    w->later += SECONDS(30);
    settle(w);
    expect_grace(w, "2018-12-16T22:40:30Z", "2018-12-16T22:50:30Z");
    expect_notice(w, "revision default is not used any more, and stays until 2018-12-16T22:50:30Z");
    expect_status(w, "Status", "Available");

    /* The time goes on, and nothing is written for that. */
    w->later += GRACE - SECONDS(1);
    expect_plan(w, "");
    expect_control_plane(w, "", true);

    /* Used again, it has all of it again. */
    put_pod(w, "late", "default");
    settle(w);
    expect_grace(w, NULL, NULL);
    assert_true(kube_cache_remove(w->cache, mesh_kind(KIND_SIDECAR_POD), "default", "late", NULL));
    settle(w);
    w->later += SECONDS(599);
    settle(w);
    expect_control_plane(w, "", true);

    /* The mesh goes back to the same one. */
    world_put_mesh(w, TODAY_SPEC);
    settle(w);
    after = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_string_equal(doc_string(before, "metadata", "uid"), doc_string(after, "metadata", "uid"));
    assert_true(json_equal(doc_at(before, "spec"), doc_at(after, "spec")));
    put_pod(w, "app", "default");
    settle(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "", true);
    expect_control_plane(w, "-canary", false);
    expect_grace(w, NULL, NULL);
}

/* An operator that ends in the middle of the deletion, after any write, goes on with it. */
static void what_is_deleted_after_its_grace_is_deleted_as_a_whole(void **state)
{
    struct world *w = *state;
    bool was_partial = false;

    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    w->later += GRACE;
    for (int i = 0; i < 60 && world_has(w, APPS, "Deployment", NS, "istiod"); i++) {
        struct plan plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
        was_partial |= world_has(w, APPS, "Deployment", NS, "istiod") &&
                       !world_has(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    }
    assert_true(was_partial);
    settle(w);
    expect_control_plane(w, "", false);
}

static void without_grace_it_goes_with_its_last_pod(void **state)
{
    struct world *w = *state;

    put_pod(w, "app", "default");
    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"revision\": \"canary\", \"upgrade\": {\"formerGracePeriod\": \"0s\"}}");
    settle(w);
    roll_out_today(w);
    expect_control_plane(w, "", true);
    put_pod(w, "app", "canary");
    settle(w);
    expect_control_plane(w, "", false);
}

static void the_way_back_is_the_same(void **state)
{
    struct world *w = *state;

    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    world_put_mesh(w, TODAY_SPEC);
    roll_out_today(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "-canary", false);
    expect_control_plane(w, "", true);
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    expect_label(w, "default", LABEL_REVISION, NULL);

    world_put_mesh(w, CANARY);
    settle(w);
    put_pod(w, "app", "canary");
    roll_out_today(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "", false);
    world_put_mesh(w, TODAY_SPEC);
    settle(w);
    put_pod(w, "app", "default");
    roll_out_today(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "-canary", false);
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    expect_label(w, "default", LABEL_REVISION, NULL);
}

static void expect_validator(struct world *w, const char *service)
{
    _cleanup_json_ json_t *o =
        world_get(w, WEBHOOKS, "ValidatingWebhookConfiguration", NULL, "istiod-default-validator");
    const json_t *webhook = json_array_get(doc_at(o, "webhooks"), 0);
    const char *found = doc_string(webhook, "clientConfig", "service", "name");

    if (!str_eq(found, service))
        fail_msg("configuration is validated by %s, but must be by %s", str_or(found, "none"), service);
}

static void a_control_plane_takes_over_when_a_pod_got_its_sidecar(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, NS, NULL);
    put_pod(w, "app", "default");
    w->pods.no_sidecar = true;
    world_put_mesh(w, CANARY);
    settle(w);
    expect_validator(w, "istiod");
    roll_out_today(w);
    /* It is available, and nothing moves to it. */
    expect_validator(w, "istiod");
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    assert_non_null(strstr(w->pod_asked, "\"istio.io/rev\":\"canary\""));
    expect_notice(
        w,
        "revision default stays until that of revision canary is proven: a new Pod in namespace istio-system gets "
        "no sidecar");

    w->pods.no_sidecar = false;
    settle(w);
    expect_validator(w, "istiod-canary");
    expect_label(w, "default", LABEL_REVISION, "canary");
    assert_null(w->pod_asked);
}

/* Two that are not available at times would get it from each other again and again. */
static void what_a_control_plane_took_over_stays_with_it(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, NS, NULL);
    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    expect_validator(w, "istiod-canary");
    put_endpoint_slice(w, "istiod-canary", false);
    w->pods.no_sidecar = true;
    settle(w);
    expect_validator(w, "istiod-canary");
    expect_label(w, "default", LABEL_REVISION, "canary");

    world_put_mesh(w, TODAY_SPEC);
    settle(w);
    expect_validator(w, "istiod-canary");
    w->pods.no_sidecar = false;
    settle(w);
    expect_validator(w, "istiod");
}

/* One that is down must not keep the next from taking over. */
static void a_control_plane_takes_over_from_one_that_does_not_answer(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, NS, NULL);
    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    world_put_mesh(w, "{\"version\": \"1.31.1\", \"revision\": \"stable\"}");
    settle(w);
    put_endpoint_slice(w, "istiod-canary", false);
    put_endpoint_slice(w, "istiod-stable", true);
    expect_validator(w, "istiod-canary");
    world_roll_out(w);
    fill_in_ca_bundles(w);
    settle(w);
    expect_validator(w, "istiod-stable");
}

static void an_ignored_validator_of_a_former_control_plane_keeps_nothing_back(void **state)
{
    struct world *w = *state;
    json_t *validator = world_get(w, WEBHOOKS, "ValidatingWebhookConfiguration", NULL, "istiod-default-validator");

    json_object_set_new(doc_make(validator, "metadata", "annotations"), MARK_IGNORE, json_string("true"));
    world_put(w, validator);
    world_put_namespace(w, NS, NULL);
    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    roll_out_today(w);
    expect_label(w, "default", LABEL_REVISION, "canary");
    assert_null(w->pod_asked); /* it is proven, though a Pod has a former sidecar yet */
    put_pod(w, "app", "canary");
    settle(w);
    w->later += GRACE;
    settle(w);
    expect_control_plane(w, "", false);
    put_endpoint_slice(w, "istiod", false);
    settle(w);
    expect_validator(w, "istiod");
    expect_status(w, "Status", "Available");
}

/* A component that is switched off goes all the same, and so does a mesh without its istiod. */
static void a_former_control_plane_keeps_nothing_else(void **state)
{
    struct world *w = *state;
    json_t *mesh;

    put_pod(w, "app", "default");
    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"revision\": \"canary\", \"gateways\": {\"ingress\": {\"enabled\": false}}}");
    settle(w);
    expect_control_plane(w, "", true);
    assert_false(world_has(w, APPS, "Deployment", NS, "istio-ingressgateway"));
    assert_false(world_has(w, "v1", "ServiceAccount", NS, "istio-ingressgateway"));

    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2026-12-18T00:00:00Z"));
    world_put(w, mesh);
    settle(w);
    assert_int_equal(world_count(w, APPS, "Deployment"), 0);
    expect_label(w, "default", LABEL_INJECTION, NULL);
}

/* Labels before and after, "injection rev managed"; "-": absent. */
static void a_namespace_keeps_what_a_user_decided(void **state)
{
    static const struct {
        const char *before;
        struct {
            bool canary, listed;
            const char *labels;
        } after[4];
    } cases[] = {
        {"- - -",
         {{false, true, "enabled - enabled"},
          {true, true, "- canary canary"},
          {false, false, "- - -"},
          {true, false, "- - -"}}},
        /* The operator's own. */
        {"enabled - enabled",
         {{false, true, "enabled - enabled"},
          {true, true, "- canary canary"},
          {false, false, "- - -"},
          {true, false, "- - -"}}},
        {"- canary canary",
         {{false, true, "enabled - enabled"},
          {true, true, "- canary canary"},
          {false, false, "- - -"},
          {true, false, "- - -"}}},
        {"- old old",
         {{false, true, "enabled - enabled"},
          {true, true, "- canary canary"},
          {false, false, "- - -"},
          {true, false, "- - -"}}},
        /* A user removed it. */
        {"- - enabled",
         {{false, true, "enabled - enabled"},
          {true, true, "- canary canary"},
          {false, false, "- - -"},
          {true, false, "- - -"}}},
        /* A user's. */
        {"enabled - -",
         {{false, true, "enabled - -"},
          {true, true, "enabled - -"},
          {false, false, "enabled - -"},
          {true, false, "enabled - -"}}},
        {"disabled - -",
         {{false, true, "disabled - -"},
          {true, true, "disabled - -"},
          {false, false, "disabled - -"},
          {true, false, "disabled - -"}}},
        {"- prod -",
         {{false, true, "- prod -"}, {true, true, "- prod -"}, {false, false, "- prod -"}, {true, false, "- prod -"}}},
        {"- canary -",
         {{false, true, "- canary -"},
          {true, true, "- canary -"},
          {false, false, "- canary -"},
          {true, false, "- canary -"}}},
        {"disabled - enabled",
         {{false, true, "disabled - enabled"},
          {true, true, "disabled - enabled"},
          {false, false, "disabled - -"},
          {true, false, "disabled - -"}}},
        /* A user's beside the operator's. */
        {"enabled prod enabled",
         {{false, true, "- prod -"}, {true, true, "- prod -"}, {false, false, "- prod -"}, {true, false, "- prod -"}}},
        {"disabled canary canary",
         {{false, true, "disabled - -"},
          {true, true, "disabled - -"},
          {false, false, "disabled - -"},
          {true, false, "disabled - -"}}},
    };
    struct world *w = *state;
    static const char *const keys[] = {LABEL_INJECTION, LABEL_REVISION, LABEL_INJECTION_MANAGED};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < 4; k++) {
            _cleanup_strv_ char **before = str_split(cases[i].before, ' ');
            _cleanup_strv_ char **after = str_split(cases[i].after[k].labels, ' ');
            _cleanup_free_ char *spec = str_printf(
                "{\"version\": \"1.31.1\", \"revision\": \"%s\", \"autoInjectionNamespaces\": [%s]}",
                cases[i].after[k].canary ? "canary" : "default",
                cases[i].after[k].listed ? "\"shop\"" : "");
            json_t *labels = json_object();
            for (size_t l = 0; l < ARRAY_LEN(keys); l++)
                if (!str_eq(before[l], "-"))
                    json_object_set_new(labels, keys[l], json_string(before[l]));
            world_put_mesh(w, spec);
            settle(w);
            roll_out_today(w);
            world_put_namespace(w, "shop", labels);
            settle(w);
            for (size_t l = 0; l < ARRAY_LEN(keys); l++)
                expect_label(w, "shop", keys[l], str_eq(after[l], "-") ? NULL : after[l]);
        }
}

static void the_label_that_keeps_a_listed_namespace_out_is_named(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "shop", OBJECT(STRING(LABEL_INJECTION, "enabled")));
    world_put_namespace(w, "pay", OBJECT(STRING(LABEL_REVISION, "prod")));
    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"revision\": \"canary\", \"autoInjectionNamespaces\": [\"shop\", \"pay\"]}");
    settle(w);
    roll_out_today(w);
    expect_notice(
        w,
        "left alone, because a user set their label istio-injection: shop; left alone, because a user set "
        "their label istio.io/rev: pay");
}

static void sidecars_of_the_revision_are_the_current_ones(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *config = NULL, *mesh = NULL;

    world_put_mesh(w, "{\"version\": \"1.31.1\", \"revision\": \"canary\", \"sidecars\": {\"count\": true}}");
    settle(w);
    roll_out_today(w);
    config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector-canary");
    for (int i = 0; i < 3; i++)
        world_put_as(
            w,
            mesh_kind(KIND_SIDECAR_POD),
            OBJECT(MAP(
                "metadata",
                FORMAT("name", "p%d", i),
                STRING("namespace", "default"),
                MAP("annotations",
                    FORMAT("sidecar.istio.io/status", "{\"revision\":\"%s\"}", i ? "canary" : "default"),
                    STRING(
                        "istio.banzaicloud.io/sidecar-version",
                        i < 2 ? doc_string(config, "metadata", "annotations", "istio.banzaicloud.io/sidecar-version")
                              : "former")))));
    settle(w);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "current"), -1), 1);
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "outdated"), -1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED_TODAY(another_revision_replaces_a_control_plane_when_no_pod_needs_it),
        INSTALLED_TODAY(a_control_plane_stays_until_the_last_pod_has_ended),
        INSTALLED_TODAY(a_control_plane_that_is_not_used_stays_for_its_grace),
        INSTALLED_TODAY(what_is_deleted_after_its_grace_is_deleted_as_a_whole),
        INSTALLED_TODAY(without_grace_it_goes_with_its_last_pod),
        INSTALLED_TODAY(the_way_back_is_the_same),
        INSTALLED_TODAY(a_control_plane_takes_over_when_a_pod_got_its_sidecar),
        INSTALLED_TODAY(what_a_control_plane_took_over_stays_with_it),
        INSTALLED_TODAY(a_control_plane_takes_over_from_one_that_does_not_answer),
        INSTALLED_TODAY(an_ignored_validator_of_a_former_control_plane_keeps_nothing_back),
        INSTALLED_TODAY(a_former_control_plane_keeps_nothing_else),
        FRESH_TODAY(a_namespace_keeps_what_a_user_decided),
        FRESH_TODAY(the_label_that_keeps_a_listed_namespace_out_is_named),
        FRESH_TODAY(sidecars_of_the_revision_are_the_current_ones),
    };

    return cmocka_run_group_tests_name("controllers revisions", tests, NULL, NULL);
}
