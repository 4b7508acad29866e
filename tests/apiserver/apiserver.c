#include "apiserver.h"

#include <string.h>

#include "../unit/kube/certs.h"
#include "base/base64.h"
#include "base/str.h"

#define PREFIX "/clusters/"
/* How exactly the controllers' times are kept. */
#define STEP_MS 10
#define STEPS_AT_ONE_TIME 1000000
#define TICK_EVERY SECONDS(1)

struct apiserver {
    struct virtual_world world;
    struct http2_server *http;
    struct certs certs;
    int minor;
    struct map *clusters; /* name -> struct virtual */
    struct event *step;
    msec_t next_tick; /* on the scheduler's clock */
};

static void destroy_virtual(void *p)
{
    virtual_free(p);
}

void apiserver_advance(struct apiserver *a)
{
    uint64_t writes = a->world.writes;
    struct virtual *v;

    sched_run(a->world.sched, clock_now_wall() - SERVER_EPOCH, STEPS_AT_ONE_TIME);
    for (size_t i = 0; writes != a->world.writes && (v = apiserver_next(a, &i));)
        virtual_tell(v);
}

static void on_step(evutil_socket_t fd, short what, void *context)
{
    struct apiserver *a = context;
    msec_t now;
    struct virtual *v;

    (void)fd;
    (void)what;
    apiserver_advance(a);
    now = sched_now(a->world.sched);
    if (now < a->next_tick)
        return;
    a->next_tick = now + TICK_EVERY;
    for (size_t i = 0; (v = apiserver_next(a, &i));)
        virtual_tick(v);
}

static void refuse_path(struct exchange *x)
{
    struct answer a = server_refusal(404, "NotFound", "no such virtual cluster", 0);

    exchange_begin(x, a.status, 0);
    exchange_write(x, a.body, strlen(a.body));
    exchange_end(x);
    free(a.body);
}

static void on_request(void *context, struct exchange *x)
{
    struct apiserver *a = context;
    const char *path = exchange_header(x, HTTP2_PATH);
    _cleanup_free_ char *name = NULL;
    struct virtual *v = NULL;

    apiserver_advance(a);
    if (path && str_starts(path, PREFIX)) {
        path += strlen(PREFIX);
        name = str_dup_n(path, strcspn(path, "/"));
        path += strlen(name);
        v = map_get(a->clusters, name);
    }
    if (v && *path == '/')
        virtual_answer(v, x, path);
    else
        refuse_path(x);
}

int apiserver_new(struct event_base *loop, int port, int minor, struct apiserver **ret, struct err *e)
{
    static const struct timeval step = {.tv_usec = STEP_MS * 1000};
    struct apiserver *a = NEW(struct apiserver);

    *a = (struct apiserver){.minor = minor, .certs = certs_make("localhost"), .clusters = map_new(destroy_virtual)};
    a->world = (struct virtual_world){.sched = sched_new(), .shared = shared_new()};
    if (http2_server_new(loop, port, a->certs.cert, a->certs.key, on_request, a, &a->http, e) < 0) {
        apiserver_free(a);
        return -1;
    }
    a->step = event_new(loop, -1, EV_PERSIST, on_step, a);
    event_add(a->step, &step);
    apiserver_advance(a);
    *ret = a;
    return 0;
}

void apiserver_free(struct apiserver *a)
{
    if (!a)
        return;
    if (a->step)
        event_free(a->step);
    http2_server_free(a->http);
    map_free(a->clusters);
    sched_free(a->world.sched);
    shared_free(a->world.shared);
    certs_release(&a->certs);
    free(a);
}

static char *token_of(const char *name)
{
    return str_printf("token-of-%s", name);
}

struct virtual *apiserver_add(struct apiserver *a, const char *name)
{
    _cleanup_free_ char *token = token_of(name);
    struct virtual *v = virtual_new(&a->world, name, token, a->minor, str_hash(name, strlen(name)));

    map_put(a->clusters, name, v);
    return v;
}

struct virtual *apiserver_find(struct apiserver *a, const char *name)
{
    return map_get(a->clusters, name);
}

struct virtual *apiserver_next(struct apiserver *a, size_t *position)
{
    void *v;

    return map_next(a->clusters, position, NULL, &v) ? v : NULL;
}

char *apiserver_kubeconfig(const struct apiserver *a, const char *name)
{
    _cleanup_free_ char *authority = base64_encode(a->certs.cert, strlen(a->certs.cert)), *token = token_of(name);

    return str_printf("apiVersion: v1\n"
                      "kind: Config\n"
                      "current-context: %s\n"
                      "contexts:\n"
                      "- name: %s\n"
                      "  context: {cluster: %s, user: operator}\n"
                      "clusters:\n"
                      "- name: %s\n"
                      "  cluster:\n"
                      "    server: https://127.0.0.1:%d" PREFIX "%s\n"
                      "    certificate-authority-data: %s\n"
                      "users:\n"
                      "- name: operator\n"
                      "  user: {token: %s}\n",
                      name, name, name, name, http2_server_port(a->http), name, authority, token);
}

const struct virtual_world *apiserver_world(const struct apiserver *a)
{
    return &a->world;
}

int apiserver_port(const struct apiserver *a)
{
    return http2_server_port(a->http);
}

size_t apiserver_connections(const struct apiserver *a)
{
    return http2_server_connections(a->http);
}
