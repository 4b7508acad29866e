/* What plans wait for that no event tells of: lists that fail, and times. */
#include "controllers/canary/canary_impl.h"
#include "doc/doc.h"

void canary_look_again(struct canary *c, msec_t at)
{
    if (at > c->in->now && (!c->look_again || at < c->look_again))
        c->look_again = at;
}

char *canary_unreadable(const struct canary *c, unsigned watch, const char *what)
{
    if (c->in->synced & watch || !(c->in->failing & watch))
        return NULL;
    return str_printf(
        "%s cannot be listed: the operator's log says why, and `istio-operator manifests` its rights", what);
}

msec_t canary_time_of(const struct canary *c, json_t *record)
{
    msec_t at = clock_time(doc_string(record, "at"));
    char now[32];

    if (at <= c->in->now)
        return at;
    clock_rfc3339_micro(c->in->now, now);
    json_object_set_new(record, "at", json_string(now));
    return c->in->now;
}
