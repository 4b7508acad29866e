#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "wait.h"

#define HEAD_MAX 16384
#define TICK_MS 5

struct generator;

struct connection {
    struct generator *generator;
    struct bufferevent *stream; /* NULL: closed */
    uint32_t server;
    bool busy;
    int status;     /* of the answer under way; 0: its head has not come */
    ssize_t length; /* of its body */
    bool closes;    /* the server closes behind it */
    msec_t sent;
    const char *host;
};

struct generator {
    struct load *load;
    struct event_base *loop;
    const struct load_requests *requests;
    size_t hosts;
    msec_t began;
    int64_t sent;
    struct connection connections[LOAD_CONNECTIONS];
};

void load_lose(struct load *load, const char *format, ...)
{
    struct load_loss *loss = &load->losses[atomic_load(&load->lost) % LOAD_LOSSES];
    va_list arguments;

    loss->at = clock_now_monotonic();
    va_start(arguments, format);
    vsnprintf(loss->why, sizeof(loss->why), format, arguments);
    va_end(arguments);
    atomic_fetch_add(&load->lost, 1);
}

static void lose(struct connection *c, const char *why)
{
    load_lose(
        c->generator->load,
        "%s: %s %lld ms after it was sent",
        c->host,
        why,
        (long long)(clock_now_monotonic() - c->sent));
}

static void close_connection(struct connection *c)
{
    bufferevent_free(c->stream);
    c->stream = NULL;
    c->busy = false;
}

/* The value of a header in a head that ends with an empty line; NULL where there is none. */
static const char *header(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = head; (line = strstr(line, "\r\n")); line += 2)
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len + strspn(line + 3 + len, " ");
    return NULL;
}

/* Takes the head of the answer where it is there; false where it cannot be read. */
static bool take_head(struct connection *c, struct evbuffer *in)
{
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char head[HEAD_MAX];
    const char *length, *connection;
    size_t len;

    if (end.pos < 0)
        return evbuffer_get_length(in) < HEAD_MAX;
    len = (size_t)end.pos + 4;
    if (len >= HEAD_MAX)
        return false;
    evbuffer_remove(in, head, len);
    head[len] = '\0';
    if (!str_starts(head, "HTTP/1.1 ") || !(length = header(head, "content-length")))
        return false;
    c->status = (int)strtol(head + strlen("HTTP/1.1 "), NULL, 10);
    c->length = strtol(length, NULL, 10);
    connection = header(head, "connection");
    c->closes = connection && strncasecmp(connection, "close", 5) == 0;
    return true;
}

static void count_answer(struct connection *c)
{
    struct generator *g = c->generator;
    char why[32];

    if (c->status == 200) {
        atomic_fetch_add(&g->load->answered, 1);
    } else if (c->status == g->requests->failure) {
        atomic_fetch_add(&g->load->failed, 1);
        atomic_store(&g->load->failed_at, clock_now_monotonic());
    } else {
        snprintf(why, sizeof(why), "status %d", c->status);
        lose(c, why);
    }
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct connection *c = context;
    struct evbuffer *in = bufferevent_get_input(stream);

    if (!c->busy || (!c->status && !take_head(c, in))) {
        if (c->busy)
            lose(c, "the answer cannot be read");
        close_connection(c);
        return;
    }
    if (!c->status || evbuffer_get_length(in) < (size_t)c->length)
        return;
    evbuffer_drain(in, (size_t)c->length);
    c->busy = false;
    count_answer(c);
    if (c->closes)
        close_connection(c);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    struct connection *c = context;

    (void)stream;
    if (what & BEV_EVENT_CONNECTED)
        return;
    if (c->busy)
        lose(c, what & BEV_EVENT_EOF ? "the connection ended" : strerror(errno));
    close_connection(c);
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};

    c->server = address.sin_addr.s_addr = atomic_load(&c->generator->load->server);
    c->stream = bufferevent_socket_new(c->generator->loop, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(c->stream, on_read, NULL, on_event, c);
    bufferevent_enable(c->stream, EV_READ | EV_WRITE);
    /* A refusal may come with this call, or as an event: its effect is the same. */
    (void)bufferevent_socket_connect(c->stream, (struct sockaddr *)&address, sizeof(address));
}

