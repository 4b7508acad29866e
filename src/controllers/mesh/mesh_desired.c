#include "controllers/mesh/mesh_desired.h"

#include <string.h>

#include "base/str.h"
#include "controllers/mesh/kept.h"
#include "doc/doc.h"
#include "reconcile/overlay.h"

void mesh_desired_versions(const struct kube_server *server, const char **ret_versions)
{
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];
        ret_versions[i] = kind->custom ? kind->versions[0].name : kube_server_version(server, kind);
    }
}

/* The releases that this operator knows, as the validation needs them. */
static struct api_release *known_releases(size_t *ret_count)
{
    struct api_release *known;
    size_t n = 0;

    while (mesh_releases[n].version)
        n++;
    known = NEW_ARRAY(struct api_release, n);
    for (size_t i = 0; i < n; i++)
        known[i] = (struct api_release){
            mesh_releases[i].version, mesh_releases[i].kubernetes_min, mesh_releases[i].kubernetes_max};
    *ret_count = n;
    return known;
}

int mesh_check(const json_t *resource, int minor, const char *ns, struct istio_spec **ret, struct problems *problems)
{
    size_t release_count;
    _cleanup_free_ struct api_release *releases = known_releases(&release_count);
    const struct api_context context = {
        .releases = releases, .release_count = release_count, .kubernetes_minor = minor, .ns = ns};

    return istio_parse(resource, &context, ret, problems);
}

enum { HELD_MAX = 5 };

/* The parts that are held, and what they are built by. */
struct held {
    struct mesh_held parts[HELD_MAX + 1];
    struct istio_spec *specs[HELD_MAX]; /* owned */
    size_t count;
};

static void held_release(struct held *held)
{
    for (size_t i = 0; i < held->count; i++)
        istio_spec_free(held->specs[i]);
}

/* The resource as it would be with what `hold` says, without what it keeps; owned by the caller. */
static json_t *asked_at(const json_t *resource, const json_t *hold)
{
    json_t *copy = json_copy((json_t *)resource), *spec = doc_copy(doc_at(resource, "spec"));
    const char *revision = doc_string(hold, HOLD_REVISION);

    if (!json_is_object(spec)) {
        json_decref(spec);
        spec = json_object();
    }
    json_object_set_new(spec, "version", json_string(doc_string(hold, HOLD_VERSION)));
    if (revision && *revision)
        json_object_set_new(spec, "revision", json_string(revision));
    else if (revision)
        json_object_del(spec, "revision");
    json_object_set_new(copy, "spec", spec);
    return copy;
}

/* With what it keeps. */
static json_t *resource_at(const json_t *resource, const json_t *hold)
{
    _cleanup_json_ json_t *asked = asked_at(resource, hold);

    return kept_apply(asked, doc_string(hold, HOLD_VERSION));
}

static void hold_part(const json_t *resource, const char *part, const json_t *hold, struct held *ret)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *copy = resource_at(resource, hold);
    struct istio_spec *spec;

    if (ret->count == HELD_MAX || mesh_check(copy, 0, NULL, &spec, &problems) < 0)
        return;
    ret->specs[ret->count] = spec;
    ret->parts[ret->count++] = (struct mesh_held){
        .part = part,
        .spec = spec,
        .release = mesh_release_find(spec->version),
        .revision = str_or(doc_string(hold, HOLD_REVISION), ""),
    };
}

static void read_held(const json_t *resource, const json_t *hold, struct held *ret)
{
    const char *component;
    json_t *part;

    *ret = (struct held){0};
    json_object_foreach(doc_at(hold, HOLD_GATEWAYS), component, part)
        hold_part(resource, component, part, ret);
    if (doc_at(hold, HOLD_INJECTOR))
        hold_part(resource, MESH_HELD_INJECTOR, doc_at(hold, HOLD_INJECTOR), ret);
    if (doc_at(hold, HOLD_VALIDATOR))
        hold_part(resource, MESH_HELD_VALIDATOR, doc_at(hold, HOLD_VALIDATOR), ret);
}

int mesh_desired_build(
    const json_t *resource, int minor, const char *const *versions, const struct mesh_cni_state *cni, bool untraced,
    const json_t *hold, struct mesh_desired **ret, struct problems *problems)
{
    bool is_held = doc_string(hold, HOLD_VERSION) != NULL;
    _cleanup_json_ json_t *asked =
        is_held ? resource_at(resource, hold) : kept_apply(resource, istio_version(resource, minor));
    struct held held;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;
    struct mesh_plane planes[MESH_PLANES_MAX] = {0};
    size_t plane_count;
    struct rendered_list objects = {0}, monitors, dashboards, maps;
    struct mark_owner owner = {
        .api_version = API_GROUP_VERSION,
        .kind = "Istio",
        .ns = doc_string(resource, "metadata", "namespace"),
        .name = doc_string(resource, "metadata", "name"),
        .uid = doc_string(resource, "metadata", "uid"),
    };
    struct mesh_env env = {.ns = owner.ns, .versions = versions, .untraced = untraced};

    if (mesh_check(asked, is_held ? 0 : minor, NULL, &spec, problems) < 0)
        return -1;
    env.spec = spec;
    if (cni)
        env.cni = *cni;
    read_held(resource, hold, &held);
    env.held = held.parts;
    plane_count = mesh_planes(spec, planes);
    mesh_render_planes(&env, planes, plane_count, &objects);
    held_release(&held);
    overlays_apply(spec->overlays, owner.ns, minor, &objects, problems);
    if (problems->errors) {
        rendered_release(&objects);
        return -1;
    }
    monitors = rendered_take(&objects, MESH_APART_MONITORS);
    dashboards = rendered_take(&objects, MESH_APART_DASHBOARDS);
    maps = rendered_take(&objects, MESH_APART_MAPS);
    /* A file that was never in a cluster has no uid. */
    *ret = NEW(struct mesh_desired);
    **ret = (struct mesh_desired){
        .spec = TAKE_PTR(spec),
        .plane_count = plane_count,
        .objects = desired_from(&objects, owner.uid ? &owner : NULL),
        .monitors = desired_from(&monitors, owner.uid ? &owner : NULL),
        .dashboards = desired_from(&dashboards, owner.uid ? &owner : NULL),
        .maps = desired_from(&maps, owner.uid ? &owner : NULL),
    };
    memcpy((*ret)->planes, planes, sizeof(planes));
    mesh_injection_of(planes, &(*ret)->injection, &(*ret)->injection_config);
    return 0;
}

struct desired_set *
mesh_desired_objects(const json_t *resource, int minor, const char *const *versions, struct problems *problems)
{
    _cleanup_mesh_desired_ struct mesh_desired *desired = NULL;

    return mesh_desired_build(resource, minor, versions, NULL, false, NULL, &desired, problems) < 0
               ? NULL
               : TAKE_PTR(desired->objects);
}

void mesh_desired_free(struct mesh_desired *desired)
{
    if (!desired)
        return;
    istio_spec_free(desired->spec);
    desired_free(desired->objects);
    desired_free(desired->monitors);
    desired_free(desired->dashboards);
    desired_free(desired->maps);
    free(desired->injection_config);
    free(desired);
}
