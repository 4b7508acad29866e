/* What must hold between the objects of a mesh, whatever the resource asks for. */
#include "fixture.h"

#include <string.h>

#include "base/map.h"
#include "base/str.h"

#define WITHOUT_MIXER "policy: {enabled: false}\ntelemetry: {enabled: false}\n"
#define ONLY_PILOT                                                                                                     \
    WITHOUT_MIXER "citadel: {enabled: false}\ngalley: {enabled: false}\nsidecarInjector: {enabled: false}\n"           \
                  "gateways: {ingress: {enabled: false}, egress: {enabled: false}}\n"

static const char *const variants[] = {
    "{}",
    "mtls: true\ncontrolPlaneSecurityEnabled: true",
    "pilot: {replicaCount: 3, minReplicas: 3, maxReplicas: 3}",
    "defaultPodDisruptionBudget: {enabled: true}\ngalley: {replicaCount: 2}",
    "citadel: {maxReplicas: 3}\ngalley: {maxReplicas: 3}\nsidecarInjector: {maxReplicas: 3}",
    WITHOUT_MIXER,
    ONLY_PILOT,
    ONLY_PILOT "pilot: {enabled: false}",
};

/* Runs a check on every variant, as every supported Kubernetes is asked for it. */
static void on_every_mesh(void (*check)(const struct fixture *f, int minor))
{
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        _cleanup_fixture_ struct fixture f;

        fixture_init_spec(&f, variants[i]);
        for (int minor = f.env.release->kubernetes_min; minor <= f.env.release->kubernetes_max; minor++) {
            fixture_render(&f, minor);
            check(&f, minor);
        }
    }
}

/* for each object of a kind */
#define FOR_KIND(f, o, name)                                                                                           \
    for (const struct rendered *o = (f)->objects.items; o < (f)->objects.items + (f)->objects.len; o++)                \
        if (str_eq(o->kind->kind, name))

static const json_t *pod_of(const struct rendered *deployment)
{
    return doc_at(deployment->object, "spec", "template", "spec");
}

static const json_t *pod_labels_of(const struct rendered *deployment)
{
    return doc_at(deployment->object, "spec", "template", "metadata", "labels");
}

static void check_identity(const struct fixture *f, int minor)
{
    _cleanup_map_ struct map *seen = map_new(NULL);

    for (size_t i = 0; i < f->objects.len; i++) {
        const struct rendered *o = &f->objects.items[i];
        const char *api_version = doc_string(o->object, "apiVersion");
        _cleanup_free_ char *key = kind_and_name(o->object);
        char expected[128];

        assert_false(map_has(seen, key));
        map_put(seen, key, (void *)o);

        assert_ptr_equal(kube_kind_find(&mesh_kinds, api_version, doc_string(o->object, "kind")), o->kind);
        assert_non_null(kube_kind_version_for(o->kind, minor));
        kube_api_version(o->kind, kube_kind_version_for(o->kind, minor), expected);
        assert_string_equal(api_version, expected);

        if (o->kind->namespaced)
            assert_string_equal(doc_string(o->object, "metadata", "namespace"), "istio-system");
        else
            assert_null(doc_at(o->object, "metadata", "namespace"));
    }
}

static void test_objects_are_unique_and_of_a_served_version(void **state)
{
    (void)state;
    on_every_mesh(check_identity);
}

static void check_order(const struct fixture *f, int minor)
{
    (void)minor;
    for (size_t i = 1; i < f->objects.len; i++) {
        const struct rendered *a = &f->objects.items[i - 1], *b = &f->objects.items[i];

        assert_true(a->kind <= b->kind);
        if (a->kind == b->kind)
            assert_true(strcmp(doc_string(a->object, "metadata", "name"), doc_string(b->object, "metadata", "name")) <
                        0);
    }
}

static void test_objects_come_in_the_order_of_kinds_and_names(void **state)
{
    (void)state;
    on_every_mesh(check_order);
}

static void check_deterministic(const struct fixture *f, int minor)
{
    struct fixture again = *f;

    again.env.versions = again.versions;
    again.objects = (struct rendered_list){0};
    fixture_render(&again, minor);
    _cleanup_free_ char *difference = fixture_compare(f, &again);
    assert_string_equal(difference, "");
    rendered_release(&again.objects);
}

static void test_rendering_twice_gives_the_same(void **state)
{
    (void)state;
    on_every_mesh(check_deterministic);
}

static void check_selectors(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, d, "Deployment")
    {
        assert_true(json_object_size(pod_labels_of(d)) > 0);
        assert_true(json_equal(doc_at(d->object, "spec", "selector", "matchLabels"), (json_t *)pod_labels_of(d)));
        /* or Pods of one would count as those of the other */
        FOR_KIND(f, other, "Deployment")
        assert_true(d == other || !is_subset(pod_labels_of(d), pod_labels_of(other)));
    }
}

