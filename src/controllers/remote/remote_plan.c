#include "controllers/remote/remote_plan.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/components.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/remote/remote_istio.h"
#include "controllers/remote/remote_render.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/objects.h"

/* What has to be watched in the central cluster before anything can be said of a remote one. */
#define CENTRAL_WATCHES (PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS)

static const struct kube_kind *istio_kind(void)
{
    return mesh_kind(KIND_ISTIO);
}

/* Namespace, definition and MESH_REMOTE_OWNER; true unless they wait for their writes alone. */
static bool plan_foundation(struct remote *r, struct plan *plan)
{
    const struct objects_input objects = {
        .plan = r->world->remote,
        .desired = {r->memo->foundation},
        .settled = resource_is_settled(&r->re->own),
        .keeps_crds = true,
    };

    objects_plan(&objects, plan);
    return !plan_is_moving(plan);
}

/* With the services, whose addresses change all the time: such updates get no Event. */
static void plan_with_services(const struct objects_input *objects, struct plan *plan)
{
    const struct kube_kind *endpoints = mesh_kind(KIND_ENDPOINTS);

    objects_plan(objects, plan);
    for (size_t i = 0; i < plan->len; i++)
        if (plan->actions[i].kind == endpoints && plan->actions[i].tag == PLAN_CHANGED)
            plan->actions[i].tag = PLAN_FOLLOWED;
}

/* All that belongs to MESH_REMOTE_OWNER; true when that exists as desired. */
static bool plan_parts(struct remote *r, struct plan *plan)
{
    struct remote_memo *memo = r->memo;
    size_t drift = plan->drift;
    const struct objects_input objects = {
        .plan = r->world->remote,
        .desired = {memo->parts, memo->services},
        .owner_uid = r->config->owner,
        .pods = PLAN_WATCH_PODS,
        .settled = resource_is_settled(&r->re->own),
    };

    plan_with_services(&objects, plan);
    if (injection_may_begin(r->world->remote, memo->parts, plan))
        injection_plan(&memo->injection, r->world->remote, true, plan);
    return plan->drift == drift;
}

/*
 * What a deleted RemoteIstio left is taken over, its owner MESH_REMOTE_OWNER last: until then the old owner label says
 * what is to be pruned.
 */
static void plan_objects(struct remote *r, struct plan *plan)
{
    bool inherited = r->config && !str_eq(r->config->owner, remote_uid(r));

    if (!inherited && !plan_foundation(r, plan))
        return;
    if (plan_parts(r, plan) && inherited)
        plan_foundation(r, plan);
}

/* What a person should know though all is well. */
static void take_notice(const struct remote *r, struct buf *notice)
{
    const char *of_line = r->central->line->joining->notice(r->memo->spec, r->central->mesh);

    buf_add_str(notice, r->memo->warnings);
    injection_notice(&r->memo->injection, notice);
    if (of_line)
        buf_printf(notice, "%s%s", notice->len ? PROBLEMS_SEPARATOR : "", of_line);
}

static void plan_joined(struct remote *r)
{
    const struct istio_spec *spec = r->memo->spec;
    struct reconcile *re = r->re;

    remote_want_services(r);
    injection_read(
        &r->memo->injection, r->world->remote, &r->central->line->injection, spec->auto_injection_namespaces);
    plan_objects(r, reconcile_writes(re, &r->plan->remote, spec->pause));
    r->serves = true;
    take_notice(r, &re->notice);
    components_read(
        r->world->remote,
        r->object->ns,
        &r->memo->plane,
        1,
        MESH_REMOTE,
        spec,
        false,
        &re->rollouts,
        &r->plan->remote.watch);
    re->facts.rollouts = &re->rollouts;
    reconcile_conclude(re, &r->plan->remote, spec->pause);
    if (!re->facts.drift)
        remote_forget_texts(r);
}

/* The foundation alone: what belongs to MESH_REMOTE_OWNER cannot be described before that exists. */
static void plan_joining(struct remote *r)
{
    if (r->memo->spec->pause) {
        r->re->facts.waits_for = "paused by spec.pause before the remote cluster was joined";
        return;
    }
    plan_foundation(r, &r->plan->remote);
    r->re->facts.drift = r->plan->remote.drift + 1;
}

#define NO_MESH "waiting for a mesh to join: there is no valid Istio resource in this cluster"

