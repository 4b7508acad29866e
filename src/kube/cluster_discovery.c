#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/backoff.h"
#include "kube/cluster_state.h"

#define VERSION_MAX ((size_t)64 * 1024)
static const msec_t RETRY_FIRST = 100, RETRY_MOST = SECONDS(3);
static const msec_t POLL_FIRST = SECONDS(1), POLL_MOST = SECONDS(30);
static const msec_t DISCOVERY_TIMEOUT = SECONDS(10);

/* A discovery document that is under way. */
struct kube_question {
    LIST_ENTRY(kube_question) link;
    struct kube_cluster *cluster;
    char *path;
    struct net_call *call;
};

static void question_free(struct kube_question *q)
{
    LIST_REMOVE(q, link);
    free(q->path);
    free(q);
}

static void drop_discovery(struct kube_cluster *c)
{
    struct kube_question *q;

    while ((q = LIST_FIRST(&c->discovery.questions))) {
        c->io->cancel(c->io, q->call);
        question_free(q);
    }
    kube_discovery_free(c->discovery.documents);
    c->discovery.documents = NULL;
}

void kube_discovery_release(struct kube_cluster *c)
{
    drop_discovery(c);
    if (c->reach.probe)
        c->io->cancel(c->io, c->reach.probe);
}

/* Kinds that users write and that are not served yet are looked for again, but less and less often. */
static void poll_for_missing(struct kube_cluster *c)
{
    bool missing = false;

    for (size_t i = 0; i < c->kinds->len; i++)
        missing = missing || (kube_slot_is_of_users(&c->slots[i]) && !c->server.versions[i]);
    if (missing)
        c->discovery.due =
            c->io->now(c->io) + kube_backoff(POLL_FIRST, POLL_MOST, ++c->discovery.polls, c->io->random(c->io));
    else
        c->discovery.polls = 0;
}

static void learn(struct kube_cluster *c)
{
    const struct kube_discovery *d = c->discovery.documents;
    const char *git_version = kube_discovery_server(d, &c->server.major, &c->server.minor);

    if (git_version)
        str_replace(&c->server.git_version, git_version);
    c->changed = c->changed || !c->known;
    c->known = true;
    for (size_t i = 0; i < c->kinds->len; i++) {
        const struct kube_kind *kind = &c->kinds->rows[i];
        const char *version = kube_discovery_version(d, kind);
        if (!kube_cluster_has(c, kind) || (!c->discovery.of_all && !kind->custom))
            continue;
        /* Discovery is behind the definition by a moment. */
        version = version ? version : c->slots[i].definition;
        if (!version && c->server.versions[i] && kube_cache_clear(c->cache, kind))
            c->changed = true;
        kube_serve(c, kind, version);
        if (!version)
            kube_slot_restart(&c->slots[i]);
    }
    c->discovery.failures = 0;
    str_replace(&c->error, NULL);
    drop_discovery(c);
    poll_for_missing(c);
}

static void fail_discovery(struct kube_cluster *c, const struct net_response *response, const struct err *e)
{
    msec_t retry_after = response ? response->retry_after : 0,
           delay = kube_backoff(RETRY_FIRST, RETRY_MOST, ++c->discovery.failures, c->io->random(c->io));

    c->discovery.next_of_all = c->discovery.of_all;
    drop_discovery(c);
    c->discovery.due = c->io->now(c->io) + kube_backoff_asked(delay, e->class, retry_after);
    kube_cluster_note_error(c, e);
}

/* Checks again which custom kinds are served. */
static void follow_doubt(struct kube_cluster *c)
{
    msec_t soon = c->io->now(c->io) + POLL_FIRST;

    if (!c->discovery.doubted)
        return;
    c->discovery.doubted = false;
    /* One that is under way may have been answered before the cause of the doubt. */
    if (c->discovery.documents && !c->discovery.of_all)
        drop_discovery(c);
    c->discovery.polls = 0;
    if (c->discovery.due == MSEC_NEVER || c->discovery.due > soon)
        c->discovery.due = soon;
}

static void on_document(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_question *q = context;
    struct kube_cluster *c = q->cluster;
    _cleanup_free_ char *path = str_dup(q->path);
    struct err broken;

    question_free(q);
    kube_cluster_soon(c);
    follow_doubt(c);
    if (!c->discovery.documents)
        return;
    if (e && e->class == ERR_NOT_FOUND) {
        kube_discovery_absent(c->discovery.documents, path);
    } else if (e) {
        fail_discovery(c, response, e);
        return;
    } else if (kube_discovery_answer(c->discovery.documents, path, response->body, response->body_len, &broken) < 0) {
        fail_discovery(c, response, &broken);
        return;
    }
    if (response)
        kube_cluster_heard(c);
    if (kube_discovery_done(c->discovery.documents))
        learn(c);
}

