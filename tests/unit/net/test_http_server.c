/* The operator's HTTP server against clients of every kind, over real sockets in one process. */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/certificate.h"
#include "net/http_server.h"
#include "net/loop.h"

#define PATIENCE_MS 300
#define LONG_MS 10000
#define HOST "Host: x\r\n"

struct fixture {
    struct event_base *loop;
    struct http_server *server;
    struct http_exchange *kept; /* of /later */
    int handled;
};

static void handle(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    struct fixture *f = context;
    _cleanup_buf_ struct buf text = BUF_INIT;

    f->handled++;
    if (http_span_is(request->path, "/later")) {
        f->kept = exchange;
        return;
    }
    if (http_span_is(request->path, "/large"))
        while (text.len < 32 * 1024 * 1024)
            buf_add_str(&text, "0123456789012345678901234567890123456789012345678901234567890123456789");
    buf_printf(
        &text, "%.*s %.*s ", (int)request->method.len, request->method.at, (int)request->path.len, request->path.at);
    buf_add(&text, request->body, request->body_len);
    http_answer(exchange, 200, "text/plain", buf_str(&text), text.len);
}

static void start_with(struct fixture *f, bool tls, size_t connections_max, msec_t patience)
{
    const struct http_server_options options = {
        .address = "127.0.0.1:0",
        .tls = tls,
        .connections_max = connections_max,
        .body_max = 1000,
        .bodies_max = 1500,
        .patience = patience,
        .idle = patience,
        .handle = handle,
        .context = f,
    };
    struct err e;

    *f = (struct fixture){.loop = event_base_new()};
    if (http_server_new(f->loop, &options, &f->server, &e) < 0)
        fail_msg("%s", e.text);
}

static void start(struct fixture *f, size_t connections_max)
{
    start_with(f, false, connections_max, PATIENCE_MS);
}

/* Handshakes may take their time, under valgrind say. */
static void start_tls(struct fixture *f)
{
    start_with(f, true, 0, LONG_MS);
}

static void stop(struct fixture *f)
{
    http_server_free(f->server);
    /* What was deferred. */
    event_base_loop(f->loop, EVLOOP_NONBLOCK);
    loop_free(f->loop);
}

static void turn(struct fixture *f)
{
    event_base_loop(f->loop, EVLOOP_NONBLOCK);
    usleep(500);
}

static int dial(struct fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)http_server_port(f->server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_true(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EINPROGRESS);
    turn(f);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `until` was seen, or where it is NULL to the end; false where that does not come within the time. */
static bool take(struct fixture *f, int fd, const char *until, struct buf *ret)
{
    msec_t end = clock_now_monotonic() + LONG_MS;
    char data[4096];

    while (clock_now_monotonic() < end) {
        ssize_t n = recv(fd, data, sizeof(data), 0);
        if (n > 0)
            buf_add(ret, data, (size_t)n);
        if (until && strstr(buf_str(ret), until))
            return true;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN))
            return !until;
        if (n < 0)
            turn(f);
    }
    return false;
}

/* The whole answer until the server closes; owned by the caller. */
static char *converse(struct fixture *f, const char *request)
{
    struct buf answer = BUF_INIT;
    int fd = dial(f);

    put(fd, request);
    assert_true(take(f, fd, NULL, &answer));
    close(fd);
    turn(f);
    return buf_take(&answer);
}

static void test_requests_of_a_connection_are_answered_in_turn(void **state)
{
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd,
        "GET /a HTTP/1.1\r\n" HOST "\r\nPOST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
        "HEAD /c HTTP/1.1\r\n" HOST "\r\nGET /d HTTP/1.1\r\n" HOST "\r\n");
    assert_true(take(&f, fd, "GET /d ", &answer));
    assert_non_null(strstr(buf_str(&answer), "GET /a HTTP/1.1 200 OK"));
    assert_non_null(strstr(buf_str(&answer), "POST /b hello"));
    assert_null(strstr(buf_str(&answer), "HEAD /c"));
    assert_int_equal(f.handled, 4);
    assert_int_equal(http_server_connections(f.server), 1);
    close(fd);
    stop(&f);
}

