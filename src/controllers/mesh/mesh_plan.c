#include "controllers/mesh/mesh_plan.h"

#include <inttypes.h>
#include <string.h>

#include "api/status.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/made.h"
#include "controllers/mesh/autoscalers.h"
#include "controllers/mesh/components.h"
#include "controllers/mesh/injection.h"
#include "controllers/mesh/kept.h"
#include "controllers/mesh/mesh_status.h"
#include "controllers/mesh/network.h"
#include "controllers/mesh/pod_security.h"
#include "controllers/mesh/redirection.h"
#include "controllers/mesh/refused_pods.h"
#include "controllers/mesh/sidecars.h"
#include "controllers/mesh/upgrade.h"
#include "controllers/mesh/webhooks.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/objects.h"

/* --- the memo --- */

/* What follows from a resource. */
static void clear_read(struct mesh_memo *memo)
{
    struct mesh_memo kept = {
        .cni = memo->cni,
        .cni_memo = memo->cni_memo,
        .untraced = memo->untraced,
        .invalid = memo->invalid,
        .needs = memo->needs,
        .room = memo->room,
    };

    free(memo->uid);
    free(memo->resource_version);
    free(memo->warnings);
    free(memo->closed_registries);
    mesh_desired_free(memo->desired);
    json_decref(memo->hold);
    injection_memo_clear(&memo->injection);
    sidecars_memo_clear(&memo->sidecars);
    former_memo_clear(&memo->former);
    *memo = kept;
}

void mesh_memo_clear(struct mesh_memo *memo)
{
    clear_read(memo);
    free(memo->invalid);
    json_decref(memo->needs);
    free((char *)memo->cni.platform);
    cni_memo_clear(&memo->cni_memo);
    room_memo_clear(&memo->room);
    *memo = (struct mesh_memo){0};
}

static void *memo_new(void)
{
    return NEW(struct mesh_memo);
}

static void memo_free(void *memo)
{
    if (!memo)
        return;
    mesh_memo_clear(memo);
    free(memo);
}

/* A hash of what the mesh depends on in addition to its resource's spec and metadata. */
static uint64_t hash_of_server(int minor, const char *const *versions)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%d", minor);
    for (size_t i = 0; i < mesh_kinds.len; i++)
        buf_printf(&text, " %s", str_or(versions[i], "-"));
    return buf_take_hash(&text);
}

static uint64_t dependencies_hash(const struct mesh_memo *memo, const json_t *resource, uint64_t server_hash, int minor)
{
    const struct mesh_cni_state *cni = &memo->cni;
    _cleanup_json_ json_t *kept = kept_defaults(resource, istio_version(resource, minor));
    struct buf text = BUF_INIT;

    buf_printf(
        &text,
        "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s %s %d %d %d",
        server_hash,
        resource_hash(&api_resource_istio, resource),
        doc_hash(kept),
        istio_version(resource, minor),
        str_or(cni->platform, "-"),
        cni->waits,
        cni->stays,
        memo->untraced);
    return buf_take_hash(&text);
}

static bool is_same_hold(const json_t *a, const json_t *b)
{
    return a == b || (a && b && json_equal(a, b));
}

static bool is_of_another_version(const json_t *resource, int minor)
{
    const char *installed = doc_string(resource, "status", STATUS_FIELD_VERSION);

    return installed && !str_eq(installed, istio_version(resource, minor));
}

