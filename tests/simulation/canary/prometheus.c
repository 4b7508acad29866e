#include "prometheus.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

enum { SCRAPES = 64 };

static const msec_t SCRAPE_INTERVAL = SECONDS(5);

struct scrape {
    msec_t at;
    struct traffic_counts counts[2];
};

struct prometheus {
    struct prometheus_options o;
    struct scrape scrapes[SCRAPES]; /* a ring */
    size_t scrape_count;
    struct job *job;
    uint64_t queries;
};

struct query_call {
    struct prometheus *prometheus;
    char *text; /* the query, unescaped */
    query_done_fn done;
    void *context;
    struct job *job;
};

static void scrape(void *context)
{
    struct prometheus *p = context;
    struct scrape *s = &p->scrapes[p->scrape_count++ % SCRAPES];

    s->at = sched_now(p->o.sched);
    for (int primary = 0; primary < 2; primary++)
        s->counts[primary] = traffic_counts(p->o.traffic, primary);
    p->job = sched_at(p->o.sched, s->at + SCRAPE_INTERVAL, scrape, p);
}

/* --- what is asked --- */

static char *unescaped(const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *copy = str_dup(text), *to = copy;

    for (const char *from = copy; *from; from++)
        if (*from == '%' && from[1] && from[2]) {
            *to++ = (char)(16 * (strchr(digits, from[1]) - digits) + (strchr(digits, from[2]) - digits));
            from += 2;
        } else {
            *to++ = *from;
        }
    *to = '\0';
    return copy;
}

/* Of "...[30s]...". */
static msec_t window_of(const char *query)
{
    const char *at = strchr(query, '[');
    msec_t window = 0;

    if (at) {
        _cleanup_free_ char *text = str_dup_n(at + 1, strcspn(at + 1, "]"));
        clock_parse_duration(text, &window);
    }
    return window;
}

static enum prometheus_value value_of(const char *query)
{
    if (strstr(query, "_bucket"))
        return VALUE_DURATION;
    return strstr(query, "response_code=~\"5.*\"") ? VALUE_FAILED : VALUE_ALL;
}

static uint64_t counter(const struct scrape *s, bool primary, enum prometheus_value what)
{
    const struct traffic_counts *c = &s->counts[primary];

    return what == VALUE_FAILED ? c->failed : what == VALUE_DURATION ? c->slow : c->all;
}

/* What a counter rose by in a window; false: there are no two samples of it. */
static bool increase(const struct prometheus *p, bool primary, enum prometheus_value what, msec_t window, double *ret)
{
    size_t kept = p->scrape_count < SCRAPES ? p->scrape_count : SCRAPES;
    const struct scrape *first = NULL, *last = NULL;

    for (size_t i = p->scrape_count - kept; i < p->scrape_count; i++) {
        const struct scrape *s = &p->scrapes[i % SCRAPES];
        if (s->at <= sched_now(p->o.sched) - window || !counter(s, primary, what))
            continue;
        first = first ? first : s;
        last = s;
    }
    if (!first || first == last)
        return false;
    *ret = (double)(counter(last, primary, what) - counter(first, primary, what)) * (double)window /
           (double)(last->at - first->at);
    return true;
}

static struct prometheus_answer evaluate(const struct prometheus *p, const char *query)
{
    bool primary = strstr(query, "destination_workload=\"" SHOP_PRIMARY "\"");
    enum prometheus_value what = value_of(query);
    struct prometheus_answer a = {.at = sched_now(p->o.sched), .window = window_of(query)};
    double all, slow;

    if (what != VALUE_DURATION) {
        a.none = !increase(p, primary, what, a.window, &a.value);
        return a;
    }
    if (!increase(p, primary, VALUE_ALL, a.window, &all) || all <= 0) {
        a.none = true;
        return a;
    }
    a.value = increase(p, primary, VALUE_DURATION, a.window, &slow) && slow * 100 > all ? 2400 : 48;
    return a;
}

/* --- answers --- */

