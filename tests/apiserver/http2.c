#include "http2.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/str.h"

#define BODY_MAX ((size_t)4 * 1024 * 1024)
#define HEADER_MAX ((size_t)16 * 1024)
#define STREAMS_MAX 250 /* as Kubernetes' servers allow on a connection */
/* What may wait in a connection's output before no more is taken out of its exchanges. */
#define OUTPUT_MAX ((size_t)256 * 1024)
#define BACKLOG 1024
#define RESETS_MOST UINT32_MAX

struct connection {
    struct http2_server *server;
    struct connection *previous, *next;
    struct bufferevent *io;
    nghttp2_session *session;
    struct connection *next_due;
    struct exchange *exchanges;
    bool due;    /* in the server's list of those that have something to send */
    bool broken; /* to be freed by flush() */
};

struct exchange {
    struct connection *connection;
    struct exchange *previous, *next;
    int32_t id;
    char *headers[HTTP2_HEADERS];
    struct buf in, out;
    size_t sent; /* of `out` */
    bool ended;
    void (*source)(struct buf *body);
    void (*on_end)(void *context);
    void *context;
};

struct http2_server {
    struct event_base *loop;
    SSL_CTX *tls;
    struct evconnlistener *listener;
    int port;
    http2_request_fn on_request;
    void *context;
    struct connection *connections, *first_due;
    struct event *send_due;
    size_t connection_count;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
};

static const char *const header_names[HTTP2_HEADERS] = {":method", ":path", "authorization", "accept", "content-type"};

/* --- connections --- */

static void exchange_free(struct exchange *x)
{
    if (x->on_end)
        x->on_end(x->context);
    if (x->previous)
        x->previous->next = x->next;
    else
        x->connection->exchanges = x->next;
    if (x->next)
        x->next->previous = x->previous;
    for (size_t i = 0; i < HTTP2_HEADERS; i++)
        free(x->headers[i]);
    buf_release(&x->in);
    buf_release(&x->out);
    free(x);
}

static void connection_free(struct connection *c)
{
    while (c->exchanges)
        exchange_free(c->exchanges);
    if (c->previous)
        c->previous->next = c->next;
    else
        c->server->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    for (struct connection **due = &c->server->first_due; *due; due = &(*due)->next_due) {
        if (*due == c) {
            *due = c->next_due;
            break;
        }
    }
    c->server->connection_count--;
    nghttp2_session_del(c->session);
    bufferevent_free(c->io);
    free(c);
}

/* Moves frames to the output. The connection may be gone afterwards, so this runs from the loop alone. */
static void flush(struct connection *c)
{
    struct evbuffer *output = bufferevent_get_output(c->io);
    const uint8_t *data;
    ssize_t len;

    while (!c->broken && evbuffer_get_length(output) < OUTPUT_MAX) {
        len = nghttp2_session_mem_send(c->session, &data);
        if (len < 0)
            c->broken = true;
        if (len <= 0)
            break;
        bufferevent_write(c->io, data, (size_t)len);
    }
    if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session) &&
        !evbuffer_get_length(output))
        c->broken = true;
    if (c->broken)
        connection_free(c);
}

static void on_send_due(evutil_socket_t fd, short what, void *context)
{
    struct http2_server *s = context;
    struct connection *c;

    (void)fd;
    (void)what;
    while ((c = s->first_due)) {
        s->first_due = c->next_due;
        c->due = false;
        flush(c);
    }
}

static void flush_soon(struct connection *c)
{
    if (c->due)
        return;
    c->due = true;
    c->next_due = c->server->first_due;
    c->server->first_due = c;
    event_active(c->server->send_due, 0, 0);
}

static void on_read(struct bufferevent *io, void *context)
{
    struct connection *c = context;
    struct evbuffer *input = bufferevent_get_input(io);
    struct evbuffer_iovec piece;

    while (!c->broken && evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
        if (nghttp2_session_mem_recv(c->session, piece.iov_base, piece.iov_len) < 0)
            c->broken = true;
        evbuffer_drain(input, piece.iov_len);
    }
    flush(c);
}

