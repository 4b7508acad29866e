#include "kube/backoff.h"

msec_t kube_backoff(msec_t first, msec_t most, unsigned failures, uint32_t random)
{
    msec_t delay = first;

    while (failures-- > 1 && delay < most)
        delay *= 2;
    if (delay > most)
        delay = most;
    return delay - (msec_t)((uint64_t)delay * random / (5 * (uint64_t)UINT32_MAX));
}
