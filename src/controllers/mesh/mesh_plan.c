#include "controllers/mesh/mesh_plan.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/made.h"
#include "controllers/mesh/components.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/mesh_wanted.h"
#include "controllers/mesh/sidecars.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"
#include "reconcile/objects.h"
#include "reconcile/resource_writes.h"
#include "reconcile/status.h"

/* What the resource asked for when it was looked at last, for as long as that stays the same. */
struct plan_memo {
    char *uid;
    uint64_t hash;              /* of everything that the wanted set depends on */
    struct mesh_wanted *wanted; /* NULL: refused */
    struct err refusal;
    char *warnings;
};

/* One resource, while it is planned. */
struct mesh_plan {
    const struct plan_input *in;
    struct plan_memo *memo;
    struct plan *plan;
    const struct kube_object *object;
    json_t *resource;
    struct planned_resource own;
    struct status_facts facts;
    bool counts_sidecars;
    const struct sidecars *sidecars; /* NULL where they are not counted yet: what the status said before stays */
};

struct plan_memo *plan_memo_new(void)
{
    return NEW(struct plan_memo);
}

static void memo_clear(struct plan_memo *memo)
{
    free(memo->uid);
    free(memo->warnings);
    mesh_wanted_free(memo->wanted);
    *memo = (struct plan_memo){0};
}

void plan_memo_free(struct plan_memo *memo)
{
    if (!memo)
        return;
    memo_clear(memo);
    free(memo);
}

const struct istio_spec *plan_memo_mesh(const struct plan_memo *memo, uint64_t *ret_hash)
{
    *ret_hash = memo->hash;
    return memo->wanted ? &memo->wanted->spec : NULL;
}

static const struct kube_kind *istio_kind(void)
{
    return kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
}

/* The oldest resource is the mesh of the cluster; of two of the same second the first by name. */
static int older(const json_t *a, const json_t *b)
{
    int order = strcmp(
        str_or(doc_string(a, "metadata", "creationTimestamp"), ""),
        str_or(doc_string(b, "metadata", "creationTimestamp"), ""));

    if (order == 0)
        order = strcmp(
            str_or(doc_string(a, "metadata", "namespace"), ""), str_or(doc_string(b, "metadata", "namespace"), ""));
    if (order == 0)
        order = strcmp(str_or(doc_string(a, "metadata", "name"), ""), str_or(doc_string(b, "metadata", "name"), ""));
    return order;
}

/*
 * One that an operator elsewhere put here, because this cluster is a part of its mesh, is nothing that we act on.
 */
static bool is_of_others(const json_t *resource)
{
    return doc_string(resource, "metadata", "annotations", MESH_REMOTE_OF);
}

static const struct kube_object *find_mesh(const struct plan_input *in)
{
    const struct kube_object *o, *oldest = NULL;
    _cleanup_json_ json_t *oldest_resource = NULL;

    for (size_t i = 0; (o = kube_cache_next(in->observed, istio_kind(), &i));) {
        _cleanup_json_ json_t *resource = kube_object_parse(o);
        if (is_of_others(resource) || (oldest && older(oldest_resource, resource) <= 0))
            continue;
        oldest = o;
        json_decref(oldest_resource);
        oldest_resource = TAKE_PTR(resource);
    }
    return oldest;
}

static uint64_t dependencies_hash(const json_t *resource, int minor, const char *const *versions)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_free_ char *spec = json_is_object(doc_at(resource, "spec")) ? doc_text(doc_at(resource, "spec")) : NULL;

    buf_printf(
        &text,
        "%d %s %s %s",
        minor,
        doc_string(resource, "metadata", "namespace"),
        doc_string(resource, "metadata", "name"),
        str_or(spec, ""));
    for (size_t i = 0; i < mesh_kinds.len; i++)
        buf_printf(&text, " %s", str_or(versions[i], "-"));
    return str_hash(buf_str(&text), text.len);
}