/* `hold` is taken over; another resource is read without it. */
static void read_resource(
    struct mesh_memo *memo, const struct kube_object *object, const struct kube_server *server,
    const char *const *versions, json_t *hold)
{
    _cleanup_json_ json_t *resource = kube_object_parse(object);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf warnings = BUF_INIT;
    uint64_t server_hash = hash_of_server(server->minor, versions);
    uint64_t hash = dependencies_hash(memo, resource, server_hash, server->minor);

    if (memo->hash != hash || !str_eq(memo->uid, object->uid) || !is_same_hold(memo->hold, hold)) {
        if (memo->hash != hash || !str_eq(memo->uid, object->uid))
            str_replace(&memo->invalid, NULL);
        if (!hold) {
            json_decref(memo->needs);
            memo->needs = NULL;
        }
        clear_read(memo);
        memo->hash = hash;
        memo->hold = json_incref(hold);
        if (mesh_desired_build(
                resource, server->minor, versions, &memo->cni, memo->untraced, hold, &memo->desired, &problems) < 0) {
            problems_err(&problems, &memo->refusal);
            if (!hold)
                str_replace(&memo->invalid, memo->refusal.text);
        } else {
            problems_text(&problems, PROBLEM_WARNING, PROBLEMS_SEPARATOR, &warnings);
            memo->warnings = buf_take(&warnings);
            memo->closed_registries = mesh_status_closed_registries(memo->desired->objects);
            if (!hold && is_of_another_version(resource, server->minor))
                memo->needs = room_needs(memo->desired->objects);
        }
    }
    json_decref(hold);
    memo->server_hash = server_hash;
    str_replace(&memo->uid, object->uid);
    str_replace(&memo->resource_version, object->resource_version);
}

static bool
is_read(const struct mesh_memo *memo, const struct kube_object *object, int minor, const char *const *versions)
{
    return memo->hash && memo->server_hash == hash_of_server(minor, versions) && str_eq(memo->uid, object->uid) &&
           str_eq(memo->resource_version, object->resource_version);
}

void mesh_memo_read(struct mesh_memo *memo, const struct kube_object *object, const struct kube_server *server)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);

    mesh_desired_versions(server, versions);
    if (!is_read(memo, object, server->minor, versions))
        read_resource(memo, object, server, versions, NULL);
}

void mesh_memo_read_for_remotes(
    struct mesh_memo *memo, const struct kube_object *object, const struct kube_server *server)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *resource = NULL;
    struct upgrade upgrade;

    mesh_desired_versions(server, versions);
    if (is_read(memo, object, server->minor, versions))
        return;
    resource = kube_object_parse(object);
    upgrade_begin(resource, server->minor, &upgrade);
    read_resource(
        memo,
        object,
        server,
        versions,
        upgrade_holds_back(&upgrade) ? OBJECT(STRING(HOLD_VERSION, upgrade.installed)) : NULL);
    upgrade_release(&upgrade);
}

/* The same for what is observed of the nodes and of Services, once the resource was read. */
static void read_observed(struct mesh_memo *memo, const struct kube_object *object, const struct plan_input *in)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    struct mesh_cni_state state = cni_state(&memo->cni_memo, in, object, memo->desired);
    bool untraced = tracing_is_withheld(in, object->ns, memo->desired);

    if (state.waits == memo->cni.waits && state.stays == memo->cni.stays &&
        str_eq(state.platform, memo->cni.platform) && untraced == memo->untraced)
        return;
    memo->untraced = untraced;
    state.platform = str_dup(state.platform);
    free((char *)memo->cni.platform);
    memo->cni = state;
    mesh_desired_versions(in->server, versions);
    read_resource(memo, object, in->server, versions, json_incref(memo->hold));
}

/* The same for what is held back while the version changes. Three turns end it: blocked, held, not held. */
static void read_upgrade(struct mesh_memo *memo, struct reconcile *r)
{
    enum { TURNS_MAX = 4 };
    const struct plan_input *in = r->world->central;
    struct upgrade *upgrade = &((struct mesh_findings *)r->state)->upgrade;
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    struct err refusal = memo->refusal;
    bool is_invalid = !memo->desired;

    mesh_desired_versions(in->server, versions);
    for (size_t i = 0; i < TURNS_MAX; i++) {
        upgrade->needs = memo->needs;
        upgrade->room = &memo->room;
        json_t *hold = upgrade_hold(upgrade, r, memo->desired, memo->hold, memo->invalid, !memo->cni.waits);
        if (is_same_hold(memo->hold, hold)) {
            json_decref(hold);
            break;
        }
        read_resource(memo, r->object, in->server, versions, hold);
    }
    /* Not even the old version can be built: it is the resource that is refused. */
    if (!memo->desired && is_invalid)
        memo->refusal = refusal;
}

