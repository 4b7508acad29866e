/* What speaks against another version of a mesh, and what becomes of the mesh then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/preflight.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "upgrade_fixture.h"

/* --- the step --- */

static void one_minor_release_at_a_time(void **state)
{
    static const struct {
        const char *from, *to, *says; /* NULL: the step is allowed */
    } cases[] = {
        {"1.30.8", "1.31.1", NULL},
        {"1.31.1", "1.30.8", NULL},
        {"1.31.0", "1.31.4", NULL},
        {"1.31.4", "1.31.0", NULL},
        {"1.28.0", "1.29.6", NULL},
        {"1.0.5", "1.0.6", NULL},
        {"1.0.6", "1.0.5", NULL},
        {"1.28.10", "1.30.8", "spec.version to 1.29.6, then 1.30.8, each"},
        {"1.28.10", "1.31.1", "spec.version to 1.29.6, then 1.30.8, then 1.31.1, each"},
        {"1.31.1", "1.29.6", "spec.version to 1.30.8, then 1.29.6, each"},
        {"1.0.6", "1.31.1", "does not know all those between 1.0.6 and 1.31.1"},
        {"1.28.0", "1.0.6", "does not know all those between 1.28.0 and 1.0.6"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = preflight_skew(cases[i].from, cases[i].to);
        if (!cases[i].says != !text || (text && !strstr(text, cases[i].says)))
            fail_msg("%s to %s: %s", cases[i].from, cases[i].to, str_or(text, "allowed"));
    }
}

/* --- the preflight --- */

static void a_refused_step_writes_nothing_of_the_new_version(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.28.10"));
    settle(w);
    expect_versions(w, "1.30.8", "1.30.8");
    expect_status(w, "version", "1.30.8");
    expect_status(w, "Status", "ReconcileFailed");
    expect_upgrade(w, "phase", "Preflight");
    expect_condition(w, "UpgradeBlocked", "True", "PreflightRefused");
    expect_condition(w, "Upgrading", "False", "Preflight");
    expect_condition(w, "Ready", "False", "UpgradeBlocked");
    /* The old one is kept as it is. */
    world_delete(w, "v1", "Service", NS, "istiod");
    settle(w);
    assert_true(world_has(w, "v1", "Service", NS, "istiod"));

    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_status(w, "Status", "Available");
    expect_upgrade(w, "phase", NULL);
}

static void a_warning_goes_on(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, WARN_OF("1.28.10"));
    settle(w);
    expect_versions(w, "1.28.10", "1.30.8");
    roll_out_today(w);
    expect_versions(w, "1.28.10", "1.28.10");
}

static void an_unknown_version_keeps_the_old_one(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("9.9.9"));
    settle(w);
    expect_status(w, "Status", "ReconcileFailed");
    expect_status(w, "version", "1.30.8");
    world_delete(w, APPS, "Deployment", NS, "istiod");
    settle(w);
    expect_versions(w, "1.30.8", "1.30.8");
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
}

/* TLSRoutes: 1.29 follows them only before Gateway API 1.5, later releases from it on. */
static void a_gateway_api_that_the_new_release_ignores_keeps_the_old_one(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, SPEC_OF("1.29.6"));
    settle(w);
    roll_out_today(w);
    roll_out_today(w);
    expect_status(w, "version", "1.29.6");
    world_put_as(
        w,
        mesh_kind(KIND_GATEWAY_API),
        OBJECT(
            STRING("apiVersion", "apiextensions.k8s.io/v1"),
            STRING("kind", "CustomResourceDefinition"),
            MAP("metadata",
                STRING("name", GATEWAY_API_DEFINITION),
                MAP("annotations",
                    STRING("gateway.networking.k8s.io/bundle-version", "v1.4.1"),
                    STRING("gateway.networking.k8s.io/channel", "experimental")))));
    world_put_mesh(w, SPEC_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.29.6", "1.29.6");
    expect_condition(w, "UpgradeBlocked", "True", "PreflightRefused");
    world_put_mesh(w, WARN_OF("1.30.8"));
    settle(w);
    expect_versions(w, "1.30.8", "1.29.6");
}

