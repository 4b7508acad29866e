#include "sim.h"

#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/patch.h"

/* A request's address, taken apart. */
struct target {
    const struct kube_kind *kind;
    const char *version; /* the table's */
    char *ns, *name, *query;
};

struct net_call {
    TAILQ_ENTRY(net_call) link;
    struct net_request request;
    net_data_fn data;
    net_done_fn done;
    void *context;
    struct target target; /* of a watch */
    bool open;            /* a watch that gets events */
    int64_t from;         /* and only those behind this version */
    msec_t last;          /* when the last thing that is on its way arrives */
};

/* Something that happens at its time. */
struct event_due {
    TAILQ_ENTRY(event_due) link;
    msec_t at;
    enum { ARRIVE, DATA, DONE, TIME_OVER } type;
    struct net_call *call;
    int status;
    char *body;
    msec_t retry_after;
};

struct net_timer {
    TAILQ_ENTRY(net_timer) link;
    msec_t at;
    void (*run)(void *context);
    void *context;
};

/* A change, for those who watch. */
struct change {
    const struct kube_kind *kind;
    int64_t version;
    json_t *before, *after; /* NULL: it was, or is, not there */
};

struct sim {
    struct net_io io;
    const struct kube_kind_table *kinds;
    const char *label;
    msec_t now;
    uint64_t seed;
    struct sim_faults faults;
    sim_review_fn review;
    void *review_context;
    bool down;
    int minor;                  /* of Kubernetes */
    int64_t version, forgotten; /* the newest; watches from before `forgotten` are told 410 */
    unsigned uids;
    struct map **stores; /* of each row: "ns/name" -> json_t */
    struct change *changes;
    size_t change_count, change_cap;
    json_t *snapshots; /* lists that are read in pages */
    json_t *saved;     /* the stores, by row */
    int64_t saved_version;
    TAILQ_HEAD(, net_call) calls;
    TAILQ_HEAD(, event_due) due;
    TAILQ_HEAD(, net_timer) timers;
    struct sim_counts counts;
};

static struct sim *of(struct net_io *io)
{
    return (struct sim *)io;
}

uint32_t sim_random(struct sim *s)
{
    s->seed = s->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(s->seed >> 32);
}

static bool chance(struct sim *s, unsigned in_thousand)
{
    return in_thousand && sim_random(s) % 1000 < in_thousand;
}

static msec_t io_now(struct net_io *io)
{
    return of(io)->now;
}

static msec_t io_wall(struct net_io *io)
{
    return of(io)->now + SECONDS(1600000000);
}

static uint32_t io_random(struct net_io *io)
{
    return sim_random(of(io));
}

static struct net_timer *io_timer_new(struct net_io *io, void (*run)(void *), void *context)
{
    struct net_timer *t = NEW(struct net_timer);

    *t = (struct net_timer){.at = MSEC_NEVER, .run = run, .context = context};
    TAILQ_INSERT_TAIL(&of(io)->timers, t, link);
    return t;
}

static void io_timer_set(struct net_io *io, struct net_timer *timer, msec_t at)
{
    timer->at = at < of(io)->now ? of(io)->now : at;
}

static void io_timer_free(struct net_io *io, struct net_timer *timer)
{
    if (!timer)
        return;
    TAILQ_REMOVE(&of(io)->timers, timer, link);
    free(timer);
}

static void due_free(struct sim *s, struct event_due *d)
{
    TAILQ_REMOVE(&s->due, d, link);
    free(d->body);
    free(d);
}

static void call_free(struct sim *s, struct net_call *call)
{
    struct event_due *d, *next;

    for (d = TAILQ_FIRST(&s->due); d; d = next) {
        next = TAILQ_NEXT(d, link);
        if (d->call == call)
            due_free(s, d);
    }
    TAILQ_REMOVE(&s->calls, call, link);
    net_request_release(&call->request);
    free(call->target.ns);
    free(call->target.name);
    free(call->target.query);
    free(call);
}

static void io_cancel(struct net_io *io, struct net_call *call)
{
    call_free(of(io), call);
}

static void insert(struct sim *s, const struct event_due *event)
{
    struct event_due *d = mem_dup(event, sizeof(*event)), *before;

    TAILQ_FOREACH(before, &s->due, link)
    if (before->at > d->at)
        break;
    if (before)
        TAILQ_INSERT_BEFORE(before, d, link);
    else
        TAILQ_INSERT_TAIL(&s->due, d, link);
}

