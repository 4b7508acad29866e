#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "controllers.h"
#include "doc/doc.h"

/* Of jobs at one moment. */
#define STEPS_MOST 1000000
#define STALE_BY 50

static const bool eager = true;

struct sim {
    struct sched *sched;
    struct rng rng;
    struct server *server;
    struct controllers *controllers;
    struct net *net;
    struct job *definitions; /* when they are looked at */
    struct sim_faults faults;
    bool bookmarks, down;
    msec_t wall, stopped_until;
    sim_review_fn review;
    void *review_context;
    struct sim_counts counts;
};

static bool chance(struct sim *s, unsigned permille)
{
    return rng_chance(&s->rng, permille);
}

/* --- requests on their way to the server --- */

/* A list of one object, for the newest version. */
static bool asks_newest(const char *path)
{
    return strstr(path, "limit=1&") || str_ends(path, "limit=1");
}

static void count(struct sim *s, const struct net_request *request)
{
    const char *path = request->path;
    bool grouped = str_starts(path, "/apis/"), named;
    size_t slashes = 0;

    for (const char *at = path; *at && *at != '?'; at++)
        slashes += *at == '/';
    named = slashes == (strstr(path, "/namespaces/") ? 6u : 4u) + grouped;
    if (str_eq(path, "/version"))
        s->counts.version++;
    else if (request->method != NET_GET)
        s->counts.writes += !str_ends(path, "/events");
    else if (slashes <= 2u + grouped)
        s->counts.discovery++;
    else if (server_is_watch(request))
        s->counts.watches++;
    else if (asks_newest(path))
        s->counts.newest++;
    else if (named)
        s->counts.reads++;
    else
        s->counts.lists++;
}

static struct answer refusal(int status, const char *message)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{401, "Unauthorized"}, {403, "Forbidden"}, {409, "Conflict"}, {410, "Expired"}, {422, "Invalid"}};

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return server_refusal(status, reasons[i].reason, message, 0);
    return server_refusal(status, "InternalError", message, 0);
}

static struct answer misanswer(struct sim *s)
{
    static const char *const texts[] = {"", "<html>Welcome</html>",
                                        "{\"kind\": \"List\", \"items\": [{\"metadata\": ]}", "{}", "[]"};

    return (struct answer){.status = 200, .body = str_dup(texts[rng_below(&s->rng, ARRAY_LEN(texts))])};
}

static struct answer reviewed(struct sim *s, const struct net_request *request)
{
    _cleanup_json_ json_t *body = request->body ? json_loads(request->body, JSON_ALLOW_NUL, NULL) : NULL;
    const char *message = "refused";
    int status = s->review(s->review_context, request->method, request->path, body, &message);
    _cleanup_free_ char *text = body ? doc_text(body) : NULL;
    struct net_request changed = *request;

    if (status)
        return refusal(status, message);
    changed.body = text;
    changed.body_len = text ? strlen(text) : 0;
    return server_handle(s->server, &changed, WHO_OPERATOR);
}

static struct answer stale_list(struct sim *s, const struct net_request *request)
{
    struct answer a = server_handle(s->server, request, WHO_OPERATOR);
    _cleanup_json_ json_t *list = json_loads(a.body, JSON_ALLOW_NUL, NULL);

    json_object_set_new(doc_make(list, "metadata"), "resourceVersion",
                        json_sprintf("%" PRId64, server_version(s->server) - STALE_BY));
    free(a.body);
    a.body = doc_text(list);
    return a;
}

static bool intercept(void *context, const struct net_request *request, struct answer *ret)
{
    struct sim *s = context;
    const struct sim_faults *f = &s->faults;
    bool write = request->method != NET_GET, list = !write && strstr(request->path, "limit=");

    count(s, request);
    if (chance(s, f->unauthorized))
        *ret = refusal(401, "Unauthorized");
    else if (write && chance(s, f->misanswered))
        *ret = misanswer(s);
    else if (write && s->review)
        *ret = reviewed(s, request);
    else if (list && strstr(request->path, "continue=") && chance(s, f->page_expired))
        *ret = refusal(410, "The provided continue parameter is too old");
    else if (list && asks_newest(request->path) && chance(s, f->untold))
        *ret = refusal(500, "simulated");
    else if (list && !strstr(request->path, "continue=") && chance(s, f->stale))
        *ret = stale_list(s, request);
    else
        return false;
    return true;
}

static void on_sent(void *context, const struct net_request *request)
{
    struct sim *s = context;

    (void)request;
    s->counts.in_vain += s->down;
}

/* --- the server --- */

static void on_definitions(void *context)
{
    struct sim *s = context;

    s->definitions = NULL;
    controllers_settle_definitions(s->controllers);
}

