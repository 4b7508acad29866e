/*
 * Another version of Istio 1.0, Istio 1.1 and back: gateways have a ready Pod all the time, and nothing that both have
 * is created again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/marks.h"
#include "shots.h"

#define INGRESS "istio-ingressgateway"
#define EGRESS "istio-egressgateway"

/* How many ready addresses the Service leads to; -1 where it cannot be read. */
static int ready_addresses(const char *service)
{
    _cleanup_free_ char *path = str_printf("/api/v1/namespaces/" NS "/endpoints/%s", service);
    struct net_request request = net_request_new(NET_GET, path, NULL);
    _cleanup_buf_ struct buf body = BUF_INIT;
    _cleanup_json_ json_t *endpoints = NULL;
    json_t *subset;
    int status, count = 0;
    struct err e;
    size_t i;

    if (net_client_wait(h.client, &request, &body, &status, &e) < 0 ||
        doc_parse(buf_str(&body), body.len, SIZE_MAX, &endpoints, &e) < 0)
        return -1;
    json_array_foreach(doc_at(endpoints, "subsets"), i, subset)
        count += (int)json_array_size(doc_at(subset, "addresses"));
    return count;
}

struct watched_switch {
    const char *version, *const *gateways; /* the Services that have a ready Pod all the time; ends with NULL */
    int polls;
};

static bool version_is_installed(void *context)
{
    struct watched_switch *w = context;

    for (const char *const *gateway = w->gateways; *gateway; gateway++) {
        int ready = ready_addresses(*gateway);
        if (ready < 1)
            fail_msg("%s has %d ready Pods on the way to %s", *gateway, ready, w->version);
    }
    w->polls++;
    return mesh_has_version((void *)w->version);
}

static void expect_images(const char *version)
{
    _cleanup_json_ json_t *deployments = cluster_list(DEPLOYMENT, MARK_OWNER);
    _cleanup_free_ char *tag = str_printf(":%s", version);
    json_t *d, *container;
    size_t i, k;

    json_array_foreach(deployments, i, d)
        json_array_foreach(doc_at(d, "spec", "template", "spec", "containers"), k, container)
            if (!str_ends(doc_string(container, "image"), tag))
                fail_msg(
                    "%s runs %s and not %s",
                    doc_string(d, "metadata", "name"),
                    doc_string(container, "image"),
                    version);
}

static void install_version(const char *version, const char *const *gateways)
{
    _cleanup_free_ char *patch = str_printf("{\"version\": \"%s\"}", version);
    struct watched_switch w = {.version = version, .gateways = gateways};

    mesh_patch_spec(patch);
    wait_until(version_is_installed, &w, ROLL_OUT, "the other version is installed");
    mesh_wait_calm();
    assert_true(w.polls > 10);
    expect_images(version);
}

static void switch_version(const char *version, const char *changes)
{
    static const char *const gateways[] = {INGRESS, EGRESS, NULL};
    _cleanup_json_ json_t *before = cluster_get(kind_of("v1", "Service"), NS, INGRESS), *after = NULL;
    _cleanup_map_ struct map *shots_before = shots_take(), *shots_after = NULL;

    install_version(version, gateways);
    after = cluster_get(kind_of("v1", "Service"), NS, INGRESS);
    assert_string_equal(doc_string(after, "spec", "clusterIP"), doc_string(before, "spec", "clusterIP"));
    assert_true(json_equal(doc_at(after, "spec", "ports"), doc_at(before, "spec", "ports")));
    assert_string_equal(doc_string(after, "metadata", "uid"), doc_string(before, "metadata", "uid"));
    shots_after = shots_take();
    shots_expect(version, shots_before, shots_after, changes);
}

static void another_version_and_back_without_a_gap(void **state)
{
    (void)state;
    switch_version("1.0.6", ALL_ROLL);
    switch_version("1.0.5", ALL_ROLL);
}

