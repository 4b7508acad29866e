#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/client_impl.h"

/*
 * A peer that disappears silently is noticed by the kernel, for all streams of a connection together: unanswered
 * data after USER_TIMEOUT, an idle connection after KEEP_IDLE + KEEP_COUNT * KEEP_INTERVAL.
 */
enum { USER_TIMEOUT_MS = 20000, KEEP_IDLE_S = 20, KEEP_INTERVAL_S = 5, KEEP_COUNT = 3 };

/* libcurl's own limit of streams is 100; the server's (250 of a kube-apiserver) is the one that counts. */
enum { STREAMS_MAX = 1000 };

/* Only a server without HTTP/2 needs more than one: one a watch and one a request under way. */
enum { CONNECTIONS_MAX = 128, IDLE_CONNECTIONS_MAX = 2 };

enum { UPLOAD_BUFFER = 16384 };

static void act(struct net_client *c, curl_socket_t fd, int flags)
{
    int running;

    c->events->before(c);
    curl_multi_socket_action(c->multi, fd, flags, &running);
    c->events->after(c);
}

static void on_socket(evutil_socket_t fd, short what, void *context)
{
    act(context, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl says what it waits for on a socket. The event of a socket is kept with libcurl, as the socket's own. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    struct net_client *c = context;
    struct event *event = socket_context;
    short flags = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    flags |= what & CURL_POLL_IN ? EV_READ : 0;
    flags |= what & CURL_POLL_OUT ? EV_WRITE : 0;
    event = event_new(c->loop, fd, flags, on_socket, c);
    event_add(event, NULL);
    curl_multi_assign(c->multi, fd, event);
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *context)
{
    struct net_client *c = context;

    (void)multi;
    if (ms < 0)
        return event_del(c->timer);
    return event_add(c->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static int set_socket_options(void *context, curl_socket_t fd, curlsocktype purpose)
{
    struct net_client *c = context;
    const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
    };

    (void)purpose;
    c->stats.connections++;
    ARRAY_RESERVE_ONE(c->sockets, c->sockets_len, c->sockets_cap);
    c->sockets[c->sockets_len++] = fd;
    /* Without these options the connection works as well, and a dead peer is noticed by time-outs. */
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    /* A child process (an exec plugin) must not hold it. */
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

static size_t receive(char *data, size_t size, size_t count, void *context)
{
    struct net_call *call = context;
    size_t len = size * count;

    return call->client->events->received(call, data, len) < 0 ? 0 : len;
}

/* A line of the answer's head; an empty one ends it. */
static size_t receive_head(char *line, size_t size, size_t count, void *context)
{
    struct net_call *call = context;

    if (size * count == 2 && line[0] == '\r')
        call->client->events->begun(call);
    return size * count;
}

static int close_socket(void *context, curl_socket_t fd)
{
    struct net_client *c = context;

    for (size_t i = 0; i < c->sockets_len; i++)
        if (c->sockets[i] == fd) {
            c->sockets[i] = c->sockets[--c->sockets_len];
            break;
        }
    return close(fd);
}

/* By connect(2), to no address: unlike shutdown() and close() it drops what the kernel has not sent yet. */
void net_transport_cut(struct net_client *c)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    while (c->sockets_len)
        (void)connect(c->sockets[--c->sockets_len], &nowhere, sizeof(nowhere));
}

static bool is_loopback(const char *host)
{
    return str_eq(host, "localhost") || str_starts(host, "127.") || str_eq(host, "[::1]");
}

/*
 * Where the name in the certificate is not the server's address, the URL carries the name (it is what libcurl asks for
 * and checks), and the connection is directed to the address. The server still reads its own address as its name.
 */
static int
set_server_name(struct net_client *c, const char *name, CURLU *url, const char *host, const char *port, struct err *e)
{
    _cleanup_free_ char *bracketed = strchr(name, ':') && *name != '[' ? str_printf("[%s]", name) : str_dup(name);
    _cleanup_free_ char *connect_to = str_printf("%s:%s:%s:%s", bracketed, port, host, port);

    if (curl_url_set(url, CURLUPART_HOST, bracketed, 0) != CURLUE_OK)
        return err_set(e, ERR_INVALID, "tls-server-name \"%s\" is no host name", name);
    c->connect_to = curl_slist_append(NULL, connect_to);
    c->host_header = str_printf("Host: %s:%s", host, port);
    return 0;
}

static int use_url(
    struct net_client *c, const struct net_server *server, CURLU *url, char **host, char **port, char **text,
    struct err *e)
{
    if (curl_url_set(url, CURLUPART_URL, server->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return err_set(e, ERR_INVALID, "server \"%s\" is no URL", server->url);
    if (server->tls_server_name && set_server_name(c, server->tls_server_name, url, *host, *port, e) < 0)
        return -1;
    if (curl_url_get(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return err_set(e, ERR_INVALID, "server \"%s\" is no URL", server->url);
    c->direct = is_loopback(*host);
    c->base_url = str_dup(*text);
    /* The parser ends a URL without a path in a slash; requests begin with one. */
    for (size_t len = strlen(c->base_url); len && c->base_url[len - 1] == '/'; len--)
        c->base_url[len - 1] = '\0';
    return 0;
}

static int set_url(struct net_client *c, const struct net_server *server, struct err *e)
{
    char *host = NULL, *port = NULL, *text = NULL;
    CURLU *url = curl_url();
    int r = use_url(c, server, url, &host, &port, &text, e);

    curl_free(host);
    curl_free(port);
    curl_free(text);
    curl_url_cleanup(url);
    return r;
}

/* Tables that all clients have in common: hosts' addresses, and TLS sessions, of which none is kept. */
static CURLSH *share;

/* Once a process. */
static int start_libcurl(struct err *e)
{
    struct sigaction pipe;

    if (share)
        return 0;
    if (net_transport_start_libcurl() != CURLE_OK || !(share = curl_share_init()))
        return err_set(e, ERR_INTERNAL, "libcurl does not start");
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    /* OpenSSL writes with write(): a peer that closed its end must be an error, not the end of the process. */
    if (sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    return 0;
}

int net_transport_init(
    struct net_client *c, const struct net_server *server, const struct net_transport_events *events, struct err *e)
{
    c->events = events;
    if (start_libcurl(e) < 0 || set_url(c, server, e) < 0)
        return -1;
    c->proxy_url = str_dup(server->proxy_url);
    c->header = str_dup(server->header);
    c->insecure = server->insecure;
    c->timer = evtimer_new(c->loop, on_timer, c);
    c->multi = curl_multi_init();
    if (!c->timer || !c->multi)
        return err_set(e, ERR_INTERNAL, "libcurl does not start");
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS_MAX);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_MAX);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return 0;
}

void net_transport_release(struct net_client *c)
{
    if (c->multi)
        curl_multi_cleanup(c->multi);
    free(c->sockets);
    if (c->timer)
        event_free(c->timer);
    curl_slist_free_all(c->connect_to);
    free(c->base_url);
    free(c->host_header);
    free(c->proxy_url);
    free(c->header);
}

static void set_blob(CURL *easy, CURLoption option, const char *text)
{
    struct curl_blob blob = {.data = (char *)text, .len = text ? strlen(text) : 0, .flags = CURL_BLOB_NOCOPY};

    /* Not copied: the call's credentials outlive the transfer. */
    if (text)
        curl_easy_setopt(easy, option, &blob);
}

/* Right before a record is written. */
static void on_record(int is_write, int version, int type, const void *data, size_t len, SSL *ssl, void *context)
{
    struct net_client *c = context;

    (void)version, (void)type, (void)data, (void)len, (void)ssl;
    if (is_write && c->events->is_late(c))
        net_transport_cut(c);
}

/*
 * libcurl sends what many transfers have in one go, and a process that was stopped in the middle of that would go on
 * with the rest.
 */
static CURLcode watch_records(CURL *easy, void *tls, void *context)
{
    (void)easy;
    SSL_CTX_set_msg_callback(tls, on_record);
    SSL_CTX_set_msg_callback_arg(tls, context);
    return CURLE_OK;
}

static void set_tls(struct net_call *call)
{
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, watch_records);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call->client);
    /* Each connection checks the certificate again. */
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    if (call->credentials->ca_pem) { /* these authorities, and none of the system's beside them */
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        set_blob(easy, CURLOPT_CAINFO_BLOB, call->credentials->ca_pem);
    }
    set_blob(easy, CURLOPT_SSLCERT_BLOB, call->credentials->cert_pem);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, call->credentials->key_pem);
    if (call->client->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_connection(struct net_call *call)
{
    struct net_client *c = call->client;
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_SHARE, share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    /* Whether a connection multiplexes is known from its TLS handshake. Without TLS one would wait for an answer. */
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strncasecmp(c->base_url, "https:", 6) == 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->options.connect_timeout);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_socket_options);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, c);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, c);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)NET_RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, c->connect_to);
    if (c->proxy_url)
        curl_easy_setopt(easy, CURLOPT_PROXY, c->proxy_url);
    else if (c->direct)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static void set_headers(struct net_call *call)
{
    struct net_client *c = call->client;
    const char *texts[CALL_HEADERS_MAX] = {
        str_or(call->request.accept, "Accept: application/json"),
        "Expect:", /* libcurl would ask before a large body, and wait */
        call->content_type,
        c->host_header,
        c->header,
        call->credentials->authorization,
    };
    struct curl_slist **link = NULL;

    for (size_t i = 0; i < CALL_HEADERS_MAX; i++) {
        call->headers[i] = (struct curl_slist){.data = (char *)texts[i]};
        if (!texts[i])
            continue;
        if (link)
            *link = &call->headers[i];
        link = &call->headers[i].next;
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_request(struct net_call *call)
{
    const struct net_request *r = &call->request;
    _cleanup_secret_ char *url = str_printf("%s%s", call->client->base_url, r->path);

    curl_easy_setopt(call->easy, CURLOPT_URL, url);
    curl_easy_setopt(call->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(call->easy, CURLOPT_USERAGENT, NET_USER_AGENT);
    if (r->body || r->method == NET_POST) {
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, str_or(r->body, ""));
    }
    if (r->method != NET_GET && r->method != NET_POST)
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, net_method_name(r->method));
    set_headers(call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, receive_head);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->curl_error);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
}

