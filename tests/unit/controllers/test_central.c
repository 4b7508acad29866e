/* What remote clusters take from the central one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "remote_world.h"

static int setup(void **state)
{
    struct remote_world *w = NEW(struct remote_world);

    remote_world_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    remote_world_release(*state);
    free(*state);
    return 0;
}

static void update(struct remote_world *w)
{
    const struct plan_input central = {.server = &w->central.server, .observed = w->central.cache};

    central_update(w->snapshot, &central);
}

static void expect_addresses(struct remote_world *w, const char *selector, const char *desired)
{
    const struct addresses *found = central_addresses(w->snapshot, selector);
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (size_t i = 0; i < found->len; i++)
        buf_printf(&text, "%s%s", i ? " " : "", found->items[i]);
    assert_string_equal(buf_str(&text), desired);
}

static void addresses_are_those_of_ready_pods_sorted_and_once(void **state)
{
    struct remote_world *w = *state;
    json_t *leaving;

    remote_world_put_pod(w, "a", "{\"app\": \"x\", \"tier\": \"1\"}", "10.0.0.9", true);
    remote_world_put_pod(w, "b", "{\"app\": \"x\"}", "10.0.0.10", true);
    remote_world_put_pod(w, "same", "{\"app\": \"x\"}", "10.0.0.9", true);
    remote_world_put_pod(w, "unready", "{\"app\": \"x\"}", "10.0.0.2", false);
    remote_world_put_pod(w, "new", "{\"app\": \"x\"}", NULL, true);
    remote_world_put_pod(w, "other", "{\"app\": \"y\"}", "10.0.0.3", true);
    remote_world_put_pod(w, "leaving", "{\"app\": \"x\"}", "10.0.0.4", true);
    leaving = world_get(&w->central, "v1", "Pod", NS, "leaving");
    json_object_set_new(doc_make(leaving, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:01Z"));
    json_object_set_new(leaving, "apiVersion", json_string("v1"));
    json_object_set_new(leaving, "kind", json_string("Pod"));
    world_put(&w->central, leaving);
    world_put(
        &w->central,
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata",
                STRING("name", "elsewhere"),
                STRING("namespace", "default"),
                MAP("labels", STRING("app", "x"))),
            MAP("status",
                STRING("podIP", "10.0.0.5"),
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True"))))));
    update(w);
    expect_addresses(w, "app=x", "10.0.0.10 10.0.0.9");
    expect_addresses(w, "app in (x,y),!tier", "10.0.0.10 10.0.0.3 10.0.0.9");
    expect_addresses(w, "tier", "10.0.0.9");
    expect_addresses(w, "app=nobody", "");
    expect_addresses(w, "app in (", "");

    /* What a selector found is found again when a Pod changed. */
    world_delete(&w->central, "v1", "Pod", NS, "b");
    update(w);
    expect_addresses(w, "app=x", "10.0.0.9");
}

/* What follows from what: of the Pods only the addresses, of the rest everything. */
static void versions_say_what_changed(void **state)
{
    struct remote_world *w = *state;
    uint64_t version, basis;

    update(w);
    version = w->snapshot->version;
    basis = w->snapshot->basis;
    update(w);
    assert_int_equal(w->snapshot->version, version);
    assert_int_equal(w->snapshot->basis, basis);

    remote_world_put_pod(w, "a", "{}", "10.0.0.9", true);
    update(w);
    assert_int_equal(w->snapshot->version, ++version);
    assert_int_equal(w->snapshot->basis, basis);

    /* Another Secret than the one that Citadel signs with. */
    remote_world_put_secret(w, "east", OBJECT(STRING("config", "e30=")));
    update(w);
    assert_int_equal(w->snapshot->version, version);

    remote_world_put_secret(
        w, "istio-ca-secret", OBJECT(STRING("ca-cert.pem", "b3RoZXI="), STRING("ca-key.pem", "a2V5")));
    update(w);
    assert_int_equal(w->snapshot->version, ++version);
    assert_int_equal(w->snapshot->basis, ++basis);

    world_put_mesh(&w->central, "{\"mtls\": true}");
    update(w);
    assert_int_equal(w->snapshot->version, ++version);
    assert_int_equal(w->snapshot->basis, ++basis);
    assert_true(w->snapshot->mesh->mtls);
    assert_string_equal(w->snapshot->id, CENTRAL_ID);
    assert_string_equal(w->snapshot->ns, NS);

    /* No mesh: no certificate and no Pods of it either. */
    world_delete(&w->central, API_GROUP_VERSION, "Istio", NS, "istio");
    update(w);
    assert_null(w->snapshot->mesh);
    assert_null(w->snapshot->ns);
    assert_null(w->snapshot->signing);
    assert_true(w->snapshot->version > version && w->snapshot->basis > basis);
    assert_int_equal(central_addresses(w->snapshot, "!nothing")->len, 0);
}

