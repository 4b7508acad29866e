#include "testing.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

static void a_buffer_grows(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT;
    char *text;

    (void)state;
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&b, "%d,", i), 0);
    assert_int_equal(b.len, 3890);
    assert_true(str_ends(buf_str(&b), ",998,999,"));
    buf_consume(&b, 3886);
    assert_string_equal(buf_str(&b), "999,");
    buf_truncate(&b, 9);
    assert_string_equal(buf_str(&b), "999,");
    buf_truncate(&b, 1);
    assert_string_equal(buf_str(&b), "9");
    buf_add_spaces(&b, 2);
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "9  a\0b", 7);
    buf_consume(&b, 6);
    assert_string_equal(buf_str(&b), "");
    text = buf_take(&b);
    assert_string_equal(text, "");
    free(text);
    text = buf_take(&b);
    assert_string_equal(text, "");
    free(text);
}

static void a_limit_refuses_whole_additions(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT_LIMIT(10);

    (void)state;
    assert_int_equal(buf_add_str(&b, "12345678"), 0);
    assert_int_equal(buf_add_str(&b, "abc"), -1);
    assert_int_equal(buf_printf(&b, "%d", 100), -1);
    assert_int_equal(buf_add_spaces(&b, 3), -1);
    assert_int_equal(buf_add(&b, "x", SIZE_MAX), -1);
    assert_string_equal(buf_str(&b), "12345678");
    assert_int_equal(buf_add_str(&b, "ab"), 0);
    assert_int_equal(buf_add_char(&b, 'c'), -1);
    assert_int_equal(buf_add_str(&b, ""), 0);
    assert_string_equal(buf_str(&b), "12345678ab");
    buf_release(&b);
    assert_int_equal(buf_add_str(&b, "12345678901"), -1);
}

static void strings_are_joined(void **state)
{
    _cleanup_free_ char *three = STR_JOIN('/', "a", "", "bc"), *one = STR_JOIN('/', "a"),
                        *none = str_join('/', 0, NULL);

    (void)state;
    assert_string_equal(three, "a//bc");
    assert_string_equal(one, "a");
    assert_string_equal(none, "");
}

static void strings_compare(void **state)
{
    (void)state;
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_false(str_eq("a", NULL));
    assert_true(str_eq("a", "a"));
    assert_true(str_starts("abc", "ab"));
    assert_true(str_starts("abc", ""));
    assert_false(str_starts("a", "ab"));
    assert_true(str_ends("abc", "bc"));
    assert_false(str_ends("c", "bc"));
    assert_null(str_dup(NULL));
}

static void numbers_are_whole_texts(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"- 1", false, 0},
        {"--1", false, 0},
        {"1x", false, 0},
        {"0x1", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 42;
        if (str_to_int64(cases[i].text, &value) != cases[i].ok)
            fail_msg("\"%s\"", cases[i].text);
        assert_int_equal(value, cases[i].ok ? cases[i].value : 42);
    }
}

static void splitting_keeps_empty_parts(void **state)
{
    char **v = str_split("a,,b,", ',');

    (void)state;
    assert_int_equal(strv_len(v), 4);
    assert_string_equal(v[0], "a");
    assert_string_equal(v[1], "");
    assert_string_equal(v[2], "b");
    assert_string_equal(v[3], "");
    strv_free(v);
    v = str_split("", ',');
    assert_int_equal(strv_len(v), 1);
    strv_free(v);
    strv_free(NULL);
    assert_int_equal(strv_len(NULL), 0);
}

