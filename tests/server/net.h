/*
 * One operator's edge to the simulated server: a net_io on simulated time, and all
 * that goes wrong on the way.
 *
 * A request travels, is carried out when it arrives, and its answer travels back; each
 * way has its own delay, so that answers and watches overtake each other.
 */
#ifndef TESTS_SERVER_NET_H
#define TESTS_SERVER_NET_H

#include "net/io.h"
#include "sched.h"
#include "server.h"

/* Name, what happens. Chances in a thousand: of a request, or of what a watch brings in one go. */
#define FAULTS(X)                                                                                                      \
    X(request_lost, "the connection breaks before the request arrives")                                                \
    X(request_silent, "the request never arrives, and nobody says so: a time-out")                                     \
    X(request_slow, "the request takes up to 2 s on its way")                                                          \
    X(request_held, "the client has no connection for up to 14 s: the request leaves late, unless its time is over")   \
    X(answer_lost, "carried out, and the connection breaks before the answer")                                         \
    X(answer_silent, "carried out, and no answer: a time-out")                                                         \
    X(answer_cut, "the answer ends at any byte")                                                                       \
    X(answer_garbage, "the answer is another text")                                                                    \
    X(doubled, "carried out twice; the second answer arrives")                                                         \
    X(throttled, "429 with Retry-After")                                                                               \
    X(conflict, "409 without a cause")                                                                                 \
    X(broken, "500")                                                                                                   \
    X(unavailable, "503 with Retry-After")                                                                             \
    X(too_late, "carried out, and answered with 504")                                                                  \
    X(slow, "an answer takes up to 20 s")                                                                              \
    X(watch_refused, "410, 429 or 503 where a watch is opened")                                                        \
    X(watch_late, "what a watch brings is late by up to 10 s")                                                         \
    X(watch_cut, "a watch ends at any byte of its stream")                                                             \
    X(watch_closed, "a watch ends as it should, but early")                                                            \
    X(watch_garbage, "a line of a watch is another text")                                                              \
    X(watch_error, "an ERROR event in the stream: 410 or 500")                                                         \
    X(watch_doubled, "an event comes twice")                                                                           \
    X(watch_repeated, "an old event comes again")                                                                      \
    X(watch_silent, "a watch brings nothing any more, and nobody says so")                                             \
    X(bookmark_lost, "a bookmark does not come")

/* The same for what is odd (tests/odd): of a version of an object, of an answer, of a line of a watch. */
#define ODD_FAULTS(X)                                                                                                  \
    X(odd_object, "an object is odd in a place, for all that read this version of it")                                 \
    X(odd_answer, "an answer is odd around its objects")                                                               \
    X(odd_watch, "a line of a watch is odd around its object")

struct faults {
#define X(name, text) unsigned name;
    FAULTS(X)
    ODD_FAULTS(X)
#undef X
    uint64_t odd_seed; /* which objects are odd, and where */
};

/* Whether this version of an object is sent odd. */
bool net_is_odd(const struct faults *f, const json_t *object);

struct net;

struct net_options {
    const char *name; /* for the trace */
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    const struct faults *faults; /* read at every step */
    const bool *down;            /* the server cannot be reached */
    const msec_t *wall;          /* how far the operator's wall clock is from simulated time */
    const msec_t *stopped_until; /* the operator's process stands still: what comes, comes then */
    const char *sender;          /* whose requests they are, as of when they are sent; NULL: nobody asks */
    /* Credentials, and those that the server accepts now; NULL: any. Watches that are open stay so. */
    unsigned token;
    const unsigned *accepted;
    /* Every request, when it is sent, and every answer, when it is there; may be NULL. */
    void (*trace)(void *context, const char *text);
    void (*sent)(void *context, const struct net_request *request);
    /* The server carries it out now. */
    void (*arrived)(void *context, const char *sender, const struct net_request *request);
    /* What stands before the server: true, and it answers itself. */
    bool (*intercept)(void *context, const struct net_request *request, struct answer *ret);
    struct rng *odd_dice; /* NULL: nothing is odd around objects */
    /* What a request (its method and path) brings is odd; may be NULL. */
    void (*odd)(void *context, const char *title);
    void *context;
    const msec_t *way_most; /* a request or an answer is under way from 1 ms to this; NULL: to 20 ms */
};

struct net *net_new(const struct net_options *options);
void net_free(struct net *n);
/* The operator is dead: nobody waits for answers, but what was sent may still arrive. */
void net_hang_up(struct net *n);
struct net_io *net_io(struct net *n);
/* Something changed in the server: streams bring it. */
void net_poke(struct net *n);
/* The one connection breaks, and with it everything that is under way. */
void net_break(struct net *n);
/* A watch fell silent. */
bool net_is_behind(const struct net *n);
/* Watches that are open. */
size_t net_watches(const struct net *n);
/* Whether it writes the mesh: Events and the lease are left out. */
bool net_is_write(const struct net_request *request);
/* Requests that were sent: all, and those that write the mesh. */
uint64_t net_requests(const struct net *n);
uint64_t net_writes(const struct net *n);
uint64_t net_faults(const struct net *n); /* that happened */

#endif
