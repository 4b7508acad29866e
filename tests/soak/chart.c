#include "chart.h"

#define COLUMNS 72
#define ROWS 4

struct range {
    double least, most;
};

static struct range range_of(const struct record *r, enum series s)
{
    struct range range = {r->samples[0].values[s], r->samples[0].values[s]};

    for (size_t i = 1; i < r->len; i++) {
        double value = r->samples[i].values[s];
        range.least = value < range.least ? value : range.least;
        range.most = value > range.most ? value : range.most;
    }
    return range;
}

/* The most of the samples that fall into a column. */
static double column_of(const struct record *r, enum series s, size_t column, size_t columns)
{
    size_t begin = column * r->len / columns, end = (column + 1) * r->len / columns;
    double most = r->samples[begin].values[s];

    for (size_t i = begin; i < end; i++)
        if (r->samples[i].values[s] > most)
            most = r->samples[i].values[s];
    return most;
}

/* Of the lowest value an eighth is drawn, so that one sees that something was measured. */
static int eighths_of(double value, struct range range)
{
    double span = range.most - range.least;

    return span > 0 ? 1 + (int)((value - range.least) / span * (8 * ROWS - 1)) : 1;
}

void chart_terminal(const struct record *r, struct buf *out)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t columns = r->len < COLUMNS ? r->len : COLUMNS;

    if (!r->len)
        return;
    for (enum series s = 0; s < SERIES_COUNT; s++) {
        struct range range = range_of(r, s);
        buf_printf(out, "%s: %.0f to %.0f%s%s over %.0f min\n", series_rows[s].what, range.least, range.most,
                   *series_rows[s].unit ? " " : "", series_rows[s].unit, r->samples[r->len - 1].at / 60);
        for (int row = ROWS; row-- > 0;) {
            buf_add_str(out, "  |");
            for (size_t column = 0; column < columns; column++) {
                int eighths = eighths_of(column_of(r, s, column, columns), range) - 8 * row;
                buf_add_str(out, blocks[eighths < 0 ? 0 : eighths > 8 ? 8 : eighths]);
            }
            buf_add_char(out, '\n');
        }
    }
}

#define WIDTH 960
#define HEIGHT 130
#define LEFT 110
#define PANEL 90

static double x_of(const struct record *r, double at)
{
    double day = r->samples[r->len - 1].at;

    return LEFT + (day > 0 ? at / day : 0) * (WIDTH - LEFT - 20);
}

static void add_line(struct buf *out, double x, double top, const char *color, const char *what)
{
    buf_printf(out,
               "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\" stroke=\"%s\" stroke-dasharray=\"3 3\">"
               "<title>%s</title></line>\n",
               x, x, top, top + PANEL, color, what);
}

static void add_panel(const struct record *r, enum series s, double top, struct buf *out)
{
    struct range range = range_of(r, s);
    double span = range.most > range.least ? range.most - range.least : 1;

    buf_printf(out,
               "<text x=\"%d\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n"
               "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%.0f %s</text>\n"
               "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%.0f %s</text>\n"
               "<polyline fill=\"none\" stroke=\"#1f6feb\" points=\"",
               LEFT, top - 8, series_rows[s].what, LEFT - 8, top + 10, range.most, series_rows[s].unit, LEFT - 8,
               top + PANEL, range.least, series_rows[s].unit);
    for (size_t i = 0; i < r->len; i++)
        buf_printf(out, "%.1f,%.1f ", x_of(r, r->samples[i].at),
                   top + PANEL - (r->samples[i].values[s] - range.least) / span * PANEL);
    buf_add_str(out, "\"/>\n");
}

void chart_svg(const struct record *r, double warm_up, const struct mark *marks, size_t marks_len, struct buf *out)
{
    if (!r->len)
        return;
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
               "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
               WIDTH, SERIES_COUNT * HEIGHT + 30);
    for (enum series s = 0; s < SERIES_COUNT; s++) {
        double top = 30 + s * HEIGHT;
        add_line(out, x_of(r, warm_up), top, "#888", "judged from here on");
        for (size_t i = 0; i < marks_len; i++)
            add_line(out, x_of(r, marks[i].at), top, "#d1242f", marks[i].what);
        add_panel(r, s, top, out);
    }
    buf_printf(out, "<text x=\"%d\" y=\"%d\">%.0f minutes; grey: judged from here on; red: restarts</text>\n</svg>\n",
               LEFT, SERIES_COUNT * HEIGHT + 20, r->samples[r->len - 1].at / 60);
}
