/*
 * The boundary: everything that is needed from outside to act on a server: time, timers, chance, requests. The real
 * one is a client on libevent's loop; a simulation is another one, with a time of its own.
 */
#ifndef NET_IO_H
#define NET_IO_H

#include <event2/event.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/client.h"

struct net_io;
struct net_timer;

struct net_io {
    msec_t (*now)(struct net_io *io);  /* monotonic */
    msec_t (*wall)(struct net_io *io); /* since 1970, for users and timestamps; it may jump */
    uint32_t (*random)(struct net_io *io);
    /* As net_client_send() and net_call_cancel(). */
    struct net_call *(*send)(
        struct net_io *io, struct net_request *request, net_data_fn data, net_done_fn done, void *context);
    void (*cancel)(struct net_io *io, struct net_call *call);
    /* A timer runs from the loop, never from inside timer_set. Setting it again moves it; it runs once. */
    struct net_timer *(*timer_new)(struct net_io *io, void (*run)(void *context), void *context);
    /* `at` in the past: in the loop's next turn, after pending input was read. MSEC_NEVER: not. */
    void (*timer_set)(struct net_io *io, struct net_timer *timer, msec_t at);
    void (*timer_free)(struct net_io *io, struct net_timer *timer); /* NULL allowed */
};

/* The real one. Borrows both. */
struct net_io *net_io_new(struct event_base *loop, struct net_client *client);
void net_io_free(struct net_io *io);
DEFINE_CLEANUP(struct net_io *, net_io_free)
#define _cleanup_net_io_ _cleanup_(net_io_free_p)

#endif
