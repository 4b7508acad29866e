/* A server, a client and their loop, and what became of the client's calls. */
#ifndef TEST_KUBE_CLIENT_FIXTURE_H
#define TEST_KUBE_CLIENT_FIXTURE_H

#include "certs.h"
#include "kube/client.h"
#include "outcome.h"
#include "server.h"

#define OK(body_len, body) "HTTP/1.1 200 OK\r\nContent-Length: " #body_len "\r\n\r\n" body
#define STATUS(code, body) "HTTP/1.1 " #code " X\r\nConnection: close\r\n\r\n" body
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

struct fixture {
    struct event_base *loop;
    struct server server;
    struct kube_config config;
    struct net_client *client;
};

/* The server alone, so that `config` can be filled in; `certs` NULL: plain HTTP. */
void fixture_serve(struct fixture *f, const struct server_answer *answers, const struct certs *certs);
void fixture_connect(struct fixture *f, const struct net_client_options *options);
/* Both. */
void fixture_start(struct fixture *f, const struct server_answer *answers, const struct net_client_options *options);
void fixture_stop(struct fixture *f);

/* A write that may not be sent after that time. */
void fixture_send_before(struct fixture *f, struct outcome *o, const char *path, msec_t not_after);
void fixture_send_get(struct fixture *f, struct outcome *o, const char *path, bool streamed, msec_t timeout);
/* Lets the loop run for so long. */
void fixture_turn(struct fixture *f, msec_t ms);
void fixture_wait_over(struct fixture *f, const struct outcome *o);
/* GET and its end; for outcome_release(). */
struct outcome fixture_get(struct fixture *f, const char *path);

#endif
