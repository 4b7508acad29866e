#include "reconcile/connection_log.h"

#include "base/log.h"
#include "base/str.h"

/*
 * A failure that ends sooner is not logged: a connection ended and the next one works, or a new kind is not served yet.
 */
#define LASTS_LEAST SECONDS(1)
/* Between two reasons. */
#define DISTANCE SECONDS(10)
#define WINDOW SECONDS(600)
enum { LINES_MOST = 20 };

struct connection_log {
    struct kube_cluster *cluster;
    struct net_io *io;
    struct net_timer *timer;
    char *name;
    char *told;     /* what fails; NULL: nothing */
    msec_t told_at; /* monotonic */
    char *seen;     /* what failed at the last look; NULL: nothing */
    msec_t seen_at; /* monotonic: since when it is that */
    msec_t window;  /* monotonic: the end of the time in which lines are counted */
    unsigned lines;
    uint64_t rewinds; /* that were logged */
};

static void on_timer(void *context)
{
    connection_log_look(context);
}

struct connection_log *connection_log_new(struct kube_cluster *cluster, const char *name)
{
    struct connection_log *l = NEW(struct connection_log);

    l->cluster = cluster;
    l->io = kube_cluster_io(cluster);
    l->timer = l->io->timer_new(l->io, on_timer, l);
    l->name = str_dup(name);
    return l;
}

void connection_log_free(struct connection_log *l)
{
    if (!l)
        return;
    l->io->timer_free(l->io, l->timer);
    free(l->name);
    free(l->told);
    free(l->seen);
    free(l);
}

/* When the failure is to be logged. */
static msec_t failure_due(const struct connection_log *l, const char *failure)
{
    msec_t lasted = l->seen_at + LASTS_LEAST, distant = l->told_at + DISTANCE;

    if (!l->told)
        return kube_cluster_error_since(l->cluster) + LASTS_LEAST;
    if (str_eq(l->told, failure))
        return l->told_at + WINDOW;
    return lasted > distant ? lasted : distant;
}

static void note(struct connection_log *l, const char *failure, msec_t now)
{
    if (str_eq(str_or(l->seen, ""), failure))
        return;
    str_replace(&l->seen, *failure ? failure : NULL);
    l->seen_at = now;
}

static void look_at_failure(struct connection_log *l)
{
    const char *failure = kube_cluster_failure(l->cluster);
    msec_t now = l->io->now(l->io), due = now;

    note(l, failure, now);
    if (!*failure && !l->told)
        return;
    if (*failure)
        due = failure_due(l, failure);
    if (now >= l->window) {
        l->window = now + WINDOW;
        l->lines = 0;
    }
    if (l->lines >= LINES_MOST && due < l->window)
        due = l->window;
    if (now < due) {
        l->io->timer_set(l->io, l->timer, due);
        return;
    }
    if (*failure)
        log_warning("the connection to the cluster fails", "cluster", l->name, "error", failure, NULL);
    else
        log_info("the connection to the cluster works again", "cluster", l->name, NULL);
    str_replace(&l->told, *failure ? failure : NULL);
    l->told_at = now;
    l->lines++;
    l->io->timer_set(l->io, l->timer, *failure ? now + WINDOW : MSEC_NEVER);
}

void connection_log_look(struct connection_log *l)
{
    uint64_t rewinds = kube_cluster_stats(l->cluster)->version_rewinds;

    if (rewinds != l->rewinds)
        log_warning(
            "resource versions of the cluster went backwards, as after a restore of its store: all objects are "
            "listed again",
            "cluster",
            l->name,
            NULL);
    l->rewinds = rewinds;
    look_at_failure(l);
}
