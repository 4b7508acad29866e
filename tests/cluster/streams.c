#include "streams.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MESSAGES 20
#define MESSAGE_EVERY SECONDS(1)
#define PATIENCE_MS SECONDS(120)
#define METHOD "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#define PREFIX_LEN 5 /* of a message: a byte of flags, four of its length */

/* ListServices, with its prefix. */
static const uint8_t message[] = {0, 0, 0, 0, 2, 0x3a, 0};

struct streams {
    struct load *load;
    struct event_base *loop;
    nghttp2_session_callbacks *callbacks;
    const char *host;
    int open;
};

struct stream {
    struct streams *all;
    struct event *tick; /* for the next message, or the next stream */
    struct bufferevent *connection;
    nghttp2_session *session; /* NULL: none is open */
    int32_t id;
    msec_t began;
    int due, sent; /* messages */
    bool ended;    /* all of them, and this end of the stream is closed */
    int answers;
    uint8_t prefix[PREFIX_LEN]; /* of the answer that comes */
    size_t prefix_len, left;    /* how much of the prefix has come; how much of the answer has not */
    char status[8];             /* the trailer; "": it has not come */
    bool over;
    char why[64];
};

/* What the session has to say, into the connection. */
static void send_pending(struct stream *s)
{
    const uint8_t *data;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(s->session, &data)) > 0)
        bufferevent_write(s->connection, data, (size_t)len);
}

static void count(struct stream *s)
{
    struct load *load = s->all->load;

    if (s->answers == MESSAGES && str_eq(s->status, "0"))
        atomic_fetch_add(&load->answered, 1);
    else
        load_lose(
            load,
            "%s: %s, %d answers, grpc-status '%s', %lld ms after it began",
            s->all->host,
            s->why,
            s->answers,
            s->status,
            (long long)(clock_now_monotonic() - s->began));
}

/* It has come to its end, whatever that is: the next one follows with the next tick. Not while the session is at work.
 */
static void end(struct stream *s)
{
    count(s);
    nghttp2_session_del(s->session);
    bufferevent_free(s->connection);
    s->session = NULL;
}

static void end_by(struct stream *s, const char *why)
{
    snprintf(s->why, sizeof(s->why), "%s", why);
    end(s);
}

static ssize_t read_messages(
    nghttp2_session *session, int32_t id, uint8_t *buf, size_t len, uint32_t *flags, nghttp2_data_source *source,
    void *context)
{
    struct stream *s = context;

    (void)session;
    (void)id;
    (void)source;
    if (s->sent < s->due && len >= sizeof(message)) {
        memcpy(buf, message, sizeof(message));
        s->sent++;
        return sizeof(message);
    }
    if (!s->ended)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 0;
}

static int on_header(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *context)
{
    struct stream *s = context;

    (void)session;
    (void)frame;
    (void)flags;
    if (name_len == strlen("grpc-status") && memcmp(name, "grpc-status", name_len) == 0)
        snprintf(s->status, sizeof(s->status), "%.*s", (int)value_len, (const char *)value);
    return 0;
}

