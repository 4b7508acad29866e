/* What is done, and said, while some objects of the mesh cannot be written or removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "mesh_fixture.h"
#include "reconcile/rendered.h"

#define REFUSED "refused for a reason that does not pass"

static const char *const crd = "apiextensions.k8s.io/v1", *const apps = "apps/v1",
                         *const webhooks = "admissionregistration.k8s.io/v1";

/* The mesh with this spec, installed and rolled out; nothing is left to do. */
static void install(struct world *w, const char *spec)
{
    world_init(w);
    w->held = true;
    world_put_namespace(w, "shop", NULL);
    world_put_mesh(w, spec);
    assert_true(world_converge(w) >= 0);
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
}

/* All is done that can be done. */
static void expect_in_status(struct world *w, const char *field, const char *part)
{
    _cleanup_free_ char *text = world_status(w, field);

    if (!strstr(text, part))
        fail_msg("%s is \"%s\", without \"%s\"", field, text, part);
}

static bool is_labelled(struct world *w, const char *name)
{
    _cleanup_json_ json_t *ns = world_get(w, "v1", "Namespace", NULL, name);

    return str_eq(doc_string(ns, "metadata", "labels", "istio-injection"), "enabled");
}

/* Another field of a Deployment than is asked for. */
static void change_image(struct world *w, const char *name)
{
    json_t *d = world_get(w, apps, "Deployment", NS, name);

    json_object_set_new(
        json_array_get(doc_at(d, "spec", "template", "spec", "containers"), 0), "image", json_string("other"));
    world_put(w, d);
}

#define WEBHOOK webhooks, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector"

