#include "apps.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

#define HASH "pod-template-hash"
#define REVISION "deployment.kubernetes.io/revision"

static const msec_t TURN_SOONEST = 10, TURN_LATEST = 300, READY_SOONEST = 300;
/* A Pod that crashes runs for so long, and starts again after so long. */
static const msec_t RUNS_MOST = SECONDS(60), CRASHED_MOST = SECONDS(20);

struct apps {
    struct sched *sched;
    struct server *server;
    struct rng *rng;
    const struct apps_times *times;
    const enum sort *sorts;
    struct job *job, *endpoints;
    struct apps_pod **pods;
    size_t pod_count, pod_cap;
};

/* A Deployment, while it is looked at. */
struct rollout {
    struct apps *apps;
    json_t *o;    /* owned */
    json_t *sets; /* its ReplicaSets; owned */
    json_t *next; /* the one of the template; borrowed; NULL: there is none yet */
    char hash[16];
    int64_t replicas, surge, unavailable, newest;
};

static struct collection *kind_of(const struct apps *a, const char *group, const char *plural)
{
    return server_find(a->server, group, plural);
}

static const char *name_of(const json_t *o)
{
    return doc_string(o, "metadata", "name");
}

static int64_t number_at(const json_t *o, const char *part, const char *field)
{
    return doc_int(doc_at(o, part, field), 0);
}

static void update(struct apps *a, struct collection *kind, const char *subresource, const json_t *o)
{
    _cleanup_outcome_ struct outcome done =
        server_update(a->server, WHO_CLUSTER, kind, SHOP_NS, name_of(o), subresource, o);
}

static msec_t within(struct apps *a, msec_t least, msec_t most)
{
    return sched_now(a->sched) + rng_between(a->rng, least, most > least ? most : least);
}

/* --- Pods --- */

int apps_version(const json_t *deployment)
{
    const char *image =
        doc_string(json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0), "image");
    int64_t version;

    return image && str_starts(image, SHOP_IMAGE) && str_to_int64(image + strlen(SHOP_IMAGE), &version) &&
                   version > 0 && version < VERSIONS_MAX
               ? (int)version
               : 0;
}

const struct apps_pod *apps_pod(const struct apps *a, unsigned id)
{
    return id < a->pod_count ? a->pods[id] : NULL;
}

const struct apps_pod *apps_pod_at(const struct apps *a, const char *address)
{
    unsigned char bytes[4];

    return address && inet_pton(AF_INET, address, bytes) == 1 ? apps_pod(a, bytes[2] * 256u + bytes[3]) : NULL;
}

static void poke(struct apps *a);
static void poke_endpoints(struct apps *a);

static void stir(struct apps *a)
{
    poke(a);
    poke_endpoints(a);
}

static void crash(void *context);

static void become_ready(void *context)
{
    struct apps_pod *p = context;

    p->ready = true;
    p->crashed = false;
    p->job = p->apps->sorts[p->version] == SORT_CRASHING
                 ? sched_at(p->apps->sched, within(p->apps, SECONDS(1), RUNS_MOST), crash, p)
                 : NULL;
    stir(p->apps);
}

static void crash(void *context)
{
    struct apps_pod *p = context;

    p->ready = false;
    p->crashed = true;
    p->job = sched_at(p->apps->sched, within(p->apps, SECONDS(1), CRASHED_MOST), become_ready, p);
    stir(p->apps);
}

static void vanish(void *context)
{
    struct apps_pod *p = context;

    p->gone = true;
    p->job = NULL;
}

static void end_pod(struct apps_pod *p)
{
    struct apps *a = p->apps;

    sched_drop(a->sched, p->job);
    p->ending = true;
    p->ready = false;
    p->job = sched_at(a->sched, sched_now(a->sched) + a->times->grace, vanish, p);
    stir(a);
}