/* --- which resource --- */

static const struct kube_kind *istio_kind(void)
{
    return mesh_kind(KIND_ISTIO);
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
 * One that an operator elsewhere put here, because this cluster is a part of its mesh, is nothing that this operator
 * acts on.
 */
static bool is_foreign(const json_t *resource)
{
    return doc_string(resource, "metadata", "annotations", MESH_REMOTE_OF);
}

/* Nothing is left of its mesh; the finalizer of another manager keeps the resource. */
static bool is_over(const struct kube_object *o, const json_t *resource)
{
    return o->deleting && !resource_carries_finalizer(&api_resource_istio, resource);
}

/* Whether it is one of those that count, kept with this version of it. */
static bool counts(struct kube_object *o)
{
    static const char owner;
    struct memo {
        bool is_known, counts;
    } *memo = kube_object_memo(o, &owner);

    if (!memo->is_known) {
        _cleanup_json_ json_t *resource = kube_object_parse(o);
        *memo = (struct memo){.is_known = true, .counts = !is_foreign(resource) && !is_over(o, resource)};
    }
    return memo->counts;
}

static bool is_older(const struct kube_object *a, const struct kube_object *b)
{
    _cleanup_json_ json_t *first = kube_object_parse(a), *second = kube_object_parse(b);

    return older(first, second) < 0;
}

const struct kube_object *mesh_find(const struct kube_cache *observed)
{
    const struct kube_object *oldest = NULL;
    struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(observed, istio_kind(), &i));)
        if (counts(o) && (!oldest || is_older(o, oldest)))
            oldest = o;
    return oldest;
}

static const char *watch_namespace(const struct kube_cache *observed)
{
    const struct kube_object *mesh = mesh_find(observed);

    return mesh ? mesh->ns : NULL;
}

/* --- deletion --- */

/* Of a mesh that is being removed, whose objects have to be listed by these watches. */
static void say_unlisted(struct reconcile *r, unsigned watches)
{
    const struct plan_input *in = r->world->central;

    reconcile_await_lists(r, watches);
    if (!(in->failing & watches & ~in->synced))
        return;
    r->is_news = true;
    r->facts.waits_for =
        "objects that belong to the mesh cannot be listed: the operator may lack the rights of today's "
        "config/operator.yaml";
}

/* A second resource changed nothing, so it leaves nothing behind. */
static bool leave(struct reconcile *r)
{
    const struct plan_input *in = r->world->central;
    const struct objects_input objects = {
        .plan = in,
        .owner_uid = r->object->uid,
        .going = "the mesh is being removed",
        .remove_crds = doc_bool(doc_at(r->resource, "spec", "removeCRDs"), false),
    };
    const unsigned apart = monitoring_watches(r) | dashboards_watches(r) | kiali_watches(r),
                   needed = made_watches(in, MESH_CENTRAL) | PLAN_WATCH_LEFT | apart;
    struct plan *plan = &r->plan->central;
    const struct mesh_line *line = mesh_line_of(istio_version(r->resource, in->server->minor));
    struct mesh_memo *memo = r->memo;
    size_t left;

    if (mesh_find(in->observed) != r->object)
        return true;
    plan->watch |= PLAN_WATCH_LEFT | apart;
    left = made_remove_first(in, MESH_CENTRAL, r->object->ns, plan);
    injection_read(&memo->injection, in, &line->injection, NULL);
    left += injection_plan(&memo->injection, in, true, plan);
    left += network_plan(in, r->object->ns, NULL, plan);
    left += objects_plan(&objects, plan);
    if (left == 0)
        left += made_remove_last(
            in, MESH_CENTRAL, r->object->ns, doc_string(r->resource, "metadata", "deletionTimestamp"), plan);
    r->is_unread = (in->synced & needed) != needed;
    r->facts.leftovers = left;
    say_unlisted(r, needed);
    if (left || r->is_unread)
        return false;
    r->is_unread = !plan_is_relisted(in, plan);
    return !r->is_unread;
}

/* --- the mesh --- */

