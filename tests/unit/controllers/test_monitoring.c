/* Whether Prometheus sees the mesh: what it is asked, and what the status says of its answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

#define URL "http://prometheus.monitoring:9090"
#define WITH(prometheus) "{\"version\": \"1.31.1\", \"monitoring\": {\"prometheus\": " prometheus "}}"
#define ASKED WITH("{\"mode\": \"ScrapeConfig\", \"url\": \"" URL "/\", \"namespace\": \"monitoring\"}")

/* An answer with these series. */
#define ANSWER(series) "{\"status\": \"success\", \"data\": {\"resultType\": \"vector\", \"result\": [" series "]}}"
#define SERIES(job, up, count) "{\"metric\": {\"job\": \"" job "\", \"up\": \"" up "\"}, \"value\": [1, \"" count "\"]}"

static int begin(void **state)
{
    mesh_begin_today_installed(state, "{\"version\": \"1.31.1\"}");
    world_put_namespace(*state, "monitoring", NULL);
    world_put_mesh(*state, ASKED);
    settle(*state);
    return 0;
}

static void expect(struct world *w, const char *status, const char *reason, const char *in_message)
{
    settle_with_condition(w, "MetricsScraped", status, reason, in_message);
}

/* Of the status; -1: it says nothing. */
static json_int_t targets(struct world *w, const char *field)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return doc_int(doc_at(mesh, "status", "monitoring", field), -1);
}

static void targets_are_counted(void **state)
{
    struct world *w = *state;

    expect(w, "absent", "", "");
    w->prometheus.body = ANSWER(SERIES("istiod", "1", "2") "," SERIES("envoy-stats", "1", "40"));
    expect(w, "True", "TargetsUp", "42 targets are up");
    assert_int_equal(targets(w, "targetsUp"), 42);
    assert_int_equal(targets(w, "targetsDown"), 0);
    w->prometheus.body =
        ANSWER(SERIES("istiod", "1", "2") "," SERIES("envoy-stats", "1", "38") "," SERIES("envoy-stats", "0", "3"));
    expect(w, "False", "TargetsDown", "envoy-stats (3 of 41)");
    assert_int_equal(targets(w, "targetsDown"), 3);
    expect_status(w, "Status", "Available");
}

static void jobs_of_others_do_not_count(void **state)
{
    struct world *w = *state;

    w->prometheus.body = ANSWER(SERIES("istiod", "1", "1") "," SERIES("node", "0", "7"));
    expect(w, "True", "TargetsUp", "1 targets are up");
}

static void no_target_is_told_with_what_to_do(void **state)
{
    struct world *w = *state;

    w->prometheus.body = ANSWER("");
    expect(w, "False", "NoTargets", "ConfigMap istio-scrape-config of namespace monitoring");
}

static void a_server_that_does_not_answer_is_named(void **state)
{
    struct world *w = *state;

    w->prometheus.error = "connection refused";
    expect(w, "False", "NotAnswering", URL ": connection refused");
    assert_int_equal(targets(w, "targetsUp"), -1);
    w->prometheus.error = NULL;
    w->prometheus.body = "<html>";
    expect(w, "False", "NotAnswering", URL ": it is no JSON (HTTP 200)");
    w->prometheus.body = "{\"status\": \"error\", \"error\": \"too many samples\"}";
    expect(w, "False", "NotAnswering", "too many samples");
    expect_status(w, "Status", "Available");
}

/* Whatever is in an answer: the numbers stay within what the status may hold. */
static void an_odd_answer_is_no_harm(void **state)
{
    static const char *const odd[] = {
        ANSWER("{}"),
        ANSWER("1"),
        ANSWER(SERIES("istiod", "1", "NaN")),
        ANSWER(SERIES("istiod", "1", "-5")),
        "{\"status\": \"success\"}",
        "{\"status\": \"success\", \"data\": {\"result\": {\"a\": 1}}}"};
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        w->prometheus.body = odd[i];
        expect(w, "False", "NoTargets", "");
    }
    w->prometheus.body = ANSWER(SERIES("istiod", "1", "1e300"));
    expect(w, "True", "TargetsUp", "1000000 targets");
}

/* An operator that starts again does not tell what it has not asked yet. */
static void what_was_answered_stays_until_the_next_answer(void **state)
{
    struct world *w = *state;

    w->prometheus.body = ANSWER(SERIES("istiod", "1", "2"));
    expect(w, "True", "TargetsUp", "2 targets");
    w->prometheus.body = NULL;
    expect(w, "True", "TargetsUp", "2 targets");
    assert_int_equal(targets(w, "targetsUp"), 2);
}

static void a_settled_mesh_that_is_scraped_writes_nothing(void **state)
{
    struct world *w = *state;

    w->prometheus.body = ANSWER(SERIES("istiod", "1", "2"));
    settle(w);
    for (int i = 0; i < 3; i++) {
        struct plan plan = world_plan(w);
        assert_int_equal(plan.len, 0);
        plan_release(&plan);
        w->later += SECONDS(60);
    }
}

static void the_question_names_the_jobs_of_the_line(void **state)
{
    struct world *w = *state;

    settle(w);
    assert_string_equal(
        w->prometheus.asked,
        URL "/api/v1/query?query=count_values%20by%28job%29%28%22up%22%2Cmax_over_time%28up%7Bjob%3D~%22istiod%7C"
            "envoy-stats%22%7D%5B120s%5D%29%29");
    world_put_mesh(w, WITH("{\"mode\": \"ScrapeConfig\", \"url\": \"" URL "\", \"interval\": \"2m\"}"));
    settle(w);
    assert_non_null(strstr(w->prometheus.asked, "%5B360s%5D"));
}

