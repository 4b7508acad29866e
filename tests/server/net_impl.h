/* What the parts of an operator's edge share. Nobody else includes this. */
#ifndef TESTS_SERVER_NET_IMPL_H
#define TESTS_SERVER_NET_IMPL_H

#include <sys/queue.h>

#include "net.h"

/* How a call ends. */
struct ending {
    int status; /* 0: without an answer */
    char *body;
    enum err_class class; /* where there is no answer */
    const char *text;
};

/* A request on its way; it arrives even where nobody waits for it any more. */
struct packet {
    LIST_ENTRY(packet) link;
    struct net *net;
    struct net_request request;
    struct net_call *call; /* NULL: nobody waits */
    char *sender;          /* owned; NULL: has no name */
    bool held;             /* by the client: it has not left yet */
    struct job *job;
};

struct net_call {
    LIST_ENTRY(net_call) link;
    struct net *net;
    char *title; /* "GET /version" */
    net_data_fn data;
    net_done_fn done;
    void *context;
    msec_t timeout;
    struct packet *packet; /* until it has arrived */
    struct job *late;      /* the time behind which nobody waits for it */
    struct job *job;       /* the end, or the next delivery of a stream */
    struct ending ending;
    /* a watch */
    struct stream *stream;
    struct job *bookmark, *close;
    struct buf lines; /* of the server, not delivered yet */
    char *last_line;
    bool silent, ends;
    bool begun; /* the operator knows that it is open */
};

struct net {
    struct net_io io;
    struct net_options o;
    LIST_HEAD(, net_call) calls;
    LIST_HEAD(, packet) packets;
    uint64_t requests, writes, faults;
};

/* True so many times in a thousand, and counted as a fault. */
bool net_chance(struct net *n, unsigned permille);
/* A moment from now. */
msec_t net_in(const struct net *n, msec_t least, msec_t most);
/* The time of a way, as a rule. */
msec_t net_way(const struct net *n);
/* A process that stands still hears of nothing until it goes on: then it runs. */
bool net_is_stopped(const struct net *n);
struct job *net_later(const struct net *n, void (*run)(void *context), void *context);

/* Tells the owner; the call is gone before he hears of it. */
void net_finish(struct net_call *call);
/* The call ends then. */
void net_end_at(struct net_call *call, msec_t at, struct ending ending);
void net_time_out(struct net_call *call);
void net_lose(struct net_call *call);

/* net_odd.c: takes over `body` and returns it, or another one. */
char *net_odd_body(const struct net_call *call, char *body);
/* Another line, owned by the caller; NULL: it stays as it is. */
char *net_odd_line(const struct net_call *call, const char *line, size_t len);

/* net_watch.c: the request of a watch has arrived. */
void net_open_watch(struct net_call *call, const struct net_request *request);

#endif
