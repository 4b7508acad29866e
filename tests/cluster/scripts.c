#include "scripts.h"

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
#define CALLS "calls"

void script_begin(const char *script, const char *folder, const char *arguments)
{
    _cleanup_free_ char *command = str_printf(
        "\"$(dirname '%s')\"/%s %d \"$TEST_OUTPUT\"/%s %s >/dev/null 2>&1 </dev/null &",
        variable("TEST_WORKLOADS"),
        script,
        (int)getpid(),
        folder,
        arguments);

    assert_int_equal(run_shell(command), 0);
}

void script_end(const char *folder)
{
    _cleanup_free_ char *command = str_printf("cd \"$TEST_OUTPUT\"/%s && touch ends && test -e over", folder);
    _cleanup_free_ char *what = str_printf("the last %s have ended", folder);

    must_succeed_within(TO_END, command, what);
}

int64_t script_count(const char *what, const char *folder, const char *file, const char *count, const char *show)
{
    _cleanup_free_ char *counting = str_printf("cd \"$TEST_OUTPUT\"/%s && awk '%s' %s >count", folder, count, file);
    _cleanup_free_ char *showing = str_printf("cd \"$TEST_OUTPUT\"/%s && awk '%s' %s", folder, show, file);
    _cleanup_free_ char *path = str_printf("%s/%s/count", variable("TEST_OUTPUT"), folder);
    long long answered, lost;
    FILE *in;

    assert_int_equal(run_shell(counting), 0);
    in = fopen(path, "re");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%lld %lld", &answered, &lost), 2);
    fclose(in);
    print_message("  %s: %lld answered, %lld lost\n", what, answered, lost);
    fflush(stdout);
    (void)run_shell(showing);
    assert_true(answered > 0);
    return lost;
}

void calls_begin(const char *services)
{
    script_begin("sidecar-calls", CALLS, services);
}

int64_t calls_ended(void)
{
    script_end(CALLS);
    return script_count(
        "between sidecars",
        CALLS,
        "calls",
        "{ all += $1; lost += 20 - $1 - $2 } END { print all + 0, lost + 0 }",
        "$1 + $2 != 20 { print \"    of 20: \" $0 }");
}
