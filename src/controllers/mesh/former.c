#include "controllers/mesh/former.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/sidecars.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/marks.h"

/* What is known while they are read. */
struct reading {
    const struct plan_input *in;
    const json_t *status; /* status.formerControlPlanes as it was */
    msec_t grace;
    msec_t again_at; /* when a grace ends; MSEC_NEVER: none does */
    const struct mesh_desired *desired;
    bool available;                            /* what replaces them */
    const char *unproven;                      /* why that is not proven yet; NULL: it is */
    size_t unmoved;                            /* namespaces */
    struct mesh_plane planes[MESH_PLANES_MAX]; /* those that stay */
    char *names[MESH_PLANES_MAX];              /* mesh_plane.revision; owned */
    size_t count;
    struct buf notice;
    json_t *list; /* status.formerControlPlanes */
};

void former_release(struct former *former)
{
    free(former->notice);
    json_decref(former->planes);
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

/* Nothing uses it: since when, as the status remembers it. */
static msec_t unused_since(const struct reading *reading, const char *name)
{
    msec_t since = clock_time(doc_string(doc_find(reading->status, "revision", name), "unusedSince"));

    return since && since < reading->in->now ? since : reading->in->now;
}

/* Why it stays though nothing uses it; owned by the caller; NULL: its grace is over. */
static char *why_it_may_be_needed(struct reading *reading, const char *name, json_t *line)
{
    msec_t since = unused_since(reading, name), until = since + reading->grace;
    char from[32], to[32];

    clock_rfc3339(since, from);
    clock_rfc3339(until, to);
    json_object_set_new(line, "unusedSince", json_string(from));
    json_object_set_new(line, "until", json_string(to));
    if (reading->in->now >= until)
        return NULL;
    if (until < reading->again_at)
        reading->again_at = until;
    return str_printf("the control plane of revision %s is not used any more, and stays until %s", name, to);
}

/* Why a control plane stays; owned by the caller; NULL: it may go. `line` is that of the status. */
static char *why_it_stays(struct reading *reading, const char *name, const struct rollouts *rollouts, json_t *line)
{
    const char *new = called(reading->desired, reading->desired->planes->revision);
    size_t pods;

    /* Gateways have moved when their rollout has ended. */
    if (!reading->available || !rollouts->all_available)
        return str_printf(
            "the control plane of revision %s stays until that of revision %s and the gateways are available",
            name,
            new);
    if (reading->unproven)
        return str_printf(
            "the control plane of revision %s stays until that of revision %s is proven: %s",
            name,
            new,
            reading->unproven);
    if (!(reading->in->synced & PLAN_WATCH_SIDECARS))
        return str_printf("the control plane of revision %s stays until its pods are counted", name);
    pods = sidecars_of_revision(reading->in->observed, name);
    json_object_set_new(line, "pods", json_integer((json_int_t)pods));
    if (!pods && reading->unmoved)
        return str_printf(
            "the control plane of revision %s stays until %zu namespaces are labelled for that of revision %s",
            name,
            reading->unmoved,
            new);
    if (!pods)
        return why_it_may_be_needed(reading, name, line);
    return str_printf(
        "the control plane of revision %s stays until the %zu pods with its sidecar are replaced", name, pods);
}

static void
read_deployment(struct reading *reading, const struct kube_object *o, const struct rollouts *rollouts, unsigned *watch)
{
    const struct mesh_line *line = reading->desired->planes->release->line;
    _cleanup_json_ json_t *deployment = kube_object_parse(o), *row = NULL;
    const char *revision = line->plane_of(deployment), *name;
    _cleanup_free_ char *why = NULL;

    if (!revision || is_desired(reading->desired, revision) || is_known(reading, revision) ||
        reading->count == MESH_PLANES_MAX)
        return;
    *watch |= PLAN_WATCH_SIDECARS;
    name = called(reading->desired, revision);
    row = OBJECT(STRING("revision", name));
    why = why_it_stays(reading, name, rollouts, row);
    /* Until its Deployment is deleted, which is not the first of its objects, the grace must not begin again. */
    json_array_append(reading->list, row);
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
    if (revision && is_desired(desired, revision))
        return NULL;
    /* One that users keep as it is does not say when its place is taken. */
    if (mark_is_ignored(live) && injection_has_moved(in->observed, &desired->injection))
        return NULL;
    return former_plane(in, resource, line, revision, desired);
}

void former_read(
    struct former_memo *memo, struct reconcile *r, const struct mesh_desired *desired, const char *unproven,
    size_t unmoved, struct former *ret)
{
    const struct plan_input *in = r->world->central;
    const struct kube_kind *kind = mesh_kind(KIND_DEPLOYMENT);
    struct reading reading = {
        .in = in,
        .status = doc_at(r->resource, "status", STATUS_FIELD_FORMER_CONTROL_PLANES),
        .again_at = MSEC_NEVER,
        .desired = desired,
        .unproven = unproven,
        .unmoved = unmoved,
        .notice = BUF_INIT,
    };
    const struct kube_object *o;

    *ret = (struct former){0};
    if (in->preview || !desired->planes->release->line->plane_of ||
        !is_enabled(desired, &r->rollouts, &reading.available))
        return;
    clock_parse_duration(desired->spec->upgrade.former_grace_period, &reading.grace);
    reading.list = json_array();
    for (size_t i = 0; (o = kube_cache_next(in->observed, kind, &i));)
        if (is_of_mesh(o, r->object) && !desired_find(desired->objects, kind, o->ns, o->name))
            read_deployment(&reading, o, &r->rollouts, &r->plan->central.watch);
    if (reading.count) {
        read_objects(memo, &reading, r->object->ns);
        ret->retained = memo->objects;
        ret->awaits_new = !reading.available || unproven;
        ret->notice = buf_take(&reading.notice);
    }
    if (json_array_size(reading.list))
        ret->planes = json_incref(reading.list);
    if (reading.again_at != MSEC_NEVER && reading.again_at - in->now < r->plan->again_after)
        r->plan->again_after = reading.again_at - in->now;
    for (size_t i = 0; i < reading.count; i++)
        free(reading.names[i]);
    buf_release(&reading.notice);
    json_decref(reading.list);
}
