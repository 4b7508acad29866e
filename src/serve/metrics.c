#include "serve/metrics.h"

#include <malloc.h>
#include <math.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/mesh/renewal_decide.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/mesh.h"

/* Everything that a metric is read from. */
struct sources {
    const struct controller_stats *controller;
    const struct actor_stats *actor;
    const struct kube_cluster_stats *cluster;
    msec_t watch_age;
    const struct net_client_stats *client;
    const struct kube_queue *queue;
    const struct kube_cache *cache;
    struct mallinfo2 heap;
};

/* type, name, help, value of `s` */
#define METRICS(X)                                                                                                     \
    X("gauge", "leader", "Whether this replica acts: 1; or stands by: 0", s->controller->acting)                       \
    X("counter", "plans_total", "Plans made", s->actor->plans)                                                         \
    X("counter", "plan_seconds_total", "Time of the processor spent planning", (double)s->controller->plan_usec / 1e6) \
    X("counter", "writes_failed_total", "Writes that the API server did not take", s->actor->failed)                   \
    X("gauge", "managed_objects", "Objects that the mesh consists of", s->actor->managed)                              \
    X("gauge", "drift_objects", "Objects that are not as the resource asks", s->actor->drift)                          \
    X("gauge", "loop_lag_seconds", "How late the event loop's timer last was", (double)s->controller->lag / 1e3)       \
    X("gauge", "loop_lag_max_seconds", "How late it ever was", (double)s->controller->lag_most / 1e3)                  \
    X("counter", "watch_restarts_total", "Watches opened again", s->cluster->watch_restarts)                           \
    X("counter", "watch_events_total", "Events that watches brought", s->cluster->watch_events)                        \
    X("counter", "lists_total", "Lists read", s->cluster->lists)                                                       \
    X("gauge", "watches_wanted", "Watches that are to be open", s->cluster->watches_wanted)                            \
    X("gauge", "watches_open", "Watches that are open", s->cluster->watches_open)                                      \
    X("gauge",                                                                                                         \
      "watch_age_seconds",                                                                                             \
      "How long ago the watch that heard least heard something or was verified",                                       \
      (double)s->watch_age / 1e3)                                                                                      \
    X("counter", "watch_failures_total", "Lists, watches and connections that failed", s->cluster->watch_failures)     \
    X("counter",                                                                                                       \
      "version_rewinds_total",                                                                                         \
      "Times that resource versions of the API server went backwards",                                                 \
      s->cluster->version_rewinds)                                                                                     \
    X("counter", "api_requests_total", "Requests to the API server", s->client->requests)                              \
    X("counter", "api_errors_total", "Requests that failed", s->client->errors)                                        \
    X("counter", "api_connections_total", "Connections made", s->client->connections)                                  \
    X("counter", "api_received_bytes_total", "Bytes received from the API server", s->client->bytes_received)          \
    X("gauge", "queue_in_flight", "Writes under way", kube_queue_in_flight(s->queue))                                  \
    X("gauge", "queue_waiting", "Writes that wait for their turn", kube_queue_waiting(s->queue))                       \
    X("gauge", "cache_bytes", "Bytes of observed objects", kube_cache_bytes(s->cache))                                 \
    X("gauge", "heap_bytes", "Bytes of the heap in use", s->heap.uordblks)

/* What a metric of a remote cluster is read from; `actor` and `cluster` are NULL where it is not connected. */
struct remote_sources {
    const struct connection *connection;
    const struct actor_stats *actor;
    const struct kube_cluster_stats *cluster;
    msec_t watch_age; /* MSEC_NEVER where it is not connected */
};

/* As above, of each remote cluster; NAN: there is no value. */
#define REMOTE_METRICS(X)                                                                                              \
    X("gauge",                                                                                                         \
      "remote_connected",                                                                                              \
      "Whether the operator is synced with the remote cluster: 1; or not: 0",                                          \
      connection_is_good(s->connection))                                                                               \
    X("gauge",                                                                                                         \
      "remote_last_contact_age_seconds",                                                                               \
      "How long ago the remote cluster answered; absent before it does",                                               \
      seconds(connection_contact_age(s->connection)))                                                                  \
    X("gauge",                                                                                                         \
      "remote_drift_objects",                                                                                          \
      "Objects in the remote cluster that are not as the resource asks",                                               \
      s->actor ? s->actor->drift : 0)                                                                                  \
    X("counter",                                                                                                       \
      "remote_writes_total",                                                                                           \
      "Writes that the remote cluster took, of this connection",                                                       \
      s->actor ? writes(s->actor) : 0)                                                                                 \
    X("gauge",                                                                                                         \
      "remote_watches_open",                                                                                           \
      "Watches of the remote cluster that are open",                                                                   \
      s->cluster ? s->cluster->watches_open : 0)                                                                       \
    X("gauge",                                                                                                         \
      "remote_watch_age_seconds",                                                                                      \
      "How long ago its watch that heard least heard something or was verified; absent where it is not connected",     \
      seconds(s->watch_age))

