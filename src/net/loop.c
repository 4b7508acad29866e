#include "net/loop.h"

void loop_free(struct event_base *loop)
{
    if (!loop)
        return;
    event_base_loop(loop, EVLOOP_NONBLOCK);
    event_base_free(loop);
}