/* The mesh of the cluster, if that is another resource than this one. */
static const struct kube_object *other_mesh(const struct kube_cache *observed, const char *ns, const char *name)
{
    const struct kube_object *mesh = mesh_find(observed);

    return mesh && str_eq(mesh->ns, ns) && str_eq(mesh->name, name) ? NULL : mesh;
}

static void append_objects(const struct desired_set *desired, json_t *ret_objects)
{
    for (size_t i = 0; i < desired->len; i++)
        json_array_append_new(ret_objects, doc_parse_own(desired->items[i].text));
}

/* With the namespace and the versions known, all objects are rendered, because overlays have to apply to them. */
static void
check_spec(const json_t *resource, const struct check_context *c, json_t *ret_objects, struct problems *problems)
{
    _cleanup_mesh_desired_ struct mesh_desired *desired = NULL;
    _cleanup_istio_spec_ struct istio_spec *spec = NULL;

    if (!c->versions || problems->errors || !doc_string(resource, "metadata", "namespace")) {
        mesh_check(resource, c->minor, c->ns, &spec, problems);
    } else if (
        mesh_desired_build(resource, c->minor, c->versions, NULL, false, NULL, &desired, problems) == 0 &&
        ret_objects) {
        append_objects(desired->objects, ret_objects);
        append_objects(desired->monitors, ret_objects);
        append_objects(desired->dashboards, ret_objects);
        append_objects(desired->maps, ret_objects);
    }
}

static void check(const json_t *resource, const struct check_context *c, json_t *ret_objects, struct problems *problems)
{
    const char *ns = str_or(c->ns, doc_string(resource, "metadata", "namespace"));
    const char *name = str_or(c->name, doc_string(resource, "metadata", "name"));
    const struct kube_object *other = c->observed && c->is_new ? other_mesh(c->observed, ns, name) : NULL;

    if (!other || other->deleting)
        check_spec(resource, c, ret_objects, problems);
    else
        problems_add(
            problems,
            PROBLEM_ERROR,
            "kind",
            "a cluster has one mesh, and it is there already: Istio %s/%s. Change that one, or delete it first",
            other->ns,
            other->name);
}

/* What has to be observed before the mesh is built. */
static unsigned
decisive_watches(const struct plan_input *in, const struct kube_object *object, const struct mesh_desired *desired)
{
    return (cni_needs_nodes(in, object, desired) ? PLAN_WATCH_NODES : 0) |
           (tracing_needs_ports(object->ns, desired) ? PLAN_WATCH_SERVICE_PORTS : 0);
}

static void review(struct reconcile *r)
{
    const struct plan_input *in = r->world->central;
    const struct kube_object *mesh = other_mesh(in->observed, r->object->ns, r->object->name);
    struct upgrade *upgrade = &((struct mesh_findings *)r->state)->upgrade;
    struct mesh_memo *memo = r->memo;
    unsigned unread;

    if (mesh) {
        err_set(
            &r->refusal,
            ERR_INVALID,
            "there is one mesh in a cluster, and it is described by Istio %s/%s already: to change it, run `kubectl -n "
            "%s "
            "apply -f FILE`; delete this one with `kubectl -n %s delete istio %s`",
            mesh->ns,
            mesh->name,
            mesh->ns,
            r->object->ns,
            r->object->name);
        r->facts.refused = &r->refusal;
        return;
    }
    upgrade_begin(r->resource, in->server->minor, upgrade);
    mesh_memo_read(memo, r->object, in->server);
    read_upgrade(memo, r);
    if (!memo->desired) {
        r->facts.refused = &memo->refusal;
    } else if (upgrade->waits) {
        r->plan->central.watch |= in->synced & ~PLAN_RELISTED; /* what is on stays on */
        r->keeps_status = true;
        r->facts.waits_for = "what the preflight of the upgrade looks at is being read";
    } else if (!in->preview && (unread = decisive_watches(in, r->object, memo->desired) & ~in->synced)) {
        /* What is on stays on. */
        r->plan->central.watch |= (in->synced & ~PLAN_RELISTED) | unread;
        r->keeps_status = true;
        r->facts.waits_for =
            unread & PLAN_WATCH_NODES ? "the nodes are being read" : "the ports of Services are being read";
    } else {
        read_observed(memo, r->object, in);
        read_upgrade(memo, r);
        if (!memo->desired)
            r->facts.refused = &memo->refusal;
    }
}