static void on_drained(struct bufferevent *io, void *context)
{
    (void)io;
    flush(context);
}

static void on_event(struct bufferevent *io, short what, void *context)
{
    struct connection *c = context;
    const unsigned char *protocol = NULL;
    unsigned int len = 0;

    if (what & BEV_EVENT_CONNECTED) {
        SSL_get0_alpn_selected(bufferevent_openssl_get_ssl(io), &protocol, &len);
        if (len == 2 && memcmp(protocol, "h2", 2) == 0) {
            flush(c);
            return;
        }
    }
    connection_free(c);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len,
                      void *context)
{
    static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX}};
    struct http2_server *s = context;
    struct connection *c = NEW(struct connection);
    SSL *ssl = SSL_new(s->tls);

    (void)listener;
    (void)peer;
    (void)len;
    c->server = s;
    c->next = s->connections;
    if (c->next)
        c->next->previous = c;
    s->connections = c;
    s->connection_count++;
    c->io = bufferevent_openssl_socket_new(s->loop, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_openssl_set_allow_dirty_shutdown(c->io, 1);
    bufferevent_setcb(c->io, on_read, on_drained, on_event, c);
    nghttp2_session_server_new2(&c->session, s->callbacks, c, s->options);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    bufferevent_enable(c->io, EV_READ | EV_WRITE);
}

/* --- what nghttp2 tells --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct connection *c = context;
    struct exchange *x;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    x = NEW(struct exchange);
    *x = (struct exchange){
        .connection = c, .next = c->exchanges, .id = frame->hd.stream_id, .in = BUF_INIT_LIMIT(BODY_MAX)};
    if (x->next)
        x->next->previous = x;
    c->exchanges = x;
    nghttp2_session_set_stream_user_data(session, x->id, x);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *context)
{
    struct exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)context;
    for (size_t i = 0; x && value_len <= HEADER_MAX && i < HTTP2_HEADERS; i++) {
        if (strlen(header_names[i]) == name_len && memcmp(header_names[i], name, name_len) == 0) {
            free(x->headers[i]);
            x->headers[i] = str_dup_n((const char *)value, value_len);
        }
    }
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *context)
{
    struct exchange *x = nghttp2_session_get_stream_user_data(session, id);

    (void)flags;
    (void)context;
    if (x && buf_add(&x->in, data, len) < 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct connection *c = context;
    struct exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM && x)
        c->server->on_request(c->server->context, x);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
    struct exchange *x = nghttp2_session_get_stream_user_data(session, id);

    (void)error;
    (void)context;
    if (x)
        exchange_free(x);
    return 0;
}

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *context)
{
    struct exchange *x = source->ptr;

    (void)session;
    (void)id;
    (void)context;
    if (x->sent == x->out.len && x->source)
        x->source(&x->out);
    if (len > x->out.len - x->sent)
        len = x->out.len - x->sent;
    if (len)
        memcpy(to, x->out.data + x->sent, len);
    x->sent += len;
    if (x->sent == x->out.len) { /* a watch waits for hours: its memory goes */
        buf_release(&x->out);
        x->sent = 0;
        if (x->ended)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        else if (!len)
            return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)len;
}

/* --- exchanges --- */

const char *exchange_header(const struct exchange *x, enum http2_header header)
{
    return x->headers[header];
}

const struct buf *exchange_body(const struct exchange *x)
{
    return &x->in;
}

static nghttp2_nv header_pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void exchange_begin(struct exchange *x, int status, int retry_after)
{
    nghttp2_data_provider body = {.source.ptr = x, .read_callback = give_body};
    char code[16], seconds[16];
    nghttp2_nv headers[3];

    snprintf(code, sizeof(code), "%d", status);
    snprintf(seconds, sizeof(seconds), "%d", retry_after);
    headers[0] = header_pair(":status", code);
    headers[1] = header_pair("content-type", "application/json");
    headers[2] = header_pair("retry-after", seconds);
    nghttp2_submit_response(x->connection->session, x->id, headers, retry_after ? 3 : 2, &body);
    /* The request was read: long answers need not hold on to it. */
    buf_release(&x->in);
    flush_soon(x->connection);
}

