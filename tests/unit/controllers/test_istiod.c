/* Today's Istio, as the planner installs it, takes it over and leaves others' fields alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define TODAY "{\"version\": \"1.31.1\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"]}"

#define APPS "apps/v1"
#define WEBHOOKS "admissionregistration.k8s.io/v1"

static int begin(void **state)
{
    return mesh_begin_today(state, TODAY);
}

static int begin_installed(void **state)
{
    return mesh_begin_today_installed(state, TODAY);
}

/* The number of the plan that first says so; 0: none of them. */
static int first_plan_with(struct world *w, const char *const *lines, size_t count, int *ret)
{
    int rounds = 0;

    memset(ret, 0, count * sizeof(*ret));
    for (;;) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *text = world_describe(&plan);
        bool done = !plan.len;
        rounds++;
        for (size_t i = 0; i < count; i++)
            if (!ret[i] && strstr(text, lines[i]))
                ret[i] = rounds;
        world_act(w, &plan);
        plan_release(&plan);
        if (done || rounds == 30)
            return rounds;
    }
}

/* A gateway's Pod that is created before there is a webhook has no proxy, and never gets one. */
static void a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy(void **state)
{
    static const char *const lines[] = {
        "create RoleBinding/istio-system/istiod:",
        "create Deployment/istio-system/istiod:",
        "create MutatingWebhookConfiguration/istio-sidecar-injector:",
        "create Deployment/istio-system/istio-ingressgateway:",
    };
    int first[ARRAY_LEN(lines)];

    assert_true(first_plan_with(*state, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0);
    for (size_t i = 1; i < ARRAY_LEN(lines); i++)
        if (first[i] <= first[i - 1])
            fail_msg("%s in plan %d, but %s in plan %d", lines[i], first[i], lines[i - 1], first[i - 1]);
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

/* What Helm adds to its objects. */
static void as_helm(json_t *object)
{
    static const char *const labels[] = {"app.kubernetes.io/managed-by", "helm.sh/chart", "release"};
    json_t *metadata = doc_at(object, "metadata"), *pod = doc_at(object, "spec", "template", "metadata");

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        json_object_set_new(doc_make(metadata, "labels"), labels[i], json_string("Helm"));
        json_object_set_new(doc_make(pod, "labels"), labels[i], json_string("Helm"));
    }
    json_object_del(doc_at(metadata, "labels"), MARK_OWNER);
    json_object_del(metadata, "annotations");
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
        world_put_mesh(w, TODAY);
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

/* --- revisions --- */

#define CANARY                                                                                                         \
    "{\"version\": \"1.31.1\", \"mtls\": true, \"revision\": \"canary\", "                                             \
    "\"autoInjectionNamespaces\": [\"default\"]}"

static void put_pod(struct world *w, const char *name, const char *revision)
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
                MAP("annotations", FORMAT("sidecar.istio.io/status", "{\"revision\":\"%s\"}", revision)))));
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

static void settle(struct world *w)
{
    assert_true(world_converge(w) >= 0);
}

/* The status of the old generation of a Deployment counts as available no longer. */
static void roll_out(struct world *w)
{
    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod", true);
    put_endpoint_slice(w, "istiod-canary", true);
    settle(w);
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

    roll_out(w);
    expect_control_plane(w, "", true);
    expect_label(w, "default", LABEL_INJECTION, NULL);
    expect_label(w, "default", LABEL_REVISION, "canary");
    expect_label(w, "default", LABEL_INJECTION_MANAGED, "canary");
    expect_notice(w, "the control plane of revision default stays until the 1 pods with its sidecar are restarted");
    expect_status(w, "Status", "Available");

    put_pod(w, "app", "canary");
    settle(w);
    expect_control_plane(w, "", false);
    expect_control_plane(w, "-canary", true);
    assert_true(world_has(w, APPS, "Deployment", NS, "istio-ingressgateway"));
    assert_true(world_has(w, "v1", "ServiceAccount", NS, "istio-reader-service-account"));
    expect_notice(w, "");
}

static void the_way_back_is_the_same(void **state)
{
    struct world *w = *state;

    put_pod(w, "app", "default");
    world_put_mesh(w, CANARY);
    settle(w);
    world_put_mesh(w, TODAY);
    roll_out(w);
    expect_control_plane(w, "-canary", false);
    expect_control_plane(w, "", true);
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    expect_label(w, "default", LABEL_REVISION, NULL);

    world_put_mesh(w, CANARY);
    settle(w);
    put_pod(w, "app", "canary");
    roll_out(w);
    expect_control_plane(w, "", false);
    world_put_mesh(w, TODAY);
    settle(w);
    put_pod(w, "app", "default");
    roll_out(w);
    expect_control_plane(w, "-canary", false);
    expect_label(w, "default", LABEL_INJECTION, "enabled");
    expect_label(w, "default", LABEL_REVISION, NULL);
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
            roll_out(w);
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
    roll_out(w);
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
    roll_out(w);
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

/* --- the CNI plugin --- */

#define WITH_CNI "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"default\"], \"cni\": {\"enabled\": true}}"
#define WITHOUT_CNI "{\"version\": \"1.31.1\", \"autoInjectionNamespaces\": [\"default\"]}"
#define DAEMONS "istio-cni-node"
#define INJECTION "ConfigMap/istio-system/istio-sidecar-injector"

static void put_node(struct world *w, const char *name, const char *version)
{
    json_t *node = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Node"),
        MAP("metadata",
            STRING("name", name),
            FORMAT("uid", "uid-of-%s", name),
            FORMAT("resourceVersion", "%d", ++w->clock)),
        MAP("status", MAP("nodeInfo", STRING("kubeletVersion", version))));

    kube_cache_put(w->cache, mesh_kind(KIND_NODE), node);
    json_decref(node);
}

