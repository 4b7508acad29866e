/* What a remote cluster of a federation has. */
#include "fixture.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"

#define KEY "cHJpdmF0ZQ=="

static json_t *signing(const char *key)
{
    return OBJECT(STRING("ca-cert.pem", "Y2VydA=="), STRING("ca-key.pem", key), STRING("cert-chain.pem", ""),
                  STRING("root-cert.pem", "cm9vdA=="));
}

/* As fixture_init_spec() and fixture_render() with a remote cluster. */
static void render_with(struct fixture *f, const char *spec, const char *key, int minor)
{
    _cleanup_json_ json_t *data = signing(key);
    const struct mesh_remote remote = {.signing = data};

    fixture_init_spec(f, spec);
    f->env.remote = &remote;
    fixture_render(f, minor);
    f->env.remote = NULL;
}

static void render(struct fixture *f, const char *spec)
{
    render_with(f, spec, KEY, 20);
}

static char *keys_of(const struct rendered_list *objects)
{
    struct buf keys = BUF_INIT;

    for (size_t i = 0; i < objects->len; i++) {
        _cleanup_free_ char *key = kind_and_name(objects->items[i].object);
        buf_printf(&keys, "%s\n", key);
    }
    return buf_take(&keys);
}

static void test_it_has_citadel_and_the_injector_and_what_they_need(void **state)
{
    static const char *const specs[] = {
        "{}", "{version: 1.1.17, defaultPodDisruptionBudget: {enabled: false}, cni: {enabled: "
              "true}, sds: {enabled: true}, nodeAgent: {enabled: true}}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_fixture_ struct fixture f;
        _cleanup_free_ char *keys = NULL;

        render(&f, specs[i]);
        keys = keys_of(&f.objects);
        assert_string_equal(keys, "ServiceAccount/istio-citadel-service-account\n"
                                  "ServiceAccount/istio-sidecar-injector-service-account\n"
                                  "ClusterRole/istio-citadel-istio-system\n"
                                  "ClusterRole/istio-sidecar-injector-istio-system\n"
                                  "ClusterRoleBinding/istio-citadel-istio-system\n"
                                  "ClusterRoleBinding/istio-sidecar-injector-admin-role-binding-istio-system\n"
                                  "ConfigMap/istio\n"
                                  "ConfigMap/istio-sidecar-injector\n"
                                  "Secret/cacerts\n"
                                  "Service/istio-citadel\n"
                                  "Service/istio-sidecar-injector\n"
                                  "Deployment/istio-citadel\n"
                                  "Deployment/istio-sidecar-injector\n"
                                  "MutatingWebhookConfiguration/istio-sidecar-injector\n");
    }
}

static void check_roles(const struct fixture *f, unsigned role)
{
    assert_true(f->objects.len > 0);
    for (size_t i = 0; i < f->objects.len; i++)
        assert_true(f->objects.items[i].kind->roles & role);
}

static void test_a_cluster_is_asked_for_nothing_that_it_does_not_watch(void **state)
{
    const struct mesh_release *r = mesh_releases;

    (void)state;
    for (int minor = r->kubernetes_min; minor <= r->kubernetes_max; minor++) {
        _cleanup_fixture_ struct fixture central, remote;
        fixture_init(&central);
        fixture_render(&central, minor);
        check_roles(&central, MESH_CENTRAL);
        render_with(&remote, "{citadel: {maxReplicas: 3}, defaultPodDisruptionBudget: {enabled: true}}", KEY, minor);
        check_roles(&remote, MESH_REMOTE);
    }
}

static void test_both_clusters_have_alike_what_both_have(void **state)
{
    static const char *const specs[] = {
        "{}",
        "{mtls: true, controlPlaneSecurityEnabled: true, includeIPRanges: 10.0.0.0/8, tracing: {enabled: false}}",
        "{policy: {enabled: false}, imageHub: example.com/istio, imageTag: other}",
        "{version: 1.1.17, gateways: {ingress: {enabled: false}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}}",
        "{version: 1.1.0, gateways: {ingress: {enabled: false}}, mtls: true, controlPlaneSecurityEnabled: true}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_fixture_ struct fixture central, remote;
        _cleanup_free_ char *difference = NULL;
        _cleanup_strv_ char **lines = NULL;
        fixture_init_spec(&central, specs[i]);
        fixture_render(&central, 20);
        render(&remote, specs[i]);
        difference = fixture_compare(&central, &remote);
        lines = str_split(difference, '\n');
        for (char **line = lines; *line; line++)
            assert_true(!**line || **line == '-' || str_eq(*line, "+ Secret/cacerts") ||
                        str_eq(*line, "~ Deployment/istio-citadel"));
    }
}

