/*
 * Notices of how a release goes, for webhooks of types post-rollout and event, and for alerts.
 *
 * A notice is written to the status together with what it is about, and sent when it is read there, so that it is
 * neither lost nor forgotten by a restart. It names whom it still has to reach; each of them gets notices one after
 * another, and is given up after some tries, with an Event. No release waits for any of it.
 */
#include <inttypes.h>
#include <string.h>

#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

/*
 * As many notices are kept, those that were sent, too: then no new one is sent before the oldest is so old. The last
 * places are for errors.
 */
enum { NOTICES_MAX = 10, NOTICES_FOR_ALL = 8 };
#define NOTICES_WITHIN SECONDS(600)
#define ALERT_TIMEOUT SECONDS(10)

#define OF_WEBHOOK "webhook/"
#define OF_ALERT "alert/"

#define WAITING "Waiting"
#define WAITS_FOR "waitsFor"

/* --- what there is to send --- */

struct notice {
    const char *event; /* static; NULL: nothing */
    enum canary_severity severity;
    bool is_end;
};

/* A person, or a webhook, has to answer. */
static bool waits_for_others(const struct canary *c)
{
    enum canary_hook awaited = canary_awaited_hook(&c->next);
    const char *reason = c->next.reason;

    if (!c->held)
        return false;
    return awaited != HOOK_NONE ? c->is_refused
                                : str_eq(reason, "WaitingForApproval") || str_eq(reason, "ChecksFailed");
}

static struct notice notice_of(const struct canary *c)
{
    const struct canary_state *before = &c->observed, *s = &c->next;
    bool is_other_phase = before->phase != s->phase;

    if (s->phase == CANARY_FAILED && is_other_phase)
        return (struct notice){"Failed", SEVERITY_ERROR, true};
    if (s->phase == CANARY_SUCCEEDED && is_other_phase)
        return (struct notice){str_eq(s->reason, "Promoted") ? "Promoted" : "Reverted", SEVERITY_INFO, true};
    if (s->phase == CANARY_PROGRESSING && (is_other_phase || !str_eq(before->revision, s->revision)))
        return (struct notice){"Started", SEVERITY_INFO, false};
    if (waits_for_others(c))
        return (struct notice){WAITING, SEVERITY_WARN, false};
    return (struct notice){NULL};
}

static json_t *receivers(const struct canary *c, const struct notice *n)
{
    json_t *names = json_array(), *one;
    size_t i;

    json_array_foreach(c->spec->analysis.webhooks, i, one) {
        enum canary_hook type = canary_hook_type(one);
        if (type == HOOK_EVENT || (type == HOOK_POST_ROLLOUT && n->is_end))
            json_array_append_new(names, json_sprintf(OF_WEBHOOK "%s", doc_string(one, "name")));
    }
    json_array_foreach(c->spec->analysis.alerts, i, one)
        if (n->severity >= canary_alert_severity(one))
            json_array_append_new(names, json_sprintf(OF_ALERT "%s", doc_string(one, "name")));
    return names;
}

static bool is_sent(const json_t *notice)
{
    return !json_array_size(doc_at(notice, "pending"));
}

/* Makes room: of what was sent, the oldest goes first. False: there is none. */
static bool make_room(struct canary *c, const struct notice *n)
{
    size_t most = n->severity == SEVERITY_ERROR ? NOTICES_MAX : NOTICES_FOR_ALL;

    for (size_t i = 0; i < json_array_size(c->notices);) {
        json_t *one = json_array_get(c->notices, i);
        if (is_sent(one) && canary_time_of(c, one) <= c->in->now - NOTICES_WITHIN)
            json_array_remove(c->notices, i);
        else
            i++;
    }
    return json_array_size(c->notices) < most;
}

static void add_notice(struct canary *c, const struct notice *n)
{
    const struct canary_state *s = &c->next;
    _cleanup_free_ char *id = str_printf("%s/%" PRId64 "/%s", s->revision, s->release, n->event);
    _cleanup_json_ json_t *pending = receivers(c, n);
    char at[32];

    if (str_eq(n->event, WAITING)) {
        char *of_step = str_printf("%s/%s/%d", id, s->reason, s->step);
        free(id);
        id = of_step;
    }
    if (!json_array_size(pending) || doc_find(c->notices, "id", id))
        return;
    if (!make_room(c, n)) {
        reconcile_tell(
            c->re->plan,
            "NoticeDropped",
            true,
            str_printf("too many notices are kept: none is sent that it is %s", n->event));
        return;
    }
    clock_rfc3339_micro(c->in->now, at);
    json_array_append_new(
        c->notices,
        OBJECT(
            STRING("id", id),
            STRING("event", n->event),
            STRING("severity", canary_severity_name(n->severity)),
            STRING("phase", canary_phase_name(s->phase)),
            STRING("revision", s->revision),
            STRING("message", str_or(s->message, "")),
            STRING("at", at),
            VALUE("pending", json_incref(pending))));
}

/* --- sending it --- */

