#include "base/str.h"
#include "controllers/made.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/objects.h"

/* How to go on without the remote cluster. */
#define LET_GO "; the annotation " REMOTE_ABANDON ": \"true\" leaves it as it is"

static const char leaves[] = "the remote cluster leaves the mesh";

/* All that carries this mark; with definitions, or without. */
static size_t remove_marked(struct remote *r, const char *owner, bool definitions)
{
    const struct objects_input objects = {
        .plan = r->in->away, .owner_uid = owner, .going = leaves, .remove_crds = definitions};

    return objects_plan(&objects, &r->plan->away);
}

/* The definition of Istio, with which all that is described by it would go. */
static size_t remove_definition(struct remote *r)
{
    const struct kube_kind *istio = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");

    return kube_cache_count(r->in->away->observed, istio) ? 0 : remove_marked(r, remote_uid(r), true);
}

/* How much is left in the remote cluster. What comes last waits for all that is before it. */
static size_t plan_removal(struct remote *r)
{
    /* Without MESH_REMOTE_OWNER its mark is lost, and ours is what there is. */
    const char *owner = r->config ? r->config->owner : remote_uid(r);
    const unsigned needed = made_watches(MESH_REMOTE);
    size_t left;

    left = made_remove_first(r->in->away, MESH_REMOTE, r->own.object->ns, &r->plan->away);
    left += injection_plan(r->in->away, NULL, &r->plan->away);
    left += remove_marked(r, owner, false);
    if (left == 0)
        left += made_remove_last(r->in->away, MESH_REMOTE, r->own.object->ns, &r->plan->away);
    if (left == 0 && (r->in->away->synced & needed) != needed)
        return 1;
    if (left == 0 && r->config) {
        /* Without it nobody looks for what has no mark. */
        if (plan_is_listed_anew(r->in->away, &r->plan->away))
            plan_remove(&r->plan->away, r->in->away, r->config, leaves);
        return 1;
    }
    return left ? left : remove_definition(r);
}

static bool has_our_mark(const struct remote *r)
{
    const struct kube_object *o;

    for (size_t row = 0; row < mesh_kinds.len; row++)
        for (size_t i = 0; (o = kube_cache_next(r->in->away->observed, &mesh_kinds.rows[row], &i));)
            if (str_eq(o->owner, remote_uid(r)))
                return true;
    return false;
}

/* It has a master, ours or another one. */
static bool has_master(const struct remote *r)
{
    const struct kube_kind *istio = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "Istio");
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(r->in->away->observed, istio, &i));) {
        _cleanup_json_ json_t *resource = kube_object_parse(o);
        if (doc_at(resource, "metadata", "annotations", MESH_REMOTE_OF))
            return true;
    }
    return false;
}

/*
 * How much is left of what is ours there. A cluster that has another master, or was never joined because the kubeconfig
 * came to lead to it later, has nothing of ours; one that has a mesh of its own only what has our mark: neither its
 * labels of namespaces nor the certificates in it.
 */
static size_t plan_leaving(struct remote *r)
{
    size_t left;

    if (r->config && remote_is_ours(r))
        return plan_removal(r);
    if (remote_check_free(r, NULL) == 0)
        return has_our_mark(r) ? plan_removal(r) : 0;
    if (has_master(r))
        return 0;
    left = remove_marked(r, remote_uid(r), false);
    return left ? left : remove_definition(r);
}

static bool is_abandoned(const struct remote *r)
{
    return str_eq(doc_string(r->resource, "metadata", "annotations", REMOTE_ABANDON), "true");
}

/* Why the remote cluster cannot be cleaned now, owned by the caller; NULL: it can. */
static char *held_by(struct remote *r)
{
    const struct remote_contact *contact = &r->in->contact;

    if (!remote_secrets_are_read(r))
        return str_printf(
            "waiting for Secrets to be read here: while there is a mesh in namespace %s, or another RemoteIstio leaves "
            "there, they are read there alone" LET_GO,
            r->in->central->ns);
    if (!r->secret)
        return str_printf(
            "waiting for the Secret %s/%s with the remote cluster's kubeconfig, which is gone" LET_GO,
            r->own.object->ns,
            r->own.object->name);
    if (contact->refused)
        return str_printf("%s" LET_GO, contact->refused);
    if (r->facts.unreachable)
        return str_printf("waiting for the remote cluster: %s" LET_GO, r->facts.unreachable);
    return r->in->away ? NULL : str_dup("waiting for an answer of the remote cluster" LET_GO);
}

/* The end: only now may Pilot stop reading the cluster, and the resource go. */
static void let_go(struct remote *r, const char *reason)
{
    if (remote_plan_pilot_label(r, false))
        resource_plan_finalizer(&r->own, false, reason);
}

void remote_leave(struct remote *r)
{
    _cleanup_free_ char *held = NULL;

    if (!resource_has_finalizer(&r->own))
        return;
    r->facts.deleting = true;
    if (is_abandoned(r)) {
        r->plan->abandoned = "the remote cluster is left as it is: what was made there stays there";
        let_go(r, r->plan->abandoned);
        return;
    }
    r->plan->connect = r->secret;
    r->facts.unreachable = remote_unreachable(r);
    held = held_by(r);
    r->facts.waits_for = held;
    if (r->in->away && !held) {
        r->facts.leftovers = plan_leaving(r);
        r->plan->away.drift = r->facts.leftovers;
        if (r->facts.leftovers == 0) {
            if (plan_is_listed_anew(r->in->away, &r->plan->away))
                let_go(r, "everything is removed from the remote cluster");
            return;
        }
    }
    remote_plan_status(r);
}