static const json_t *pod_of(const struct fixture *f, const char *deployment)
{
    return doc_at(fixture_object(f, "Deployment", deployment), "spec", "template");
}

static void test_citadel_signs_with_the_certificate_it_is_given(void **state)
{
    _cleanup_fixture_ struct fixture f;
    _cleanup_json_ json_t *expected = signing(KEY);
    const json_t *citadel, *args, *mount, *volume, *secret;

    (void)state;
    render(&f, "{}");
    secret = fixture_object(&f, "Secret", "cacerts");
    assert_true(json_equal(doc_at(secret, "data"), expected));
    assert_string_equal(doc_string(secret, "metadata", "namespace"), "istio-system");

    citadel = fixture_container(&f, "istio-citadel", "citadel");
    args = doc_at(citadel, "args");
    assert_false(has_string(args, "--self-signed-ca=true"));
    assert_true(has_string(args, "--self-signed-ca=false"));
    assert_true(has_string(args, "--signing-cert=/etc/cacerts/ca-cert.pem"));
    assert_true(has_string(args, "--signing-key=/etc/cacerts/ca-key.pem"));
    assert_true(has_string(args, "--root-cert=/etc/cacerts/root-cert.pem"));
    assert_true(has_string(args, "--cert-chain=/etc/cacerts/cert-chain.pem"));
    mount = doc_find(doc_at(citadel, "volumeMounts"), "mountPath", "/etc/cacerts");
    volume = doc_find(doc_at(pod_of(&f, "istio-citadel"), "spec", "volumes"), "name", doc_string(mount, "name"));
    assert_string_equal(doc_string(volume, "secret", "secretName"), "cacerts");
}

static void test_a_new_certificate_restarts_citadel_alone(void **state)
{
    _cleanup_fixture_ struct fixture before, same, after;
    _cleanup_free_ char *nothing = NULL, *difference = NULL;

    (void)state;
    render_with(&before, "{}", KEY, 20);
    render_with(&same, "{}", KEY, 20);
    render_with(&after, "{}", "b3RoZXI=", 20);
    nothing = fixture_compare(&before, &same);
    assert_string_equal(nothing, "");
    difference = fixture_compare(&before, &after);
    assert_string_equal(difference, "~ Deployment/istio-citadel\n~ Secret/cacerts\n");
    assert_false(json_equal(doc_at(pod_of(&before, "istio-citadel"), "metadata", "annotations"),
                            doc_at(pod_of(&after, "istio-citadel"), "metadata", "annotations")));
    assert_true(
        json_equal(doc_at(pod_of(&before, "istio-citadel"), "spec"), doc_at(pod_of(&after, "istio-citadel"), "spec")));
}

static void test_the_key_is_in_its_secret_alone(void **state)
{
    _cleanup_fixture_ struct fixture f;
    size_t found = 0;

    (void)state;
    render(&f, "{}");
    for (size_t i = 0; i < f.objects.len; i++) {
        _cleanup_free_ char *text = doc_text(f.objects.items[i].object);
        found += strstr(text, KEY) != NULL;
    }
    assert_int_equal(found, 1);

    /* And nowhere where no Citadel needs it. */
    fixture_release(&f);
    render(&f, "{citadel: {enabled: false}}");
    assert_null(fixture_find(&f, "Secret", "cacerts"));
    assert_null(fixture_find(&f, "Deployment", "istio-citadel"));
    assert_non_null(fixture_find(&f, "ConfigMap", "istio"));
}

static void test_its_components_scale_as_any(void **state)
{
    _cleanup_fixture_ struct fixture f;

    (void)state;
    render(&f, "{citadel: {minReplicas: 2, replicaCount: 2, maxReplicas: 4},"
               " defaultPodDisruptionBudget: {enabled: true}}");
    fixture_object(&f, "HorizontalPodAutoscaler", "istio-citadel");
    fixture_object(&f, "PodDisruptionBudget", "istio-citadel");
    assert_null(fixture_find(&f, "HorizontalPodAutoscaler", "istio-sidecar-injector"));
}

static void test_components_are_those_that_are_rendered(void **state)
{
    _cleanup_fixture_ struct fixture f;
    const struct mesh_remote remote = {0};
    size_t deployments = 0, components = 0;

    (void)state;
    render(&f, "{}");
    f.env.remote = &remote;
    for (const struct mesh_component *c = mesh_components(&f.env); c->name; c++, components++)
        for (const struct rollout_workload *w = c->workloads; w->name; w++)
            fixture_object(&f, mesh_kinds.rows[w->kind].kind, w->name);
    for (size_t i = 0; i < f.objects.len; i++)
        deployments += str_eq(f.objects.items[i].kind->kind, "Deployment");
    assert_int_equal(components, deployments);
}

