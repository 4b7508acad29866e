#include "virtual.h"

#include <string.h>

#include "../server/controllers.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

#define RETRY_AFTER 1
#define BOOKMARK_EVERY SECONDS(60)
/* Before its end a watch gets a last bookmark, as the real server's. */
#define BOOKMARK_BEFORE_END SECONDS(2)

struct watch {
    struct virtual *cluster;
    struct watch *previous, *next;
    struct stream *stream;
    struct exchange *exchange;
    msec_t ends; /* on the scheduler's clock */
    bool last_bookmark;
};

struct virtual
{
    struct virtual_world *world;
    char *name, *token;
    struct rng rng;
    struct server *server;
    struct controllers *controllers;
    struct watch *watches;
    enum virtual_fault fault;
    bool changed; /* since the watches were told */
    msec_t bookmark;
    int64_t forget; /* up to this version, with the next bookmarks */
    int64_t endpoints_written;
};

static const bool eager = true;

static void on_write(void *context, enum who who, const struct collection *kind, const json_t *before,
                     const json_t *after)
{
    struct virtual *v = context;

    (void)who;
    (void)before;
    (void)after;
    v->world->writes++;
    v->changed = true;
    if (str_eq(kind->plural, "endpoints"))
        v->endpoints_written = clock_now_usec();
    controllers_poke(v->controllers);
}

struct virtual *virtual_new(struct virtual_world *world, const char *name, const char *token, int minor, uint64_t seed)
{
    static const char *const namespaces[] = {"default", "kube-system"};
    struct virtual *v = NEW(struct virtual);

    *v = (struct virtual){.world = world, .name = str_dup(name), .token = str_dup(token), .rng = {seed}};
    v->server = server_new(&mesh_kinds, minor, &v->rng, world->sched);
    server_set_calm(v->server);
    server_share(v->server, world->shared);
    v->controllers = controllers_new(world->sched, v->server, &v->rng, &eager);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        _cleanup_json_ json_t *o = OBJECT(MAP("metadata", STRING("name", namespaces[i])));
        _cleanup_outcome_ struct outcome done =
            server_create(v->server, WHO_CLUSTER, server_find(v->server, "", "namespaces"), NULL, o);
    }
    server_observe(v->server, on_write, v);
    /* Clusters take turns. */
    v->bookmark = sched_now(world->sched) + (msec_t)rng_below(&v->rng, BOOKMARK_EVERY);
    return v;
}

void virtual_free(struct virtual *v)
{
    if (!v)
        return;
    controllers_free(v->controllers);
    server_free(v->server);
    free(v->name);
    free(v->token);
    free(v);
}

const char *virtual_name(const struct virtual *v)
{
    return v->name;
}

struct server *virtual_server(struct virtual *v)
{
    return v->server;
}

void virtual_leave_workloads(struct virtual *v)
{
    controllers_leave_workloads(v->controllers);
}

int64_t virtual_endpoints_written(const struct virtual *v)
{
    return v->endpoints_written;
}

/* --- watches --- */

static void watch_free(void *context)
{
    struct watch *w = context;

    if (w->previous)
        w->previous->next = w->next;
    else
        w->cluster->watches = w->next;
    if (w->next)
        w->next->previous = w->previous;
    w->cluster->world->watches--;
    stream_free(w->stream);
    free(w);
}

static void end_watch(struct watch *w)
{
    struct exchange *x = w->exchange;

    exchange_on_end(x, NULL, NULL);
    watch_free(w);
    exchange_end(x);
}

static void tell(struct watch *w)
{
    _cleanup_buf_ struct buf lines = BUF_INIT;
    bool goes_on;

    if (!stream_has_more(w->stream))
        return;
    goes_on = stream_read(w->stream, &lines);
    if (lines.len)
        exchange_write(w->exchange, lines.data, lines.len);
    if (!goes_on)
        end_watch(w);
}

void virtual_tell(struct virtual *v)
{
    if (!v->changed || v->fault == FAULT_HANG)
        return;
    v->changed = false;
    for (struct watch *w = v->watches, *next; w; w = next) {
        next = w->next;
        tell(w);
    }
}

static void send_bookmark(struct watch *w)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    stream_bookmark(w->stream, &line);
    if (line.len)
        exchange_write(w->exchange, line.data, line.len);
}

/* To all watches; and what happened before the bookmarks of last time is forgotten. */
static void send_bookmarks(struct virtual *v, msec_t now)
{
    for (struct watch *w = v->watches; w; w = w->next)
        send_bookmark(w);
    server_forget(v->server, v->forget);
    v->forget = server_version(v->server);
    v->bookmark = now + BOOKMARK_EVERY;
}

void virtual_tick(struct virtual *v)
{
    msec_t now = sched_now(v->world->sched);

    if (v->fault == FAULT_HANG)
        return;
    virtual_tell(v);
    if (now >= v->bookmark)
        send_bookmarks(v, now);
    for (struct watch *w = v->watches, *next; w; w = next) {
        next = w->next;
        if (now >= w->ends - BOOKMARK_BEFORE_END && !w->last_bookmark) {
            send_bookmark(w);
            w->last_bookmark = true;
        }
        if (now >= w->ends)
            end_watch(w);
    }
}

