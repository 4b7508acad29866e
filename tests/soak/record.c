#include "record.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_LEAST 40

const struct series_row series_rows[SERIES_COUNT] = {
#define X(name, what, unit, slack) {what, unit, slack},
    SERIES(X)
#undef X
};

void record_add(struct record *r, const struct sample *s)
{
    ARRAY_RESERVE_ONE(r->samples, r->len, r->cap);
    r->samples[r->len++] = *s;
}

void record_release(struct record *r)
{
    free(r->samples);
    *r = (struct record){0};
}

double record_warm_up(double day)
{
    return day < 20 * 60 ? day / 4 : 5 * 60;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const struct sample *samples, size_t count, enum series series)
{
    _cleanup_free_ double *values = NEW_ARRAY(double, count);

    for (size_t i = 0; i < count; i++)
        values[i] = samples[i].values[series];
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

bool record_judge(const struct record *r, double warm_up, struct buf *report)
{
    size_t begin = 0, quarter;
    bool good = true;

    while (begin < r->len && r->samples[begin].at < warm_up)
        begin++;
    if (r->len - begin < SAMPLES_LEAST) {
        buf_printf(report, "only %zu samples after %.0f s: nothing can be said\n", r->len - begin, warm_up);
        return false;
    }
    quarter = (r->len - begin) / 4;
    for (enum series s = 0; s < SERIES_COUNT; s++) {
        const struct series_row *row = &series_rows[s];
        double first = median_of(r->samples + begin, quarter, s);
        double last = median_of(r->samples + r->len - quarter, quarter, s);
        bool grew = row->slack >= 0 && last > first + row->slack;
        if (row->slack < 0)
            continue;
        buf_printf(report,
                   "%-16s median %.0f %s in the first quarter, %.0f in the last (up to %.0f more allowed): %s\n",
                   row->what, first, row->unit, last, row->slack, grew ? "GREW" : "steady");
        good = good && !grew;
    }
    return good;
}
