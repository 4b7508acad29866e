#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/loop.h"

void fixture_serve(struct fixture *f, const struct server_answer *answers, const struct certs *certs)
{
    *f = (struct fixture){.loop = event_base_new()};
    server_start(&f->server, f->loop, answers, certs ? certs->cert : NULL, certs ? certs->key : NULL);
    f->config.server = str_printf("%s://127.0.0.1:%d", certs ? "https" : "http", f->server.port);
    f->config.namespace = (char *)"default";
    f->config.source = (char *)"test";
}

void fixture_connect(struct fixture *f, const struct net_client_options *options)
{
    struct err e;

    if (kube_client_new(f->loop, &f->config, options, &f->client, &e) < 0)
        fail_msg("%s", e.text);
}

void fixture_start(struct fixture *f, const struct server_answer *answers, const struct net_client_options *options)
{
    fixture_serve(f, answers, NULL);
    fixture_connect(f, options);
}

void fixture_stop(struct fixture *f)
{
    net_client_free(f->client);
    server_stop(&f->server);
    loop_free(f->loop);
    free(f->config.server);
}

static int data(void *context, const char *bytes, size_t len)
{
    struct outcome *o = context;

    if (!len) {
        assert_int_equal(o->streamed.len, 0);
        o->begun++;
        return 0;
    }
    buf_add(&o->streamed, bytes, len);
    return o->on_data ? o->on_data(o) : 0;
}

void fixture_send_before(struct fixture *f, struct outcome *o, const char *path, msec_t not_after)
{
    struct net_request r = net_request_new(NET_POST, path, "{}");

    r.not_after = not_after;
    o->fixture = f;
    o->call = net_client_send(f->client, &r, NULL, outcome_done, o);
}

void fixture_send_get(struct fixture *f, struct outcome *o, const char *path, bool streamed, msec_t timeout)
{
    struct net_request r = net_request_new(NET_GET, path, NULL);

    r.timeout = timeout;
    o->fixture = f;
    o->call = net_client_send(f->client, &r, streamed ? data : NULL, outcome_done, o);
    assert_int_equal(o->over, 0);
}

void fixture_turn(struct fixture *f, msec_t ms)
{
    struct timeval time = {.tv_usec = ms * 1000};

    event_base_loopexit(f->loop, &time);
    event_base_loop(f->loop, 0);
}

void fixture_wait_over(struct fixture *f, const struct outcome *o)
{
    for (int i = 0; !o->over && i < 5000; i++)
        fixture_turn(f, 1);
    assert_int_equal(o->over, 1);
}

struct outcome fixture_get(struct fixture *f, const char *path)
{
    struct outcome o = {0};

    fixture_send_get(f, &o, path, false, 0);
    fixture_wait_over(f, &o);
    return o;
}
