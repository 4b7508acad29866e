#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/credentials.h"

#define CONNECTIONS_MAX 256
#define PATIENCE SECONDS(10)
#define IDLE SECONDS(60)
/*
 * What is left of a refused request is read and dropped for this time: closing immediately would take the answer along.
 */
#define DRAIN SECONDS(1)
#define ACCEPT_AGAIN SECONDS(1)
#define BACKLOG 128
/* This many connections at the same time, or a body this large, leave a heap that is worth releasing. */
#define BURST_CONNECTIONS 32
#define BURST_BODY (256 * 1024)
/* Deferred: no callback runs from inside a call into libevent, so no connection is freed while it is in use. */
#define IO_OPTIONS (BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)

enum state {
    WAITING,  /* for the first byte of a request, or for the handshake */
    HEAD,     /* of a request has begun */
    BODY,     /* is coming */
    HANDLING, /* the answer is being built */
    WRITING,  /* the answer */
    DRAINING, /* the last answer is written: waits for the client to close */
};

struct connection {
    TAILQ_ENTRY(connection) link; /* in the order in which the present state began: the longest first */
    struct http_server *server;
    struct bufferevent *io;
    struct event *deadline;
    struct http_exchange *exchange; /* while HANDLING */
    enum state state;
    struct http_head head; /* from BODY on; borrows nothing: only its numbers are used after the head is freed */
    size_t reserved;       /* of the server's bodies */
    bool last;             /* no further request */
    bool omit_body;        /* HEAD */
};

struct http_exchange {
    struct connection *connection; /* NULL: it was closed */
};

struct http_server {
    struct event_base *loop;
    struct http_server_options options;
    struct evconnlistener *listener;
    struct event *accept_again;
    SSL_CTX *tls; /* NULL: no certificate yet */
    TAILQ_HEAD(, connection) connections;
    size_t connection_count, bodies;
    bool burst; /* since the last connection was closed */
};

static void release_body(struct connection *c)
{
    c->server->bodies -= c->reserved;
    c->reserved = 0;
}

static void connection_free(struct connection *c)
{
    struct http_server *s = c->server;

    release_body(c);
    if (c->exchange)
        c->exchange->connection = NULL;
    TAILQ_REMOVE(&s->connections, c, link);
    s->connection_count--;
    event_free(c->deadline);
    bufferevent_free(c->io);
    free(c);
    /* libcurl uses the same thread's queue of errors. */
    if (s->options.tls)
        ERR_clear_error();
    if (s->connection_count == 0 && s->burst) {
        s->burst = false;
        mem_give_back();
    }
}

static void enter(struct connection *c, enum state state)
{
    const struct http_server_options *o = &c->server->options;
    msec_t patience = state == WAITING ? o->idle : state == DRAINING ? DRAIN : o->patience;

    c->state = state;
    TAILQ_REMOVE(&c->server->connections, c, link);
    TAILQ_INSERT_TAIL(&c->server->connections, c, link);
    event_add(c->deadline, &(struct timeval){.tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000});
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    connection_free(context);
}

static void write_answer(struct connection *c, int status, const char *type, const char *body, size_t len)
{
    struct evbuffer *out = bufferevent_get_output(c->io);

    evbuffer_add_printf(
        out,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "X-Content-Type-Options: nosniff\r\n%s%s\r\n",
        status,
        http_reason(status),
        type,
        len,
        status == 401 ? "WWW-Authenticate: Bearer\r\n" : "",
        c->last ? "Connection: close\r\n" : "");
    if (!c->omit_body)
        evbuffer_add(out, body, len);
    bufferevent_enable(c->io, EV_READ);
    enter(c, WRITING);
}