/* A workload whose template chooses the image of its proxy. */
static void put_pinned(struct world *w, const char *name)
{
    world_put_as(
        w,
        mesh_kind(KIND_RUNNING_DEPLOYMENT),
        OBJECT(
            STRING("apiVersion", "apps/v1"),
            STRING("kind", "Deployment"),
            MAP("metadata", STRING("name", name), STRING("namespace", "default")),
            MAP("spec",
                MAP("template",
                    MAP("metadata", MAP("annotations", STRING("sidecar.istio.io/proxyImage", "proxyv2:old")))))));
}

/* Another line's injector gives it flags that it does not know; in the same line it stays behind. */
static void pinned_proxies_are_named(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *blocked = NULL;

    put_pinned(w, "web");
    put_pinned(w, "api");
    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    expect_status(w, "version", "1.0.5");
    blocked = condition_of(w, "UpgradeBlocked");
    assert_non_null(strstr(doc_string(blocked, "message"), "default/api, default/web"));
    kube_cache_remove(w->cache, mesh_kind(KIND_RUNNING_DEPLOYMENT), "default", "web", NULL);
    kube_cache_remove(w->cache, mesh_kind(KIND_RUNNING_DEPLOYMENT), "default", "api", NULL);
    settle(w);
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
}

static void put_service(struct world *w, const char *name, const char *annotation)
{
    world_put_as(
        w,
        mesh_kind(KIND_SERVICE_WITH_AUTH),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Service"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", "default"),
                MAP("annotations", STRING(annotation, "NONE")))));
}

static void expect_blocked(struct world *w, const char *text)
{
    _cleanup_json_ json_t *blocked = condition_of(w, "UpgradeBlocked");
    const char *message = str_or(doc_string(blocked, "message"), "");

    if (!strstr(message, text))
        fail_msg("%s, but must have %s", message, text);
}

static void roll_out_all(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        world_roll_out(w);
        settle(w);
    }
}

/* Istio 1.1 gives their ports the mutual TLS of all others, and 1.0 allows every request. */
static void what_the_other_line_does_not_follow_keeps_the_old_one(void **state)
{
    struct world *w = *state;

    put_service(w, "db", "auth.istio.io/3306");
    put_service(w, "web", "example.com/auth.istio.io");
    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    expect_status(w, "version", "1.0.5");
    expect_blocked(w, "1.1.17 does not follow annotations auth.istio.io/PORT of Services: default/db: their ports");

    put_service(w, "db", "example.com/other");
    settle(w);
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    roll_out_all(w);
    expect_status(w, "version", "1.1.17");

    put_of(w, mesh_kind(KIND_CLUSTER_RBAC_CONFIG), NULL, "default", NULL);
    put_service(w, "db", "auth.istio.io/3306");
    world_put_mesh(w, "{\"version\": \"1.0.6\"}");
    settle(w);
    expect_status(w, "version", "1.1.17");
    expect_blocked(w, "1.0.6 does not follow ClusterRbacConfigs: default: requests would be allowed");
    world_put_mesh(w, "{\"version\": \"1.0.6\", \"upgrade\": {\"preflight\": \"Warn\"}}");
    settle(w);
    roll_out_all(w);
    expect_status(w, "version", "1.0.6");
}

static void pinned_proxies_of_the_same_line_are_a_warning(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = NULL;
    _cleanup_free_ char *warnings = NULL;

    put_pinned(w, "web");
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    warnings = doc_text(doc_at(mesh, "status", "upgrade", "warnings"));
    assert_non_null(strstr(warnings, "default/web"));
    expect_versions(w, "1.31.1", "1.30.8");
}

static void settings_without_effect_keep_the_old_one(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *blocked = NULL;

    world_put_mesh(
        w, "{\"version\": \"1.31.1\", \"pilot\": {\"env\": {\"PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY\": \"false\"}}}");
    settle(w);
    blocked = condition_of(w, "UpgradeBlocked");
    assert_non_null(strstr(doc_string(blocked, "message"), "spec.pilot.env.PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY"));
    expect_condition(w, "UpgradeBlocked", "True", "PreflightRefused");
    /* Back is no step that drops it. */
    world_put_mesh(w, SPEC_OF("1.31.1"));
    settle(w);
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
}

