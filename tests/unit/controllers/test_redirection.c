/* Pods of Istio 1.1 that slipped through its CNI plugin: which, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define DAEMONS "istio-cni-node"

struct daemon_pod {
    const char *created, *started; /* NULL: its container does not run */
    int restarts;
    const char *former_start, *former_end; /* of its container before; NULL: there was none */
};

/* The plugin's Pod of a node. */
static void put_daemon(struct world *w, const char *node, struct daemon_pod daemon)
{
    world_put(
        w,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                FORMAT("name", "cni-%s", node),
                STRING("namespace", NS),
                STRING("creationTimestamp", daemon.created),
                MAP("labels", STRING("k8s-app", DAEMONS))),
            MAP("spec", STRING("nodeName", node)),
            MAP("status",
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", daemon.started ? "True" : "False"))),
                SEQ("containerStatuses",
                    ITEM(
                        STRING("name", "install-cni"),
                        INT("restartCount", daemon.restarts),
                        MAP("state", OPT(daemon.started, MAP("running", STRING("startedAt", daemon.started)))),
                        OPT(daemon.former_end,
                            MAP("lastState",
                                MAP("terminated",
                                    STRING("startedAt", daemon.former_start),
                                    STRING("finishedAt", daemon.former_end)))))))));
}

struct app {
    const char *ns, *name, *node, *started, *restarted; /* the last: of its proxy; NULL: it was not */
    const char *init;                                   /* its init container; NULL: it has none */
    const char *mode;                                   /* NULL: it says none */
};

static void put_app(struct world *w, struct app app)
{
    world_put_as(
        w,
        mesh_kind(KIND_RELIANT_POD),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", app.name),
                STRING("namespace", app.ns),
                MAP("annotations",
                    STRING("sidecar.istio.io/status", "{\"version\":\"0123\"}"),
                    OPT(app.mode, STRING("sidecar.istio.io/interceptionMode", app.mode)))),
            MAP("spec",
                STRING("nodeName", app.node),
                OPT(app.init, SEQ("initContainers", ITEM(STRING("name", app.init)))),
                SEQ("containers", ITEM(STRING("name", "app")), ITEM(STRING("name", "istio-proxy")))),
            MAP("status",
                STRING("startTime", app.started),
                SEQ("containerStatuses",
                    ITEM(
                        STRING("name", "istio-proxy"),
                        INT("restartCount", app.restarted ? 1 : 0),
                        MAP("state",
                            MAP("running", STRING("startedAt", app.restarted ? app.restarted : app.started))))))));
}

/* The plugin is on the nodes a and b, and Pods are injected for it. */
static int begin(void **state)
{
    struct world *w;

    mesh_begin(state);
    w = *state;
    world_put_mesh(
        w,
        "{\"version\": \"1.1.17\", \"cni\": {\"enabled\": true, \"excludeNamespaces\": [\"" NS "\", \"excluded\"]}}");
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    put_daemon(w, "a", (struct daemon_pod){"2019-01-01T10:00:00Z", "2019-01-01T10:00:30Z"});
    put_daemon(w, "b", (struct daemon_pod){"2019-01-01T10:00:00Z", "2019-01-01T10:00:30Z"});
    world_put_daemons(w, NS, DAEMONS, 2, 2);
    settle(w);
    return 0;
}

#define RELYING(test) cmocka_unit_test_setup_teardown(test, begin, mesh_end)

/* `expected` is a part of the message; NULL: all are redirected. */
static void expect_slipped(struct world *w, const char *expected)
{
    _cleanup_json_ json_t *condition = NULL;
    const char *message;

    settle(w);
    condition = condition_of(w, "SidecarsRedirected");
    assert_non_null(condition);
    message = doc_string(condition, "message");
    assert_string_equal(doc_string(condition, "status"), expected ? "False" : "True");
    if (expected && !strstr(message, expected))
        fail_msg("the condition says %s", message);
}

