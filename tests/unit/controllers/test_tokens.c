/*
 * A ServiceAccount that was deleted and created again: the API server refuses the tokens of the Pods that run, so they
 * are replaced; all others stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"
#include "reconcile/marks.h"
#include "reconcile/tokens.h"

/* World's time is 22:40:00. */
#define AT(time) "2018-12-16T" time "Z"
#define YESTERDAY(time) "2018-12-15T" time "Z"

#define REASON ": the ServiceAccount of its Pods was created again, and their tokens are of the former one\n"

static void set_created(struct world *w, const char *api_version, const char *kind, const char *name, const char *time)
{
    json_t *object = world_get(w, api_version, kind, NS, name);

    assert_non_null(object);
    json_object_set_new(doc_at(object, "metadata"), "creationTimestamp", json_string(time));
    world_put(w, object);
}

/* The client that deleted it left a new one, with another uid. */
static void create_again(struct world *w, const char *name, const char *time)
{
    json_t *object = world_get(w, "v1", "ServiceAccount", NS, name);

    assert_non_null(object);
    json_object_set_new(doc_at(object, "metadata"), "uid", json_sprintf("%s-created-%s", name, time));
    json_object_set_new(doc_at(object, "metadata"), "creationTimestamp", json_string(time));
    world_put(w, object);
}

/* One of the Pods of a workload; `phase` may be NULL. */
static void put_pod(struct world *w, const json_t *workload, const char *name, const char *time, const char *phase)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", NS),
                STRING("creationTimestamp", time),
                VALUE("labels", doc_copy(doc_at(workload, "spec", "selector", "matchLabels")))),
            MAP("status", STRING("phase", str_or(phase, "Running")))));
}

static void remove_pods(struct world *w)
{
    const struct kube_object *o;
    size_t i = 0;

    while ((o = kube_cache_next(w->cache, mesh_kind(KIND_POD), &i))) {
        world_delete(w, "v1", "Pod", o->ns, o->name);
        i = 0;
    }
}

/* Of the plans until there is nothing to do, without those of definitions' and resources' own; owned by the caller. */
static char *all_plans(struct world *w)
{
    struct buf text = BUF_INIT;

    for (int i = 0; i < 10; i++) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *one = world_describe(&plan);
        buf_add_str(&text, one);
        world_act(w, &plan);
        plan_release(&plan);
    }
    return buf_take(&text);
}

static void expect_plans(struct world *w, const char *expected)
{
    _cleanup_free_ char *text = all_plans(w);

    assert_string_equal(text, expected);
}

static const char *noted(const json_t *workload)
{
    return doc_string(workload, "spec", "template", "metadata", "annotations", TOKENS_ANNOTATION);
}

/* --- when --- */

