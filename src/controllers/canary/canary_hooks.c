/*
 * What the webhooks of a Canary are asked, and what they answered.
 *
 * Which ones are asked follows from the state that is observed: so the status says what is waited for before it is
 * asked. A yes that ends something is in the status before it is forgotten; a crash in between asks again, with the
 * same id. A webhook that does not answer holds up nothing but what waits for it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

#define ASK_AGAIN SECONDS(10)

#define PASS "Pass"
#define FAIL "Fail"

/* One webhook, and what it is asked about. */
struct question {
    const json_t *hook;
    enum canary_hook type;
    const char *name;
    char *id;    /* owned */
    bool again;  /* a no is asked again after a while */
    msec_t turn; /* of several questions about the same, which one this is */
};

static struct question question_of(const struct canary *c, const json_t *hook)
{
    const struct canary_state *s = &c->observed;
    struct question q = {.hook = hook, .type = canary_hook_type(hook), .name = doc_string(hook, "name")};

    q.id = str_printf("%s/%" PRId64 "/%s/%s", s->revision, s->release, canary_hook_type_name(q.type), q.name);
    if (q.type == HOOK_CONFIRM_INCREASE || q.type == HOOK_ROLLOUT) {
        char *of_step = str_printf("%s/%d", q.id, s->step);
        free(q.id);
        q.id = of_step;
    }
    return q;
}

json_t *canary_document(const struct canary *c, const char *id, const json_t *webhook)
{
    const struct canary_state *s = &c->observed;
    const json_t *metadata = doc_at(webhook, "metadata");

    return OBJECT(
        STRING("name", c->name),
        STRING("namespace", c->ns),
        STRING("phase", str_or(canary_phase_name(s->phase), "")),
        STRING("checksum", s->revision),
        STRING("id", id),
        STRING("target", c->spec->target.name),
        STRING("type", canary_hook_type_name(canary_hook_type(webhook))),
        STRING("webhook", str_or(doc_string(webhook, "name"), "")),
        INT("weight", s->weight),
        INT("step", s->step),
        VALUE("metadata", metadata ? doc_copy(metadata) : json_object()));
}

/* How soon what waits for a person's yes is asked again. */
static msec_t pause_of(const struct canary *c)
{
    msec_t interval = canary_interval(c->spec);

    return interval < ASK_AGAIN ? interval : ASK_AGAIN;
}

/* `since`: as in struct canary_post. */
static enum canary_reply ask(struct canary *c, const struct question *q, msec_t since, struct buf *why)
{
    _cleanup_free_ char *key = str_printf("hook/%s/%" PRId64, q->id, q->turn);
    _cleanup_json_ json_t *document = canary_document(c, q->id, q->hook);

    return canary_post(
        c,
        &(struct canary_post){
            .item = q->hook,
            .key = key,
            .document = document,
            .retries = q->again ? 0 : canary_hook_retries(q->hook),
            .timeout = canary_hook_timeout(q->hook),
            .max_age = q->again ? pause_of(c) : MSEC_NEVER,
            .since = since,
        },
        why);
}

/* --- what is in the status --- */

static json_t *record_of(const struct canary *c, const char *name)
{
    return doc_find(c->hooks, "name", name);
}

static bool has_passed(const struct canary *c, const struct question *q)
{
    const json_t *record = record_of(c, q->name);

    return str_eq(doc_string(record, "id"), q->id) && str_eq(doc_string(record, "verdict"), PASS);
}

/* `is_news`: the same again is another time. */
static void note(struct canary *c, const struct question *q, enum canary_reply reply, const char *why, bool is_news)
{
    json_t *record = record_of(c, q->name), *now;
    const char *verdict = reply == REPLY_YES ? PASS : FAIL;
    char at[32];

    if (!is_news && str_eq(doc_string(record, "id"), q->id) && str_eq(doc_string(record, "verdict"), verdict) &&
        str_eq(str_or(doc_string(record, "message"), ""), why))
        return;
    clock_rfc3339_micro(c->in->now, at);
    now = OBJECT(
        STRING("name", q->name),
        STRING("id", q->id),
        STRING("verdict", verdict),
        STRING("message", why),
        STRING("at", at));
    if (record) {
        json_object_update(record, now);
        json_decref(now);
    } else {
        json_array_append_new(c->hooks, now);
    }
}

/* The answers of webhooks that there still are. */
static void read_records(struct canary *c)
{
    const json_t *before = doc_at(c->re->resource, "status", STATUS_FIELD_HOOKS);
    json_t *hook;
    size_t i;

    c->hooks = json_array();
    json_array_foreach(c->spec->analysis.webhooks, i, hook) {
        json_t *record = doc_find(before, "name", doc_string(hook, "name"));
        if (record)
            json_array_append_new(c->hooks, doc_copy(record));
    }
}

/* --- gates --- */

static void describe(const struct question *q, enum canary_reply reply, const char *why, struct buf *text)
{
    buf_printf(text, "waits for webhook \"%s\" (%s)", q->name, canary_hook_type_name(q->type));
    if (*why)
        buf_printf(text, "%s: %s", reply == REPLY_NONE ? "" : ", which does not say yes", why);
}

static void say(struct canary *c, const struct question *q, enum canary_reply reply, const char *why)
{
    buf_reset(&c->gate_text);
    describe(q, reply, why, &c->gate_text);
    c->facts.gate_text = buf_str(&c->gate_text);
}

