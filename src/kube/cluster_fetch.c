#include "base/str.h"
#include "doc/doc.h"
#include "kube/cluster_state.h"

#define OBJECT_MAX ((size_t)64 * 1024 * 1024)

/* How old the cached state of an object may be that no watch covers. */
#define REREAD SECONDS(600)

/* An object that is read. */
struct kube_fetch {
    LIST_ENTRY(kube_fetch) link;
    struct kube_cluster *cluster;
    const struct kube_kind *kind;
    char *ns, *name;
    char *uid;      /* of the object in the cache when it was sent; NULL: there was none */
    char *version;  /* that object's */
    unsigned lists; /* of its kind when it was sent */
    uint64_t read;  /* its number in the cache */
    struct net_call *call;
};

static void fetch_free(struct kube_fetch *f)
{
    LIST_REMOVE(f, link);
    free(f->ns);
    free(f->name);
    free(f->uid);
    free(f->version);
    free(f);
}

void kube_fetches_release(struct kube_cluster *c)
{
    struct kube_fetch *f;

    while ((f = LIST_FIRST(&c->fetch.all))) {
        c->io->cancel(c->io, f->call);
        fetch_free(f);
    }
}

/* An object is deleted for good if it is still the one of that uid. */
static void remove_known(struct kube_cluster *c, const struct kube_kind *kind, const char *ns, const char *name,
                         const char *uid)
{
    const struct kube_object *o = kube_cache_get(c->cache, kind, ns, name);

    if (o && uid && str_eq(o->uid, uid) && kube_cache_remove(c->cache, kind, ns, name, NULL))
        kube_slot_noticed(kube_slot_of(c, kind), name, NULL);
}

/*
 * An object was not found. Where its kind is custom, a server that starts up may say that of the kind: its list, which
 * waits for an absence to last, decides.
 */
static void on_absence(struct kube_cluster *c, const struct kube_fetch *f)
{
    if (f->kind->custom && kube_slot_of(c, f->kind)->on)
        kube_watch_doubt(kube_slot_of(c, f->kind)->watch, c->io->now(c->io));
    else
        remove_known(c, f->kind, f->ns, f->name, f->uid);
}

static void read_answer(struct kube_fetch *f, const struct net_response *response)
{
    struct kube_cluster *c = f->cluster;
    _cleanup_json_ json_t *object = NULL;
    bool changed, rewound;

    /* What cannot be read leaves the cache as it is. */
    if (doc_parse_lenient(response->body, response->body_len, OBJECT_MAX, DOC_ALONE, &object, NULL) < 0)
        return;
    if (!str_eq(doc_string(object, "metadata", "name"), f->name))
        return;
    changed = kube_cache_put_read(c->cache, f->kind, object, f->read, &rewound);
    /* A read is consistent: an older object than was known before it was asked for is of another history. */
    if (rewound || kube_version_older(doc_string(object, "metadata", "resourceVersion"), f->version))
        kube_verify_rewound(c);
    if (changed)
        kube_slot_noticed(kube_slot_of(c, f->kind), f->name, object);
}

static void on_object(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_fetch *f = context;
    struct kube_cluster *c = f->cluster;
    const struct kube_slot *slot = kube_slot_of(c, f->kind);
    struct kube_fetch done = *f;

    f->ns = f->name = f->uid = f->version = NULL;
    fetch_free(f);
    if (!e)
        kube_cluster_heard(c);
    if (!e && done.lists != slot->lists)
        /* A list arrived in between, and with it maybe the deletion of what was read. */
        kube_cluster_fetch(c, done.kind, done.ns, done.name);
    else if (!e)
        read_answer(&done, response);
    else if (e->class == ERR_NOT_FOUND)
        on_absence(c, &done);
    else if (kube_is_unreachable(response, e))
        kube_cluster_lost(c, e);
    free(done.ns);
    free(done.name);
    free(done.uid);
    free(done.version);
    c->changed = true;
    kube_cluster_soon(c);
}

bool kube_cluster_is_fetching(const struct kube_cluster *c, const struct kube_kind *kind, const char *ns,
                              const char *name)
{
    const struct kube_fetch *f;

    LIST_FOREACH(f, &c->fetch.all, link)
    if (f->kind == kind && str_eq(f->ns, ns) && str_eq(f->name, name))
        return true;
    return false;
}

