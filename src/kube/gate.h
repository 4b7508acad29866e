/*
 * Who may write, and until when: asked at the moment of sending, so that nothing that was decided before a process was
 * stopped, or was late, is sent after it. A gate without a function is always open.
 */
#ifndef KUBE_GATE_H
#define KUBE_GATE_H

#include <stdbool.h>

#include "base/clock.h"

struct kube_gate {
    /* Whether a write may be sent now; *ret_not_after as in struct net_request. */
    bool (*may_send)(void *context, msec_t *ret_not_after);
    void *context;
};

static inline bool kube_gate_is_open(const struct kube_gate *gate, msec_t *ret_not_after)
{
    *ret_not_after = 0;
    return !gate->may_send || gate->may_send(gate->context, ret_not_after);
}

#endif