/* Of an answer it matters that it is whole, not what it says. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *context)
{
    struct stream *s = context;

    (void)session;
    (void)flags;
    (void)id;
    while (len > 0) {
        size_t n = 1;
        if (s->prefix_len < PREFIX_LEN) {
            s->prefix[s->prefix_len++] = *data;
            if (s->prefix_len == PREFIX_LEN)
                s->left =
                    (size_t)s->prefix[1] << 24 | (size_t)s->prefix[2] << 16 | (size_t)s->prefix[3] << 8 | s->prefix[4];
        } else {
            n = len < s->left ? len : s->left;
            s->left -= n;
        }
        data += n;
        len -= n;
        if (s->prefix_len == PREFIX_LEN && s->left == 0) {
            s->answers++;
            s->prefix_len = 0;
        }
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
    struct stream *s = context;

    (void)session;
    (void)id;
    snprintf(s->why, sizeof(s->why), "it was closed with %s", nghttp2_http2_strerror(error));
    s->over = true;
    return 0;
}

static void on_read(struct bufferevent *connection, void *context)
{
    struct evbuffer *in = bufferevent_get_input(connection);
    size_t len = evbuffer_get_length(in);
    struct stream *s = context;
    ssize_t taken = nghttp2_session_mem_recv(s->session, evbuffer_pullup(in, -1), len);

    if (taken < 0) {
        end_by(s, nghttp2_strerror((int)taken));
        return;
    }
    evbuffer_drain(in, (size_t)taken);
    send_pending(s);
    if (s->over)
        end(s);
}

static void on_event(struct bufferevent *connection, short what, void *context)
{
    (void)connection;
    if (!(what & BEV_EVENT_CONNECTED))
        end_by(context, what & BEV_EVENT_EOF ? "the connection ended" : "the connection failed");
}

#define HEADER(name, value)                                                                                            \
    {                                                                                                                  \
        (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE                       \
    }

static void begin(struct stream *s)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = atomic_load(&s->all->load->server)};
    const nghttp2_nv headers[] = {
        HEADER(":method", "POST"),
        HEADER(":scheme", "http"),
        HEADER(":authority", s->all->host),
        HEADER(":path", METHOD),
        HEADER("content-type", "application/grpc"),
        HEADER("te", "trailers")};

    *s = (struct stream){.all = s->all, .tick = s->tick, .began = clock_now_monotonic(), .due = 1};
    nghttp2_session_client_new(&s->session, s->all->callbacks, s);
    nghttp2_submit_settings(s->session, NGHTTP2_FLAG_NONE, NULL, 0);
    s->id = nghttp2_submit_request(
        s->session, NULL, headers, ARRAY_LEN(headers), &(nghttp2_data_provider){.read_callback = read_messages}, NULL);
    s->connection = bufferevent_socket_new(s->all->loop, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(s->connection, on_read, NULL, on_event, s);
    bufferevent_enable(s->connection, EV_READ | EV_WRITE);
    send_pending(s);
    /* A refusal may come with this call, or as an event: its effect is the same. */
    (void)bufferevent_socket_connect(s->connection, (struct sockaddr *)&address, sizeof(address));
    event_add(s->tick, &(struct timeval){.tv_sec = MESSAGE_EVERY / 1000});
}

/* The next stream, unless none shall be opened any more. */
static void follow(struct stream *s)
{
    if (!atomic_load(&s->all->load->ends)) {
        begin(s);
        return;
    }
    event_del(s->tick);
    if (--s->all->open == 0)
        event_base_loopbreak(s->all->loop);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct stream *s = context;

    (void)fd;
    (void)what;
    if (!s->session) {
        follow(s);
        return;
    }
    if (clock_now_monotonic() - s->began > PATIENCE_MS) {
        end_by(s, "it does not end");
        return;
    }
    if (s->due < MESSAGES)
        s->due++;
    else
        s->ended = true;
    (void)nghttp2_session_resume_data(s->session, s->id);
    send_pending(s);
}

static void run(struct load *load, const void *host)
{
    static struct stream streams[STREAMS_AT_A_TIME];
    struct streams all = {.load = load, .loop = event_base_new(), .host = host, .open = STREAMS_AT_A_TIME};

    nghttp2_session_callbacks_new(&all.callbacks);
    nghttp2_session_callbacks_set_on_header_callback(all.callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all.callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(all.callbacks, on_close);
    for (int i = 0; i < STREAMS_AT_A_TIME; i++) {
        streams[i].all = &all;
        streams[i].tick = event_new(all.loop, -1, EV_PERSIST, on_tick, &streams[i]);
        /* One begins while others go on. */
        event_add(streams[i].tick, &(struct timeval){.tv_sec = i * MESSAGES / STREAMS_AT_A_TIME, .tv_usec = 1});
    }
    event_base_dispatch(all.loop);
}

struct load *streams_start(const char *address, const char *host)
{
    return load_fork(address, run, host);
}