static void create_pod(struct rollout *r, const json_t *set)
{
    struct apps *a = r->apps;
    struct apps_pod *p = NEW(struct apps_pod);

    ARRAY_RESERVE_ONE(a->pods, a->pod_count, a->pod_cap);
    *p = (struct apps_pod){
        .apps = a,
        .id = (unsigned)a->pod_count,
        .version = apps_version(set),
        .is_primary = !str_eq(name_of(r->o), SHOP),
        .labels = doc_copy(doc_at(set, "spec", "template", "metadata", "labels")),
    };
    snprintf(p->set_uid, sizeof(p->set_uid), "%s", doc_string(set, "metadata", "uid"));
    snprintf(p->set_name, sizeof(p->set_name), "%s", name_of(set));
    if (a->sorts[p->version] != SORT_STUCK)
        p->job = sched_at(a->sched, within(a, READY_SOONEST, a->times->ready), become_ready, p);
    a->pods[a->pod_count++] = p;
    stir(a);
}

static bool belongs(const struct apps_pod *p, const json_t *set)
{
    return !p->ending && str_eq(p->set_uid, doc_string(set, "metadata", "uid"));
}

static int64_t count_pods(const struct apps *a, const json_t *set, bool ready)
{
    int64_t count = 0;

    for (size_t i = 0; i < a->pod_count; i++)
        count += belongs(a->pods[i], set) && (!ready || a->pods[i]->ready);
    return count;
}

/* The one that goes first: a Pod that is not ready, then the youngest. */
static struct apps_pod *next_to_end(const struct apps *a, const json_t *set)
{
    struct apps_pod *next = NULL;

    for (size_t i = 0; i < a->pod_count; i++)
        if (belongs(a->pods[i], set) && (!next || next->ready || !a->pods[i]->ready))
            next = a->pods[i];
    return next;
}

static void fill_set(struct rollout *r, const json_t *set)
{
    int64_t desired = number_at(set, "spec", "replicas"), have = count_pods(r->apps, set, false);

    for (; have < desired; have++)
        create_pod(r, set);
    for (; have > desired; have--)
        end_pod(next_to_end(r->apps, set));
}

size_t apps_ready(const struct apps *a, bool primary)
{
    size_t count = 0;

    for (size_t i = 0; i < a->pod_count; i++)
        count += a->pods[i]->ready && a->pods[i]->is_primary == primary;
    return count;
}

void apps_evict(struct apps *a, bool primary, size_t most)
{
    for (size_t i = 0; i < a->pod_count && most; i++)
        if (!a->pods[i]->ending && a->pods[i]->is_primary == primary) {
            end_pod(a->pods[i]);
            most--;
        }
}

/* --- ReplicaSets --- */

static void set_replicas(struct rollout *r, json_t *set, int64_t replicas)
{
    _cleanup_json_ json_t *o = NULL;

    if (number_at(set, "spec", "replicas") == replicas)
        return;
    o = doc_copy(set);
    json_object_set_new(json_object_get(o, "spec"), "replicas", json_integer(replicas));
    json_object_set_new(json_object_get(set, "spec"), "replicas", json_integer(replicas));
    json_object_del(json_object_get(o, "metadata"), "resourceVersion");
    update(r->apps, kind_of(r->apps, "apps", "replicasets"), NULL, o);
}

static int64_t number_of(const json_t *o)
{
    int64_t number;

    return str_to_int64(str_or(doc_string(o, "metadata", "annotations", REVISION), ""), &number) ? number : 0;
}

static void write_number(struct rollout *r, struct collection *kind, const json_t *of, int64_t number)
{
    _cleanup_json_ json_t *o = doc_copy(server_get(kind, SHOP_NS, name_of(of)));

    if (!o)
        return;
    json_object_set_new(doc_make(o, "metadata", "annotations"), REVISION, json_sprintf("%" PRId64, number));
    update(r->apps, kind, NULL, o);
}

static void create_set(struct rollout *r)
{
    _cleanup_json_ json_t *template = doc_copy(doc_at(r->o, "spec", "template")), *o = NULL;
    _cleanup_outcome_ struct outcome done = {0};

    json_object_set_new(doc_make(template, "metadata", "labels"), HASH, json_string(r->hash));
    o = OBJECT(
        MAP("metadata", FORMAT("name", "%s-%s", name_of(r->o), r->hash),
            MAP("annotations", FORMAT(REVISION, "%" PRId64, r->newest + 1)),
            VALUE("labels", doc_copy(doc_at(template, "metadata", "labels"))),
            SEQ("ownerReferences",
                ITEM(STRING("apiVersion", "apps/v1"), STRING("kind", "Deployment"), STRING("name", name_of(r->o)),
                     STRING("uid", doc_string(r->o, "metadata", "uid")), BOOL("controller", true)))),
        MAP("spec", INT("replicas", 0), VALUE("template", json_incref(template))));
    done = server_create(r->apps->server, WHO_CLUSTER, kind_of(r->apps, "apps", "replicasets"), SHOP_NS, o);
}

