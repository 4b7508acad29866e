#include "reconcile/events.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/request.h"
#include "reconcile/marks.h"

static const msec_t GATHER = 1500;
#define SINGLE_MOST 4       /* more notes of one reason than this become one Event */
#define TEXT_MAX_BYTES 1000 /* Kubernetes allows 1024 */
#define NAME_MAX_BYTES 253  /* of any object's name in Kubernetes */
#define SUFFIX_MAX_BYTES 30 /* a time and a number, so that an Event's name is unique */
#define WARNING_AGAIN SECONDS(600)

const struct kube_kind events_kind = {
    .kind = "Event", .plural = "events", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true};

/* Notes of one reason, waiting for the moment to be over. */
struct gathered {
    char *reason;
    bool warning;
    size_t count;
    char *messages[SINGLE_MOST];
};

struct subject {
    char *api_version, *kind, *ns, *name, *uid;
};

struct events {
    struct net_io *io;
    struct kube_gate gate;
    struct net_timer *timer;
    bool gathering; /* the timer runs */
    struct subject subject;
    struct map *gathered; /* reason -> struct gathered */
    struct map *warned;   /* text -> msec_t *, monotonic: when it was reported */
    unsigned sequence;
};

static void gathered_free(void *p)
{
    struct gathered *g = p;

    free(g->reason);
    for (size_t i = 0; i < SINGLE_MOST; i++)
        free(g->messages[i]);
    free(g);
}

static void subject_release(struct subject *s)
{
    free(s->api_version);
    free(s->kind);
    free(s->ns);
    free(s->name);
    free(s->uid);
}

static void sent(void *context, const struct net_response *response, const struct err *e)
{
    (void)context, (void)response, (void)e; /* an Event that is not taken is not worth a second try */
}

/* How much of the name of what an Event is about begins the Event's own name. */
static int name_len(const char *name)
{
    size_t len = str_cut(name, NAME_MAX_BYTES - SUFFIX_MAX_BYTES);

    while (len && !isalnum((unsigned char)name[len - 1]))
        len--;
    return (int)len;
}

static void send_event(struct events *events, const struct gathered *g, const char *message)
{
    const struct subject *about = &events->subject;
    _cleanup_free_ char *short_message = str_dup_short(message, TEXT_MAX_BYTES);
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *event = NULL;
    msec_t wall = events->io->wall(events->io);
    struct net_request request;
    msec_t not_after;
    char now[32];

    if (!kube_gate_is_open(&events->gate, &not_after))
        return;
    clock_rfc3339(wall, now);
    event = OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Event"),
        MAP("metadata",
            FORMAT("name", "%.*s.%" PRIx64 ".%x", name_len(about->name), about->name, wall, events->sequence++),
            STRING("namespace", about->ns)),
        MAP("involvedObject",
            STRING("apiVersion", about->api_version),
            STRING("kind", about->kind),
            STRING("namespace", about->ns),
            STRING("name", about->name),
            STRING("uid", about->uid)),
        STRING("type", g->warning ? "Warning" : "Normal"),
        STRING("reason", g->reason),
        STRING("message", short_message),
        STRING("firstTimestamp", now),
        STRING("lastTimestamp", now),
        INT("count", 1),
        MAP("source", STRING("component", FIELD_MANAGER)));
    text = doc_text(event);
    request = kube_request_create(&events_kind, "v1", about->ns, text);
    request.not_after = not_after;
    events->io->send(events->io, &request, NULL, sent, NULL);
}

void events_flush(struct events *events)
{
    void *value;

    events->gathering = false;
    events->io->timer_set(events->io, events->timer, MSEC_NEVER);
    for (size_t i = 0; map_next(events->gathered, &i, NULL, &value);) {
        const struct gathered *g = value;
        if (g->count > SINGLE_MOST) {
            _cleanup_free_ char *message = str_printf("%zu objects, among them %s", g->count, g->messages[0]);
            send_event(events, g, message);
            continue;
        }
        for (size_t k = 0; k < g->count; k++)
            send_event(events, g, g->messages[k]);
    }
    map_clear(events->gathered);
}

static void on_timer(void *context)
{
    events_flush(context);
}

struct events *events_new(struct net_io *io, struct kube_gate gate)
{
    struct events *events = NEW(struct events);

    events->io = io;
    events->gate = gate;
    events->timer = io->timer_new(io, on_timer, events);
    events->gathered = map_new(gathered_free);
    events->warned = map_new(free);
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    events->io->timer_free(events->io, events->timer);
    map_free(events->gathered);
    map_free(events->warned);
    subject_release(&events->subject);
    free(events);
}

static void set_subject(struct events *events, const struct event_subject *subject)
{
    struct subject *s = &events->subject;

    if (str_eq(s->uid, subject->uid))
        return;
    if (map_len(events->gathered))
        events_flush(events);
    str_replace(&s->api_version, subject->api_version);
    str_replace(&s->kind, subject->kind);
    str_replace(&s->ns, subject->ns);
    str_replace(&s->name, subject->name);
    str_replace(&s->uid, subject->uid);
}

static bool told_lately(struct events *events, const char *text)
{
    msec_t now = events->io->now(events->io), *when;
    const char *key;
    void *value;

    for (size_t i = 0; map_next(events->warned, &i, &key, &value);)
        if (now - *(msec_t *)value > WARNING_AGAIN)
            map_remove(events->warned, key);
    if (map_has(events->warned, text))
        return true;
    when = NEW(msec_t);
    *when = now;
    map_put(events->warned, text, when);
    return false;
}

static bool is_gathered(const struct gathered *g, const char *message)
{
    for (size_t i = 0; i < g->count && i < SINGLE_MOST; i++)
        if (str_eq(g->messages[i], message))
            return true;
    return false;
}

void events_note(
    struct events *events, const struct event_subject *subject, const char *reason, bool warning, const char *object,
    const char *text)
{
    _cleanup_free_ char *message = str_printf("%s: %s", object, text);
    struct gathered *g;

    if (warning && told_lately(events, message))
        return;
    set_subject(events, subject);
    g = map_get(events->gathered, reason);
    if (!g) {
        g = NEW(struct gathered);
        g->reason = str_dup(reason);
        g->warning = warning;
        map_put(events->gathered, reason, g);
    }
    if (is_gathered(g, message))
        return;
    if (g->count < SINGLE_MOST)
        g->messages[g->count] = TAKE_PTR(message);
    g->count++;
    if (events->gathering)
        return;
    events->gathering = true;
    events->io->timer_set(events->io, events->timer, events->io->now(events->io) + GATHER);
}