int net_transport_start(struct net_call *call, struct err *e)
{
    struct net_client *c = call->client;

    /*
     * Always a new one. libcurl 7.88 keeps the receive buffer of some handles over curl_easy_reset(), then refuses
     * CURLOPT_BUFFERSIZE and believes that it has its default: it writes beyond a smaller buffer's end.
     */
    call->easy = curl_easy_init();
    if (!call->easy)
        return err_set(e, ERR_INTERNAL, "libcurl does not start");
    if (call->request.body && !call->content_type)
        call->content_type = str_printf("Content-Type: %s", str_or(call->request.content_type, "application/json"));
    call->curl_error[0] = '\0';
    set_connection(call);
    set_tls(call);
    set_request(call);
    if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
        return err_set(e, ERR_INTERNAL, "libcurl takes no more transfers");
    return 0;
}

void net_transport_stop(struct net_call *call)
{
    if (!call->easy)
        return;
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

bool net_transport_sent_all(const struct net_call *call)
{
    curl_off_t sent = 0;

    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return (size_t)sent >= call->request.body_len;
}

struct net_call *net_transport_next_done(struct net_client *c, CURLcode *ret_code)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        struct net_call *call;
        if (message->msg != CURLMSG_DONE)
            continue;
        *ret_code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        return call;
    }
    return NULL;
}
