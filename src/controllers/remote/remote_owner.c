#include <string.h>

#include "controllers/remote/remote_impl.h"
#include "doc/doc.h"

uint64_t remote_version_of(const struct kube_object *o)
{
    _cleanup_free_ char *version = STR_JOIN(' ', str_or(o->uid, ""), str_or(o->resource_version, ""));

    return str_hash(version, strlen(version)) | 1;
}

/* The RemoteIstio with this uid, or NULL. */
static const struct kube_object *resource_with(const struct remote *r, const char *uid)
{
    const struct kube_object *o;

    /* Nearly always; there may be a thousand others. */
    if (str_eq(remote_uid(r), uid))
        return r->object;
    for (size_t i = 0; (o = kube_cache_next(r->world->central->observed, r->object->kind, &i));)
        if (str_eq(o->uid, uid))
            return o;
    return NULL;
}

bool remote_is_owned(const struct remote *r)
{
    _cleanup_json_ json_t *config = r->config ? kube_object_parse(r->config) : NULL;

    return str_eq(doc_string(config, "metadata", "annotations", MESH_REMOTE_OF), r->central->id) &&
           (str_eq(r->config->owner, remote_uid(r)) || !resource_with(r, r->config->owner));
}

/* Whether this resource there leaves the cluster to us. */
static int check_istio(const struct remote *r, const struct kube_object *o, struct err *e)
{
    bool is_own = str_eq(o->owner, remote_uid(r));
    uint64_t version = is_own ? remote_version_of(o) : 0;
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
    if (of && !str_eq(of, r->central->id))
        return err_set(
            e,
            ERR_INVALID,
            "the remote cluster belongs to the mesh of another central cluster: see Istio %s/%s there, and delete "
            "it where that mesh was deleted",
            o->ns,
            o->name);
    if (other && other != r->object)
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
    const struct kube_cache *observed = r->world->remote->observed;
    const struct kube_object *o, *told = NULL;

    o = kube_cache_get(observed, mesh_kind(KIND_NAMESPACE), NULL, "kube-system");
    if (o && str_eq(o->uid, r->central->id))
        return err_set(e, ERR_INVALID, "the kubeconfig names the central cluster, which cannot join its own mesh");
    /* Of several the first by name: which was seen first is chance, and the status would change with it. */
    for (size_t i = 0; (o = kube_cache_next(observed, mesh_kind(KIND_ISTIO), &i));)
        if ((!told || is_before(o, told)) && check_istio(r, o, e) < 0)
            told = o;
    return told ? -1 : 0;
}
