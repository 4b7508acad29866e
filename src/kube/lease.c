#include "kube/lease.h"

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/cache.h"

/* How much longer a retry may wait, so that candidates do not retry at the same time. */
enum { JITTER_PART = 5 };

static const struct kube_kind rows[] = {
    {.kind = "Lease",
     .plural = "leases",
     .group = "coordination.k8s.io",
     .versions = {{"v1", 14, 0}},
     .namespaced = true,
     .watch = KUBE_WATCH_NONE},
};

const struct kube_kind_table kube_lease_kinds = {rows, ARRAY_LEN(rows)};

struct kube_lease {
    struct kube_lease_options options;
    bool known;       /* `object` is what the server had at the last read */
    json_t *object;   /* NULL: there is none */
    json_t *spec;     /* of the last object, also after it was deleted */
    msec_t observed;  /* when `spec` was seen to change */
    const char *step; /* what is under way, for messages; NULL: nothing */
    bool writing;     /* it is a write */
    bool conflicted;  /* the last write was of another version than the server has */
    msec_t sent;      /* when */
    msec_t retry;     /* not before that */
    bool leading, resigned, releasing, released;
    msec_t held; /* while leading: when the write was sent that the lease is counted from */
    char *claim; /* why the lease was free when the last write was sent */
    char *reason, *error;
};

static int check_most(const char *option, msec_t value, struct err *e)
{
    if (value >= SECONDS(1) && value <= KUBE_LEASE_MOST)
        return 0;
    return err_set(e, ERR_USAGE, "--%s %g: allowed are whole seconds from 1 to %g", option, (double)value / 1000,
                   (double)KUBE_LEASE_MOST / 1000);
}

int kube_lease_check(const struct kube_lease_options *o, struct err *e)
{
    if (check_most("lease-duration", o->duration, e) < 0 || check_most("renew-deadline", o->renew_deadline, e) < 0 ||
        check_most("retry-period", o->retry_period, e) < 0)
        return -1;
    if (o->renew_deadline >= o->duration)
        return err_set(e, ERR_USAGE, "--renew-deadline %g: must be less than --lease-duration, which is %g",
                       (double)o->renew_deadline / 1000, (double)o->duration / 1000);
    if (o->retry_period + o->retry_period / JITTER_PART >= o->renew_deadline)
        return err_set(e, ERR_USAGE, "--retry-period %g: 1.2 times it must be less than --renew-deadline, which is %g",
                       (double)o->retry_period / 1000, (double)o->renew_deadline / 1000);
    return 0;
}

struct kube_lease *kube_lease_new(const struct kube_lease_options *options)
{
    struct kube_lease *l = NEW(struct kube_lease);

    l->options = *options;
    l->options.ns = str_dup(options->ns);
    l->options.name = str_dup(options->name);
    l->options.identity = str_dup(options->identity);
    l->reason = str_dup("it has not competed yet");
    return l;
}

void kube_lease_free(struct kube_lease *l)
{
    if (!l)
        return;
    free((char *)l->options.ns);
    free((char *)l->options.name);
    free((char *)l->options.identity);
    json_decref(l->object);
    json_decref(l->spec);
    free(l->claim);
    free(l->reason);
    free(l->error);
    free(l);
}

const char *kube_lease_holder(const struct kube_lease *l)
{
    return str_or(doc_string(l->spec, "holderIdentity"), "");
}

static bool is_held(const struct kube_lease *l)
{
    return str_eq(kube_lease_holder(l), l->options.identity);
}

/* How long the holder has it after each heartbeat. */
static msec_t term(const struct kube_lease *l)
{
    int64_t seconds = doc_int(doc_at(l->spec, "leaseDurationSeconds"), 0);

    if (seconds <= 0)
        return l->options.duration;
    return seconds < KUBE_LEASE_MOST / 1000 ? SECONDS(seconds) : KUBE_LEASE_MOST;
}

/* When this process may take it. */
static msec_t free_from(const struct kube_lease *l)
{
    return *kube_lease_holder(l) && !is_held(l) ? l->observed + term(l) : 0;
}

static void lose(struct kube_lease *l, char *why)
{
    l->leading = false;
    free(l->reason);
    l->reason = why;
}

static void give_up_if_late(struct kube_lease *l, msec_t now)
{
    if (!l->leading || now < l->held + l->options.renew_deadline)
        return;
    lose(l, str_printf("not renewed within %g s%s%s", (double)l->options.renew_deadline / 1000, l->error ? ": " : "",
                       str_or(l->error, "")));
    /* A process that was stopped this long reads before it competes. */
    l->known = false;
}

