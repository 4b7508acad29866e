/*
 * What must hold of webhooks, judged by what they were asked, what they answered, and what happened then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "world_impl.h"

#define CONFIRM_ROLLOUT "confirm-rollout"
#define PRE_ROLLOUT "pre-rollout"
#define CONFIRM_INCREASE "confirm-traffic-increase"
#define CONFIRM_PROMOTION "confirm-promotion"

/* For which a person can say yes, and the reason of the status while they are waited for. */
static const struct {
    const char *type, *reason;
} gates[HOOK_GATES] = {
    {CONFIRM_ROLLOUT, "ConfirmRollout"},
    {CONFIRM_INCREASE, "ConfirmTrafficIncrease"},
    {CONFIRM_PROMOTION, "ConfirmPromotion"},
};

/* The version of a template, by the name that the Canary has for it. */
static int version_of(const struct world *w, const char *revision)
{
    for (int i = 1; i < VERSIONS_MAX; i++)
        if (*w->rules.hooks.revisions[i] && str_eq(w->rules.hooks.revisions[i], revision))
            return i;
    return 0;
}

void rules_declared(struct world *w, const json_t *target)
{
    int version = apps_version(target);

    snprintf(w->rules.hooks.revisions[version], sizeof(w->rules.hooks.revisions[version]), "%016" PRIx64,
             doc_hash(doc_at(target, "spec", "template")));
}

/*
 * An approval counts for the type and the version that are waited for when it is heard, and until the release goes on:
 * not for another one, nor for the same another time.
 */
static void note_approval(struct world *w, const json_t *before, const json_t *after)
{
    struct hook_rules *h = &w->rules.hooks;
    const json_t *was = doc_at(before, "status"), *is = doc_at(after, "status");
    const char *command = str_or(doc_string(is, "command"), ""), *phase = str_or(doc_string(is, "phase"), "");

    if (str_starts(command, "approve@") && !str_eq(command, doc_string(was, "command")))
        for (size_t i = 0; i < HOOK_GATES; i++)
            if (str_eq(doc_string(was, "reason"), gates[i].reason)) {
                h->approved[i].version = version_of(w, doc_string(was, "revision"));
                h->approved[i].weight = (int)doc_int(doc_at(was, "canaryWeight"), 0);
            }
    if (!str_eq(doc_string(was, "revision"), doc_string(is, "revision")) || str_eq(phase, "Failed") ||
        str_eq(phase, "Succeeded"))
        memset(h->approved, 0, sizeof(h->approved));
}

/* In the status: it is not asked again by who reads that. */
void rules_recorded(struct world *w, const json_t *before, const json_t *after)
{
    struct hook_rules *h = &w->rules.hooks;
    json_t *record;
    size_t i;

    note_approval(w, before, after);
    json_array_foreach(doc_at(after, "status", "hooks"), i, record) {
        const char *id = doc_string(record, "id");
        size_t k = 0;
        if (!strstr(id, "/" PRE_ROLLOUT "/") || !str_eq(doc_string(record, "verdict"), "Pass"))
            continue;
        while (k < HOOK_TESTS && k < h->test_count && !str_eq(h->tests[k].id, id))
            k++;
        if (k < HOOK_TESTS && k < h->test_count)
            continue;
        k = h->test_count++ % HOOK_TESTS;
        snprintf(h->tests[k].id, sizeof(h->tests[k].id), "%s", id);
        h->tests[k].passed = world_now(w);
    }
}

void rules_asked(struct world *w, const struct operator* o, const json_t *document)
{
    const struct hook_rules *h = &w->rules.hooks;
    const char *id = str_or(doc_string(document, "id"), "");

    if (!version_of(w, doc_string(document, "checksum")))
        world_fail(w, "a webhook is asked about %s, which never was declared", doc_string(document, "checksum"));
    for (size_t i = 0; i < HOOK_TESTS && i < h->test_count; i++)
        if (str_eq(h->tests[i].id, id) && o->started > h->tests[i].passed)
            world_fail(w, "operator %s repeats the test %s, which the status said has passed when it started", o->name,
                       id);
}

void rules_agreed(struct world *w, const json_t *document)
{
    struct hook_rules *h = &w->rules.hooks;
    size_t at;

    if (str_eq(doc_string(document, "type"), "rollout"))
        return;
    at = h->yes_count++ % HOOK_YES_MAX;
    snprintf(h->yes[at].type, sizeof(h->yes[at].type), "%s", doc_string(document, "type"));
    h->yes[at].version = version_of(w, doc_string(document, "checksum"));
    h->yes[at].weight = (int)doc_int(doc_at(document, "weight"), -1);
    h->yes[at].at = world_now(w);
}

/* `weight` below 0: any. */
static bool has_agreed(const struct world *w, const char *type, int version, int weight, msec_t since)
{
    const struct hook_rules *h = &w->rules.hooks;

    for (size_t i = 0; i < HOOK_YES_MAX && i < h->yes_count; i++)
        if (str_eq(h->yes[i].type, type) && h->yes[i].version == version && h->yes[i].at >= since &&
            (weight < 0 || h->yes[i].weight == weight))
            return true;
    return false;
}

/* Once: what is said of one step is not said of the next. */
static bool take_approval(struct world *w, const char *type, int version, int weight)
{
    struct hook_rules *h = &w->rules.hooks;

    for (size_t i = 0; i < HOOK_GATES; i++)
        if (str_eq(gates[i].type, type) && h->approved[i].version == version &&
            (weight < 0 || h->approved[i].weight == weight)) {
            h->approved[i].version = 0;
            return true;
        }
    return false;
}

static void must_have_agreed(struct world *w, const char *type, int version, int weight, msec_t since)
{
    if (!take_approval(w, type, version, weight) && !has_agreed(w, type, version, weight, since))
        world_fail(w, "version %d goes on at %d %%, and no webhook of type %s has said yes", version, w->rules.weight,
                   type);
}

void rules_check_rise(struct world *w, int before)
{
    const struct spec *s = &w->users.spec;
    const struct rules *r = &w->rules;

    if (before <= 0 && s->hooks & HAS_CONFIRM_ROLLOUT)
        must_have_agreed(w, CONFIRM_ROLLOUT, r->run, -1, 0);
    if (before <= 0 && s->hooks & HAS_PRE_ROLLOUT)
        must_have_agreed(w, PRE_ROLLOUT, r->run, -1, 0);
    if (s->hooks & HAS_CONFIRM_INCREASE)
        must_have_agreed(w, CONFIRM_INCREASE, r->run, before > 0 ? before : 0, r->since);
}

void rules_check_promotion(struct world *w, int version)
{
    if (w->users.spec.hooks & HAS_CONFIRM_PROMOTION)
        must_have_agreed(w, CONFIRM_PROMOTION, version, -1, w->rules.since);
}
