/* Which sidecars are outdated, and what the status says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/sidecars.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/v1_0/v1_0.h"
#include "world.h"

#define COUNTING "{\"sidecars\": {\"count\": true}%s}"
/* printf 'hello' | sha256sum */
#define HASH_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void a_pod_tells_its_version(void **state)
{
    static const struct {
        const char *status; /* the annotation; NULL: there is none */
        bool deleting;
        const char *version;
    } cases[] = {
        {"{\"version\":\"" HASH_OF_HELLO "\",\"initContainers\":[\"istio-init\"],\"containers\":[\"istio-proxy\"],"
         "\"volumes\":[\"istio-envoy\",\"istio-certs\"],\"imagePullSecrets\":null}",
         false,
         "2cf24dba5fb0a30e"},
        {NULL, false, NULL},
        /* On its way out it counts no longer, but for its control plane. */
        {"{\"version\":\"" HASH_OF_HELLO "\"}", true, NULL},
        {"{\"revision\":\"canary\"}", true, "canary/"},
        /* It was injected, by whomever. */
        {"{\"version\":\"v7\"}", false, "v7"},
        {"{\"version\":7}", false, "unknown"},
        {"{}", false, "unknown"},
        {"injected-version-1", false, "unknown"},
        {"", false, "unknown"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *pod = OBJECT(
            STRING("kind", "Pod"),
            MAP("metadata",
                OPT(cases[i].deleting, STRING("deletionTimestamp", "2019-01-01T00:00:00Z")),
                MAP("annotations", STRING("sidecar.istio.io/status", cases[i].status))));
        _cleanup_free_ char *digest = mesh_sidecar_digest(pod);
        _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(str_or(digest, ""));
        if (!digest != !cases[i].version || (digest && !str_eq(sidecar.configuration, cases[i].version)))
            fail_msg("case %zu: %s", i, str_or(digest, "none"));
    }
}

/* Each of many Pods could have an annotation of another hundred kilobytes. */
static void of_a_long_annotation_only_the_beginning_is_kept(void **state)
{
    _cleanup_free_ char *version = str_printf("%0100000d", 7);
    _cleanup_json_ json_t *pod = OBJECT(
        MAP("metadata",
            MAP("annotations",
                STRING("sidecar.istio.io/status", "{\"revision\":\"default\"}"),
                STRING("istio.banzaicloud.io/sidecar-version", version))));
    _cleanup_free_ char *digest = mesh_sidecar_digest(pod);

    (void)state;
    assert_non_null(digest);
    assert_true(strlen(digest) < 200);
}

/* In which list the proxy is depends on the cluster's nodes. */
static void the_image_of_the_proxy_tells_the_version_of_istio(void **state)
{
    static const struct {
        const char *image;
        const char *version, *closed;
    } cases[] = {
        {"docker.io/istio/proxyv2:1.31.1", "1.31.1", NULL},
        {"docker.io/istio/proxyv2:1.30.3-distroless", "1.30.3", NULL},
        {"mirror.example.com:5000/istio/proxyv2:1.29.6-debug", "1.29.6", NULL},
        {"mirror.example.com:5000/istio/proxyv2", "unknown", NULL},
        {"docker.io/istio/proxyv2:1.31.1@sha256:0123", "1.31.1", NULL},
        {"docker.io/istio/proxyv2@sha256:0123", "unknown", NULL},
        {"gcr.io/istio-release/proxyv2:1.28.10", "1.28.10", "gcr.io/istio-release"},
        {"registry.istio.io/release/proxyv2:1.30.1", "1.30.1", "registry.istio.io"},
        {"registry.istio.io.example.com/release/proxyv2:1.30.1", "1.30.1", NULL},
        {"mirror.example.com/gcr.io/istio-release/proxyv2:1.30.1", "1.30.1", NULL},
        {"proxyv2:", "unknown", NULL},
        {NULL, "unknown", NULL},
    };
    static const char *const lists[] = {"containers", "initContainers"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
            _cleanup_json_ json_t *pod = OBJECT(
                STRING("kind", "Pod"),
                MAP("metadata", MAP("annotations", STRING("sidecar.istio.io/status", "{\"version\":\"v7\"}"))),
                MAP("spec",
                    SEQ("containers", ITEM(STRING("name", "app"), STRING("image", "app:9"))),
                    SEQ(lists[k],
                        ITEM(STRING("name", "istio-init"), STRING("image", "init:8")),
                        ITEM(STRING("name", "istio-proxy"), STRING("image", cases[i].image)))));
            _cleanup_free_ char *digest = mesh_sidecar_digest(pod);
            _cleanup_mesh_sidecar_ struct mesh_sidecar sidecar = mesh_sidecar_read(digest);
            if (!str_eq(sidecar.version, cases[i].version) || !str_eq(sidecar.registry, cases[i].closed) ||
                !str_eq(sidecar.configuration, "v7"))
                fail_msg("case %zu, %s: %s", i, lists[k], digest);
        }
}

static void the_configuration_tells_its_version(void **state)
{
    static const struct {
        const char *config, *version;
    } cases[] = {
        {"policy: enabled\ntemplate: hello\n", "2cf24dba5fb0a30e"},
        {"template: |-\n  hello\npolicy: disabled\n", "2cf24dba5fb0a30e"},
        {"policy: enabled\n", NULL},
        {"template: [\n", NULL},
        {"", NULL},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *map = OBJECT(MAP("data", STRING("config", cases[i].config)));
        _cleanup_free_ char *version = v1_sidecar_version_of_config(map);
        if (!str_eq(version, cases[i].version))
            fail_msg("case %zu: %s", i, str_or(version, "none"));
    }
}

/* The version that the injector would write on Pods of this mesh. Owned by the caller. */
static char *current_version(struct world *w)
{
    _cleanup_json_ json_t *config = world_get(w, "v1", "ConfigMap", NS, V1_INJECTION_CONFIG);

    return v1_sidecar_version_of_config(config);
}

static void put_pod(struct world *w, const char *ns, const char *version)
{
    static int count;
    _cleanup_json_ json_t *pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            FORMAT("name", "p%d", ++count),
            STRING("uid", "u"),
            STRING("namespace", ns),
            FORMAT("resourceVersion", "%d", ++w->clock),
            MAP("annotations", OPT(version, FORMAT("sidecar.istio.io/status", "{\"version\":\"%s\"}", version)))));

    kube_cache_put(w->cache, mesh_kind(KIND_SIDECAR_POD), pod);
}