/* The one of the template has the highest number, and the Deployment the same. */
static void number_sets(struct rollout *r)
{
    int64_t own = r->next ? number_of(r->next) : 0;

    if (!r->next)
        return;
    if (own < r->newest)
        write_number(r, kind_of(r->apps, "apps", "replicasets"), r->next, own = r->newest + 1);
    if (number_of(r->o) != own)
        write_number(r, kind_of(r->apps, "apps", "deployments"), r->o, own);
}

/* --- a Deployment --- */

/* Of so many, rounded up or down. */
static int64_t portion(const json_t *value, int64_t of, bool up)
{
    int64_t percent = 25;

    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_string(value)) {
        _cleanup_free_ char *digits = str_dup_n(json_string_value(value), strcspn(json_string_value(value), "%"));
        str_to_int64(digits, &percent);
    }
    return (of * percent + (up ? 99 : 0)) / 100;
}

static struct rollout read_rollout(struct apps *a, const json_t *o)
{
    const json_t *limits = doc_at(o, "spec", "strategy", "rollingUpdate");
    struct rollout r = {.apps = a, .o = json_incref((json_t *)o), .sets = json_array()};
    void *set;

    snprintf(r.hash, sizeof(r.hash), "%08" PRIx32, (uint32_t)doc_hash(doc_at(o, "spec", "template")));
    r.replicas = number_at(o, "spec", "replicas");
    r.surge = portion(doc_at(limits, "maxSurge"), r.replicas, true);
    r.unavailable = portion(doc_at(limits, "maxUnavailable"), r.replicas, false);
    if (!r.surge && !r.unavailable)
        r.unavailable = 1;
    for (size_t i = 0; map_next(kind_of(a, "apps", "replicasets")->objects, &i, NULL, &set);) {
        if (!str_eq(doc_string(json_array_get(doc_at(set, "metadata", "ownerReferences"), 0), "uid"),
                    doc_string(o, "metadata", "uid")))
            continue;
        json_array_append_new(r.sets, doc_copy(set));
        if (str_eq(doc_string(set, "metadata", "labels", HASH), r.hash))
            r.next = json_array_get(r.sets, json_array_size(r.sets) - 1);
        r.newest = number_of(set) > r.newest ? number_of(set) : r.newest;
    }
    return r;
}

static void tell(struct rollout *r)
{
    struct apps *a = r->apps;
    int64_t all = 0, ready = 0, updated = r->next ? count_pods(a, r->next, false) : 0;
    _cleanup_json_ json_t *status = NULL, *o = NULL;
    json_t *set;
    size_t i;

    json_array_foreach(r->sets, i, set) {
        all += count_pods(a, set, false);
        ready += count_pods(a, set, true);
    }
    status =
        OBJECT(VALUE("observedGeneration", json_incref(doc_at(r->o, "metadata", "generation"))), INT("replicas", all),
               INT("updatedReplicas", updated), INT("readyReplicas", ready), INT("availableReplicas", ready));
    if (doc_equal(status, doc_at(r->o, "status")))
        return;
    o = doc_copy(server_get(kind_of(a, "apps", "deployments"), SHOP_NS, name_of(r->o)));
    json_object_set(o, "status", status);
    update(a, kind_of(a, "apps", "deployments"), "status", o);
}

/* All of them, or those that have Pods. */
static int64_t sum(const struct rollout *r)
{
    int64_t all = 0;
    json_t *set;
    size_t i;

    json_array_foreach(r->sets, i, set)
        all += number_at(set, "spec", "replicas");
    return all;
}

