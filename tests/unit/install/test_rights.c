/* The operator's rights: all that it needs in a cluster of each role, and nothing that it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "install/manifests.h"
#include "install/rights.h"

static bool has(const json_t *seq, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach(seq, i, item)
        if (str_eq(json_string_value(item), text))
            return true;
    return false;
}

static bool allows(const json_t *rules, const char *group, const char *resource, const char *verb)
{
    json_t *rule;
    size_t i;

    json_array_foreach(rules, i, rule)
        if (has(doc_at(rule, "apiGroups"), group) && has(doc_at(rule, "resources"), resource) &&
            has(doc_at(rule, "verbs"), verb))
            return true;
    return false;
}

static void a_remote_cluster_gives_what_is_done_there(void **state)
{
    static const struct {
        const char *group, *resource, *verb;
        bool allowed;
    } cases[] = {
        {"", "namespaces", "create", true},
        {"", "namespaces", "patch", true},
        {"", "endpoints", "update", true},
        {"", "services", "create", true},
        {"", "secrets", "create", true},
        {"", "serviceaccounts", "create", true},
        {"apps", "deployments", "update", true},
        {"apiextensions.k8s.io", "customresourcedefinitions", "create", true},
        {"istio.banzaicloud.io", "istios", "create", true},
        {"istio.banzaicloud.io", "istios", "delete", true},
        {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create", true},
        {"rbac.authorization.k8s.io", "clusterroles", "create", true},
        {"authentication.k8s.io", "tokenreviews", "create", true}, /* given to Citadel of Istio 1.1 */
        /* what Pilot reads */
        {"", "nodes", "list", true},
        {"", "pods", "get", true},
        {"", "services", "watch", true},
        {"", "endpoints", "get", true},
        /* nobody's business there */
        {"", "nodes", "update", false},
        {"", "pods", "create", false},
        {"", "pods", "delete", false},
        {"", "namespaces", "delete", false},
        {"", "events", "create", false},
        {"istio.banzaicloud.io", "istios/status", "update", false},
        {"istio.banzaicloud.io", "istios", "patch", false},
        {"istio.banzaicloud.io", "remoteistios", "list", false},
        {"admissionregistration.k8s.io", "validatingwebhookconfigurations", "delete", false},
        {"networking.istio.io", "gateways", "create", false},
        {"*", "*", "*", false},
        {"rbac.authorization.k8s.io", "clusterroles", "escalate", false},
        {"rbac.authorization.k8s.io", "clusterroles", "bind", false},
    };
    _cleanup_json_ json_t *rules = rights_rules(MESH_REMOTE);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (allows(rules, cases[i].group, cases[i].resource, cases[i].verb) != cases[i].allowed)
            fail_msg(
                "%s/%s %s should%s be allowed",
                cases[i].group,
                cases[i].resource,
                cases[i].verb,
                cases[i].allowed ? "" : " not");
}

static void what_programs_made_can_be_found_and_removed(void **state)
{
    static const unsigned roles[] = {MESH_CENTRAL, MESH_REMOTE};
    static const char *const verbs[] = {"list", "watch", "delete"};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
        _cleanup_json_ json_t *rules = rights_rules(roles[r]);
        const struct mesh_made *made;
        for (size_t i = 0; (made = mesh_made_next(roles[r], &i));)
            for (size_t v = 0; v < ARRAY_LEN(verbs); v++)
                assert_true(allows(rules, mesh_kind(made->kind)->group, mesh_kind(made->kind)->plural, verbs[v]));
    }
}

/* Kubernetes lets nobody grant what they do not have. */
static void check_granted(const json_t *rules, const char *name, const json_t *role)
{
    json_t *rule, *group, *resource, *verb;
    size_t i, k, m, n;

    json_array_foreach(doc_at(role, "rules"), i, rule)
        json_array_foreach(doc_at(rule, "apiGroups"), k, group)
            json_array_foreach(doc_at(rule, "resources"), m, resource)
                json_array_foreach(doc_at(rule, "verbs"), n, verb)
                    if (!allows(rules, json_string_value(group), json_string_value(resource), json_string_value(verb)))
                        fail_msg(
                            "%s: %s/%s %s",
                            name,
                            json_string_value(group),
                            json_string_value(resource),
                            json_string_value(verb));
}

static bool runs_in(const char *name, unsigned role)
{
    return role == MESH_CENTRAL || strstr(name, "citadel") || strstr(name, "sidecar-injector");
}

static void what_is_granted_is_held(void **state)
{
    static const unsigned roles[] = {MESH_CENTRAL, MESH_REMOTE};
    _cleanup_json_ json_t *resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", "istio"), STRING("namespace", "istio-system")));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_desired_ struct desired_set *desired = NULL;
    const char *versions[KIND_COUNT];

    (void)state;
    mesh_versions_for(20, versions);
    desired = mesh_desired_objects(resource, 20, versions, &problems);
    assert_non_null(desired);
    for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
        _cleanup_json_ json_t *rules = rights_rules(roles[r]);
        size_t count = 0;
        for (size_t i = 0; i < desired->len; i++) {
            const struct desired *w = &desired->items[i];
            _cleanup_json_ json_t *object = NULL;
            if (!str_eq(w->kind->kind, "ClusterRole") || !runs_in(w->name, roles[r]))
                continue;
            assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &object, NULL), 0);
            check_granted(rules, w->name, object);
            count++;
        }
        assert_true(count >= 2);
    }
}

static void every_own_right_is_in_the_rules(void **state)
{
    static const unsigned roles[] = {MESH_CENTRAL, MESH_REMOTE};

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
        _cleanup_json_ json_t *rules = rights_rules(roles[r]), *own = rights_own(roles[r]);
        json_t *right;
        size_t i;
        assert_true(json_array_size(own) > 30);
        json_array_foreach(own, i, right) {
            _cleanup_free_ char *text = str_dup(json_string_value(right));
            char *verb = strrchr(text, ' '), *resource = strchr(text, '/');
            *verb++ = *resource++ = '\0';
            if (!allows(rules, text, resource, verb))
                fail_msg("%s", json_string_value(right));
        }
    }
}

static void the_printed_account_has_the_printed_rights(void **state)
{
    const struct manifest_options options = {.ns = "elsewhere", .minor = 20};
    _cleanup_json_ json_t *documents = manifests_remote(&options), *rules = rights_rules(MESH_REMOTE);
    const json_t *account = doc_find(documents, "kind", "ServiceAccount");
    const json_t *role = doc_find(documents, "kind", "ClusterRole");
    const json_t *binding = doc_find(documents, "kind", "ClusterRoleBinding");
    const json_t *subject = json_array_get(doc_at(binding, "subjects"), 0);

    (void)state;
    assert_string_equal(doc_string(doc_find(documents, "kind", "Namespace"), "metadata", "name"), "elsewhere");
    assert_true(doc_equal(doc_at(role, "rules"), rules));
    assert_string_equal(doc_string(role, "metadata", "name"), "istio-operator-remote");
    assert_string_equal(doc_string(binding, "roleRef", "name"), "istio-operator-remote");
    assert_string_equal(doc_string(subject, "name"), doc_string(account, "metadata", "name"));
    assert_string_equal(doc_string(subject, "namespace"), "elsewhere");
    assert_string_equal(doc_string(account, "metadata", "namespace"), "elsewhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_remote_cluster_gives_what_is_done_there),
        cmocka_unit_test(what_programs_made_can_be_found_and_removed),
        cmocka_unit_test(what_is_granted_is_held),
        cmocka_unit_test(every_own_right_is_in_the_rules),
        cmocka_unit_test(the_printed_account_has_the_printed_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
