#include "controllers/watches.h"

#include "base/str.h"
#include "mesh/mesh.h"

/* What others' programs keep in Secrets, and much of it. */
#define NOT_MADE_BY_PROGRAMS                                                                                           \
    "type!=istio.io/key-and-cert,type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1"

static const struct watch_row rows[] = {
    {PLAN_WATCH_PODS, .api_version = "v1", .kind = "Pod", .in_namespace = true},
    {PLAN_WATCH_VALIDATING, .api_version = "admissionregistration.k8s.io/v1", .kind = "ValidatingWebhookConfiguration"},
    {PLAN_WATCH_SECRETS, .view = MESH_VIEW_KEY_AND_CERT, .field_selector = "type=istio.io/key-and-cert"},
    {PLAN_WATCH_CREDENTIALS,
     .view = MESH_VIEW_CREDENTIALS,
     .field_selector = NOT_MADE_BY_PROGRAMS,
     .in_namespace = true},
    {PLAN_WATCH_SECRET_KEYS, .view = MESH_VIEW_SECRET_KEYS, .in_namespace = true},
    {PLAN_WATCH_CONFIG_MAP_KEYS, .view = MESH_VIEW_CONFIG_MAP_KEYS, .in_namespace = true},
    {PLAN_WATCH_SIDECARS, .view = MESH_VIEW_SIDECARS, .field_selector = "status.phase!=Succeeded,status.phase!=Failed"},
};

const struct watch_table mesh_watches = {rows, ARRAY_LEN(rows)};

unsigned watch_bit_of(const struct kube_kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (kind->view ? str_eq(rows[i].view, kind->view)
                       : !rows[i].view && kube_kind_find(&mesh_kinds, rows[i].api_version, rows[i].kind) == kind)
            return rows[i].bit;
    return 0;
}