static void on_change(void *context, enum who who, const struct collection *kind, const json_t *before,
                      const json_t *after)
{
    struct sim *s = context;

    (void)who, (void)before, (void)after;
    net_poke(s->net);
    /* Custom objects keep a definition that is deleted. */
    if ((kind->custom || str_eq(kind->plural, "customresourcedefinitions")) && !s->definitions)
        s->definitions = sched_at(s->sched, sched_now(s->sched), on_definitions, s);
}

struct sim *sim_new(const struct kube_kind_table *kinds, int minor, uint64_t seed)
{
    struct sim *s = NEW(struct sim);

    *s = (struct sim){.sched = sched_new(), .rng = {seed}, .wall = SERVER_EPOCH};
    sim_faults(s, NULL);
    sched_run(s->sched, SECONDS(1000), STEPS_MOST);
    s->server = server_new(kinds, minor, &s->rng, s->sched);
    server_set_calm(s->server);
    server_observe(s->server, on_change, s);
    s->controllers = controllers_new(s->sched, s->server, &s->rng, &eager);
    s->net = net_new(&(struct net_options){.name = "sim",
                                           .sched = s->sched,
                                           .server = s->server,
                                           .rng = &s->rng,
                                           .faults = &s->faults.net,
                                           .down = &s->down,
                                           .wall = &s->wall,
                                           .stopped_until = &s->stopped_until,
                                           .way_most = &s->faults.way_most,
                                           .odd_dice = &s->rng,
                                           .sent = on_sent,
                                           .intercept = intercept,
                                           .context = s});
    return s;
}

void sim_free(struct sim *s)
{
    net_free(s->net);
    controllers_free(s->controllers);
    server_free(s->server);
    sched_free(s->sched);
    free(s);
}

struct net_io *sim_io(struct sim *s)
{
    return net_io(s->net);
}

struct server *sim_server(struct sim *s)
{
    return s->server;
}

msec_t sim_now(const struct sim *s)
{
    return sched_now(s->sched);
}

uint32_t sim_random(struct sim *s)
{
    return (uint32_t)rng_next(&s->rng);
}

void sim_faults(struct sim *s, const struct sim_faults *faults)
{
    s->faults = faults ? *faults : (struct sim_faults){0};
    if (!s->faults.way_most)
        s->faults.way_most = 2;
    if (!s->bookmarks)
        s->faults.net.bookmark_lost = 1000;
}

void sim_send_bookmarks(struct sim *s)
{
    s->bookmarks = true;
    s->faults.net.bookmark_lost = 0;
}

void sim_set_down(struct sim *s, bool down)
{
    s->down = down;
    server_compact(s->server);
    net_break(s->net);
}

void sim_run(struct sim *s, msec_t time)
{
    if (!sched_run(s->sched, sched_now(s->sched) + time, STEPS_MOST))
        abort(); /* it does not get on */
}

void sim_stop(struct sim *s, msec_t time)
{
    s->stopped_until = sched_now(s->sched) + time;
}

void sim_review(struct sim *s, sim_review_fn review, void *context)
{
    s->review = review;
    s->review_context = context;
}

/* --- the store --- */

static struct collection *store_of(const struct sim *s, const struct kube_kind *kind)
{
    return server_find(s->server, kind->group, kind->plural);
}

void sim_apply(struct sim *s, const struct kube_kind *kind, json_t *object)
{
    struct collection *store = store_of(s, kind);

    if (!store) {
        fprintf(stderr, "%s is not served: its definition is missing\n", kind->plural);
        abort();
    }
    server_put(s->server, WHO_HUMAN, store, kind->namespaced ? doc_string(object, "metadata", "namespace") : NULL,
               object);
    json_decref(object);
    if (s->definitions)
        controllers_settle_definitions(s->controllers);
}

void sim_request_deletion(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    if (sim_get(s, kind, ns, name)) {
        _cleanup_outcome_ struct outcome done = server_delete(s->server, WHO_HUMAN, store_of(s, kind), ns, name, NULL);
    }
}

void sim_delete(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    if (sim_get(s, kind, ns, name))
        server_erase(s->server, WHO_HUMAN, store_of(s, kind), ns, name);
}

const json_t *sim_get(const struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    return server_get(store_of(s, kind), ns, name);
}

const json_t *sim_next(const struct sim *s, const struct kube_kind *kind, size_t *position)
{
    const struct collection *store = store_of(s, kind);
    void *object;

    return store && map_next(store->objects, position, NULL, &object) ? object : NULL;
}

struct sim_counts sim_take_counts(struct sim *s)
{
    struct sim_counts counts = s->counts;

    s->counts = (struct sim_counts){0};
    return counts;
}

unsigned sim_open_watches(const struct sim *s)
{
    return (unsigned)net_watches(s->net);
}