/* What one call gets arrives in order; calls overtake each other. Takes over `body`. */
static void later(struct sim *s, struct net_call *call, int type, int status, char *body, msec_t retry_after)
{
    msec_t delay = 1 + (s->faults.delay_most ? sim_random(s) % s->faults.delay_most : sim_random(s) % 3);

    if (s->now + delay > call->last)
        call->last = s->now + delay;
    insert(s, &(struct event_due){.at = call->last,
                                  .type = (__typeof__(((struct event_due *)0)->type))type,
                                  .call = call,
                                  .status = status,
                                  .body = body,
                                  .retry_after = retry_after});
}

static struct net_call *io_send(struct net_io *io, struct net_request *request, net_data_fn data, net_done_fn done,
                                void *context)
{
    struct sim *s = of(io);
    struct net_call *call = NEW(struct net_call);

    *call = (struct net_call){.request = *request, .data = data, .done = done, .context = context};
    *request = (struct net_request){0};
    TAILQ_INSERT_TAIL(&s->calls, call, link);
    later(s, call, ARRIVE, 0, NULL, 0);
    if (call->request.timeout && !data)
        insert(s, &(struct event_due){.at = s->now + call->request.timeout, .type = TIME_OVER, .call = call});
    return call;
}

struct sim *sim_new(const struct kube_kind_table *kinds, const char *label, uint64_t seed)
{
    struct sim *s = NEW(struct sim);

    s->io = (struct net_io){.now = io_now,
                            .wall = io_wall,
                            .random = io_random,
                            .send = io_send,
                            .cancel = io_cancel,
                            .timer_new = io_timer_new,
                            .timer_set = io_timer_set,
                            .timer_free = io_timer_free};
    s->kinds = kinds;
    s->label = label;
    s->minor = 20;
    s->seed = seed;
    s->now = SECONDS(1000);
    s->version = 1000;
    s->snapshots = json_array();
    s->stores = NEW_ARRAY(struct map *, kinds->len);
    for (size_t i = 0; i < kinds->len; i++)
        s->stores[i] = map_new((void (*)(void *))json_decref);
    TAILQ_INIT(&s->calls);
    TAILQ_INIT(&s->due);
    TAILQ_INIT(&s->timers);
    return s;
}

static void forget_changes(struct sim *s)
{
    for (size_t i = 0; i < s->change_count; i++) {
        json_decref(s->changes[i].before);
        json_decref(s->changes[i].after);
    }
    free(s->changes);
    s->changes = NULL;
    s->change_count = s->change_cap = 0;
    s->forgotten = s->version;
}

void sim_free(struct sim *s)
{
    struct net_call *call;

    while ((call = TAILQ_FIRST(&s->calls)))
        call_free(s, call);
    forget_changes(s);
    for (size_t i = 0; i < s->kinds->len; i++)
        map_free(s->stores[i]);
    free(s->stores);
    json_decref(s->snapshots);
    json_decref(s->saved);
    free(s);
}

struct net_io *sim_io(struct sim *s)
{
    return &s->io;
}

msec_t sim_now(const struct sim *s)
{
    return s->now;
}

void sim_faults(struct sim *s, const struct sim_faults *faults)
{
    s->faults = faults ? *faults : (struct sim_faults){0};
}

/* --- what the server has --- */

static struct map *store_of(const struct sim *s, const struct kube_kind *kind)
{
    return s->stores[kind - s->kinds->rows];
}

static char *key_of(const char *ns, const char *name)
{
    return str_printf("%s/%s", str_or(ns, ""), name);
}

const json_t *sim_get(const struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    return map_get(store_of(s, kind), key);
}

const json_t *sim_next(const struct sim *s, const struct kube_kind *kind, size_t *position)
{
    void *value;

    return map_next(store_of(s, kind), position, NULL, &value) ? value : NULL;
}

static bool is_selected(const struct sim *s, const struct target *t, const json_t *object)
{
    if (!object || (t->ns && !str_eq(doc_string(object, "metadata", "namespace"), t->ns)))
        return false;
    return !strstr(t->query, "labelSelector=") || doc_string(object, "metadata", "labels", s->label);
}