/* Each port that the Service had is there, with its node port. */
static void expect_ports_kept(const char *version, const json_t *before, const json_t *after)
{
    json_t *was, *is;
    size_t i, k;

    assert_true(json_array_size(doc_at(before, "spec", "ports")) > 0);
    json_array_foreach(doc_at(before, "spec", "ports"), i, was) {
        bool found = false;
        json_array_foreach(doc_at(after, "spec", "ports"), k, is)
            found = found || (json_equal(doc_at(is, "port"), doc_at(was, "port")) &&
                              json_equal(doc_at(is, "nodePort"), doc_at(was, "nodePort")));
        if (!found) {
            _cleanup_free_ char *port = doc_text(was), *ports = doc_text(doc_at(after, "spec", "ports"));
            fail_msg("%s: port %s is not among %s", version, port, ports);
        }
    }
}

/* No object that is there before and after was deleted and created again. */
static void expect_objects_kept(const char *version, const struct map *before, const struct map *after)
{
    const char *key;
    void *value;
    size_t kept = 0;

    for (size_t i = 0; map_next(before, &i, &key, &value);) {
        const struct shot *was = value, *is = map_get(after, key);
        if (is && !str_eq(was->uid, is->uid))
            fail_msg("%s: %s was created again", version, key);
        kept += is != NULL;
    }
    assert_true(kept > 50);
}

static void expect_same(const json_t *before, const json_t *after, const char *part, const char *field)
{
    assert_non_null(doc_at(before, part, field));
    assert_true(json_equal(doc_at(after, part, field), doc_at(before, part, field)));
}

/* The ingress gateway is the one that both have by default. */
static void switch_release(const char *version)
{
    static const char *const gateways[] = {INGRESS, NULL};
    const struct kube_kind *service = kind_of("v1", "Service"), *secret = kind_of("v1", "Secret");
    _cleanup_json_ json_t *ingress = cluster_get(service, NS, INGRESS), *ingress_after = NULL;
    _cleanup_json_ json_t *authority = cluster_get(secret, NS, "istio-ca-secret"), *authority_after = NULL;
    _cleanup_map_ struct map *before = shots_take(), *after = NULL;

    install_version(version, gateways);
    after = shots_take();
    expect_objects_kept(version, before, after);
    ingress_after = cluster_get(service, NS, INGRESS);
    expect_same(ingress, ingress_after, "spec", "clusterIP");
    expect_ports_kept(version, ingress, ingress_after);
    authority_after = cluster_get(secret, NS, "istio-ca-secret");
    expect_same(authority, authority_after, "metadata", "uid");
    expect_same(authority, authority_after, "data", "ca-cert.pem");
    expect_same(authority, authority_after, "data", "ca-key.pem");
    assert_true(json_equal(doc_at(authority, "data"), doc_at(authority_after, "data")));
}

static bool handler_is_restored(void *context)
{
    _cleanup_json_ json_t *handler = cluster_get(context, NS, "prometheus");

    return str_eq(doc_string(handler, "spec", "compiledAdapter"), "prometheus");
}

static void another_minor_release_and_back(void **state)
{
    const struct kube_kind *handler = kind_of("config.istio.io/v1alpha2", "handler");

    (void)state;
    switch_release("1.1.17");
    /* A kind that Istio 1.0 does not have. */
    cluster_patch(handler, NS, "prometheus", "{\"spec\": {\"compiledAdapter\": \"other\"}}");
    wait_until(handler_is_restored, (void *)handler, PATIENCE, "the handler is restored");
    mesh_wait_settled(PATIENCE);
    switch_release("1.0.6");
    assert_false(cluster_has(handler, NS, "prometheus"));
    switch_version("1.0.5", ALL_ROLL);
}

static int teardown(void **state)
{
    mesh_delete_and_wait();
    return harness_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_version_and_back_without_a_gap),
        cmocka_unit_test(another_minor_release_and_back),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster upgrades", tests, shots_setup, teardown);
}
