#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "harness.h"
#include "today.h"

#define TO_END SECONDS(240)
#define FOLDER "\"$TEST_OUTPUT\"/calls"

void calls_begin(const char *services)
{
    _cleanup_free_ char *command = str_printf(
        "\"$(dirname '%s')\"/sidecar-calls %d " FOLDER " %s >/dev/null 2>&1 </dev/null &",
        variable("TEST_WORKLOADS"),
        (int)getpid(),
        services);

    assert_int_equal(run_shell(command), 0);
}

int64_t calls_ended(void)
{
    _cleanup_free_ char *path = str_printf("%s/calls/count", variable("TEST_OUTPUT"));
    long long answered, lost;
    FILE *in;

    must_succeed_within(TO_END, "cd " FOLDER " && touch ends && test -e over", "the last calls have ended");
    assert_int_equal(
        run_shell("cd " FOLDER
                  " && awk '{ all += $1; lost += 20 - $1 - $2 } END { print all + 0, lost + 0 }' calls >count"),
        0);
    in = fopen(path, "re");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%lld %lld", &answered, &lost), 2);
    fclose(in);
    print_message("  between sidecars: %lld answered, %lld lost\n", answered, lost);
    fflush(stdout);
    (void)run_shell("cd " FOLDER " && awk '$1 + $2 != 20 { print \"    of 20: \" $0 }' calls");
    assert_true(answered > 0);
    return lost;
}
