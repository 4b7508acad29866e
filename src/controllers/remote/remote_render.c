#include "controllers/remote/remote_render.h"

#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "controllers/mesh/mesh_plan.h"
#include "controllers/remote/remote_check.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/overlay.h"

#define FROM_CENTRAL "taken from the central cluster"

/* Not a certificate, in base64 as all data of Secrets. */
static json_t *signing_in_words(void)
{
    _cleanup_free_ char *words = base64_encode(FROM_CENTRAL, strlen(FROM_CENTRAL));

    return OBJECT(
        STRING("ca-cert.pem", words),
        STRING("ca-key.pem", words),
        STRING("cert-chain.pem", words),
        STRING("root-cert.pem", words));
}

/* Releases what is in `objects`. */
static void append(struct rendered_list *objects, json_t *documents)
{
    for (size_t i = 0; i < objects->len; i++)
        json_array_append(documents, objects->items[i].object);
    rendered_release(objects);
}

static void append_services(const struct mesh_env *env, const json_t *enabled, json_t *documents)
{
    _cleanup_free_ struct mesh_remote_service *services =
        NEW_ARRAY(struct mesh_remote_service, json_array_size(enabled));
    struct rendered_list objects;
    json_t *service;
    size_t i;

    json_array_foreach(enabled, i, service)
        services[i].name = doc_string(service, "name");
    mesh_render_remote_services(env, services, json_array_size(enabled), &objects);
    append(&objects, documents);
}

static int
render(const json_t *resource, const struct istio_spec *spec, int minor, json_t *documents, struct problems *problems)
{
    const char *versions[KIND_COUNT];
    _cleanup_json_ json_t *signing = signing_in_words();
    const struct mesh_remote remote = {.signing = signing};
    const struct mesh_env env = {
        .spec = spec,
        .release = mesh_release_find(spec->version),
        .ns = doc_string(resource, "metadata", "namespace"),
        .versions = versions,
        .remote = &remote,
    };
    struct rendered_list foundation, parts;
    struct err e;

    if (remote_check_kubernetes(env.release, minor, &e) < 0) {
        problems_add(problems, PROBLEM_ERROR, "spec", "%s", e.text);
        return -1;
    }
    mesh_versions_for(minor, versions);
    mesh_render(&env, &parts);
    overlays_apply(spec->overlays, env.ns, minor, &parts, problems);
    if (problems->errors) {
        rendered_release(&parts);
        return -1;
    }
    mesh_render_foundation(&env, FROM_CENTRAL, &foundation);
    append(&foundation, documents);
    append(&parts, documents);
    append_services(&env, spec->enabled_services, documents);
    return 0;
}

/* The mesh's own faults are reported with the mesh: a broken one renders nothing. */
static void try_objects(
    const json_t *resource, struct istio_spec *spec, const struct check_context *c, json_t *ret_objects,
    struct problems *problems)
{
    _cleanup_problems_ struct problems of_mesh = PROBLEMS_INIT;
    _cleanup_json_ json_t *objects = json_array();
    _cleanup_istio_spec_ struct istio_spec *mesh = NULL;

    if (mesh_check(c->mesh, 0, NULL, &mesh, &of_mesh) < 0)
        return;
    mesh_line_of(mesh->version)->joining->follow(spec, resource, mesh);
    if (render(resource, spec, c->minor, objects, problems) == 0 && ret_objects)
        json_array_extend(ret_objects, objects);
}

void remote_row_check(
    const json_t *resource, const struct check_context *c, json_t *ret_objects, struct problems *problems)
{
    const struct kube_object *observed = c->observed ? mesh_find(c->observed) : NULL;
    _cleanup_json_ json_t *istio = observed && !observed->deleting ? kube_object_parse(observed) : NULL;
    const json_t *mesh = istio ? istio : c->mesh;
    const char *mesh_ns = istio && !c->is_new ? NULL : doc_string(mesh, "metadata", "namespace");
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;

    if (remote_check(resource, c->ns, mesh_ns, istio_version(mesh, 0), &spec, problems) == 0 && c->minor && c->mesh &&
        !problems->errors)
        try_objects(resource, spec, c, ret_objects, problems);
}
