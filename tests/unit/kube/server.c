#include "server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* One connection; gone when the client closes it, or with the loop's last turn. */
struct connection {
    struct server *server;
    struct bufferevent *io;
    struct event *later;
    const struct server_answer *answer;
    int left;
};

static void connection_free(struct connection *c)
{
    event_free(c->later);
    bufferevent_free(c->io);
    free(c);
}

static void on_written(struct bufferevent *io, void *context)
{
    struct connection *c = context;

    (void)io;
    if (c->answer && c->answer->close && !c->left)
        connection_free(c);
}

static void wait_for_more(struct connection *c)
{
    event_add(c->later, &(struct timeval){.tv_usec = 20000});
}

static void on_later(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;

    (void)fd;
    (void)what;
    bufferevent_write(c->io, c->answer->then, strlen(c->answer->then));
    if (--c->left)
        wait_for_more(c);
}

static const char *header(const char *head, const char *name, char *ret, size_t size)
{
    const char *at = strcasestr(head, name);

    if (!at)
        return NULL;
    at += strlen(name);
    snprintf(ret, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    return ret;
}

static const struct server_answer *choose(const struct server *s, const char *head)
{
    const char *path = strchr(head, ' ') + 1;
    char value[256];

    for (const struct server_answer *a = s->answers; a->path; a++)
        if (str_starts(path, a->path) &&
            (!a->authorization || str_eq(header(head, "\r\nAuthorization: ", value, sizeof(value)), a->authorization)))
            return a;
    return NULL;
}

static void answer(struct connection *c)
{
    c->answer = choose(c->server, buf_str(&c->server->last));
    if (!c->answer || !c->answer->bytes)
        return;
    c->left = c->answer->repeat;
    bufferevent_write(c->io, c->answer->bytes, strlen(c->answer->bytes));
    if (c->left)
        wait_for_more(c);
}

/* A request at a time: nobody pipelines here. */
static void on_data(struct bufferevent *io, void *context)
{
    struct connection *c = context;
    struct evbuffer *in = bufferevent_get_input(io);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char value[32];
    int64_t body = 0;
    size_t len;

    if (end.pos < 0)
        return;
    len = (size_t)end.pos + 4;
    buf_reset(&c->server->last);
    buf_add(&c->server->last, evbuffer_pullup(in, (ssize_t)len), len);
    if (header(buf_str(&c->server->last), "\r\nContent-Length: ", value, sizeof(value)))
        str_to_int64(value, &body);
    if (evbuffer_get_length(in) < len + (size_t)body)
        return;
    len += (size_t)body;
    buf_reset(&c->server->last);
    buf_add(&c->server->last, evbuffer_pullup(in, (ssize_t)len), len);
    evbuffer_drain(in, len);
    c->server->requests++;
    answer(c);
}

static void on_event(struct bufferevent *io, short what, void *context)
{
    struct connection *c = context;
    SSL *ssl = bufferevent_openssl_get_ssl(io);

    if (what & BEV_EVENT_CONNECTED && ssl) {
        X509 *cert = SSL_get1_peer_certificate(ssl);
        c->server->client_cert = cert;
        if (cert)
            X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->server->client_name,
                                      sizeof(c->server->client_name));
        X509_free(cert);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        connection_free(c);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len,
                      void *context)
{
    struct server *s = context;
    struct connection *c = NEW(struct connection);

    (void)listener;
    (void)peer;
    (void)len;
    c->server = s;
    c->later = evtimer_new(s->loop, on_later, c);
    c->io = s->tls ? bufferevent_openssl_socket_new(s->loop, fd, SSL_new(s->tls), BUFFEREVENT_SSL_ACCEPTING,
                                                    BEV_OPT_CLOSE_ON_FREE)
                   : bufferevent_socket_new(s->loop, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(c->io, on_data, on_written, on_event, c);
    bufferevent_enable(c->io, EV_READ | EV_WRITE);
}

static int accept_any(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1;
}

static const char *expected_client;

static int accept_expected(int good, X509_STORE_CTX *store)
{
    char name[64] = "";

    (void)good;
    X509_NAME_get_text_by_NID(X509_get_subject_name(X509_STORE_CTX_get0_cert(store)), NID_commonName, name,
                              sizeof(name));
    return str_eq(name, expected_client);
}

void server_expect_client(struct server *s, const char *name)
{
    expected_client = name;
    SSL_CTX_set_verify(s->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_expected);
}

static SSL_CTX *make_tls(const char *cert_pem, const char *key_pem)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *cert_in = BIO_new_mem_buf(cert_pem, -1), *key_in = BIO_new_mem_buf(key_pem, -1);
    X509 *cert = PEM_read_bio_X509(cert_in, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_in, NULL, NULL, NULL);

    SSL_CTX_use_certificate(tls, cert);
    SSL_CTX_use_PrivateKey(tls, key);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, accept_any);
    SSL_CTX_set_session_id_context(tls, (const unsigned char *)"test", 4);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_in);
    BIO_free(key_in);
    return tls;
}

void server_start(struct server *s, struct event_base *loop, const struct server_answer *answers, const char *cert,
                  const char *key)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    *s = (struct server){.loop = loop, .answers = answers, .tls = cert ? make_tls(cert, key) : NULL};
    s->listener = evconnlistener_new_bind(loop, on_accept, s, LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *)&address,
                                          sizeof(address));
    if (!s->listener || getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&address, &size) < 0)
        abort();
    s->port = ntohs(address.sin_port);
}

void server_set_certificate(struct server *s, const char *cert, const char *key)
{
    SSL_CTX_free(s->tls);
    s->tls = make_tls(cert, key);
}

void server_stop(struct server *s)
{
    evconnlistener_free(s->listener);
    /* The client is gone: its connections end now. */
    for (int i = 0; i < 3; i++)
        event_base_loop(s->loop, EVLOOP_NONBLOCK);
    buf_release(&s->last);
    SSL_CTX_free(s->tls);
}