/* --- certificates --- */

static char *warnings_of(struct world *w)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return doc_text(doc_at(mesh, "status", "upgrade", "warnings"));
}

#define HOUR (DAY / 24)
#define YEAR (365 * DAY)
#define PLUGGED_IN                                                                                                     \
    ", \"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istio-citadel\", \"patches\": [{\"op\": \"add\", "        \
    "\"path\": "                                                                                                       \
    "\"/spec/template/spec/containers/0/args/-\", \"value\": \"--self-signed-ca=false\"}]}]"

struct authority_case {
    const char *secret, *text; /* its name, and a text that is no certificate; NULL: there is none */
    msec_t root, signing;      /* when they end, from now; signing 0: the root signs */
    const char *blocked, *warning;
};

static void put_case(struct world *w, const struct authority_case *c)
{
    bool is_plugged_in = str_eq(c->secret, "cacerts");
    _cleanup_free_ char *root = authority_until(NOW + c->root),
                        *signing = authority_until(NOW + (c->signing ? c->signing : c->root));

    kube_cache_clear(w->cache, mesh_kind(KIND_SELF_SIGNED_AUTHORITY));
    kube_cache_clear(w->cache, mesh_kind(KIND_PLUGGED_IN_AUTHORITY));
    if (c->secret)
        put_authority(
            w,
            is_plugged_in ? KIND_PLUGGED_IN_AUTHORITY : KIND_SELF_SIGNED_AUTHORITY,
            c->secret,
            OBJECT(
                STRING("ca-cert.pem", str_or(c->text, signing)),
                OPT(is_plugged_in, STRING("root-cert.pem", str_or(c->text, root)))));
}

static bool says(const char *text, const char *expected)
{
    return expected ? strstr(str_or(text, ""), expected) != NULL : !strstr(str_or(text, ""), "certificate");
}

/* The upgrade of a mesh by `from` and then by `to`, with each of the authorities. */
static void expect_of_authorities(
    struct world *w, void (*roll_out)(struct world *w), const char *from, const char *to,
    const struct authority_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *condition = NULL;
        _cleanup_free_ char *warnings = NULL;
        world_put_mesh(w, from);
        settle(w);
        roll_out(w);
        put_case(w, &cases[i]);
        world_put_mesh(w, to);
        settle(w);
        condition = condition_of(w, "UpgradeBlocked");
        warnings = warnings_of(w);
        if (str_eq(doc_string(condition, "status"), "True") != (cases[i].blocked != NULL) ||
            !says(doc_string(condition, "message"), cases[i].blocked) || !says(warnings, cases[i].warning))
            fail_msg(
                "%s, case %zu: %s; %s",
                to,
                i,
                str_or(doc_string(condition, "message"), "not blocked"),
                str_or(warnings, "no warning"));
        if (!cases[i].blocked)
            continue;
        expect_upgrade(w, "phase", "Preflight");
        /* Replaced, it goes on. */
        put_case(w, &(struct authority_case){.secret = cases[i].secret, .root = YEAR});
        settle(w);
        expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
    }
}