static void pods_are_replaced_for_an_account_that_they_are_older_than(void **state)
{
    static const struct {
        const char *account, *deployment, *pod, *phase;
        int minor;
        bool replaced;
    } cases[] = {
        {AT("12:00:00"), AT("10:00:00"), AT("11:00:00"), NULL, 34, true},
        {AT("12:00:00"), AT("11:59:59"), AT("11:59:59"), NULL, 34, true},
        {AT("12:00:00"), AT("10:00:00"), AT("12:00:00"), NULL, 34, true}, /* of the same second */
        {AT("12:00:00"), AT("10:00:00"), AT("12:00:01"), NULL, 34, false},
        {AT("12:00:00"), AT("10:00:00"), AT("11:00:00"), "Failed", 34, false},
        {AT("12:00:00"), AT("10:00:00"), AT("11:00:00"), "Succeeded", 34, false},
        /* A first install, a Deployment that was deleted, and what another manager created. */
        {AT("12:00:00"), AT("12:00:00"), AT("12:00:00"), NULL, 34, false},
        {AT("12:00:00"), AT("13:00:00"), AT("11:00:00"), NULL, 34, false},
        {NULL, AT("10:00:00"), AT("11:00:00"), NULL, 34, false},
        {"no time", AT("10:00:00"), AT("11:00:00"), NULL, 34, false},
        /* The kubelet has renewed the tokens; those in Secrets it never does. */
        {YESTERDAY("22:41:00"), YESTERDAY("10:00:00"), YESTERDAY("11:00:00"), NULL, 34, true},
        {YESTERDAY("22:39:00"), YESTERDAY("10:00:00"), YESTERDAY("11:00:00"), NULL, 34, false},
        {YESTERDAY("22:39:00"), YESTERDAY("10:00:00"), YESTERDAY("11:00:00"), NULL, 22, false},
        {YESTERDAY("22:39:00"), YESTERDAY("10:00:00"), YESTERDAY("11:00:00"), NULL, 21, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        void *begun;
        _cleanup_json_ json_t *deployment = NULL;
        _cleanup_free_ char *text = NULL;
        const char *name = cases[i].minor < 34 ? "istio-citadel" : "istiod";

        if (cases[i].minor < 34)
            mesh_begin_installed(&begun);
        else
            begin_today_installed(&begun);
        ((struct world *)begun)->server.minor = cases[i].minor;
        assert_true(world_converge(begun) >= 0);
        set_created(begun, APPS, "Deployment", name, cases[i].deployment);
        deployment = world_get(begun, APPS, "Deployment", NS, name);
        put_pod(begun, deployment, "one", cases[i].pod, cases[i].phase);
        create_again(begun, doc_string(deployment, "spec", "template", "spec", "serviceAccountName"), cases[i].account);
        text = all_plans(begun);
        if (!strstr(text, REASON) != !cases[i].replaced || (!cases[i].replaced && *text))
            fail_msg("case %zu: %s", i, text);
        mesh_end(&begun);
    }
}

static void pods_are_observed_only_until_it_is_known(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *deployment = world_get(w, APPS, "Deployment", NS, "istiod");

    assert_int_equal(w->synced & PLAN_WATCH_PODS, 0);
    set_created(w, APPS, "Deployment", "istiod", AT("10:00:00"));
    put_pod(w, deployment, "one", AT("13:00:00"), NULL);
    create_again(w, "istiod", AT("12:00:00"));
    expect_plan(w, "");
    assert_int_equal(w->synced & PLAN_WATCH_PODS, PLAN_WATCH_PODS);
    expect_plan(w, "");
    assert_int_equal(w->synced & PLAN_WATCH_PODS, 0);
}

/* --- which --- */

/* The workloads of a mesh that have an account of their own: each of them, and no other, is replaced for it. */
static size_t expect_each_is_replaced(struct world *w, const char *kind)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, APPS, kind);
    _cleanup_json_ json_t *workloads = json_array();
    const struct kube_object *o;
    json_t *workload;
    size_t i;

    for (i = 0; (o = kube_cache_next(w->cache, row, &i));)
        json_array_append_new(workloads, kube_object_parse(o));
    json_array_foreach(workloads, i, workload)
        set_created(w, APPS, kind, doc_string(workload, "metadata", "name"), AT("10:00:00"));
    json_array_foreach(workloads, i, workload) {
        const char *name = doc_string(workload, "metadata", "name");
        _cleanup_free_ char *time = str_printf("2018-12-16T12:00:%02zuZ", i); /* some share an account */
        _cleanup_free_ char *expected = str_printf("update %s/" NS "/%s" REASON, kind, name);
        _cleanup_json_ json_t *after = NULL;
        put_pod(w, workload, name, AT("11:00:00"), NULL);
        create_again(w, doc_string(workload, "spec", "template", "spec", "serviceAccountName"), time);
        expect_plans(w, expected);
        after = world_get(w, APPS, kind, NS, name);
        assert_non_null(strstr(noted(after), time));
        remove_pods(w);
        world_roll_out(w);
        expect_plans(w, "");
    }
    return json_array_size(workloads);
}

enum unwritten { IGNORED, PAUSED, REFUSED };

/* istiod's Deployment differs, younger or older Pods run, and it is not written. */
static void hold_back(struct world *w, enum unwritten why, const char *pods_created)
{
    json_t *istiod = world_get(w, APPS, "Deployment", NS, "istiod");

    json_object_set_new(doc_at(istiod, "metadata"), "creationTimestamp", json_string(YESTERDAY("10:00:00")));
    json_object_set_new(doc_make(istiod, "metadata", "labels"), "istio", json_string("other"));
    if (why == IGNORED)
        json_object_set_new(doc_make(istiod, "metadata", "annotations"), MARK_IGNORE, json_string("true"));
    if (pods_created)
        put_pod(w, istiod, "istiod-a", pods_created, NULL);
    world_put(w, istiod);
    create_again(w, "istiod", AT("10:00:00"));
    if (why == PAUSED)
        world_put_mesh(w, "{\"version\": \"1.31.1\", \"pause\": true}");
    if (why == REFUSED)
        world_fail(w, ERR_FORBIDDEN, KUBE_UPDATE, "Deployment/istio-system/istiod", "no");
    w->held = why == REFUSED;
}

