#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "kube/kind.h"

static const char *const service_foreign[] = {"spec.clusterIP", "spec.ports[].nodePort", NULL};

static const struct kube_kind rows[] = {
    {.kind = "Service",
     .plural = "services",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .foreign = service_foreign},
    {.kind = "HorizontalPodAutoscaler",
     .plural = "horizontalpodautoscalers",
     .group = "autoscaling",
     .versions = {{"v2", 23, 0}, {"v2beta2", 12, 25}, {"v2beta1", 8, 24}},
     .namespaced = true},
    {.kind = "Service",
     .plural = "services",
     .group = "serving.example.com",
     .versions = {{"v1", 0, 0}},
     .custom = true},
    {.kind = "Endpoints",
     .plural = "endpoints",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .unkeyed = true},
};
static const struct kube_kind_table table = {rows, ARRAY_LEN(rows)};

static void kinds_are_found_by_name_and_group(void **state)
{
    (void)state;
    assert_ptr_equal(kube_kind_find(&table, "v1", "Service"), &rows[0]);
    assert_ptr_equal(kube_kind_find(&table, "serving.example.com/v1beta9", "Service"), &rows[2]);
    assert_ptr_equal(kube_kind_find(&table, "autoscaling/v2", "HorizontalPodAutoscaler"), &rows[1]);
    assert_null(kube_kind_find(&table, "apps/v1", "Service"));
    assert_null(kube_kind_find(&table, "serving/v1", "Service"));
    assert_null(kube_kind_find(&table, "v1", "Services"));
}

static void the_best_version_of_a_release_is_chosen(void **state)
{
    (void)state;
    assert_string_equal(kube_kind_version_for(&rows[1], 20), "v2beta2");
    assert_string_equal(kube_kind_version_for(&rows[1], 10), "v2beta1");
    assert_string_equal(kube_kind_version_for(&rows[1], 23), "v2");
    assert_string_equal(kube_kind_version_for(&rows[1], 30), "v2");
    assert_null(kube_kind_version_for(&rows[1], 7));
}

static void api_versions_read_as_in_documents(void **state)
{
    char text[128];

    (void)state;
    kube_api_version(&rows[0], "v1", text);
    assert_string_equal(text, "v1");
    kube_api_version(&rows[1], "v2beta1", text);
    assert_string_equal(text, "autoscaling/v2beta1");
}

static bool same(const struct merge_rules *rules, const char *path, json_t *a, json_t *b)
{
    bool result = rules->same(path, a, b);

    json_decref(a);
    json_decref(b);
    return result;
}

static void quantities_count_only_where_quantities_are(void **state)
{
    struct kube_merge merge;
    const char *limits = "spec.template.spec.containers[discovery].resources.limits.cpu";

    (void)state;
    kube_merge_init(&rows[0], NULL, &merge);
    assert_true(same(&merge.rules, limits, json_string("1000m"), json_string("1")));
    assert_true(same(&merge.rules, limits, json_integer(1), json_string("1")));
    assert_true(same(&merge.rules, limits, json_real(0.5), json_string("500m")));
    assert_true(
        same(&merge.rules, "spec.containers[a].resources.requests.example.com/gpu", json_integer(2), json_string("2")));
    assert_true(same(&merge.rules, "spec.volumes[a].emptyDir.sizeLimit", json_string("1Gi"), json_string("1024Mi")));
    assert_false(same(&merge.rules, limits, json_string("2"), json_string("1")));
    assert_false(same(&merge.rules, limits, json_true(), json_string("1")));
    assert_false(same(&merge.rules, "metadata.annotations.size", json_string("1000m"), json_string("1")));
    assert_false(same(&merge.rules, "spec.maxResources.limits.cpu", json_string("1000m"), json_string("1")));
    /* Lists of resources are rounded to thousandths, other quantities are not. */
    assert_true(same(&merge.rules, limits, json_string("1.5m"), json_string("2m")));
    assert_true(same(&merge.rules, limits, json_real(0.0015), json_string("2m")));
    assert_false(same(&merge.rules, "spec.volumes[].emptyDir.sizeLimit", json_string("1.5m"), json_string("2m")));
    assert_true(same(&merge.rules, "spec.metrics[].object.target.value", json_string("1000m"), json_string("1")));
}

