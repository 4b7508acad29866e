#include "kube/watch.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/backoff.h"
#include "kube/cache.h"
#include "kube/request.h"

#define LINE_MAX_DEFAULT ((size_t)8 * 1024 * 1024)
/* Pages were already bounded by their receiver. */
#define PAGE_MAX ((size_t)1 << 30)
#define PAGE_SIZE_DEFAULT 500
/*
 * Parsed, a page takes many times its text, and all of it at the same time. So a list begins with few objects, and as
 * many of them make a page as have this text together.
 */
#define PAGE_SIZE_FIRST 50
#define PAGE_BYTES ((size_t)64 * 1024)
/* A page that is too much is asked for again with so many times fewer objects; each page that is read doubles them. */
#define PAGE_SHRINK 8
#define PAGE_GROW 2
/* What is kept of each list and event besides the objects. A token holds a version and an object's key. */
#define VERSION_MAX 128
#define TOKEN_MAX 8192

/* How long the server is asked to keep a watch open, spread so that not all watches of a cluster end together. */
#define SECONDS_LEAST 300
#define SECONDS_SPREAD 300
/* Servers from 1.19 on send a bookmark every minute, older ones only near the end of the watch, or none. */
#define HEARTBEAT_SILENCE SECONDS(150)
#define SILENCE_BEYOND SECONDS(90)
/* A server that starts up answers 404 for custom kinds that it has not loaded yet; objects are not forgotten for that.
 */
#define ABSENCE_LEAST SECONDS(30)
/* A watch that ends sooner and brought nothing has failed. */
#define WATCH_LEAST SECONDS(1)
/* A server opens a watch when it is asked to, whether there is an event or not. */
#define OPEN_MOST SECONDS(30)

/* Between two lists that doubts lead to. */
#define DOUBT_LEAST SECONDS(1)
/* A page that a server cannot give, because its token is from a lost history, is not asked for without end. */
#define PAGE_FAILURES_MOST 3

enum state {
    RESTING, /* not started, or stopped */
    NOT_SERVED,
    LIST_DUE,
    LISTING, /* under way, or its page is being read */
    WATCH_DUE,
    WATCHING,
};

struct kube_watch {
    struct kube_watch_options options;
    char *api_version, *kind;
    enum state state;
    msec_t due;        /* LIST_DUE, WATCH_DUE */
    bool call, cancel; /* a call is under way; it is to be dropped */
    bool expected, listed, forget;
    char *version; /* resource version up to which everything was seen */

    /* the list */
    json_t *page;
    int page_size; /* objects that the next page may have at most */
    size_t item, item_cost;
    char *token; /* of the next page */
    char *list_version;
    bool begin;

    /* the stream */
    struct buf input;
    size_t read, scanned; /* offsets into input: what was parsed, what holds no end of a line */
    bool over;            /* the call has ended as `outcome` says; what it brought is still read */
    enum err_class outcome;
    msec_t retry_after;
    msec_t opened, heard;
    int seconds;
    bool heartbeat, brought;
    bool open; /* the server has opened it */
    json_t *event;

    unsigned failures, relists; /* in a row */
    msec_t doubted;             /* when a list was due for a doubt the last time; 0: never */
    msec_t absent;              /* since when the answer is 404; 0: it is not */
    msec_t trusted;             /* kube_watch_trusted() */
    char *error;
};

struct kube_watch *kube_watch_new(const struct kube_watch_options *options)
{
    struct kube_watch *w = NEW(struct kube_watch);

    w->options = *options;
    if (!w->options.line_max)
        w->options.line_max = LINE_MAX_DEFAULT;
    if (!w->options.values_max)
        w->options.values_max = DOC_VALUES_MAX;
    if (w->options.page_size <= 0)
        w->options.page_size = PAGE_SIZE_DEFAULT;
    if (!w->options.backoff_first)
        w->options.backoff_first = 200;
    if (!w->options.backoff_most)
        w->options.backoff_most = SECONDS(30);
    return w;
}