#define ROOT(secret) "the root certificate in Secret " secret
#define SIGNING(secret) "the signing certificate in Secret " secret
static const struct authority_case self_signed[] = {
    {.secret = NULL},
    {.secret = "istio-ca-secret", .text = "bm90aGluZw=="},
    {.secret = "istio-ca-secret", .root = 10 * YEAR},
    {.secret = "istio-ca-secret", .root = 61 * DAY},
    {.secret = "istio-ca-secret", .root = 59 * DAY, .warning = ROOT("istio-ca-secret ends on")},
    {.secret = "istio-ca-secret", .root = 25 * HOUR, .warning = ROOT("istio-ca-secret ends on")},
    {.secret = "istio-ca-secret",
     .root = 23 * HOUR,
     .blocked = ROOT("istio-ca-secret ends on 2018-12-17T21:40:00Z, and the upgrade may not be over")},
    {.secret = "istio-ca-secret", .root = -HOUR, .blocked = ROOT("istio-ca-secret ended on 2018-12-16T21:40:00Z")},
};
static const struct authority_case of_users[] = {
    {.secret = "cacerts", .text = "bm90aGluZw=="},
    {.secret = "cacerts", .root = 10 * YEAR, .signing = YEAR},
    {.secret = "cacerts", .root = 59 * DAY, .signing = YEAR, .warning = ROOT("cacerts ends on")},
    {.secret = "cacerts", .root = YEAR, .signing = 59 * DAY, .warning = SIGNING("cacerts ends on")},
    {.secret = "cacerts", .root = 23 * HOUR, .signing = YEAR, .blocked = ROOT("cacerts ends on")},
    {.secret = "cacerts", .root = YEAR, .signing = 23 * HOUR, .blocked = SIGNING("cacerts ends on")},
    {.secret = "cacerts", .root = -HOUR, .signing = YEAR, .blocked = ROOT("cacerts ended on")},
    {.secret = "cacerts", .root = YEAR, .signing = -HOUR, .blocked = SIGNING("cacerts ended on")},
};

static void roll_out_all_today(struct world *w)
{
    for (int i = 0; i < 4; i++)
        roll_out_today(w);
}

/* New proxies would get no certificate, or the mesh would trust none in the middle of the upgrade. */
static void certificates_outlast_the_upgrade_of_today(void **state)
{
    static const char from[] = SPEC_OF("1.30.8"), to[] = SPEC_OF("1.31.1");

    expect_of_authorities(*state, roll_out_all_today, from, to, self_signed, ARRAY_LEN(self_signed));
    expect_of_authorities(*state, roll_out_all_today, from, to, of_users, ARRAY_LEN(of_users));
}

static void certificates_outlast_the_upgrade_of_citadel(void **state)
{
    static const char from[] = "{\"version\": \"1.0.6\"}", to[] = "{\"version\": \"1.1.17\"}";
    static const char from_with_theirs[] = "{\"version\": \"1.0.6\"" PLUGGED_IN "}",
                      to_with_theirs[] = "{\"version\": \"1.1.17\"" PLUGGED_IN "}";

    expect_of_authorities(*state, roll_out_all, from, to, self_signed, ARRAY_LEN(self_signed));
    expect_of_authorities(*state, roll_out_all, from_with_theirs, to_with_theirs, of_users, ARRAY_LEN(of_users));
}

/* --- room --- */

#define NODE "\"metadata\": {\"name\": \"node-1\"}"
#define HAS(cpu, memory, pods)                                                                                         \
    "\"status\": {\"allocatable\": {\"cpu\": \"" cpu "\", \"memory\": \"" memory "\", \"pods\": \"" pods "\"}}"
#define CONTAINERS(memory)                                                                                             \
    "\"containers\": [{\"name\": \"a\", \"resources\": {\"requests\": {\"memory\": \"" memory "\"}}}]"
#define POD(memory, more)                                                                                              \
    "{\"metadata\": {\"name\": \"a\", \"namespace\": \"default\"}, \"spec\": {\"nodeName\": \"node-1\", " CONTAINERS(  \
        memory) more "}}"
#define QUOTA(ns, spec, hard, used)                                                                                    \
    "{\"metadata\": {\"name\": \"few\", \"namespace\": \"" ns "\"}, \"spec\": {" spec                                  \
    "}, \"status\": {\"hard\": {" hard "}, \"used\": {" used "}}}"

static void put_in_view(struct world *w, enum mesh_kind_id kind, const char *text)
{
    json_t *o = text ? doc_parse_own(text) : NULL;

    if (!o)
        return;
    json_object_set_new(o, "apiVersion", json_string("v1"));
    json_object_set_new(o, "kind", json_string(mesh_kind(kind)->kind));
    world_put_as(w, mesh_kind(kind), o);
}