/* Not an acceptable request, or too much: where the next one would begin is not known. */
static void refuse(struct connection *c, int status)
{
    struct evbuffer *in = bufferevent_get_input(c->io);
    _cleanup_free_ char *text = str_printf("%s\n", http_reason(status));

    c->last = true;
    c->omit_body = false;
    release_body(c);
    evbuffer_drain(in, evbuffer_get_length(in));
    write_answer(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void handle(struct connection *c)
{
    struct http_server *s = c->server;
    struct evbuffer *in = bufferevent_get_input(c->io);
    size_t len = c->head.len + c->head.body_len;
    const char *text = (const char *)evbuffer_pullup(in, (ssize_t)len);
    struct http_exchange *exchange = NEW(struct http_exchange);
    struct http_request request;
    int status;

    /* Its parts have moved while the body arrived. */
    http_head_parse(text, c->head.len, &c->head, &status);
    request = (struct http_request){
        .method = c->head.method,
        .path = c->head.path,
        .query = c->head.query,
        .authorization = c->head.authorization,
        .body = text + c->head.len,
        .body_len = c->head.body_len};
    c->omit_body = http_span_is(c->head.method, "HEAD");
    exchange->connection = c;
    c->exchange = exchange;
    bufferevent_disable(c->io, EV_READ);
    enter(c, HANDLING);
    s->options.handle(s->options.context, exchange, &request);
    /* The connection still exists: only the loop frees one. */
    evbuffer_drain(in, len);
    release_body(c);
}

/* The body is announced: whether there is room for it. */
static bool admit_body(struct connection *c)
{
    struct http_server *s = c->server;

    if (c->head.body_len > s->options.body_max) {
        refuse(c, 413);
        return false;
    }
    if (s->bodies + c->head.body_len > s->options.bodies_max) {
        refuse(c, 503);
        return false;
    }
    c->reserved = c->head.body_len;
    s->bodies += c->reserved;
    s->burst = s->burst || c->reserved >= BURST_BODY;
    bufferevent_setwatermark(c->io, EV_READ, 0, c->head.len + c->head.body_len);
    if (c->head.expects_continue)
        evbuffer_add_printf(bufferevent_get_output(c->io), "HTTP/1.1 100 Continue\r\n\r\n");
    return true;
}

static void read_head(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->io);
    size_t len = evbuffer_get_length(in);
    int status = 0, result;

    if (len == 0)
        return;
    if (c->state == WAITING)
        enter(c, HEAD);
    result = http_head_parse((const char *)evbuffer_pullup(in, -1), len, &c->head, &status);
    if (result < 0) {
        refuse(c, status);
    } else if (result > 0) {
        c->last = !c->head.keep_alive;
        if (admit_body(c))
            enter(c, BODY);
    }
}

static void read_on(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->io);

    if (c->state == WAITING || c->state == HEAD)
        read_head(c);
    if (c->state == BODY && evbuffer_get_length(in) >= c->head.len + c->head.body_len)
        handle(c);
    if (c->state == DRAINING || (c->state == WRITING && c->last))
        evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_read(struct bufferevent *io, void *context)
{
    (void)io;
    read_on(context);
}

/* The answer was sent. */
static void on_written(struct bufferevent *io, void *context)
{
    struct connection *c = context;

    if (c->state != WRITING || evbuffer_get_length(bufferevent_get_output(io)))
        return;
    if (c->last) {
        enter(c, DRAINING);
        if (c->server->options.tls)
            SSL_shutdown(bufferevent_openssl_get_ssl(io));
        else
            shutdown(bufferevent_getfd(io), SHUT_WR);
        return;
    }
    bufferevent_setwatermark(io, EV_READ, 0, HTTP_HEAD_MAX_BYTES);
    enter(c, WAITING);
    read_on(c);
}

static void on_event(struct bufferevent *io, short what, void *context)
{
    (void)io;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        connection_free(context);
}

/* The connection that has waited longest without a request is closed. */
static bool make_room(struct http_server *s)
{
    struct connection *c;

    TAILQ_FOREACH(c, &s->connections, link)
    {
        if (c->state == BODY || c->state == HANDLING || c->state == WRITING)
            continue;
        connection_free(c);
        return true;
    }
    return false;
}

static struct bufferevent *open_io(struct http_server *s, evutil_socket_t fd)
{
    struct bufferevent *io;
    SSL *ssl;

    if (!s->options.tls)
        return bufferevent_socket_new(s->loop, fd, IO_OPTIONS);
    if (!s->tls || !(ssl = SSL_new(s->tls)))
        return NULL;
    io = bufferevent_openssl_socket_new(s->loop, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, IO_OPTIONS);
    if (io)
        bufferevent_openssl_set_allow_dirty_shutdown(io, 1);
    return io;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len, void *context)
{
    struct http_server *s = context;
    struct bufferevent *io = NULL;
    struct connection *c;

    (void)listener, (void)peer, (void)len;
    if (s->connection_count < s->options.connections_max || make_room(s))
        io = open_io(s, fd);
    if (!io) {
        evutil_closesocket(fd);
        return;
    }
    c = NEW(struct connection);
    c->server = s;
    c->io = io;
    c->deadline = evtimer_new(s->loop, on_deadline, c);
    TAILQ_INSERT_TAIL(&s->connections, c, link);
    s->connection_count++;
    s->burst = s->burst || s->connection_count >= BURST_CONNECTIONS;
    bufferevent_setcb(io, on_read, on_written, on_event, c);
    bufferevent_setwatermark(io, EV_READ, 0, HTTP_HEAD_MAX_BYTES);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    /* The first request is due immediately. */
    enter(c, HEAD);
}

/* Out of descriptors, most likely: the loop must not spin on it. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct http_server *s = context;

    evconnlistener_disable(listener);
    event_add(s->accept_again, &(struct timeval){.tv_sec = ACCEPT_AGAIN / 1000});
}

static void on_accept_again(evutil_socket_t fd, short what, void *context)
{
    struct http_server *s = context;

    (void)fd, (void)what;
    evconnlistener_enable(s->listener);
}

void http_answer(struct http_exchange *exchange, int status, const char *type, const char *body, size_t len)
{
    struct connection *c = exchange->connection;

    free(exchange);
    if (!c)
        return;
    c->exchange = NULL;
    write_answer(c, status, type, body, len);
}

void http_answer_text(struct http_exchange *exchange, int status, const char *text)
{
    _cleanup_free_ char *line = str_printf("%s\n", text);

    http_answer(exchange, status, "text/plain; charset=utf-8", line, strlen(line));
}

static int parse_address(const char *address, struct sockaddr_storage *ret, int *ret_len, struct err *e)
{
    const char *colon = strrchr(address, ':');
    _cleanup_free_ char *host = NULL;
    int64_t port;

    if (!colon || !str_to_int64(colon + 1, &port) || port < 0 || port > UINT16_MAX)
        return err_set(
            e, ERR_USAGE, "address \"%s\": allowed is HOST:PORT or :PORT with a port of 0 to 65535", address);
    host = colon == address ? str_dup("0.0.0.0") : str_dup_n(address, (size_t)(colon - address));
    *ret_len = sizeof(*ret);
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)ret, ret_len) < 0)
        return err_set(e, ERR_USAGE, "address \"%s\": HOST must be an IP address, one of IPv6 in brackets", address);
    if (ret->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)ret)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)ret)->sin_port = htons((uint16_t)port);
    return 0;
}

int http_server_new(
    struct event_base *loop, const struct http_server_options *options, struct http_server **ret, struct err *e)
{
    _cleanup_http_server_ struct http_server *s = NEW(struct http_server);
    struct sockaddr_storage address = {0};
    int len;

    s->loop = loop;
    s->options = *options;
    s->options.address = NULL;
    if (!s->options.connections_max)
        s->options.connections_max = CONNECTIONS_MAX;
    if (!s->options.bodies_max)
        s->options.bodies_max = s->options.body_max;
    if (!s->options.patience)
        s->options.patience = PATIENCE;
    if (!s->options.idle)
        s->options.idle = IDLE;
    TAILQ_INIT(&s->connections);
    if (parse_address(options->address, &address, &len, e) < 0)
        return -1;
    s->listener = evconnlistener_new_bind(
        loop,
        on_accept,
        s,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        BACKLOG,
        (struct sockaddr *)&address,
        len);
    if (!s->listener)
        return err_errno(e, errno, "cannot listen on %s", options->address);
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    s->accept_again = evtimer_new(loop, on_accept_again, s);
    *ret = TAKE_PTR(s);
    return 0;
}

void http_server_free(struct http_server *s)
{
    struct connection *c;

    if (!s)
        return;
    if (s->listener)
        evconnlistener_free(s->listener);
    if (s->accept_again)
        event_free(s->accept_again);
    while ((c = TAILQ_FIRST(&s->connections)))
        connection_free(c);
    SSL_CTX_free(s->tls);
    free(s);
}

int http_server_port(const struct http_server *s)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&address, &len) < 0)
        return -1;
    return ntohs(
        address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                      : ((struct sockaddr_in *)&address)->sin_port);
}

size_t http_server_connections(const struct http_server *s)
{
    return s->connection_count;
}

static bool use_pem(SSL_CTX *tls, const char *cert_pem, const char *key_pem)
{
    BIO *cert_in = BIO_new_mem_buf(cert_pem, -1), *key_in = BIO_new_mem_buf(key_pem, -1);
    X509 *cert = PEM_read_bio_X509(cert_in, NULL, net_pem_no_passphrase, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_in, NULL, net_pem_no_passphrase, NULL);
    bool good = cert && key && SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1 &&
                SSL_CTX_check_private_key(tls) == 1;

    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_in);
    BIO_free(key_in);
    ERR_clear_error();
    return good;
}

int http_server_certify(struct http_server *s, const char *cert_pem, const char *key_pem, struct err *e)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls)
        abort();
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(
        tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Of 1.2 only what has forward secrecy and authenticated encryption; of 1.3 there is nothing else. */
    SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (!use_pem(tls, cert_pem, key_pem)) {
        SSL_CTX_free(tls);
        return err_set(e, ERR_INVALID, "the certificate and its key are not of use for TLS");
    }
    SSL_CTX_free(s->tls);
    s->tls = tls;
    return 0;
}