/* The event of a change for one watch; NULL: it does not concern it. */
static char *event_line(const struct sim *s, const struct target *t, const struct change *change)
{
    bool before = is_selected(s, t, change->before), after = is_selected(s, t, change->after);
    _cleanup_json_ json_t *object = NULL, *event = NULL;
    _cleanup_free_ char *text = NULL;

    if (change->kind != t->kind || (!before && !after))
        return NULL;
    object = doc_copy(after ? change->after : change->before);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                        json_sprintf("%lld", (long long)change->version));
    event = OBJECT(S("type", !before ? "ADDED" : after ? "MODIFIED" : "DELETED"), V("object", TAKE_PTR(object)));
    text = doc_text(event);
    return str_printf("%s\n", text);
}

/* With status 0 the connection breaks. */
static void end_watch(struct sim *s, struct net_call *call, const char *part, int status)
{
    call->open = false;
    if (part)
        later(s, call, DATA, 0, str_dup(part), 0);
    later(s, call, DONE, status, NULL, 0);
}

static void send_event(struct sim *s, struct net_call *call, const char *line)
{
    size_t len = strlen(line), cut = sim_random(s) % len;

    if (chance(s, s->faults.cut)) {
        _cleanup_free_ char *part = str_dup_n(line, cut);
        end_watch(s, call, part, 0);
        return;
    }
    /* In two parts, cut anywhere. */
    later(s, call, DATA, 0, str_dup_n(line, cut), 0);
    later(s, call, DATA, 0, str_dup(line + cut), 0);
    if (chance(s, s->faults.repeated))
        later(s, call, DATA, 0, str_dup(line), 0);
    if (chance(s, s->faults.expired)) {
        call->open = false;
        later(s, call, DATA, 0,
              str_dup("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}\n"),
              0);
        later(s, call, DONE, 200, NULL, 0);
    }
}

static void record(struct sim *s, const struct kube_kind *kind, json_t *before, const json_t *after)
{
    struct change *change;
    struct net_call *call;

    ARRAY_RESERVE_ONE(s->changes, s->change_count, s->change_cap);
    change = &s->changes[s->change_count++];
    *change =
        (struct change){.kind = kind, .version = s->version, .before = before, .after = after ? doc_copy(after) : NULL};
    TAILQ_FOREACH(call, &s->calls, link)
    {
        bool heard = call->open && change->version > call->from;
        _cleanup_free_ char *line = heard ? event_line(s, &call->target, change) : NULL;
        if (line)
            send_event(s, call, line);
    }
}

static bool is_definition_kind(const struct kube_kind *kind)
{
    return str_eq(kind->kind, "CustomResourceDefinition");
}

/* Takes over `object`; returns the one that is stored, borrowed. */
static const json_t *store(struct sim *s, const struct kube_kind *kind, json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    const char *name = doc_string(metadata, "name");
    _cleanup_free_ char *key = key_of(kind->namespaced ? doc_string(metadata, "namespace") : NULL, name);
    json_t *before = map_take(store_of(s, kind), key);

    s->version++;
    json_object_set_new(metadata, "uid",
                        before ? json_string(doc_string(before, "metadata", "uid")) : json_sprintf("u%u", ++s->uids));
    json_object_set_new(metadata, "resourceVersion", json_sprintf("%lld", (long long)s->version));
    if (is_definition_kind(kind))
        json_object_set_new(object, "status",
                            OBJECT(SEQ("conditions", ITEM(S("type", "Established"), S("status", "True")))));
    map_put(store_of(s, kind), key, object);
    record(s, kind, before, object);
    return object;
}

/* An object in deletion without finalizers is gone. */
static bool is_over(const json_t *object)
{
    return doc_string(object, "metadata", "deletionTimestamp") &&
           !json_array_size(doc_at(object, "metadata", "finalizers"));
}

void sim_apply(struct sim *s, const struct kube_kind *kind, json_t *object)
{
    store(s, kind, object);
}

void sim_review(struct sim *s, sim_review_fn review, void *context)
{
    s->review = review;
    s->review_context = context;
}

/* Definitions are found by their name: plural and group. */
static bool is_served(const struct sim *s, const struct kube_kind *kind)
{
    _cleanup_free_ char *name = str_printf("%s.%s", kind->plural, kind->group);

    for (size_t i = 0; kind->custom && i < s->kinds->len; i++)
        if (is_definition_kind(&s->kinds->rows[i]))
            return sim_get(s, &s->kinds->rows[i], NULL, name);
    return true;
}