/* The memo's wanted set is that of this resource afterwards, or its refusal. */
static void remember_wanted(struct mesh_plan *m)
{
    struct plan_memo *memo = m->memo;
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf warnings = BUF_INIT;
    uint64_t hash;

    mesh_wanted_versions(m->in->server, versions);
    hash = dependencies_hash(m->resource, m->in->server->minor, versions);
    if (memo->hash == hash && str_eq(memo->uid, m->object->uid))
        return;
    memo_clear(memo);
    memo->hash = hash;
    memo->uid = str_dup(m->object->uid);
    if (mesh_wanted_build(m->resource, m->in->server->minor, versions, &memo->wanted, &problems) < 0) {
        problems_err(&problems, &memo->refusal);
        return;
    }
    problems_text(&problems, PROBLEM_WARNING, PROBLEMS_SEPARATOR, &warnings);
    memo->warnings = buf_take(&warnings);
}

#define FINALIZER_ADDED "finalizer added before anything is made"
#define FINALIZER_REMOVED "everything is removed"

/* The number of sidecars, and the condition that follows from it. */
static void add_sidecars(const struct mesh_plan *m, json_t *status)
{
    const json_t *before = doc_at(m->resource, "status");
    const struct sidecars *counted = m->sidecars;
    _cleanup_free_ char *text = NULL;
    json_t *numbers, *condition;

    if (!m->counts_sidecars)
        return;
    if (counted) {
        text = sidecars_text(counted);
        numbers = OBJECT(N("current", (json_int_t)counted->current), N("outdated", (json_int_t)counted->outdated));
        condition = status_condition(
            &m->facts, CONDITION_SIDECARS_CURRENT, counted->outdated == 0, sidecars_reason(counted), text);
    } else {
        numbers = json_incref(doc_at(before, STATUS_FIELD_SIDECARS));
        condition = json_incref(doc_find(doc_at(before, STATUS_FIELD_CONDITIONS), "type", CONDITION_SIDECARS_CURRENT));
    }
    json_object_set_new(status, STATUS_FIELD_SIDECARS, numbers);
    json_array_append_new(doc_at(status, STATUS_FIELD_CONDITIONS), condition);
}

/*
 * A status that only counts down is written when nothing else is left to write, so that an install does not spend
 * its requests on it, and when all that it counts has been read; a status that says something new is written at once.
 */
static void plan_status(struct mesh_plan *m)
{
    /* What is counted among the drift, or what may be left. */
    bool unread = m->plan->watch & ~m->in->synced & (made_watches(MESH_CENTRAL) | PLAN_LISTED_ANEW);
    json_t *status;

    m->facts.now = m->in->now;
    m->facts.resource = m->resource;
    if (status_is_undecided(&m->facts))
        return;
    status = status_build(&m->facts);
    add_sidecars(m, status);
    resource_plan_status(&m->own, status, m->plan->len > 0 || unread);
}

/* The writes for the mesh, into the plan or, while it is paused, beside it. */
static void plan_writes(struct mesh_plan *m, const struct mesh_wanted *wanted, struct plan *plan)
{
    const struct objects_input objects = {
        .plan = m->in,
        .wanted = {wanted->objects},
        .owner_uid = m->object->uid,
        .settled = resource_is_settled(&m->own),
    };

    objects_plan(&objects, plan);
    /* Labelled last, when the webhook that the label switches on is there. */
    if (plan->drift == 0 || m->in->preview)
        injection_plan(m->in, wanted->spec.auto_injection_namespaces, plan);
}

