#include "wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOK_EVERY_MS 10

static char seen[1000];
void (*wait_on_failure)(void);

void pause_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

void wait_saw(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(seen, sizeof(seen), fmt, ap);
    va_end(ap);
}

bool wait_try(bool (*holds)(void *context), void *context, msec_t timeout)
{
    msec_t until = clock_now_monotonic() + timeout;

    *seen = '\0';
    while (!holds(context)) {
        if (clock_now_monotonic() > until)
            return false;
        pause_ms(LOOK_EVERY_MS);
    }
    return true;
}

void wait_until(bool (*holds)(void *context), void *context, msec_t timeout, const char *what)
{
    if (wait_try(holds, context, timeout))
        return;
    if (wait_on_failure)
        wait_on_failure();
    fail_msg("not within %lld ms: %s%s%s", (long long)timeout, what, *seen ? "; seen last: " : "", seen);
}