static void end_watches_of_absent_kinds(struct sim *s)
{
    struct net_call *call;

    TAILQ_FOREACH(call, &s->calls, link)
    if (call->open && !is_served(s, call->target.kind))
        end_watch(s, call, NULL, 200);
}

static void erase(struct sim *s, const struct kube_kind *kind, const char *key)
{
    json_t *before = map_take(store_of(s, kind), key);

    s->version++;
    record(s, kind, before, NULL);
    end_watches_of_absent_kinds(s);
}

/* The object that stays, borrowed; NULL: it is gone. */
static const json_t *delete_or_mark(struct sim *s, const struct kube_kind *kind, const char *key)
{
    json_t *live = map_get(store_of(s, kind), key);

    if (!json_array_size(doc_at(live, "metadata", "finalizers"))) {
        erase(s, kind, key);
        return NULL;
    }
    if (doc_string(live, "metadata", "deletionTimestamp"))
        return live;
    live = doc_copy(live);
    json_object_set_new(doc_at(live, "metadata"), "deletionTimestamp", json_string("2019-01-01T00:00:00Z"));
    return store(s, kind, live);
}

void sim_request_deletion(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    if (map_has(store_of(s, kind), key))
        delete_or_mark(s, kind, key);
}

void sim_delete(struct sim *s, const struct kube_kind *kind, const char *ns, const char *name)
{
    _cleanup_free_ char *key = key_of(ns, name);

    if (map_has(store_of(s, kind), key))
        erase(s, kind, key);
}

void sim_rewind(struct sim *s)
{
    for (size_t i = 0; i < s->kinds->len; i++)
        map_clear(s->stores[i]);
    s->version = 10;
    forget_changes(s);
    s->forgotten = 0;
}

void sim_save(struct sim *s)
{
    json_decref(s->saved);
    s->saved = json_array();
    s->saved_version = s->version;
    for (size_t i = 0; i < s->kinds->len; i++) {
        json_t *objects = json_object();
        const char *key;
        void *object;
        for (size_t k = 0; map_next(s->stores[i], &k, &key, &object);)
            json_object_set_new(objects, key, doc_copy(object));
        json_array_append_new(s->saved, objects);
    }
}

void sim_put_back(struct sim *s)
{
    const char *key;
    json_t *object;

    for (size_t i = 0; i < s->kinds->len; i++) {
        map_clear(s->stores[i]);
        json_object_foreach(json_array_get(s->saved, i), key, object)
            map_put(s->stores[i], key, doc_copy(object));
    }
    s->version = s->saved_version;
    forget_changes(s);
}

/* --- what it answers --- */

static void answer(struct sim *s, struct net_call *call, int status, char *body)
{
    if (chance(s, s->faults.lost_answer)) {
        free(body);
        later(s, call, DONE, 0, NULL, 0);
    } else {
        later(s, call, DONE, status, body, 0);
    }
}

static void answer_document(struct sim *s, struct net_call *call, json_t *document)
{
    answer(s, call, 200, doc_text(document));
    json_decref(document);
}

static void answer_discovery(struct sim *s, struct net_call *call, const char *path)
{
    json_t *list = json_array();

    s->counts.discovery++;
    for (size_t i = 0; i < s->kinds->len; i++) {
        const struct kube_kind *kind = &s->kinds->rows[i];
        char api_version[128];
        _cleanup_free_ char *resources = NULL;
        if (!is_served(s, kind))
            continue;
        kube_api_version(kind, kind->versions[0].name, api_version);
        resources = str_printf("%s/%s", *kind->group ? "/apis" : "/api", api_version);
        if (str_eq(path, "/apis"))
            json_array_append_new(
                list, OBJECT(S("name", kind->group), SEQ("versions", ITEM(S("version", kind->versions[0].name)))));
        else if (str_eq(path, resources))
            json_array_append_new(list, OBJECT(S("name", kind->plural), S("kind", kind->kind)));
    }
    if (str_eq(path, "/apis")) {
        answer_document(s, call, OBJECT(V("groups", list)));
    } else if (json_array_size(list)) {
        answer_document(s, call, OBJECT(V("resources", list)));
    } else {
        json_decref(list);
        answer(s, call, 404, NULL);
    }
}

