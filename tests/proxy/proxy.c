#include "proxy.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <string.h>

#include "base/str.h"
#include "connection.h"
#include "tls.h"

struct proxy {
    struct surroundings s;
    SSL_CTX *tls, *other_tls; /* towards clients; NULL: raw */
    char *ca, *other_ca;
    struct evconnlistener *listener; /* NULL: connections are refused */
    int port;
    bool partitioned;
};

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
                      void *context)
{
    struct proxy *p = context;
    const struct rule *r;
    SSL_CTX *tls = p->tls;
    int64_t cut = -1;
    bool silent = false;

    (void)listener;
    (void)address;
    (void)len;
    p->s.stats.connections++;
    r = rules_choose(&p->s.rules, RULE_ACCEPT, NULL, NULL);
    if (r && r->fault == FAULT_SILENT)
        silent = true;
    else if (r && r->fault == FAULT_CERTIFICATE)
        tls = p->other_tls;
    else if (r && r->fault == FAULT_CUT)
        cut = rng_between(&p->s.rules.rng, 1, r->bytes > 1 ? r->bytes : 1);
    connection_new(&p->s, fd, tls, cut, silent || p->partitioned, silent);
}

static int start_listening(struct proxy *p, struct err *e)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)p->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    if (p->listener)
        return 0;
    p->listener = evconnlistener_new_bind(p->s.loop, on_accept, p,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1,
                                          (struct sockaddr *)&address, sizeof(address));
    if (!p->listener || getsockname(evconnlistener_get_fd(p->listener), (struct sockaddr *)&address, &len) < 0)
        return err_set(e, ERR_INTERNAL, "nothing can listen on port %d of 127.0.0.1", p->port);
    p->port = ntohs(address.sin_port);
    return 0;
}

static void stop_listening(struct proxy *p)
{
    if (p->listener)
        evconnlistener_free(p->listener);
    p->listener = NULL;
    connections_reset(&p->s);
}

static int prepare_tls(struct proxy *p, const char *upstream_ca, struct err *e)
{
    if (tls_server_new(&p->tls, &p->ca, e) < 0 || tls_server_new(&p->other_tls, &p->other_ca, e) < 0)
        return -1;
    return tls_client_new(upstream_ca, &p->s.client_tls, e);
}

int proxy_new(struct event_base *loop, const struct proxy_options *options, struct proxy **ret, struct err *e)
{
    struct proxy *p = NEW(struct proxy);

    p->s.loop = loop;
    p->s.host = str_dup(options->host);
    p->s.upstream = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
    p->s.rules.rng.state = options->seed;
    if (inet_pton(AF_INET, options->host, &p->s.upstream.sin_addr) != 1) {
        proxy_free(p);
        return err_set(e, ERR_INVALID, "\"%s\" is no IPv4 address", options->host);
    }
    if ((!options->raw && prepare_tls(p, options->upstream_ca, e) < 0) || start_listening(p, e) < 0) {
        proxy_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    stop_listening(p);
    rules_clear(&p->s.rules);
    SSL_CTX_free(p->tls);
    SSL_CTX_free(p->other_tls);
    SSL_CTX_free(p->s.client_tls);
    free(p->s.host);
    free(p->ca);
    free(p->other_ca);
    free(p);
}

int proxy_port(const struct proxy *p)
{
    return p->port;
}

const char *proxy_ca(const struct proxy *p)
{
    return p->ca;
}

struct proxy_stats proxy_stats(const struct proxy *p)
{
    struct proxy_stats stats = p->s.stats;

    stats.faults += rules_hits(&p->s.rules);
    return stats;
}

int proxy_rule(struct proxy *p, const char *text, struct err *e)
{
    const struct rule *r;

    if (rules_add(&p->s.rules, text, e) < 0)
        return -1;
    r = rules_choose(&p->s.rules, RULE_ALWAYS, NULL, NULL);
    if (!r)
        return 0;
    if (r->fault == FAULT_REFUSE) {
        stop_listening(p);
    } else {
        p->partitioned = true;
        connections_pause(&p->s);
    }
    return 0;
}

void proxy_clear(struct proxy *p)
{
    struct err e;

    p->s.stats.faults += rules_hits(&p->s.rules);
    rules_clear(&p->s.rules);
    p->partitioned = false;
    connections_resume(&p->s);
    if (start_listening(p, &e) < 0) {
        fprintf(stderr, "proxy: %s\n", e.text);
        abort();
    }
}

void proxy_reset(struct proxy *p)
{
    connections_reset(&p->s);
}
