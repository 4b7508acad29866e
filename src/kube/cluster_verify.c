#include "doc/doc.h"
#include "kube/backoff.h"
#include "kube/cluster_state.h"

/*
 * A watch that is silent may be right: nothing happened. Or the server's store was restored to an older state, and the
 * watch waits for versions of the future; such a watch is opened without an error and never brings anything. The newest
 * version that a consistent read finds tells the two apart, for all watches by one request: etcd's revision only grows,
 * and it is one for all kinds (unless a kind has an etcd of its own: then that kind is asked for itself).
 */

static const msec_t ANSWER_TIMEOUT = SECONDS(10);
static const msec_t RETRY_FIRST = SECONDS(1), RETRY_MOST = SECONDS(10);
/* Between two that hints ask for. */
static const msec_t HINT_DISTANCE = SECONDS(5);
/* An answer to a write may be overtaken by events of later writes; by this many versions it is not. */
enum { FAR_BEHIND = 500 };
/* A server of a pair that reads from a stale store, or connections that break, would have everything listed again and
 * again. */
static const msec_t RELIST_FIRST = SECONDS(30), RELIST_MOST = SECONDS(600);
/* After an outage the lists of many clusters are spread over this time. */
static const msec_t OUTAGE_SPREAD = SECONDS(30);

enum { ANSWER_MAX = 8 * 1024 * 1024, NOT_ASKED = 0, NO_NUMBER = 1 };

/* What is no number is never older than another version. */
static int64_t number_of(const char *version)
{
    int64_t number = kube_version_number(version);

    return number > 0 ? number : NO_NUMBER;
}

/* Whether the kind is watched, and listed for that, or is to be soon. */
static bool is_watched(const struct kube_slot *slot)
{
    const struct kube_cluster *c = slot->cluster;

    return slot->on && c->server.versions[slot - c->slots] && kube_watch_is_served(slot->watch) &&
           !kube_size_holds_up(c);
}

static bool can_be_asked(const struct kube_slot *slot)
{
    return is_watched(slot) && kube_watch_is_open(slot->watch);
}

/* Which kind the server is asked for: a suspected one, or the one that heard nothing for the longest. NULL: none. */
static struct kube_slot *choose(const struct kube_cluster *c)
{
    struct kube_slot *best = NULL;

    for (size_t i = 0; i < c->kinds->len; i++) {
        struct kube_slot *slot = &c->slots[i];
        if (!can_be_asked(slot))
            continue;
        if (!best || slot->refused < best->refused ||
            (slot->refused == best->refused && slot->suspected > best->suspected) ||
            (slot->refused == best->refused && slot->suspected == best->suspected &&
             kube_watch_trusted(slot->watch) < kube_watch_trusted(best->watch)))
            best = slot;
    }
    return best;
}

bool kube_verify_can_ask(const struct kube_cluster *c)
{
    return choose(c) != NULL;
}

msec_t kube_watches_trusted(const struct kube_cluster *c, const struct kube_slot **ret_slot)
{
    msec_t oldest = MSEC_NEVER;

    for (size_t i = 0; i < c->kinds->len; i++) {
        const struct kube_slot *slot = &c->slots[i];
        if (!is_watched(slot) || kube_watch_trusted(slot->watch) >= oldest)
            continue;
        oldest = kube_watch_trusted(slot->watch);
        if (ret_slot)
            *ret_slot = slot;
    }
    return oldest;
}

void kube_verify_write(struct kube_slot *slot, const json_t *object)
{
    int64_t told = number_of(kube_watch_version(slot->watch)),
            version = number_of(doc_string(object, "metadata", "resourceVersion"));

    if (version != NO_NUMBER && told > version + FAR_BEHIND)
        kube_cluster_doubt_versions(slot->cluster);
}

/* It is done `at` that time: the next one is later, and later each time. */
static void keep_pace(struct kube_cluster *c, struct kube_pace *pace, msec_t at)
{
    /* Longer ago it was another incident. */
    pace->times = pace->times && at - pace->after < RELIST_MOST ? pace->times + 1 : 1;
    pace->after = at + kube_backoff(RELIST_FIRST, RELIST_MOST, pace->times, c->io->random(c->io));
}

/* The store was restored: nothing in the cache can be trusted. */
void kube_verify_rewound(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);

    if (now < c->verify.rewinds.after)
        return;
    keep_pace(c, &c->verify.rewinds, now);
    c->stats.version_rewinds++;
    c->changed = true;
    kube_cluster_relist(c);
}

static msec_t spread(struct kube_cluster *c, msec_t from)
{
    return from + c->io->random(c->io) % OUTAGE_SPREAD;
}

void kube_verify_outage(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);

    if (c->verify.outage_due == MSEC_NEVER || c->verify.outage_due > now + OUTAGE_SPREAD)
        c->verify.outage_due = spread(c, now);
}

/*
 * The connection broke and the next one was there immediately. Most often nothing else happened, but this process, or
 * the network, may have stood still while the store was restored. So all is listed again as after an outage, but not
 * each time where connections break again and again.
 */
static void follow_break(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);

    if (c->verify.outage_due != MSEC_NEVER)
        return;
    c->verify.outage_due = spread(c, now > c->verify.breaks.after ? now : c->verify.breaks.after);
    keep_pace(c, &c->verify.breaks, c->verify.outage_due);
}

