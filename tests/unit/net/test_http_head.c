/* Heads of requests: what is taken, and with which status the rest is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/http_head.h"

#define HOST "Host: x\r\n"

static int parse(const char *text, struct http_head *ret)
{
    int status = 0, result = http_head_parse(text, strlen(text), ret, &status);

    return result < 0 ? status : result;
}

static void test_a_good_head_is_read(void **state)
{
    static const char text[] = "POST /validate?timeout=5s HTTP/1.1\r\nhost: x\r\nContent-Length: 12\r\n"
                               "AUTHORIZATION: \t Bearer abc \r\nExpect: 100-continue\r\nX-Other: a, b\r\n\r\nbody";
    struct http_head head;

    (void)state;
    assert_int_equal(parse(text, &head), 1);
    assert_true(http_span_is(head.method, "POST"));
    assert_true(http_span_is(head.path, "/validate"));
    assert_true(http_span_is(head.query, "timeout=5s"));
    assert_true(http_span_is(head.authorization, "Bearer abc"));
    assert_int_equal(head.body_len, 12);
    assert_true(head.keep_alive);
    assert_true(head.expects_continue);
    assert_string_equal(text + head.len, "body");
}

static void test_an_old_client_is_served_once(void **state)
{
    struct http_head head;

    (void)state;
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &head), 1);
    assert_false(head.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", &head), 1);
    assert_false(head.keep_alive);
}

static void test_an_unfinished_head_waits(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct http_head head;
    int status;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        assert_int_equal(http_head_parse(text, len, &head, &status), 0);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"\x16\x03\x01 TLS\r\n\r\n", 400},
        {"\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTX/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"G@T / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET http://x/ HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Name : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "A: b\nC: d\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 501},
        {"PRI * HTTP/2.0\r\n\r\n", 505},
        {"GET / HTTP/3.1\r\n\r\n", 505},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (parse(cases[i].text, &head) != cases[i].status)
            fail_msg("case %zu: %d, not %d: %s", i, parse(cases[i].text, &head), cases[i].status, cases[i].text);
}

static void test_a_head_has_a_limit(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct http_head head;

    (void)state;
    buf_add_str(&text, "GET / HTTP/1.1\r\n" HOST);
    while (text.len < HTTP_HEAD_MAX_BYTES - 64)
        buf_add_str(&text, "X-Filler: 0123456789\r\n");
    assert_int_equal(parse(buf_str(&text), &head), 0);
    {
        _cleanup_free_ char *whole = str_printf("%s\r\n", buf_str(&text));
        assert_int_equal(parse(whole, &head), 1);
    }
    while (text.len < HTTP_HEAD_MAX_BYTES)
        buf_add_str(&text, "X-Filler: 0123456789\r\n");
    assert_int_equal(parse(buf_str(&text), &head), 431);
    buf_add_str(&text, "\r\n");
    assert_int_equal(parse(buf_str(&text), &head), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_head_is_read),
        cmocka_unit_test(test_an_old_client_is_served_once),
        cmocka_unit_test(test_an_unfinished_head_waits),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_a_head_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