static json_t *vector(msec_t now, const char *value)
{
    return OBJECT(
        STRING("status", "success"),
        MAP("data", STRING("resultType", "vector"),
            SEQ("result", OPT(value, ITEM(MAP("metric"), SEQ("value", ITEM_VALUE(json_real((double)now / 1000)),
                                                             ITEM_STRING(value)))))));
}

static void end(struct query_call *call, int status, const char *body, const struct err *e)
{
    struct query_call ended = *call;

    if (ended.prometheus->o.trace) {
        _cleanup_free_ char *text = str_printf("prometheus: %s -> %d %s", call->text, status, e ? e->text : body);
        ended.prometheus->o.trace(ended.prometheus->o.context, text);
    }
    free(call->text);
    free(call);
    ended.done(ended.context, status, body, body ? strlen(body) : 0, e);
}

static void fail(struct query_call *call, enum err_class class, const char *text)
{
    struct err e;

    err_set(&e, class, "%s", text);
    end(call, 0, NULL, &e);
}

static void answer_truly(struct query_call *call)
{
    struct prometheus *p = call->prometheus;
    struct prometheus_answer a = evaluate(p, call->text);
    _cleanup_free_ char *value = a.none ? NULL : str_printf("%.9g", a.value), *body = NULL;
    _cleanup_json_ json_t *document = vector(a.at, value);

    body = doc_text(document);
    p->o.answered(p->o.context, value_of(call->text), &a);
    end(call, 200, body, NULL);
}

static void answer(void *context)
{
    struct query_call *call = context;
    _cleanup_json_ json_t *document = NULL;
    _cleanup_free_ char *body = NULL;

    call->job = NULL;
    switch (*call->prometheus->o.state) {
    case PROMETHEUS_DOWN:
        fail(call, ERR_UNAVAILABLE, "Connection refused");
        return;
    case PROMETHEUS_HANGS:
        fail(call, ERR_TIMEOUT, "Timeout was reached");
        return;
    case PROMETHEUS_BROKEN:
        end(call, 500, "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"out of memory\"}", NULL);
        return;
    case PROMETHEUS_GARBAGE:
        end(call, 200, "<html>Welcome</html>", NULL);
        return;
    case PROMETHEUS_EMPTY:
    case PROMETHEUS_NAN:
        document =
            vector(sched_now(call->prometheus->o.sched), *call->prometheus->o.state == PROMETHEUS_NAN ? "NaN" : NULL);
        body = doc_text(document);
        end(call, 200, body, NULL);
        return;
    default:
        answer_truly(call);
    }
}

static int send_query(void *context, const struct query *query, query_done_fn done, void *done_context,
                      struct query_call **ret, struct err *e)
{
    static const char path[] = PROMETHEUS_URL "/api/v1/query?query=";
    struct prometheus *p = context;
    msec_t way = rng_between(p->o.rng, 1, 40);

    if (!str_starts(query->url, path))
        return err_set(e, ERR_INVALID, "there is no such server: %s", query->url);
    p->queries++;
    if (*p->o.state == PROMETHEUS_HANGS)
        way = query->timeout;
    else if (*p->o.state == PROMETHEUS_SLOW)
        way = rng_between(p->o.rng, SECONDS(1), query->timeout - 1);
    *ret = NEW(struct query_call);
    **ret = (struct query_call){
        .prometheus = p,
        .text = unescaped(query->url + sizeof(path) - 1),
        .done = done,
        .context = done_context,
        .job = sched_at(p->o.sched, sched_now(p->o.sched) + way, answer, *ret),
    };
    return 0;
}

static void cancel(void *context, struct query_call *call)
{
    struct prometheus *p = context;

    sched_drop(p->o.sched, call->job);
    free(call->text);
    free(call);
}

struct query_sender prometheus_sender(struct prometheus *p)
{
    return (struct query_sender){send_query, cancel, p};
}

uint64_t prometheus_queries(const struct prometheus *p)
{
    return p->queries;
}

struct prometheus *prometheus_new(const struct prometheus_options *options)
{
    struct prometheus *p = NEW(struct prometheus);

    *p = (struct prometheus){.o = *options};
    scrape(p);
    return p;
}

void prometheus_free(struct prometheus *p)
{
    sched_drop(p->o.sched, p->job);
    free(p);
}