static void nothing_is_asked_where_nothing_is_to_be_scraped(void **state)
{
    static const char *const specs[] = {
        TODAY_SPEC,
        WITH("{\"url\": \"" URL "\"}"),
        WITH("{\"mode\": \"None\", \"url\": \"" URL "\"}"),
        WITH("{\"mode\": \"ScrapeConfig\"}")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct world *w;
        mesh_begin_today_installed((void **)&w, specs[i]);
        w->prometheus.body = ANSWER(SERIES("istiod", "1", "2"));
        expect(w, "absent", "", "");
        assert_int_equal(w->prometheus.times, 0);
        mesh_end((void **)&w);
    }
}

/* --- the ConfigMap --- */

static void off_takes_away_what_was_made_and_nothing_else(void **state)
{
    struct world *w = *state;
    static const char *const theirs = "scrape-configs-of-the-user";

    put_of(w, mesh_kind(KIND_CONFIG_MAP), "monitoring", theirs, NULL);
    settle(w);
    assert_true(world_has(w, "v1", "ConfigMap", "monitoring", "istio-scrape-config"));
    world_put_mesh(w, "{\"version\": \"1.31.1\"}");
    expect_plan(w, "remove ConfigMap/monitoring/istio-scrape-config: no longer desired\n");
    settle(w);
    assert_true(world_has(w, "v1", "ConfigMap", "monitoring", theirs));
}

static bool is_in_monitoring(struct world *w)
{
    return world_has(w, "v1", "ConfigMap", "monitoring", "istio-scrape-config");
}

/* Nothing is sent either, as the server would refuse it. */
static void a_namespace_that_is_not_there_is_told_and_awaited(void **state)
{
    struct world *w;

    (void)state;
    mesh_begin_today_installed((void **)&w, ASKED);
    expect(w, "False", "NamespaceMissing", "namespace monitoring does not exist: create it, or name another one in");
    expect_status(w, "Status", "Available");
    expect_plan(w, "");
    world_put_namespace(w, "monitoring", NULL);
    w->prometheus.body = ANSWER(SERIES("istiod", "1", "2"));
    expect_plan(w, "create ConfigMap/monitoring/istio-scrape-config: not there yet\n");
    expect(w, "True", "TargetsUp", "");
    world_delete(w, "v1", "Namespace", NULL, "monitoring");
    world_delete(w, "v1", "ConfigMap", "monitoring", "istio-scrape-config");
    expect(w, "False", "NamespaceMissing", "");
    expect_status(w, "Status", "Available");
    mesh_end((void **)&w);
}

static void a_namespace_that_is_being_deleted_counts_as_missing(void **state)
{
    struct world *w = *state;
    json_t *namespace = world_get(w, "v1", "Namespace", NULL, "monitoring");

    json_object_set_new(
        json_object_get(namespace, "metadata"), "deletionTimestamp", json_string("2026-01-01T00:00:00Z"));
    world_put(w, namespace);
    world_delete(w, "v1", "ConfigMap", "monitoring", "istio-scrape-config");
    expect(w, "False", "NamespaceMissing", "monitoring");
    assert_false(is_in_monitoring(w));
}

static void what_cannot_be_written_keeps_the_mesh_from_nothing(void **state)
{
    struct world *w;

    (void)state;
    mesh_begin_today_installed((void **)&w, ASKED);
    world_fail(w, ERR_FORBIDDEN, KUBE_CREATE, "ConfigMap/monitoring/istio-scrape-config", "exceeded quota");
    w->held = true;
    world_put_namespace(w, "monitoring", NULL);
    expect(w, "False", "NotWritten", "ConfigMap/monitoring/istio-scrape-config: exceeded quota");
    expect_status(w, "Status", "Available");
    mesh_end((void **)&w);
}

static void another_namespace_moves_it(void **state)
{
    struct world *w = *state;

    world_put_mesh(w, WITH("{\"mode\": \"ScrapeConfig\"}"));
    settle(w);
    assert_true(world_has(w, "v1", "ConfigMap", NS, "istio-scrape-config"));
    assert_false(world_has(w, "v1", "ConfigMap", "monitoring", "istio-scrape-config"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, mesh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(targets_are_counted),
        TEST(jobs_of_others_do_not_count),
        TEST(no_target_is_told_with_what_to_do),
        TEST(a_server_that_does_not_answer_is_named),
        TEST(an_odd_answer_is_no_harm),
        TEST(what_was_answered_stays_until_the_next_answer),
        TEST(a_settled_mesh_that_is_scraped_writes_nothing),
        TEST(the_question_names_the_jobs_of_the_line),
        cmocka_unit_test(nothing_is_asked_where_nothing_is_to_be_scraped),
        TEST(off_takes_away_what_was_made_and_nothing_else),
        cmocka_unit_test(a_namespace_that_is_not_there_is_told_and_awaited),
        TEST(a_namespace_that_is_being_deleted_counts_as_missing),
        cmocka_unit_test(what_cannot_be_written_keeps_the_mesh_from_nothing),
        TEST(another_namespace_moves_it),
    };

    return cmocka_run_group_tests_name("controllers monitoring", tests, NULL, NULL);
}
