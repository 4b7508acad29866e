/* Base64: what Kubernetes keeps certificates and Secrets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

static void test_both_ways(void **state)
{
    static const struct {
        const char *plain, *coded;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xff\xfe\xfb", "//77"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *coded = base64_encode(cases[i].plain, strlen(cases[i].plain)), *plain = NULL;
        size_t len;
        assert_string_equal(coded, cases[i].coded);
        assert_true(base64_decode(coded, strlen(coded), &plain, &len));
        assert_string_equal(plain, cases[i].plain);
        assert_int_equal(len, strlen(cases[i].plain));
    }
}

static void test_line_breaks(void **state)
{
    _cleanup_free_ char *plain = NULL;
    size_t len;

    (void)state;
    assert_true(base64_decode("Zm9v\r\nYm\nFy\n", 12, &plain, &len));
    assert_string_equal(plain, "foobar");
}

static void test_refusals(void **state)
{
    static const char *const cases[] = {
        "A",        "AA",    "AAA",   "=",    "====", "A===", "AA=",  "AA===", "AA=A",    "AA==A",
        "AA==AA==", "AAA==", "AAAA=", "A A=", "AB==", "AAB=", "AA-_", "AAAA*", "\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *plain = NULL;
        size_t len;
        if (base64_decode(cases[i], strlen(cases[i]), &plain, &len))
            fail_msg("accepted: %s", cases[i]);
        assert_null(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_line_breaks),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