static struct net_request get(const char *path)
{
    struct net_request request = net_request_new(NET_GET, path, NULL);

    request.timeout = DISCOVERY_TIMEOUT;
    return request;
}

static void begin_discovery(struct kube_cluster *c)
{
    _cleanup_free_ bool *desired = NEW_ARRAY(bool, c->kinds->len + 1);

    c->discovery.due = MSEC_NEVER;
    c->discovery.of_all = c->discovery.next_of_all;
    c->discovery.next_of_all = false;
    for (size_t i = 0; i < c->kinds->len; i++) {
        const struct kube_kind *kind = &c->kinds->rows[i];
        desired[i] = kube_cluster_has(c, kind) && (c->discovery.of_all || kind->custom);
    }
    c->discovery.documents = kube_discovery_new(c->kinds, desired, c->discovery.of_all);
}

static void ask(struct kube_cluster *c)
{
    const char *path;

    while (c->discovery.documents && (path = kube_discovery_next(c->discovery.documents))) {
        struct kube_question *q = NEW(struct kube_question);
        struct net_request request = get(path);
        *q = (struct kube_question){.cluster = c, .path = str_dup(path)};
        LIST_INSERT_HEAD(&c->discovery.questions, q, link);
        q->call = c->io->send(c->io, &request, NULL, on_document, q);
    }
}

static void found_again(struct kube_cluster *c, const json_t *version)
{
    c->reach.lost = false;
    str_replace(&c->error, NULL);
    kube_cluster_doubt_versions(c);
    if (c->reach.failures)
        kube_verify_outage(c);
    kube_slots_retry(c);
    kube_queue_hold(c->queue, false);
    if (c->reach.failures)
        kube_queue_reset_backoff(c->queue);
    /* Another server, or a newer one. */
    if (!str_eq(doc_string(version, "gitVersion"), c->server.git_version)) {
        c->discovery.next_of_all = true;
        c->discovery.due = c->io->now(c->io);
    }
}

static void on_probe(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_cluster *c = context;
    _cleanup_json_ json_t *version = NULL;
    struct err broken;
    msec_t delay;

    c->reach.probe = NULL;
    if (!e && doc_parse(response->body, response->body_len, VERSION_MAX, &version, &broken) < 0)
        e = &broken;
    if (e) {
        kube_cluster_lost(c, e);
        c->stats.watch_failures++;
        delay = kube_backoff(RETRY_FIRST, RETRY_MOST, ++c->reach.failures, c->io->random(c->io));
        c->reach.probe_due =
            c->io->now(c->io) + kube_backoff_asked(delay, e->class, response ? response->retry_after : 0);
        kube_cluster_note_error(c, e);
    } else {
        kube_cluster_heard(c);
        if (c->reach.lost)
            found_again(c, version);
    }
    kube_cluster_soon(c);
}

/*
 * When to ask for a heartbeat. The request that verifies watches is one as well: where it can be made, and is answered
 * as it should be, there is no other. A refusal of it may concern its kind alone: then /version decides.
 */
static msec_t probe_due(const struct kube_cluster *c)
{
    if (c->reach.probe)
        return MSEC_NEVER;
    if (c->reach.lost)
        return c->reach.probe_due;
    if (!c->known || !c->options.probe_after || c->verify.call || (kube_verify_can_ask(c) && !c->verify.failures))
        return MSEC_NEVER;
    return c->last_contact + c->options.probe_after;
}

static void probe(struct kube_cluster *c)
{
    struct net_request request = get("/version");

    request.timeout = c->options.probe_timeout;
    c->reach.probe = c->io->send(c->io, &request, NULL, on_probe, c);
}

void kube_discovery_step(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);

    follow_doubt(c);
    if (now >= probe_due(c))
        probe(c);
    if (c->reach.lost)
        return;
    if (!c->discovery.documents && now >= c->discovery.due)
        begin_discovery(c);
    ask(c);
}

msec_t kube_discovery_step_due(const struct kube_cluster *c)
{
    msec_t look = c->reach.lost || c->discovery.documents ? MSEC_NEVER : c->discovery.due, sign = probe_due(c);

    return look < sign ? look : sign;
}