static const char *network_of(const struct mesh_desired *desired)
{
    const struct mesh_line *line = desired->planes->release->line;

    return line->network ? line->network(desired->spec) : NULL;
}

/*
 * The writes for the mesh, into the plan or, while it is paused, beside it. True where namespaces may move to another
 * control plane, and do so with their workloads.
 */
static bool
plan_writes(struct reconcile *r, const struct mesh_desired *desired, const struct former *former, struct plan *plan)
{
    struct mesh_memo *memo = r->memo;
    struct mesh_findings *found = r->state;
    const struct plan_input *in = r->world->central;
    const struct objects_input objects = {
        .plan = in,
        .desired = {desired->objects},
        .owner_uid = r->object->uid,
        .retained = {former->retained, desired->monitors, desired->dashboards, desired->maps},
        .pods = PLAN_WATCH_PODS,
        .settled = resource_is_settled(&r->own),
        .definitions_first = found->upgrade.from != NULL,
    };

    const bool one_by_one = former->retained && renewal_mode(desired->spec) == RENEWAL_AUTOMATIC;
    bool may_label;

    network_plan(in, r->object->ns, network_of(desired), plan);
    objects_plan(&objects, plan);
    monitoring_plan(r, desired, &found->monitoring, plan);
    dashboards_plan(r, desired, &found->dashboards, plan);
    kiali_plan(r, desired, &found->kiali, plan);
    may_label = !former->awaits_new && injection_may_begin(in, desired->objects, plan);
    if (may_label)
        injection_plan(&memo->injection, in, !one_by_one, plan);
    for (size_t i = 0; i < desired->plane_count; i++)
        made_remove_disabled(
            in,
            &desired->planes[i].release->line->central,
            desired->spec,
            r->object->ns,
            plan,
            &r->plan->central.watch);
    /* Nothing is removed before all is written, and meanwhile the lists would only delay the writes. */
    if (in->preview || !plan_is_moving(plan) || in->synced & PLAN_WATCH_LEFT)
        r->plan->central.watch |= PLAN_WATCH_LEFT;
    /* The status says how many Pods a former control plane waits for. */
    r->is_unread = r->plan->central.watch & ~in->synced &
                   (made_watches(in, MESH_CENTRAL) | PLAN_WATCH_LEFT | (former->retained ? PLAN_WATCH_SIDECARS : 0));
    return may_label && one_by_one;
}

static void count_sidecars(struct reconcile *r, const struct mesh_desired *desired)
{
    const struct plan_input *in = r->world->central;
    struct mesh_findings *found = r->state;
    struct mesh_memo *memo = r->memo;
    const bool counts = desired->spec->sidecars.count || renewal_mode(desired->spec) != RENEWAL_OFF;

    if (!counts && !found->upgrade.from)
        return;
    r->plan->central.watch |= PLAN_WATCH_SIDECARS;
    found->counts_sidecars = counts;
    if (in->synced & PLAN_WATCH_SIDECARS)
        found->sidecars = sidecars_count(&memo->sidecars, in->observed, &desired->injection, desired->objects);
}

/* How far a change of the version is. */
static void
conclude_upgrade(struct reconcile *r, const struct mesh_desired *desired, const struct plan *writes, bool former_stays)
{
    struct mesh_findings *found = r->state;
    const struct mesh_memo *memo = r->memo;
    struct upgrade *upgrade = &found->upgrade;

    upgrade_conclude(
        upgrade,
        r,
        desired,
        &(struct upgrade_progress){
            .writes = writes,
            .rollouts = &r->rollouts,
            .sidecars = found->sidecars,
            .sidecar_version = memo->sidecars.version,
            .former_stays = former_stays,
        });
    r->facts.holds_back = upgrade_holds_back(upgrade);
    found->blocked = upgrade_blocked_text(upgrade);
    r->facts.blocked = found->blocked;
    if (r->facts.holds_back)
        r->facts.version = upgrade->installed; /* which a resource without a version asks for */
}