/* An open connection before a closed one; NULL: all are busy. */
static struct connection *free_connection(struct generator *g)
{
    struct connection *closed = NULL;

    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        struct connection *c = &g->connections[i];
        if (!c->stream)
            closed = closed ? closed : c;
        else if (!c->busy)
            return c;
    }
    return closed;
}

static void look_after_connections(struct generator *g, msec_t now)
{
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        struct connection *c = &g->connections[i];
        if (!c->stream)
            continue;
        if (c->busy && now - c->sent > g->requests->patience)
            lose(c, "no answer in time");
        else if (c->busy || c->server == atomic_load(&g->load->server))
            continue;
        close_connection(c);
    }
}

static bool any_is_busy(const struct generator *g)
{
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++)
        if (g->connections[i].busy)
            return true;
    return false;
}

static void send_request(struct generator *g, struct connection *c, msec_t now)
{
    c->busy = true;
    c->status = 0;
    c->sent = now;
    c->host = g->requests->hosts[(size_t)g->sent % g->hosts];
    g->sent++;
    evbuffer_add_printf(
        bufferevent_get_output(c->stream), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", g->requests->path, c->host);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct generator *g = context;
    msec_t now = clock_now_monotonic();
    struct connection *c;

    (void)fd;
    (void)what;
    look_after_connections(g, now);
    if (atomic_load(&g->load->ends)) {
        if (!any_is_busy(g))
            event_base_loopbreak(g->loop);
        return;
    }
    /* Where all are busy, what is due is sent later: the rate is one of the server's then. */
    while (g->sent < (now - g->began) * g->requests->rate / 1000 && (c = free_connection(g))) {
        if (!c->stream)
            open_connection(c);
        send_request(g, c, now);
    }
}

static void run(struct load *load, const void *context)
{
    const struct load_requests *requests = context;
    struct generator *g = calloc(1, sizeof(*g));
    struct event *tick;

    *g = (struct generator){
        .load = load, .loop = event_base_new(), .requests = requests, .began = clock_now_monotonic()};
    while (requests->hosts[g->hosts])
        g->hosts++;
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++)
        g->connections[i].generator = g;
    tick = event_new(g->loop, -1, EV_PERSIST, on_tick, g);
    event_add(tick, &(struct timeval){.tv_usec = TICK_MS * 1000});
    event_base_dispatch(g->loop);
}

struct load *load_fork(const char *address, void (*send)(struct load *load, const void *context), const void *context)
{
    struct load *load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t process;

    assert_true(load != MAP_FAILED);
    load_follow(load, address);
    process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        send(load, context);
        _exit(0);
    }
    load->process = process;
    return load;
}

struct load *load_start(const char *address, const struct load_requests *requests)
{
    return load_fork(address, run, requests);
}

void load_follow(struct load *load, const char *address)
{
    struct in_addr server;

    assert_int_equal(inet_pton(AF_INET, address, &server), 1);
    atomic_store(&load->server, server.s_addr);
}

struct awaited {
    struct load *load;
    int64_t answered;
};

static bool has_answered(void *context)
{
    const struct awaited *a = context;

    wait_saw("%lld answered", (long long)atomic_load(&a->load->answered));
    return atomic_load(&a->load->answered) >= a->answered;
}

void load_wait_answered(struct load *load, int64_t answered, msec_t timeout)
{
    wait_until(has_answered, &(struct awaited){load, answered}, timeout, "requests are answered");
}

void load_end(struct load *load)
{
    int status;

    atomic_store(&load->ends, true);
    assert_int_equal(waitpid(load->process, &status, 0), load->process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void load_explain_losses(const struct load *load, int64_t before, msec_t began)
{
    int64_t lost = atomic_load(&load->lost), first = lost - LOAD_LOSSES > before ? lost - LOAD_LOSSES : before;

    if (first > before)
        print_message("    the last %d of them:\n", LOAD_LOSSES);
    for (int64_t i = first; i < lost; i++) {
        const struct load_loss *loss = &load->losses[i % LOAD_LOSSES];
        print_message("    lost %lld ms after the change began: %s\n", (long long)(loss->at - began), loss->why);
    }
}

void load_free(struct load *load)
{
    munmap(load, sizeof(*load));
}
