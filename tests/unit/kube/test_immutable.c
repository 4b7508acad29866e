/* What no update can change is known before it is tried. */
#include "../doc/documents.h"

#include "kube/immutable.h"
#include "kube/kind.h"

struct immutable_case {
    const char *kind;
    const char *desired, *live;
    int minor;
    const char *why; /* NULL: an update can change it */
};

static const struct immutable_case cases[] = {
    {"ConfigMap", "{'data': {'mesh': 'x'}}", "{'immutable': true, 'data': {'mesh': 'y'}}", 20,
     "it is immutable and has other data; delete it, and the operator creates it again"},
    {"ConfigMap", "{'data': {'mesh': 'x'}}", "{'immutable': true, 'binaryData': {'mesh': 'eA=='}}", 20,
     "it is immutable and has other data; delete it, and the operator creates it again"},
    {"ConfigMap", "{'data': {'mesh': 'x'}}", "{'immutable': false, 'data': {'mesh': 'y'}}", 20, NULL},
    {"ConfigMap", "{'data': {'mesh': 'x'}, 'metadata': {'labels': {'a': 'b'}}}",
     "{'immutable': true, 'data': {'mesh': 'x'}}", 20, NULL},
    {"ConfigMap", "{'data': {'mesh': 'x'}}", "{'immutable': true, 'data': {'mesh': 'x'}}", 20, NULL},
    {"Secret", "{'data': {'key': 'c2VjcmV0'}}", "{'immutable': true, 'data': {'key': 'eA=='}}", 20,
     "it is immutable and has other data; delete it, and the operator creates it again"},
    {"Secret", "{'type': 'a'}", "{'type': 'b'}", 20,
     "it has another type, which no update can change; delete it, and the operator creates it again"},
    {"Deployment", "{'spec': {'selector': {'matchLabels': {'a': 'b'}}}}",
     "{'spec': {'selector': {'matchLabels': {'a': 'c'}}}}", 20,
     "it has another spec.selector, which no update can change; delete it, and the operator creates it again"},
    {"Deployment", "{'spec': {'selectors': 'a'}}", "{'spec': {'selectors': 'b'}}", 20, NULL},
    {"ClusterRole", "{'rules': [{'verbs': ['get']}]}",
     "{'rules': [{'verbs': ['get']}], 'aggregationRule': {'clusterRoleSelectors': []}}", 20,
     "it has another aggregationRule, which only an administrator can change; delete it, and the operator creates it "
     "again"},
    {"ClusterRoleBinding", "{'roleRef': {'name': 'a'}}", "{'roleRef': {'name': 'b'}}", 20,
     "it has another roleRef, which no update can change; delete it, and the operator creates it again"},
    {"Service", "{'spec': {'clusterIP': 'None'}}", "{'spec': {'clusterIP': '10.0.0.1'}}", 20,
     "it has another spec.clusterIP, which no update can change; delete it, and the operator creates it again"},
    {"Service", "{'spec': {'clusterIP': 'None'}}", "{'spec': {'type': 'ExternalName'}}", 20, NULL},
    {"Service", "{'spec': {'clusterIP': 'None'}}", "{'spec': {'type': 'ExternalName', 'clusterIP': ''}}", 20, NULL},
    {"Service", "{'spec': {'type': 'ExternalName'}}", "{'spec': {'clusterIP': '10.0.0.1'}}", 20, NULL},
    {"CustomResourceDefinition", "{'spec': {'scope': 'Cluster'}}", "{'spec': {'scope': 'Namespaced'}}", 20,
     "it has another spec.scope, which no update can change; delete it, which deletes all its resources, and the "
     "operator creates it again"},
    {"PodDisruptionBudget", "{'spec': {'minAvailable': 1}}", "{'spec': {'minAvailable': 2}}", 14,
     "it has another spec, which no update can change; delete it, and the operator creates it again"},
    {"PodDisruptionBudget", "{'spec': {'minAvailable': 1}}", "{'spec': {'minAvailable': 2}}", 15, NULL},
    {"PodDisruptionBudget", "{'spec': {'minAvailable': 1}}", "{'spec': {'minAvailable': 2}}", 0, NULL},
};

static void what_no_update_changes_is_reported_with_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct immutable_case *c = &cases[i];
        const struct kube_kind kind = {.kind = c->kind, .group = "", .namespaced = true};
        _cleanup_json_ json_t *desired = doc(c->desired), *live = doc(c->live);
        _cleanup_buf_ struct buf why = BUF_INIT;
        struct kube_merge how;
        struct merge merge;

        kube_merge_init(&kind, NULL, &how);
        merge_three_way(NULL, desired, live, &how.rules, &merge);
        if (kube_immutable(&kind, c->minor, live, &merge, &why) != (c->why != NULL))
            fail_msg("%s %s over %s: \"%s\"", c->kind, c->desired, c->live, buf_str(&why));
        assert_string_equal(buf_str(&why), str_or(c->why, ""));
        merge_release(&merge);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_update_changes_is_reported_with_what_to_do),
    };

    return cmocka_run_group_tests_name("kube immutable", tests, NULL, NULL);
}