static void put_mesh(struct world *w, const char *more)
{
    _cleanup_free_ char *spec = str_printf(COUNTING, more);

    world_put_mesh(w, spec);
    assert_true(world_converge(w) >= 0);
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
}

static void expect(struct world *w, int current, int outdated, const char *status, const char *reason, const char *text)
{
    _cleanup_json_ json_t *mesh = NULL;
    const json_t *condition;

    assert_true(world_converge(w) >= 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    condition = doc_find(doc_at(mesh, "status", "conditions"), "type", "SidecarsCurrent");
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "current"), -1), current);
    assert_int_equal(doc_int(doc_at(mesh, "status", "sidecars", "outdated"), -1), outdated);
    assert_string_equal(str_or(doc_string(condition, "status"), "absent"), status);
    assert_string_equal(str_or(doc_string(condition, "reason"), ""), reason);
    assert_string_equal(str_or(doc_string(condition, "message"), ""), text);
}

static void outdated_sidecars_are_counted_where_it_is_asked_for(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_put_mesh(&w, "{}");
    assert_true(world_converge(&w) >= 0);
    assert_false(w.synced & PLAN_WATCH_SIDECARS);
    expect(&w, -1, -1, "absent", "", "");

    put_mesh(&w, "");
    assert_true(w.synced & PLAN_WATCH_SIDECARS);
    expect(&w, 0, 0, "True", "UpToDate", "");
    {
        _cleanup_free_ char *now = current_version(&w);
        put_pod(&w, "shop", now);
        put_pod(&w, "shop", now);
    }
    put_pod(&w, "shop", NULL);
    expect(&w, 2, 0, "True", "UpToDate", "");
    put_pod(&w, "shop", "other");
    put_pod(&w, "default", "other");
    put_pod(&w, "shop", "third");
    expect(
        &w,
        2,
        3,
        "False",
        "Outdated",
        "3 of 5 pods have an outdated sidecar until they are restarted, in namespaces shop (2), default (1)");

    world_put_mesh(&w, "{}");
    expect(&w, -1, -1, "absent", "", "");
    assert_false(w.synced & PLAN_WATCH_SIDECARS);
    world_release(&w);
}

