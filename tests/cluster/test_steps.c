/*
 * The releases of today's Istio, one step after the other, against a real API server: each step ends though the
 * operator is killed in the middle of it, and a longer one is refused. No node runs Pods: a stand-in says that they are
 * ready, and what istiod does with its webhooks is done here. No gateway is asked for, for its Pods need a webhook that
 * answers.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "converge.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "kubelet.h"
#include "others.h"
#include "reconcile/marks.h"

#define TO_CONVERGE SECONDS(240)
#define ENDPOINTS "istiod-stand-in"
/* With a value for each default that a newer release changes: what a file says is compared, and none is kept there. */
#define SPEC                                                                                                           \
    "{\"version\": \"%s\", \"gateways\": {\"enabled\": false}, \"pilot\": {\"env\": {"                                 \
    "\"DISABLE_TRACK_REMAINING_CB_METRICS\": \"true\", \"PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS\": \"true\","             \
    "\"PILOT_ENABLE_STRICT_GATEWAY_MERGING\": \"true\", \"PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE\": \"true\"}}}"

/* One of each minor release that runs on Kubernetes 1.34. */
static const char *const releases[] = {"1.28.10", "1.29.6", "1.30.8", "1.31.1"};
static char *authority;

static void set_version(const char *version)
{
    _cleanup_free_ char *patch = str_printf("{\"spec\": {\"version\": \"%s\"}}", version);

    cluster_patch(ISTIO, NS, MESH, patch);
}

/* --- what istiod does --- */

static bool add_authority(json_t *webhooks)
{
    bool added = false;
    json_t *webhook;
    size_t i;

    json_array_foreach(webhooks, i, webhook) {
        json_t *client = doc_at(webhook, "clientConfig");
        if (doc_string(client, "caBundle"))
            continue;
        json_object_set_new(client, "caBundle", json_string(authority));
        added = true;
    }
    return added;
}

static void fill_in_webhooks(const char *kind_name)
{
    const struct kube_kind *kind = kind_of("admissionregistration.k8s.io/v1", kind_name);
    _cleanup_json_ json_t *all = cluster_list(kind, MARK_OWNER);
    json_t *o;
    size_t i;

    json_array_foreach(all, i, o)
        if (add_authority(doc_at(o, "webhooks"))) {
            _cleanup_free_ char *refusal = NULL;
            cluster_try_update(kind, o, &refusal);
        }
}

/* Kubernetes' controller takes no Pod that is on no node. */
static void create_endpoints(void)
{
    _cleanup_json_ json_t *slice = OBJECT(
        STRING("apiVersion", "discovery.k8s.io/v1"),
        STRING("kind", "EndpointSlice"),
        MAP("metadata",
            STRING("name", ENDPOINTS),
            STRING("namespace", NS),
            MAP("labels", STRING("kubernetes.io/service-name", "istiod"))),
        STRING("addressType", "IPv4"),
        SEQ("endpoints", ITEM(SEQ("addresses", ITEM_STRING("10.128.0.1")), MAP("conditions", BOOL("ready", true)))));

    cluster_delete_if_there(mesh_kind(KIND_ENDPOINT_SLICE), NS, ENDPOINTS);
    cluster_create(mesh_kind(KIND_ENDPOINT_SLICE), slice);
}

static bool is_installed(void *version)
{
    fill_in_webhooks("MutatingWebhookConfiguration");
    fill_in_webhooks("ValidatingWebhookConfiguration");
    return mesh_has_version(version);
}

/* --- a step --- */

static bool has_begun(void *version)
{
    _cleanup_json_ json_t *mesh = cluster_get(ISTIO, NS, MESH);
    const json_t *upgrade = doc_at(mesh, "status", "upgrade");
    const char *phase = doc_string(upgrade, "phase");

    return str_eq(doc_string(upgrade, "to"), version) && phase && !str_eq(phase, "Preflight");
}

static char *uid_of(const char *api_version, const char *kind, const char *name)
{
    _cleanup_json_ json_t *o = cluster_get(kind_of(api_version, kind), NS, name);

    return str_dup(str_or(doc_string(o, "metadata", "uid"), "none"));
}

static const struct {
    const char *api_version, *kind, *name;
} kept[] = {
    {"apps/v1", "Deployment", "istiod"},
    {"v1", "Service", "istiod"},
    {"v1", "ServiceAccount", "istiod"},
    {"v1", "ConfigMap", "istio"},
    {"v1", "ConfigMap", "istio-sidecar-injector"},
};

static void expect_istiod(const char *version)
{
    _cleanup_json_ json_t *istiod = cluster_get(DEPLOYMENT, NS, "istiod");
    const json_t *container = json_array_get(doc_at(istiod, "spec", "template", "spec", "containers"), 0);
    _cleanup_free_ char *tag = str_printf(":%s", version);

    if (!str_ends(str_or(doc_string(container, "image"), ""), tag))
        fail_msg("istiod is %s, but must be of %s", str_or(doc_string(container, "image"), "absent"), version);
}

static void step_to(const char *version)
{
    char *before[ARRAY_LEN(kept)];

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        before[i] = uid_of(kept[i].api_version, kept[i].kind, kept[i].name);
    set_version(version);
    wait_until(has_begun, (void *)version, TO_CONVERGE, "the step has begun");
    operator_kill(SIGKILL);
    operator_start();
    wait_until(is_installed, (void *)version, TO_CONVERGE, version);
    converge_wait(TO_CONVERGE);
    expect_istiod(version);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        _cleanup_free_ char *after = uid_of(kept[i].api_version, kept[i].kind, kept[i].name);
        if (!str_eq(before[i], after))
            fail_msg("to %s: %s %s was created again", version, kept[i].kind, kept[i].name);
        free(before[i]);
    }
}

/* --- the tests --- */

static void the_oldest_release_is_installed(void **state)
{
    _cleanup_free_ char *spec = str_printf(SPEC, releases[0]);

    (void)state;
    operator_start();
    mesh_create(spec);
    wait_until(is_installed, (void *)releases[0], TO_CONVERGE, "the oldest release is installed");
    converge_wait(TO_CONVERGE);
    expect_istiod(releases[0]);
}

static void a_longer_step_is_refused(void **state)
{
    (void)state;
    set_version(releases[2]);
    mesh_wait_condition("UpgradeBlocked", "PreflightRefused");
    expect_istiod(releases[0]);
    set_version(releases[0]);
    wait_until(is_installed, (void *)releases[0], TO_CONVERGE, "nothing is asked for any more");
}

static void each_step_ends_and_so_does_the_way_back(void **state)
{
    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(releases); i++)
        step_to(releases[i]);
    step_to(releases[2]);
}

static int begin(void **state)
{
    _cleanup_free_ char *pem = NULL;

    if (harness_setup(state) != 0)
        return -1;
    pem = cluster_authority();
    authority = base64_encode(pem, strlen(pem));
    create_endpoints();
    kubelet_start(NULL);
    return 0;
}

static int end(void **state)
{
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
    cluster_delete_if_there(mesh_kind(KIND_ENDPOINT_SLICE), NS, ENDPOINTS);
    kubelets_stop();
    free(authority);
    return harness_teardown(state);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_release_is_installed),
        cmocka_unit_test(a_longer_step_is_refused),
        cmocka_unit_test(each_step_ends_and_so_does_the_way_back),
    };

    return cmocka_run_group_tests_name("cluster steps", tests, begin, end);
}
