/* Differences of texts, as users read them; and that they lead from one text to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/difftext.h"

static void hunks_show_what_changed(void **state)
{
    static const struct {
        const char *before, *after;
        size_t context;
        const char *text;
    } cases[] = {
        {"", "", 3, ""},
        {"a\nb\n", "a\nb\n", 3, ""},
        {"a\nb\nc\n", "a\nx\nc\n", 1, "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
        {"a\nb\nc\n", "a\nx\nc\n", 0, "@@ -2,1 +2,1 @@\n-b\n+x\n"},
        /* Of an empty side the number is that of the line before, as in diff -u. */
        {"", "a\nb\n", 3, "@@ -0,0 +1,2 @@\n+a\n+b\n"},
        {"a\nb\n", "", 3, "@@ -1,2 +0,0 @@\n-a\n-b\n"},
        {"a\nb\n", "a\nx\nb\n", 0, "@@ -1,0 +2,1 @@\n+x\n"},
        {"a\nb\n", "b\n", 3, "@@ -1,2 +1,1 @@\n-a\n b\n"},
        /* Changes close to each other share a hunk, others do not. */
        {"a\n1\n2\nb\n", "A\n1\n2\nB\n", 1, "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n-b\n+B\n"},
        {"a\n1\n2\n3\nb\n", "A\n1\n2\n3\nB\n", 1, "@@ -1,2 +1,2 @@\n-a\n+A\n 1\n@@ -4,2 +4,2 @@\n 3\n-b\n+B\n"},
        /* The last line without its end. */
        {"a\nb", "a\nc", 1, "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
        /* The fewest lines. */
        {"{\n}\n{\n}\n", "{\n}\n{\nx\n}\n{\n}\n", 0, "@@ -3,0 +4,3 @@\n+x\n+}\n+{\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        difftext(cases[i].before, cases[i].after, cases[i].context, &out);
        assert_string_equal(buf_str(&out), cases[i].text);
    }
}

/* The side of a difference with the whole text as context. */
static void side(const char *difference, char dropped, struct buf *out)
{
    for (const char *line = difference; *line;) {
        const char *end = strchr(line, '\n');
        if (*line != '@' && *line != dropped)
            buf_add(out, line + 1, (size_t)(end - line));
        line = end + 1;
    }
}

static void add_lines(unsigned *seed, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * 1103515245 + 12345;
        buf_printf(out, "%c\n", 'a' + (*seed >> 16) % 4);
    }
}

static void both_texts_can_be_read_from_their_difference(void **state)
{
    unsigned seed = 7;

    (void)state;
    for (int i = 0; i < 300; i++) {
        _cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT, out = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
        add_lines(&seed, (size_t)i % 23, &before);
        add_lines(&seed, (size_t)i % 17, &after);
        difftext(buf_str(&before), buf_str(&after), 1000, &out);
        if (str_eq(buf_str(&before), buf_str(&after)))
            continue;
        side(buf_str(&out), '+', &a);
        side(buf_str(&out), '-', &b);
        assert_string_equal(buf_str(&a), buf_str(&before));
        assert_string_equal(buf_str(&b), buf_str(&after));
    }
}

/* Beyond the size where lines are compared with each other all is replaced; what both begin and end with stays. */
static void very_large_texts_are_replaced_whole(void **state)
{
    _cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT, out = BUF_INIT;

    (void)state;
    buf_add_str(&before, "first\n");
    buf_add_str(&after, "first\n");
    for (int i = 0; i < 5000; i++) {
        buf_printf(&before, "line %d\n", i);
        buf_printf(&after, "line %d\n", 5000 - i);
    }
    buf_add_str(&before, "last\n");
    buf_add_str(&after, "last\n");
    difftext(buf_str(&before), buf_str(&after), 1, &out);
    assert_true(str_starts(buf_str(&out), "@@ -1,5002 +1,5002 @@\n first\n-line 0\n"));
    assert_true(str_ends(buf_str(&out), "+line 1\n last\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hunks_show_what_changed),
        cmocka_unit_test(both_texts_can_be_read_from_their_difference),
        cmocka_unit_test(very_large_texts_are_replaced_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