static void test_deployments_select_their_own_pods_only(void **state)
{
    (void)state;
    on_every_mesh(check_selectors);
}

/* The Deployments whose Pods a selector finds. */
static int count_selected(const struct fixture *f, const json_t *selector)
{
    int count = 0;

    FOR_KIND(f, d, "Deployment")
    count += is_subset(selector, pod_labels_of(d));
    return count;
}

static void check_services(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, s, "Service")
    assert_int_equal(count_selected(f, doc_at(s->object, "spec", "selector")), 1);
    FOR_KIND(f, b, "PodDisruptionBudget")
    assert_int_equal(count_selected(f, doc_at(b->object, "spec", "selector", "matchLabels")), 1);
    FOR_KIND(f, h, "HorizontalPodAutoscaler")
    fixture_object(f, "Deployment", doc_string(h->object, "spec", "scaleTargetRef", "name"));
    FOR_KIND(f, w, "MutatingWebhookConfiguration")
    {
        const json_t *webhook = json_array_get(doc_at(w->object, "webhooks"), 0);
        fixture_object(f, "Service", doc_string(webhook, "clientConfig", "service", "name"));
    }
}

static void test_services_budgets_autoscalers_and_webhooks_have_a_target(void **state)
{
    (void)state;
    on_every_mesh(check_services);
}

static void check_accounts(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, d, "Deployment")
    fixture_object(f, "ServiceAccount", json_string_value(json_object_get(pod_of(d), "serviceAccountName")));
    FOR_KIND(f, b, "ClusterRoleBinding")
    {
        const json_t *subject = json_array_get(doc_at(b->object, "subjects"), 0);

        fixture_object(f, "ClusterRole", doc_string(b->object, "roleRef", "name"));
        fixture_object(f, "ServiceAccount", doc_string(subject, "name"));
        assert_string_equal(doc_string(subject, "namespace"), f->env.ns);
    }
}

static void test_service_accounts_and_roles_exist(void **state)
{
    (void)state;
    on_every_mesh(check_accounts);
}

static void check_mounts_of(const json_t *pod, const json_t *container)
{
    const json_t *mount;
    size_t i;

    json_array_foreach(doc_at(container, "volumeMounts"), i, mount)
        assert_non_null(doc_find(json_object_get(pod, "volumes"), "name", doc_string(mount, "name")));
}

static void check_volumes(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, d, "Deployment")
    {
        const json_t *volume, *container;
        size_t i;

        json_array_foreach(json_object_get(pod_of(d), "volumes"), i, volume) {
            const char *config = doc_string(volume, "configMap", "name");

            if (config)
                fixture_object(f, "ConfigMap", config);
        }
        json_array_foreach(json_object_get(pod_of(d), "containers"), i, container)
            check_mounts_of(pod_of(d), container);
    }
}

static void test_mounted_volumes_and_config_maps_exist(void **state)
{
    (void)state;
    on_every_mesh(check_volumes);
}

static void check_injection(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, d, "Deployment")
    {
        const json_t *annotations = doc_at(d->object, "spec", "template", "metadata", "annotations");
        assert_string_equal(doc_string(annotations, "sidecar.istio.io/inject"), "false");
    }
}

static void test_the_control_plane_is_never_injected_into(void **state)
{
    (void)state;
    on_every_mesh(check_injection);
}

static void check_replicas(const struct fixture *f, int minor)
{
    (void)minor;
    FOR_KIND(f, d, "Deployment")
    {
        const struct rendered *autoscaler =
            fixture_find(f, "HorizontalPodAutoscaler", doc_string(d->object, "metadata", "name"));

        assert_int_equal(d->foreign != NULL, autoscaler != NULL);
        assert_true(doc_int(doc_at(d->object, "spec", "replicas"), 0) > 0);
        if (d->foreign)
            assert_string_equal(d->foreign[0], "spec.replicas");
    }
}

static void test_replicas_belong_to_the_autoscaler_where_there_is_one(void **state)
{
    (void)state;
    on_every_mesh(check_replicas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_unique_and_of_a_served_version),
        cmocka_unit_test(test_objects_come_in_the_order_of_kinds_and_names),
        cmocka_unit_test(test_rendering_twice_gives_the_same),
        cmocka_unit_test(test_deployments_select_their_own_pods_only),
        cmocka_unit_test(test_services_budgets_autoscalers_and_webhooks_have_a_target),
        cmocka_unit_test(test_service_accounts_and_roles_exist),
        cmocka_unit_test(test_mounted_volumes_and_config_maps_exist),
        cmocka_unit_test(test_the_control_plane_is_never_injected_into),
        cmocka_unit_test(test_replicas_belong_to_the_autoscaler_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
