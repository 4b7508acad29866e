#include "controllers/mesh/former.h"

#include <string.h>

#include "base/str.h"
#include "controllers/mesh/sidecars.h"
#include "controllers/watches.h"
#include "doc/doc.h"

/* What is known while they are read. */
struct reading {
    const struct plan_input *in;
    const struct mesh_desired *desired;
    bool available;                            /* what replaces them */
    const char *unproven;                      /* why that is not proven yet; NULL: it is */
    struct mesh_plane planes[MESH_PLANES_MAX]; /* those that stay */
    char *names[MESH_PLANES_MAX];              /* mesh_plane.revision; owned */
    size_t count;
    struct buf notice;
};

void former_release(struct former *former)
{
    free(former->notice);
    *former = (struct former){0};
}

void former_memo_clear(struct former_memo *memo)
{
    free(memo->names);
    desired_free(memo->objects);
    *memo = (struct former_memo){0};
}

/* What Istio calls it. */
static const char *called(const struct mesh_desired *desired, const char *revision)
{
    return *revision ? revision : str_or(desired->planes->release->line->injection.revision, "");
}

/* Whether the first control plane is enabled at all, and available. */
static bool is_enabled(const struct mesh_desired *desired, const struct rollouts *rollouts, bool *ret_available)
{
    bool enabled = false;

    *ret_available = true;
    for (size_t i = 0; i < rollouts->len; i++) {
        const struct rollout *r = &rollouts->items[i];
        if (!r->enabled || !str_eq(r->revision, desired->planes->revision))
            continue;
        enabled = true;
        *ret_available = *ret_available && r->available;
    }
    return enabled;
}

static bool is_desired(const struct mesh_desired *desired, const char *revision)
{
    for (size_t i = 0; i < desired->plane_count; i++)
        if (str_eq(desired->planes[i].revision, revision))
            return true;
    return false;
}

static bool is_known(const struct reading *reading, const char *revision)
{
    for (size_t i = 0; i < reading->count; i++)
        if (str_eq(reading->names[i], revision))
            return true;
    return false;
}

/* Why a control plane stays; owned by the caller; NULL: it may go. */
static char *why_it_stays(const struct reading *reading, const char *revision, const struct rollouts *rollouts)
{
    const char *name = called(reading->desired, revision);
    size_t pods;

    /* Gateways have moved when their rollout has ended. */
    if (!reading->available || !rollouts->all_available)
        return str_printf(
            "the control plane of revision %s stays until that of revision %s and the gateways are available",
            name,
            called(reading->desired, reading->desired->planes->revision));
    if (reading->unproven)
        return str_printf(
            "the control plane of revision %s stays until that of revision %s is proven: %s",
            name,
            called(reading->desired, reading->desired->planes->revision),
            reading->unproven);
    if (!(reading->in->synced & PLAN_WATCH_SIDECARS))
        return str_printf("the control plane of revision %s stays until its pods are counted", name);
    pods = sidecars_of_revision(reading->in->observed, name);
    if (!pods)
        return NULL;
    return str_printf(
        "the control plane of revision %s stays until the %zu pods with its sidecar are replaced", name, pods);
}

static void
read_deployment(struct reading *reading, const struct kube_object *o, const struct rollouts *rollouts, unsigned *watch)
{
    const struct mesh_line *line = reading->desired->planes->release->line;
    _cleanup_json_ json_t *deployment = kube_object_parse(o);
    const char *revision = line->plane_of(deployment);
    _cleanup_free_ char *why = NULL;

    if (!revision || is_desired(reading->desired, revision) || is_known(reading, revision) ||
        reading->count == MESH_PLANES_MAX)
        return;
    *watch |= PLAN_WATCH_SIDECARS;
    why = why_it_stays(reading, revision, rollouts);
    if (!why)
        return;
    buf_separate(&reading->notice, "; ");
    buf_add_str(&reading->notice, why);
    reading->names[reading->count] = str_dup(revision);
    reading->planes[reading->count] =
        (struct mesh_plane){reading->names[reading->count], reading->desired->planes->release};
    reading->count++;
}

/* The objects of these control planes, as this resource would have them. */
static void read_objects(struct former_memo *memo, const struct reading *reading, const char *ns)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    const struct mesh_env env = {.spec = reading->desired->spec, .ns = ns, .versions = versions};
    _cleanup_buf_ struct buf names = BUF_INIT;
    struct rendered_list objects;

    for (size_t i = 0; i < reading->count; i++)
        buf_printf(&names, "%s ", reading->names[i]);
    if (str_eq(memo->names, buf_str(&names)))
        return;
    former_memo_clear(memo);
    memo->names = buf_take(&names);
    mesh_desired_versions(reading->in->server, versions);
    mesh_render_planes(&env, reading->planes, reading->count, &objects);
    memo->objects = desired_from(&objects, NULL);
    desired_forget_texts(memo->objects);
}

static bool is_of_mesh(const struct kube_object *o, const struct kube_object *resource)
{
    return str_eq(o->owner, resource->uid) && !o->deleting && str_eq(o->ns, resource->ns);
}

char *former_plane(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_line *line,
    const char *preferred, const struct mesh_desired *besides)
{
    const struct kube_object *o;
    char *found = NULL;

    for (size_t i = 0; line->plane_of && (o = kube_cache_next(in->observed, mesh_kind(KIND_DEPLOYMENT), &i));) {
        _cleanup_json_ json_t *deployment = is_of_mesh(o, resource) ? kube_object_parse(o) : NULL;
        const char *revision = deployment ? line->plane_of(deployment) : NULL;
        if (revision && !(besides && is_desired(besides, revision)) && (!found || str_eq(revision, preferred)))
            str_replace(&found, revision);
    }
    return found;
}

char *
former_validates(const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired)
{
    const struct mesh_line *line = desired->planes->release->line;
    const struct kube_kind *kind = mesh_kind(KIND_VALIDATING_WEBHOOK);
    const struct kube_object *o;
    _cleanup_json_ json_t *live = NULL;
    const char *revision;

    if (!line->validator || !desired_find(desired->objects, kind, NULL, line->validator))
        return NULL;
    o = kube_cache_get(in->observed, kind, NULL, line->validator);
    live = o ? kube_object_parse(o) : NULL;
    revision = live ? line->plane_of(live) : NULL;
    return revision && is_desired(desired, revision) ? NULL : former_plane(in, resource, line, revision, desired);
}

void former_read(
    struct former_memo *memo, const struct plan_input *in, const struct kube_object *resource,
    const struct mesh_desired *desired, const struct rollouts *rollouts, const char *unproven, unsigned *watch,
    struct former *ret)
{
    const struct kube_kind *kind = mesh_kind(KIND_DEPLOYMENT);
    struct reading reading = {.in = in, .desired = desired, .unproven = unproven, .notice = BUF_INIT};
    const struct kube_object *o;

    *ret = (struct former){0};
    if (in->preview || !desired->planes->release->line->plane_of || !is_enabled(desired, rollouts, &reading.available))
        return;
    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));)
        if (is_of_mesh(o, resource) && !desired_find(desired->objects, kind, o->ns, o->name))
            read_deployment(&reading, o, rollouts, watch);
    if (reading.count) {
        read_objects(memo, &reading, resource->ns);
        ret->retained = memo->objects;
        ret->awaits_new = !reading.available || unproven;
        ret->notice = buf_take(&reading.notice);
    }
    for (size_t i = 0; i < reading.count; i++)
        free(reading.names[i]);
    buf_release(&reading.notice);
}