void kube_cluster_fetch(struct kube_cluster *c, const struct kube_kind *kind, const char *ns, const char *name)
{
    const char *version = c->known ? kube_server_version(&c->server, kind) : NULL;
    const struct kube_object *o = kube_cache_get(c->cache, kind, ns, name);
    struct net_request request;
    struct kube_fetch *f;

    if (!version || kube_cluster_is_fetching(c, kind, ns, name))
        return;
    f = NEW(struct kube_fetch);
    *f = (struct kube_fetch){.cluster = c,
                             .kind = kind,
                             .ns = str_dup(ns),
                             .name = str_dup(name),
                             .uid = str_dup(o ? o->uid : NULL),
                             .version = str_dup(o ? o->resource_version : NULL),
                             .lists = kube_slot_of(c, kind)->lists,
                             .read = kube_cache_read_sent(c->cache, kind)};
    LIST_INSERT_HEAD(&c->fetch.all, f, link);
    request = kube_request_get(kind, version, ns, name);
    request.secret = kind->is_secret;
    f->call = c->io->send(c->io, &request, NULL, on_object, f);
}

/* The watch selects by the owner label, which it lacks. */
static bool is_unwatched(const struct kube_object *o)
{
    return o->kind->watch == KUBE_WATCH_OWNED && !o->owner;
}

void kube_reread_step(struct kube_cluster *c)
{
    const struct kube_object *o;

    if (c->io->now(c->io) < kube_reread_due(c))
        return;
    c->fetch.reread_due = c->io->now(c->io) + REREAD;
    for (size_t row = 0; row < c->kinds->len; row++)
        for (size_t i = 0; (o = kube_cache_next(c->cache, &c->kinds->rows[row], &i));)
            if (o->matters && is_unwatched(o))
                kube_cluster_fetch(c, o->kind, o->ns, o->name);
}

msec_t kube_reread_due(const struct kube_cluster *c)
{
    return c->reach.lost ? MSEC_NEVER : c->fetch.reread_due;
}

/* Whether the watch will report what becomes of the object. */
static bool is_followed(struct kube_cluster *c, const struct kube_action *action)
{
    const struct kube_slot *slot = kube_slot_of(c, action->kind);

    return slot->on && (!slot->ns || str_eq(slot->ns, action->ns));
}

/*
 * Whether an object may still exist although its removal was answered by a Status: servers before Kubernetes 1.22 say
 * so of a Service in any case, also of one that is held by a finalizer.
 */
static bool may_stay(struct kube_cluster *c, const struct kube_action *action)
{
    const struct kube_object *o = kube_cache_get(c->cache, action->kind, action->ns, action->name);
    _cleanup_json_ json_t *object = o && !o->kind->digest ? kube_object_parse(o) : NULL;

    return json_array_size(doc_at(object, "metadata", "finalizers")) > 0;
}

static void read_success(struct kube_cluster *c, const struct kube_action *action, const json_t *object)
{
    struct kube_slot *slot = kube_slot_of(c, action->kind);

    if (action->verb == KUBE_REMOVE && !object && may_stay(c, action))
        kube_cluster_fetch(c, action->kind, action->ns, action->name);
    else if (action->verb == KUBE_REMOVE && !object)
        remove_known(c, action->kind, action->ns, action->name, action->uid);
    if (!object || !is_followed(c, action))
        return;
    kube_verify_write(slot, object);
    if (kube_cache_put(c->cache, action->kind, object))
        kube_slot_noticed(slot, action->name, object);
}

/*
 * The failure says that the cache is behind the server, or may say so: a Service that asks for node ports is refused
 * as invalid ("already allocated") before the server checks whether it exists.
 */
static bool is_behind(const struct kube_action *action, const struct err *e)
{
    return e->class == ERR_ALREADY_EXISTS || e->class == ERR_CONFLICT ||
           (e->class == ERR_NOT_FOUND && action->verb != KUBE_CREATE) ||
           (e->class == ERR_INVALID && action->verb == KUBE_CREATE);
}

void kube_cluster_action_done(void *context, const struct kube_action *action, const json_t *object,
                              const struct err *e)
{
    struct kube_cluster *c = context;

    if (!e) {
        kube_cluster_heard(c);
        read_success(c, action, object);
    } else if (is_behind(action, e) && is_followed(c, action)) {
        kube_cluster_fetch(c, action->kind, action->ns, action->name);
    } else if (e->class == ERR_UNAVAILABLE || e->class == ERR_TIMEOUT) {
        /* Perhaps only this request: a probe of the server decides. */
        kube_cluster_lost(c, e);
    }
    c->events.action_done(c->events.context, action, object, e);
    /* The watch may have reported this write before its answer arrived; that it is no longer under way is news, too. */
    c->changed = true;
    kube_cluster_soon(c);
}
