/* Kinds of every sort, and ConfigMaps that come and go in a cache. */
#ifndef TESTS_UNIT_KUBE_CACHE_FIXTURE_H
#define TESTS_UNIT_KUBE_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/cache.h"

#define OWNER "example.com/owner"

static const char *const pod_keep[] = {"metadata.labels", "status.phase", "status.containerStatuses[].state.waiting",
                                       NULL};

static const char *const keys_keep[] = {"data.*", "binaryData.*", NULL};

/* Pods that say nothing do not count. */
static inline char *phase_of(const json_t *object)
{
    return str_dup(doc_string(object, "status", "phase"));
}

static const struct kube_kind rows[] = {
    {.kind = "ConfigMap", .plural = "configmaps", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true},
    {.kind = "ClusterRole", .plural = "clusterroles", .group = "rbac.authorization.k8s.io", .versions = {{"v1", 8, 0}}},
    {.kind = "Pod", .plural = "pods", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true, .keep = pod_keep},
    {.kind = "Pod",
     .plural = "pods",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .view = "phases",
     .digest = phase_of},
    {.kind = "ConfigMap",
     .plural = "configmaps",
     .group = "",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .view = "keys",
     .keep = keys_keep},
    {.kind = "Gateway",
     .plural = "gateways",
     .group = "example.com",
     .versions = {{"v1", 0, 0}},
     .namespaced = true,
     .custom = true},
};
static const struct kube_kind_table table = {rows, ARRAY_LEN(rows)};
static const struct kube_kind *const config_map = &rows[0], *const cluster_role = &rows[1], *const pod = &rows[2],
                                     *const phases = &rows[3], *const keys = &rows[4], *const gateway = &rows[5];

static inline json_t *map_object(const char *name, const char *uid, const char *version)
{
    return OBJECT(STRING("apiVersion", "v1"), STRING("kind", "ConfigMap"),
                  MAP("metadata", STRING("name", name), STRING("namespace", "istio-system"), STRING("uid", uid),
                      STRING("resourceVersion", version)));
}

static inline bool put(struct kube_cache *c, const char *name, const char *uid, const char *version)
{
    _cleanup_json_ json_t *object = map_object(name, uid, version);

    return kube_cache_put(c, config_map, object);
}

static inline bool drop(struct kube_cache *c, const char *name, const char *version)
{
    return kube_cache_remove(c, config_map, "istio-system", name, version);
}

#endif
