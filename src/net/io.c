#include "net/io.h"

#include <event2/util.h>
#include <stddef.h>

#include "base/mem.h"

struct real_io {
    struct net_io io;
    struct event_base *loop;
    struct net_client *client;
    unsigned short chance[3];
};

struct net_timer {
    struct event *event;
    void (*run)(void *context);
    void *context;
};

static struct real_io *real(struct net_io *io)
{
    return (struct real_io *)((char *)io - offsetof(struct real_io, io));
}

static msec_t now(struct net_io *io)
{
    (void)io;
    return clock_now_monotonic();
}

static msec_t wall(struct net_io *io)
{
    (void)io;
    return clock_now_wall();
}

/* For jitter, at every turn; the system's own numbers are a system call each. */
static uint32_t random_number(struct net_io *io)
{
    return (uint32_t)jrand48(real(io)->chance);
}

static struct net_call *
send_request(struct net_io *io, struct net_request *request, net_data_fn data, net_done_fn done, void *context)
{
    return net_client_send(real(io)->client, request, data, done, context);
}

static void cancel(struct net_io *io, struct net_call *call)
{
    (void)io;
    net_call_cancel(call);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct net_timer *timer = context;

    (void)fd;
    (void)what;
    timer->run(timer->context);
}

static struct net_timer *timer_new(struct net_io *io, void (*run)(void *context), void *context)
{
    struct net_timer *timer = NEW(struct net_timer);

    *timer = (struct net_timer){.run = run, .context = context};
    timer->event = evtimer_new(real(io)->loop, on_timer, timer);
    if (!timer->event)
        abort();
    return timer;
}

/*
 * Never event_active(): an event that makes itself active again would run before the loop reads from any socket. A
 * timer of zero waits for that.
 */
static void timer_set(struct net_io *io, struct net_timer *timer, msec_t at)
{
    msec_t left = at - now(io);

    if (at == MSEC_NEVER) {
        event_del(timer->event);
        return;
    }
    if (left < 0)
        left = 0;
    event_add(timer->event, &(struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000});
}

static void timer_free(struct net_io *io, struct net_timer *timer)
{
    (void)io;
    if (!timer)
        return;
    event_free(timer->event);
    free(timer);
}

struct net_io *net_io_new(struct event_base *loop, struct net_client *client)
{
    struct real_io *r = NEW(struct real_io);

    *r = (struct real_io){
        .io =
            {.now = now,
             .wall = wall,
             .random = random_number,
             .send = send_request,
             .cancel = cancel,
             .timer_new = timer_new,
             .timer_set = timer_set,
             .timer_free = timer_free},
        .loop = loop,
        .client = client};
    evutil_secure_rng_get_bytes(r->chance, sizeof(r->chance));
    return &r->io;
}

void net_io_free(struct net_io *io)
{
    if (io)
        free(real(io));
}