static void test_a_body_may_come_in_pieces(void **state)
{
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd, "POST /b HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    assert_true(take(&f, fd, "HTTP/1.1 100 Continue\r\n\r\n", &answer));
    for (const char *piece = "piecewise"; *piece; piece++) {
        put(fd, (char[]){*piece, '\0'});
        turn(&f);
    }
    assert_true(take(&f, fd, "POST /b piecewise", &answer));
    close(fd);
    stop(&f);
}

static void test_what_is_refused_is_reported_and_closed(void **state)
{
    _cleanup_buf_ struct buf head = BUF_INIT;
    struct {
        const char *request, *status;
    } cases[] = {
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 900000000\r\n\r\nsome of it", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 501 "},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 "},
        {"\x16\x03\x01\x02", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\n" HOST "\r\ngarbage \x01\x02\r\n\r\n", "GET / HTTP/1.1 400 "},
        {NULL, "HTTP/1.1 431 "},
    };
    struct fixture f;

    (void)state;
    buf_add_str(&head, "GET / HTTP/1.1\r\n" HOST);
    while (head.len < 2 * HTTP_HEAD_MAX_BYTES)
        buf_add_str(&head, "X-Filler: 0123456789\r\n");
    start(&f, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *answer = converse(&f, cases[i].request ? cases[i].request : buf_str(&head));
        if (!strstr(answer, cases[i].status))
            fail_msg("case %zu: %s", i, answer);
    }
    assert_int_equal(http_server_connections(f.server), 0);
    stop(&f);
}

static void test_all_bodies_together_have_a_limit(void **state)
{
    _cleanup_buf_ struct buf answer = BUF_INIT;
    static const char request[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n";
    _cleanup_free_ char *refused = NULL;
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd, request);
    turn(&f);
    refused = converse(&f, request);
    assert_non_null(strstr(refused, "HTTP/1.1 503 "));
    close(fd);
    turn(&f);
    turn(&f);
    fd = dial(&f);
    put(fd, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
    assert_true(take(&f, fd, "100 Continue", &answer));
    close(fd);
    stop(&f);
}

/* How long it lives while a byte comes every few milliseconds. */
static msec_t drip(struct fixture *f, const char *first)
{
    msec_t began = clock_now_monotonic();
    int fd = dial(f);
    char byte;

    put(fd, first);
    while (clock_now_monotonic() < began + LONG_MS) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            break;
        turn(f);
        if (recv(fd, &byte, 1, 0) == 0)
            break;
    }
    close(fd);
    return clock_now_monotonic() - began;
}

static void test_dripping_bytes_win_no_time(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 0);
    assert_in_range(drip(&f, "GET / HTTP/1.1\r\nX-Slow: "), PATIENCE_MS / 2, 5 * PATIENCE_MS);
    assert_in_range(
        drip(&f, "POST / HTTP/1.1\r\n" HOST "Content-Length: 999\r\n\r\n"), PATIENCE_MS / 2, 5 * PATIENCE_MS);
    stop(&f);
}

static void test_a_client_that_does_not_read_is_dropped(void **state)
{
    msec_t until = clock_now_monotonic() + LONG_MS;
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    while ((f.handled == 0 || http_server_connections(f.server)) && clock_now_monotonic() < until)
        turn(&f);
    assert_int_equal(f.handled, 1);
    assert_int_equal(http_server_connections(f.server), 0);
    close(fd);
    stop(&f);
}

