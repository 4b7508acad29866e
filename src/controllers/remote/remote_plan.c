#include "controllers/remote/remote_plan.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/components.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/objects.h"

/* A connection that ended is there again in a moment: what lasts longer is told. */
#define ERROR_PATIENCE SECONDS(3)
/* Annotation of a Secret: its label for Pilot is ours. */
#define LABELLED "istio.banzaicloud.io/labelled"

/* What has to be watched in the central cluster before anything can be said of a remote one. */
#define HOME_WATCHES (PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS)

static const struct kube_kind *istio_kind(void)
{
    return kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
}

void remote_plan_release(struct remote_plan *plan)
{
    plan_release(&plan->home);
    plan_release(&plan->away);
}

const char *remote_unreachable(const struct remote *r)
{
    const struct remote_contact *contact = &r->in->contact;

    if (!*contact->error)
        return NULL;
    if (contact->error_age >= ERROR_PATIENCE)
        return contact->error;
    r->plan->look_again = ERROR_PATIENCE - contact->error_age;
    return NULL;
}

static void patch_secret(struct remote *r, bool present)
{
    json_t *metadata = OBJECT(
        MAP("labels", V(REMOTE_PILOT_LABEL, present ? json_string("true") : json_null())),
        MAP("annotations", V(LABELLED, present ? json_string("true") : json_null())));

    plan_patch_metadata(
        &r->plan->home,
        r->in->home,
        r->secret,
        metadata,
        present ? "Pilot is to read the remote cluster" : "Pilot is not to read the remote cluster",
        PLAN_CHANGED);
}

/* Never 0. */
static uint64_t version_of(const struct kube_object *o)
{
    _cleanup_free_ char *version = STR_JOIN(' ', str_or(o->uid, ""), str_or(o->resource_version, ""));

    return str_hash(version, strlen(version)) | 1;
}

bool remote_plan_pilot_label(struct remote *r, bool present)
{
    uint64_t version = r->secret ? version_of(r->secret) : 0;
    _cleanup_json_ json_t *secret = NULL;
    bool labelled, ours;

    if (!version || (present && r->memo->labelled == version))
        return true;
    secret = kube_object_parse(r->secret);
    labelled = str_eq(doc_string(secret, "metadata", "labels", REMOTE_PILOT_LABEL), "true");
    ours = str_eq(doc_string(secret, "metadata", "annotations", LABELLED), "true");
    if (labelled)
        r->memo->labelled = version;
    /* A label of somebody else's stays theirs. */
    if (present ? labelled : !ours)
        return true;
    if (!plan_is_busy(r->in->home, r->secret))
        patch_secret(r, present);
    return false;
}

/* The RemoteIstio with this uid, or NULL. */
static const struct kube_object *resource_with(const struct remote *r, const char *uid)
{
    const struct kube_object *o;

    /* Nearly always; there may be a thousand others. */
    if (str_eq(remote_uid(r), uid))
        return r->in->resource;
    for (size_t i = 0; (o = kube_cache_next(r->in->home->observed, r->in->resource->kind, &i));)
        if (str_eq(o->uid, uid))
            return o;
    return NULL;
}

bool remote_is_ours(const struct remote *r)
{
    _cleanup_json_ json_t *config = r->config ? kube_object_parse(r->config) : NULL;

    return str_eq(doc_string(config, "metadata", "annotations", MESH_REMOTE_OF), r->in->central->id) &&
           (str_eq(r->config->owner, remote_uid(r)) || !resource_with(r, r->config->owner));
}

/* Whether this resource there leaves the cluster to us. */
static int check_istio(const struct remote *r, const struct kube_object *o, struct err *e)
{
    bool is_own = str_eq(o->owner, remote_uid(r));
    uint64_t version = is_own ? version_of(o) : 0;
    _cleanup_json_ json_t *istio = NULL;
    const struct kube_object *other;
    const char *of;

    if (is_own && r->memo->own == version)
        return 0;
    istio = kube_object_parse(o);
    of = doc_string(istio, "metadata", "annotations", MESH_REMOTE_OF);
    other = resource_with(r, o->owner);
    if (!of && !is_own)
        return err_set(
            e,
            ERR_INVALID,
            "the remote cluster has a mesh of its own, or is the central cluster: Istio %s/%s is there",
            o->ns,
            o->name);
    if (of && !str_eq(of, r->in->central->id))
        return err_set(
            e,
            ERR_INVALID,
            "the remote cluster belongs to the mesh of another central cluster: see Istio %s/%s there, and delete "
            "it where that mesh is gone",
            o->ns,
            o->name);
    if (other && other != r->in->resource)
        return err_set(
            e, ERR_INVALID, "the remote cluster is joined by RemoteIstio %s/%s already", other->ns, other->name);
    if (is_own)
        r->memo->own = version;
    return 0;
}

static bool is_before(const struct kube_object *a, const struct kube_object *b)
{
    int namespaces = strcmp(a->ns, b->ns);

    return namespaces ? namespaces < 0 : strcmp(a->name, b->name) < 0;
}

