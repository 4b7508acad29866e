/* What `manifests` installs: the Pod may do no more than it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "install/manifests.h"

static json_t *find_for(const char *kind, int minor)
{
    const struct manifest_options options = {.ns = "istio-system", .image = "image:1", .minor = minor};
    _cleanup_json_ json_t *all = manifests_all(&options);
    json_t *found = json_incref(doc_find(all, "kind", kind));

    assert_non_null(found);
    return found;
}

static json_t *find(const char *kind)
{
    return find_for(kind, 20);
}

static void the_pod_runs_as_nobody_under_seccomp(void **state)
{
    _cleanup_json_ json_t *set = find("StatefulSet");
    const json_t *pod = doc_at(set, "spec", "template", "spec"), *context = doc_at(pod, "securityContext");

    (void)state;
    assert_true(doc_bool(doc_at(context, "runAsNonRoot"), false));
    assert_true(doc_int(doc_at(context, "runAsUser"), 0) > 0);
    assert_true(doc_int(doc_at(context, "runAsGroup"), 0) > 0);
    assert_string_equal(doc_string(context, "seccompProfile", "type"), "RuntimeDefault");
    assert_null(doc_at(pod, "hostNetwork"));
    assert_null(doc_at(pod, "hostPID"));
    assert_null(doc_at(pod, "hostIPC"));
}

static void its_containers_have_no_privileges_and_write_nothing(void **state)
{
    _cleanup_json_ json_t *set = find("StatefulSet");
    const json_t *containers = doc_at(set, "spec", "template", "spec", "containers"), *container;
    size_t i;

    (void)state;
    assert_true(json_array_size(containers) > 0);
    json_array_foreach(containers, i, container) {
        const json_t *context = doc_at(container, "securityContext"), *drop = doc_at(context, "capabilities", "drop");
        assert_false(doc_bool(doc_at(context, "allowPrivilegeEscalation"), true));
        assert_true(doc_bool(doc_at(context, "readOnlyRootFilesystem"), false));
        assert_false(doc_bool(doc_at(context, "privileged"), false));
        assert_string_equal(json_string_value(json_array_get(drop, 0)), "ALL");
        assert_null(doc_at(context, "capabilities", "add"));
        assert_non_null(doc_at(container, "resources", "limits", "memory"));
    }
}

/* The minor versions of Kubernetes that serve them, as the "Deprecated API Migration Guide" has it; 0: to this day. */
static const struct {
    const char *api_version;
    int from, to;
} served[] = {
    {"v1", 0, 0},
    {"apps/v1", 9, 0},
    {"rbac.authorization.k8s.io/v1", 8, 0},
    {"policy/v1beta1", 5, 24},
    {"policy/v1", 21, 0},
    {"apiextensions.k8s.io/v1beta1", 7, 21},
    {"apiextensions.k8s.io/v1", 16, 0},
    {"admissionregistration.k8s.io/v1beta1", 9, 21},
    {"admissionregistration.k8s.io/v1", 16, 0},
};

/*
 * All fields that are printed, and the minor version whose Go types (k8s.io/api, k8s.io/apiextensions-apiserver) are
 * the first to have them; 10 is the first that was looked at. kubectl refuses an object with a field that the server
 * does not know.
 */