/* The plugin's Pod of a node, which a scheduler has not placed yet where it is not ready. */
static void put_pod_of(struct world *w, const char *node, bool ready)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                FORMAT("name", "cni-%s", node),
                STRING("namespace", NS),
                MAP("labels", STRING("k8s-app", DAEMONS))),
            MAP("spec",
                OPT(ready, STRING("nodeName", node)),
                MAP("affinity",
                    MAP("nodeAffinity",
                        MAP("requiredDuringSchedulingIgnoredDuringExecution",
                            SEQ("nodeSelectorTerms",
                                ITEM(
                                    SEQ("matchFields",
                                        ITEM(
                                            STRING("key", "metadata.name"),
                                            STRING("operator", "In"),
                                            STRINGS("values", node))))))))),
            MAP("status",
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", ready ? "True" : "False"))))));
}

static int begin_with_cni(void **state)
{
    begin(state);
    world_put_mesh(*state, WITH_CNI);
    put_node(*state, "a", "v1.34.4");
    put_node(*state, "b", "v1.34.4");
    assert_true(world_converge(*state) > 0);
    fill_in_ca_bundles(*state);
    put_endpoint_slice(*state, "istiod", true);
    world_roll_out(*state);
    world_put_daemons(*state, NS, DAEMONS, 2, 1);
    put_pod_of(*state, "a", true);
    put_pod_of(*state, "b", false);
    assert_true(world_converge(*state) >= 0);
    return 0;
}

static int begin_using_cni(void **state)
{
    begin_with_cni(state);
    world_put_daemons(*state, NS, DAEMONS, 2, 2);
    put_pod_of(*state, "b", true);
    assert_true(world_converge(*state) > 0);
    return 0;
}

/* Whether new Pods are injected for the plugin. */
static bool is_injected_for_cni(struct world *w)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, "istio-sidecar-injector");

    return strstr(str_or(doc_string(config, "data", "values"), ""), "\"cni\":{\"enabled\":true");
}

static void expect_condition(struct world *w, const char *type, const char *status, const char *text)
{
    _cleanup_json_ json_t *condition = condition_of(w, type);

    if (!status)
        assert_null(condition);
    else
        assert_string_equal(doc_string(condition, "status"), status);
    if (text && !strstr(doc_string(condition, "message"), text))
        fail_msg("%s says %s", type, doc_string(condition, "message"));
}

static void pods_keep_their_init_container_until_every_node_has_the_plugin(void **state)
{
    struct world *w = *state;

    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
    assert_false(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "ready on 1 of 2 nodes; not on b; until");
    expect_status(w, "Status", "Reconciling");
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    put_pod_of(w, "b", true);
    assert_true(world_converge(w) > 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "True", NULL);
    expect_status(w, "Status", "Available");
}

static void a_node_that_is_added_changes_nothing_for_the_others(void **state)
{
    struct world *w = *state;

    put_node(w, "c", "v1.34.4");
    world_put_daemons(w, NS, DAEMONS, 3, 2);
    put_pod_of(w, "c", false);
    assert_true(world_converge(w) >= 0);
    assert_true(is_injected_for_cni(w));
    expect_condition(w, "CNIReady", "False", "ready on 2 of 3 nodes; not on c; pods");
    expect_status(w, "Status", "Available");
}

static void a_deleted_plugin_comes_back_with_the_injection_as_it_was(void **state)
{
    struct world *w = *state;

    world_delete(w, APPS, "DaemonSet", NS, DAEMONS);
    expect_plan(w, "create DaemonSet/istio-system/istio-cni-node: deleted by another client\n");
    assert_true(is_injected_for_cni(w));
}

