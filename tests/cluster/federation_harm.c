/* One remote cluster misbehaves in every way; its status tells, and neither the others nor the mesh notice. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "federation.h"
#include "results.h"

/* What is promised. */
#define TO_TELL SECONDS(30)
/* What a server that never ends an answer may cost: one answer, while its buffer grows to twice the size. */
#define MEMORY_MOST_KB (48 * 1024)

/* `again`: it shows only on new connections. `says`: what the message must name (a regular expression). */
static const struct {
    const char *what, *rule, *says;
    bool again;
} harms[] = {
    {"remote: partition", "partition", "time.?out|within", false},
    {"remote: connections refused", "refuse", "connect", false},
    {"remote: wrong certificate", "certificate", "certificate|SSL", true},
    {"remote: token expired (401)", "answer code=401", "401", false},
    {"remote: connections accepted, and silence", "silent", "time.?out|within", true},
    {"remote: requests never answered", "hang", "time.?out|within", false},
    {"remote: 500", "answer code=500", "500", false},
    {"remote: 429 with Retry-After", "answer code=429 retry-after=5", "429", false},
    {"remote: endless JSON", "endless-json", "bytes", false},
    {"remote: broken JSON", "broken-json", "JSON", false},
};

static bool names(const char *text, const char *expression)
{
    regex_t regex;
    bool found;

    assert_int_equal(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB), 0);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* Its resource says that the cluster is not reachable, and why. */
static bool tells(const struct remote *r, const char *why, char **ret_text)
{
    _cleanup_free_ char *word = remote_status(r->name, "Status"), *connected = remote_connected(r->name),
                        *text = remote_status(r->name, "ErrorMessage");

    if ((!str_eq(word, "Unreachable") && !str_eq(word, "ReconcileFailed")) || !str_starts(connected, "False") ||
        !names(text, why))
        return false;
    *ret_text = TAKE_PTR(text);
    return true;
}

static void others_follow(const char *pod)
{
    pod_create(pod, "istio", "pilot");
    pause_ms(1000);
    for (size_t i = 0; i < REMOTES; i++)
        if (i != BAD)
            wait_in_step(&remotes[i]);
    cluster_delete(POD, NS, pod);
    for (size_t i = 0; i < REMOTES; i++)
        if (i != BAD)
            wait_in_step(&remotes[i]);
}

struct telling {
    const struct remote *bad;
    size_t harm;
    char *text;
};

static bool is_reported(void *context)
{
    struct telling *t = context;
    _cleanup_free_ char *word = NULL, *connected = NULL, *message = NULL;

    if (tells(t->bad, harms[t->harm].says, &t->text))
        return true;
    word = remote_status(t->bad->name, "Status");
    connected = remote_connected(t->bad->name);
    message = remote_status(t->bad->name, "ErrorMessage");
    wait_saw("%s: %s (connected: %s)", word, message, connected);
    return false;
}

static void wait_told(const struct remote *bad, size_t harm, msec_t since)
{
    struct telling t = {bad, harm, NULL};

    wait_until(is_reported, &t, since + TO_TELL - clock_now_monotonic(), harms[harm].what);
    printf("  %s: told after %.1f s: %s\n", harms[harm].what, (double)(clock_now_monotonic() - since) / 1000, t.text);
    fflush(stdout);
    free(t.text);
}

static void suffer(size_t harm)
{
    struct remote *bad = &remotes[BAD];
    msec_t start = clock_now_monotonic();
    long memory = operator_memory_kb();

    proxy_child_rule(&bad->proxy, harms[harm].rule);
    if (harms[harm].again)
        proxy_child_reset(&bad->proxy);
    others_follow("pilot-of-the-test");
    wait_told(bad, harm, start);
    others_follow("pilot-of-the-test");
    for (size_t i = 0; i < REMOTES; i++)
        if (i != BAD)
            wait_joined(&remotes[i]);
    if (!getenv("TEST_SANITIZE") && operator_memory_kb() > memory + MEMORY_MOST_KB)
        fail_msg("%s: memory went from %ld to %ld kB", harms[harm].what, memory, operator_memory_kb());
    proxy_child_clear(&bad->proxy);
    start = clock_now_monotonic();
    wait_joined(bad);
    wait_in_step(bad);
    results_add(harms[harm].what, 1, clock_now_monotonic() - start);
}

void one_bad_cluster_harms_no_other(void **state)
{
    (void)state;
    join_all();
    for (size_t i = 0; i < ARRAY_LEN(harms); i++)
        suffer(i);
    results_print();
}