static void open_watch(struct virtual *v, struct exchange *x, const struct net_request *request)
{
    msec_t now = sched_now(v->world->sched);
    struct answer refusal = {0};
    struct stream *stream = stream_open(v->server, request, &refusal);
    struct watch *w;

    if (!stream) {
        exchange_begin(x, refusal.status, 0);
        exchange_write(x, refusal.body, strlen(refusal.body));
        exchange_end(x);
        free(refusal.body);
        return;
    }
    w = NEW(struct watch);
    *w = (struct watch){.cluster = v, .next = v->watches, .stream = stream, .exchange = x};
    if (w->next)
        w->next->previous = w;
    v->watches = w;
    v->world->watches++;
    w->ends = stream_seconds(stream) ? now + SECONDS(stream_seconds(stream)) : MSEC_NEVER;
    exchange_on_end(x, watch_free, w);
    exchange_begin(x, 200, 0);
    tell(w);
}

/* --- faults --- */

static const char *const fault_names[] = {
#define X(id, name) [FAULT_##id] = name,
    VIRTUAL_FAULTS(X)
#undef X
};

bool virtual_set_fault(struct virtual *v, const char *fault)
{
    for (size_t i = 0; i < ARRAY_LEN(fault_names); i++) {
        if (!str_eq(fault_names[i], fault))
            continue;
        v->fault = i;
        while (v->fault > FAULT_HANG && v->watches) {
            struct exchange *x = v->watches->exchange;
            exchange_on_end(x, NULL, NULL);
            watch_free(v->watches);
            if (v->fault == FAULT_CLOSE)
                exchange_disconnect(x);
            else
                exchange_reset(x);
        }
        v->changed = true;
        virtual_tell(v);
        return true;
    }
    return false;
}

static void answer_whole(struct exchange *x, struct answer a, int retry_after)
{
    exchange_begin(x, a.status, retry_after);
    exchange_write(x, a.body, strlen(a.body));
    exchange_end(x);
    free(a.body);
}

static void refuse(struct exchange *x, int status, const char *reason, const char *message)
{
    int retry_after = status == 429 ? RETRY_AFTER : 0;

    answer_whole(x, server_refusal(status, reason, message, retry_after), retry_after);
}

static void begin_list(struct exchange *x)
{
    static const char start[] = "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[{}";

    exchange_begin(x, 200, 0);
    exchange_write(x, start, strlen(start));
}

static void more_items(struct buf *body)
{
    for (int i = 0; i < 1000; i++)
        buf_add_str(body, ",{\"metadata\":{\"name\":\"endless\"}}");
}

static void fail(struct virtual *v, struct exchange *x)
{
    switch (v->fault) {
    case FAULT_ERROR:
        refuse(x, 500, "InternalError", "an internal error, on purpose");
        break;
    case FAULT_THROTTLE:
        refuse(x, 429, "TooManyRequests", "too many requests, on purpose");
        break;
    case FAULT_UNAUTHORIZED:
        refuse(x, 401, "Unauthorized", "Unauthorized");
        break;
    case FAULT_ENDLESS:
        begin_list(x);
        exchange_set_source(x, more_items);
        break;
    case FAULT_BROKEN:
        begin_list(x);
        exchange_end(x);
        break;
    case FAULT_CLOSE:
        exchange_disconnect(x);
        break;
    case FAULT_NONE:
    case FAULT_HANG:
        break;
    }
}

/* --- requests --- */

static bool is_known(const struct virtual *v, const struct exchange *x)
{
    const char *authorization = exchange_header(x, HTTP2_AUTHORIZATION);

    return authorization && str_starts(authorization, "Bearer ") && str_eq(authorization + strlen("Bearer "), v->token);
}

static bool read_method(const char *name, enum net_method *ret)
{
    for (enum net_method m = NET_GET; m <= NET_DELETE; m++) {
        if (str_eq(net_method_name(m), name)) {
            *ret = m;
            return true;
        }
    }
    return false;
}

void virtual_answer(struct virtual *v, struct exchange *x, const char *path)
{
    const struct buf *body = exchange_body(x);
    struct net_request request = {
        .path = (char *)path,
        .body = body->len ? body->data : NULL,
        .body_len = body->len,
        .accept = exchange_header(x, HTTP2_ACCEPT),
    };

    v->world->requests++;
    if (v->fault != FAULT_NONE) {
        fail(v, x);
    } else if (!is_known(v, x)) {
        refuse(x, 401, "Unauthorized", "Unauthorized");
    } else if (!read_method(exchange_header(x, HTTP2_METHOD), &request.method)) {
        refuse(x, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    } else if (request.method == NET_PATCH &&
               !str_eq(exchange_header(x, HTTP2_CONTENT_TYPE), "application/merge-patch+json")) {
        refuse(x, 415, "UnsupportedMediaType", "the only patch that is taken here is application/merge-patch+json");
    } else if (server_is_watch(&request)) {
        open_watch(v, x, &request);
    } else {
        answer_whole(x, server_handle(v->server, &request, WHO_OPERATOR), 0);
        virtual_tell(v);
    }
}
