#include "kube/elector.h"

#include "base/str.h"
#include "doc/doc.h"
#include "kube/cluster.h"

/* A Lease is a few hundred bytes. */
#define OBJECT_MAX ((size_t)1024 * 1024)

struct kube_elector {
    struct net_io *io;
    struct kube_cluster *cluster; /* for its watch and its discovery */
    struct kube_lease *lease;
    struct net_timer *timer;
    struct net_call *call;
    char *ns, *name;
    char *watched; /* the version that the watch reported last; NULL: there is no Lease */
    kube_elector_changed_fn changed;
    void *context;
    bool told_leading, told_released, told_unsupported;
    char *told_error;
};

const struct kube_lease *kube_elector_lease(const struct kube_elector *e)
{
    return e->lease;
}

bool kube_elector_may_send(const struct kube_elector *e, msec_t *ret_not_after)
{
    return kube_lease_may_send(e->lease, e->io->now(e->io), ret_not_after);
}

bool kube_elector_is_unsupported(const struct kube_elector *e)
{
    const struct kube_server *server = kube_cluster_server(e->cluster);

    return server && !kube_server_version(server, KUBE_LEASE_KIND) &&
           !kube_kind_version_for(KUBE_LEASE_KIND, server->minor);
}

const char *kube_elector_error(const struct kube_elector *e)
{
    const struct kube_server *server = kube_cluster_server(e->cluster);

    if (kube_elector_is_unsupported(e))
        return "this server has no Lease v1, which came with Kubernetes 1.14";
    if (server && !kube_server_version(server, KUBE_LEASE_KIND))
        return "the server does not serve Lease v1 (coordination.k8s.io)";
    return kube_lease_error(e->lease);
}

static void tell(struct kube_elector *e)
{
    bool leading = kube_lease_leads(e->lease), released = kube_lease_is_released(e->lease);
    bool unsupported = kube_elector_is_unsupported(e);

    if (leading == e->told_leading && released == e->told_released && unsupported == e->told_unsupported &&
        str_eq(kube_elector_error(e), e->told_error))
        return;
    e->told_leading = leading;
    e->told_released = released;
    e->told_unsupported = unsupported;
    str_replace(&e->told_error, kube_elector_error(e));
    e->changed(e->context);
}

static void run(void *context);

/* JSON of something else may answer in the server's place, a list for instance. */
static int read_lease(const struct kube_elector *e, const struct net_response *response, json_t **ret, struct err *why)
{
    if (doc_parse(response->body, response->body_len, OBJECT_MAX, ret, why) < 0)
        return -1;
    if (!str_eq(doc_string(*ret, "metadata", "name"), e->name))
        return err_set(why, ERR_UNAVAILABLE, "the answer is not the Lease");
    return 0;
}

static void on_answer(void *context, const struct net_response *response, const struct err *failure)
{
    struct kube_elector *e = context;
    _cleanup_json_ json_t *object = NULL;
    struct err unread;

    e->call = NULL;
    if (!failure && read_lease(e, response, &object, &unread) < 0)
        failure = &unread;
    if (failure)
        kube_lease_failed(e->lease, e->io->now(e->io), e->io->random(e->io), failure);
    else
        kube_lease_answer(e->lease, e->io->now(e->io), object);
    run(e);
}

static void send_request(struct kube_elector *e, enum kube_lease_step step, const char *version)
{
    _cleanup_free_ char *body = step == KUBE_LEASE_READ ? NULL : kube_lease_body(e->lease, e->io->wall(e->io));
    msec_t now = e->io->now(e->io);
    struct net_request request;

    if (step == KUBE_LEASE_READ)
        request = kube_request_get(KUBE_LEASE_KIND, version, e->ns, e->name);
    else if (step == KUBE_LEASE_CREATE)
        request = kube_request_create(KUBE_LEASE_KIND, version, e->ns, body);
    else
        request = kube_request_update(KUBE_LEASE_KIND, version, e->ns, e->name, body);
    request.timeout = kube_lease_timeout(e->lease, now);
    request.not_after = now + request.timeout;
    e->call = e->io->send(e->io, &request, NULL, on_answer, e);
}

static void run(void *context)
{
    struct kube_elector *e = context;
    const struct kube_server *server = kube_cluster_server(e->cluster);
    const char *version = server ? kube_server_version(server, KUBE_LEASE_KIND) : NULL;
    enum kube_lease_step step;

    if (version) {
        step = kube_lease_step(e->lease, e->io->now(e->io));
        if (step != KUBE_LEASE_WAIT)
            send_request(e, step, version);
        e->io->timer_set(e->io, e->timer, kube_lease_due(e->lease));
    }
    tell(e);
}

/* What the watch brought, once each. That the Lease does not exist is news only where it existed before. */
static void read_watch(struct kube_elector *e)
{
    const struct kube_object *o = kube_cache_get(kube_cluster_cache(e->cluster), KUBE_LEASE_KIND, e->ns, e->name);
    _cleanup_json_ json_t *object = NULL;

    if (!kube_cluster_watch_synced(e->cluster, KUBE_LEASE_KIND) || str_eq(o ? o->resource_version : NULL, e->watched))
        return;
    str_replace(&e->watched, o ? o->resource_version : NULL);
    object = o ? kube_object_parse(o) : NULL;
    kube_lease_seen(e->lease, e->io->now(e->io), object);
}

static void on_changed(void *context)
{
    struct kube_elector *e = context;

    read_watch(e);
    run(e);
}

struct kube_elector *kube_elector_new(struct net_io *io, const struct kube_lease_options *options,
                                      kube_elector_changed_fn changed, void *context)
{
    struct kube_elector *e = NEW(struct kube_elector);
    const struct kube_cluster_options cluster_options = {.owner_label = "", .namespace = options->ns};
    const struct kube_cluster_events events = {.changed = on_changed, .context = e};
    _cleanup_free_ char *selector = str_printf("metadata.name=%s", options->name);

    e->io = io;
    e->lease = kube_lease_new(options);
    e->ns = str_dup(options->ns);
    e->name = str_dup(options->name);
    e->changed = changed;
    e->context = context;
    e->told_error = str_dup("");
    e->timer = io->timer_new(io, run, e);
    e->cluster = kube_cluster_new_on(io, &kube_lease_kinds, &cluster_options, &events);
    kube_cluster_watch(e->cluster, KUBE_LEASE_KIND, e->ns, NULL, selector, true);
    kube_cluster_start(e->cluster);
    return e;
}

void kube_elector_free(struct kube_elector *e)
{
    if (!e)
        return;
    if (e->call)
        e->io->cancel(e->io, e->call);
    kube_cluster_free(e->cluster);
    e->io->timer_free(e->io, e->timer);
    kube_lease_free(e->lease);
    free(e->ns);
    free(e->name);
    free(e->watched);
    free(e->told_error);
    free(e);
}

void kube_elector_resign(struct kube_elector *e)
{
    kube_lease_resign(e->lease);
    e->told_leading = false; /* the caller that asks for it knows */
}

void kube_elector_release(struct kube_elector *e)
{
    kube_lease_release(e->lease, e->io->now(e->io));
    run(e);
}