/* Whether the kind's watch had reported more than the newest version when that was asked for, and still follows it. */
static bool is_ahead(const struct kube_slot *slot, int64_t newest)
{
    return slot->asked > newest && number_of(kube_watch_version(slot->watch)) >= slot->asked;
}

static void take_newest(struct kube_cluster *c, int64_t newest)
{
    msec_t now = c->io->now(c->io);

    if (is_ahead(c->verify.slot, newest)) {
        /* Not trusted yet; another server of a pair may answer the next time. */
        if (now < c->verify.rewinds.after)
            c->verify.after = now + RETRY_MOST;
        c->verify.slot->suspected = false;
        kube_verify_rewound(c);
        return;
    }
    for (size_t i = 0; i < c->kinds->len; i++) {
        struct kube_slot *slot = &c->slots[i];
        if (!slot->watch || slot->asked == NOT_ASKED)
            continue;
        slot->suspected = is_ahead(slot, newest);
        if (!slot->suspected)
            kube_watch_verified(slot->watch, now);
    }
}

static int read_newest(const struct net_response *response, int64_t *ret, struct err *e)
{
    _cleanup_json_ json_t *list = NULL;
    const char *version;

    if (doc_parse_lenient(response->body, response->body_len, ANSWER_MAX, DOC_IN_LIST, &list, e) < 0)
        return -1;
    version = doc_string(list, "metadata", "resourceVersion");
    if (!version)
        return err_set(e, ERR_INVALID, "list: the answer has no metadata.resourceVersion");
    *ret = number_of(version) == NO_NUMBER ? INT64_MAX : number_of(version);
    return 0;
}

static void on_newest(void *context, const struct net_response *response, const struct err *e)
{
    struct kube_cluster *c = context;
    msec_t now = c->io->now(c->io);
    int64_t newest = 0;
    struct err broken;

    c->verify.call = NULL;
    kube_cluster_soon(c);
    if (!e && read_newest(response, &newest, &broken) < 0)
        e = &broken;
    if (!e)
        kube_cluster_heard(c);
    c->verify.failures = e ? c->verify.failures + 1 : 0;
    c->verify.after = e ? now + kube_backoff(RETRY_FIRST, RETRY_MOST, c->verify.failures, c->io->random(c->io)) : now;
    c->verify.slot->refused = e ? c->verify.slot->refused + 1 : 0;
    if (e && kube_is_unreachable(response, e))
        kube_cluster_lost(c, e);
    if (!e)
        take_newest(c, newest);
}

static void ask(struct kube_slot *slot)
{
    struct kube_cluster *c = slot->cluster;
    struct net_request request =
        kube_request_newest(slot->kind, c->server.versions[slot - c->slots], slot->ns, slot->fields);

    for (size_t i = 0; i < c->kinds->len; i++)
        if (c->slots[i].watch)
            c->slots[i].asked = is_watched(&c->slots[i]) && kube_watch_version(c->slots[i].watch)
                                    ? number_of(kube_watch_version(c->slots[i].watch))
                                    : NOT_ASKED;
    request.timeout = c->options.probe_timeout ? c->options.probe_timeout : ANSWER_TIMEOUT;
    c->verify.slot = slot;
    c->verify.hinted = false;
    c->verify.hint_after = c->io->now(c->io) + HINT_DISTANCE;
    c->stats.verifications++;
    c->verify.call = c->io->send(c->io, &request, NULL, on_newest, c);
}

/* MSEC_NEVER: nothing is to be asked. */
static msec_t ask_due(const struct kube_cluster *c, const struct kube_slot *slot)
{
    msec_t due;

    if (!slot || c->reach.lost || c->verify.call)
        return MSEC_NEVER;
    due = slot->suspected ? 0 : kube_watch_trusted(slot->watch) + c->options.verify_after;
    if (c->options.probe_after && c->last_contact + c->options.probe_after < due)
        due = c->last_contact + c->options.probe_after;
    if (c->verify.hinted && c->verify.hint_after < due)
        due = c->verify.hint_after;
    return due > c->verify.after ? due : c->verify.after;
}

void kube_verify_step(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);
    struct kube_slot *slot;

    if (c->verify.rewound)
        kube_verify_rewound(c);
    c->verify.rewound = false;
    if (c->verify.broken)
        follow_break(c);
    c->verify.broken = false;
    if (!c->reach.lost && now >= c->verify.outage_due) {
        c->verify.outage_due = MSEC_NEVER;
        kube_cluster_relist(c);
    }
    slot = choose(c);
    if (ask_due(c, slot) <= now)
        ask(slot);
}

msec_t kube_verify_due(const struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io), due = ask_due(c, choose(c)), trusted = kube_watches_trusted(c, NULL);

    if (!c->reach.lost && c->verify.outage_due < due)
        due = c->verify.outage_due;
    /* When it has to be reported. */
    if (trusted != MSEC_NEVER && trusted + KUBE_LISTENING_MOST >= now && trusted + KUBE_LISTENING_MOST + 1 < due)
        due = trusted + KUBE_LISTENING_MOST + 1;
    return due;
}

void kube_verify_release(struct kube_cluster *c)
{
    if (c->verify.call)
        c->io->cancel(c->io, c->verify.call);
}
