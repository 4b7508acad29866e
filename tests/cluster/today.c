#include "today.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"

const char *variable(const char *name)
{
    const char *value = getenv(name);

    assert_non_null(value);
    return value;
}

static bool succeeds(void *command)
{
    return run_shell(command) == 0;
}

void must_succeed(const char *command, const char *what)
{
    wait_until(succeeds, (void *)command, PATIENCE, what);
}

void apply_workloads(void)
{
    _cleanup_free_ char *apply = str_printf(
        "sed 's/ISTIO_VERSION/%s/' '%s' | kubectl apply -f -",
        variable("TEST_ISTIO_VERSION"),
        variable("TEST_WORKLOADS"));

    must_succeed(apply, "the users' objects are there");
}