static void pods_that_start_while_the_plugin_runs_are_redirected(void **state)
{
    struct world *w = *state;

    expect_slipped(w, NULL);
    put_app(w, (struct app){"shop", "cart", "a", "2019-01-01T10:00:30Z"});
    put_app(w, (struct app){"shop", "pay", "b", "2019-01-02T00:00:00Z", "2019-01-03T00:00:00Z"});
    /* Longer ago than the plugin's Pod could take to end: that of another one. */
    put_app(w, (struct app){"shop", "old", "a", "2019-01-01T09:00:00Z"});
    expect_slipped(w, NULL);
}

static void a_pod_that_slipped_through_is_named(void **state)
{
    static const struct {
        const char *what;
        struct app app;
        struct daemon_pod daemon; /* of node b; zeroed: as it was */
        const char *says;
    } cases[] = {
        {"its node was new",
         {"shop", "cart", "b", "2019-01-01T10:00:10Z"},
         {0},
         "shop/cart (node b was without the plugin when it started)"},
        {"the plugin's Pod was replaced, and the one before had to end",
         {"shop", "cart", "b", "2019-01-01T09:59:57Z"},
         {0},
         "shop/cart (node b"},
        {"the plugin was restarted",
         {"shop", "cart", "b", "2019-01-01T12:00:01Z"},
         {"2019-01-01T10:00:00Z", "2019-01-01T12:00:05Z", 1, "2019-01-01T10:00:30Z", "2019-01-01T12:00:00Z"},
         "shop/cart (node b"},
        {"its node was restarted, and its proxy was there first",
         {"shop", "cart", "b", "2019-01-01T11:00:00Z", "2019-01-01T12:00:01Z"},
         {"2019-01-01T10:00:00Z", "2019-01-01T12:00:05Z", 1, "2019-01-01T10:00:30Z", "2019-01-01T12:00:00Z"},
         "shop/cart (node b"},
        {"the plugin does not come back",
         {"shop", "cart", "b", "2019-01-01T13:00:00Z"},
         {"2019-01-01T10:00:00Z", NULL, 7, "2019-01-01T10:00:30Z", "2019-01-01T12:00:00Z"},
         "shop/cart (node b"},
        {"the plugin is not on its node",
         {"shop", "cart", "c", "2019-01-01T13:00:00Z"},
         {0},
         "shop/cart (the plugin is not on node c)"},
        {"its namespace is excluded",
         {"excluded", "cart", "a", "2019-01-01T13:00:00Z"},
         {0},
         "excluded/cart (its namespace is excluded)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = *state;
        if (cases[i].daemon.created)
            put_daemon(w, "b", cases[i].daemon);
        put_app(w, cases[i].app);
        print_message("%s\n", cases[i].what);
        expect_slipped(w, cases[i].says);
        expect_slipped(w, "1 with a sidecar may have");
        kube_cache_clear(w->cache, mesh_kind(KIND_RELIANT_POD));
        put_daemon(w, "b", (struct daemon_pod){"2019-01-01T10:00:00Z", "2019-01-01T10:00:30Z"});
    }
}

static void pods_that_do_not_rely_on_it_are_left_out(void **state)
{
    struct world *w = *state;

    put_app(w, (struct app){"shop", "with-init", "c", "2019-01-01T13:00:00Z", .init = "istio-init"});
    put_app(w, (struct app){"shop", "no-mode", "c", "2019-01-01T13:00:00Z", .mode = "NONE"});
    expect_slipped(w, NULL);
    put_app(w, (struct app){"shop", "core-dump", "c", "2019-01-01T13:00:00Z", .init = "enable-core-dump"});
    expect_slipped(w, "shop/core-dump");
}

/* Until the plugin is on every node new Pods have the init container, and without it there is nothing to say. */
static void nothing_is_said_while_it_is_not_used(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *condition = NULL;

    world_put_mesh(w, "{\"version\": \"1.1.17\"}");
    settle(w);
    world_roll_out(w);
    settle(w);
    condition = condition_of(w, "SidecarsRedirected");
    assert_null(condition);
    assert_int_equal(kube_cache_count(w->cache, mesh_kind(KIND_RELIANT_POD)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RELYING(pods_that_start_while_the_plugin_runs_are_redirected),
        RELYING(a_pod_that_slipped_through_is_named),
        RELYING(pods_that_do_not_rely_on_it_are_left_out),
        RELYING(nothing_is_said_while_it_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
