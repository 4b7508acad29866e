/* What a remote cluster is given, held against a real API server: it takes all of it, and keeps it as it is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "harness.h"
#include "mesh/resources.h"

static const char *versions[KIND_COUNT];

/*
 * SERVICE: render this Service and its Endpoints; NULL: the mesh. Each Service here has a name of its own: after a
 * Service is deleted, Kubernetes' endpoints controller deletes the Endpoints of its name, at a moment of its own.
 */
static void render(const char *service, size_t address_count, struct rendered_list *ret)
{
    static const char *const addresses[] = {"10.1.0.10", "10.1.0.9", "10.2.0.1"};
    const struct mesh_remote_service remote_service = {service, addresses, address_count};
    _cleanup_json_ json_t *signing = OBJECT(
        STRING("ca-cert.pem", "Y2VydA=="),
        STRING("ca-key.pem", "a2V5"),
        STRING("cert-chain.pem", ""),
        STRING("root-cert.pem", ""));
    _cleanup_json_ json_t *resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", MESH), STRING("namespace", NS)),
        MAP("spec"));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;
    const struct mesh_remote remote = {.signing = signing};
    struct mesh_env env = {.ns = NS, .versions = versions, .remote = &remote};

    assert_int_equal(istio_parse(resource, NULL, &spec, &problems), 0);
    env.spec = spec;
    env.release = mesh_release_find(spec->version);
    mesh_versions_for(cluster_minor(), versions);
    if (service)
        mesh_render_remote_services(&env, &remote_service, 1, ret);
    else
        mesh_render(&env, ret);
}

static const char *name_of(const struct rendered *o)
{
    return doc_string(o->object, "metadata", "name");
}

static const char *ns_of(const struct rendered *o)
{
    return doc_string(o->object, "metadata", "namespace");
}

static void create_all(const struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++)
        cluster_create(objects->items[i].kind, objects->items[i].object);
}

static void delete_all(struct rendered_list *objects)
{
    for (size_t i = objects->len; i-- > 0;)
        cluster_delete(objects->items[i].kind, ns_of(&objects->items[i]), name_of(&objects->items[i]));
    rendered_release(objects);
}

/* A planner would find nothing to write. */
static void check_in_place(const struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++) {
        const struct rendered *o = &objects->items[i];
        _cleanup_json_ json_t *live = cluster_get(o->kind, ns_of(o), name_of(o));
        struct kube_merge how;
        struct merge merge;

        assert_non_null(live);
        kube_merge_init(o->kind, o->foreign, &how);
        merge_three_way(NULL, o->object, live, &how.rules, &merge);
        if (merge.change_count)
            fail_msg("%s/%s: %s differs", o->kind->kind, name_of(o), merge.changes[0].path);
        merge_release(&merge);
    }
}

static void the_mesh_is_kept_as_it_is_sent(void **state)
{
    struct rendered_list objects;

    (void)state;
    render(NULL, 0, &objects);
    create_all(&objects);
    check_in_place(&objects);
    delete_all(&objects);
}

static void services_are_kept_as_they_are_sent(void **state)
{
    struct rendered_list objects;

    (void)state;
    render("without-address", 0, &objects);
    create_all(&objects);
    check_in_place(&objects);
    delete_all(&objects);
    render("with-addresses", 3, &objects);
    create_all(&objects);
    check_in_place(&objects);
    delete_all(&objects);
}

static void the_last_address_goes(void **state)
{
    struct rendered_list objects, empty;

    (void)state;
    render("loses-addresses", 3, &objects);
    create_all(&objects);
    cluster_patch(kind_of("v1", "Endpoints"), NS, "loses-addresses", "{\"subsets\": null}");
    render("loses-addresses", 0, &empty);
    check_in_place(&empty);
    rendered_release(&empty);
    delete_all(&objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mesh_is_kept_as_it_is_sent),
        cmocka_unit_test(services_are_kept_as_they_are_sent),
        cmocka_unit_test(the_last_address_goes),
    };

    return cmocka_run_group_tests_name("cluster remote objects", tests, harness_setup, harness_teardown);
}
