/*
 * Hostile clients at both ports of the operator: all the while it answers the kubelet's probe, and afterwards its
 * connections, descriptors and memory are what they were.
 */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "harness.h"
#include "serve/webhook.h"

#define MIB ((size_t)1 << 20)
/* What the server gives each step of a request, and some more: this machine is shared. */
#define STEP_MS 10000
#define GRACE_MS 20000
#define IDLE_CONNECTIONS 10000
/* Resident beyond the rest: what 256 connections and four bodies of reviews may take. */
#define MEMORY_SLACK_KB (64L * 1024)

static struct {
    int ports[2]; /* plain, TLS */
    SSL_CTX *tls;
    double heap;
    int descriptors;
    long memory_kb;
    msec_t slowest; /* answer to the probe */
} f;

enum { PLAIN, TLS };

struct client {
    int fd;
    SSL *ssl; /* NULL: none */
};

/* --- connections --- */

static int dial(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    const struct timeval limit = {.tv_sec = GRACE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail_msg("cannot connect: %s", strerror(errno));
    return fd;
}

static struct client client_open(int kind)
{
    struct client c = {.fd = dial(f.ports[kind])};

    if (kind == TLS) {
        c.ssl = SSL_new(f.tls);
        SSL_set_fd(c.ssl, c.fd);
        if (SSL_connect(c.ssl) != 1)
            fail_msg("no TLS");
    }
    return c;
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
}

/* False once the server takes no more. */
static bool client_write(struct client *c, const void *data, size_t len)
{
    const char *at = data;

    while (len) {
        int part = len > MIB ? (int)MIB : (int)len;
        ssize_t n = c->ssl ? SSL_write(c->ssl, at, part) : send(c->fd, at, (size_t)part, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* The status of the answer; 0: the server closed without one. */
static int client_status(struct client *c)
{
    char head[64] = "";
    size_t have = 0;
    ssize_t n = 1;

    while (n > 0 && have < 12) {
        int space = (int)(sizeof(head) - 1 - have);
        n = c->ssl ? SSL_read(c->ssl, head + have, space) : recv(c->fd, head + have, (size_t)space, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    return str_starts(head, "HTTP/1.1 ") ? (int)strtol(head + 9, NULL, 10) : 0;
}

/* Whether the server has closed; does not wait. */
static bool is_closed(int fd)
{
    char data[4096];
    ssize_t n;

    while ((n = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
        ;
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* --- the operator's health --- */

static void probe(void)
{
    msec_t start = clock_now_monotonic(), took;
    _cleanup_free_ char *answer = operator_get("/healthz");

    took = clock_now_monotonic() - start;
    f.slowest = took > f.slowest ? took : f.slowest;
    if (!answer)
        fail_msg("/healthz is not answered");
}

static bool descriptors_are_back(void *context)
{
    (void)context;
    return operator_descriptors() <= f.descriptors;
}

static void check_memory(void)
{
    long now = operator_memory_kb();

    if (!getenv("TEST_SANITIZE") && now > f.memory_kb + MEMORY_SLACK_KB)
        fail_msg("resident memory was %ld kB and is %ld kB", f.memory_kb, now);
}

/* POSTs a body to the webhook and says what came of it. */
static int post(const char *body, size_t len)
{
    struct client c = client_open(TLS);
    _cleanup_free_ char *head =
        str_printf("POST " WEBHOOK_PATH " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", len);
    int status;

    client_write(&c, head, strlen(head));
    client_write(&c, body, len);
    status = client_status(&c);
    client_close(&c);
    return status;
}

static void check_recovered(void)
{
    static const char review[] = "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
                                 "\"request\":{\"uid\":\"u\",\"operation\":\"DELETE\"}}";

    probe();
    assert_int_equal(post(review, strlen(review)), 200);
    wait_until(descriptors_are_back, NULL, GRACE_MS, "descriptors are closed");
    operator_wait_heap_is_back(f.heap);
    print_message(
        "           slowest probe so far %lld ms, resident %ld kB (%ld kB before)\n",
        (long long)f.slowest,
        operator_memory_kb(),
        f.memory_kb);
}

/* --- set-up --- */

static int read_port(const char *log, const char *key)
{
    const char *at = strstr(log, key);

    if (!at)
        fail_msg("the log does not say %s", key);
    return (int)strtol(at + strlen(key), NULL, 10);
}

static bool tls_is_served(void *context)
{
    int fd = dial(f.ports[TLS]);
    SSL *ssl = SSL_new(f.tls);
    bool served;

    (void)context;
    SSL_set_fd(ssl, fd);
    served = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    close(fd);
    return served;
}

static int set_up(void **state)
{
    static const char *const arguments[] = {"--webhook-addr", "127.0.0.1:0", NULL};
    const struct rlimit many = {IDLE_CONNECTIONS + 1000, IDLE_CONNECTIONS + 1000};
    char log[4096] = "";
    FILE *file;

    if (harness_setup(state) < 0 || setrlimit(RLIMIT_NOFILE, &many) < 0)
        return -1;
    f.tls = SSL_CTX_new(TLS_client_method());
    h.operator_arguments = arguments;
    operator_start();
    file = fopen(h.log_path, "re");
    if (!file || !fread(log, 1, sizeof(log) - 1, file))
        return -1;
    fclose(file);
    f.ports[PLAIN] = h.operator_port;
    f.ports[TLS] = read_port(log, "webhook_port=");
    wait_until(tls_is_served, NULL, PATIENCE, "the webhook has its certificate");
    /* What is only allocated once is allocated before it is counted. */
    post("{}", 2);
    probe();
    pause_ms(500);
    f.heap = operator_metric("heap_bytes");
    f.memory_kb = operator_memory_kb();
    f.descriptors = operator_descriptors();
    return 0;
}

static int tear_down(void **state)
{
    operator_kill(SIGTERM);
    cluster_delete_if_there(
        kind_of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"), NULL, WEBHOOK_CONFIGURATION);
    cluster_delete_if_there(kind_of("v1", "Secret"), NS, WEBHOOK_SECRET);
    SSL_CTX_free(f.tls);
    return harness_teardown(state);
}

/* --- attacks --- */

static void a_body_of_100_MB_is_refused_unread(void **state)
{
    static const char head[] = "POST " WEBHOOK_PATH " HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n";
    _cleanup_free_ char *chunk = mem_new0(MIB, 1);

    (void)state;
    for (int kind = PLAIN; kind <= TLS; kind++) {
        struct client c = client_open(kind);
        size_t sent = 0;
        assert_true(client_write(&c, head, strlen(head)));
        assert_int_equal(client_status(&c), 413);
        while (sent < 100 && client_write(&c, chunk, MIB)) {
            sent++;
            probe();
        }
        check_memory();
        client_close(&c);
    }
    check_recovered();
}

static void bodies_that_never_come_hold_no_memory_without_end(void **state)
{
    static const char head[] = "POST " WEBHOOK_PATH " HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
    _cleanup_free_ char *chunk = mem_new0(MIB, 1);
    struct client clients[16];
    int refused = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(TLS);
        client_write(&clients[i], head, strlen(head));
        if (i < 4)
            client_write(&clients[i], chunk, MIB);
    }
    probe();
    for (size_t i = 4; i < ARRAY_LEN(clients); i++)
        refused += client_status(&clients[i]) == 503;
    assert_int_equal(refused, 12);
    check_memory();
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        client_close(&clients[i]);
    check_recovered();
}

static void lists_of_a_million_and_deep_nesting_are_refused(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    (void)state;
    buf_add_str(&text, "{\"a\":[0");
    for (int i = 1; i < 1000000; i++)
        buf_add_str(&text, ",0");
    buf_add_str(&text, "]}");
    assert_int_equal(post(buf_str(&text), text.len), 413);
    buf_reset(&text);
    for (int i = 0; i < 99000; i++)
        buf_add_char(&text, '[');
    assert_int_equal(post(buf_str(&text), text.len), 400);
    for (int i = 0; i < 2000; i++)
        buf_add_char(&text, '{');
    assert_int_equal(post(buf_str(&text), text.len), 413);
    check_memory();
    check_recovered();
}

static void oversized_heads_are_refused(void **state)
{
    _cleanup_buf_ struct buf head = BUF_INIT;

    (void)state;
    buf_add_str(&head, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
    while (head.len < MIB)
        buf_add_str(&head, "0123456789");
    for (int kind = PLAIN; kind <= TLS; kind++) {
        struct client c = client_open(kind);
        client_write(&c, buf_str(&head), head.len);
        assert_int_equal(client_status(&c), 431);
        client_close(&c);
    }
    check_recovered();
}

static void clients_that_drip_are_closed_in_time(void **state)
{
    static const char drops[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: 0123456789012345678901234567890123456789";
    msec_t until = clock_now_monotonic() + STEP_MS + GRACE_MS;
    struct client clients[2][40];
    size_t open = 1;

    (void)state;
    for (size_t i = 0; i < 40; i++)
        for (int kind = PLAIN; kind <= TLS; kind++)
            clients[kind][i] = client_open(kind);
    for (size_t drop = 0; open > 0; drop++) {
        if (clock_now_monotonic() > until)
            fail_msg("%zu clients still drip", open);
        open = 0;
        for (size_t i = 0; i < 80; i++) {
            struct client *c = &clients[i % 2][i / 2];
            if (c->fd < 0)
                continue;
            if (is_closed(c->fd) || !client_write(c, drops + drop % strlen(drops), 1)) {
                client_close(c);
                *c = (struct client){.fd = -1};
                continue;
            }
            open++;
        }
        probe();
        pause_ms(250);
    }
    check_recovered();
}

enum { HANDSHAKES = 100 };

/* Meanwhile others are served. */
static bool are_closed(void *context)
{
    const int *fds = context;
    size_t open = 0;

    for (size_t i = 0; i < HANDSHAKES; i++)
        open += !is_closed(fds[i]);
    wait_saw("%zu are open", open);
    probe();
    assert_int_equal(post("{}", 2), 400);
    return open == 0;
}

static void handshakes_that_never_end_are_closed_in_time(void **state)
{
    /* The beginning of a ClientHello that says it has 512 bytes. */
    static const unsigned char hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4};
    int fds[HANDSHAKES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(f.ports[TLS]);
        if (i % 2)
            assert_int_equal(send(fds[i], hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
    }
    wait_until(are_closed, fds, STEP_MS + GRACE_MS, "handshakes that do not end are closed");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    check_recovered();
}

static void nonsense_instead_of_tls_is_closed(void **state)
{
    unsigned char noise[64 * 1024];
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct client c = {.fd = dial(f.ports[TLS])};
        for (size_t i = 0; i < sizeof(noise); i++) {
            seed = seed * 1664525 + 1013904223;
            noise[i] = (unsigned char)(seed >> 24);
        }
        /* Every other one begins as TLS does. */
        if (round % 2)
            memcpy(noise, "\x16\x03\x01\x40", 4);
        client_write(&c, noise, sizeof(noise));
        shutdown(c.fd, SHUT_WR);
        /* A TLS alert at most. */
        assert_int_equal(client_status(&c), 0);
        client_close(&c);
        if (round % 20 == 0)
            probe();
    }
    check_recovered();
}

static void ten_thousand_idle_connections_keep_nobody_out(void **state)
{
    int *fds = NEW_ARRAY(int, IDLE_CONNECTIONS);

    (void)state;
    for (int i = 0; i < IDLE_CONNECTIONS; i++) {
        fds[i] = dial(f.ports[i % 2]);
        if (i % 250 == 0)
            probe();
    }
    for (int i = 0; i < 20; i++)
        probe();
    assert_int_equal(post("{}", 2), 400);
    check_memory();
    for (int i = 0; i < IDLE_CONNECTIONS; i++)
        close(fds[i]);
    free(fds);
    check_recovered();
}

static void it_is_the_same_process_as_before(void **state)
{
    (void)state;
    assert_int_equal(kill(h.operator_pid, 0), 0);
    check_recovered();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_100_MB_is_refused_unread),
        cmocka_unit_test(bodies_that_never_come_hold_no_memory_without_end),
        cmocka_unit_test(lists_of_a_million_and_deep_nesting_are_refused),
        cmocka_unit_test(oversized_heads_are_refused),
        cmocka_unit_test(clients_that_drip_are_closed_in_time),
        cmocka_unit_test(handshakes_that_never_end_are_closed_in_time),
        cmocka_unit_test(nonsense_instead_of_tls_is_closed),
        cmocka_unit_test(ten_thousand_idle_connections_keep_nobody_out),
        cmocka_unit_test(it_is_the_same_process_as_before),
    };

    return cmocka_run_group_tests_name("hostile clients", tests, set_up, tear_down);
}
