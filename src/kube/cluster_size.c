#include "base/str.h"
#include "kube/backoff.h"
#include "kube/cluster_state.h"

/* Each try reads as much as the limit allows. */
static const msec_t RETRY_FIRST = SECONDS(5), RETRY_MOST = SECONDS(120);
/* A cluster that was too large longer ago than this begins with the first delay again. */
static const msec_t FORGIVEN_AFTER = SECONDS(600);

/* Nothing where the row is not one of this cluster's. */
static size_t held_by(const struct kube_cluster *c, const struct kube_slot *slot)
{
    return slot->watch ? kube_cache_held_of(c->cache, slot->kind) + kube_watch_backlog(slot->watch) : 0;
}

bool kube_size_is_over(const struct kube_cluster *c)
{
    size_t held = 0;

    for (size_t i = 0; c->options.held_max && i < c->kinds->len; i++)
        held += held_by(c, &c->slots[i]);
    return held > c->options.held_max || kube_cache_is_over(c->cache);
}

static char *describe(const struct kube_cluster *c)
{
    const struct kube_slot *most = &c->slots[0];

    for (size_t i = 1; i < c->kinds->len; i++)
        if (held_by(c, &c->slots[i]) > held_by(c, most))
            most = &c->slots[i];
    return str_printf("holds more than %zu MiB of objects that the operator reads: most are of kind %s",
                      c->options.held_max >> 20, most->kind->kind);
}

bool kube_size_holds_up(const struct kube_cluster *c)
{
    return c->size.due != MSEC_NEVER;
}

static void give_up(struct kube_cluster *c)
{
    msec_t now = c->io->now(c->io);

    free(c->size.error);
    c->size.error = describe(c);
    c->size.times = c->size.times && now - c->size.at < FORGIVEN_AFTER ? c->size.times + 1 : 1;
    c->size.at = now;
    c->size.due = now + kube_backoff(RETRY_FIRST, RETRY_MOST, c->size.times, c->io->random(c->io));
}

enum kube_size_step kube_size_step(struct kube_cluster *c)
{
    if (kube_size_holds_up(c)) {
        if (c->io->now(c->io) < c->size.due)
            return KUBE_SIZE_AS_BEFORE;
        c->size.due = MSEC_NEVER;
        return KUBE_SIZE_TRY_AGAIN;
    }
    if (!kube_size_is_over(c))
        return KUBE_SIZE_AS_BEFORE;
    give_up(c);
    return KUBE_SIZE_GIVE_UP;
}