/* Why the lease is free, as it is before the write: a watch may report the write before its answer arrives. */
static char *why_leading(const struct kube_lease *l)
{
    if (!l->object)
        return str_dup("there was no lease");
    if (!*kube_lease_holder(l))
        return str_dup("it was free");
    if (is_held(l))
        return str_dup("it was still its own");
    return str_printf("%s did not renew it within %g s", kube_lease_holder(l), (double)term(l) / 1000);
}

static enum kube_lease_step take_step(struct kube_lease *l, msec_t now, enum kube_lease_step step, const char *word)
{
    l->step = word;
    l->writing = step != KUBE_LEASE_READ;
    l->sent = now;
    if (l->writing) {
        free(l->claim);
        l->claim = why_leading(l);
    }
    return step;
}

/* The time before which there is no step. */
static msec_t next_step(const struct kube_lease *l)
{
    msec_t from = l->known && !l->leading && !l->releasing ? free_from(l) : 0;

    return from > l->retry ? from : l->retry;
}

enum kube_lease_step kube_lease_step(struct kube_lease *l, msec_t now)
{
    give_up_if_late(l, now);
    if (l->releasing && l->known && !l->step && !(l->object && is_held(l)))
        l->released = true;
    if (l->step || l->released || (l->resigned && !l->releasing) || now < next_step(l))
        return KUBE_LEASE_WAIT;
    if (!l->known)
        return take_step(l, now, KUBE_LEASE_READ, "reading it");
    if (l->object)
        return take_step(l, now, KUBE_LEASE_UPDATE, l->releasing ? "giving it back" : "renewing it");
    return take_step(l, now, KUBE_LEASE_CREATE, "creating it");
}

msec_t kube_lease_due(const struct kube_lease *l)
{
    msec_t give_up = l->leading ? l->held + l->options.renew_deadline : MSEC_NEVER, next;

    if (l->step || l->released || (l->resigned && !l->releasing))
        return give_up;
    next = next_step(l);
    return next < give_up ? next : give_up;
}

/* As it is known, or a new one; whatever it says of itself, it is the one that was asked for. */
static json_t *object_to_write(const struct kube_lease *l)
{
    json_t *object = json_is_object(l->object) ? doc_copy(l->object) : json_object();
    json_t *metadata = doc_make(object, "metadata");

    json_object_set_new(object, "apiVersion", json_string("coordination.k8s.io/v1"));
    json_object_set_new(object, "kind", json_string(KUBE_LEASE_KIND->kind));
    json_object_set_new(metadata, "name", json_string(l->options.name));
    json_object_set_new(metadata, "namespace", json_string(l->options.ns));
    return object;
}

static bool is_time(const json_t *value)
{
    const char *text = json_string_value(value);
    msec_t wall;

    return text && clock_parse_rfc3339(text, &wall);
}

/* As the API's type has them: 32 bits, and none is below zero. */
static int64_t transitions_of(const json_t *spec)
{
    int64_t transitions = doc_int(doc_at(spec, "leaseTransitions"), 0);

    return transitions < 0 ? 0 : transitions > INT32_MAX ? INT32_MAX : transitions;
}

char *kube_lease_body(const struct kube_lease *l, msec_t wall)
{
    _cleanup_json_ json_t *object = object_to_write(l);
    json_t *spec = doc_make(object, "spec");
    /* A Lease that was deleted and created again goes on counting. */
    int64_t transitions = transitions_of(l->spec);
    bool counts = transitions < INT32_MAX;
    bool continues = is_held(l) && l->object;
    char now[32];

    clock_rfc3339_micro(wall, now);
    json_object_set_new(spec, "renewTime", json_string(now));
    if (!continues || l->releasing || !is_time(json_object_get(spec, "acquireTime")))
        json_object_set_new(spec, "acquireTime", json_string(now));
    if (l->releasing) {
        json_object_del(spec, "holderIdentity");
        json_object_set_new(spec, "leaseDurationSeconds", json_integer(1));
    } else {
        json_object_set_new(spec, "holderIdentity", doc_new_string(l->options.identity));
        json_object_set_new(spec, "leaseDurationSeconds", json_integer(l->options.duration / 1000));
        json_object_set_new(spec, "leaseTransitions",
                            json_integer(continues || !l->spec || !counts ? transitions : transitions + 1));
    }
    return doc_text(object);
}

/* Two tries fit before the renew deadline, and none lasts beyond it. */
msec_t kube_lease_timeout(const struct kube_lease *l, msec_t now)
{
    msec_t most = l->options.renew_deadline / 2, left = l->held + l->options.renew_deadline - now;

    return l->leading && left < most ? (left > 0 ? left : 1) : most;
}