static void put_room(struct world *w, const char *node, const char *pod, const char *quota)
{
    kube_cache_clear(w->cache, mesh_kind(KIND_ROOM_NODE));
    kube_cache_clear(w->cache, mesh_kind(KIND_ROOM_POD));
    kube_cache_clear(w->cache, mesh_kind(KIND_ROOM_QUOTA));
    put_in_view(w, KIND_ROOM_NODE, node);
    put_in_view(w, KIND_ROOM_POD, pod);
    put_in_view(w, KIND_ROOM_QUOTA, quota);
}

/* istiod asks for 500m and 2Gi. Where one Pod more has no room for certain nothing of the new version is written. */
static void without_room_for_one_pod_more_the_old_one_stays(void **state)
{
    static const char no_node[] = "no node has room for one Pod more of Deployment istiod (500m CPU, 2048Mi of memory)";
    static const struct {
        const char *what, *node, *pod, *quota;
        const char *blocked, *warning; /* what is said; NULL: nothing */
    } cases[] = {
        {"there is room", "{" NODE ", " HAS("4", "8Gi", "110") "}", POD("6Gi", ""), NULL, NULL, NULL},
        {"memory is taken", "{" NODE ", " HAS("4", "8Gi", "110") "}", POD("6145Mi", ""), NULL, no_node, NULL},
        {"it is just enough", "{" NODE ", " HAS("4", "2Gi", "110") "}", NULL, NULL, NULL, NULL},
        {"there are too few CPUs", "{" NODE ", " HAS("499m", "8Gi", "110") "}", NULL, NULL, no_node, NULL},
        {"the node has as many Pods as it may",
         "{" NODE ", " HAS("4", "8Gi", "1") "}",
         POD("0", ""),
         NULL,
         no_node,
         NULL},
        {"a Pod that ends leaves its room",
         "{" NODE ", " HAS("4", "8Gi", "110") "}",
         "{\"metadata\": {\"name\": \"a\", \"namespace\": \"default\", \"deletionTimestamp\": "
         "\"2026-01-01T00:00:00Z\"}, "
         "\"spec\": {\"nodeName\": \"node-1\", " CONTAINERS("7Gi") "}}",
         NULL,
         NULL,
         NULL},
        {"a Pod of less priority is displaced",
         "{" NODE ", " HAS("4", "8Gi", "110") "}",
         POD("7Gi", ", \"priority\": -1"),
         NULL,
         NULL,
         NULL},
        {"what is on no node takes none",
         "{" NODE ", " HAS("4", "8Gi", "110") "}",
         "{\"metadata\": {\"name\": \"a\", \"namespace\": \"default\"}, \"spec\": {" CONTAINERS("7Gi") "}}",
         NULL,
         NULL,
         NULL},
        {"a cloud may add a node",
         "{" NODE ", \"spec\": {\"providerID\": \"cloud://1\"}, " HAS("4", "1Gi", "110") "}",
         NULL,
         NULL,
         NULL,
         no_node},
        {"a node that takes no such Pods is full",
         "{" NODE
         ", \"spec\": {\"taints\": [{\"key\": \"gpu\", \"effect\": \"NoSchedule\"}]}, " HAS("4", "8Gi", "110") "}",
         NULL,
         NULL,
         "no node has room for one Pod more of Deployment istio-ingressgateway",
         NULL},
        {"a node that is not ready may be soon",
         "{" NODE
         ", \"spec\": {\"taints\": [{\"key\": \"node.kubernetes.io/not-ready\", \"effect\": \"NoExecute\"}]}, " HAS(
             "4", "8Gi", "110") "}",
         NULL,
         NULL,
         NULL,
         NULL},
        {"of a node that says nothing nothing is known", "{" NODE "}", POD("100Gi", ""), NULL, NULL, NULL},
        {"of no node nothing is known", NULL, POD("100Gi", ""), NULL, NULL, NULL},
        {"a quota is used up",
         NULL,
         NULL,
         QUOTA(NS, "", "\"pods\": \"2\"", "\"pods\": \"2\""),
         "ResourceQuota few has no room for one Pod more of Deployment istiod",
         NULL},
        {"a quota leaves too little",
         NULL,
         NULL,
         QUOTA(NS, "", "\"requests.memory\": \"4Gi\"", "\"requests.memory\": \"2049Mi\""),
         "ResourceQuota few has no room for one Pod more of Deployment istiod",
         NULL},
        {"a quota leaves enough",
         NULL,
         NULL,
         QUOTA(NS, "", "\"memory\": \"4Gi\", \"pods\": \"2\"", "\"memory\": \"2Gi\", \"pods\": \"1\""),
         NULL,
         NULL},
        {"a quota does not say yet what is used", NULL, NULL, QUOTA(NS, "", "\"pods\": \"0\"", ""), NULL, NULL},
        {"a quota counts some Pods alone",
         NULL,
         NULL,
         QUOTA(NS, "\"scopes\": [\"BestEffort\"]", "\"pods\": \"0\"", "\"pods\": \"0\""),
         NULL,
         NULL},
        {"a quota is another namespace's",
         NULL,
         NULL,
         QUOTA("default", "", "\"pods\": \"0\"", "\"pods\": \"0\""),
         NULL,
         NULL},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *expected = cases[i].blocked ? "1.30.8" : "1.31.1";
        _cleanup_json_ json_t *blocked = NULL;
        _cleanup_free_ char *warnings = NULL, *istiod = NULL;
        put_room(w, cases[i].node, cases[i].pod, cases[i].quota);
        world_put_mesh(w, SPEC_OF("1.31.1"));
        settle(w);
        blocked = condition_of(w, "UpgradeBlocked");
        warnings = warnings_of(w);
        istiod = version_of(w, "istiod");
        if (!str_eq(istiod, expected) ||
            !strstr(str_or(doc_string(blocked, "message"), ""), str_or(cases[i].blocked, "")) ||
            !strstr(str_or(warnings, ""), str_or(cases[i].warning, "")) ||
            (!cases[i].warning && warnings && strstr(warnings, "room")))
            fail_msg(
                "%s: istiod is of %s; %s; %s",
                cases[i].what,
                istiod,
                str_or(doc_string(blocked, "message"), "not blocked"),
                str_or(warnings, "no warning"));
        /* When there is room it goes on. */
        put_room(w, NULL, NULL, NULL);
        settle(w);
        expect_versions(w, "1.31.1", "1.30.8");
        roll_out_today(w);
        roll_out_today(w);
        world_put_mesh(w, SPEC_OF("1.30.8"));
        settle(w);
        roll_out_today(w);
        roll_out_today(w);
        expect_versions(w, "1.30.8", "1.30.8");
    }
}

