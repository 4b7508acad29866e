#include "results.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"

struct result {
    unsigned long times, ends;
    msec_t longest;
};

static struct map *results; /* fault -> struct result */

void results_add(const char *fault, unsigned long times, msec_t converged_after)
{
    struct result *r;

    if (!results)
        results = map_new(free);
    r = map_get(results, fault);
    if (!r) {
        r = NEW(struct result);
        map_put(results, fault, r);
    }
    r->times += times;
    r->ends++;
    printf("  %s: in order after %.1f s\n", fault, (double)converged_after / 1000);
    fflush(stdout);
    r->longest = converged_after > r->longest ? converged_after : r->longest;
}

void results_print(void)
{
    _cleanup_free_ char *path = str_printf("%s/faults.md", getenv("TEST_OUTPUT"));
    _cleanup_buf_ struct buf table = BUF_INIT;
    FILE *f = fopen(path, "we");
    const char *fault;
    void *value;

    buf_add_str(&table, "| fault | times | converged | at the latest after |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; results && map_next(results, &i, &fault, &value);) {
        const struct result *r = value;
        buf_printf(
            &table,
            "| %s | %lu | %lu of %lu | %.1f s |\n",
            fault,
            r->times,
            r->ends,
            r->ends,
            (double)r->longest / 1000);
    }
    fputs(buf_str(&table), stdout);
    fflush(stdout);
    if (f) {
        fputs(buf_str(&table), f);
        fclose(f);
    }
    map_free(results);
    results = NULL;
}
