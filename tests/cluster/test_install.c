/* What installs the operator, for every version of Kubernetes whose API versions this server still has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "harness.h"
#include "install/manifests.h"

/*
 * The oldest Kubernetes all of whose API versions this server still has: 1.22 dropped the v1beta1 of definitions and
 * webhooks, 1.25 that of disruption budgets.
 */
static int oldest_served(void)
{
    int minor = cluster_minor();

    return minor >= 25 ? 21 : minor >= 22 ? 16 : MANIFEST_KUBERNETES_MIN;
}

static const struct {
    const char *kind, *plural;
    bool namespaced;
} kinds[] = {
    {"CustomResourceDefinition", "customresourcedefinitions", false},
    {"Namespace", "namespaces", false},
    {"ServiceAccount", "serviceaccounts", true},
    {"ClusterRole", "clusterroles", false},
    {"ClusterRoleBinding", "clusterrolebindings", false},
    {"Service", "services", true},
    {"ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false},
    {"PodDisruptionBudget", "poddisruptionbudgets", true},
    {"StatefulSet", "statefulsets", true},
};

/* Owned by the caller. */
static char *path_of(const json_t *object)
{
    const char *api_version = doc_string(object, "apiVersion"), *kind = doc_string(object, "kind");
    const char *ns = doc_string(object, "metadata", "namespace"), *name = doc_string(object, "metadata", "name");

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].kind, kind))
            return str_printf(
                "/%s/%s/%s%s%s%s/%s?dryRun=All&force=true&fieldManager=test",
                strchr(api_version, '/') ? "apis" : "api",
                api_version,
                kinds[i].namespaced ? "namespaces/" : "",
                kinds[i].namespaced ? ns : "",
                kinds[i].namespaced ? "/" : "",
                kinds[i].plural,
                name);
    fail_msg("%s has no row above", kind);
    return NULL;
}

/*
 * A server-side apply that changes nothing: the server refuses fields that the API version does not have. Kubernetes
 * 1.20 takes no ports without a protocol that way.
 */
static void try_to_apply(const json_t *object, int minor)
{
    _cleanup_free_ char *path = path_of(object), *body = doc_text(object);
    struct net_request r = net_request_new(NET_PATCH, path, body);
    struct err e;

    if (str_eq(doc_string(object, "kind"), "Service")) {
        net_request_release(&r);
        return;
    }
    r.content_type = "application/apply-patch+yaml";
    if (net_client_wait(h.client, &r, NULL, NULL, &e) < 0)
        fail_msg("for Kubernetes 1.%d: %s", minor, e.text);
}

/* A definition that is there cannot become one without a structural schema, and so not one for old servers. */
static void remove_definitions(void)
{
    const struct kube_kind *kind = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    _cleanup_json_ json_t *definitions = manifests_crds(cluster_minor());
    json_t *definition;
    size_t i;

    json_array_foreach(definitions, i, definition) {
        const char *name = doc_string(definition, "metadata", "name");
        cluster_delete_if_there(kind, NULL, name);
        wait_until(cluster_lacks, &(struct place){kind, NULL, name}, PATIENCE, "the definition is deleted");
    }
}

static void the_server_takes_what_is_printed_for_those_before_it(void **state)
{
    (void)state;
    remove_definitions();
    for (int minor = oldest_served(); minor <= cluster_minor(); minor++) {
        const struct manifest_options options = {
            .ns = NS, .image = "image:1", .minor = minor, .replicas = manifests_replicas_most(minor)};
        _cleanup_json_ json_t *all = manifests_all(&options), *remote = manifests_remote(&options);
        const json_t *lists[] = {all, remote};
        json_t *object;
        size_t i;
        for (size_t k = 0; k < ARRAY_LEN(lists); k++)
            json_array_foreach(lists[k], i, object)
                try_to_apply(object, minor);
    }
}

static void a_field_that_it_does_not_know_is_refused(void **state)
{
    const struct manifest_options options = {.ns = NS, .image = "image:1", .minor = cluster_minor(), .replicas = 1};
    _cleanup_json_ json_t *all = manifests_all(&options);
    json_t *set = doc_find(all, "kind", "StatefulSet");
    _cleanup_free_ char *path = path_of(set), *body = NULL;
    struct net_request r;
    struct err e;

    (void)state;
    json_object_set_new(doc_at(set, "spec"), "replica", json_integer(1));
    body = doc_text(set);
    r = net_request_new(NET_PATCH, path, body);
    r.content_type = "application/apply-patch+yaml";
    assert_int_equal(net_client_wait(h.client, &r, NULL, NULL, &e), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_takes_what_is_printed_for_those_before_it),
        cmocka_unit_test(a_field_that_it_does_not_know_is_refused),
    };

    return cmocka_run_group_tests_name("cluster install", tests, harness_setup, harness_teardown);
}