static void the_plugin_goes_after_new_pods_have_their_init_container_again(void **state)
{
    static const char *const lines[] = {"update " INJECTION, "remove DaemonSet/istio-system/istio-cni-node"};
    struct world *w = *state;
    int first[ARRAY_LEN(lines)];

    world_put_mesh(w, WITHOUT_CNI);
    assert_true(first_plan_with(w, lines, ARRAY_LEN(lines), first) < 30);
    assert_true(first[0] > 0 && first[1] > first[0]);
    assert_false(is_injected_for_cni(w));
    assert_int_equal(world_count(w, APPS, "DaemonSet"), 0);
    assert_false(world_has(w, "rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "istio-cni"));
    expect_condition(w, "CNIReady", NULL, NULL);
}

static void the_plugin_stays_while_the_injection_cannot_be_written(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, WITHOUT_CNI);
    world_fail(w, ERR_FORBIDDEN, KUBE_UPDATE, INJECTION, "no");
    w->held = true;
    assert_true(world_converge(w) >= 0);
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

/* What another manager installed, and the resource says nothing about. */
static void the_plugin_of_another_manager_is_left_alone(void **state)
{
    struct world *w = *state;
    json_t *theirs = world_get(w, APPS, "DaemonSet", NS, DAEMONS);

    as_helm(theirs);
    world_put(w, theirs);
    world_put_mesh(w, WITHOUT_CNI);
    assert_true(world_converge(w) >= 0);
    assert_false(is_injected_for_cni(w));
    assert_true(world_has(w, APPS, "DaemonSet", NS, DAEMONS));
}

static void paths_are_those_of_the_nodes(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *daemons = NULL;

    put_node(w, "a", "v1.34.4+k3s1");
    put_node(w, "b", "v1.34.4+k3s1");
    assert_true(world_converge(w) > 0);
    daemons = world_get(w, APPS, "DaemonSet", NS, DAEMONS);
    assert_string_equal(
        doc_string(
            doc_find(doc_at(daemons, "spec", "template", "spec", "volumes"), "name", "cni-bin-dir"),
            "hostPath",
            "path"),
        "/var/lib/rancher/k3s/data/cni");
}

/* --- Pod Security --- */

#define GUARDED(level) OBJECT(STRING("pod-security.kubernetes.io/enforce", level))

static void namespaces_that_refuse_the_init_container_are_named(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "default", GUARDED("restricted"));
    world_put_namespace(w, "elsewhere", GUARDED("restricted"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "in namespaces default: their init container istio-init adds");
    world_put_namespace(w, "default", GUARDED("privileged"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", NULL, NULL);
    world_put_namespace(w, "default", GUARDED("baseline"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "spec.cni.enabled");
}

static void with_the_plugin_they_refuse_nothing(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "default", GUARDED("restricted"));
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", "False", "when the CNI plugin is ready on every node");
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    assert_true(world_converge(w) >= 0);
    expect_condition(w, "SidecarsAdmitted", NULL, NULL);
}

#define IN_EMPTY(test) cmocka_unit_test_setup_teardown(test, begin, mesh_end)
#define WITH_NODES(test) cmocka_unit_test_setup_teardown(test, begin_with_cni, mesh_end)
#define USING_CNI(test) cmocka_unit_test_setup_teardown(test, begin_using_cni, mesh_end)
#define RUNNING(test) cmocka_unit_test_setup_teardown(test, begin_installed, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_EMPTY(a_gateway_is_created_after_the_webhook_that_gives_it_its_proxy),
        RUNNING(a_gateway_is_restored_after_the_webhook),
        RUNNING(the_mesh_becomes_available),
        RUNNING(fields_of_others_are_left_alone),
        RUNNING(the_pods_of_an_istiod_that_helm_installed_stay),
        RUNNING(the_pods_of_a_gateway_of_another_manager_stay),
        RUNNING(a_gateway_that_was_taken_over_becomes_the_operators_with_the_next_version),
        RUNNING(what_the_resource_asks_of_a_gateway_is_written),
        RUNNING(a_field_that_the_operator_wrote_is_restored),
        RUNNING(an_injector_that_istioctl_switched_off_is_switched_on),
        RUNNING(the_ports_that_a_gateways_proxy_listens_on_stay),
        RUNNING(deletion_takes_the_webhooks_first),
        RUNNING(another_revision_replaces_a_control_plane_when_no_pod_needs_it),
        RUNNING(the_way_back_is_the_same),
        RUNNING(a_former_control_plane_keeps_nothing_else),
        IN_EMPTY(a_namespace_keeps_what_a_user_decided),
        IN_EMPTY(the_label_that_keeps_a_listed_namespace_out_is_named),
        IN_EMPTY(sidecars_of_the_revision_are_the_current_ones),
        WITH_NODES(pods_keep_their_init_container_until_every_node_has_the_plugin),
        USING_CNI(a_node_that_is_added_changes_nothing_for_the_others),
        USING_CNI(a_deleted_plugin_comes_back_with_the_injection_as_it_was),
        USING_CNI(the_plugin_goes_after_new_pods_have_their_init_container_again),
        USING_CNI(the_plugin_stays_while_the_injection_cannot_be_written),
        USING_CNI(the_plugin_of_another_manager_is_left_alone),
        USING_CNI(paths_are_those_of_the_nodes),
        RUNNING(namespaces_that_refuse_the_init_container_are_named),
        WITH_NODES(with_the_plugin_they_refuse_nothing),
    };

    return cmocka_run_group_tests_name("controllers istiod", tests, NULL, NULL);
}