/* Why the mesh is not ready for restarts of its Pods; static; NULL: it is. */
static const char *unready(const struct reconcile *r, const struct mesh_desired *desired, const struct former *former)
{
    const struct rollouts *rollouts = &r->rollouts;

    if (desired->spec->pause)
        return "the mesh is paused";
    if (r->facts.holds_back)
        return "the upgrade is held back";
    if (r->plan->central.drift)
        return "the mesh is not in place";
    if (former->awaits_new)
        return "the new control plane is not available";
    for (size_t i = 0; i < rollouts->len; i++)
        if (rollouts->items[i].enabled && !rollouts->items[i].optional && !rollouts->items[i].available)
            return "a component of the mesh is not available";
    return NULL;
}

/* With those namespaces that move one by one, whose labels go into `writes`. */
static void renew_sidecars(
    struct reconcile *r, const struct mesh_desired *desired, const struct former *former, bool one_by_one,
    struct plan *writes)
{
    struct mesh_findings *found = r->state;
    const struct mesh_memo *memo = r->memo;

    renewal_plan(
        r,
        desired,
        one_by_one ? &memo->injection : NULL,
        found->sidecars,
        memo->sidecars.version,
        unready(r, desired, former),
        &found->renewal);
    if (one_by_one)
        injection_move(&memo->injection, r->world->central, renewal_keeps, &found->renewal, writes);
}

/* Begins a sentence about so many objects, of which the first is named. */
static void name_first(const char *first, size_t count, struct buf *notice)
{
    buf_separate(notice, "; ");
    buf_add_str(notice, first);
    if (count > 1)
        buf_printf(notice, " and %zu more", count - 1);
}

/* Definitions of a release that this operator does not know stay; it says so. */
static void add_newer(const struct plan *writes, struct buf *notice)
{
    if (!writes->newer)
        return;
    name_first(writes->newest, writes->newer, notice);
    buf_printf(
        notice,
        " %s of a newer release than this operator's, and left as %s",
        writes->newer > 1 ? "are" : "is",
        writes->newer > 1 ? "they are" : "it is");
}

/* What was taken over, and differs from what the operator would create: it says so. */
static void add_inherited(const struct plan *writes, struct buf *notice)
{
    bool several = writes->inherited > 1;

    if (!writes->inherited)
        return;
    name_first(writes->heir, writes->inherited, notice);
    buf_printf(
        notice,
        " %s of %s from before %s taken over, until %s for another reason",
        several ? "keep parts" : "keeps parts",
        several ? "their Pod templates" : "its Pod template",
        several ? "they were" : "it was",
        "the Pods are replaced");
}