static void resume(struct exchange *x)
{
    nghttp2_session_resume_data(x->connection->session, x->id);
    flush_soon(x->connection);
}

void exchange_write(struct exchange *x, const void *data, size_t len)
{
    buf_add(&x->out, data, len);
    resume(x);
}

void exchange_set_source(struct exchange *x, void (*source)(struct buf *body))
{
    x->source = source;
    resume(x);
}

void exchange_end(struct exchange *x)
{
    x->ended = true;
    resume(x);
}

void exchange_reset(struct exchange *x)
{
    nghttp2_submit_rst_stream(x->connection->session, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_INTERNAL_ERROR);
    flush_soon(x->connection);
}

void exchange_disconnect(struct exchange *x)
{
    x->connection->broken = true;
    flush_soon(x->connection);
}

void exchange_on_end(struct exchange *x, void (*on_end)(void *context), void *context)
{
    x->on_end = on_end;
    x->context = context;
}

/* --- the server --- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned int in_len, void *context)
{
    static const unsigned char h2[] = {2, 'h', '2'};
    unsigned char *chosen;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&chosen, out_len, h2, sizeof(h2), in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *tls_new(const char *cert_text, const char *key_text)
{
    BIO *cert_in = BIO_new_mem_buf(cert_text, -1), *key_in = BIO_new_mem_buf(key_text, -1);
    X509 *cert = PEM_read_bio_X509(cert_in, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_in, NULL, NULL, NULL);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!cert || !key || SSL_CTX_use_certificate(tls, cert) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1) {
        SSL_CTX_free(tls);
        tls = NULL;
    } else {
        SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_in);
    BIO_free(key_in);
    return tls;
}

static void set_callbacks(struct http2_server *s)
{
    nghttp2_session_callbacks_new(&s->callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(s->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(s->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(s->callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(s->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(s->callbacks, on_stream_close);
    nghttp2_option_new(&s->options);
    nghttp2_option_set_no_closed_streams(s->options, 1);
    /* libcurl resets streams that are over; thousands of them a second are no attack here. */
    nghttp2_option_set_stream_reset_rate_limit(s->options, RESETS_MOST, RESETS_MOST);
}

int http2_server_new(struct event_base *loop, int port, const char *cert, const char *key, http2_request_fn on_request,
                     void *context, struct http2_server **ret, struct err *e)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct http2_server *s = NEW(struct http2_server);

    s->loop = loop;
    s->on_request = on_request;
    s->context = context;
    s->send_due = event_new(loop, -1, 0, on_send_due, s);
    set_callbacks(s);
    s->tls = tls_new(cert, key);
    if (!s->tls) {
        http2_server_free(s);
        return err_set(e, ERR_INVALID, "the certificate or its key cannot be used");
    }
    s->listener = evconnlistener_new_bind(loop, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG,
                                          (struct sockaddr *)&address, (int)len);
    if (!s->listener) {
        http2_server_free(s);
        return err_set(e, ERR_IO, "cannot listen on 127.0.0.1:%d", port);
    }
    getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&address, &len);
    s->port = ntohs(address.sin_port);
    *ret = s;
    return 0;
}

void http2_server_free(struct http2_server *s)
{
    if (!s)
        return;
    while (s->connections)
        connection_free(s->connections);
    if (s->listener)
        evconnlistener_free(s->listener);
    event_free(s->send_due);
    SSL_CTX_free(s->tls);
    nghttp2_session_callbacks_del(s->callbacks);
    nghttp2_option_del(s->options);
    free(s);
}

int http2_server_port(const struct http2_server *s)
{
    return s->port;
}

size_t http2_server_connections(const struct http2_server *s)
{
    return s->connection_count;
}