/* As above, of each mesh whose sidecars are renewed; from its status, which is NULL where it has none. */
#define RENEWAL_METRICS(X)                                                                                             \
    X("renewal_outdated_workloads", "Workloads with an outdated sidecar", count_of(status, "left"))                    \
    X("renewal_waiting_workloads", "Of those, the ones that will be restarted", count_of(status, "waiting"))           \
    X("renewal_restarted_workloads", "Workloads that were restarted and are not rolled out yet", rolling(status))      \
    X("renewal_failed_workloads", "Workloads whose rollout did not finish in time", failed(status))                    \
    X("renewal_blocked_workloads", "Workloads that are not restarted", count_of(status, "blockedCount"))

#define PREFIX "istio_operator_"
#define MESH_LABELS "{namespace,mesh}"
#define REMOTE_LABELS "{namespace,remote}"

static void print_head(struct buf *out, const char *type, const char *name, const char *help)
{
    buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void print_one(struct buf *out, const char *type, const char *name, const char *help, double value)
{
    print_head(out, type, name, help);
    buf_printf(out, PREFIX "%s %.15g\n", name, value);
}

static void print_writes(const struct actor_stats *stats, struct buf *out)
{
    buf_add_str(
        out,
        "# HELP " PREFIX "writes_total Writes that were taken, by what they meant\n"
        "# TYPE " PREFIX "writes_total counter\n");
    for (enum plan_meaning m = 0; m <= PLAN_BOOKKEEPING; m++)
        buf_printf(
            out,
            PREFIX "writes_total{meaning=\"%s\"} %llu\n",
            plan_meaning_word(m),
            (unsigned long long)stats->written[m]);
}

static void print_latency(const struct net_client_stats *stats, struct buf *out)
{
    static const char *const bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1", "+Inf"};
    _Static_assert(ARRAY_LEN(bounds) == ARRAY_LEN(stats->latency_buckets), "each bucket has its bound");
    uint64_t cumulative = 0;

    buf_add_str(
        out,
        "# HELP " PREFIX "api_latency_seconds Time from a request to its answer, watches aside\n"
        "# TYPE " PREFIX "api_latency_seconds histogram\n");
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        cumulative += stats->latency_buckets[i];
        buf_printf(
            out, PREFIX "api_latency_seconds_bucket{le=\"%s\"} %llu\n", bounds[i], (unsigned long long)cumulative);
    }
    buf_printf(
        out,
        PREFIX "api_latency_seconds_sum %.6f\n" PREFIX "api_latency_seconds_count %llu\n",
        (double)stats->latency_usec_sum / 1e6,
        (unsigned long long)stats->latency_count);
}

#define CERTIFICATE_HELP "When a certificate of the mesh's authority ends, in seconds since 1970"
#define CERTIFICATE_END "certificate_end_seconds"

static void print_certificate(const struct kube_object *o, const char *name, msec_t end, struct buf *out)
{
    if (end)
        buf_printf(
            out, PREFIX CERTIFICATE_END "{secret=\"%s\",certificate=\"%s\"} %.15g\n", o->name, name, (double)end / 1e3);
}

static void print_certificates(const struct kube_cache *cache, struct buf *out)
{
    static const enum mesh_kind_id kinds[] = {KIND_SELF_SIGNED_AUTHORITY, KIND_PLUGGED_IN_AUTHORITY};
    const struct kube_object *o;

    print_head(out, "gauge", CERTIFICATE_END, CERTIFICATE_HELP);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t i = 0; (o = kube_cache_next(cache, mesh_kind(kinds[k]), &i));) {
            const struct mesh_authority authority = mesh_authority_read(o->text);
            print_certificate(o, "root", authority.root_end, out);
            print_certificate(o, "signing", authority.signing_end, out);
        }
}

/* --- the meshes --- */

