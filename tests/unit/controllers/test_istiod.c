/* Today's Istio, as the planner installs it, takes it over and leaves others' fields alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

/* A gateway's Pod that is created before there is a webhook has no proxy, and never gets one. */
static void a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy(void **state)
{
    static const char *const lines[] = {
        "create RoleBinding/istio-system/istiod:",
        "create Deployment/istio-system/istiod:",
        "create MutatingWebhookConfiguration/istio-sidecar-injector:",
        "create Deployment/istio-system/istio-ingressgateway:",
        /* What costs the server most goes with the last of the others, as nothing here waits for it. */
        "create CustomResourceDefinition/virtualservices.networking.istio.io:",
    };
    enum { LAST = ARRAY_LEN(lines) - 1 };
    int first[ARRAY_LEN(lines)];

    assert_true(first_plan_with(*state, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0);
    for (size_t i = 1; i < LAST; i++)
        if (first[i] <= first[i - 1])
            fail_msg("%s in plan %d, but %s in plan %d", lines[i], first[i], lines[i - 1], first[i - 1]);
    assert_int_equal(first[LAST], first[LAST - 1]);
}

static void a_definition_comes_first_where_an_object_needs_it(void **state)
{
    static const char *const lines[] = {
        "create CustomResourceDefinition/peerauthentications.security.istio.io:",
        "create Deployment/istio-system/istiod:",
        "create Deployment/istio-system/istio-ingressgateway:",
        "create CustomResourceDefinition/gateways.networking.istio.io:",
    };
    int first[ARRAY_LEN(lines)];

    world_put_mesh(*state, "{\"version\": \"1.31.1\", \"mtls\": true}");
    assert_true(first_plan_with(*state, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[1] > first[0] && first[2] > first[1]);
    assert_int_equal(first[3], first[2]);
}

/* So too when both were deleted. */
static void a_gateway_is_restored_after_the_webhook(void **state)
{
    struct world *w = *state;
    struct plan plan;
    _cleanup_free_ char *text = NULL;

    world_delete(w, APPS, "Deployment", NS, "istio-ingressgateway");
    world_delete(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    plan = world_plan(w);
    text = world_describe(&plan);
    assert_non_null(strstr(text, "create MutatingWebhookConfiguration/istio-sidecar-injector"));
    assert_null(strstr(text, "Deployment"));
    world_act(w, &plan);
    plan_release(&plan);
    expect_plan(w, "create Deployment/istio-system/istio-ingressgateway: deleted by another client\n");
}

/* As its Deployment says while the Pods of a gateway are refused. */
static void refuse_pods(struct world *w, const char *why)
{
    json_t *gateway = world_get(w, APPS, "Deployment", NS, "istio-ingressgateway");

    json_object_set_new(
        gateway,
        "status",
        OBJECT(
            SEQ("conditions",
                ITEM(
                    STRING("type", "ReplicaFailure"),
                    STRING("status", "True"),
                    STRING("reason", "FailedCreate"),
                    STRING("message", why)))));
    world_put(w, gateway);
}

static void refused_pods_are_tried_again_when_the_webhook_answers(void **state)
{
    struct world *w = *state;

    put_endpoint_slice(w, "istiod", false);
    refuse_pods(w, "Internal error occurred: failed calling webhook \"object.sidecar-injector.istio.io\": refused");
    assert_true(world_converge(w) >= 0);
    expect_plan(w, "");
    put_endpoint_slice(w, "istiod", true);
    expect_plan(
        w,
        "update Deployment/istio-system/istio-ingressgateway: its Pods were refused while a webhook did not answer, "
        "and are tried again\n");
    expect_plan(w, "");

    refuse_pods(w, "exceeded quota: small");
    assert_true(world_converge(w) >= 0);
    expect_plan(w, "");
}

static void the_mesh_becomes_available(void **state)
{
    expect_status(*state, "Status", "Available");
    expect_status(*state, "version", "1.31.1");
}

/* istiod writes caBundle and failurePolicy, the autoscaler replicas. */
static void fields_of_others_are_left_alone(void **state)
{
    static const char *const validators[] = {"istio-validator-istio-system", "istiod-default-validator"};
    struct world *w = *state;
    json_t *injector = world_get(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    json_t *istiod = world_get(w, APPS, "Deployment", NS, "istiod"), *webhook;
    size_t i;

    json_array_foreach(doc_at(injector, "webhooks"), i, webhook)
        json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
    world_put(w, injector);
    for (size_t k = 0; k < ARRAY_LEN(validators); k++) {
        json_t *validator = world_get(w, WEBHOOKS, "ValidatingWebhookConfiguration", NULL, validators[k]);
        webhook = json_array_get(doc_at(validator, "webhooks"), 0);
        json_object_set_new(webhook, "failurePolicy", json_string("Fail"));
        json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
        world_put(w, validator);
    }
    json_object_set_new(doc_at(istiod, "spec"), "replicas", json_integer(4));
    world_put(w, istiod);
    expect_plan(w, "");
}

/* What is taken over is not restarted: its Pods stay as they are. */
static void the_pods_of_an_istiod_that_helm_installed_stay(void **state)
{
    struct world *w = *state;
    json_t *helms = world_get(w, APPS, "Deployment", NS, "istiod");
    _cleanup_json_ json_t *before = NULL, *after = NULL;

    as_helm(helms);
    before = doc_copy(doc_at(helms, "spec"));
    world_put(w, helms);
    assert_true(world_converge(w) > 0);
    after = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_non_null(doc_string(after, "metadata", "labels", MARK_OWNER));
    assert_true(json_equal(before, doc_at(after, "spec")));
}

#define GATEWAY "istio-ingressgateway"

static json_t *proxy_of(const json_t *deployment)
{
    return json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);
}

/* Where the chart's gateway differs from the operator's. */
static void as_the_chart_has_it(json_t *deployment)
{
    json_t *proxy = proxy_of(deployment);

    as_helm(deployment);
    json_object_del(proxy, "env");
    json_object_set_new(proxy, "imagePullPolicy", json_string("Always"));
    json_object_set_new(
        doc_at(deployment, "spec", "template", "spec"), "terminationGracePeriodSeconds", json_integer(30));
}

/* And istioctl's, whose proxy is none that is injected. */
static void as_istioctl_has_it(json_t *deployment)
{
    json_t *proxy = proxy_of(deployment), *pod = doc_at(deployment, "spec", "template");

    as_the_chart_has_it(deployment);
    json_object_set_new(proxy, "image", json_string("docker.io/istio/proxyv2:1.31.1"));
    json_object_set_new(proxy, "args", ARRAY(ITEM_STRING("proxy"), ITEM_STRING("router")));
    json_object_del(proxy, "securityContext");
    json_object_set_new(doc_at(pod, "spec"), "securityContext", OBJECT(INT("runAsUser", 1337)));
    json_object_set_new(doc_at(pod, "spec"), "serviceAccountName", json_string("another"));
    json_object_set_new(doc_at(pod, "metadata", "labels"), "sidecar.istio.io/inject", json_string("false"));
    json_object_set_new(doc_at(pod, "metadata"), "annotations", OBJECT(STRING("sidecar.istio.io/inject", "false")));
}

/* Owned by the caller. */
static char *condition_message(struct world *w, const char *type)
{
    _cleanup_json_ json_t *condition = condition_of(w, type);

    return str_dup(str_or(doc_string(condition, "message"), ""));
}

/* Taken over with this resource; what its Pod template is then, owned by the caller. */
static json_t *take_over(struct world *w, void (*as)(json_t *), const char *spec, json_t **ret_before)
{
    json_t *gateway = world_get(w, APPS, "Deployment", NS, GATEWAY), *after;
    _cleanup_json_ json_t *live = NULL;

    as(gateway);
    *ret_before = doc_copy(doc_at(gateway, "spec", "template"));
    world_put(w, gateway);
    if (spec)
        world_put_mesh(w, spec);
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    live = world_get(w, APPS, "Deployment", NS, GATEWAY);
    assert_non_null(doc_string(live, "metadata", "labels", MARK_OWNER));
    after = doc_copy(doc_at(live, "spec", "template"));
    return after;
}

#define KEEPS                                                                                                          \
    "Deployment/istio-system/istio-ingressgateway keeps parts of its Pod template from before it was taken over, "     \
    "until the Pods are replaced for another reason"

static void the_pods_of_a_gateway_of_another_manager_stay(void **state)
{
    static void (*const cases[])(json_t *) = {as_the_chart_has_it, as_istioctl_has_it};
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *before = NULL, *after = take_over(w, cases[i], NULL, &before);
        _cleanup_free_ char *message = NULL;
        assert_true(json_equal(before, after));
        message = condition_message(w, "Ready");
        assert_non_null(strstr(message, KEEPS));
        expect_plan(w, "");
    }
}

static void expect_own_template(const json_t *template, int grace_period)
{
    const json_t *spec = doc_at(template, "spec"), *proxy = json_array_get(doc_at(spec, "containers"), 0);

    assert_int_equal(doc_int(doc_at(spec, "terminationGracePeriodSeconds"), 0), grace_period);
    assert_string_equal(doc_string(spec, "serviceAccountName"), GATEWAY);
    assert_string_equal(doc_string(proxy, "image"), "auto");
    assert_non_null(doc_find(doc_at(proxy, "env"), "name", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"));
    assert_string_equal(doc_string(template, "metadata", "labels", "sidecar.istio.io/inject"), "true");
    assert_string_equal(doc_string(template, "metadata", "annotations", "inject.istio.io/templates"), "gateway");
}

/* Where its Pods are replaced anyway, they get all of it. */
static void a_gateway_that_was_taken_over_becomes_the_operators_with_the_next_version(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *before = NULL, *after = take_over(w, as_istioctl_has_it, NULL, &before), *live = NULL;
    _cleanup_free_ char *message = NULL;

    world_put_mesh(w, "{\"version\": \"1.31.2\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"]}");
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    live = world_get(w, APPS, "Deployment", NS, GATEWAY);
    expect_own_template(doc_at(live, "spec", "template"), 60);
    message = condition_message(w, "Ready");
    assert_null(strstr(message, "taken over"));
}

#define WITH(part) "{\"version\": \"1.31.1\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"], " part "}"

/* What the resource itself says is no choice of the operator. */
static void what_the_resource_asks_of_a_gateway_is_written(void **state)
{
    static const struct {
        const char *spec;
        int grace_period;
    } cases[] = {
        {WITH("\"gateways\": {\"ingress\": {\"terminationGracePeriodSeconds\": 90}}"), 90},
        {WITH("\"gateways\": {\"ingress\": {\"nodeSelector\": {\"edge\": \"yes\"}}}"), 60},
        {WITH("\"imagePullPolicy\": \"Never\""), 60},
        {WITH("\"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istio-ingressgateway\", \"patches\": "
              "[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/env/-\", \"value\": {\"name\": "
              "\"A\", \"value\": \"b\"}}]}]"),
         60},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *before = NULL, *after = NULL;
        world_put_mesh(w, TODAY_SPEC);
        assert_true(world_converge(w) >= 0);
        after = take_over(w, as_the_chart_has_it, cases[i].spec, &before);
        expect_own_template(after, cases[i].grace_period);
    }
}

/* What the operator wrote once is its own. */
static void a_field_that_the_operator_wrote_is_restored(void **state)
{
    struct world *w = *state;
    json_t *gateway = world_get(w, APPS, "Deployment", NS, GATEWAY);

    json_object_del(proxy_of(gateway), "env");
    world_put(w, gateway);
    expect_plan(w, "update Deployment/istio-system/istio-ingressgateway: changed by another client: env added\n");
}

/* `istioctl install` has another webhook instead, of the same istiod: the operator's works without that one. */
static void an_injector_that_istioctl_switched_off_is_switched_on(void **state)
{
    static const char *const selectors[] = {"namespaceSelector", "objectSelector"};
    struct world *w = *state;
    json_t *injector = world_get(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector"), *webhook;
    _cleanup_json_ json_t *before = doc_copy(doc_at(injector, "webhooks")), *after = NULL;
    size_t i;

    json_array_foreach(doc_at(injector, "webhooks"), i, webhook)
        for (size_t k = 0; k < ARRAY_LEN(selectors); k++)
            json_object_set_new(
                webhook, selectors[k], OBJECT(MAP("matchLabels", STRING("istio.io/deactivated", "never-match"))));
    /* What a cloud adds stays. */
    json_object_set_new(
        doc_make(json_array_get(doc_at(injector, "webhooks"), 0), "namespaceSelector", "matchLabels"),
        "cloud",
        json_string("a"));
    as_helm(injector);
    world_put(w, injector);
    assert_true(world_converge(w) > 0);
    after = world_get(w, WEBHOOKS, "MutatingWebhookConfiguration", NULL, "istio-sidecar-injector");
    json_array_foreach(doc_at(after, "webhooks"), i, webhook) {
        json_t *labels = doc_at(webhook, "namespaceSelector", "matchLabels");
        assert_int_equal(json_object_size(labels), i == 0);
        assert_int_equal(json_object_size(doc_at(webhook, "objectSelector", "matchLabels")), 0);
        for (size_t k = 0; k < ARRAY_LEN(selectors); k++)
            assert_true(json_equal(
                doc_at(webhook, selectors[k], "matchExpressions"),
                doc_at(json_array_get(before, i), selectors[k], "matchExpressions")));
    }
    expect_plan(w, "");
}

static void set_target_port(json_t *service, int port)
{
    json_object_set_new(json_array_get(doc_at(service, "spec", "ports"), 1), "targetPort", json_integer(port));
}

static int64_t target_port(struct world *w)
{
    _cleanup_json_ json_t *service = world_get(w, "v1", "Service", NS, GATEWAY);

    return doc_int(doc_at(json_array_get(doc_at(service, "spec", "ports"), 1), "targetPort"), 0);
}

/* Its Pods listen there until they are replaced, and those that replace them can, too. */
static void the_ports_that_a_gateways_proxy_listens_on_stay(void **state)
{
    struct world *w = *state;
    json_t *service = world_get(w, "v1", "Service", NS, GATEWAY);

    set_target_port(service, 8080);
    as_helm(service);
    world_put(w, service);
    assert_true(world_converge(w) > 0);
    assert_int_equal(target_port(w), 8080);
    world_put_mesh(w, "{\"version\": \"1.31.2\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"]}");
    assert_true(world_converge(w) > 0);
    assert_int_equal(target_port(w), 8080);
    world_put_mesh(
        w,
        WITH("\"gateways\": {\"ingress\": {\"ports\": [{\"name\": \"status-port\", \"port\": 15021}, "
             "{\"name\": \"http2\", \"port\": 80}]}}"));
    assert_true(world_converge(w) > 0);
    assert_int_equal(target_port(w), 80);
    /* From now on it is the operator's. */
    service = world_get(w, "v1", "Service", NS, GATEWAY);
    set_target_port(service, 8080);
    world_put(w, service);
    assert_true(world_converge(w) > 0);
    assert_int_equal(target_port(w), 80);
}

static void deletion_takes_the_webhooks_first(void **state)
{
    static const char *const lines[] = {
        "remove MutatingWebhookConfiguration/istio-sidecar-injector:",
        "remove Deployment/istio-system/istiod:",
        "remove ServiceAccount/istio-system/istiod:",
    };
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    int first[ARRAY_LEN(lines)];

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2026-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0 && first[1] > first[0] && first[2] > first[1]);
    assert_int_equal(world_count(w, WEBHOOKS, "ValidatingWebhookConfiguration"), 0);
    assert_int_equal(world_count(w, "rbac.authorization.k8s.io/v1", "RoleBinding"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH_TODAY(a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy),
        FRESH_TODAY(a_definition_comes_first_where_an_object_needs_it),
        INSTALLED_TODAY(a_gateway_is_restored_after_the_webhook),
        INSTALLED_TODAY(refused_pods_are_tried_again_when_the_webhook_answers),
        INSTALLED_TODAY(the_mesh_becomes_available),
        INSTALLED_TODAY(fields_of_others_are_left_alone),
        INSTALLED_TODAY(the_pods_of_an_istiod_that_helm_installed_stay),
        INSTALLED_TODAY(the_pods_of_a_gateway_of_another_manager_stay),
        INSTALLED_TODAY(a_gateway_that_was_taken_over_becomes_the_operators_with_the_next_version),
        INSTALLED_TODAY(what_the_resource_asks_of_a_gateway_is_written),
        INSTALLED_TODAY(a_field_that_the_operator_wrote_is_restored),
        INSTALLED_TODAY(an_injector_that_istioctl_switched_off_is_switched_on),
        INSTALLED_TODAY(the_ports_that_a_gateways_proxy_listens_on_stay),
        INSTALLED_TODAY(deletion_takes_the_webhooks_first),
    };

    return cmocka_run_group_tests_name("controllers istiod", tests, NULL, NULL);
}