/* What is scaled where no rollout goes on: the one that has Pods, else that of the template, else the newest. */
static json_t *set_to_scale(const struct rollout *r)
{
    json_t *set, *found = r->next;
    size_t i;

    json_array_foreach(r->sets, i, set)
        if (!found || (!r->next && number_of(set) > number_of(found)))
            found = set;
    json_array_foreach(r->sets, i, set)
        if (number_at(set, "spec", "replicas") > number_at(found, "spec", "replicas"))
            found = set;
    return found;
}

static void scale_paused(struct rollout *r)
{
    int64_t more = r->replicas - sum(r), own;
    json_t *set;

    while (more && (set = set_to_scale(r))) {
        own = number_at(set, "spec", "replicas");
        if (own + more >= 0) {
            set_replicas(r, set, own + more);
            return;
        }
        more += own;
        set_replicas(r, set, 0);
    }
}

static void scale_down_former(struct rollout *r, int64_t most, bool unready_only)
{
    json_t *set;
    size_t i;

    json_array_foreach(r->sets, i, set) {
        int64_t own = number_at(set, "spec", "replicas"), down = own;
        if (set == r->next || !own || most <= 0)
            continue;
        if (unready_only)
            down = own - count_pods(r->apps, set, true);
        down = down > most ? most : down;
        if (down > 0)
            set_replicas(r, set, own - down);
        most -= down > 0 ? down : 0;
    }
}

static void roll(struct rollout *r)
{
    int64_t own = number_at(r->next, "spec", "replicas"), room = r->replicas + r->surge - sum(r), ready = 0, missing;
    int64_t least = r->replicas - r->unavailable;
    json_t *set;
    size_t i;

    if (own > r->replicas) {
        set_replicas(r, r->next, r->replicas);
        return;
    }
    if (own < r->replicas && room > 0) {
        set_replicas(r, r->next, own + (room < r->replicas - own ? room : r->replicas - own));
        return;
    }
    missing = own - count_pods(r->apps, r->next, true);
    json_array_foreach(r->sets, i, set)
        ready += count_pods(r->apps, set, true);
    scale_down_former(r, sum(r) - least - (missing > 0 ? missing : 0), true);
    scale_down_former(r, ready - least, false);
}

static void tend(struct apps *a, const json_t *o)
{
    struct rollout r = read_rollout(a, o);
    json_t *set;
    size_t i;

    number_sets(&r);
    /* The status is of what it sees: it follows the numbers, and a ReplicaSet that is created now is seen later. */
    if (r.next || doc_bool(doc_at(o, "spec", "paused"), false))
        tell(&r);
    if (doc_bool(doc_at(o, "spec", "paused"), false))
        scale_paused(&r);
    else if (!r.next)
        create_set(&r);
    else
        roll(&r);
    json_array_foreach(r.sets, i, set)
        fill_set(&r, set);
    json_decref(r.sets);
    json_decref(r.o);
}

/* Those whose ReplicaSet is gone. */
static void end_orphans(struct apps *a)
{
    const struct collection *sets = kind_of(a, "apps", "replicasets");
    struct map *uids = map_new(NULL);
    void *set;

    for (size_t i = 0; map_next(sets->objects, &i, NULL, &set);)
        map_put(uids, doc_string(set, "metadata", "uid"), a);
    for (size_t i = 0; i < a->pod_count; i++)
        if (!a->pods[i]->ending && !map_has(uids, a->pods[i]->set_uid))
            end_pod(a->pods[i]);
    map_free(uids);
}

static json_t *objects_of(const struct collection *kind)
{
    json_t *list = json_array();
    void *object;

    for (size_t i = 0; kind && map_next(kind->objects, &i, NULL, &object);)
        json_array_append(list, object);
    return list;
}

static void turn(void *context)
{
    struct apps *a = context;
    _cleanup_json_ json_t *list = objects_of(kind_of(a, "apps", "deployments"));
    json_t *o;
    size_t i;

    a->job = NULL;
    end_orphans(a);
    json_array_foreach(list, i, o) {
        if (doc_at(o, "metadata", "deletionTimestamp"))
            continue;
        if (rng_chance(a->rng, 800))
            tend(a, o);
        else
            poke(a);
    }
}