/* What is not there any more, and of what the creation or the change is refused; what is created all the same. */
static const struct {
    const char *says;
    struct {
        const char *api_version, *kind, *name;
        bool changed; /* it is there, and differs */
    } refused;
    struct {
        const char *api_version, *kind, *name;
        bool cluster; /* it is in no namespace */
        bool created;
    } others[3];
} cases[] = {
    {"a Deployment holds up neither webhook nor others",
     {"apps/v1", "Deployment", "istio-pilot"},
     {{"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, true},
      {"apps/v1", "Deployment", "istio-citadel", false, true}}},
    {"a webhook needs those who answer it",
     {"apps/v1", "Deployment", "istio-sidecar-injector"},
     {{"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, false},
      {"apps/v1", "Deployment", "istio-citadel", false, true}}},
    {"and not their newest form",
     {"apps/v1", "Deployment", "istio-sidecar-injector", true},
     {{"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, true}}},
    {"a webhook needs its Service",
     {"v1", "Service", "istio-sidecar-injector"},
     {{"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, false}}},
    {"and no other",
     {"v1", "Service", "istio-pilot"},
     {{"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, true}}},
    {"a Deployment needs its ServiceAccount",
     {"v1", "ServiceAccount", "istio-pilot-service-account"},
     {{"apps/v1", "Deployment", "istio-pilot", false, false}, {"apps/v1", "Deployment", "istio-citadel", false, true}}},
    {"and a webhook does not wait for that Deployment",
     {"v1", "ServiceAccount", "istio-pilot-service-account"},
     {{"apps/v1", "Deployment", "istio-pilot", false, false},
      {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "istio-sidecar-injector", true, true}}},
    {"a Deployment needs the ConfigMaps that it mounts",
     {"v1", "ConfigMap", "istio"},
     {{"apps/v1", "Deployment", "istio-pilot", false, false}, {"apps/v1", "Deployment", "istio-citadel", false, true}}},
    {"and goes on with an older one",
     {"v1", "ConfigMap", "istio", true},
     {{"apps/v1", "Deployment", "istio-pilot", false, true}, {"apps/v1", "Deployment", "istio-citadel", false, true}}},
};

static void refuse(struct world *w, size_t i, char **ret_key)
{
    const char *api_version = cases[i].refused.api_version, *kind = cases[i].refused.kind,
               *name = cases[i].refused.name;

    *ret_key = str_printf("%s/%s/%s", kind, NS, name);
    if (cases[i].refused.changed) {
        json_t *o = world_get(w, api_version, kind, NS, name);
        json_object_set_new(doc_at(o, "metadata", "labels"), "app", json_string("other"));
        world_put(w, o);
    } else {
        world_delete(w, api_version, kind, NS, name);
    }
    world_fail(w, ERR_INVALID, cases[i].refused.changed ? KUBE_UPDATE : KUBE_CREATE, *ret_key, REFUSED);
}

static void what_is_stuck_holds_up_only_what_needs_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *key = NULL;
        struct world w;

        install(&w, "{}");
        for (size_t k = 0; k < ARRAY_LEN(cases[i].others) && cases[i].others[k].kind; k++)
            world_delete(
                &w,
                cases[i].others[k].api_version,
                cases[i].others[k].kind,
                cases[i].others[k].cluster ? NULL : NS,
                cases[i].others[k].name);
        refuse(&w, i, &key);
        settle(&w);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].others) && cases[i].others[k].kind; k++)
            if (world_has(
                    &w,
                    cases[i].others[k].api_version,
                    cases[i].others[k].kind,
                    cases[i].others[k].cluster ? NULL : NS,
                    cases[i].others[k].name) != cases[i].others[k].created)
                fail_msg("%s: %s", cases[i].says, cases[i].others[k].name);
        expect_status(&w, "Status", "ReconcileFailed");
        expect_in_status(&w, "ErrorMessage", key);
        expect_in_status(&w, "ErrorMessage", REFUSED);
        /* When it is taken after all, everything is there. */
        w.failure_count = 0;
        assert_true(world_converge(&w) >= 0);
        world_roll_out(&w);
        assert_true(world_converge(&w) >= 0);
        expect_status(&w, "Status", "Available");
        world_release(&w);
    }
}

#define CONFIG "ConfigMap/istio-system/istio"
#define CLOUD "service.kubernetes.io/load-balancer-cleanup"

/* Why the ConfigMap that Pilot reads once keeps its old content, or an old label alone, and what is done with Pilot. */
static const struct {
    const char *says;
    enum err_class class; /* how its write failed; 0: it is being deleted */
    bool label_alone;
    bool deleted, drifted; /* Pilot's Deployment */
    const char *plans;     /* of the Deployment, while the ConfigMap is stuck */
} restarts[] = {
    {"a refused content restarts nothing", ERR_INVALID, .plans = ""},
    {"a failed one restarts nothing", ERR_UNAVAILABLE, .plans = ""},
    {"nor one that waits for the end of the old", 0, .plans = ""},
    {"a deleted Deployment does not wait",
     ERR_INVALID,
     .deleted = true,
     .plans = "create Deployment/istio-system/istio-pilot: not there yet\n"},
    {"nor when the old ConfigMap is being deleted",
     0,
     .deleted = true,
     .plans = "create Deployment/istio-system/istio-pilot: not there yet\n"},
    {"a change that restarts anyway waits as well", ERR_INVALID, .drifted = true, .plans = ""},
    {"a label restarts nothing, and nothing waits for it",
     ERR_INVALID,
     .label_alone = true,
     .drifted = true,
     .plans = "update Deployment/istio-system/istio-pilot: changed by another client: image differs\n"},
};

static char *digest_of_pilot(struct world *w)
{
    _cleanup_json_ json_t *d = world_get(w, apps, "Deployment", NS, "istio-pilot");

    return str_dup(str_or(rendered_digest_in(d), ""));
}

/* Settles it; the lines of all plans about Pilot's Deployment, owned by the caller. */
static char *settle_and_describe_pilot(struct world *w)
{
    struct buf lines = BUF_INIT;
    bool done = false;

    while (!done) {
        struct plan plan = world_plan(w);
        done = plan.len == 0;
        world_act(w, &plan);
        for (size_t i = 0; i < plan.len; i++) {
            _cleanup_free_ char *line = world_describe(&(struct plan){.actions = &plan.actions[i], .len = 1});
            if (strstr(line, " Deployment/istio-system/istio-pilot:"))
                buf_add_str(&lines, line);
        }
        plan_release(&plan);
    }
    return buf_take(&lines);
}

static void keep_from_the_config(struct world *w, enum err_class class)
{
    json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio");

    if (class) {
        world_fail(w, class, KUBE_UPDATE, CONFIG, REFUSED);
    } else {
        json_object_set_new(doc_at(config, "metadata"), "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
        json_object_set_new(doc_at(config, "metadata"), "finalizers", ARRAY(ITEM_STRING(CLOUD)));
        world_put(w, json_incref(config));
    }
    json_decref(config);
}

static void pods_restart_when_what_they_read_once_is_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(restarts); i++) {
        _cleanup_free_ char *before = NULL, *plans = NULL, *meanwhile = NULL, *after = NULL;
        bool content = !restarts[i].label_alone;
        struct world w;

        install(&w, "{}");
        before = digest_of_pilot(&w);
        keep_from_the_config(&w, restarts[i].class);
        if (restarts[i].drifted)
            change_image(&w, "istio-pilot");
        if (restarts[i].deleted)
            world_delete(&w, apps, "Deployment", NS, "istio-pilot");
        if (content) {
            world_put_mesh(
                &w,
                "{\"autoInjectionNamespaces\": [\"shop\"], \"tracing\": {\"zipkinAddress\": \"zipkin.shop:9411\"}}");
        } else {
            json_t *config = world_get(&w, "v1", "ConfigMap", NS, "istio");
            json_object_set_new(doc_at(config, "metadata", "labels"), "app", json_string("other"));
            world_put(&w, config);
        }
        plans = settle_and_describe_pilot(&w);
        if (!str_eq(plans, restarts[i].plans))
            fail_msg("%s: \"%s\", and not \"%s\"", restarts[i].says, plans, restarts[i].plans);
        meanwhile = digest_of_pilot(&w);
        assert_string_equal(meanwhile, before);
        if (!*restarts[i].plans) {
            expect_in_status(&w, "ErrorMessage", CONFIG);
            expect_in_status(&w, "ErrorMessage", "Deployment/istio-system/istio-pilot: waits for " CONFIG);
        }
        /* Others do not wait. */
        assert_int_equal(is_labelled(&w, "shop"), content);
        /* Once it is written, the Pods follow. */
        w.failure_count = 0;
        if (!restarts[i].class)
            world_delete(&w, "v1", "ConfigMap", NS, "istio");
        settle(&w);
        after = digest_of_pilot(&w);
        if (str_eq(before, after) == content)
            fail_msg("%s: the Pods are%s replaced afterwards", restarts[i].says, content ? " not" : "");
        world_roll_out(&w);
        settle(&w);
        expect_status(&w, "Status", "Available");
        world_release(&w);
    }
}

/* What is still on its way is waited for, whatever needs it. */
static void what_only_waits_for_its_write_is_waited_for(void **state)
{
    struct plan plan;
    struct world w;

    (void)state;
    install(&w, "{}");
    world_delete(&w, apps, "Deployment", NS, "istio-pilot");
    world_delete(&w, WEBHOOK);
    plan = world_plan(&w);
    for (size_t i = 0; i < plan.len; i++)
        assert_string_not_equal(plan.actions[i].kind->kind, "MutatingWebhookConfiguration");
    plan_release(&plan);
    world_release(&w);
}

/* Clients first: no server demands mutual TLS while some client was not told. */
static void mutual_tls_waits_for_every_destination_rule(void **state)
{
    _cleanup_json_ json_t *policy = NULL;
    struct world w;

    (void)state;
    install(&w, "{\"mtls\": false}");
    world_put_mesh(&w, "{\"mtls\": true}");
    world_fail(&w, ERR_FORBIDDEN, KUBE_CREATE, "DestinationRule/istio-system/default", REFUSED);
    settle(&w);
    policy = world_get(&w, "authentication.istio.io/v1alpha1", "MeshPolicy", NULL, "default");
    assert_string_equal(doc_string(json_array_get(doc_at(policy, "spec", "peers"), 0), "mtls", "mode"), "PERMISSIVE");
    expect_in_status(&w, "ErrorMessage", "DestinationRule/istio-system/default");
    world_release(&w);
}

static void namespaces_are_labelled_while_others_are_stuck(void **state)
{
    struct world w;

    (void)state;
    install(&w, "{}");
    change_image(&w, "istio-pilot");
    world_fail(&w, ERR_INVALID, KUBE_UPDATE, "Deployment/istio-system/istio-pilot", REFUSED);
    world_put_mesh(&w, "{\"autoInjectionNamespaces\": [\"shop\"]}");
    settle(&w);
    assert_true(is_labelled(&w, "shop"));
    world_release(&w);
}

static void namespaces_are_not_labelled_without_the_webhook(void **state)
{
    struct world w;

    (void)state;
    install(&w, "{}");
    world_delete(&w, WEBHOOK);
    world_fail(&w, ERR_FORBIDDEN, KUBE_CREATE, "MutatingWebhookConfiguration/istio-sidecar-injector", REFUSED);
    world_put_mesh(&w, "{\"autoInjectionNamespaces\": [\"shop\"]}");
    settle(&w);
    assert_false(is_labelled(&w, "shop"));
    w.failure_count = 0;
    assert_true(world_converge(&w) >= 0);
    assert_true(is_labelled(&w, "shop"));
    world_release(&w);
}

static void a_removal_that_is_refused_keeps_only_what_it_needs(void **state)
{
    json_t *mesh;
    struct world w;

    (void)state;
    install(&w, "{}");
    mesh = world_get(&w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
    world_put(&w, mesh);
    world_fail(&w, ERR_FORBIDDEN, KUBE_REMOVE, "MutatingWebhookConfiguration/istio-sidecar-injector", REFUSED);
    settle(&w);
    assert_true(world_has(&w, apps, "Deployment", NS, "istio-sidecar-injector"));
    assert_true(world_has(&w, "v1", "Service", NS, "istio-sidecar-injector"));
    assert_int_equal(world_count(&w, apps, "Deployment"), 1);
    assert_int_equal(world_count(&w, "v1", "Service"), 1);
    assert_true(world_has(&w, API_GROUP_VERSION, "Istio", NS, "istio"));
    expect_in_status(&w, "ErrorMessage", "MutatingWebhookConfiguration/istio-sidecar-injector: " REFUSED);
    w.failure_count = 0;
    assert_true(world_converge(&w) >= 0);
    assert_int_equal(world_count(&w, apps, "Deployment"), 0);
    assert_false(world_has(&w, API_GROUP_VERSION, "Istio", NS, "istio"));
    world_release(&w);
}

/* --- what is said --- */

static void every_stuck_object_is_named_up_to_ten(void **state)
{
    static const char *const deployments[] = {
        "istio-citadel",
        "istio-egressgateway",
        "istio-galley",
        "istio-ingressgateway",
        "istio-pilot",
        "istio-policy",
        "istio-telemetry",
        "istio-sidecar-injector",
    };
    static const char *const services[] = {"istio-citadel", "istio-galley", "istio-pilot", "istio-policy"};
    char *keys[ARRAY_LEN(deployments) + ARRAY_LEN(services)];
    size_t count = 0, named = 0;
    _cleanup_free_ char *text = NULL;
    struct world w;

    (void)state;
    install(&w, "{}");
    for (size_t i = 0; i < ARRAY_LEN(deployments); i++) {
        change_image(&w, deployments[i]);
        keys[count] = str_printf("Deployment/istio-system/%s", deployments[i]);
        world_fail(&w, ERR_INVALID, KUBE_UPDATE, keys[count++], "image: " REFUSED);
    }
    settle(&w);
    for (size_t i = 0; i < count; i++)
        expect_in_status(&w, "ErrorMessage", keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        world_delete(&w, "v1", "Service", NS, services[i]);
        keys[count] = str_printf("Service/istio-system/%s", services[i]);
        world_fail(&w, ERR_INVALID, KUBE_CREATE, keys[count++], REFUSED);
    }
    settle(&w);
    text = world_status(&w, "ErrorMessage");
    for (const char *at = text; (at = strstr(at, REFUSED)); at++)
        named++;
    assert_int_equal(named, 10);
    expect_in_status(&w, "ErrorMessage", "; and 2 more");
    for (size_t i = 0; i < count; i++)
        free(keys[i]);
    world_release(&w);
}

/* A failure of a write that is not to be made any more is nobody's business. */
static void an_old_refusal_is_not_told_of_an_object_that_is_gone(void **state)
{
    struct plan plan;
    struct world w;

    (void)state;
    install(&w, "{}");
    world_fail(&w, ERR_INVALID, KUBE_UPDATE, "Deployment/istio-system/istio-pilot", REFUSED);
    assert_true(world_converge(&w) >= 0);
    expect_status(&w, "Status", "Available");
    world_delete(&w, apps, "Deployment", NS, "istio-pilot");
    w.all_busy = true;
    plan = world_plan(&w);
    assert_int_equal(plan.causes[DRIFT_REFUSED], 0);
    assert_int_equal(plan.causes[DRIFT_WAITS], 1);
    plan_release(&plan);
    world_release(&w);
}

static void what_is_to_be_written_is_named_with_its_fields(void **state)
{
    struct plan plan;
    struct world w;

    (void)state;
    install(&w, "{}");
    change_image(&w, "istio-pilot");
    world_delete(&w, "v1", "Service", NS, "istio-galley");
    w.all_busy = true;
    plan = world_plan(&w);
    w.all_busy = false;
    world_act(&w, &plan);
    plan_release(&plan);
    expect_status(&w, "Status", "Reconciling");
    expect_in_status(&w, "ErrorMessage", "2 objects to write: ");
    expect_in_status(
        &w, "ErrorMessage", "Deployment/istio-system/istio-pilot: changed by another client: image differs");
    expect_in_status(&w, "ErrorMessage", "Service/istio-system/istio-galley: deleted by another client");
    world_release(&w);
}

/* --- deletion that takes its time --- */

static void
mark_deleted(struct world *w, const char *api_version, const char *kind, const char *name, const char *finalizer)
{
    json_t *o = world_get(w, api_version, kind, NS, name), *metadata = doc_at(o, "metadata");

    json_object_set_new(metadata, "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
    json_object_set_new(metadata, "finalizers", finalizer ? ARRAY(ITEM_STRING(finalizer)) : json_array());
    world_put(w, o);
}

static void an_object_that_another_finalizer_holds_is_not_healthy(void **state)
{
    struct plan plan;
    struct world w;

    (void)state;
    install(&w, "{}");
    mark_deleted(&w, "v1", "Service", "istio-ingressgateway", CLOUD);
    settle(&w);
    expect_status(&w, "Status", "Reconciling");
    expect_in_status(
        &w,
        "ErrorMessage",
        "Service/istio-system/istio-ingressgateway: is being deleted, held by the finalizer " CLOUD);
    plan = world_plan(&w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);
    /* Others go on meanwhile. */
    world_delete(&w, apps, "Deployment", NS, "istio-pilot");
    settle(&w);
    assert_true(world_has(&w, apps, "Deployment", NS, "istio-pilot"));
    /* Gone, it is created again. */
    world_delete(&w, "v1", "Service", NS, "istio-ingressgateway");
    plan = world_plan(&w);
    assert_int_equal(plan.actions[0].verb, KUBE_CREATE);
    plan_release(&plan);
    assert_true(world_converge(&w) >= 0);
    world_roll_out(&w);
    assert_true(world_converge(&w) >= 0);
    expect_status(&w, "Status", "Available");
    world_release(&w);
}

static void removal_waits_for_what_another_finalizer_holds(void **state)
{
    json_t *mesh;
    struct world w;

    (void)state;
    install(&w, "{}");
    mesh = world_get(&w, API_GROUP_VERSION, "Istio", NS, "istio");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
    world_put(&w, mesh);
    mark_deleted(&w, "v1", "Service", "istio-ingressgateway", CLOUD);
    mark_deleted(&w, "v1", "ConfigMap", "istio", "foregroundDeletion");
    settle(&w);
    assert_int_equal(world_count(&w, apps, "Deployment"), 0);
    expect_in_status(
        &w,
        "ErrorMessage",
        "removing: 2 objects left: Service/istio-system/istio-ingressgateway: is being deleted, held by the "
        "finalizer " CLOUD);
    world_delete(&w, "v1", "Service", NS, "istio-ingressgateway");
    world_delete(&w, "v1", "ConfigMap", NS, "istio");
    assert_true(world_converge(&w) >= 0);
    assert_false(world_has(&w, API_GROUP_VERSION, "Istio", NS, "istio"));
    world_release(&w);
}

static void a_definition_that_ends_is_said_to(void **state)
{
    struct world w;

    (void)state;
    install(&w, "{}");
    {
        json_t *o = world_get(&w, crd, "CustomResourceDefinition", NULL, "gateways.networking.istio.io");
        json_object_set_new(doc_at(o, "metadata"), "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
        json_object_set_new(
            doc_at(o, "metadata"), "finalizers", ARRAY(ITEM_STRING("customresourcecleanup.apiextensions.k8s.io")));
        world_put(&w, o);
    }
    settle(&w);
    expect_in_status(&w, "ErrorMessage", "CustomResourceDefinition/gateways.networking.istio.io: is being deleted");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stuck_holds_up_only_what_needs_it),
        cmocka_unit_test(pods_restart_when_what_they_read_once_is_in_place),
        cmocka_unit_test(what_only_waits_for_its_write_is_waited_for),
        cmocka_unit_test(mutual_tls_waits_for_every_destination_rule),
        cmocka_unit_test(namespaces_are_labelled_while_others_are_stuck),
        cmocka_unit_test(namespaces_are_not_labelled_without_the_webhook),
        cmocka_unit_test(a_removal_that_is_refused_keeps_only_what_it_needs),
        cmocka_unit_test(every_stuck_object_is_named_up_to_ten),
        cmocka_unit_test(an_old_refusal_is_not_told_of_an_object_that_is_gone),
        cmocka_unit_test(what_is_to_be_written_is_named_with_its_fields),
        cmocka_unit_test(an_object_that_another_finalizer_holds_is_not_healthy),
        cmocka_unit_test(removal_waits_for_what_another_finalizer_holds),
        cmocka_unit_test(a_definition_that_ends_is_said_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