static const char *query_value(const char *query, const char *key, char ret[64])
{
    const char *at = strstr(query, key);

    if (!at)
        return NULL;
    snprintf(ret, 64, "%.*s", (int)strcspn(at + strlen(key), "&"), at + strlen(key));
    return ret;
}

static void answer_list(struct sim *s, struct net_call *call, const struct target *t)
{
    char text[64];
    const char *token = query_value(t->query, "continue=", text);
    long snapshot = token ? strtol(token, NULL, 10) : (long)json_array_size(s->snapshots);
    size_t offset = token ? strtoul(strchr(token, '-') + 1, NULL, 10) : 0, i;
    char limit_text[64];
    size_t limit = strtoul(query_value(t->query, "limit=", limit_text), NULL, 10);
    bool newest = limit == 1;
    json_t *taken, *items = json_array(), *item;
    const json_t *object;
    _cleanup_free_ char *next = NULL;

    s->counts.newest += newest;
    s->counts.lists += !newest;
    if (newest && chance(s, s->faults.untold)) {
        json_decref(items);
        answer(s, call, 500, NULL);
        return;
    }
    if (token && chance(s, s->faults.expired * 10)) {
        json_decref(items);
        answer(s, call, 410, NULL);
        return;
    }
    if (!token) {
        taken =
            OBJECT(F("version", "%lld", (long long)s->version - (chance(s, s->faults.stale) ? 50 : 0)), SEQ("items"));
        for (i = 0; (object = sim_next(s, t->kind, &i));)
            if (is_selected(s, t, object))
                json_array_append_new(json_object_get(taken, "items"), doc_copy(object));
        json_array_append_new(s->snapshots, taken);
    }
    taken = json_array_get(s->snapshots, (size_t)snapshot);
    json_array_foreach(json_object_get(taken, "items"), i, item)
        if (i >= offset && i < offset + limit)
            json_array_append(items, item);
    if (offset + limit < json_array_size(json_object_get(taken, "items")))
        next = str_printf("%ld-%zu", snapshot, offset + limit);
    answer_document(s, call,
                    OBJECT(MAP("metadata", S("resourceVersion", doc_string(taken, "version")), S("continue", next)),
                           V("items", items)));
    if (!token && (!next || newest))
        json_array_remove(s->snapshots, (size_t)snapshot);
}

static void answer_watch(struct sim *s, struct net_call *call, struct target *t)
{
    char text[64];
    int64_t from = strtoll(query_value(t->query, "resourceVersion=", text), NULL, 10);

    s->counts.watches++;
    if (from < s->forgotten || chance(s, s->faults.expired)) {
        answer(s, call, 410, NULL);
        return;
    }
    call->target = *t;
    *t = (struct target){0};
    call->open = true;
    call->from = from;
    call->last = s->now + 1;
    insert(s, &(struct event_due){.at = call->last, .type = DATA, .call = call, .body = str_dup("")});
    insert(s, &(struct event_due){
                  .at = s->now + SECONDS(strtol(query_value(call->target.query, "timeoutSeconds=", text), NULL, 10)),
                  .type = TIME_OVER,
                  .call = call});
    for (size_t i = 0; call->open && i < s->change_count; i++) {
        _cleanup_free_ char *line = s->changes[i].version > from ? event_line(s, &call->target, &s->changes[i]) : NULL;
        if (line)
            send_event(s, call, line);
    }
}

static void answer_patch(struct sim *s, struct net_call *call, const struct target *t, const char *key,
                         const json_t *live, const json_t *patch)
{
    json_t *merged = doc_copy(live);

    patch_merge(merged, patch);
    if (is_over(merged)) {
        answer(s, call, 200, doc_text(merged));
        json_decref(merged);
        erase(s, t->kind, key);
        return;
    }
    answer(s, call, 200, doc_text(store(s, t->kind, merged)));
}