static void test_silence_is_closed(void **state)
{
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct fixture f;
    int fd, kept;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    kept = dial(&f);
    put(kept, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_true(take(&f, kept, "GET / ", &answer));
    assert_true(take(&f, fd, NULL, &answer));
    assert_true(take(&f, kept, NULL, &answer));
    assert_int_equal(http_server_connections(f.server), 0);
    close(fd);
    close(kept);
    stop(&f);
}

#define MANY 300
#define MOST 256

static void test_idle_connections_keep_nobody_out(void **state)
{
    _cleanup_free_ char *answer = NULL;
    struct fixture f;
    int fds[MANY];

    (void)state;
    start(&f, MOST);
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = dial(&f);
        assert_in_range(http_server_connections(f.server), 0, MOST);
    }
    answer = converse(&f, "GET /now HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "GET /now "));
    for (size_t i = 0; i < MANY; i++)
        close(fds[i]);
    stop(&f);
}

/* A request under way is not thrown out for a newcomer. */
static void test_a_full_server_closes_newcomers(void **state)
{
    _cleanup_buf_ struct buf answer = BUF_INIT, refused = BUF_INIT;
    struct fixture f;
    int fd, newcomer;

    (void)state;
    start(&f, 1);
    fd = dial(&f);
    put(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    while (!f.kept)
        turn(&f);
    newcomer = dial(&f);
    assert_true(take(&f, newcomer, NULL, &refused));
    assert_int_equal(refused.len, 0);
    http_answer_text(f.kept, 200, "at last");
    assert_true(take(&f, fd, "at last", &answer));
    close(fd);
    close(newcomer);
    stop(&f);
}

static void test_an_answer_to_nobody(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    while (!f.kept)
        turn(&f);
    close(fd);
    while (http_server_connections(f.server))
        turn(&f);
    http_answer_text(f.kept, 200, "too late");
    stop(&f);
}

static void test_an_answer_after_the_server_is_gone(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    start(&f, 0);
    fd = dial(&f);
    put(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    while (!f.kept)
        turn(&f);
    stop(&f);
    http_answer_text(f.kept, 200, "too late");
    close(fd);
}

static void test_addresses(void **state)
{
    static const char *const refused[] = {"", "8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "host:1", "[::1]"};
    struct event_base *loop = event_base_new();
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct http_server *s;
        assert_int_equal(http_server_new(loop, &(struct http_server_options){.address = refused[i]}, &s, &e), -1);
        assert_int_equal(e.class, ERR_USAGE);
    }
    loop_free(loop);
}

static struct certificate certify(struct fixture *f)
{
    static const char *const names[] = {"127.0.0.1", NULL};
    struct certificate c;
    struct err e;

    if (certificate_make(names, clock_now_wall(), CERTIFICATE_LIFE, NULL, &c, &e) < 0 ||
        http_server_certify(f->server, c.cert, c.key, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

/* True once the handshake is done, false once it failed. */
static bool shake_hands(struct fixture *f, SSL *ssl, int fd)
{
    msec_t end = clock_now_monotonic() + LONG_MS;

    SSL_set_fd(ssl, fd);
    while (clock_now_monotonic() < end) {
        int result = SSL_connect(ssl), error = SSL_get_error(ssl, result);
        if (result == 1)
            return true;
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            return false;
        turn(f);
    }
    return false;
}

/* The answer to a request over TLS of this version; NULL where the handshake fails. Owned by the caller. */
static char *converse_tls(struct fixture *f, int version, const char *ca)
{
    static const char request[] = "GET /tls HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    BIO *in = BIO_new_mem_buf(ca, -1);
    X509 *authority = PEM_read_bio_X509(in, NULL, NULL, NULL);
    struct buf answer = BUF_INIT;
    char *result = NULL, data[4096];
    int fd = dial(f), n;
    SSL *ssl;

    /* What today's clients would not even offer. */
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    ssl = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
    if (shake_hands(f, ssl, fd)) {
        assert_int_equal(SSL_write(ssl, request, sizeof(request) - 1), sizeof(request) - 1);
        while ((n = SSL_read(ssl, data, sizeof(data))) > 0 || SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ)
            n > 0 ? (void)buf_add(&answer, data, (size_t)n) : turn(f);
        result = buf_take(&answer);
    }
    SSL_free(ssl);
    close(fd);
    X509_free(authority);
    BIO_free(in);
    SSL_CTX_free(context);
    turn(f);
    return result;
}

static void test_tls_is_of_today(void **state)
{
    static const struct {
        int version;
        bool served;
    } cases[] = {{TLS1_VERSION, false}, {TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
    struct fixture f;
    struct certificate c;

    (void)state;
    start_tls(&f);
    c = certify(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *answer = converse_tls(&f, cases[i].version, c.ca);
        assert_int_equal(answer != NULL, cases[i].served);
        if (answer)
            assert_non_null(strstr(answer, "GET /tls "));
    }
    certificate_release(&c);
    stop(&f);
}

static void test_a_new_certificate_needs_no_restart(void **state)
{
    _cleanup_free_ char *before = NULL, *former = NULL, *after = NULL;
    struct certificate first, second;
    struct fixture f;

    (void)state;
    start_tls(&f);
    first = certify(&f);
    before = converse_tls(&f, TLS1_3_VERSION, first.ca);
    second = certify(&f);
    former = converse_tls(&f, TLS1_3_VERSION, first.ca);
    after = converse_tls(&f, TLS1_3_VERSION, second.ca);
    assert_non_null(before);
    assert_null(former);
    assert_non_null(after);
    certificate_release(&first);
    certificate_release(&second);
    stop(&f);
}

static void test_a_bad_certificate_changes_nothing(void **state)
{
    _cleanup_free_ char *answer = NULL;
    struct certificate c;
    struct fixture f;
    struct err e;

    (void)state;
    start_tls(&f);
    c = certify(&f);
    assert_int_equal(http_server_certify(f.server, c.cert, "nonsense", &e), -1);
    assert_null(strstr(e.text, "nonsense"));
    answer = converse_tls(&f, TLS1_3_VERSION, c.ca);
    assert_non_null(answer);
    certificate_release(&c);
    stop(&f);
}

static void test_nonsense_on_a_tls_port_is_closed(void **state)
{
    static const char *const nonsense[] = {
        "GET / HTTP/1.1\r\n" HOST "\r\n",
        "\x16\x03\x01\xff\xff\x01",
        "\x16\x03\x01\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
        "\x80\x80\x80\x80",
        "x",
    };
    struct certificate c;
    struct fixture f;

    (void)state;
    start_with(&f, true, 0, PATIENCE_MS);
    c = certify(&f);
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        _cleanup_free_ char *answer = converse(&f, nonsense[i]);
        assert_null(strstr(answer, "HTTP/1.1"));
    }
    assert_int_equal(http_server_connections(f.server), 0);
    assert_int_equal(f.handled, 0);
    certificate_release(&c);
    stop(&f);
}

static void test_without_a_certificate_nobody_is_served(void **state)
{
    _cleanup_buf_ struct buf nothing = BUF_INIT;
    struct fixture f;
    int fd;

    (void)state;
    start_tls(&f);
    fd = dial(&f);
    assert_true(take(&f, fd, NULL, &nothing));
    assert_int_equal(nothing.len, 0);
    close(fd);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_a_connection_are_answered_in_turn),
        cmocka_unit_test(test_a_body_may_come_in_pieces),
        cmocka_unit_test(test_what_is_refused_is_reported_and_closed),
        cmocka_unit_test(test_all_bodies_together_have_a_limit),
        cmocka_unit_test(test_dripping_bytes_win_no_time),
        cmocka_unit_test(test_a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(test_silence_is_closed),
        cmocka_unit_test(test_idle_connections_keep_nobody_out),
        cmocka_unit_test(test_a_full_server_closes_newcomers),
        cmocka_unit_test(test_an_answer_to_nobody),
        cmocka_unit_test(test_an_answer_after_the_server_is_gone),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_tls_is_of_today),
        cmocka_unit_test(test_a_new_certificate_needs_no_restart),
        cmocka_unit_test(test_a_bad_certificate_changes_nothing),
        cmocka_unit_test(test_nonsense_on_a_tls_port_is_closed),
        cmocka_unit_test(test_without_a_certificate_nobody_is_served),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