/* What is observed for it is not asked for in turns. */
static void what_is_not_written_is_observed_alike_by_each_plan(void **state)
{
    static const char *const pods[] = {NULL, YESTERDAY("11:00:00"), AT("12:00:00")};

    (void)state;
    for (enum unwritten why = IGNORED; why <= REFUSED; why++)
        for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
            void *w;
            begin_today_installed(&w);
            hold_back(w, why, pods[i]);
            if (world_converge(w) < 0)
                fail_msg("held back by %d, with Pods of %s", (int)why, str_or(pods[i], "no time"));
            mesh_end(&w);
        }
}

static void it_holds_for_every_workload_of_todays_istio(void **state)
{
    struct world *w = *state;

    world_put_mesh(
        w,
        "{\"version\": \"1.31.1\", \"cni\": {\"enabled\": true, \"platform\": \"GKE\"},"
        " \"gateways\": {\"egress\": {\"enabled\": true}}}");
    assert_true(world_converge(w) > 0);
    world_put_daemons(w, NS, "istio-cni-node", 1, 1);
    world_roll_out(w);
    assert_true(world_converge(w) > 0);
    assert_int_equal(expect_each_is_replaced(w, "Deployment"), 3);
    assert_int_equal(expect_each_is_replaced(w, "DaemonSet"), 1);
}

static void it_holds_for_every_workload_of_istio_1_0(void **state)
{
    assert_true(expect_each_is_replaced(*state, "Deployment") > 5);
}

/* --- afterwards --- */

static void what_was_noted_stays_until_the_next_time(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *deployment = world_get(w, APPS, "Deployment", NS, "istiod"), *changed = NULL, *next = NULL;

    set_created(w, APPS, "Deployment", "istiod", AT("10:00:00"));
    put_pod(w, deployment, "one", AT("11:00:00"), NULL);
    create_again(w, "istiod", AT("12:00:00"));
    expect_plans(w, "update Deployment/istio-system/istiod" REASON);
    /* A change of the resource rolls out once, and keeps it. */
    world_put_mesh(
        w,
        "{\"version\": \"1.31.1\", \"mtls\": true, \"autoInjectionNamespaces\": [\"default\"],"
        " \"pilot\": {\"env\": {\"A\": \"b\"}}}");
    assert_true(world_converge(w) > 0);
    changed = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_string_equal(noted(changed), "istiod-created-" AT("12:00:00"));
    world_roll_out(w);
    expect_plans(w, "");
    create_again(w, "istiod", AT("14:00:00"));
    expect_plans(w, "update Deployment/istio-system/istiod" REASON);
    next = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_string_equal(noted(next), "istiod-created-" AT("14:00:00"));
}

/* Another client's change is restored by the same write. */
static void other_differences_are_written_with_it(void **state)
{
    struct world *w = *state;
    json_t *deployment;
    _cleanup_json_ json_t *after = NULL;

    set_created(w, APPS, "Deployment", "istiod", AT("10:00:00"));
    deployment = world_get(w, APPS, "Deployment", NS, "istiod");
    put_pod(w, deployment, "one", AT("11:00:00"), NULL);
    json_object_set_new(doc_at(deployment, "spec", "template", "spec"), "dnsPolicy", json_string("Default"));
    json_object_set_new(
        json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0), "image", json_string("other"));
    world_put(w, deployment);
    create_again(w, "istiod", AT("12:00:00"));
    w->synced |= PLAN_WATCH_PODS;
    expect_plan(
        w,
        "update Deployment/istio-system/istiod: the ServiceAccount of its Pods was created again, and their tokens are "
        "of the former one; changed by another client: image differs\n");
    after = world_get(w, APPS, "Deployment", NS, "istiod");
    assert_non_null(noted(after));
    expect_plans(w, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_are_replaced_for_an_account_that_they_are_older_than),
        INSTALLED_TODAY(pods_are_observed_only_until_it_is_known),
        cmocka_unit_test(what_is_not_written_is_observed_alike_by_each_plan),
        INSTALLED_TODAY(it_holds_for_every_workload_of_todays_istio),
        INSTALLED(it_holds_for_every_workload_of_istio_1_0),
        INSTALLED_TODAY(what_was_noted_stays_until_the_next_time),
        INSTALLED_TODAY(other_differences_are_written_with_it),
    };

    return cmocka_run_group_tests_name("controllers: tokens", tests, NULL, NULL);
}