static void poke(struct apps *a)
{
    if (!a->job)
        a->job = sched_at(a->sched, within(a, TURN_SOONEST, TURN_LATEST), turn, a);
}

/* --- Endpoints --- */

static bool is_selected(const json_t *selector, const struct apps_pod *p)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)selector, key, value)
        if (!json_equal(value, json_object_get(p->labels, key)))
            return false;
    return true;
}

static json_t *addresses_of(const struct apps *a, const json_t *service)
{
    const json_t *selector = doc_at(service, "spec", "selector");
    json_t *list = json_array();

    for (size_t i = 0; i < a->pod_count; i++)
        if (a->pods[i]->ready && is_selected(selector, a->pods[i]))
            json_array_append_new(
                list, OBJECT(FORMAT("ip", "10.1.%zu.%zu", i / 256, i % 256),
                             MAP("targetRef", FORMAT("name", "%s-%05zu", a->pods[i]->set_name, i % 100000))));
    return list;
}

static void lead_to_pods(struct apps *a, struct collection *kind, const json_t *service)
{
    const json_t *before = server_get(kind, SHOP_NS, name_of(service));
    _cleanup_json_ json_t *addresses = addresses_of(a, service), *o = NULL, *subsets = NULL;
    _cleanup_outcome_ struct outcome done = {0};
    json_t *labels = doc_at(service, "metadata", "labels");

    subsets = json_array_size(addresses) ? ARRAY(ITEM(VALUE("addresses", json_incref(addresses)),
                                                      SEQ("ports", ITEM(INT("port", 8080), STRING("protocol", "TCP")))))
                                         : json_array();
    o = OBJECT(MAP("metadata", STRING("name", name_of(service)), VALUE("labels", labels ? doc_copy(labels) : NULL)),
               VALUE("subsets", json_incref(subsets)));
    if (!before)
        done = server_create(a->server, WHO_CLUSTER, kind, SHOP_NS, o);
    else if (!doc_equal(subsets, doc_at(before, "subsets")) || !doc_equal(labels, doc_at(before, "metadata", "labels")))
        done = server_update(a->server, WHO_CLUSTER, kind, SHOP_NS, name_of(service), NULL, o);
}

static void follow_pods(void *context)
{
    struct apps *a = context;
    struct collection *services = kind_of(a, "", "services"), *kind = kind_of(a, "", "endpoints");
    _cleanup_json_ json_t *list = objects_of(services), *there = objects_of(kind);
    json_t *o;
    size_t i;

    a->endpoints = NULL;
    json_array_foreach(list, i, o)
        if (json_object_size(doc_at(o, "spec", "selector")))
            lead_to_pods(a, kind, o);
    json_array_foreach(there, i, o)
        if (!server_get(services, SHOP_NS, name_of(o))) {
            _cleanup_outcome_ struct outcome done =
                server_delete(a->server, WHO_CLUSTER, kind, SHOP_NS, name_of(o), NULL);
        }
}

static void poke_endpoints(struct apps *a)
{
    if (!a->endpoints)
        a->endpoints = sched_at(a->sched, within(a, 1, a->times->endpoints), follow_pods, a);
}

/* --- all of it --- */

void apps_changed(struct apps *a, const struct collection *kind)
{
    if (str_eq(kind->plural, "deployments") || str_eq(kind->plural, "replicasets"))
        poke(a);
    else if (str_eq(kind->plural, "services"))
        poke_endpoints(a);
}

struct apps *apps_new(struct sched *sched, struct server *server, struct rng *rng, const struct apps_times *times,
                      const enum sort sorts[VERSIONS_MAX])
{
    struct apps *a = NEW(struct apps);

    *a = (struct apps){.sched = sched, .server = server, .rng = rng, .times = times, .sorts = sorts};
    return a;
}

void apps_free(struct apps *a)
{
    for (size_t i = 0; i < a->pod_count; i++) {
        sched_drop(a->sched, a->pods[i]->job);
        json_decref(a->pods[i]->labels);
        free(a->pods[i]);
    }
    sched_drop(a->sched, a->job);
    sched_drop(a->sched, a->endpoints);
    free(a->pods);
    free(a);
}