int remote_check_free(const struct remote *r, struct err *e)
{
    const struct kube_object *o, *told = NULL;

    /* Of several the first by name: which was seen first is chance, and the status would change with it. */
    for (size_t i = 0; (o = kube_cache_next(r->in->away->observed, istio_kind(), &i));)
        if ((!told || is_before(o, told)) && check_istio(r, o, e) < 0)
            told = o;
    return told ? -1 : 0;
}

/* Namespace, definition and MESH_REMOTE_OWNER; true once they are there as wanted. */
static bool plan_foundation(struct remote *r, struct plan *plan)
{
    size_t drift = plan->drift;
    const struct objects_input objects = {
        .plan = r->in->away,
        .wanted = {r->memo->foundation},
        .settled = resource_is_settled(&r->own),
        .keeps_crds = true,
    };

    objects_plan(&objects, plan);
    return plan->drift == drift;
}

/* With the services, whose addresses change all the time: that is followed, and no news. */
static void plan_with_services(const struct objects_input *objects, struct plan *plan)
{
    const struct kube_kind *endpoints = kube_kind_find(&mesh_kinds, "v1", "Endpoints");

    objects_plan(objects, plan);
    for (size_t i = 0; i < plan->len; i++)
        if (plan->actions[i].kind == endpoints && plan->actions[i].tag == PLAN_CHANGED)
            plan->actions[i].tag = PLAN_FOLLOWED;
}

/* All that belongs to MESH_REMOTE_OWNER; true once it is there as wanted. */
static bool plan_parts(struct remote *r, struct plan *plan)
{
    const struct remote_memo *memo = r->memo;
    size_t drift = plan->drift;
    const struct objects_input objects = {
        .plan = r->in->away,
        .wanted = {memo->parts, memo->services},
        .owner_uid = r->config->owner,
        .settled = resource_is_settled(&r->own),
    };

    plan_with_services(&objects, plan);
    /* Labelled last, when the webhook that the label switches on is there. */
    if (plan->drift == drift)
        injection_plan(r->in->away, memo->spec.mesh.auto_injection_namespaces, plan);
    return plan->drift == drift;
}

/*
 * What a RemoteIstio left that is gone is taken over with what it belongs to last: until then its mark says what is
 * to be pruned.
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
    const struct remote_istio_spec *spec = &r->memo->spec;

    buf_add_str(notice, r->memo->warnings);
    injection_notice(r->in->away, spec->mesh.auto_injection_namespaces, notice);
    if (spec->mesh.control_plane_security_enabled != r->in->central->mesh->control_plane_security_enabled)
        buf_printf(
            notice,
            "%scontrolPlaneSecurityEnabled is not as in the mesh: proxies there do not reach the control plane",
            notice->len ? PROBLEMS_SEPARATOR : "");
}

static void plan_joined(struct remote *r)
{
    const struct istio_spec *spec = &r->memo->spec.mesh;
    struct plan withheld = {0}, *writes = spec->pause ? &withheld : &r->plan->away;
    _cleanup_buf_ struct buf notice = BUF_INIT;
    struct rollouts rollouts;

    remote_want_services(r);
    plan_objects(r, writes);
    r->serves = true;
    take_notice(r, &notice);
    components_read(r->in->away, r->own.object->ns, r->memo->components, spec, &rollouts);
    if (!rollouts.all_available)
        r->plan->away.watch |= PLAN_WATCH_PODS;
    r->plan->away.drift = writes->drift;
    r->plan->away.managed = writes->managed;
    r->facts.rollouts = &rollouts;
    r->facts.drift = writes->drift;
    r->facts.unseen = writes->unseen;
    r->facts.ignored = writes->ignored;
    r->facts.paused = spec->pause;
    r->facts.withheld = &withheld;
    r->facts.notice = buf_str(&notice);
    /* A write that failed without an answer may have taken place: what is in place did not fail. */
    if (!writes->drift) {
        r->facts.failure_count = 0;
        remote_forget_texts(r);
    }
    remote_plan_status(r);
    rollouts_release(&rollouts);
    plan_release(&withheld);
}

/* The foundation alone: what belongs to MESH_REMOTE_OWNER cannot be described before that is there. */
static void plan_joining(struct remote *r)
{
    const struct istio_spec *spec = &r->memo->spec.mesh;

    if (spec->pause) {
        r->facts.waits_for = "paused by spec.pause before the remote cluster was joined";
    } else {
        plan_foundation(r, &r->plan->away);
        r->facts.drift = r->plan->away.drift + 1;
    }
    remote_plan_status(r);
}

#define NO_MESH "waiting for a mesh to join: there is no valid Istio resource in this cluster"

