#include "doc/difftext.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define TABLE_MAX (16u * 1024 * 1024) /* cells of the table of common lengths */

struct lines {
    const char **starts;
    size_t *lens;
    uint64_t *hashes;
    size_t count, cap;
};

/* A line of the result: kept, removed or added. */
struct edit {
    char sign;
    const char *text;
    size_t len;
    size_t before, after; /* line numbers, from 1, at this edit */
};

struct edits {
    struct edit *items;
    size_t len, cap;
};

static void split(const char *text, struct lines *ret)
{
    size_t n = 0;

    for (const char *p = text; *p; p++)
        n += *p == '\n';
    *ret = (struct lines){.cap = n + 1};
    ret->starts = NEW_ARRAY(const char *, n + 1);
    ret->lens = NEW_ARRAY(size_t, n + 1);
    ret->hashes = NEW_ARRAY(uint64_t, n + 1);
    while (*text) {
        const char *end = strchrnul(text, '\n');
        ret->starts[ret->count] = text;
        ret->lens[ret->count] = (size_t)(end - text);
        ret->hashes[ret->count] = str_hash(text, (size_t)(end - text));
        ret->count++;
        text = *end ? end + 1 : end;
    }
}

static void lines_release(struct lines *l)
{
    free(l->starts);
    free(l->lens);
    free(l->hashes);
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    return a->hashes[i] == b->hashes[k] && a->lens[i] == b->lens[k] &&
           memcmp(a->starts[i], b->starts[k], a->lens[i]) == 0;
}

static void add(struct edits *e, char sign, const struct lines *from, size_t line, size_t before, size_t after)
{
    ARRAY_RESERVE_ONE(e->items, e->len, e->cap);
    e->items[e->len++] = (struct edit){sign, from->starts[line], from->lens[line], before + 1, after + 1};
}

/* Longest common subsequence of a[from..a_end) and b[from..b_end), by the table of lengths of common tails. */
static void compare_middle(const struct lines *a, size_t a_end, const struct lines *b, size_t b_end, size_t from,
                           struct edits *out)
{
    size_t rows = a_end - from, columns = b_end - from, i = 0, k = 0;
    bool too_large = (rows + 1) * (columns + 1) > TABLE_MAX;
    uint16_t *table = NEW_ARRAY(uint16_t, too_large ? 1 : (rows + 1) * (columns + 1));
#define COMMON(r, c) table[(r) * (columns + 1) + (c)]

    for (size_t r = too_large ? 0 : rows; r-- > 0;)
        for (size_t c = columns; c-- > 0;)
            COMMON(r, c) = same(a, from + r, b, from + c)        ? (uint16_t)(COMMON(r + 1, c + 1) + 1)
                           : COMMON(r + 1, c) > COMMON(r, c + 1) ? COMMON(r + 1, c)
                                                                 : COMMON(r, c + 1);
    while (i < rows || k < columns) {
        if (!too_large && i < rows && k < columns && same(a, from + i, b, from + k)) {
            add(out, ' ', a, from + i, from + i, from + k);
            i++, k++;
        } else if (i < rows && (too_large || k == columns || COMMON(i + 1, k) >= COMMON(i, k + 1))) {
            add(out, '-', a, from + i, from + i, from + k);
            i++;
        } else {
            add(out, '+', b, from + k, from + i, from + k);
            k++;
        }
    }
#undef COMMON
    free(table);
}

static void compare(const struct lines *a, const struct lines *b, struct edits *out)
{
    size_t head = 0, tail = 0, shorter = a->count < b->count ? a->count : b->count;

    while (head < shorter && same(a, head, b, head)) {
        add(out, ' ', a, head, head, head);
        head++;
    }
    while (tail < shorter - head && same(a, a->count - 1 - tail, b, b->count - 1 - tail))
        tail++;
    compare_middle(a, a->count - tail, b, b->count - tail, head, out);
    for (size_t i = tail; i > 0; i--)
        add(out, ' ', a, a->count - i, a->count - i, b->count - i);
}

static void print_hunk(const struct edits *e, size_t from, size_t to, struct buf *out)
{
    size_t before = 0, after = 0;

    for (size_t i = from; i < to; i++) {
        before += e->items[i].sign != '+';
        after += e->items[i].sign != '-';
    }
    /* Of no lines at all, the number is that of the line before. */
    buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", e->items[from].before - !before, before, e->items[from].after - !after,
               after);
    for (size_t i = from; i < to; i++) {
        buf_add_char(out, e->items[i].sign);
        buf_add(out, e->items[i].text, e->items[i].len);
        buf_add_char(out, '\n');
    }
}

/* Changes that are no further apart than twice the context share a hunk. */
static void print_hunks(const struct edits *e, size_t context, struct buf *out)
{
    for (size_t i = 0; i < e->len;) {
        size_t first = i, last, from, to;
        while (first < e->len && e->items[first].sign == ' ')
            first++;
        if (first == e->len)
            return;
        last = first;
        for (size_t k = first; k < e->len && k <= last + 2 * context + 1; k++)
            if (e->items[k].sign != ' ')
                last = k;
        from = first - i > context ? first - context : i;
        to = last + context + 1 < e->len ? last + context + 1 : e->len;
        print_hunk(e, from, to, out);
        i = to;
    }
}

void difftext(const char *before, const char *after, size_t context, struct buf *out)
{
    struct lines a, b;
    struct edits edits = {0};

    split(before, &a);
    split(after, &b);
    compare(&a, &b, &edits);
    print_hunks(&edits, context, out);
    free(edits.items);
    lines_release(&a);
    lines_release(&b);
}