#define RESOURCE_READY "resource_ready"
#define RESOURCE_READY_HELP "Whether a resource of the operator's kinds is Ready: 1; or not: 0"
#define UPGRADE_PHASE "upgrade_phase"
#define UPGRADE_PHASE_HELP "1 for the phase of the change of the version; absent where it does not change"
#define UPGRADE_BLOCKED "upgrade_blocked"
#define UPGRADE_BLOCKED_HELP "Whether the change of the version waits for the user: 1; or not: 0"

static int64_t count_of(const json_t *status, const char *field)
{
    return doc_int(doc_at(status, field), 0);
}

static int64_t rolling(const json_t *status)
{
    int64_t count = 0;
    json_t *line;
    size_t i;

    json_array_foreach(doc_at(status, "renewing"), i, line)
        count += !doc_at(line, "completed");
    return count;
}

static int64_t failed(const json_t *status)
{
    int64_t count = 0;
    json_t *line;
    size_t i;

    json_array_foreach(doc_at(status, "blocked"), i, line)
        count += str_eq(doc_string(line, "reason"), renewal_reason_word(RENEWAL_TIMED_OUT));
    return count;
}

static bool is_true(const json_t *mesh, const char *condition)
{
    const json_t *conditions = doc_at(mesh, "status", STATUS_FIELD_CONDITIONS);

    return str_eq(doc_string(doc_find(conditions, "type", condition), "status"), "True");
}

static void print_mesh(const struct kube_object *o, const char *name, const char *more, int64_t value, struct buf *out)
{
    buf_printf(out, PREFIX "%s{namespace=\"%s\",mesh=\"%s\"%s} %lld\n", name, o->ns, o->name, more, (long long)value);
}

static void print_upgrade(const struct kube_object *o, const json_t *mesh, struct buf *phases, struct buf *blocked)
{
    const char *phase = doc_string(mesh, "status", STATUS_FIELD_UPGRADE, "phase");
    _cleanup_free_ char *label = phase ? str_printf(",phase=\"%.40s\"", phase) : NULL;

    if (!doc_string(mesh, "status", STATUS_FIELD_UPGRADE, "progress") || !label)
        return;
    print_mesh(o, UPGRADE_PHASE, label, 1, phases);
    print_mesh(o, UPGRADE_BLOCKED, "", is_true(mesh, CONDITION_UPGRADE_BLOCKED), blocked);
}

static void print_ready(const struct kube_cache *cache, struct buf *out)
{
#define KIND_ID(id, ...) KIND_##id
    static const enum mesh_kind_id kinds[] = {MESH_RESOURCES(KIND_ID)};
#undef KIND_ID
    const struct kube_object *o;

    print_head(out, "gauge", RESOURCE_READY, RESOURCE_READY_HELP);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t i = 0; (o = kube_cache_next(cache, mesh_kind(kinds[k]), &i));) {
            _cleanup_json_ json_t *resource = kube_object_parse(o);
            buf_printf(
                out,
                PREFIX RESOURCE_READY "{kind=\"%s\",namespace=\"%s\",name=\"%s\"} %d\n",
                mesh_kind(kinds[k])->kind,
                o->ns,
                o->name,
                is_true(resource, CONDITION_READY));
        }
}

/* Each metric's lines stand together. */
void metrics_print_meshes(const struct kube_cache *cache, struct buf *out)
{
#define X(name, help, value) BUF_INIT,
    struct buf phases = BUF_INIT, blocked = BUF_INIT, renewal[] = {RENEWAL_METRICS(X)};
#undef X
    const struct kube_object *o;

    print_ready(cache, out);
    print_head(&phases, "gauge", UPGRADE_PHASE, UPGRADE_PHASE_HELP);
    print_head(&blocked, "gauge", UPGRADE_BLOCKED, UPGRADE_BLOCKED_HELP);
    {
        struct buf *next = renewal;
#define X(name, help, value) print_head(next++, "gauge", name, help);
        RENEWAL_METRICS(X)
#undef X
    }
    for (size_t i = 0; (o = kube_cache_next(cache, mesh_kind(KIND_ISTIO), &i));) {
        _cleanup_json_ json_t *mesh = kube_object_parse(o);
        const json_t *status = doc_at(mesh, "status", STATUS_FIELD_SIDECAR_RENEWAL);
        struct buf *next = renewal;
        print_upgrade(o, mesh, &phases, &blocked);
#define X(name, help, value)                                                                                           \
    if (status)                                                                                                        \
        print_mesh(o, name, "", value, next++);
        RENEWAL_METRICS(X)
#undef X
    }
    buf_add_str(out, buf_str(&phases));
    buf_add_str(out, buf_str(&blocked));
    buf_release(&phases);
    buf_release(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(renewal); i++) {
        buf_add_str(out, buf_str(&renewal[i]));
        buf_release(&renewal[i]);
    }
}