static void answer_write(struct sim *s, struct net_call *call, const struct target *t)
{
    _cleanup_free_ char *key = t->name ? key_of(t->ns, t->name) : NULL;
    const json_t *live = key ? map_get(store_of(s, t->kind), key) : NULL;
    _cleanup_json_ json_t *body = call->request.body ? json_loads(call->request.body, 0, NULL) : NULL;
    const char *version = doc_string(body, "metadata", "resourceVersion"), *uid, *message = "refused";
    int status;

    s->counts.writes++;
    if (s->review &&
        (status = s->review(s->review_context, call->request.method, call->request.path, body, &message))) {
        answer(s, call, status, str_dup(message));
        return;
    }
    switch (call->request.method) {
    case NET_POST:
        if (sim_get(s, t->kind, t->ns, doc_string(body, "metadata", "name")))
            answer(s, call, 409, str_dup("AlreadyExists"));
        else
            answer(s, call, 201, doc_text(store(s, t->kind, TAKE_PTR(body))));
        break;
    case NET_PUT:
        if (!live)
            answer(s, call, 404, NULL);
        else if (version && !str_eq(version, doc_string(live, "metadata", "resourceVersion")))
            answer(s, call, 409, NULL);
        else
            answer(s, call, 200, doc_text(store(s, t->kind, TAKE_PTR(body))));
        break;
    case NET_PATCH:
        if (!live)
            answer(s, call, 404, NULL);
        else if (version && !str_eq(version, doc_string(live, "metadata", "resourceVersion")))
            answer(s, call, 409, NULL);
        else
            answer_patch(s, call, t, key, live, body);
        break;
    case NET_DELETE:
        uid = doc_string(body, "preconditions", "uid");
        if (!live) {
            answer(s, call, 404, NULL);
        } else if (uid && !str_eq(uid, doc_string(live, "metadata", "uid"))) {
            answer(s, call, 409, NULL);
        } else {
            live = delete_or_mark(s, t->kind, key);
            /* Before Kubernetes 1.22 a Service says so in any case. */
            answer(s, call, 200,
                   live && !str_eq(t->kind->kind, "Service") ? doc_text(live)
                                                             : str_dup("{\"kind\":\"Status\",\"status\":\"Success\"}"));
        }
        break;
    default:
        answer(s, call, 415, NULL);
    }
}

/* "/apis/group/version/[namespaces/ns/]plural[/name]?query" */
static bool read_target(const struct sim *s, const char *path, struct target *ret)
{
    const char *query = strchr(path, '?');
    _cleanup_free_ char *bare = str_dup_n(path, query ? (size_t)(query - path) : strlen(path));
    char **parts = str_split(bare, '/');
    size_t len = strv_len(parts), at = str_starts(path, "/apis/") ? 4 : 3, plural = at;
    bool found = false;

    if (len >= at + 3 && str_eq(parts[at], "namespaces"))
        plural = at + 2;
    for (size_t i = 0; plural < len && i < s->kinds->len; i++) {
        const struct kube_kind *kind = &s->kinds->rows[i];
        if (kind->view || !str_eq(kind->plural, parts[plural]) || !str_eq(kind->group, at == 4 ? parts[2] : ""))
            continue;
        found = true;
        *ret = (struct target){.kind = kind,
                               .ns = plural > at ? str_dup(parts[at + 1]) : NULL,
                               .name = plural + 1 < len ? str_dup(parts[plural + 1]) : NULL,
                               .query = str_dup(query ? query : "")};
    }
    strv_free(parts);
    return found;
}

static void serve(struct sim *s, struct net_call *call)
{
    const char *path = call->request.path;
    struct target t = {0};

    if (str_eq(path, "/version")) {
        s->counts.version++;
        answer(s, call, 200,
               str_printf("{\"major\":\"1\",\"minor\":\"%d\",\"gitVersion\":\"v1.%d.2\"}", s->minor, s->minor));
    } else if (s->review && call->request.method == NET_POST && str_ends(path, "/events")) {
        _cleanup_json_ json_t *event = json_loads(call->request.body, 0, NULL);
        s->review(s->review_context, NET_POST, path, event, &(const char *){NULL});
        answer(s, call, 201, doc_text(event));
    } else if (!read_target(s, path, &t)) {
        answer_discovery(s, call, path);
    } else if (!is_served(s, t.kind)) {
        answer(s, call, 404, NULL);
    } else if (call->request.method != NET_GET) {
        answer_write(s, call, &t);
    } else if (strstr(t.query, "watch=")) {
        answer_watch(s, call, &t);
    } else if (t.name) {
        const json_t *object = sim_get(s, t.kind, t.ns, t.name);
        s->counts.reads++;
        answer(s, call, object ? 200 : 404, object ? doc_text(object) : NULL);
    } else {
        answer_list(s, call, &t);
    }
    free(t.ns);
    free(t.name);
    free(t.query);
}

