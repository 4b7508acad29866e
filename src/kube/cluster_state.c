#include <string.h>

#include "base/str.h"
#include "kube/cluster_state.h"

void kube_cluster_soon(struct kube_cluster *c)
{
    if (c->started)
        c->io->timer_set(c->io, c->timer, c->io->now(c->io));
}

void kube_cluster_heard(struct kube_cluster *c)
{
    c->last_contact = c->io->now(c->io);
}

bool kube_is_unreachable(const struct net_response *response, const struct err *e)
{
    return (e->class == ERR_UNAVAILABLE || e->class == ERR_TIMEOUT) && (!response || response->status < 400);
}

/* Which of the requests under way fails first is random and no news: a restart would have every status change. */
void kube_cluster_note_error(struct kube_cluster *c, const struct err *e)
{
    const char *request = strrchr(e->text, '(');
    bool named = request && request > e->text && strstr(request, " /");

    free(c->error);
    c->error_class = e->class;
    c->error = named ? str_dup_n(e->text, (size_t)(request - e->text) - 1) : str_dup(e->text);
}

void kube_cluster_lost(struct kube_cluster *c, const struct err *e)
{
    if (c->reach.lost || !c->known)
        return;
    c->reach.lost = true;
    c->reach.failures = 0;
    /* Immediately: most often one connection ended and the next one works. */
    c->reach.probe_due = c->io->now(c->io);
    kube_cluster_note_error(c, e);
    kube_queue_hold(c->queue, true);
    kube_cluster_soon(c);
}

void kube_cluster_doubt_versions(struct kube_cluster *c)
{
    c->verify.hinted = true;
    kube_cluster_soon(c);
}

void kube_cluster_rewound(struct kube_cluster *c)
{
    c->verify.rewound = true;
    kube_cluster_soon(c);
}

void kube_cluster_broken(struct kube_cluster *c)
{
    c->verify.broken = true;
    kube_cluster_soon(c);
}

void kube_cluster_doubt_discovery(struct kube_cluster *c)
{
    c->discovery.doubted = true;
    kube_cluster_soon(c);
}