/* What makes another sidecar outdates those that there are; what does not leaves them current. */
static void a_setting_outdates_the_sidecars_that_it_changes(void **state)
{
    static const struct {
        const char *more;
        bool outdates;
    } cases[] = {
        {", \"version\": \"1.0.6\"", true},
        {", \"imageHub\": \"example.com/istio\"", true},
        {", \"proxy\": {\"image\": \"example.com/proxy:1\"}", true},
        {", \"proxyInit\": {\"image\": \"example.com/init:1\"}", true},
        {", \"proxy\": {\"resources\": {\"requests\": {\"cpu\": \"1\"}}}", true},
        {", \"proxy\": {\"concurrency\": 2}", true},
        {", \"includeIPRanges\": \"10.0.0.0/8\"", true},
        {", \"excludeIPRanges\": \"10.1.0.0/16\"", true},
        {", \"controlPlaneSecurityEnabled\": true", true},
        {", \"tracing\": {\"zipkinAddress\": \"collector:9411\"}", true},
        {", \"mtls\": true", false},
        {", \"tracing\": {\"sampling\": 50}", false},
        {", \"policy\": {\"enabled\": false}", false},
        {", \"pilot\": {\"image\": \"example.com/pilot:1\"}", false},
        {", \"autoInjectionNamespaces\": [\"default\"]", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *before = NULL, *after = NULL;
        struct world w;

        world_init(&w);
        put_mesh(&w, "");
        before = current_version(&w);
        put_mesh(&w, cases[i].more);
        after = current_version(&w);
        if (str_eq(before, after) == cases[i].outdates)
            fail_msg("%s: sidecars are %s", cases[i].more, cases[i].outdates ? "not outdated" : "outdated");
        world_release(&w);
    }
}

static void without_an_injector_a_restart_takes_the_sidecar_away(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    put_mesh(&w, ", \"sidecarInjector\": {\"enabled\": false}");
    expect(&w, 0, 0, "True", "UpToDate", "");
    put_pod(&w, "shop", "some");
    expect(
        &w,
        0,
        1,
        "False",
        "InjectorDisabled",
        "1 pods have a sidecar, and the sidecar injector is switched off: restarted, they have none; in namespaces "
        "shop (1)");
    world_release(&w);
}

static void put_pod_of(struct world *w, const char *image)
{
    static int count;
    _cleanup_json_ json_t *pod = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Pod"),
        MAP("metadata",
            FORMAT("name", "q%d", ++count),
            STRING("uid", "u"),
            STRING("namespace", "shop"),
            FORMAT("resourceVersion", "%d", ++w->clock),
            MAP("annotations", STRING("sidecar.istio.io/status", "{\"version\":\"v7\"}"))),
        MAP("spec", SEQ("containers", ITEM(STRING("name", "istio-proxy"), STRING("image", image)))));

    kube_cache_put(w->cache, mesh_kind(KIND_SIDECAR_POD), pod);
}

static char *versions_text(struct world *w)
{
    _cleanup_json_ json_t *mesh = NULL;

    assert_true(world_converge(w) >= 0);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    return doc_text(doc_at(mesh, "status", "sidecars", "versions"));
}