/* Memory for input is held only while there is some. */
static void drop_input(struct kube_watch *w)
{
    buf_release_secret(&w->input);
    w->read = w->scanned = 0;
    w->over = false;
}

static void drop_event(struct kube_watch *w)
{
    json_decref(w->event);
    w->event = NULL;
}

static void drop_list(struct kube_watch *w)
{
    json_decref(w->page);
    w->page = NULL;
    str_replace(&w->token, NULL);
    str_replace(&w->list_version, NULL);
    w->begin = false;
}

void kube_watch_free(struct kube_watch *w)
{
    if (!w)
        return;
    drop_input(w);
    drop_list(w);
    drop_event(w);
    free(w->api_version);
    free(w->kind);
    free(w->version);
    free(w->error);
    free(w);
}

static void halt(struct kube_watch *w, enum state state)
{
    w->cancel = w->cancel || w->call;
    w->call = false;
    w->state = state;
    drop_input(w);
    drop_list(w);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int page_size_first(const struct kube_watch *w)
{
    return smaller(w->options.page_size, PAGE_SIZE_FIRST);
}

/* After a page whose objects had so many bytes each. */
static int page_size_next(const struct kube_watch *w)
{
    size_t fit = w->item_cost ? PAGE_BYTES / w->item_cost : (size_t)w->options.page_size;
    int most = fit < (size_t)w->options.page_size ? (int)fit : w->options.page_size;

    return most < 1 ? 1 : smaller(w->page_size * PAGE_GROW, most);
}

void kube_watch_start(struct kube_watch *w, msec_t now, const char *api_version, const char *kind)
{
    halt(w, LIST_DUE);
    str_replace(&w->api_version, api_version);
    str_replace(&w->kind, kind);
    str_replace(&w->version, NULL);
    str_replace(&w->error, NULL);
    w->due = w->trusted = now;
    w->failures = w->relists = 0;
    w->absent = 0;
    w->page_size = page_size_first(w);
    w->listed = w->forget = w->heartbeat = false;
}

void kube_watch_stop(struct kube_watch *w)
{
    halt(w, RESTING);
    str_replace(&w->error, NULL);
    w->listed = w->forget = false;
}

void kube_watch_expect(struct kube_watch *w, bool served)
{
    w->expected = served;
}

void kube_watch_retry(struct kube_watch *w, msec_t now)
{
    if ((w->state == LIST_DUE || w->state == WATCH_DUE) && w->due > now)
        w->due = now;
}

static void set_error(struct kube_watch *w, const char *text)
{
    str_replace(&w->error, text);
}

/* Tries again later: the same page, or the watch from where it was. */
static void later(struct kube_watch *w, msec_t now, uint32_t random, enum err_class failure, msec_t retry_after)
{
    msec_t delay = kube_backoff(w->options.backoff_first, w->options.backoff_most, ++w->failures, random);

    w->cancel = w->cancel || w->call;
    w->call = false;
    w->state = w->state == LISTING ? LIST_DUE : WATCH_DUE;
    w->due = now + kube_backoff_asked(delay, failure, retry_after);
    drop_input(w);
}

/* Lists again: immediately, or later and later where that does not lead to a watch that brings something. */
static void relist(struct kube_watch *w, msec_t now, uint32_t random)
{
    msec_t delay = w->relists ? kube_backoff(w->options.backoff_first, w->options.backoff_most, w->relists, random) : 0;

    w->relists++;
    halt(w, LIST_DUE);
    w->due = now + delay;
}

bool kube_watch_doubt(struct kube_watch *w, msec_t now)
{
    msec_t due = w->doubted ? w->doubted + DOUBT_LEAST : now;

    if (w->state != WATCH_DUE && w->state != WATCHING)
        return false;
    /* After a failure the server is given its time all the same. */
    if (w->state == WATCH_DUE && w->due > due)
        due = w->due;
    halt(w, LIST_DUE);
    w->due = w->doubted = due > now ? due : now;
    return true;
}

/* What the server sent is not valid. */
static void garbage(struct kube_watch *w, msec_t now, uint32_t random, const struct err *e)
{
    set_error(w, e->text);
    later(w, now, random, ERR_UNAVAILABLE, 0);
    drop_list(w);
    w->state = LIST_DUE;
}

static bool has_events_of_list(const struct kube_watch *w)
{
    return w->page != NULL;
}

static bool has_line(const struct kube_watch *w)
{
    return w->input.len > w->scanned;
}

bool kube_watch_has_more(const struct kube_watch *w)
{
    return w->forget || has_events_of_list(w) || has_line(w) || w->over;
}

size_t kube_watch_backlog(const struct kube_watch *w)
{
    return w->input.len - w->read;
}

static msec_t silence(const struct kube_watch *w)
{
    if (w->options.silence)
        return w->options.silence;
    return w->heartbeat ? HEARTBEAT_SILENCE : SECONDS(w->seconds) + SILENCE_BEYOND;
}

/*
 * A server sends no bookmark of the version that a watch began with. So as long as nothing changes, silence before the
 * watch's time is over is no fault; the watch is opened again in case that it is one.
 */
static void break_silence(struct kube_watch *w, msec_t now, uint32_t random)
{
    if (w->brought || now >= w->opened + SECONDS(w->seconds)) {
        set_error(w, "the watch fell silent");
        later(w, now, random, ERR_UNAVAILABLE, 0);
    } else {
        halt(w, WATCH_DUE);
        w->due = now;
    }
}

/* An open watch need not say anything for long: one that has not ended for a while works. */
static bool is_unproven(const struct kube_watch *w)
{
    return w->state == WATCHING && w->open && !w->over && w->failures;
}

static bool is_opening(const struct kube_watch *w)
{
    return w->state == WATCHING && !w->open && !w->over;
}

enum kube_step kube_watch_step(struct kube_watch *w, msec_t now, uint32_t random)
{
    if (is_unproven(w) && now - w->opened >= WATCH_LEAST)
        w->failures = 0;
    if (is_opening(w) && now - w->opened >= OPEN_MOST) {
        set_error(w, "the server does not open the watch");
        later(w, now, random, ERR_TIMEOUT, 0);
    }
    if (w->state == WATCHING && !w->over && now - w->heard >= silence(w))
        break_silence(w, now, random);
    if (w->cancel) {
        w->cancel = false;
        return KUBE_STEP_CANCEL;
    }
    if (kube_watch_has_more(w) || now < w->due)
        return KUBE_STEP_WAIT;
    if (w->state == LIST_DUE) {
        w->state = LISTING;
        w->call = true;
        return KUBE_STEP_LIST;
    }
    if (w->state == WATCH_DUE) {
        w->state = WATCHING;
        w->call = true;
        w->brought = w->open = false;
        w->opened = w->heard = now;
        w->seconds = SECONDS_LEAST + (int)(random % SECONDS_SPREAD);
        return KUBE_STEP_OPEN;
    }
    return KUBE_STEP_WAIT;
}

msec_t kube_watch_due(const struct kube_watch *w)
{
    if (w->cancel)
        return 0;
    if (w->state == LIST_DUE || w->state == WATCH_DUE)
        return w->due;
    if (is_opening(w))
        return w->opened + OPEN_MOST;
    if (is_unproven(w))
        return w->opened + WATCH_LEAST;
    return w->state == WATCHING && !w->over ? w->heard + silence(w) : MSEC_NEVER;
}

const char *kube_watch_continue(const struct kube_watch *w)
{
    return w->token;
}

const char *kube_watch_version(const struct kube_watch *w)
{
    return w->version;
}

int kube_watch_page_size(const struct kube_watch *w)
{
    return w->page_size;
}

int kube_watch_seconds(const struct kube_watch *w)
{
    return w->seconds;
}

/* NULL where there is none that could be kept. */
static const char *version_of(const json_t *value)
{
    const char *version = doc_string(value, "metadata", "resourceVersion");

    return version && strlen(version) <= VERSION_MAX ? version : NULL;
}

static int read_page(const char *body, size_t len, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *page = NULL;
    const json_t *items, *token;

    if (doc_parse_lenient(body, len, PAGE_MAX, DOC_IN_LIST, &page, e) < 0)
        return err_wrap(e, "list");
    items = doc_at(page, "items");
    if (!json_is_object(page) || (items && !json_is_array(items) && !json_is_null(items)))
        return err_set(e, ERR_INVALID, "list: the answer is no list");
    /* The end of a list is said and not guessed: objects that are not in it are taken to be deleted. */
    token = doc_at(page, "metadata", "continue");
    if (token && !json_is_string(token) && !json_is_null(token))
        return err_set(e, ERR_INVALID, "list: metadata.continue is no string");
    if (!version_of(page))
        return err_set(e, ERR_INVALID, "list: the answer has no metadata.resourceVersion");
    if (strlen(str_or(doc_string(page, "metadata", "continue"), "")) > TOKEN_MAX)
        return err_set(e, ERR_INVALID, "list: metadata.continue of more than %d bytes", TOKEN_MAX);
    *ret = TAKE_PTR(page);
    return 0;
}

/* Large objects of some user must not keep all the others from being listed. False: the page cannot be smaller. */
static bool asks_for_less(struct kube_watch *w, msec_t now, const struct err *e)
{
    if (w->state != LISTING || e->class != ERR_LIMIT || w->page_size == 1)
        return false;
    w->page_size = w->page_size > PAGE_SHRINK ? w->page_size / PAGE_SHRINK : 1;
    w->state = LIST_DUE;
    w->due = now;
    return true;
}

void kube_watch_page(struct kube_watch *w, msec_t now, uint32_t random, const char *body, size_t len)
{
    const char *token;
    size_t items;
    struct err e;

    if (w->state != LISTING || !w->call)
        return;
    w->call = false;
    if (read_page(body, len, &w->page, &e) < 0) {
        if (!asks_for_less(w, now, &e))
            garbage(w, now, random, &e);
        return;
    }
    w->begin = !w->token;
    token = doc_string(w->page, "metadata", "continue");
    str_replace(&w->token, token && *token ? token : NULL);
    str_replace(&w->list_version, version_of(w->page));
    items = json_array_size(json_object_get(w->page, "items"));
    w->item = 0;
    w->item_cost = items ? len / items : 0;
    w->page_size = page_size_next(w);
    w->failures = 0;
    w->absent = 0;
    w->trusted = now;
    set_error(w, NULL);
}

void kube_watch_feed(struct kube_watch *w, msec_t now, const char *data, size_t len)
{
    if (w->state != WATCHING || !w->call)
        return;
    w->heard = now;
    if (!w->open)
        set_error(w, NULL);
    w->open = true;
    if (!len)
        return;
    if (w->read && w->read >= w->input.len / 2) {
        buf_consume(&w->input, w->read);
        w->scanned -= w->read;
        w->read = 0;
    }
    buf_add(&w->input, data, len);
}

static void over(struct kube_watch *w, enum err_class outcome, msec_t retry_after)
{
    w->call = false;
    w->over = true;
    w->outcome = outcome;
    w->retry_after = retry_after;
}

/* Whether a 404 is to be believed: immediately where nothing was ever seen, else when it lasts. */
static bool is_not_served(struct kube_watch *w, msec_t now)
{
    if (!w->options.custom || w->expected)
        return false;
    if (!w->absent)
        w->absent = now;
    return !w->listed || now - w->absent >= ABSENCE_LEAST;
}

/* A call has ended and all of it was read. */
static void settle(struct kube_watch *w, msec_t now, uint32_t random)
{
    enum err_class outcome = w->outcome;
    msec_t retry_after = w->retry_after;

    drop_input(w);
    if (outcome == ERR_GONE) {
        relist(w, now, random);
    } else if (outcome == ERR_NOT_FOUND && is_not_served(w, now)) {
        halt(w, NOT_SERVED);
        set_error(w, NULL);
        w->listed = false;
        w->forget = true;
    } else if (outcome == ERR_NONE && (w->brought || now - w->opened >= WATCH_LEAST)) {
        w->failures = w->relists = 0;
        w->state = WATCH_DUE;
        w->due = now;
        set_error(w, NULL);
    } else {
        later(w, now, random, outcome, retry_after);
        /* A request that the server does not understand fails the next time, too. */
        if (outcome == ERR_NOT_FOUND || outcome == ERR_INVALID || (w->token && w->failures >= PAGE_FAILURES_MOST)) {
            drop_list(w);
            w->state = LIST_DUE;
        }
    }
}

void kube_watch_ended(struct kube_watch *w, msec_t now, uint32_t random)
{
    if (w->state != WATCHING || !w->call)
        return;
    over(w, ERR_NONE, 0);
    if (!has_line(w))
        settle(w, now, random);
}

void kube_watch_failed(struct kube_watch *w, msec_t now, uint32_t random, const struct err *e, msec_t retry_after)
{
    if (!w->call)
        return;
    if (asks_for_less(w, now, e)) {
        w->call = false;
        return;
    }
    /* To have been closed for too long is no fault: it lists again. */
    if (e->class != ERR_GONE)
        set_error(w, e->text);
    over(w, e->class, retry_after);
    if (!has_line(w))
        settle(w, now, random);
}

static bool next_of_list(struct kube_watch *w, msec_t now, size_t *budget, struct kube_event *ret)
{
    json_t *item = json_array_get(json_object_get(w->page, "items"), w->item);

    if (w->begin) {
        w->begin = false;
        *ret = (struct kube_event){.type = KUBE_EVENT_BEGIN,
                                   .resource_version = w->list_version,
                                   .rewound = kube_version_older(w->list_version, w->version)};
        return true;
    }
    if (item) {
        w->item++;
        *budget -= *budget < w->item_cost ? *budget : w->item_cost;
        if (json_is_object(item) && !json_object_get(item, "kind")) {
            json_object_set_new(item, "apiVersion", json_string(w->api_version));
            json_object_set_new(item, "kind", json_string(w->kind));
        }
        *ret = (struct kube_event){.type = KUBE_EVENT_LISTED, .object = item};
        return true;
    }
    json_decref(w->page);
    w->page = NULL;
    w->due = now;
    if (w->token) {
        w->state = LIST_DUE;
        return false;
    }
    str_replace(&w->version, w->list_version);
    w->listed = true;
    w->state = WATCH_DUE;
    *ret = (struct kube_event){.type = KUBE_EVENT_END, .resource_version = w->version};
    return true;
}

/* The stream reported an error in an event of its own: 410, or something else that ends it. */
static void read_error(struct kube_watch *w, msec_t now, uint32_t random, const json_t *status)
{
    int64_t code = doc_int(doc_at(status, "code"), 0);
    int64_t retry_after = doc_int(doc_at(status, "details", "retryAfterSeconds"), 0);
    struct err e;

    if (code == 410 || str_eq(doc_string(status, "reason"), "Expired") ||
        str_eq(doc_string(status, "reason"), "Gone") || kube_status_is_from_future(status)) {
        relist(w, now, random);
        return;
    }
    err_set(&e, ERR_UNAVAILABLE, "the watch was ended by the server: %s",
            str_or(doc_string(status, "message"), "no reason given"));
    set_error(w, e.text);
    later(w, now, random, code == 429 ? ERR_THROTTLED : ERR_UNAVAILABLE,
          retry_after > 0 && retry_after < 3600 ? SECONDS(retry_after) : 0);
}

/* One line of the stream, already parsed. True where it is an event to pass on. */
static bool read_event(struct kube_watch *w, msec_t now, uint32_t random, struct kube_event *ret)
{
    const json_t *object = json_object_get(w->event, "object");
    const char *type = doc_string(w->event, "type"), *version = version_of(object);
    struct err e;

    if (str_eq(type, "ERROR")) {
        read_error(w, now, random, object);
        return false;
    }
    if (!type || !version) {
        err_set(&e, ERR_INVALID, "watch: an event without %s", type ? "object.metadata.resourceVersion" : "type");
        garbage(w, now, random, &e);
        return false;
    }
    if (str_eq(type, "BOOKMARK")) {
        if (kube_version_older(version, w->version)) {
            /* The server is behind the watch: its history may have been set back, and it will not say so. */
            relist(w, now, random);
            return false;
        }
        w->heartbeat = w->heartbeat || now < w->opened + SECONDS(w->seconds - 10);
        *ret = (struct kube_event){.type = KUBE_EVENT_SEEN};
    } else if (str_eq(type, "ADDED") || str_eq(type, "MODIFIED")) {
        *ret = (struct kube_event){.type = KUBE_EVENT_PUT, .object = object};
    } else if (str_eq(type, "DELETED")) {
        *ret = (struct kube_event){.type = KUBE_EVENT_REMOVE, .object = object};
    } else {
        /* Something happened, and a list shows what. */
        err_set(&e, ERR_INVALID, "watch: an event of an unknown type");
        garbage(w, now, random, &e);
        return false;
    }
    w->brought = true;
    w->trusted = now;
    w->failures = w->relists = 0;
    set_error(w, NULL);
    ret->resource_version = version;
    if (!kube_version_older(version, w->version))
        str_replace(&w->version, version);
    return true;
}

/* A whole line into w->event. False where there is none (yet). */
static bool take_line(struct kube_watch *w, msec_t now, uint32_t random, size_t *budget)
{
    const char *line = w->input.data + w->read;
    const char *end = memchr(w->input.data + w->scanned, '\n', w->input.len - w->scanned);
    size_t len = (end ? (size_t)(end - w->input.data) : w->input.len) - w->read;
    struct err e;
    int r;

    if (len > w->options.line_max) {
        err_set(&e, ERR_LIMIT, "watch: an event of more than %zu bytes", w->options.line_max);
        garbage(w, now, random, &e);
        return false;
    }
    w->scanned = end ? (size_t)(end - w->input.data) + 1 : w->input.len;
    if (!end)
        return false;
    if (!len) {
        w->read = w->scanned;
        return false;
    }
    *budget -= *budget < len ? *budget : len;
    drop_event(w);
    r = doc_limit_values(line, len, w->options.values_max, &e);
    if (r == 0)
        r = doc_parse_lenient(line, len, w->options.line_max, DOC_IN_EVENT, &w->event, &e);
    w->read = w->scanned;
    if (w->read == w->input.len && !w->over)
        drop_input(w);
    if (r < 0) {
        err_wrap(&e, "watch");
        garbage(w, now, random, &e);
    }
    return r == 0;
}

static bool next_event(struct kube_watch *w, msec_t now, uint32_t random, size_t *budget, struct kube_event *ret)
{
    if (w->forget) {
        w->forget = false;
        str_replace(&w->version, NULL);
        *ret = (struct kube_event){.type = KUBE_EVENT_FORGET};
        return true;
    }
    if (has_events_of_list(w))
        return *budget && next_of_list(w, now, budget, ret);
    while (has_line(w) && *budget)
        if (take_line(w, now, random, budget) && read_event(w, now, random, ret))
            return true;
    if (w->over && !has_line(w))
        settle(w, now, random);
    if (w->forget)
        return next_event(w, now, random, budget, ret);
    return false;
}

bool kube_watch_next(struct kube_watch *w, msec_t now, uint32_t random, size_t *budget, struct kube_event *ret)
{
    if (next_event(w, now, random, budget, ret))
        return true;
    /* Parsed it takes several times its text, and the next one may arrive hours later. */
    drop_event(w);
    return false;
}

msec_t kube_watch_trusted(const struct kube_watch *w)
{
    return w->trusted;
}

void kube_watch_verified(struct kube_watch *w, msec_t now)
{
    if (kube_watch_is_open(w))
        w->trusted = now;
}

bool kube_watch_listed(const struct kube_watch *w)
{
    return w->listed;
}

bool kube_watch_is_open(const struct kube_watch *w)
{
    return w->state == WATCHING && w->open && !w->over;
}

bool kube_watch_is_served(const struct kube_watch *w)
{
    return w->state != NOT_SERVED;
}

const char *kube_watch_error(const struct kube_watch *w)
{
    return str_or(w->error, "");
}
