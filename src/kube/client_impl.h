/*
 * What the parts of the client share. No other file includes this.
 *
 *   client.c         the life of a call; the only place that calls the owner back
 *   client_curl.c    libcurl's multi interface on libevent's loop, options of a transfer
 *   client_memory.c  the memory of libcurl's buffers
 *   client_auth.c    credentials, and when they are read or obtained again (of files: config_files.c)
 *   client_error.c   answers and failures into errors
 *
 * No callback of the owner runs while libcurl is on the stack: what arrives is kept until libcurl has returned, and
 * kube_client_dispatch() passes it on. So an owner may send, cancel and free from any callback.
 */
#ifndef KUBE_CLIENT_IMPL_H
#define KUBE_CLIENT_IMPL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "kube/client.h"

/* The credentials of a call. Reference-counted: a call keeps those it was sent with. */
struct kube_credentials {
    unsigned refs;
    char *authorization; /* "Authorization: ..."; secret; NULL: none */
    char *ca_pem;        /* the authorities that the call trusts; NULL: the system's */
    char *cert_pem, *key_pem;
};

void kube_credentials_unref(struct kube_credentials *c);

struct kube_auth;

/*
 * `ready` runs from the loop when credentials that a call waits for are available, or cannot be obtained. `config` is
 * the client's, and follows its files: they are checked before a call, at most once a second.
 */
int kube_auth_new(struct event_base *loop, struct kube_config *config, void (*ready)(void *context), void *context,
                  struct kube_auth **ret, struct err *e);
void kube_auth_free(struct kube_auth *a);
/* 1: *ret holds a reference. 0: they are being obtained, `ready` will run. -1: there are none. */
int kube_auth_get(struct kube_auth *a, struct kube_credentials **ret, struct err *e);
/*
 * The server did not accept `used`, or (`by_us`) they did not accept its certificate: whether there are others, or will
 * be, for another try.
 */
bool kube_auth_rejected(struct kube_auth *a, const struct kube_credentials *used, bool by_us);
/* Why a change of the files is not used; NULL: it is used. Without secrets. */
const char *kube_auth_unread(const struct kube_auth *a);

enum { CALL_HEADERS_MAX = 6 };

struct kube_call {
    TAILQ_ENTRY(kube_call) link;     /* in client->waiting, running or ended */
    TAILQ_ENTRY(kube_call) fed_link; /* in client->fed, while `fed` */
    struct kube_client *client;
    struct kube_request request;
    kube_data_fn data;
    kube_done_fn done;
    void *context;
    enum { CALL_WAITING, CALL_RUNNING, CALL_ENDED, CALL_OVER } state;
    bool fed;         /* has data that its owner has not seen */
    bool in_callback; /* its owner is on the stack */
    bool cancelled;   /* by its owner, from inside its callback */
    bool retried;     /* with other credentials */
    bool is_json;     /* its answer, by how it begins */
    int lost_answers; /* by libcurl, so that it was sent again */
    CURL *easy;       /* while running */
    struct kube_credentials *credentials;
    struct curl_slist headers[CALL_HEADERS_MAX]; /* linked in place */
    char *content_type;
    struct buf body;
    struct err *failure; /* known besides libcurl's own error; may be NULL */
    struct event *deadline;
    int64_t sent;      /* clock_now_usec() */
    msec_t last_heard; /* monotonic */
    char curl_error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(kube_call_list, kube_call);

struct kube_client {
    struct event_base *loop;
    struct kube_config *config;
    struct kube_client_options options;
    struct kube_client_stats stats;
    struct kube_auth *auth;
    struct kube_call_list waiting, running, ended, fed;
    struct event *deferred; /* made active when `ended` got a call */
    size_t held;            /* bytes of the calls' bodies */
    bool dispatching;
    bool freed;       /* from inside a callback: the memory is freed when that returns */
    msec_t not_after; /* the earliest of the running calls that have such a time, or earlier; MSEC_NEVER: none */

    CURLM *multi;
    curl_socket_t *sockets; /* all that libcurl has open */
    size_t sockets_len, sockets_cap;
    struct event *timer;
    bool busy;         /* libcurl has work that it can do immediately */
    char *base_url;    /* what comes before a request's path */
    char *host_header; /* where the URL's host is tls-server-name; else NULL */
    struct curl_slist *connect_to;
    char *impersonate_header;
    bool direct; /* never through a proxy of the environment */
};

/*
 * Ends the calls whose time is over (request->not_after), and their connections with them. It runs before libcurl does
 * anything: after the process was stopped, or was late, libcurl would still send what it was given before.
 */
void kube_client_end_late(struct kube_client *c);
/* Whether there are such calls. */
bool kube_client_is_late(const struct kube_client *c);
/* Calls the owner for everything that arrived. The client may be freed afterwards. */
void kube_client_dispatch(struct kube_client *c);
/* The head of an answer has arrived. */
void kube_call_begin(struct kube_call *call);
/* Part of an answer. Below zero: too much; the call has its failure. */
int kube_call_receive(struct kube_call *call, const char *data, size_t len);

/*
 * As curl_global_init(). libcurl's large buffers are not on the heap, where they would be on pages that were used
 * before and stay in memory: a watch's is 32 kB, of which it needs a page for a moment, and none while nothing happens.
 */
CURLcode kube_transport_start_libcurl(void);
/*
 * From now on the content of the buffer that holds `received` is not needed while libcurl is not on the stack and has
 * no work that it can do immediately; the buffer itself is.
 */
void kube_transport_discard(const char *received);
/* Gives the pages of such buffers back, where there are many. libcurl has no such work, for any client. */
void kube_transport_give_back(void);
int kube_transport_init(struct kube_client *c, struct err *e);
void kube_transport_release(struct kube_client *c);
int kube_transport_start(struct kube_call *call, struct err *e);
/* Whether it had started or not. */
void kube_transport_stop(struct kube_call *call);
/*
 * Ends the connections immediately, with everything on them: libcurl, TLS and the kernel may hold an unsent part of a
 * call that is stopped, and would send it when the server reads again.
 */
void kube_transport_cut(struct kube_client *c);
/* Whether the server may have the whole body. */
bool kube_transport_sent_all(const struct kube_call *call);
/* A call whose transfer is over and how it ended; NULL: none. */
struct kube_call *kube_transport_next_done(struct kube_client *c, CURLcode *ret_code);

/* The answer's error; returns -1. `r` has status 300 or more. */
int kube_error_of_answer(const struct kube_call *call, struct kube_response *r, struct err *e);
/* The error of an answer of success that is not JSON; returns -1. */
int kube_error_of_no_json(const struct kube_call *call, struct err *e);
/* Whether certificates are at fault: the server's for the client, or the client's for the server. */
enum kube_handshake { KUBE_HANDSHAKE_FINE, KUBE_HANDSHAKE_BY_US, KUBE_HANDSHAKE_BY_SERVER };
enum kube_handshake kube_handshake_of_transfer(const struct kube_call *call, CURLcode code);
/* The error of a transfer without a whole answer; returns -1. */
int kube_error_of_transfer(const struct kube_call *call, CURLcode code, struct err *e);
/* "GET /api/v1/pods": without the query. */
void kube_call_name(const struct kube_call *call, char *ret, size_t size);

#endif