static void plan(struct reconcile *r)
{
    const struct plan_input *in = r->world->central;
    struct mesh_memo *memo = r->memo;
    const struct mesh_desired *desired = memo->desired;
    const struct istio_spec *spec = desired->spec;
    struct plan *writes = reconcile_writes(r, &r->plan->central, spec->pause);
    struct mesh_findings *found = r->state;
    bool can_call_webhooks = false;
    struct former former;
    bool former_stays, one_by_one;

    components_read(
        in,
        r->object->ns,
        desired->planes,
        desired->plane_count,
        MESH_CENTRAL,
        spec,
        !memo->cni.waits,
        &r->rollouts,
        &r->plan->central.watch);
    if (desired->planes->release->line->webhooks_count)
        can_call_webhooks = webhooks_read(r, desired);
    injection_read(&memo->injection, in, &desired->injection, spec->auto_injection_namespaces);
    former_read(
        &memo->former, r, desired, upgrade_unproven_text(&found->upgrade), map_len(memo->injection.moving), &former);
    found->former = json_incref(former.planes);
    one_by_one = plan_writes(r, desired, &former, writes);
    if (can_call_webhooks && !r->rollouts.all_available)
        refused_pods_retry(r, desired->objects, writes);
    buf_add_str(&r->notice, memo->warnings);
    if (former.notice) {
        buf_separate(&r->notice, "; ");
        buf_add_str(&r->notice, former.notice);
    }
    injection_notice(&memo->injection, &r->notice);
    network_notice(in, r->object->ns, network_of(desired), &r->notice);
    autoscalers_notice(in, r->object, desired->objects, &r->notice);
    add_newer(writes, &r->notice);
    add_inherited(writes, &r->notice);
    former_stays = former.retained != NULL;
    if (cni_needs_nodes(in, r->object, desired))
        r->plan->central.watch |= PLAN_WATCH_NODES;
    redirection_ask(desired, &memo->cni, &r->plan->central.watch);
    count_sidecars(r, desired);
    mesh_status_ask(r, desired);
    monitoring_read(r, desired, &found->monitoring);
    dashboards_read(r, desired, &found->dashboards);
    kiali_read(r, desired, &found->kiali);
    tracing_read(r, desired, &found->tracing);
    r->facts.version = spec->version;
    r->facts.rollouts = &r->rollouts;
    conclude_upgrade(r, desired, writes, former_stays);
    renew_sidecars(r, desired, &former, one_by_one, writes);
    former_release(&former);
    reconcile_conclude(r, &r->plan->central, spec->pause);
}

/* Which nodes wait for the CNI plugin, and which namespaces refuse what Pods need without it. */
static void add_cni(const struct reconcile *r, const struct mesh_memo *memo, json_t *status)
{
    const struct plan_input *in = r->world->central;
    const struct mesh_desired *desired = memo->desired;
    json_t *conditions = doc_at(status, STATUS_FIELD_CONDITIONS), *refused = NULL, *redirected = NULL;
    unsigned unused = 0;
    bool enabled = cni_is_enabled(desired);

    if (enabled)
        json_array_append_new(conditions, cni_condition(&r->facts, in, r->object->ns, desired, &memo->cni));
    if (redirection_ask(desired, &memo->cni, &unused))
        redirected = redirection_condition(&r->facts, in, r->object->ns, desired);
    if (redirected)
        json_array_append_new(conditions, redirected);
    if (in->server->minor >= POD_SECURITY_SINCE)
        refused =
            pod_security_condition(&r->facts, &memo->injection, desired->spec, enabled, enabled && !memo->cni.waits);
    if (refused)
        json_array_append_new(conditions, refused);
}

static bool add_status(struct reconcile *r, json_t *status)
{
    const struct mesh_memo *memo = r->memo;
    struct mesh_findings *found = r->state;
    json_t *kept = kept_defaults(r->resource, istio_version(r->resource, r->world->central->server->minor));

    if (json_array_size(kept))
        json_object_set(status, STATUS_FIELD_KEPT_DEFAULTS, kept);
    json_decref(kept);
    if (!r->facts.rollouts) { /* it was not planned, but refused or removed */
        mesh_status_add_monitoring(r, found, status);
        return true;
    }
    found->closed_registries = memo->closed_registries;
    mesh_status_add(r, memo->desired, found, status);
    add_cni(r, memo, status);
    upgrade_add_status(r, &found->upgrade, status);
    renewal_tell(r, &found->renewal);
    return true;
}

static void end(struct reconcile *r)
{
    struct mesh_findings *found = r->state;

    upgrade_release(&found->upgrade);
    free(found->blocked);
    json_decref(found->former);
    renewal_release(&found->renewal);
    monitoring_release(&found->monitoring);
    dashboards_release(&found->dashboards);
    kiali_release(&found->kiali);
    finding_release(&found->tracing);
}

const struct reconciler istio_reconciler = {
    .resource = &api_resource_istio,
    .watches = &mesh_watches,
    .kind = KIND_ISTIO,
    .watch_namespace = watch_namespace,
    .memo_new = memo_new,
    .memo_free = memo_free,
    .check = check,
    .is_foreign = is_foreign,
    .state_size = sizeof(struct mesh_findings),
    .review = review,
    .plan = plan,
    .leave = leave,
    .status = add_status,
    .end = end,
};