static const struct {
    const char *kind, *path;
    int since;
} fields[] = {
    {"ClusterRole", "rules[].apiGroups", 10},
    {"ClusterRole", "rules[].resources", 10},
    {"ClusterRole", "rules[].verbs", 10},
    {"ClusterRoleBinding", "roleRef.apiGroup", 10},
    {"ClusterRoleBinding", "roleRef.kind", 10},
    {"ClusterRoleBinding", "roleRef.name", 10},
    {"ClusterRoleBinding", "subjects[].kind", 10},
    {"ClusterRoleBinding", "subjects[].name", 10},
    {"ClusterRoleBinding", "subjects[].namespace", 10},
    {"CustomResourceDefinition", "spec.additionalPrinterColumns[].JSONPath", 11},
    {"CustomResourceDefinition", "spec.additionalPrinterColumns[].description", 11},
    {"CustomResourceDefinition", "spec.additionalPrinterColumns[].name", 11},
    {"CustomResourceDefinition", "spec.additionalPrinterColumns[].priority", 11},
    {"CustomResourceDefinition", "spec.additionalPrinterColumns[].type", 11},
    {"CustomResourceDefinition", "spec.group", 10},
    {"CustomResourceDefinition", "spec.names.kind", 10},
    {"CustomResourceDefinition", "spec.names.listKind", 10},
    {"CustomResourceDefinition", "spec.names.plural", 10},
    {"CustomResourceDefinition", "spec.names.singular", 10},
    {"CustomResourceDefinition", "spec.scope", 10},
    {"CustomResourceDefinition", "spec.subresources.status", 10},
    {"CustomResourceDefinition", "spec.validation.openAPIV3Schema", 10},
    {"CustomResourceDefinition", "spec.version", 10},
    {"CustomResourceDefinition", "spec.versions[].additionalPrinterColumns[].description", 16},
    {"CustomResourceDefinition", "spec.versions[].additionalPrinterColumns[].jsonPath", 16},
    {"CustomResourceDefinition", "spec.versions[].additionalPrinterColumns[].name", 16},
    {"CustomResourceDefinition", "spec.versions[].additionalPrinterColumns[].priority", 16},
    {"CustomResourceDefinition", "spec.versions[].additionalPrinterColumns[].type", 16},
    {"CustomResourceDefinition", "spec.versions[].name", 16},
    {"CustomResourceDefinition", "spec.versions[].schema.openAPIV3Schema", 16},
    {"CustomResourceDefinition", "spec.versions[].served", 16},
    {"CustomResourceDefinition", "spec.versions[].storage", 16},
    {"CustomResourceDefinition", "spec.versions[].subresources.status", 16},
    {"PodDisruptionBudget", "spec.maxUnavailable", 10},
    {"PodDisruptionBudget", "spec.selector.matchLabels", 10},
    {"Service", "spec.ports[].name", 10},
    {"Service", "spec.ports[].port", 10},
    {"Service", "spec.ports[].targetPort", 10},
    {"Service", "spec.selector", 10},
    {"StatefulSet", "spec.replicas", 10},
    {"StatefulSet", "spec.selector.matchLabels", 10},
    {"StatefulSet", "spec.serviceName", 10},
    {"StatefulSet", "spec.template.metadata.annotations", 10},
    {"StatefulSet", "spec.template.metadata.labels", 10},
    {"StatefulSet",
     "spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm."
     "labelSelector.matchLabels",
     10},
    {"StatefulSet",
     "spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm."
     "topologyKey",
     10},
    {"StatefulSet",
     "spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].weight",
     10},
    {"StatefulSet", "spec.template.spec.containers[].args", 10},
    {"StatefulSet", "spec.template.spec.containers[].image", 10},
    {"StatefulSet", "spec.template.spec.containers[].livenessProbe.httpGet.path", 10},
    {"StatefulSet", "spec.template.spec.containers[].livenessProbe.httpGet.port", 10},
    {"StatefulSet", "spec.template.spec.containers[].livenessProbe.periodSeconds", 10},
    {"StatefulSet", "spec.template.spec.containers[].name", 10},
    {"StatefulSet", "spec.template.spec.containers[].ports[].containerPort", 10},
    {"StatefulSet", "spec.template.spec.containers[].ports[].name", 10},
    {"StatefulSet", "spec.template.spec.containers[].readinessProbe.httpGet.path", 10},
    {"StatefulSet", "spec.template.spec.containers[].readinessProbe.httpGet.port", 10},
    {"StatefulSet", "spec.template.spec.containers[].readinessProbe.periodSeconds", 10},
    {"StatefulSet", "spec.template.spec.containers[].resources.limits", 10},
    {"StatefulSet", "spec.template.spec.containers[].resources.requests", 10},
    {"StatefulSet", "spec.template.spec.containers[].securityContext.allowPrivilegeEscalation", 10},
    {"StatefulSet", "spec.template.spec.containers[].securityContext.capabilities.drop", 10},
    {"StatefulSet", "spec.template.spec.containers[].securityContext.readOnlyRootFilesystem", 10},
    {"StatefulSet", "spec.template.spec.securityContext.runAsGroup", 10},
    {"StatefulSet", "spec.template.spec.securityContext.runAsNonRoot", 10},
    {"StatefulSet", "spec.template.spec.securityContext.runAsUser", 10},
    {"StatefulSet", "spec.template.spec.securityContext.seccompProfile.type", 19},
    {"StatefulSet", "spec.template.spec.serviceAccountName", 10},
    {"StatefulSet", "spec.template.spec.terminationGracePeriodSeconds", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].admissionReviewVersions", 14},
    {"ValidatingWebhookConfiguration", "webhooks[].clientConfig.caBundle", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].clientConfig.service.name", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].clientConfig.service.namespace", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].clientConfig.service.path", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].failurePolicy", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].name", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].rules[].apiGroups", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].rules[].apiVersions", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].rules[].operations", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].rules[].resources", 10},
    {"ValidatingWebhookConfiguration", "webhooks[].sideEffects", 12},
    {"ValidatingWebhookConfiguration", "webhooks[].timeoutSeconds", 14},
};

/* What these hold is named by users. A schema has its own test. */
static bool is_open(const char *path)
{
    static const char *const ends[] = {
        "labels", "annotations", "matchLabels", "requests", "limits", "openAPIV3Schema", "spec.selector"};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends(path, ends[i]))
            return true;
    return false;
}