/* Why nothing can be done now; false where it can. Fills the facts. */
static bool is_held_up(struct remote *r, struct err *why)
{
    const struct central *central = r->in->central;
    struct status_facts *facts = &r->facts;

    facts->unreachable = remote_unreachable(r);
    if (!r->memo->has_spec) {
        facts->refused = &r->memo->refusal;
    } else if (!remote_secrets_are_read(r)) {
        facts->waits_for = NO_MESH; /* with one, remote_check() has refused the namespace */
    } else if (!r->secret) {
        err_set(
            why,
            ERR_NOT_FOUND,
            "there is no Secret %s/%s with the remote cluster's kubeconfig",
            r->own.object->ns,
            r->own.object->name);
        facts->refused = why;
    } else if (r->in->contact.refused) {
        /* Pilot would use it as it is. */
        remote_plan_pilot_label(r, false);
        err_set(why, ERR_INVALID, "%s", r->in->contact.refused);
        facts->refused = why;
    } else if (!r->in->away) {
        facts->waits_for = *r->in->contact.error ? r->in->contact.error : "waiting for an answer of the remote cluster";
    } else if (!central->mesh) {
        facts->waits_for = NO_MESH;
    } else if (remote_check_free(r, why) < 0) {
        facts->refused = why;
    } else if (!central->signing) {
        facts->waits_for = "waiting for the certificate that the central Citadel signs with";
    }
    return facts->refused || facts->waits_for;
}

/*
 * What holds up the rest, the mesh's own state or what was made of it, does not keep the services of a cluster that
 * joined from following the central Pods. Nothing else is touched.
 */
static void plan_services_alone(struct remote *r)
{
    const struct remote_input *in = r->in;
    struct objects_input objects = {.plan = in->away, .settled = resource_is_settled(&r->own)};

    if (!in->away || !r->config || !remote_is_ours(r) || !str_eq(r->config->owner, remote_uid(r)) ||
        !resource_has_finalizer(&r->own) || !str_eq(in->central->ns, r->own.object->ns) || r->memo->spec.mesh.pause)
        return;
    remote_want_services(r);
    objects.wanted[0] = r->memo->services;
    plan_with_services(&objects, &r->plan->away);
    r->serves = true;
}

/*
 * The connection is only just being made, or a kubeconfig that was refused has yet to be read, as after a restart of
 * this operator: what was said before stands until there is an answer or an error, or every restart would have each
 * cluster say something else for a moment.
 */
static bool is_just_connecting(const struct remote *r)
{
    const json_t *connected =
        doc_find(doc_at(r->resource, "status", STATUS_FIELD_CONDITIONS), "type", CONDITION_CONNECTED);
    const char *reason = doc_string(connected, "reason");

    return remote_secrets_are_read(r) && !r->in->away && !r->facts.refused && !r->facts.unreachable &&
           (str_eq(reason, REASON_CONNECTED) || str_eq(reason, REASON_UNREACHABLE) || str_eq(reason, REASON_REFUSED));
}

static void plan_member(struct remote *r)
{
    struct err why;

    remote_read_spec(r);
    r->plan->connect = r->secret && r->memo->has_spec;
    r->facts.version = r->memo->has_spec ? r->memo->spec.mesh.version : NULL;
    if (is_held_up(r, &why)) {
        if (!r->facts.refused)
            plan_services_alone(r);
        if (!is_just_connecting(r))
            remote_plan_status(r);
        return;
    }
    if (!resource_has_finalizer(&r->own)) {
        resource_plan_finalizer(&r->own, true, "finalizer added before anything is made");
        return;
    }
    remote_plan_pilot_label(r, true);
    remote_want_foundation(r);
    if (!r->config) {
        plan_joining(r);
    } else if (remote_want_parts(r) < 0) {
        r->facts.refused = &r->memo->refusal;
        plan_services_alone(r);
        remote_plan_status(r);
    } else {
        plan_joined(r);
    }
}

static const struct kube_object *find_config(const struct remote_input *in)
{
    return in->away ? kube_cache_get(in->away->observed, istio_kind(), in->resource->ns, MESH_REMOTE_OWNER) : NULL;
}

bool remote_plan_make(const struct remote_input *in, struct remote_memo *memo, struct remote_plan *ret)
{
    _cleanup_json_ json_t *resource = kube_object_parse(in->resource);
    struct remote r = {
        .in = in,
        .memo = memo,
        .plan = ret,
        .resource = resource,
        .own = {in->home, &ret->home, in->resource, resource, &api_resource_remote_istio},
        .secret = central_kubeconfig(in->home->observed, in->resource->ns, in->resource->name),
        .config = find_config(in),
        .facts = {.failures = in->home->failures, .failure_count = in->home->failure_count},
    };

    *ret = (struct remote_plan){.look_again = MSEC_NEVER};
    if (in->away && in->away->failure_count) {
        r.facts.failures = in->away->failures;
        r.facts.failure_count = in->away->failure_count;
    }
    /* Pods that were not read yet are not gone; without its id nothing says whose a remote cluster is. */
    if ((in->home->synced & HOME_WATCHES) != HOME_WATCHES || !in->central->id)
        return false;
    ret->away.ns = str_dup(in->resource->ns);
    if (in->resource->deleting)
        remote_leave(&r);
    else
        plan_member(&r);
    return true;
}