static void arrive(struct sim *s, struct net_call *call)
{
    static const int refusals[] = {429, 500, 503};
    static const char *const texts[] = {"", "<html>Welcome</html>",
                                        "{\"kind\": \"List\", \"items\": [{\"metadata\": ]}", "{}", "[]"};

    s->counts.in_vain += s->down;
    if (s->down || chance(s, s->faults.lost_request))
        later(s, call, DONE, 0, NULL, 0);
    else if (chance(s, s->faults.unauthorized))
        later(s, call, DONE, 401, NULL, 0);
    else if (chance(s, s->faults.refused))
        later(s, call, DONE, refusals[sim_random(s) % 3], NULL, sim_random(s) % 2 ? 1000 : 0);
    else if (call->request.method != NET_GET && chance(s, s->faults.misanswered))
        later(s, call, DONE, 200, str_dup(texts[sim_random(s) % ARRAY_LEN(texts)]), 0);
    else
        serve(s, call);
}

static enum err_class class_of(int status, const char *body)
{
    switch (status) {
    case 401:
        return ERR_UNAUTHORIZED;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return str_eq(body, "AlreadyExists") ? ERR_ALREADY_EXISTS : ERR_CONFLICT;
    case 410:
        return ERR_GONE;
    case 422:
        return ERR_INVALID;
    case 429:
        return ERR_THROTTLED;
    default:
        return ERR_UNAVAILABLE;
    }
}

static void finish(struct sim *s, const struct event_due *d)
{
    struct net_call *call = d->call;
    struct net_response response = {.status = d->status,
                                    .body = str_or(d->body, ""),
                                    .body_len = strlen(str_or(d->body, "")),
                                    .retry_after = d->retry_after};
    net_done_fn done = call->done;
    void *context = call->context;
    bool failed = d->status < 200 || d->status >= 400;
    struct err e;

    if (failed)
        err_set(&e, class_of(d->status, d->body), "%s: %d (%s %s)", *response.body ? response.body : "simulated",
                d->status, net_method_name(call->request.method), call->request.path);
    call_free(s, call);
    done(context, d->status ? &response : NULL, failed ? &e : NULL);
}

static void happen(struct sim *s, struct event_due *first)
{
    struct event_due d = *first;

    first->body = NULL;
    due_free(s, first);
    s->now = d.at > s->now ? d.at : s->now;
    if (d.type == ARRIVE)
        arrive(s, d.call);
    else if (d.type == DATA)
        d.call->data(d.call->context, d.body, strlen(d.body));
    else if (d.type == DONE)
        finish(s, &d);
    else if (d.call->open)
        end_watch(s, d.call, NULL, 200);
    else if (!d.call->data)
        finish(s, &d);
    free(d.body);
}

void sim_run(struct sim *s, msec_t for_so_long)
{
    msec_t until = s->now + for_so_long;

    for (;;) {
        struct event_due *d = TAILQ_FIRST(&s->due);
        struct net_timer *t, *timer = NULL;
        TAILQ_FOREACH(t, &s->timers, link)
        if (t->at != MSEC_NEVER && (!timer || t->at < timer->at))
            timer = t;
        if (timer && timer->at <= until && (!d || timer->at < d->at)) {
            s->now = timer->at > s->now ? timer->at : s->now;
            timer->at = MSEC_NEVER;
            timer->run(timer->context);
        } else if (d && d->at <= until) {
            happen(s, d);
        } else {
            break;
        }
    }
    s->now = until;
}

void sim_set_minor(struct sim *s, int minor)
{
    s->minor = minor;
}

void sim_set_down(struct sim *s, bool down)
{
    struct net_call *call;

    s->down = down;
    forget_changes(s);
    TAILQ_FOREACH(call, &s->calls, link)
    if (call->open)
        end_watch(s, call, NULL, 0);
}

struct sim_counts sim_take_counts(struct sim *s)
{
    struct sim_counts counts = s->counts;

    s->counts = (struct sim_counts){0};
    return counts;
}

unsigned sim_open_watches(const struct sim *s)
{
    const struct net_call *call;
    unsigned n = 0;

    TAILQ_FOREACH(call, &s->calls, link)
    n += call->open;
    return n;
}