static void check_field(const char *kind, const char *path, int minor)
{
    if (str_starts(path, "metadata") || str_eq(path, "apiVersion") || str_eq(path, "kind"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!str_eq(fields[i].kind, kind) || !str_eq(fields[i].path, path))
            continue;
        if (fields[i].since > minor)
            fail_msg(
                "%s %s is printed for Kubernetes 1.%d, which does not know it before 1.%d",
                kind,
                path,
                minor,
                fields[i].since);
        return;
    }
    fail_msg("%s %s: look up since which Kubernetes it is known, and note it above", kind, path);
}

static void check_fields(const char *kind, const json_t *value, const char *path, int minor)
{
    const char *key;
    json_t *item;
    size_t i;

    if ((!json_object_size(value) && !json_is_array(value)) || (is_open(path) && !doc_at(value, "matchLabels"))) {
        check_field(kind, path, minor);
        return;
    }
    json_object_foreach((json_t *)value, key, item) {
        _cleanup_free_ char *inner = str_printf("%s%s%s", path, *path ? "." : "", key);
        check_fields(kind, item, inner, minor);
    }
    json_array_foreach(value, i, item) {
        _cleanup_free_ char *inner = str_printf("%s%s", path, json_is_object(item) ? "[]" : "");
        check_fields(kind, item, inner, minor);
    }
}

static void check_served(const char *api_version, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(served); i++)
        if (str_eq(served[i].api_version, api_version) && served[i].from <= minor &&
            (!served[i].to || minor <= served[i].to))
            return;
    fail_msg("%s is printed for Kubernetes 1.%d, which does not serve it", api_version, minor);
}

#define NEWEST 40

static void every_kubernetes_gets_what_it_serves_and_knows(void **state)
{
    (void)state;
    for (int minor = MANIFEST_KUBERNETES_MIN; minor <= NEWEST; minor++) {
        const struct manifest_options options = {
            .ns = "istio-system", .image = "image:1", .minor = minor, .replicas = manifests_replicas_most(minor)};
        _cleanup_json_ json_t *all = manifests_all(&options), *remote = manifests_remote(&options);
        json_t *lists[] = {all, remote}, *object;
        size_t i;
        for (size_t k = 0; k < ARRAY_LEN(lists); k++)
            json_array_foreach(lists[k], i, object) {
                check_served(doc_string(object, "apiVersion"), minor);
                check_fields(doc_string(object, "kind"), object, "", minor);
            }
    }
}

/* What config/operator.yaml has. */
static void one_file_is_right_from_1_21_on(void **state)
{
    struct manifest_options options = {.ns = "istio-system", .image = "image:1", .minor = 21, .replicas = 2};
    _cleanup_json_ json_t *first = manifests_all(&options);

    (void)state;
    while (++options.minor <= NEWEST) {
        _cleanup_json_ json_t *all = manifests_all(&options);
        assert_true(json_equal(all, first));
    }
}

/* Two replicas without a Lease would both act. */
static void replicas_elect_a_leader_where_there_are_leases(void **state)
{
    (void)state;
    assert_int_equal(manifests_replicas_most(13), 1);
    assert_int_equal(manifests_replicas_most(14), MANIFEST_REPLICAS_MOST);
}

static const char *seccomp_annotation_at(int minor)
{
    _cleanup_json_ json_t *set = find_for("StatefulSet", minor);
    const char *found =
        doc_string(set, "spec", "template", "metadata", "annotations", "seccomp.security.alpha.kubernetes.io/pod");

    return found ? str_eq(found, "docker/default") ? "docker/default" : "runtime/default" : NULL;
}

static void seccomp_is_on_everywhere(void **state)
{
    (void)state;
    assert_string_equal(seccomp_annotation_at(10), "docker/default");
    assert_string_equal(seccomp_annotation_at(11), "runtime/default");
    assert_string_equal(seccomp_annotation_at(18), "runtime/default");
    assert_null(seccomp_annotation_at(19));
}

/* Before 1.13 kubectl asks for the field. */
static void the_webhook_has_a_bundle_where_it_must_have_one(void **state)
{
    for (int minor = MANIFEST_KUBERNETES_MIN; minor < NEWEST; minor++) {
        _cleanup_json_ json_t *configuration = find_for("ValidatingWebhookConfiguration", minor);
        const json_t *client = doc_at(json_array_get(doc_at(configuration, "webhooks"), 0), "clientConfig");
        assert_int_equal(doc_at(client, "caBundle") != NULL, minor < 13);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pod_runs_as_nobody_under_seccomp),
        cmocka_unit_test(its_containers_have_no_privileges_and_write_nothing),
        cmocka_unit_test(every_kubernetes_gets_what_it_serves_and_knows),
        cmocka_unit_test(one_file_is_right_from_1_21_on),
        cmocka_unit_test(replicas_elect_a_leader_where_there_are_leases),
        cmocka_unit_test(seccomp_is_on_everywhere),
        cmocka_unit_test(the_webhook_has_a_bundle_where_it_must_have_one),
    };

    return cmocka_run_group_tests_name("manifests", tests, NULL, NULL);
}
