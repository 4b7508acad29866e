#include "record.h"

#include <stdlib.h>
#include <string.h>

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

static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

/* The samples of one rest, which follow each other. */
struct rest {
    const struct sample *samples;
    size_t len;
};

static double median_of_rest(const struct rest *rest, enum series series)
{
    _cleanup_free_ double *values = NEW_ARRAY(double, rest->len);

    for (size_t i = 0; i < rest->len; i++)
        values[i] = rest->samples[i].values[series];
    return median_of(values, rest->len);
}

static double median_of_rests(const struct rest *rests, size_t count, enum series series)
{
    _cleanup_free_ double *values = NEW_ARRAY(double, count);

    for (size_t i = 0; i < count; i++)
        values[i] = median_of_rest(&rests[i], series);
    return median_of(values, count);
}

/* Those that count, in `rests`, which has room for one a sample. */
static size_t find_rests(const struct record *r, double warm_up, struct rest *rests)
{
    size_t count = 0, len;

    for (size_t begin = 0; begin < r->len; begin += len) {
        const struct sample *first = &r->samples[begin];
        for (len = 1; begin + len < r->len && r->samples[begin + len].rest == first->rest; len++)
            ;
        if (first->rest && first->at >= warm_up && len >= REST_SAMPLES_LEAST)
            rests[count++] = (struct rest){first, len};
    }
    return count;
}

bool record_judge(const struct record *r, double warm_up, struct buf *report)
{
    _cleanup_free_ struct rest *rests = NEW_ARRAY(struct rest, r->len + 1);
    size_t count = find_rests(r, warm_up, rests), third = count / 3;
    bool good = true;

    if (count < RESTS_LEAST) {
        buf_printf(report, "only %zu rests after %.0f s: nothing can be said\n", count, warm_up);
        return false;
    }
    buf_printf(report, "%zu rests after the first %.0f s\n", count, warm_up);
    for (enum series s = 0; s < SERIES_COUNT; s++) {
        const struct series_row *row = &series_rows[s];
        double first = median_of_rests(rests, third, s);
        double last = median_of_rests(rests + count - third, third, s);
        bool grew = row->slack >= 0 && last > first + row->slack;
        if (row->slack < 0)
            continue;
        buf_printf(report,
                   "%-16s %.0f %s in the first third of the rests, %.0f in the last (up to %.0f more allowed): %s\n",
                   row->what, first, row->unit, last, row->slack, grew ? "GREW" : "steady");
        buf_add_str(report, "  at each rest:");
        for (size_t i = 0; i < count; i++)
            buf_printf(report, " %.0f", median_of_rest(&rests[i], s));
        buf_add_char(report, '\n');
        good = good && !grew;
    }
    return good;
}