static void versions_are_counted_the_most_first_and_not_endlessly(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    put_mesh(&w, "");
    put_pod_of(&w, "docker.io/istio/proxyv2:1.0.6");
    put_pod_of(&w, "docker.io/istio/proxyv2:1.0.5");
    put_pod_of(&w, "mirror.example.com/proxyv2:1.0.5");
    {
        _cleanup_free_ char *text = versions_text(&w);
        assert_string_equal(text, "[{\"pods\":2,\"version\":\"1.0.5\"},{\"pods\":1,\"version\":\"1.0.6\"}]");
    }
    for (int i = 0; i < 3 * SIDECAR_VERSIONS_MAX; i++) {
        _cleanup_free_ char *image = str_printf("proxyv2:t%d", i);
        put_pod_of(&w, image);
    }
    {
        _cleanup_free_ char *text = versions_text(&w), *end = NULL;
        _cleanup_json_ json_t *mesh = world_get(&w, API_GROUP_VERSION, "Istio", NS, "istio");
        assert_int_equal(json_array_size(doc_at(mesh, "status", "sidecars", "versions")), (size_t)SIDECAR_VERSIONS_MAX);
        end = str_printf(
            "{\"pods\":%d,\"version\":\"others\"}]", 2 + 3 * SIDECAR_VERSIONS_MAX - (SIDECAR_VERSIONS_MAX - 1));
        if (!str_ends(text, end))
            fail_msg("%s, not %s", text, end);
    }
    world_release(&w);
}

static void before_the_pods_are_listed_the_last_word_stays(void **state)
{
    _cleanup_json_ json_t *before = NULL, *after = NULL;
    struct plan plan;
    struct world w;

    (void)state;
    world_init(&w);
    put_mesh(&w, "");
    put_pod(&w, "shop", "other");
    expect(
        &w,
        0,
        1,
        "False",
        "Outdated",
        "1 of 1 pods have an outdated sidecar until they are restarted, in namespaces shop (1)");
    before = world_get(&w, API_GROUP_VERSION, "Istio", NS, "istio");
    /* The operator started again. */
    w.synced = 0;
    kube_cache_clear(w.cache, mesh_kind(KIND_SIDECAR_POD));
    plan = world_plan(&w);
    world_act(&w, &plan);
    plan_release(&plan);
    after = world_get(&w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_true(json_equal(doc_at(before, "status"), doc_at(after, "status")));
    world_release(&w);
}

static void many_namespaces_are_not_all_named(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    put_mesh(&w, "");
    for (int i = 0; i < 8; i++) {
        _cleanup_free_ char *ns = str_printf("ns%d", i);
        put_pod(&w, ns, "other");
    }
    put_pod(&w, "ns7", "other");
    expect(
        &w,
        0,
        9,
        "False",
        "Outdated",
        "9 of 9 pods have an outdated sidecar until they are restarted, in namespaces ns7 (2), ns0 (1), ns1 (1), "
        "ns2 (1), ns3 (1) and 3 more");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_tells_its_version),
        cmocka_unit_test(of_a_long_annotation_only_the_beginning_is_kept),
        cmocka_unit_test(the_image_of_the_proxy_tells_the_version_of_istio),
        cmocka_unit_test(versions_are_counted_the_most_first_and_not_endlessly),
        cmocka_unit_test(the_configuration_tells_its_version),
        cmocka_unit_test(outdated_sidecars_are_counted_where_it_is_asked_for),
        cmocka_unit_test(a_setting_outdates_the_sidecars_that_it_changes),
        cmocka_unit_test(without_an_injector_a_restart_takes_the_sidecar_away),
        cmocka_unit_test(before_the_pods_are_listed_the_last_word_stays),
        cmocka_unit_test(many_namespaces_are_not_all_named),
    };

    return cmocka_run_group_tests_name("operator sidecars", tests, NULL, NULL);
}