/* With 4 Pods and maxUnavailable 25 % one may go before another one comes. */
static void what_needs_no_pod_more_needs_no_room(void **state)
{
    struct world *w = *state;
    json_t *istiod;

    world_put_mesh(w, "{\"version\": \"1.30.8\", \"pilot\": {\"minReplicas\": 4, \"maxReplicas\": 8}}");
    settle(w);
    roll_out_today(w);
    istiod = world_get(w, APPS, "Deployment", NS, "istiod");
    json_object_set_new(doc_at(istiod, "spec"), "replicas", json_integer(4));
    world_put(w, istiod);
    settle(w);
    roll_out_today(w);
    put_room(w, "{" NODE ", " HAS("4", "1Gi", "110") "}", NULL, NULL);
    world_put_mesh(w, "{\"version\": \"1.31.1\", \"pilot\": {\"minReplicas\": 4, \"maxReplicas\": 8}}");
    settle(w);
    expect_versions(w, "1.31.1", "1.30.8");
}

/* Of the Deployment web. */
static const char injected[] =
    "{\"metadata\": {\"name\": \"web-5d4f-1\", \"namespace\": \"default\", \"labels\": {\"pod-template-hash\": "
    "\"5d4f\"}, "
    "\"annotations\": {\"sidecar.istio.io/status\": \"{}\"}, \"ownerReferences\": [{\"apiVersion\": \"apps/v1\", "
    "\"kind\": \"ReplicaSet\", \"name\": \"web-5d4f\", \"controller\": true}]}, "
    "\"spec\": {\"nodeName\": \"node-1\", " CONTAINERS("5Gi") "}}";

