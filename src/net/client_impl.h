/*
 * What the parts of the client share. No other file includes this.
 *
 *   client.c         the life of a call; the only place that calls the owner back
 *   client_curl.c    libcurl's multi interface on libevent's loop, options of a transfer
 *   client_memory.c  the memory of libcurl's buffers
 *   client_error.c   answers and failures into errors
 *
 * No callback of the owner runs while libcurl is on the stack: what arrives is kept until libcurl has returned, and
 * net_transport_events.after passes it on. So an owner may send, cancel and free from any callback.
 */
#ifndef NET_CLIENT_IMPL_H
#define NET_CLIENT_IMPL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "net/client.h"

enum { CALL_HEADERS_MAX = 6 };

struct net_call {
    TAILQ_ENTRY(net_call) link;     /* in client->waiting, running or ended */
    TAILQ_ENTRY(net_call) fed_link; /* in client->fed, while `fed` */
    struct net_client *client;
    struct net_request request;
    net_data_fn data;
    net_done_fn done;
    void *context;
    enum { CALL_WAITING, CALL_RUNNING, CALL_ENDED, CALL_OVER } state;
    bool fed;         /* has data that its owner has not seen */
    bool in_callback; /* its owner is on the stack */
    bool cancelled;   /* by its owner, from inside its callback */
    bool retried;     /* with other credentials */
    bool is_json;     /* its answer, by how it begins */
    int head_status;  /* of the answer, where that is enough (request.status_only); 0: not there yet */
    int lost_answers; /* by libcurl, so that it was sent again */
    CURL *easy;       /* while running */
    struct net_credentials *credentials;
    struct curl_slist headers[CALL_HEADERS_MAX]; /* linked in place */
    char *content_type;
    struct buf body;
    struct err *failure; /* known besides libcurl's own error; may be NULL */
    struct event *deadline;
    int64_t sent;      /* clock_now_usec() */
    msec_t last_heard; /* monotonic */
    char curl_error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(net_call_list, net_call);

struct net_client {
    struct event_base *loop;
    char *url; /* of the server, as it is named to users */
    struct net_client_options options;
    struct net_client_hooks hooks;
    struct net_client_stats stats;
    struct net_credentials *none; /* where no hook gives any */
    struct net_call_list waiting, running, ended, fed;
    struct event *deferred; /* made active when `ended` got a call */
    size_t held;            /* bytes of the calls' bodies */
    bool dispatching;
    bool freed;       /* from inside a callback: the memory is freed when that returns */
    msec_t not_after; /* the earliest of the running calls that have such a time, or earlier; MSEC_NEVER: none */

    const struct net_transport_events *events; /* static */
    CURLM *multi;
    curl_socket_t *sockets; /* all that libcurl has open */
    size_t sockets_len, sockets_cap;
    struct event *timer;
    char *base_url;    /* what comes before a request's path */
    char *host_header; /* where the URL's host is tls_server_name; else NULL */
    struct curl_slist *connect_to;
    char *proxy_url, *header; /* as in struct net_server */
    bool insecure;
    bool direct; /* never through a proxy of the environment */
};

/* What the transport reports to the life of the calls. */
struct net_transport_events {
    /*
     * Before libcurl does anything. Ends the calls whose time is over (request->not_after), and their connections with
     * them: after the process was stopped, or was late, libcurl would still send what it was given before.
     */
    void (*before)(struct net_client *c);
    /* Whether there are such calls. */
    bool (*is_late)(const struct net_client *c);
    /* After libcurl has returned. Calls the owner for everything that arrived. The client may be freed afterwards. */
    void (*after)(struct net_client *c);
    /* The head of an answer has arrived. */
    void (*begun)(struct net_call *call);
    /* Part of an answer. Below zero: too much; the call has its failure. */
    int (*received)(struct net_call *call, const char *data, size_t len);
};

/*
 * What a transfer reads in one go has to hold a whole HTTP/2 frame, 16 kB at most. Where a frame of one stream is
 * longer than that stream's buffer, libcurl 7.88 keeps the rest of it, and all that was read behind it for other
 * streams, until the connection's next bytes arrive. On a quiet cluster that was up to a minute.
 */
enum { NET_RECEIVE_BUFFER = 32768 };

/*
 * As curl_global_init(). Such buffers are not on the heap, where they would be on pages that were used before and stay
 * in memory: a watch needs a page or two of its own.
 */
CURLcode net_transport_start_libcurl(void);
int net_transport_init(
    struct net_client *c, const struct net_server *server, const struct net_transport_events *events, struct err *e);
void net_transport_release(struct net_client *c);
int net_transport_start(struct net_call *call, struct err *e);
/* Whether it had started or not. */
void net_transport_stop(struct net_call *call);
/*
 * Ends the connections immediately, with everything on them: libcurl, TLS and the kernel may hold an unsent part of a
 * call that is stopped, and would send it when the server reads again.
 */
void net_transport_cut(struct net_client *c);
/* Whether the server may have the whole body. */
bool net_transport_sent_all(const struct net_call *call);
/* A call whose transfer is over and how it ended; NULL: none. */
struct net_call *net_transport_next_done(struct net_client *c, CURLcode *ret_code);

/* The error of an answer with status 300 or more, where no hook knows more. */
void net_error_of_answer(
    const struct net_client *c, const struct net_request *request, const struct net_response *r, struct err *e);
/* The error of an answer of success that is not JSON; returns -1. */
int net_error_of_no_json(const struct net_call *call, struct err *e);
/* Whether certificates are at fault: the server's for the client, or the client's for the server. */
enum net_handshake { NET_HANDSHAKE_FINE, NET_HANDSHAKE_BY_CLIENT, NET_HANDSHAKE_BY_SERVER };
enum net_handshake net_handshake_of_transfer(const struct net_call *call, CURLcode code);
/* The error of a transfer without a whole answer; returns -1. */
int net_error_of_transfer(const struct net_call *call, CURLcode code, struct err *e);

#endif