/* The first that does not say yes is named. */
static void ask_gate(struct canary *c, const json_t *hook)
{
    struct question q = question_of(c, hook);
    _cleanup_free_ char *id = q.id;
    struct buf why = BUF_INIT;
    enum canary_reply reply;

    q.again = true;
    reply = ask(c, &q, 0, &why);
    if (reply != REPLY_NONE)
        note(c, &q, reply, buf_str(&why), false);
    if (reply != REPLY_YES && c->facts.gate == GATE_OPEN) {
        say(c, &q, reply, buf_str(&why));
        c->facts.gate = GATE_CLOSED;
        c->is_refused = reply != REPLY_NONE && !doc_bool(doc_at(hook, "muteAlert"), false);
    }
    buf_release(&why);
}

/*
 * Its test of a version before that gets traffic: once, and after a no again when `interval` is over. `since`: when it
 * could be asked first; after one that passed, when the next one could.
 */
static void ask_test(struct canary *c, const json_t *hook, msec_t *since)
{
    struct question q = question_of(c, hook);
    _cleanup_free_ char *id = q.id;
    json_t *record = record_of(c, q.name);
    struct buf why = BUF_INIT;
    enum canary_reply reply;

    if (has_passed(c, &q))
        *since = canary_time_of(c, record);
    if (!c->facts.is_tested || has_passed(c, &q))
        return;
    c->facts.is_tested = false;
    if (canary_awaited_hook(&c->observed) != HOOK_PRE_ROLLOUT)
        return;
    c->facts.gate = GATE_CLOSED;
    if (str_eq(doc_string(record, "id"), q.id)) {
        q.turn = canary_time_of(c, record);
        *since = q.turn + canary_interval(c->spec);
        canary_look_again(c, *since);
        if (c->in->now < *since)
            return;
    }
    reply = ask(c, &q, *since, &why);
    if (reply != REPLY_NONE)
        note(c, &q, reply, buf_str(&why), true);
    c->facts.is_tested = reply == REPLY_YES;
    if (reply == REPLY_NONE) {
        say(c, &q, reply, buf_str(&why));
    } else if (reply != REPLY_YES) {
        buf_printf(&c->gate_text, "webhook \"%s\": %s", q.name, buf_str(&why));
        c->facts.gate_text = buf_str(&c->gate_text);
        c->facts.gate = GATE_FAILED;
    }
    buf_release(&why);
}

/* Whether it wants the release to end; what is no yes changes nothing, but an Event says that it does not answer. */
static void ask_for_end(struct canary *c, const json_t *hook)
{
    struct question q = question_of(c, hook);
    _cleanup_free_ char *id = q.id;
    struct buf why = BUF_INIT;
    enum canary_reply reply;

    q.again = true;
    reply = ask(c, &q, 0, &why);
    if (reply != REPLY_NONE)
        note(c, &q, reply, buf_str(&why), false);
    if (reply == REPLY_YES) {
        buf_reset(&c->end_text);
        buf_printf(&c->end_text, "webhook \"%s\" says so", q.name);
        c->facts.wants_back = buf_str(&c->end_text);
    } else if (reply == REPLY_SILENT) {
        reconcile_tell(
            c->re->plan,
            "NotAsked",
            true,
            str_printf("webhook \"%s\" (rollback) cannot end the release: %s", q.name, buf_str(&why)));
    }
    buf_release(&why);
}

static bool may_end(const struct canary_state *s)
{
    return s->phase == CANARY_WAITING || s->phase == CANARY_PROGRESSING ||
           (s->phase == CANARY_PROMOTING && !str_eq(s->failed, s->revision));
}

void canary_ask_hooks(struct canary *c)
{
    const struct canary_state *s = &c->observed;
    enum canary_hook awaited = canary_awaited_hook(s);
    msec_t since = s->settle_until;
    json_t *hook;
    size_t i;

    read_records(c);
    c->facts.gate = GATE_OPEN;
    c->facts.is_tested = true;
    json_array_foreach(c->spec->analysis.webhooks, i, hook) {
        enum canary_hook type = canary_hook_type(hook);
        c->facts.has_hook[type] = true;
        if (c->spec->suspend)
            continue;
        if (type == HOOK_PRE_ROLLOUT && s->phase == CANARY_PROGRESSING && s->step < 0)
            ask_test(c, hook, &since);
        else if (type == HOOK_ROLLBACK && may_end(s))
            ask_for_end(c, hook);
        else if (type == awaited)
            ask_gate(c, hook);
    }
}

/* --- in checks --- */

bool canary_check_hooks(struct canary *c, bool is_long, struct buf *failure, struct buf *pending)
{
    bool waits = false;
    json_t *hook;
    size_t i;

    json_array_foreach(c->spec->analysis.webhooks, i, hook) {
        struct question q;
        struct buf why = BUF_INIT;
        enum canary_reply reply;
        if (canary_hook_type(hook) != HOOK_ROLLOUT)
            continue;
        q = question_of(c, hook);
        q.turn = c->observed.checked;
        reply = ask(c, &q, canary_check_due(c->spec, &c->observed), &why);
        if (reply != REPLY_NONE)
            note(c, &q, reply, buf_str(&why), false);
        waits |= reply == REPLY_NONE;
        if (reply == REPLY_NONE && !pending->len && (is_long || why.len))
            describe(&q, reply, buf_str(&why), pending);
        else if (reply != REPLY_NONE && reply != REPLY_YES && !failure->len)
            buf_printf(failure, "webhook \"%s\": %s", q.name, buf_str(&why));
        free(q.id);
        buf_release(&why);
    }
    return !waits;
}