/* Its restart would end with its time: it is told, and keeps nothing. */
static void workloads_without_room_are_told(void **state)
{
    static const char *const modes[] = {"Automatic", "Report"};
    struct world *w = *state;

    put_room(w, "{" NODE ", " HAS("4", "8Gi", "110") "}", injected, NULL);
    put_in_view(
        w,
        KIND_RUNNING_DEPLOYMENT,
        "{\"metadata\": {\"name\": \"web\", \"namespace\": \"default\"}, \"spec\": {\"replicas\": 3}}");
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        _cleanup_free_ char *spec = str_printf(
            "{\"version\": \"1.31.1\", \"sidecarRenewal\": {\"mode\": \"%s\"}, \"autoInjectionNamespaces\": "
            "[\"default\"]}",
            modes[i]);
        _cleanup_free_ char *warnings = NULL;
        world_put_mesh(w, spec);
        settle(w);
        warnings = warnings_of(w);
        expect_versions(w, "1.31.1", "1.30.8");
        assert_int_equal(strstr(str_or(warnings, ""), "new sidecars, of default/web") != NULL, i == 0);
        world_put_mesh(w, SPEC_OF("1.30.8"));
        settle(w);
    }
}

/* While the upgrade is refused, whatever changes. */
static void room_is_looked_at_again_when_something_changes(void **state)
{
#define SPEC_WITH(mode)                                                                                                \
    "{\"version\": \"1.31.1\", \"sidecarRenewal\": {\"mode\": \"" mode                                                 \
    "\"}, \"autoInjectionNamespaces\": [\"default\"]}"
#define WEB(strategy)                                                                                                  \
    "{\"metadata\": {\"name\": \"web\", \"namespace\": \"default\"}, \"spec\": {\"replicas\": 3" strategy "}}"
    static const struct {
        const char *web, *spec; /* NULL: as before */
        bool is_told;
    } steps[] = {
        {WEB(""), SPEC_WITH("Automatic"), true},
        {NULL, NULL, true},
        {WEB(", \"strategy\": {\"type\": \"Recreate\"}"), NULL, false},
        {WEB(""), NULL, true},
        {NULL, SPEC_WITH("Report"), false},
        {NULL, SPEC_WITH("Automatic"), true},
    };
    struct world *w = *state;

    put_room(
        w, "{" NODE ", " HAS("4", "8Gi", "110") "}", injected, QUOTA(NS, "", "\"pods\": \"2\"", "\"pods\": \"2\""));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        _cleanup_free_ char *warnings = NULL;
        put_in_view(w, KIND_RUNNING_DEPLOYMENT, steps[i].web);
        if (steps[i].spec)
            world_put_mesh(w, steps[i].spec);
        settle(w);
        expect_blocked(w, "ResourceQuota few has no room");
        warnings = warnings_of(w);
        if ((strstr(str_or(warnings, ""), "default/web") != NULL) != steps[i].is_told)
            fail_msg("step %zu: %s", i, str_or(warnings, "no warning"));
    }
    kube_cache_clear(w->cache, mesh_kind(KIND_ROOM_QUOTA));
    settle(w);
    expect_condition(w, "UpgradeBlocked", "False", "NotBlocked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_minor_release_at_a_time),
        OLD(a_refused_step_writes_nothing_of_the_new_version),
        OLD(a_warning_goes_on),
        OLD(an_unknown_version_keeps_the_old_one),
        OLD(a_gateway_api_that_the_new_release_ignores_keeps_the_old_one),
        INSTALLED(pinned_proxies_are_named),
        INSTALLED(what_the_other_line_does_not_follow_keeps_the_old_one),
        OLD(pinned_proxies_of_the_same_line_are_a_warning),
        OLD(settings_without_effect_keep_the_old_one),
        OLD(certificates_outlast_the_upgrade_of_today),
        INSTALLED(certificates_outlast_the_upgrade_of_citadel),
        OLD(without_room_for_one_pod_more_the_old_one_stays),
        OLD(what_needs_no_pod_more_needs_no_room),
        OLD(workloads_without_room_are_told),
        OLD(room_is_looked_at_again_when_something_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