/* Why nothing can be done now, if anything. */
static void find_obstacle(struct remote *r)
{
    const struct central *central = r->central;
    struct status_facts *facts = &r->re->facts;
    struct err *why = &r->re->refusal;

    facts->unreachable = remote_unreachable(r);
    if (!r->memo->spec) {
        facts->refused = &r->memo->refusal;
    } else if (!remote_secrets_are_read(r)) {
        facts->waits_for = NO_MESH; /* with one, remote_check() has refused the namespace */
    } else if (!r->secret) {
        err_set(
            why,
            ERR_NOT_FOUND,
            "there is no Secret %s/%s with the remote cluster's kubeconfig",
            r->object->ns,
            r->object->name);
        facts->refused = why;
    } else if (r->world->contact.refused) {
        /* Pilot would use it as it is. */
        remote_plan_pilot_label(r, false);
        err_set(why, ERR_INVALID, "%s", r->world->contact.refused);
        facts->refused = why;
    } else if (!r->world->remote) {
        facts->waits_for =
            *r->world->contact.error ? r->world->contact.error : "waiting for an answer of the remote cluster";
    } else if (!central->mesh) {
        facts->waits_for = NO_MESH;
    } else if (remote_check_free(r, why) < 0) {
        facts->refused = why;
    } else if (!central->signing) {
        facts->waits_for = central->line->joining->waits_for_signing;
    }
}

/*
 * Even if the mesh's state or its objects block the rest, the services of a cluster that joined follow the central
 * Pods. Nothing else is changed.
 */
static void plan_services_alone(struct remote *r)
{
    const struct plan_input *remote = r->world->remote;
    struct objects_input objects = {.plan = remote, .settled = resource_is_settled(&r->re->own)};

    if (!remote || !r->config || !remote_is_owned(r) || !str_eq(r->config->owner, remote_uid(r)) ||
        !resource_has_finalizer(&r->re->own) || !str_eq(r->central->ns, r->object->ns) || r->memo->spec->pause)
        return;
    remote_want_services(r);
    objects.desired[0] = r->memo->services;
    plan_with_services(&objects, &r->plan->remote);
    r->serves = true;
}

/*
 * The connection is being opened, or a refused kubeconfig is not read yet, as after a restart of this operator: the
 * status stays as it was until there is an answer or an error. Otherwise every restart would change each cluster's
 * status for a moment.
 */
static bool is_just_connecting(const struct remote *r)
{
    const json_t *connected =
        doc_find(doc_at(r->resource, "status", STATUS_FIELD_CONDITIONS), "type", CONDITION_CONNECTED);
    const char *reason = doc_string(connected, "reason");

    return remote_secrets_are_read(r) && !r->world->remote && !r->re->facts.refused && !r->re->facts.unreachable &&
           (str_eq(reason, REASON_CONNECTED) || str_eq(reason, REASON_UNREACHABLE) || str_eq(reason, REASON_REFUSED));
}

static void begin(struct reconcile *re)
{
    const struct plan_world *world = re->world;
    const struct kube_object *object = re->object;
    struct remote *r = re->state;

    *r = (struct remote){
        .re = re,
        .world = world,
        .plan = re->plan,
        .central = world->shared,
        .memo = re->memo,
        .object = object,
        .resource = re->resource,
        .secret = central_kubeconfig(world->central->observed, object->ns, object->name),
        .config =
            world->remote ? kube_cache_get(world->remote->observed, istio_kind(), object->ns, MESH_REMOTE_OWNER) : NULL,
    };
}

static void review(struct reconcile *re)
{
    struct remote *r = re->state;

    remote_read_spec(r);
    r->plan->connect = r->secret && r->memo->spec;
    re->facts.version = r->memo->spec ? r->memo->spec->version : NULL;
    find_obstacle(r);
}

static void held(struct reconcile *re)
{
    struct remote *r = re->state;

    if (!re->facts.refused)
        plan_services_alone(r);
    re->keeps_status = is_just_connecting(r);
}

static void plan(struct reconcile *re)
{
    struct remote *r = re->state;

    remote_plan_pilot_label(r, true);
    remote_want_foundation(r);
    if (!r->config) {
        plan_joining(r);
    } else if (remote_want_parts(r) < 0) {
        re->facts.refused = &r->memo->refusal;
        plan_services_alone(r);
    } else {
        plan_joined(r);
    }
}

const struct reconciler remote_istio_reconciler = {
    .resource = &api_resource_remote_istio,
    .kind = KIND_REMOTE_ISTIO,
    .watches = &mesh_watches,
    .watch = CENTRAL_WATCHES,
    .watch_namespace = central_namespace_of_remotes,
    .memo_new = remote_memo_new,
    .memo_free = remote_memo_free,
    .shared_new = central_new,
    .shared_free = central_free,
    .shared_update = central_update,
    .shared_version = central_version,
    .is_ready = central_is_known,
    .check = remote_row_check,
    .credentials = KIND_CREDENTIALS_SECRET,
    .needs = remote_memo_needs,
    .state_size = sizeof(struct remote),
    .begin = begin,
    .review = review,
    .plan = plan,
    .held = held,
    .leave = remote_leave,
    .status = remote_add_status,
};