static json_t *slack_message(const struct canary *c, const json_t *alert, const json_t *notice)
{
    const char *severity = doc_string(notice, "severity"), *channel = doc_string(alert, "channel"),
               *username = doc_string(alert, "username");
    const char *color = str_eq(severity, "error") ? "danger" : str_eq(severity, "warn") ? "warning" : "good";

    return OBJECT(
        OPT(channel, STRING("channel", channel)),
        OPT(username, STRING("username", username)),
        FORMAT("text", "Canary %s/%s: %s", c->ns, c->name, str_or(doc_string(notice, "event"), "")),
        SEQ("attachments", ITEM(STRING("color", color), STRING("text", str_or(doc_string(notice, "message"), "")))));
}

/* What was so when the notice was written, and not what is so now. */
static void add_event(json_t *document, const json_t *notice)
{
    static const char *const same[] = {"phase", "event", "severity", "message", "at"};

    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        json_object_set(document, same[i], doc_at(notice, same[i]));
    json_object_set(document, "checksum", doc_at(notice, "revision"));
    json_object_del(document, "weight");
    json_object_del(document, "step");
}

/* As Flagger tells an event. */
static void add_metadata(json_t *document, const json_t *notice)
{
    json_t *metadata = doc_at(document, "metadata");

    json_object_set(metadata, "eventMessage", doc_at(notice, "message"));
    json_object_set_new(
        metadata, "eventType", json_string(str_eq(doc_string(notice, "severity"), "info") ? "Normal" : "Warning"));
    json_object_set_new(metadata, "timestamp", json_sprintf("%" PRId64, clock_time(doc_string(notice, "at"))));
}

static json_t *
message_to(const struct canary *c, const json_t *item, bool is_alert, const char *id, const json_t *notice)
{
    json_t *document;

    if (is_alert && str_eq(doc_string(item, "type"), "slack"))
        return slack_message(c, item, notice);
    document = canary_document(c, id, is_alert ? NULL : item);
    add_event(document, notice);
    if (is_alert) {
        json_object_del(document, "webhook");
        json_object_del(document, "type");
        json_object_del(document, "metadata");
    } else if (canary_hook_type(item) == HOOK_EVENT) {
        add_metadata(document, notice);
    }
    return document;
}

/* True when nothing is left to do for this one. */
static bool tell(struct canary *c, json_t *notice, const char *receiver)
{
    bool is_alert = str_starts(receiver, OF_ALERT);
    const char *name = strchr(receiver, '/') ? strchr(receiver, '/') + 1 : "";
    const json_t *item = doc_find(is_alert ? c->spec->analysis.alerts : c->spec->analysis.webhooks, "name", name);
    _cleanup_free_ char *id = str_printf("%s/%s", str_or(doc_string(notice, "id"), ""), receiver),
                        *key = str_printf("notice/%s", id);
    _cleanup_json_ json_t *document = NULL;
    struct buf why = BUF_INIT;
    enum canary_reply reply;

    if (!item)
        return true;
    document = message_to(c, item, is_alert, id, notice);
    reply = canary_post(
        c,
        &(struct canary_post){
            .item = item,
            .key = key,
            .document = document,
            .retries = is_alert ? CANARY_TELL_RETRIES : canary_hook_retries(item),
            .timeout = is_alert ? ALERT_TIMEOUT : canary_hook_timeout(item),
            .max_age = MSEC_NEVER,
            .since = canary_time_of(c, notice),
        },
        &why);
    if (reply == REPLY_NONE && why.len)
        json_object_set_new(notice, WAITS_FOR, json_string(buf_str(&why)));
    if (reply == REPLY_NO || reply == REPLY_SILENT)
        reconcile_tell(
            c->re->plan,
            "NoticeDropped",
            true,
            str_printf(
                "%s \"%s\" did not take the notice that revision %s is %s: %s",
                is_alert ? "alert" : "webhook",
                name,
                str_or(doc_string(notice, "revision"), ""),
                str_or(doc_string(notice, "event"), ""),
                buf_str(&why)));
    buf_release(&why);
    return reply != REPLY_NONE;
}

/* Each gets one notice after the other. */
static void tell_all(struct canary *c)
{
    _cleanup_json_ json_t *busy = json_object();
    json_t *notice;
    size_t i;

    json_array_foreach(c->notices, i, notice) {
        json_t *pending = doc_at(notice, "pending");
        json_object_del(notice, WAITS_FOR);
        for (size_t k = 0; k < json_array_size(pending);) {
            const char *receiver = str_or(json_string_value(json_array_get(pending, k)), "");
            if (json_object_get(busy, receiver)) {
                k++;
            } else if (tell(c, notice, receiver)) {
                json_array_remove(pending, k);
            } else {
                json_object_set_new(busy, receiver, json_true());
                k++;
            }
        }
    }
}

void canary_notify(struct canary *c)
{
    const json_t *before = doc_at(c->re->resource, "status", STATUS_FIELD_NOTICES);
    struct notice notice = notice_of(c);

    c->notices = before ? doc_copy(before) : json_array();
    tell_all(c);
    if (notice.event)
        add_notice(c, &notice);
}

bool canary_has_notices(const struct canary *c)
{
    json_t *notice;
    size_t i;

    json_array_foreach(c->notices, i, notice)
        if (!is_sent(notice))
            return true;
    return false;
}