static void test_everything_hangs_on_a_resource_that_says_what_it_is(void **state)
{
    static const struct {
        int minor;
        const char *definition;
    } cases[] = {{15, "apiextensions.k8s.io/v1beta1"}, {20, "apiextensions.k8s.io/v1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_fixture_ struct fixture f;
        _cleanup_free_ char *keys = NULL;
        const json_t *owner;

        fixture_init(&f);
        mesh_versions_for(cases[i].minor, f.versions);
        mesh_render_foundation(&f.env, "who/it/is", &f.objects);
        keys = keys_of(&f.objects);
        assert_string_equal(keys, "Namespace/istio-system\n"
                                  "CustomResourceDefinition/istios.istio.banzaicloud.io\n"
                                  "Istio/istio-config\n");
        assert_string_equal(doc_string(f.objects.items[1].object, "apiVersion"), cases[i].definition);
        owner = fixture_object(&f, "Istio", MESH_REMOTE_OWNER);
        assert_string_equal(doc_string(owner, "apiVersion"), API_GROUP_VERSION);
        assert_string_equal(doc_string(owner, "metadata", "namespace"), "istio-system");
        assert_string_equal(doc_string(owner, "metadata", "annotations", MESH_REMOTE_OF), "who/it/is");
        assert_int_equal(json_object_size(doc_at(owner, "spec")), 0);
        check_roles(&f, MESH_REMOTE);
    }
}

static void test_a_service_leads_to_the_addresses_by_its_name(void **state)
{
    static const char *const addresses[] = {"10.1.0.10", "10.1.0.9", "fd00::1"};
    static const struct mesh_remote_service services[] = {{"zipkin", NULL, 0}, {"istio-pilot", addresses, 3}};
    _cleanup_fixture_ struct fixture f;
    _cleanup_free_ char *keys = NULL;
    const json_t *service, *subset;

    (void)state;
    fixture_init(&f);
    mesh_versions_for(20, f.versions);
    mesh_render_remote_services(&f.env, services, 2, &f.objects);
    keys = keys_of(&f.objects);
    assert_string_equal(keys, "Service/istio-pilot\nService/zipkin\nEndpoints/istio-pilot\nEndpoints/zipkin\n");
    check_roles(&f, MESH_REMOTE);

    /* No selector: Kubernetes would fill the Endpoints with Pods of the remote cluster, or with none. */
    service = fixture_object(&f, "Service", "istio-pilot");
    assert_string_equal(doc_string(service, "metadata", "namespace"), "istio-system");
    assert_int_equal(json_object_size(doc_at(service, "spec")), 1);
    assert_string_equal(doc_string(service, "spec", "clusterIP"), "None");

    assert_int_equal(json_array_size(doc_at(fixture_object(&f, "Endpoints", "istio-pilot"), "subsets")), 1);
    subset = json_array_get(doc_at(fixture_object(&f, "Endpoints", "istio-pilot"), "subsets"), 0);
    assert_int_equal(json_array_size(doc_at(subset, "ports")), 1);
    assert_int_equal(json_array_size(doc_at(subset, "addresses")), ARRAY_LEN(addresses));
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        assert_string_equal(doc_string(json_array_get(doc_at(subset, "addresses"), i), "ip"), addresses[i]);

    /* Nobody serves it now; the name stays. */
    assert_true(json_is_array(doc_at(fixture_object(&f, "Endpoints", "zipkin"), "subsets")));
    assert_int_equal(json_array_size(doc_at(fixture_object(&f, "Endpoints", "zipkin"), "subsets")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_has_citadel_and_the_injector_and_what_they_need),
        cmocka_unit_test(test_a_cluster_is_asked_for_nothing_that_it_does_not_watch),
        cmocka_unit_test(test_both_clusters_have_alike_what_both_have),
        cmocka_unit_test(test_citadel_signs_with_the_certificate_it_is_given),
        cmocka_unit_test(test_a_new_certificate_restarts_citadel_alone),
        cmocka_unit_test(test_the_key_is_in_its_secret_alone),
        cmocka_unit_test(test_its_components_scale_as_any),
        cmocka_unit_test(test_components_are_those_that_are_rendered),
        cmocka_unit_test(test_everything_hangs_on_a_resource_that_says_what_it_is),
        cmocka_unit_test(test_a_service_leads_to_the_addresses_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