static void what_the_server_chooses_is_left_to_it(void **state)
{
    struct kube_merge merge;

    (void)state;
    kube_merge_init(&rows[0], NULL, &merge);
    assert_true(same(&merge.rules, "spec.clusterIP", json_string(""), json_string("10.0.0.1")));
    assert_true(same(&merge.rules, "spec.ports[].nodePort", json_integer(0), json_integer(31000)));
    assert_false(same(&merge.rules, "spec.ports[].nodePort", json_integer(1), json_integer(31000)));
    assert_false(same(&merge.rules, "spec.ports[].port", json_integer(0), json_integer(31000)));
    assert_false(same(&merge.rules, "spec.clusterIP", json_string("None"), json_string("10.0.0.1")));
}

static void rules_follow_from_the_row(void **state)
{
    struct kube_merge merge;

    (void)state;
    kube_merge_init(&rows[0], NULL, &merge);
    assert_true(merge.rules.empty_is_absent);
    assert_true(merge.rules.empty_counts(merge.rules.context, "metadata.labels.example.com/marked"));
    assert_true(merge.rules.empty_counts(merge.rules.context, "spec.template.metadata.annotations.a"));
    assert_false(merge.rules.empty_counts(merge.rules.context, "spec.template.metadata.annotations"));
    assert_false(merge.rules.empty_counts(merge.rules.context, "spec.sublabels.a"));
    assert_true(merge.rules.foreign(merge.rules.context, "spec.clusterIP"));
    assert_true(merge.rules.foreign(merge.rules.context, "spec.ports[].nodePort"));
    assert_false(merge.rules.foreign(merge.rules.context, "spec.ports[].port"));
    assert_false(merge.rules.foreign(merge.rules.context, "spec.clusterIPs"));
    assert_false(merge.rules.foreign(merge.rules.context, "spec"));

    kube_merge_init(&rows[2], NULL, &merge);
    assert_false(merge.rules.empty_is_absent);
    assert_null(merge.rules.same);
    assert_false(merge.rules.foreign(merge.rules.context, "spec"));
    assert_string_equal(merge.rules.keys[0].field, "ownerReferences");
}

/* A port of another client beside ours, and what becomes of it by the rules of a row. */
static char *merged_ports(const struct kube_kind *kind)
{
    _cleanup_json_ json_t *desired = OBJECT(SEQ("ports", ITEM(INT("port", 15010))));
    _cleanup_json_ json_t *live = OBJECT(SEQ("ports", ITEM(INT("port", 15010)), ITEM(INT("port", 80))));
    struct kube_merge how;
    struct merge merge;
    char *text;

    kube_merge_init(kind, NULL, &how);
    merge_three_way(NULL, desired, live, &how.rules, &merge);
    text = doc_text(json_object_get(merge.result, "ports"));
    merge_release(&merge);
    return text;
}

static void sequences_without_keys_are_written_whole(void **state)
{
    _cleanup_free_ char *keyed = merged_ports(&rows[0]), *unkeyed = merged_ports(&rows[3]);

    (void)state;
    assert_string_equal(keyed, "[{\"port\":15010},{\"port\":80}]");
    assert_string_equal(unkeyed, "[{\"port\":15010}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_found_by_name_and_group),
        cmocka_unit_test(the_best_version_of_a_release_is_chosen),
        cmocka_unit_test(api_versions_read_as_in_documents),
        cmocka_unit_test(quantities_count_only_where_quantities_are),
        cmocka_unit_test(what_the_server_chooses_is_left_to_it),
        cmocka_unit_test(rules_follow_from_the_row),
        cmocka_unit_test(sequences_without_keys_are_written_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
