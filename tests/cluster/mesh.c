/* The mesh under test: its resource, its status, its objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/resource.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness_impl.h"
#include "reconcile/marks.h"

json_t *mesh_resource(const char *name, const char *spec)
{
    json_t *parsed;
    struct err e;

    if (doc_parse(spec, strlen(spec), SIZE_MAX, &parsed, &e) < 0)
        fail_msg("%s", e.text);
    return OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS)),
        VALUE("spec", parsed));
}

void mesh_create(const char *spec)
{
    _cleanup_json_ json_t *resource = mesh_resource(MESH, spec);

    cluster_create(ISTIO, resource);
}

struct desired_set *mesh_objects_of(const char *spec)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *resource = mesh_resource(MESH, spec);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct desired_set *set;

    mesh_versions_for(cluster_minor(), versions);
    if (!(set = mesh_desired_objects(resource, cluster_minor(), versions, &problems)))
        fail_msg("%s: %s", problems.items[0].path, problems.items[0].text);
    return set;
}

static bool mesh_is_gone(void *context)
{
    (void)context;
    return !cluster_has(ISTIO, NS, MESH);
}

void mesh_delete_and_wait(void)
{
    cluster_delete_if_there(ISTIO, NS, MESH);
    wait_until(mesh_is_gone, NULL, PATIENCE, "the deleted resource is gone");
}

char *mesh_status(const char *field)
{
    _cleanup_json_ json_t *resource = cluster_get(ISTIO, NS, MESH);

    return str_dup(str_or(doc_string(resource, "status", field), ""));
}

static bool status_is(void *context)
{
    _cleanup_json_ json_t *resource = cluster_get(ISTIO, NS, MESH);
    const char *word = doc_string(resource, "status", "Status");

    wait_saw("%s: %s", str_or(word, ""), str_or(doc_string(resource, "status", "ErrorMessage"), ""));
    return str_eq(word, context) &&
           json_equal(doc_at(resource, "status", "observedGeneration"), doc_at(resource, "metadata", "generation"));
}

void mesh_wait_status(const char *word, msec_t timeout)
{
    _cleanup_free_ char *what = str_printf("the mesh's status is %s", word);

    wait_until(status_is, (void *)word, timeout, what);
}

bool mesh_has_version(void *version)
{
    _cleanup_json_ json_t *resource = cluster_get(ISTIO, NS, MESH);
    const char *installed = doc_string(resource, "status", "version");

    wait_saw(
        "%s: %s of %s, %s",
        str_or(doc_string(resource, "status", "Status"), ""),
        str_or(doc_string(resource, "status", "ErrorMessage"), ""),
        str_or(installed, "no version"),
        str_or(doc_string(resource, "status", "upgrade", "progress"), "no upgrade"));
    return str_eq(installed, version) && str_eq(doc_string(resource, "status", "Status"), "Available") &&
           json_equal(doc_at(resource, "status", "observedGeneration"), doc_at(resource, "metadata", "generation"));
}

static bool is_settled(void *context)
{
    (void)context;
    return operator_is_settled();
}

void mesh_wait_settled(msec_t timeout)
{
    wait_until(is_settled, NULL, timeout, "the operator has nothing to write");
}

bool is_of_mesh(const struct kube_kind *kind)
{
    return kind->watch == KUBE_WATCH_OWNED && (kind->roles & MESH_CENTRAL);
}

json_t *mesh_objects_in_cluster(void)
{
    json_t *objects = json_array();

    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        _cleanup_json_ json_t *items = NULL;
        json_t *item;
        size_t i;
        if (!is_of_mesh(kind))
            continue;
        items = cluster_list(kind, MARK_OWNER);
        json_array_foreach(items, i, item)
            json_array_append_new(
                objects,
                OBJECT(
                    INT("row", (json_int_t)row),
                    STRING("ns", doc_string(item, "metadata", "namespace")),
                    STRING("name", doc_string(item, "metadata", "name")),
                    STRING("uid", doc_string(item, "metadata", "uid"))));
    }
    return objects;
}