static void set_error(struct kube_lease *l, const char *text)
{
    str_replace(&l->error, text);
}

/* Takes the present Lease. True where its record is another one than before. */
static bool learn(struct kube_lease *l, msec_t now, const json_t *object)
{
    bool was_there = l->object != NULL;
    json_t *spec = doc_at(object, "spec");

    l->known = true;
    json_decref(l->object);
    l->object = object ? doc_copy(object) : NULL;
    if (!object)
        return was_there;
    if (l->spec && doc_equal(spec, l->spec))
        return !was_there;
    json_decref(l->spec);
    l->spec = spec ? doc_copy(spec) : json_object();
    l->observed = now;
    if (l->leading && *kube_lease_holder(l) && !is_held(l))
        lose(l, str_printf("taken by %s", kube_lease_holder(l)));
    return true;
}

/* This process holds it, and renews it when it is time. */
static bool is_kept(const struct kube_lease *l)
{
    return l->leading && l->object && is_held(l);
}

static void written(struct kube_lease *l, msec_t now, const json_t *object)
{
    learn(l, now, object);
    l->conflicted = false;
    l->retry = l->sent + l->options.retry_period;
    if (l->releasing || l->resigned) {
        l->retry = now;
        return;
    }
    if (!is_held(l) || now >= l->sent + l->options.renew_deadline) {
        l->known = false; /* the answer makes no sense, or is old */
        return;
    }
    l->held = l->sent;
    if (l->leading)
        return;
    l->leading = true;
    str_replace(&l->reason, l->claim);
}

void kube_lease_answer(struct kube_lease *l, msec_t now, const json_t *object)
{
    give_up_if_late(l, now);
    l->step = NULL;
    set_error(l, NULL);
    if (l->writing)
        written(l, now, object);
    else if (learn(l, now, object) && !is_kept(l))
        l->retry = now;
}

void kube_lease_failed(struct kube_lease *l, msec_t now, uint32_t random, const struct err *e)
{
    bool created = l->writing && !l->object;
    msec_t jitter = l->options.retry_period / JITTER_PART;
    _cleanup_free_ char *text = str_printf("%s: %s", l->step, e->text);

    give_up_if_late(l, now);
    l->step = NULL;
    if (!l->writing && e->class == ERR_NOT_FOUND) {
        set_error(l, NULL);
        learn(l, now, NULL);
        return;
    }
    /* It may have been written all the same, or another client was first. */
    l->known = l->known && !l->writing;
    if (l->writing && !l->conflicted &&
        (e->class == ERR_CONFLICT || e->class == ERR_ALREADY_EXISTS || (e->class == ERR_NOT_FOUND && !created))) {
        l->conflicted = true;
        return;
    }
    /* A second conflict in a row waits: the server may go on to answer so to what was just read. */
    set_error(l, text);
    l->retry = now + l->options.retry_period + (msec_t)((uint64_t)jitter * random / UINT32_MAX);
}

void kube_lease_seen(struct kube_lease *l, msec_t now, const json_t *object)
{
    const char *known = doc_string(l->object, "metadata", "resourceVersion");
    const char *seen = doc_string(object, "metadata", "resourceVersion");

    give_up_if_late(l, now);
    if (l->object && object && (str_eq(known, seen) || kube_version_older(seen, known)))
        return;
    if (learn(l, now, object) && !is_kept(l))
        l->retry = now;
}

bool kube_lease_may_send(const struct kube_lease *l, msec_t now, msec_t *ret_not_after)
{
    *ret_not_after = l->held + (l->options.renew_deadline + l->options.duration) / 2;
    return l->leading && now < l->held + l->options.renew_deadline;
}

bool kube_lease_leads(const struct kube_lease *l)
{
    return l->leading;
}

const char *kube_lease_reason(const struct kube_lease *l)
{
    return l->reason;
}

const char *kube_lease_error(const struct kube_lease *l)
{
    return str_or(l->error, "");
}

const json_t *kube_lease_object(const struct kube_lease *l)
{
    return l->object;
}

void kube_lease_resign(struct kube_lease *l)
{
    if (l->leading)
        lose(l, str_dup("it ends"));
    l->resigned = true;
}

void kube_lease_release(struct kube_lease *l, msec_t now)
{
    kube_lease_resign(l);
    l->releasing = true;
    l->retry = now;
}

bool kube_lease_is_released(const struct kube_lease *l)
{
    return l->released;
}
