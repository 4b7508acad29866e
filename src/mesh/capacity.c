#include "mesh/capacity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/quantity.h"
#include "mesh/workloads.h"

#define WORD_MAX 253

static const struct {
    const char *name;
    int digits;
} rows[] = {
#define X(id, name, digits) {name, digits},
    CAPACITIES(X)
#undef X
};

/* The highest number counts as any number. */
static int64_t sum_of(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t amount(const json_t *list, const char *name, int digits, int64_t otherwise)
{
    char number[KUBE_QUANTITY_NUMBER];
    const char *text = kube_quantity_text(json_object_get(list, name), number);
    int64_t ret;

    return text && kube_quantity_round_up(text, digits, &ret) ? ret : otherwise;
}

/* --- what Pods ask for --- */

/* A container without a request asks for its limit. */
static struct capacity of_container(const json_t *container)
{
    const json_t *requests = doc_at(container, "resources", "requests"),
                 *limits = doc_at(container, "resources", "limits");
    struct capacity c = {0};

    c.of[CAPACITY_CPU_LIMIT] = amount(limits, "cpu", 3, 0);
    c.of[CAPACITY_MEMORY_LIMIT] = amount(limits, "memory", 0, 0);
    c.of[CAPACITY_CPU] = amount(requests, "cpu", 3, c.of[CAPACITY_CPU_LIMIT]);
    c.of[CAPACITY_MEMORY] = amount(requests, "memory", 0, c.of[CAPACITY_MEMORY_LIMIT]);
    return c;
}

struct capacity capacity_of_pod(const json_t *spec)
{
    struct capacity sum = {0}, first = {0};
    json_t *container;
    size_t i;

    json_array_foreach(doc_at(spec, "containers"), i, container) {
        struct capacity c = of_container(container);
        for (size_t k = 0; k < CAPACITY_COUNT; k++)
            sum.of[k] = sum_of(sum.of[k], c.of[k]);
    }
    json_array_foreach(doc_at(spec, "initContainers"), i, container) {
        struct capacity c = of_container(container);
        bool stays = str_eq(doc_string(container, "restartPolicy"), "Always");
        for (size_t k = 0; k < CAPACITY_COUNT; k++)
            if (stays)
                sum.of[k] = sum_of(sum.of[k], c.of[k]);
            else if (c.of[k] > first.of[k])
                first.of[k] = c.of[k];
    }
    for (size_t k = 0; k < CAPACITY_COUNT; k++)
        sum.of[k] = sum.of[k] > first.of[k] ? sum.of[k] : first.of[k];
    sum.of[CAPACITY_PODS] = 1;
    return sum;
}

bool capacity_tolerates(const json_t *pod_spec)
{
    return json_array_size(doc_at(pod_spec, "tolerations"));
}

/* --- amounts --- */

bool capacity_fits(const struct capacity *need, const struct capacity *room)
{
    for (size_t i = 0; i < CAPACITY_COUNT; i++)
        if (need->of[i] > 0 && need->of[i] > room->of[i])
            return false;
    return true;
}

void capacity_take(struct capacity *room, const struct capacity *part, size_t count)
{
    for (size_t i = 0; i < CAPACITY_COUNT; i++) {
        int64_t all, left;
        if (room->of[i] == INT64_MAX)
            continue;
        if (__builtin_mul_overflow(part->of[i], count, &all) || __builtin_sub_overflow(room->of[i], all, &left))
            left = INT64_MIN;
        room->of[i] = left;
    }
}

char *capacity_text(const struct capacity *need)
{
    const int64_t mi = (int64_t)1024 * 1024;
    int64_t memory = need->of[CAPACITY_MEMORY] / mi + (need->of[CAPACITY_MEMORY] % mi > 0);

    return str_printf("%" PRId64 "m CPU, %" PRId64 "Mi of memory", need->of[CAPACITY_CPU], memory);
}

json_t *capacity_write(const struct capacity *c)
{
    json_t *document = json_object();

    for (size_t i = 0; i < CAPACITY_COUNT; i++)
        if (c->of[i] != INT64_MAX)
            json_object_set_new(document, rows[i].name, json_integer(c->of[i]));
    return document;
}

struct capacity capacity_read(const json_t *document)
{
    struct capacity c;

    for (size_t i = 0; i < CAPACITY_COUNT; i++)
        c.of[i] = doc_int(json_object_get(document, rows[i].name), INT64_MAX);
    return c;
}

/* --- what is kept --- */

/* One of the node itself ends when it does: until then others may be there. */
static bool is_tainted(const json_t *node)
{
    json_t *taint;
    size_t i;

    json_array_foreach(doc_at(node, "spec", "taints"), i, taint)
        if (!str_eq(doc_string(taint, "effect"), "PreferNoSchedule") &&
            !str_starts(str_or(doc_string(taint, "key"), ""), "node.kubernetes.io/"))
            return true;
    return false;
}

char *mesh_node_room_digest(const json_t *node)
{
    const json_t *list = doc_at(node, "status", "allocatable"), *spec = doc_at(node, "spec");
    _cleanup_json_ json_t *kept = NULL;
    struct capacity room;

    if (doc_bool(doc_at(spec, "unschedulable"), false))
        return NULL;
    for (size_t i = 0; i < CAPACITY_COUNT; i++)
        room.of[i] = amount(list, rows[i].name, rows[i].digits, INT64_MAX);
    kept = OBJECT(
        VALUE("room", capacity_write(&room)),
        OPT(is_tainted(node), BOOL("tainted", true)),
        OPT(doc_string(spec, "providerID"), BOOL("provided", true)));
    return doc_text(kept);
}

char *mesh_pod_room_digest(const json_t *pod)
{
    const json_t *spec = doc_at(pod, "spec");
    const char *node = doc_string(spec, "nodeName");
    _cleanup_free_ char *name = node ? str_dup_n(node, str_cut(node, WORD_MAX)) : NULL, *of = NULL;
    _cleanup_json_ json_t *kept = NULL;
    struct capacity takes;

    if (!node || doc_at(pod, "metadata", "deletionTimestamp") || doc_int(doc_at(spec, "priority"), 0) < 0)
        return NULL;
    if (doc_string(pod, "metadata", "annotations", "sidecar.istio.io/status"))
        of = mesh_workload_of_pod(pod);
    takes = capacity_of_pod(spec);
    kept = OBJECT(VALUE("takes", capacity_write(&takes)), STRING("node", name), STRING("of", of));
    return doc_text(kept);
}

/* The least of what a quota leaves under these names; `hard` is what it allows. */
static int64_t left_of(const json_t *quota, const char *const *names, int digits)
{
    const json_t *hard = doc_at(quota, "status", "hard"), *used = doc_at(quota, "status", "used");
    int64_t least = INT64_MAX;

    for (; *names; names++) {
        int64_t all = amount(hard, *names, digits, -1), taken = amount(used, *names, digits, -1);
        if (all >= 0 && taken >= 0 && all - taken < least)
            least = all - taken;
    }
    return least;
}

char *mesh_quota_room_digest(const json_t *quota)
{
    static const char *const names[CAPACITY_COUNT][3] = {
        [CAPACITY_PODS] = {"pods", "count/pods"},
        [CAPACITY_CPU] = {"cpu", "requests.cpu"},
        [CAPACITY_MEMORY] = {"memory", "requests.memory"},
        [CAPACITY_CPU_LIMIT] = {"limits.cpu"},
        [CAPACITY_MEMORY_LIMIT] = {"limits.memory"},
    };
    const json_t *spec = doc_at(quota, "spec");
    _cleanup_json_ json_t *kept = NULL;
    struct capacity room;

    if (json_array_size(doc_at(spec, "scopes")) || doc_at(spec, "scopeSelector"))
        return NULL;
    for (size_t i = 0; i < CAPACITY_COUNT; i++)
        room.of[i] = left_of(quota, names[i], rows[i].digits);
    kept = OBJECT(VALUE("room", capacity_write(&room)));
    return doc_text(kept);
}
