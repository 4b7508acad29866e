/*
 * List and watch of one kind, as steps without I/O and without a clock.
 *
 * The caller asks kube_watch_step() what to do, reports the result, and pulls the events with kube_watch_next():
 *
 *   LIST   send a list (kube_watch_continue(), kube_watch_page_size()), answer with kube_watch_page() or
 *          kube_watch_failed()
 *   OPEN   open a watch (kube_watch_version(), kube_watch_seconds()), feed what arrives with kube_watch_feed(), or
 *          nothing when the server has opened it, and say how it ended with kube_watch_ended() or kube_watch_failed()
 *   CANCEL drop the call that is under way; nothing more may be reported of it
 *   WAIT   ask again at kube_watch_due(), or after the next input
 *
 * At most one call is under way. Lists are consistent reads (without a resourceVersion): a plan that was made
 * from a server's stale cache could undo what a newer plan did, and the pages of such a read are bounded. A watch
 * goes on from the last version seen; 410, a version that the server does not have yet and a bookmark from the past
 * lead back to the list; a server that does not open a watch is asked again after half a minute; silence is limited;
 * what fails is tried again after growing delays. A page that fails three times in a row leads back to the first one. A
 * kind that is not served (404, where the row says custom; where it was served before, for half a minute) rests until
 * it is started again.
 *
 * Sources: "Kubernetes API Concepts" (efficient detection of changes, chunks, bookmarks, 410 Gone).
 */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct kube_watch;

struct kube_watch_options {
    bool custom;          /* a 404 says that the kind is not served */
    size_t line_max;      /* bytes of one event; 0: 8 MiB */
    size_t values_max;    /* JSON values of one event; 0: DOC_VALUES_MAX */
    int page_size;        /* objects of a page, at most; 0: 500 */
    msec_t silence;       /* 0: 90 s beyond the watch's time; 150 s where the server sends bookmarks in between */
    msec_t backoff_first; /* 0: 200 ms */
    msec_t backoff_most;  /* 0: 30 s */
};

struct kube_watch *kube_watch_new(const struct kube_watch_options *options);
void kube_watch_free(struct kube_watch *w);
DEFINE_CLEANUP(struct kube_watch *, kube_watch_free)
#define _cleanup_kube_watch_ _cleanup_(kube_watch_free_p)

/* Starts with a list, from any state. `api_version` and `kind` are what the items of lists lack. */
void kube_watch_start(struct kube_watch *w, msec_t now, const char *api_version, const char *kind);
void kube_watch_stop(struct kube_watch *w);
/* The definition of a custom kind is established: a 404 is only a delay and is tried again. */
void kube_watch_expect(struct kube_watch *w, bool served);
/*
 * The state that was seen is in doubt: lists again immediately, or a second after the last time. That state stays until
 * then. False: it lists already, or does not run.
 */
bool kube_watch_doubt(struct kube_watch *w, msec_t now);
/* The server can be reached again: what waits after a failure waits no longer. */
void kube_watch_retry(struct kube_watch *w, msec_t now);

enum kube_step { KUBE_STEP_WAIT, KUBE_STEP_LIST, KUBE_STEP_OPEN, KUBE_STEP_CANCEL };

/* `random` is any number; here and below it gives the jitter. */
enum kube_step kube_watch_step(struct kube_watch *w, msec_t now, uint32_t random);
/* MSEC_NEVER: only an input changes something. */
msec_t kube_watch_due(const struct kube_watch *w);

const char *kube_watch_continue(const struct kube_watch *w); /* NULL: the first page */
const char *kube_watch_version(const struct kube_watch *w);  /* NULL before the first list */
/* How many objects to ask for: fewer where a page was too much (ERR_LIMIT), down to one. */
int kube_watch_page_size(const struct kube_watch *w);
int kube_watch_seconds(const struct kube_watch *w);

/* A page of the list. */
void kube_watch_page(struct kube_watch *w, msec_t now, uint32_t random, const char *body, size_t len);
/* Some of the watch's stream, or nothing (`len` 0): the server has opened it. It is kept until kube_watch_next(). */
void kube_watch_feed(struct kube_watch *w, msec_t now, const char *data, size_t len);
/* The watch ended as it should. What it brought is still read. */
void kube_watch_ended(struct kube_watch *w, msec_t now, uint32_t random);
/* The list, or the watch, ended with an error. `retry_after` as the server said; 0: it said nothing. */
void kube_watch_failed(struct kube_watch *w, msec_t now, uint32_t random, const struct err *e, msec_t retry_after);

enum kube_event_type {
    KUBE_EVENT_BEGIN,  /* of a list that replaces what was seen before */
    KUBE_EVENT_LISTED, /* an object of the list */
    KUBE_EVENT_END,    /* of the list */
    KUBE_EVENT_PUT,
    KUBE_EVENT_REMOVE,
    KUBE_EVENT_SEEN,   /* everything up to this version was reported */
    KUBE_EVENT_FORGET, /* the kind is not served: there are no objects */
};

struct kube_event {
    enum kube_event_type type;
    const json_t *object;         /* LISTED, PUT, REMOVE */
    const char *resource_version; /* BEGIN, END, PUT, REMOVE, SEEN */
    bool rewound;                 /* BEGIN: the server's history was set back */
};

/*
 * The next event, valid until the next call; false where there is none, or where *budget (bytes to parse, counted
 * down) is used up: then kube_watch_has_more() is true.
 */
bool kube_watch_next(struct kube_watch *w, msec_t now, uint32_t random, size_t *budget, struct kube_event *ret);
bool kube_watch_has_more(const struct kube_watch *w);
/* Bytes that wait to be parsed. */
size_t kube_watch_backlog(const struct kube_watch *w);

/*
 * Monotonic: when what was seen was last known to be what the server has: by a page, an event, a bookmark, by
 * kube_watch_verified(), or by the start. What is closed, or open and silent, grows older.
 */
msec_t kube_watch_trusted(const struct kube_watch *w);
/* The server's newest version is not older than kube_watch_version(). Where no watch is open, nothing happens. */
void kube_watch_verified(struct kube_watch *w, msec_t now);
bool kube_watch_listed(const struct kube_watch *w);    /* a whole list was seen since the start */
bool kube_watch_is_open(const struct kube_watch *w);   /* the server has opened it */
bool kube_watch_is_served(const struct kube_watch *w); /* false: 404 */
/* What went wrong last; "" when that is over. */
const char *kube_watch_error(const struct kube_watch *w);

#endif
