/* A record as pictures: for a terminal, and as SVG. */
#ifndef TESTS_SOAK_CHART_H
#define TESTS_SOAK_CHART_H

#include "record.h"

/* A moment to be marked, such as a restart. */
struct mark {
    double at;
    const char *what;
};

void chart_terminal(const struct record *r, struct buf *out);
/* With a line where the judged time begins, and one for each mark. */
void chart_svg(const struct record *r, double warm_up, const struct mark *marks, size_t marks_len, struct buf *out);

#endif
