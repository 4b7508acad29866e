#include "reconcile/leadership.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/elector.h"
#include "reconcile/events.h"

#define STOP_MOST SECONDS(3)
static const msec_t LOOK_AGAIN = 10;

struct leadership {
    struct kube_lease_options options;
    struct net_io *io;
    struct kube_elector *elector; /* NULL before the start */
    struct events *events;
    struct net_timer *timer;       /* while it stops */
    msec_t stop_until;             /* 0: it does not stop */
    struct leadership_events told; /* who follows the changes */
    bool leads;
    char *former_loss; /* why the lease was lost, until an Event says it */
    char *told_error;
    struct err failure;
};

/* The Pod's name, or the host's, and chance: a process that is started again is another one. */
static char *make_identity(struct net_io *io)
{
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
        snprintf(host, sizeof(host), "unknown");
    return str_printf("%s_%08x%08x", host, io->random(io), io->random(io));
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct leadership *l = context;

    return l->elector && kube_elector_may_send(l->elector, ret_not_after);
}

struct leadership *leadership_new(const struct kube_lease_options *options)
{
    struct leadership *l = NEW(struct leadership);

    l->options = *options;
    l->options.ns = str_dup(options->ns);
    l->options.name = LEASE_NAME;
    l->told_error = str_dup("");
    return l;
}

void leadership_free(struct leadership *l)
{
    if (!l)
        return;
    kube_elector_free(l->elector);
    events_free(l->events);
    if (l->io)
        l->io->timer_free(l->io, l->timer);
    free((char *)l->options.ns);
    free((char *)l->options.identity);
    free(l->former_loss);
    free(l->told_error);
    free(l);
}

struct kube_gate leadership_gate(struct leadership *l)
{
    return (struct kube_gate){.may_send = may_send, .context = l};
}

/*
 * The new leader writes it: a standby writes nothing, not even this. So the Event also says why the lease was lost
 * before.
 */
static void tell_people(struct leadership *l, const char *why)
{
    const json_t *lease = kube_lease_object(kube_elector_lease(l->elector));
    _cleanup_free_ char *text = l->former_loss
                                    ? str_printf("became leader: %s; had lost the lease: %s", why, l->former_loss)
                                    : str_printf("became leader: %s", why);
    const struct event_subject subject = {
        .api_version = "coordination.k8s.io/v1",
        .kind = KUBE_LEASE_KIND->kind,
        .ns = l->options.ns,
        .name = LEASE_NAME,
        .uid = str_or(doc_string(lease, "metadata", "uid"), ""),
    };

    events_note(l->events, &subject, "LeaderElection", false, l->options.identity, text);
    str_replace(&l->former_loss, NULL);
}

static void take_over(struct leadership *l)
{
    const char *why = kube_lease_reason(kube_elector_lease(l->elector));

    log_info("became leader", "reason", why, "identity", l->options.identity, NULL);
    tell_people(l, why);
    l->told.acting(l->told.context, true);
}

static void stand_by(struct leadership *l)
{
    const char *why = kube_lease_reason(kube_elector_lease(l->elector));

    l->told.acting(l->told.context, false);
    log_warning("lost the lease, standing by", "reason", why, NULL);
    str_replace(&l->former_loss, why);
}

static void tell_error(struct leadership *l)
{
    const char *error = kube_elector_error(l->elector);

    if (str_eq(error, l->told_error))
        return;
    str_replace(&l->told_error, error);
    if (*error)
        log_warning("the Lease cannot be acquired or renewed now", "error", error, NULL);
}

static void on_changed(void *context)
{
    struct leadership *l = context;
    const struct kube_lease *lease = kube_elector_lease(l->elector);

    if (l->stop_until) {
        if (kube_lease_is_released(lease))
            l->io->timer_set(l->io, l->timer, 0);
        return;
    }
    if (kube_elector_is_unsupported(l->elector)) {
        err_set(
            &l->failure,
            ERR_UNSUPPORTED,
            "--leader-elect: %s; run one replica only, without --leader-elect",
            kube_elector_error(l->elector));
        l->told.over(l->told.context);
        return;
    }
    tell_error(l);
    if (l->leads == kube_lease_leads(lease))
        return;
    l->leads = kube_lease_leads(lease);
    if (l->leads)
        take_over(l);
    else
        stand_by(l);
}

static void on_stopping(void *context)
{
    struct leadership *l = context;
    msec_t now = l->io->now(l->io);
    bool writing = l->told.is_writing(l->told.context);

    if (now >= l->stop_until || kube_lease_is_released(kube_elector_lease(l->elector))) {
        l->told.over(l->told.context);
        return;
    }
    l->io->timer_set(l->io, l->timer, writing ? now + LOOK_AGAIN : l->stop_until);
    if (!writing)
        kube_elector_release(l->elector);
}

void leadership_start(struct leadership *l, struct net_io *io, const struct leadership_events *events)
{
    l->told = *events;
    l->io = io;
    l->options.identity = make_identity(l->io);
    l->timer = l->io->timer_new(l->io, on_stopping, l);
    l->events = events_new(l->io, leadership_gate(l));
    log_info("standing by until it is leader", "lease", LEASE_NAME, "identity", l->options.identity, NULL);
    l->elector = kube_elector_new(l->io, &l->options, on_changed, l);
}

const struct err *leadership_failure(const struct leadership *l)
{
    return l->failure.class == ERR_NONE ? NULL : &l->failure;
}

void leadership_stop(struct leadership *l)
{
    if (l->stop_until)
        return;
    l->stop_until = l->io->now(l->io) + STOP_MOST;
    kube_elector_resign(l->elector);
    l->told.acting(l->told.context, false);
    on_stopping(l);
}