static void hashes_are_the_known_ones(void **state)
{
    char hex[65];

    (void)state;
    assert_true(str_hash("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(str_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    str_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void utf8_is_checked(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        uint32_t rune;
    } cases[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        /* stray, missing, overlong, surrogates, too large */
        {"\x80", 0, 0},
        {"\xbf", 0, 0},
        {"\xc2", 0, 0},
        {"\xc2"
         "a",
         0, 0},
        {"\xe0\xa0", 0, 0},
        {"\xf0\x90\x80", 0, 0},
        {"\xc0\x80", 0, 0},
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xed\xa0\x80", 0, 0},
        {"\xed\xbf\xbf", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
    };
    char text[] = "a\xff"
                  "\xc3\xa9\xe6\x97";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t rune = 0;
        assert_int_equal(str_utf8_next(cases[i].text, strlen(cases[i].text), &rune), cases[i].size);
        assert_int_equal(rune, cases[i].rune);
    }
    str_clean_utf8(text);
    assert_string_equal(text, "a?\xc3\xa9??");
}

/* Of text that is cut in every place, whatever is in it, no part of a character is left. */
static void text_is_cut_between_characters(void **state)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(ends); max++)
        assert_int_equal(str_cut(text, max), ends[max]);
    /* Of bytes that are no characters anything may be cut. */
    assert_int_equal(str_cut("\x80\x80\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(str_cut("\xff\xff", 1), 1);
    assert_int_equal(str_cut("", 5), 0);
}

static void shortened_text_is_utf8_and_says_so(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *copy;
    } cases[] = {
        {"abcdef", 6, "abcdef"},
        {"abcdefg", 6, "abc..."},
        {"ab\xc3\xa4xyz", 6, "ab..."},
        {"ab\xc3\xa4xyz", 7, "ab\xc3\xa4xyz"},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 7, "\xf0\x9f\x98\x80..."},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 6, "..."},
        {"\xf0\x9f", 6, "??"},
        {"\x80\x80\x80\x80\x80\x80\x80\x80", 6, "???..."},
        {"", 3, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *copy = str_dup_short(cases[i].text, cases[i].max);
        assert_string_equal(copy, cases[i].copy);
    }
}

static void errors_gain_context(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no %s", "x"), -1);
    assert_int_equal(err_wrap(&e, "file %d", 1), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    assert_string_equal(e.text, "file 1: no x");
    assert_int_equal(err_errno(&e, 2, "open"), -1);
    assert_string_equal(e.text, "open: No such file or directory");
    assert_int_equal(e.class, ERR_IO);
    assert_string_equal(err_class_name(ERR_CONFLICT), "Conflict");
    assert_true(err_class_retries(ERR_CONFLICT));
    assert_false(err_class_retries(ERR_INVALID));
    assert_int_equal(err_class_exit_code(ERR_INVALID), 2);
    err_clear(&e);
    assert_string_equal(e.text, "");
    assert_int_equal(err_set(NULL, ERR_INVALID, "nobody asks"), -1);
    assert_int_equal(err_wrap(NULL, "nobody asks"), -1);
}

static void long_errors_are_cut(void **state)
{
    char text[2 * ERR_TEXT_MAX];
    struct err e = {0};

    (void)state;
    memset(text, 'a', sizeof(text));
    text[ERR_TEXT_MAX - 1] = '\0';
    err_set(&e, ERR_INVALID, "%s", text);
    assert_string_equal(e.text, text);
    err_wrap(&e, "b");
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
    assert_true(str_starts(e.text, "b: aaa"));
    assert_true(str_ends(e.text, "aaa..."));
    text[ERR_TEXT_MAX - 1] = 'a';
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_INVALID, "x");
    err_wrap(&e, "%s", text);
    assert_true(str_ends(e.text, "aaa..."));
    err_errno(&e, 2, "%s", text);
    assert_true(str_ends(e.text, "a...: No such file or directory"));
}

/* Errors end in the status of a resource, which is JSON: half a character would make it unwritable. */
static void errors_are_utf8(void **state)
{
    struct err e = {0};

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        char text[2 * ERR_TEXT_MAX + 1] = "aaa";
        for (size_t i = (size_t)shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        err_set(&e, ERR_INVALID, "%s", text);
        assert_true(str_ends(e.text, "\xf0\x9f\x98\x80..."));
        assert_null(strchr(e.text, '?'));
    }
    err_set(&e, ERR_INVALID, "file \"%s\"", "\xff\xc3");
    assert_string_equal(e.text, "file \"??\"");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(a_limit_refuses_whole_additions),
        cmocka_unit_test(strings_are_joined),
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(numbers_are_whole_texts),
        cmocka_unit_test(splitting_keeps_empty_parts),
        cmocka_unit_test(hashes_are_the_known_ones),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(shortened_text_is_utf8_and_says_so),
        cmocka_unit_test(errors_gain_context),
        cmocka_unit_test(long_errors_are_cut),
        cmocka_unit_test(errors_are_utf8),
    };

    return cmocka_run_group_tests_name("base text", tests, NULL, NULL);
}
