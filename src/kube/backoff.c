#include "kube/backoff.h"

#define ASKED_MOST SECONDS(300)

msec_t kube_backoff(msec_t first, msec_t most, unsigned failures, uint32_t random)
{
    msec_t delay = first;

    while (failures-- > 1 && delay < most)
        delay *= 2;
    if (delay > most)
        delay = most;
    return delay - (msec_t)((uint64_t)delay * random / (5 * (uint64_t)UINT32_MAX));
}

msec_t kube_backoff_asked(msec_t delay, enum err_class failure, msec_t retry_after)
{
    if (failure != ERR_THROTTLED)
        return delay;
    if (retry_after > ASKED_MOST)
        retry_after = ASKED_MOST;
    return delay > retry_after ? delay : retry_after;
}
