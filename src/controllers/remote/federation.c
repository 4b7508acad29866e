#include "controllers/remote/federation.h"

#include <sys/queue.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "mesh/mesh.h"
#include "reconcile/plan.h"

/* In one turn of the loop: some milliseconds. */
enum { TURN_PLANS = 64 };

#define WATCHES (PLAN_WATCH_PODS | PLAN_WATCH_CREDENTIALS)

/* A controller, and whether it waits for its turn. */
struct seat {
    TAILQ_ENTRY(seat) link; /* while it is due */
    bool due;
    struct federation *federation;
    struct remote_controller *controller;
    char *ns, *name;
};

struct federation {
    struct remote_surroundings around;
    struct kube_io *io;
    struct map *seats; /* "namespace/name" -> struct seat */
    TAILQ_HEAD(, seat) due;
    struct kube_timer *timer;
};

static const struct kube_kind *remote_kind(void)
{
    return kube_kind_find(&mesh_kinds, API_GROUP_VERSION, "RemoteIstio");
}

static struct kube_cache *observed(const struct federation *f)
{
    return kube_cluster_cache(f->around.home);
}

static char *key_of(const char *ns, const char *name)
{
    return STR_JOIN('/', ns, name);
}

static void seat_free(void *p)
{
    struct seat *seat = p;

    if (seat->due)
        TAILQ_REMOVE(&seat->federation->due, seat, link);
    remote_controller_free(seat->controller);
    free(seat->ns);
    free(seat->name);
    free(seat);
}

static void soon(struct federation *f)
{
    f->io->timer_set(f->io, f->timer, f->io->now(f->io));
}

static void be_due(void *owner)
{
    struct seat *seat = owner;
    struct federation *f = seat->federation;

    if (seat->due)
        return;
    seat->due = true;
    TAILQ_INSERT_TAIL(&f->due, seat, link);
    soon(f);
}

static void plan(struct seat *seat)
{
    const struct kube_object *o = kube_cache_get(observed(seat->federation), remote_kind(), seat->ns, seat->name);

    seat->due = false;
    TAILQ_REMOVE(&seat->federation->due, seat, link);
    if (o)
        remote_controller_plan(seat->controller, o);
}

static void turn(void *context)
{
    struct federation *f = context;

    for (int i = 0; i < TURN_PLANS && !TAILQ_EMPTY(&f->due); i++)
        plan(TAILQ_FIRST(&f->due));
    if (!TAILQ_EMPTY(&f->due))
        soon(f);
}

struct federation *
federation_new(struct kube_cluster *home, const struct remote_connector *connector, struct kube_gate gate)
{
    struct federation *f = NEW(struct federation);

    *f = (struct federation){
        .around = {.home = home, .connector = connector, .gate = gate, .due = be_due},
        .io = kube_cluster_io(home),
        .seats = map_new(seat_free),
    };
    central_init(&f->around.central);
    TAILQ_INIT(&f->due);
    f->timer = f->io->timer_new(f->io, turn, f);
    return f;
}

void federation_free(struct federation *f)
{
    if (!f)
        return;
    map_free(f->seats);
    f->io->timer_free(f->io, f->timer);
    central_release(&f->around.central);
    free(f);
}

unsigned federation_watch(const struct federation *f, const char *mesh_ns, const char **ret_ns)
{
    bool any = kube_cache_count(observed(f), remote_kind()) > 0;

    *ret_ns = mesh_ns || !any ? mesh_ns : central_namespace_of_remotes(observed(f));
    return any ? WATCHES : 0;
}

static struct seat *sit(struct federation *f, const struct kube_object *resource, const char *key)
{
    struct seat *seat = NEW(struct seat);

    *seat = (struct seat){.federation = f, .ns = str_dup(resource->ns), .name = str_dup(resource->name)};
    seat->controller = remote_controller_new(&f->around, resource, seat);
    map_put(f->seats, key, seat);
    return seat;
}

static void drop_gone(struct federation *f)
{
    const char *key;
    void *value;

    for (size_t i = 0; map_next(f->seats, &i, &key, &value);) {
        const struct seat *seat = value;
        if (kube_cache_get(observed(f), remote_kind(), seat->ns, seat->name))
            continue;
        remote_controller_end(seat->controller);
        map_remove(f->seats, key);
    }
}

void federation_observe(
    struct federation *f, const char *ns, const struct istio_spec *mesh, uint64_t mesh_hash, unsigned synced)
{
    const struct kube_object *o;

    f->around.synced = synced & WATCHES;
    central_update(&f->around.central, observed(f), ns, mesh, mesh_hash);
    for (size_t i = 0; (o = kube_cache_next(observed(f), remote_kind(), &i));) {
        _cleanup_free_ char *key = key_of(o->ns, o->name);
        struct seat *seat = map_get(f->seats, key);
        if (!seat)
            be_due(sit(f, o, key));
        else if (remote_controller_is_behind(seat->controller, o))
            be_due(seat);
    }
    drop_gone(f);
}

/* The Secrets of remote clusters have their names. */
static bool is_of_remotes(const struct kube_action *action)
{
    return action->kind == remote_kind() || action->kind == kube_kind_view(&mesh_kinds, MESH_VIEW_CREDENTIALS);
}

bool federation_action_done(
    struct federation *f, const struct kube_action *action, const json_t *object, const struct err *e)
{
    _cleanup_free_ char *key = NULL;
    struct seat *seat;

    if (!is_of_remotes(action))
        return false;
    key = key_of(action->ns, action->name);
    /* It may be gone meanwhile. */
    if ((seat = map_get(f->seats, key)))
        remote_controller_done(seat->controller, action, object, e);
    return true;
}

void federation_set_acting(struct federation *f, bool acting)
{
    void *value;

    for (size_t i = 0; map_next(f->seats, &i, NULL, &value);) {
        struct seat *seat = value;
        if (acting)
            be_due(seat);
        else
            remote_controller_drop_waiting(seat->controller);
    }
}

size_t federation_count(const struct federation *f)
{
    return map_len(f->seats);
}

size_t federation_in_flight(const struct federation *f)
{
    const struct remote_controller *c;
    size_t count = 0;

    for (size_t i = 0; (c = federation_next(f, &i));)
        if (remote_controller_cluster(c))
            count += kube_queue_in_flight(kube_cluster_queue(remote_controller_cluster(c)));
    return count;
}

bool federation_is_calm(const struct federation *f)
{
    const struct remote_controller *c;

    for (size_t i = 0; (c = federation_next(f, &i));)
        if (!remote_controller_is_calm(c))
            return false;
    return TAILQ_EMPTY(&f->due);
}

const struct remote_controller *federation_next(const struct federation *f, size_t *position)
{
    void *value;

    return map_next(f->seats, position, NULL, &value) ? ((const struct seat *)value)->controller : NULL;
}