/* --- remote clusters --- */

static double seconds(msec_t time)
{
    return time == MSEC_NEVER ? NAN : (double)time / 1e3;
}

static uint64_t writes(const struct actor_stats *stats)
{
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_LEN(stats->written); i++)
        all += stats->written[i];
    return all;
}

static void print_remote(const struct controller_remote *remote, const char *name, double value, struct buf *out)
{
    if (isnan(value))
        return;
    buf_printf(out, PREFIX "%s{namespace=\"%s\",remote=\"%s\"} %.15g\n", name, remote->ns, remote->name, value);
}

static struct remote_sources remote_sources(const struct controller_remote *remote)
{
    struct kube_cluster *cluster = connection_cluster(remote->connection);

    return (struct remote_sources){
        .connection = remote->connection,
        .actor = remote->actor,
        .cluster = cluster ? kube_cluster_stats(cluster) : NULL,
        .watch_age = cluster ? kube_cluster_watch_age(cluster, NULL) : MSEC_NEVER,
    };
}

void metrics_print_remotes(const struct controller *c, struct buf *out)
{
    struct controller_remote remote;
    size_t first = 0;

    if (!controller_next_remote(c, &first, &remote))
        return;
#define X(type, name, help, value)                                                                                     \
    print_head(out, type, name, help);                                                                                 \
    for (size_t i = 0; controller_next_remote(c, &i, &remote);) {                                                      \
        const struct remote_sources sources = remote_sources(&remote), *s = &sources;                                  \
        print_remote(&remote, name, (double)(value), out);                                                             \
    }
    REMOTE_METRICS(X)
#undef X
}

void metrics_print(struct controller *c, struct buf *out)
{
    struct kube_cluster *cluster = controller_cluster(c);
    const struct actor_stats actor = controller_actor_stats(c);
    const struct sources sources =
                             {
                                 .controller = controller_stats(c),
                                 .actor = &actor,
                                 .cluster = kube_cluster_stats(cluster),
                                 .watch_age = kube_cluster_watch_age(cluster, NULL),
                                 .client = net_client_stats(kube_cluster_client(cluster)),
                                 .queue = kube_cluster_queue(cluster),
                                 .cache = kube_cluster_cache(cluster),
                                 .heap = mallinfo2(),
                             },
                         *s = &sources;

#define X(type, name, help, value) print_one(out, type, name, help, (double)(value));
    METRICS(X)
#undef X
    print_writes(s->actor, out);
    print_latency(s->client, out);
    print_certificates(s->cache, out);
    metrics_print_meshes(s->cache, out);
    metrics_print_remotes(c, out);
}

void metrics_document(struct buf *out)
{
    buf_add_str(out, "| metric | type | what it says |\n| --- | --- | --- |\n");
#define X(type, name, help, value) buf_add_str(out, "| `" PREFIX name "` | " type " | " help " |\n");
    METRICS(X)
#undef X
    buf_add_str(
        out,
        "| `" PREFIX "writes_total{meaning}` | counter | Writes that were taken, by what they meant |\n"
        "| `" PREFIX "api_latency_seconds` | histogram | Time from a request to its answer, watches aside |\n"
        "| `" PREFIX CERTIFICATE_END "{secret,certificate}` | gauge | " CERTIFICATE_HELP " |\n"
        "| `" PREFIX RESOURCE_READY "{kind,namespace,name}` | gauge | " RESOURCE_READY_HELP " |\n"
        "| `" PREFIX UPGRADE_PHASE "{namespace,mesh,phase}` | gauge | " UPGRADE_PHASE_HELP " |\n"
        "| `" PREFIX UPGRADE_BLOCKED MESH_LABELS "` | gauge | " UPGRADE_BLOCKED_HELP " |\n");
#define X(name, help, value) buf_add_str(out, "| `" PREFIX name MESH_LABELS "` | gauge | " help " |\n");
    RENEWAL_METRICS(X)
#undef X
#define X(type, name, help, value) buf_add_str(out, "| `" PREFIX name REMOTE_LABELS "` | " type " | " help " |\n");
    REMOTE_METRICS(X)
#undef X
}
