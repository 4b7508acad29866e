#include "base/str.h"
#include "controllers/made.h"
#include "controllers/mesh/injection.h"
#include "controllers/remote/remote_impl.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/objects.h"

/* How to continue without the remote cluster. */
#define LET_GO "; the annotation " REMOTE_ABANDON ": \"true\" leaves it as it is"

static const char leaves[] = "the remote cluster leaves the mesh";

/* All objects with this owner label; with definitions, or without. */
static size_t remove_marked(struct remote *r, const char *owner, bool definitions)
{
    const struct objects_input objects = {
        .plan = r->world->remote, .owner_uid = owner, .going = leaves, .remove_crds = definitions};

    return objects_plan(&objects, &r->plan->remote);
}

/* The definition of Istio, with which all that is described by it would go. */
static size_t remove_definition(struct remote *r)
{
    const struct kube_kind *istio = mesh_kind(KIND_ISTIO);

    return kube_cache_count(r->world->remote->observed, istio) ? 0 : remove_marked(r, remote_uid(r), true);
}

/* How many objects are left in the remote cluster. The last ones wait for all others. */
static size_t plan_removal(struct remote *r)
{
    /* Without MESH_REMOTE_OWNER its owner label is unknown, and only this RemoteIstio's is left. */
    const char *owner = r->config ? r->config->owner : remote_uid(r);
    const unsigned needed = made_watches(r->world->remote, MESH_REMOTE);
    size_t left;

    left = made_remove_first(r->world->remote, MESH_REMOTE, r->object->ns, &r->plan->remote);
    injection_read(&r->memo->injection, r->world->remote, &r->central->line->injection, NULL);
    left += injection_plan(&r->memo->injection, r->world->remote, true, &r->plan->remote);
    left += remove_marked(r, owner, false);
    if (left == 0)
        left += made_remove_last(r->world->remote, MESH_REMOTE, r->object->ns, NULL, &r->plan->remote);
    if (left == 0 && (r->world->remote->synced & needed) != needed)
        return 1;
    if (left == 0 && r->config) {
        /* Without it objects that have no owner label would not be found. */
        if (plan_is_relisted(r->world->remote, &r->plan->remote))
            plan_remove(&r->plan->remote, r->world->remote, r->config, leaves);
        return 1;
    }
    return left ? left : remove_definition(r);
}

static bool has_owner_label(const struct remote *r)
{
    const struct kube_object *o;

    for (size_t row = 0; row < mesh_kinds.len; row++)
        for (size_t i = 0; (o = kube_cache_next(r->world->remote->observed, &mesh_kinds.rows[row], &i));)
            if (str_eq(o->owner, remote_uid(r)))
                return true;
    return false;
}

/* It belongs to a central cluster, this one or another. */
static bool has_central_cluster(const struct remote *r)
{
    const struct kube_kind *istio = mesh_kind(KIND_ISTIO);
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(r->world->remote->observed, istio, &i));) {
        _cleanup_json_ json_t *resource = kube_object_parse(o);
        if (doc_at(resource, "metadata", "annotations", MESH_REMOTE_OF))
            return true;
    }
    return false;
}

/*
 * How many owned objects are left there. A cluster that belongs to another central cluster, or that was never joined
 * because the kubeconfig led to it only later, has none; one with a mesh of its own has only those with the owner
 * label: neither its labels of namespaces nor its certificates are the operator's.
 */
static size_t plan_leaving(struct remote *r)
{
    size_t left;

    if (r->config && remote_is_owned(r))
        return plan_removal(r);
    if (remote_check_free(r, NULL) == 0)
        return has_owner_label(r) ? plan_removal(r) : 0;
    if (has_central_cluster(r))
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
    const struct contact *contact = &r->world->contact;

    if (!remote_secrets_are_read(r))
        return str_printf(
            "waiting for Secrets to be read here: while there is a mesh in namespace %s, or another RemoteIstio leaves "
            "there, they are read there alone" LET_GO,
            r->central->ns);
    if (!r->secret)
        return str_printf(
            "waiting for the Secret %s/%s with the remote cluster's kubeconfig, which does not exist" LET_GO,
            r->re->own.object->ns,
            r->re->own.object->name);
    if (contact->refused)
        return str_printf("%s" LET_GO, contact->refused);
    if (r->re->facts.unreachable)
        return str_printf("waiting for the remote cluster: %s" LET_GO, r->re->facts.unreachable);
    return r->world->remote ? NULL : str_dup("waiting for an answer of the remote cluster" LET_GO);
}

bool remote_leave(struct reconcile *re)
{
    struct remote *r = re->state;

    re->removed = "everything is removed from the remote cluster";
    if (is_abandoned(r)) {
        r->plan->warning_reason = "Abandoned";
        r->plan->warning = re->removed = "the remote cluster is left as it is: what was created there stays there";
        re->keeps_status = true;
        return remote_plan_pilot_label(r, false);
    }
    r->plan->connect = r->secret;
    re->facts.unreachable = remote_unreachable(r);
    re->facts.waits_for = re->waiting = held_by(r);
    if (!r->world->remote || re->waiting)
        return false;
    re->facts.leftovers = plan_leaving(r);
    r->plan->remote.drift = re->facts.leftovers;
    /* Only at the end may Pilot stop reading the cluster, and the resource go. */
    re->keeps_status = re->facts.leftovers == 0;
    return re->keeps_status && plan_is_relisted(r->world->remote, &r->plan->remote) &&
           remote_plan_pilot_label(r, false);
}
