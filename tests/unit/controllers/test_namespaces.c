/* What the planner does with namespaces, of which there may be thousands, and what it remembers of them. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

static void labels_follow_the_list(void **state)
{
    struct world *w = *state;

    world_put_namespace(w, "theirs", OBJECT(STRING(LABEL_INJECTION, "enabled")));
    world_put_namespace(w, "closed", OBJECT(STRING(LABEL_INJECTION, "disabled")));
    world_put_namespace(w, "later", NULL);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"theirs\", \"closed\", \"later\"]}");
    expect_plan(
        w,
        "patch Namespace/default: no longer listed for sidecar injection\n"
        "patch Namespace/later: listed for sidecar injection\n");
    assert_true(world_converge(w) >= 0);
    expect_plan(w, "");
}

/* Also of a namespace that the operator had labelled; a label that was only taken off is put on again. */
static void a_label_that_a_user_sets_stays(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *ready = NULL, *ns = NULL;

    world_put_namespace(w, "pay", NULL);
    world_put_namespace(w, "shop", NULL);
    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"pay\", \"shop\"]}");
    assert_true(world_converge(w) > 0);
    world_put_namespace(
        w, "pay", OBJECT(STRING(LABEL_INJECTION, "disabled"), STRING(LABEL_INJECTION_MANAGED, "enabled")));
    world_put_namespace(w, "shop", OBJECT(STRING(LABEL_INJECTION_MANAGED, "enabled")));
    expect_plan(w, "patch Namespace/shop: listed for sidecar injection\n");
    world_roll_out(w);
    assert_true(world_converge(w) > 0);
    ready = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_string_equal(
        doc_string(doc_find(doc_at(ready, "status", "conditions"), "type", "Ready"), "message"),
        "left alone, because a user set their label istio-injection: pay");

    world_put_mesh(w, "{\"autoInjectionNamespaces\": [\"shop\"]}");
    assert_true(world_converge(w) > 0);
    ns = world_get(w, "v1", "Namespace", NULL, "pay");
    assert_string_equal(doc_string(ns, "metadata", "labels", LABEL_INJECTION), "disabled");
    assert_null(doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED));
}

/* What a plan with a memo says, and one without; the status, too. */
static void expect_the_same_without_memo(struct world *w)
{
    struct plan with = world_plan(w), without;
    void *memo = w->memo;
    _cleanup_free_ char *a = world_describe(&with), *b = NULL;

    w->memo = istio_reconciler.memo_new();
    without = world_plan(w);
    b = world_describe(&without);
    assert_string_equal(a, b);
    assert_int_equal(with.len, without.len);
    assert_int_equal(with.drift, without.drift);
    for (size_t i = 0; i < with.len; i++)
        if (with.actions[i].body)
            assert_string_equal(with.actions[i].body, without.actions[i].body);
    istio_reconciler.memo_free(w->memo);
    w->memo = memo;
    plan_release(&with);
    plan_release(&without);
}

/* Namespaces come, go and are labelled in any order, and the list changes: what was seen before changes no plan. */
static void what_was_seen_of_namespaces_changes_no_plan(void **state)
{
    static const char *const lists[] = {
        "{}",
        "{\"autoInjectionNamespaces\": [\"n1\", \"n3\", \"n5\"]}",
        "{\"autoInjectionNamespaces\": [\"n0\", \"n1\", \"n2\", \"n3\", \"n4\", \"n5\"]}",
    };
    static const char *const labels[] = {NULL, "enabled", "disabled", "odd"};
    struct world *w = *state;
    unsigned random = 7;

    for (int step = 0; step < 400; step++) {
        char name[] = "n0";
        random = random * 1103515245 + 12345;
        name[1] = (char)('0' + (random >> 16) % 6);
        switch ((random >> 20) % 5) {
        case 0:
            if (world_has(w, "v1", "Namespace", NULL, name))
                world_delete(w, "v1", "Namespace", NULL, name);
            break;
        case 1:
            world_put_mesh(w, lists[(random >> 24) % ARRAY_LEN(lists)]);
            break;
        case 2:
            assert_true(world_converge(w) >= 0);
            break;
        default:
            world_put_namespace(
                w,
                name,
                OBJECT(
                    STRING(LABEL_INJECTION, labels[(random >> 24) % ARRAY_LEN(labels)]),
                    STRING(LABEL_INJECTION_MANAGED, (random >> 28) & 1 ? "enabled" : NULL)));
        }
        expect_the_same_without_memo(w);
    }
}

static void of_many_namespaces_left_alone_some_are_named(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *condition = NULL, *after = NULL;

    for (int i = 0; i < 30; i++) {
        _cleanup_free_ char *name = str_printf("shop-%02d", i);
        world_put_namespace(w, name, OBJECT(STRING(LABEL_INJECTION, "disabled")));
    }
    world_put_mesh(
        w,
        "{\"autoInjectionNamespaces\": [\"default\", \"shop-29\", \"shop-00\", \"shop-01\", \"shop-02\", "
        "\"shop-03\", \"shop-04\", \"shop-05\", \"shop-06\", \"shop-07\", \"shop-08\", \"shop-09\"]}");
    world_roll_out(w);
    assert_true(world_converge(w) >= 0);
    condition = condition_of(w, "Ready");
    assert_non_null(strstr(doc_string(condition, "message"), "shop-00, shop-01"));
    assert_non_null(strstr(doc_string(condition, "message"), "shop-09 and 1 more"));
    assert_null(strstr(doc_string(condition, "message"), "shop-29"));
    /* Those that are gone are not named. */
    world_delete(w, "v1", "Namespace", NULL, "shop-03");
    assert_true(world_converge(w) >= 0);
    after = condition_of(w, "Ready");
    assert_non_null(strstr(doc_string(after, "message"), "shop-02, shop-04"));
    assert_non_null(strstr(doc_string(after, "message"), "shop-29"));
}

/* The memo only saves time: with an empty one every plan is the same. */
static void memo_changes_no_decision(void **state)
{
    struct world *w = *state;

    world_delete(w, "v1", "Service", NS, "istio-pilot");
    world_delete(w, "apps/v1", "Deployment", NS, "istio-galley");
    {
        struct plan with = world_plan(w), without;
        _cleanup_free_ char *a = world_describe(&with), *b = NULL;
        istio_reconciler.memo_free(w->memo);
        w->memo = istio_reconciler.memo_new();
        without = world_plan(w);
        b = world_describe(&without);
        assert_string_equal(a, b);
        plan_release(&with);
        plan_release(&without);
    }
}

/* An install, then a thousand plans, one in ten of which has something to heal: all memory but the cache's comes back.
 */
static void a_thousand_plans_leave_nothing(void **state)
{
    struct world *w = *state;
    size_t before = 0;

    for (int i = 0; i < 1000; i++) {
        struct plan plan;
        if (i % 10 == 0)
            world_delete(w, "v1", "Service", NS, "istio-pilot");
        plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
        if (i == 100)
            before = mallinfo2().uordblks;
    }
    /* Versions grow by a digit; a plan that leaked would leave kilobytes. */
    assert_in_range(mallinfo2().uordblks, 0, before + 16 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(labels_follow_the_list),
        INSTALLED(a_label_that_a_user_sets_stays),
        INSTALLED(what_was_seen_of_namespaces_changes_no_plan),
        INSTALLED(of_many_namespaces_left_alone_some_are_named),
        INSTALLED(memo_changes_no_decision),
        INSTALLED(a_thousand_plans_leave_nothing),
    };

    return cmocka_run_group_tests_name("controllers namespaces", tests, NULL, NULL);
}
