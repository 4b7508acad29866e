#include "controllers/watches.h"

#include "mesh/authority.h"
#include "mesh/gateway_api.h"
#include "reconcile/marks.h"

/* What others' programs keep in Secrets, and much of it. */
#define NOT_MADE_BY_PROGRAMS                                                                                           \
    "type!=istio.io/key-and-cert,type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1"

#define LEFT(kind_, in_namespace_)                                                                                     \
    {                                                                                                                  \
        PLAN_WATCH_LEFT, kind_, .label_selector = "!" MARK_OWNER, .in_namespace = in_namespace_                        \
    }

static const struct watch_row rows[] = {
    {PLAN_WATCH_PODS, KIND_POD, .in_namespace = true},
    {PLAN_WATCH_VALIDATING, KIND_MADE_WEBHOOK},
    {PLAN_WATCH_SECRETS, KIND_KEY_AND_CERT_SECRET, .field_selector = "type=istio.io/key-and-cert"},
    {PLAN_WATCH_CREDENTIALS, KIND_CREDENTIALS_SECRET, .field_selector = NOT_MADE_BY_PROGRAMS, .in_namespace = true},
    {PLAN_WATCH_SECRET_KEYS, KIND_SECRET_KEYS, .in_namespace = true},
    {PLAN_WATCH_CONFIG_MAP_KEYS, KIND_CONFIG_MAP_KEYS, .in_namespace = true},
    {PLAN_WATCH_MADE_CONFIG_MAPS, KIND_MADE_CONFIG_MAP, .label_selector = "istio.io/config=true"},
    {PLAN_WATCH_MADE_INJECTORS, KIND_MADE_INJECTOR},
    {PLAN_WATCH_MADE_LEASES, KIND_MADE_LEASE, .in_namespace = true},
    {PLAN_WATCH_AUTHORITY,
     KIND_SELF_SIGNED_AUTHORITY,
     .field_selector = "metadata.name=" MESH_SELF_SIGNED_AUTHORITY,
     .in_namespace = true},
    {PLAN_WATCH_AUTHORITY,
     KIND_PLUGGED_IN_AUTHORITY,
     .field_selector = "metadata.name=" MESH_PLUGGED_IN_AUTHORITY,
     .in_namespace = true},
    {PLAN_WATCH_ENDPOINTS, KIND_ENDPOINT_SLICE, .in_namespace = true},
    {PLAN_WATCH_GATEWAY_API, KIND_GATEWAY_API, .field_selector = "metadata.name=" GATEWAY_API_DEFINITION},
    {PLAN_WATCH_CLUSTER_RBAC, KIND_CLUSTER_RBAC_CONFIG},
    {PLAN_WATCH_SERVICES_AUTH, KIND_SERVICE_WITH_AUTH},
    {PLAN_WATCH_SERVICE_PORTS, KIND_SERVICE_PORTS},
    {PLAN_WATCH_TELEMETRIES, KIND_WIDE_TELEMETRY},
    {PLAN_WATCH_MADE_CLASSES, KIND_MADE_GATEWAY_CLASS},
    {PLAN_WATCH_CLASSES_SERVED,
     KIND_GATEWAY_CLASS_DEFINITION,
     .field_selector = "metadata.name=" GATEWAY_CLASS_DEFINITION},
    {PLAN_WATCH_MONITORS, KIND_SERVICE_MONITOR, .label_selector = MARK_OWNER},
    {PLAN_WATCH_MONITORS, KIND_POD_MONITOR, .label_selector = MARK_OWNER},
    {PLAN_WATCH_MONITORS, KIND_PROMETHEUS_RULE, .label_selector = MARK_OWNER},
    {PLAN_WATCH_MONITORS, KIND_PROMETHEUS},
    {PLAN_WATCH_MONITORS_SERVED,
     KIND_SERVICE_MONITOR_DEFINITION,
     .field_selector = "metadata.name=servicemonitors.monitoring.coreos.com"},
    {PLAN_WATCH_MONITORS_SERVED,
     KIND_POD_MONITOR_DEFINITION,
     .field_selector = "metadata.name=podmonitors.monitoring.coreos.com"},
    {PLAN_WATCH_MONITORS_SERVED,
     KIND_PROMETHEUS_RULE_DEFINITION,
     .field_selector = "metadata.name=prometheusrules.monitoring.coreos.com"},
    {PLAN_WATCH_MONITORS_SERVED,
     KIND_PROMETHEUS_DEFINITION,
     .field_selector = "metadata.name=prometheuses.monitoring.coreos.com"},
    {PLAN_WATCH_DASHBOARDS, KIND_GRAFANA_DASHBOARD, .label_selector = MARK_OWNER},
    {PLAN_WATCH_DASHBOARDS_SERVED,
     KIND_GRAFANA_DASHBOARD_DEFINITION,
     .field_selector = "metadata.name=grafanadashboards.grafana.integreatly.org"},
    {PLAN_WATCH_KIALI, KIND_KIALI, .label_selector = MARK_OWNER},
    {PLAN_WATCH_KIALI_SERVED, KIND_KIALI_DEFINITION, .field_selector = "metadata.name=kialis.kiali.io"},
    LEFT(KIND_LEFT_ROLE, false),
    LEFT(KIND_LEFT_BINDING, false),
    LEFT(KIND_LEFT_SERVICE, true),
    LEFT(KIND_LEFT_DEPLOYMENT, true),
    LEFT(KIND_LEFT_AUTOSCALER, true),
    LEFT(KIND_LEFT_WEBHOOK, false),
    {PLAN_WATCH_NODES, KIND_NODE},
    {PLAN_WATCH_ROOM, KIND_ROOM_NODE},
    {PLAN_WATCH_ROOM, KIND_ROOM_POD, .field_selector = "status.phase!=Succeeded,status.phase!=Failed"},
    {PLAN_WATCH_ROOM, KIND_ROOM_QUOTA},
    {PLAN_WATCH_WORKLOADS, KIND_RUNNING_DEPLOYMENT},
    {PLAN_WATCH_WORKLOADS, KIND_RUNNING_STATEFUL_SET},
    {PLAN_WATCH_WORKLOADS, KIND_RUNNING_DAEMON_SET},
    {PLAN_WATCH_WORKLOADS, KIND_RUNNING_BUDGET},
    {PLAN_WATCH_RELIANT, KIND_RELIANT_POD, .field_selector = "status.phase!=Succeeded,status.phase!=Failed"},
    {PLAN_WATCH_SIDECARS, KIND_SIDECAR_POD, .field_selector = "status.phase!=Succeeded,status.phase!=Failed"},
};

const struct watch_table mesh_watches = {rows, ARRAY_LEN(rows)};

unsigned watch_bit_of(enum mesh_kind_id kind)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].bit;
    return 0;
}
