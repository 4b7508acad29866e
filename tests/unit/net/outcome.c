#include "outcome.h"

void outcome_done(void *context, const struct net_response *response, const struct err *e)
{
    struct outcome *o = context;

    o->over++;
    if (response) {
        o->status = response->status;
        o->retry_after = response->retry_after;
        buf_add(&o->body, response->body, response->body_len);
    }
    if (e)
        o->e = *e;
    if (o->on_done)
        o->on_done(o);
}

void outcome_release(struct outcome *o)
{
    buf_release(&o->body);
    buf_release(&o->streamed);
}