static void plan_mesh(struct mesh_plan *m, const struct mesh_wanted *wanted)
{
    struct plan withheld = {0}, *writes = wanted->spec.pause ? &withheld : m->plan;
    _cleanup_buf_ struct buf notice = BUF_INIT;
    struct sidecars sidecars = {0};
    struct rollouts rollouts;

    plan_writes(m, wanted, writes);
    writes->drift += made_remove_disabled(
        m->in, &wanted->release->line->central, &wanted->spec, m->object->ns, writes, &m->plan->watch);
    buf_add_str(&notice, m->memo->warnings);
    injection_notice(m->in, wanted->spec.auto_injection_namespaces, &notice);
    components_read(m->in, m->object->ns, wanted->release->line->central.components, &wanted->spec, &rollouts);
    if (!rollouts.all_available)
        m->plan->watch |= PLAN_WATCH_PODS;

    if (wanted->spec.sidecars.count) {
        m->plan->watch |= PLAN_WATCH_SIDECARS;
        m->counts_sidecars = true;
        if (m->in->synced & PLAN_WATCH_SIDECARS) {
            sidecars_count(m->in->observed, wanted->objects, &sidecars);
            m->sidecars = &sidecars;
        }
    }

    m->plan->drift = writes->drift;
    m->plan->managed = writes->managed;
    m->facts.version = wanted->spec.version;
    m->facts.rollouts = &rollouts;
    m->facts.drift = writes->drift;
    m->facts.unseen = writes->unseen;
    /* A write that failed without an answer may have taken place: what is in place did not fail. */
    if (!writes->drift)
        m->facts.failure_count = 0;
    m->facts.ignored = writes->ignored;
    m->facts.paused = wanted->spec.pause;
    m->facts.withheld = &withheld;
    m->facts.notice = buf_str(&notice);
    plan_status(m);
    sidecars_release(&sidecars);
    rollouts_release(&rollouts);
    plan_release(&withheld);
}

static void plan_deletion(struct mesh_plan *m)
{
    struct objects_input objects = {
        .plan = m->in,
        .owner_uid = m->object->uid,
        .remove_crds = doc_bool(doc_at(m->resource, "spec", "removeCRDs"), false),
    };
    const unsigned needed = made_watches(MESH_CENTRAL);
    size_t left;

    left = made_remove_first(m->in, MESH_CENTRAL, m->object->ns, m->plan);
    left += injection_plan(m->in, NULL, m->plan);
    left += objects_plan(&objects, m->plan);
    if (left == 0)
        left += made_remove_last(m->in, MESH_CENTRAL, m->object->ns, m->plan);

    m->facts.deleting = true;
    m->facts.leftovers = left;
    if (left == 0 && (m->in->synced & needed) == needed && plan_is_listed_anew(m->in, m->plan))
        resource_plan_finalizer(&m->own, false, FINALIZER_REMOVED);
    else
        plan_status(m);
}

static void refuse(struct mesh_plan *m, const struct err *why)
{
    m->facts.refused = why;
    plan_status(m);
}

static void plan_resource(struct mesh_plan *m)
{
    m->plan->ns = str_dup(m->object->ns);
    m->facts.failures = m->in->failures;
    m->facts.failure_count = m->in->failure_count;
    if (m->object->deleting) {
        if (resource_has_finalizer(&m->own))
            plan_deletion(m);
        return;
    }
    remember_wanted(m);
    if (!m->memo->wanted) {
        refuse(m, &m->memo->refusal);
        return;
    }
    if (!resource_has_finalizer(&m->own)) {
        resource_plan_finalizer(&m->own, true, FINALIZER_ADDED);
        return;
    }
    plan_mesh(m, m->memo->wanted);
}

/* A second resource changes nothing and says why. */
static void plan_second(struct mesh_plan *m, const struct kube_object *mesh)
{
    struct err why;

    if (m->object->deleting) {
        if (resource_has_finalizer(&m->own))
            resource_plan_finalizer(&m->own, false, FINALIZER_REMOVED);
        return;
    }
    err_set(
        &why,
        ERR_INVALID,
        "there is one mesh in a cluster, and it is described by Istio %s/%s already",
        mesh->ns,
        mesh->name);
    refuse(m, &why);
}

void plan_make(const struct plan_input *in, struct plan_memo *memo, struct plan *ret)
{
    const struct kube_object *mesh = find_mesh(in), *o;

    *ret = (struct plan){0};
    for (size_t i = 0; (o = kube_cache_next(in->observed, istio_kind(), &i));) {
        _cleanup_json_ json_t *resource = kube_object_parse(o);
        struct mesh_plan m = {
            .in = in,
            .memo = memo,
            .plan = ret,
            .object = o,
            .resource = resource,
            .own = {in, ret, o, resource, &api_resource_istio},
        };
        if (o == mesh)
            plan_resource(&m);
        else if (!is_of_others(resource))
            plan_second(&m, mesh);
    }
    if (!mesh)
        memo_clear(memo);
}