static void expect_signing(struct remote_world *w, const char *cert, const char *root, const char *chain)
{
    update(w);
    assert_non_null(w->snapshot->signing);
    assert_string_equal(doc_string(w->snapshot->signing, "ca-cert.pem"), cert);
    assert_string_equal(doc_string(w->snapshot->signing, "root-cert.pem"), root);
    assert_string_equal(doc_string(w->snapshot->signing, "cert-chain.pem"), chain);
    assert_int_equal(json_object_size(w->snapshot->signing), 4);
}

static void the_certificate_is_the_one_that_citadel_uses(void **state)
{
    struct remote_world *w = *state;

    /* Plugged in, but Citadel is not told to use it: then its own counts. */
    remote_world_put_secret(
        w,
        "cacerts",
        OBJECT(
            STRING("ca-cert.pem", "aW50"),
            STRING("ca-key.pem", "aQ=="),
            STRING("root-cert.pem", "dG9w"),
            STRING("cert-chain.pem", "Y2hhaW4="),
            STRING("more", "bW9yZQ==")));
    expect_signing(w, "cm9vdA==", "cm9vdA==", "");
    world_put_mesh(
        &w->central,
        "{\"overlays\": [{\"kind\": \"Deployment\", \"name\": \"istio-citadel\", \"patches\": [{\"op\": \"add\", "
        "\"path\": "
        "\"/spec/template/spec/containers/0/args/-\", \"value\": \"--self-signed-ca=false\"}]}]}");
    assert_true(world_converge(&w->central) > 0);
    expect_signing(w, "aW50", "dG9w", "Y2hhaW4=");

    /* Half of it is none. */
    remote_world_put_secret(w, "cacerts", OBJECT(STRING("ca-cert.pem", "aW50"), STRING("ca-key.pem", "aQ==")));
    update(w);
    assert_null(w->snapshot->signing);
}

static void put_remote(struct remote_world *w, const char *ns, const char *name, const char *finalizer)
{
    world_put(
        &w->central,
        OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", "RemoteIstio"),
            MAP("metadata", STRING("name", name), STRING("namespace", ns), STRINGS("finalizers", finalizer))));
}

static void without_a_mesh_the_namespace_is_that_of_those_who_joined(void **state)
{
    struct remote_world *w = *state;

    put_remote(w, "other", "stray", "other.example.com");
    put_remote(w, NS, "west", "other.example.com");
    assert_string_equal(central_namespace_of_remotes(w->central.cache), NS);
    put_remote(w, "other", "east", api_resource_remote_istio.finalizer);
    assert_string_equal(central_namespace_of_remotes(w->central.cache), "other");
    put_remote(w, NS, "west", api_resource_remote_istio.finalizer);
    assert_string_equal(central_namespace_of_remotes(w->central.cache), NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_are_those_of_ready_pods_sorted_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_say_what_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_certificate_is_the_one_that_citadel_uses, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_mesh_the_namespace_is_that_of_those_who_joined, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
