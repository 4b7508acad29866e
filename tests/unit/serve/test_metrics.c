/* What the metrics say of a mesh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/common/alerts.h"
#include "mesh/common/panels.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"
#include "serve/metrics.h"

static char *metrics_of(json_t *status)
{
    _cleanup_kube_cache_ struct kube_cache *cache = kube_cache_new(&mesh_kinds, MARK_OWNER);
    _cleanup_json_ json_t *mesh = OBJECT(
        MAP("metadata",
            STRING("name", "istio"),
            STRING("namespace", "istio-system"),
            STRING("uid", "u"),
            STRING("resourceVersion", "1")),
        VALUE("status", status));
    struct buf out = BUF_INIT;

    kube_cache_put(cache, mesh_kind(KIND_ISTIO), mesh);
    metrics_print_meshes(cache, &out);
    return buf_take(&out);
}

static json_t *line(const char *reason, bool is_complete)
{
    return OBJECT(
        STRING("kind", "Deployment"),
        STRING("name", "a"),
        STRING("reason", reason),
        OPT(is_complete, STRING("completed", "2026-11-29T12:00:00Z")));
}

static void the_renewal_of_sidecars_is_counted(void **state)
{
    static const char *const lines[] = {
        "renewal_outdated_workloads{namespace=\"istio-system\",mesh=\"istio\"} 7\n",
        "renewal_waiting_workloads{namespace=\"istio-system\",mesh=\"istio\"} 3\n",
        "renewal_restarted_workloads{namespace=\"istio-system\",mesh=\"istio\"} 1\n",
        "renewal_failed_workloads{namespace=\"istio-system\",mesh=\"istio\"} 2\n",
        "renewal_blocked_workloads{namespace=\"istio-system\",mesh=\"istio\"} 4\n",
    };
    _cleanup_free_ char *text = metrics_of(OBJECT(
        MAP("sidecarRenewal",
            INT("left", 7),
            INT("waiting", 3),
            INT("blockedCount", 4),
            SEQ("renewing", ITEM_VALUE(line(NULL, false)), ITEM_VALUE(line(NULL, true))),
            SEQ("blocked",
                ITEM_VALUE(line("RolloutTimedOut", false)),
                ITEM_VALUE(line("Paused", false)),
                ITEM_VALUE(line("RolloutTimedOut", false))))));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("%s is missing in %s", lines[i], text);
    assert_null(strstr(text, "upgrade_phase{"));
}

static void a_change_of_the_version_is_reported(void **state)
{
    _cleanup_free_ char *text = metrics_of(OBJECT(
        MAP("upgrade", STRING("phase", "Preflight"), STRING("progress", "x")),
        SEQ("conditions", ITEM(STRING("type", "UpgradeBlocked"), STRING("status", "True")))));
    _cleanup_free_ char *over = metrics_of(OBJECT(MAP("upgrade", STRING("phase", "Complete"))));

    (void)state;
    assert_non_null(strstr(text, "upgrade_phase{namespace=\"istio-system\",mesh=\"istio\",phase=\"Preflight\"} 1\n"));
    assert_non_null(strstr(text, "upgrade_blocked{namespace=\"istio-system\",mesh=\"istio\"} 1\n"));
    assert_null(strstr(text, "renewal_outdated_workloads{"));
    assert_null(strstr(over, "upgrade_phase{"));
    assert_null(strstr(over, "upgrade_blocked{"));
}

static void a_mesh_is_ready_or_not(void **state)
{
    _cleanup_free_ char *ready =
        metrics_of(OBJECT(SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
    _cleanup_free_ char *stuck =
        metrics_of(OBJECT(SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "False")))));
    _cleanup_free_ char *new = metrics_of(NULL);

    (void)state;
    assert_non_null(strstr(ready, "resource_ready{kind=\"Istio\",namespace=\"istio-system\",name=\"istio\"} 1\n"));
    assert_non_null(strstr(stuck, "resource_ready{kind=\"Istio\",namespace=\"istio-system\",name=\"istio\"} 0\n"));
    assert_non_null(strstr(new, "resource_ready{kind=\"Istio\",namespace=\"istio-system\",name=\"istio\"} 0\n"));
}

/* How many of the operator's metrics the query asks for, by the operator's job. */
static size_t check_query(const char *title, const char *query, const char *known)
{
    static const char prefix[] = "istio_operator_";
    size_t count = 0;

    for (const char *at = query; (at = strstr(at, prefix)); count++) {
        size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        _cleanup_free_ char *name = str_dup_n(at, len);
        if (str_ends(name, "_bucket"))
            name[len - strlen("_bucket")] = 0;
        if (!strstr(known, name))
            fail_msg("%s: %s is no metric", title, name);
        at += len;
        if (!str_starts(at, "{job=\"istio-operator\"}"))
            fail_msg("%s: %s is asked for of any job", title, name);
    }
    return count;
}

/* A typing error would be a panel without data, or an alert that never fires. */
static void dashboards_and_alerts_ask_for_what_the_operator_has(void **state)
{
    _cleanup_buf_ struct buf known = BUF_INIT;
    size_t shown = 0;

    (void)state;
    metrics_document(&known);
    for (const struct dashboard *d = mesh_dashboard_table; d->name; d++)
        for (const struct panel *p = d->panels; p->title; p++)
            for (size_t q = 0; q < PANEL_QUERIES_MAX; q++)
                shown += check_query(p->title, str_or(p->queries[q].of[MESH_METRICS_TODAY], ""), buf_str(&known));
    assert_true(shown > 10);
    for (const struct mesh_alert *a = mesh_alert_table; a->name; a++)
        assert_int_equal(check_query(a->name, a->query, buf_str(&known)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dashboards_and_alerts_ask_for_what_the_operator_has),
        cmocka_unit_test(a_mesh_is_ready_or_not),
        cmocka_unit_test(the_renewal_of_sidecars_is_counted),
        cmocka_unit_test(a_change_of_the_version_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
