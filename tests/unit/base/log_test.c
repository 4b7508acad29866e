#include "testing.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"

/* What was written to standard error since `state` was set up. */
struct capture {
    FILE *file;
    int standard_error;
};

static void capture_start(struct capture *c)
{
    c->file = tmpfile();
    assert_non_null(c->file);
    c->standard_error = dup(STDERR_FILENO);
    assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

/* Owned by the caller. */
static char *capture_end(struct capture *c)
{
    struct buf text = BUF_INIT;
    char part[4096];
    size_t n;

    dup2(c->standard_error, STDERR_FILENO);
    close(c->standard_error);
    rewind(c->file);
    while ((n = fread(part, 1, sizeof(part), c->file)) > 0)
        buf_add(&text, part, n);
    fclose(c->file);
    return buf_take(&text);
}

#define LOGGED(...)                                                                                                    \
    ({                                                                                                                 \
        struct capture logged_capture;                                                                                 \
        capture_start(&logged_capture);                                                                                \
        log_event(__VA_ARGS__, NULL);                                                                                  \
        capture_end(&logged_capture);                                                                                  \
    })

/* "2006-01-02T15:04:05.123" is in front of what is compared. */
#define STAMP_LEN 23

static void text_is_one_line(void **state)
{
    _cleanup_free_ char *line = NULL;

    (void)state;
    log_configure(LOG_INFO, LOG_TEXT);
    line = LOGGED(LOG_INFO, "it \"is\"\nso\x1b", "a", "plain/1.0", "b", "", "c", "two words", "d", "x=\"y\"\\", "e",
                  "1\n2\xff", "f", "\xc3\xa9");
    assert_string_equal(line + STAMP_LEN,
                        "Z info    it \"is\"\\nso\\u001b a=plain/1.0 b=\"\" c=\"two words\" d=\"x=\\\"y\\\"\\\\\""
                        " e=\"1\\n2\\ufffd\" f=\xc3\xa9\n");
}

static void json_is_json(void **state)
{
    _cleanup_free_ char *line = NULL;
    const char *rest;

    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    line = LOGGED(LOG_ERROR, "say \"x\"\\", "k", "a\tb\r\n\x01\x7f\xff\xc3\xa9\xf0\x9f", "e", "");
    assert_true(str_starts(line, "{\"time\":\"20"));
    rest = strstr(line, "\",\"level\"");
    assert_non_null(rest);
    assert_string_equal(rest, "\",\"level\":\"error\",\"msg\":\"say \\\"x\\\"\\\\\","
                              "\"k\":\"a\\u0009b\\u000d\\n\\u0001\\u007f\\ufffd\xc3\xa9\\ufffd\\ufffd\",\"e\":\"\"}\n");
}

static void long_values_are_cut_and_the_line_stays_whole(void **state)
{
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        _cleanup_free_ char *line = NULL;
        char value[20001];

        (void)state;
        memset(value, 'a', sizeof(value));
        memcpy(value + 4095, "\xc3\xa9", 2);
        value[sizeof(value) - 1] = '\0';
        log_configure(LOG_INFO, (enum log_format)format);
        line = LOGGED(LOG_INFO, value, "k", value, "last", "seen");
        assert_true(str_ends(line, format == LOG_JSON ? "aaa...\",\"last\":\"seen\"}\n" : "aaa...\" last=seen\n"));
        assert_true(strlen(line) < 9000);
    }
}

static void levels_filter(void **state)
{
    _cleanup_free_ char *nothing = NULL, *something = NULL;
    enum log_level level = LOG_ERROR;
    enum log_format format = LOG_TEXT;

    (void)state;
    log_configure(LOG_WARNING, LOG_TEXT);
    nothing = LOGGED(LOG_INFO, "x");
    assert_string_equal(nothing, "");
    something = LOGGED(LOG_WARNING, "x");
    assert_string_equal(something + STAMP_LEN, "Z warning x\n");
    assert_true(log_parse_level("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_parse_level("loud", &level));
    assert_true(log_parse_format("json", &format));
    assert_int_equal(format, LOG_JSON);
    assert_false(log_parse_format("xml", &format));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(long_values_are_cut_and_the_line_stays_whole),
        cmocka_unit_test(levels_filter),
    };

    return cmocka_run_group_tests_name("base log", tests, NULL, NULL);
}
