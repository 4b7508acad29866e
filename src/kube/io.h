/*
 * The boundary: everything that the cluster and its queue need from outside. The real one is a
 * client on libevent's loop; a simulation is another one, with a time of its own.
 */
#ifndef KUBE_IO_H
#define KUBE_IO_H

#include <event2/event.h>
#include <stdint.h>

#include "base/clock.h"
#include "kube/client.h"

struct kube_io;
struct kube_timer;

struct kube_io {
    msec_t (*now)(struct kube_io *io);  /* monotonic */
    msec_t (*wall)(struct kube_io *io); /* since 1970, for users and timestamps; it may jump */
    uint32_t (*random)(struct kube_io *io);
    /* As kube_client_send() and kube_call_cancel(). */
    struct kube_call *(*send)(struct kube_io *io, struct kube_request *request, kube_data_fn data, kube_done_fn done,
                              void *context);
    void (*cancel)(struct kube_io *io, struct kube_call *call);
    /* A timer runs from the loop, never from inside timer_set. Setting it again moves it; it runs once. */
    struct kube_timer *(*timer_new)(struct kube_io *io, void (*run)(void *context), void *context);
    /* `at` in the past: in the loop's next turn, after pending input was read. MSEC_NEVER: not. */
    void (*timer_set)(struct kube_io *io, struct kube_timer *timer, msec_t at);
    void (*timer_free)(struct kube_io *io, struct kube_timer *timer); /* NULL allowed */
};

/* The real one. Borrows both. */
struct kube_io *kube_io_new(struct event_base *loop, struct kube_client *client);
void kube_io_free(struct kube_io *io);
DEFINE_CLEANUP(struct kube_io *, kube_io_free)
#define _cleanup_kube_io_ _cleanup_(kube_io_free_p)

#endif
