/* What istiod may do, and what istiods of other clusters may read here. */
#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

/* The names of lists are long: one a line. */
#define READ "get", "list", "watch"
#define WRITE "get", "watch", "list", "update", "patch", "create", "delete"
#define ISTIO_GROUPS                                                                                                   \
    "config.istio.io", "security.istio.io", "networking.istio.io", "authentication.istio.io", "rbac.istio.io",         \
        "telemetry.istio.io", "extensions.istio.io"

/* One rule for several groups. */
static json_t *rule_of(const char *const *groups, const char *const *resources, const char *const *verbs)
{
    return OBJECT(
        VALUE("apiGroups", json_build_strings(groups)),
        VALUE("resources", json_build_strings(resources)),
        VALUE("verbs", json_build_strings(verbs)));
}

/* The rule, with one resource more where it is so. */
static json_t *rule_with(bool also, const char *resource, json_t *rule)
{
    if (also)
        json_array_append_new(json_object_get(rule, "resources"), json_string(resource));
    return rule;
}

static json_t *istiod_rules(const struct istiod_differences *differences)
{
    return ARRAY(
        /* It fills in caBundle, and failurePolicy of those that validate. */
        ITEM_VALUE(mesh_rule(
            "admissionregistration.k8s.io",
            WORDS("mutatingwebhookconfigurations"),
            WORDS("get", "list", "watch", "update", "patch"))),
        ITEM_VALUE(mesh_rule(
            "admissionregistration.k8s.io",
            WORDS("validatingwebhookconfigurations"),
            WORDS("get", "list", "watch", "update"))),

        ITEM_VALUE(rule_of(WORDS(ISTIO_GROUPS), WORDS("*"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("workloadentries"), WORDS(WRITE))),
        ITEM_VALUE(
            mesh_rule("networking.istio.io", WORDS("workloadentries/status", "serviceentries/status"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("security.istio.io", WORDS("authorizationpolicies/status"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("", WORDS("services/status"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS(READ))),

        ITEM_VALUE(mesh_rule("", WORDS("pods", "nodes", "services", "namespaces", "endpoints"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("discovery.k8s.io", WORDS("endpointslices"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("networking.k8s.io", WORDS("ingresses", "ingressclasses"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("networking.k8s.io", WORDS("ingresses/status"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("create", "get", "list", "watch", "update"))),
        ITEM_VALUE(mesh_rule("authentication.k8s.io", WORDS("tokenreviews"), WORDS("create"))),
        ITEM_VALUE(mesh_rule("authorization.k8s.io", WORDS("subjectaccessreviews"), WORDS("create"))),

        ITEM_VALUE(rule_of(
            WORDS("gateway.networking.k8s.io", "gateway.networking.x-k8s.io"),
            WORDS("*"),
            WORDS("get", "watch", "list"))),
        ITEM_VALUE(rule_with(
            differences->x_listener_sets,
            "xlistenersets/status",
            mesh_rule(
                "gateway.networking.x-k8s.io", WORDS("xbackendtrafficpolicies/status"), WORDS("update", "patch")))),
        ITEM_VALUE(rule_with(
            !differences->x_listener_sets,
            "listenersets/status",
            mesh_rule(
                "gateway.networking.k8s.io",
                WORDS(
                    "backendtlspolicies/status",
                    "gatewayclasses/status",
                    "gateways/status",
                    "grpcroutes/status",
                    "httproutes/status",
                    "referencegrants/status",
                    "tcproutes/status",
                    "tlsroutes/status",
                    "udproutes/status"),
                WORDS("update", "patch")))),
        ITEM_VALUE(mesh_rule(
            "gateway.networking.k8s.io", WORDS("gatewayclasses"), WORDS("create", "update", "patch", "delete"))),
        ITEM_VALUE(mesh_rule("inference.networking.k8s.io", WORDS("inferencepools"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule("inference.networking.k8s.io", WORDS("inferencepools/status"), WORDS("update", "patch"))),

        ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule(
            "multicluster.x-k8s.io", WORDS("serviceexports"), WORDS("get", "watch", "list", "create", "delete"))),
        ITEM_VALUE(mesh_rule("multicluster.x-k8s.io", WORDS("serviceimports"), WORDS("get", "watch", "list"))));
}

/* What it deploys for Gateways of the Gateway API. */
static json_t *gateway_controller_rules(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule("apps", WORDS("deployments"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("autoscaling", WORDS("horizontalpodautoscalers"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("policy", WORDS("poddisruptionbudgets"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("", WORDS("services"), WORDS(WRITE))),
        ITEM_VALUE(mesh_rule("", WORDS("serviceaccounts"), WORDS(WRITE))));
}

static json_t *reader_rules(const struct istiod_differences *differences)
{
    return ARRAY(
        ITEM_VALUE(rule_of(WORDS(ISTIO_GROUPS), WORDS("*"), WORDS(READ))),
        ITEM_VALUE(rule_with(
            !differences->no_config_maps,
            "configmaps",
            mesh_rule(
                "",
                WORDS("endpoints", "pods", "services", "nodes", "replicationcontrollers", "namespaces", "secrets"),
                WORDS(READ)))),
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("workloadentries"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(rule_of(
            WORDS("networking.x-k8s.io", "gateway.networking.k8s.io"),
            WORDS("gateways"),
            WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("discovery.k8s.io", WORDS("endpointslices"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("multicluster.x-k8s.io", WORDS("serviceexports"), WORDS(READ, "create", "delete"))),
        ITEM_VALUE(mesh_rule("multicluster.x-k8s.io", WORDS("serviceimports"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("apps", WORDS("replicasets"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("authentication.k8s.io", WORDS("tokenreviews"), WORDS("create"))),
        ITEM_VALUE(mesh_rule("authorization.k8s.io", WORDS("subjectaccessreviews"), WORDS("create"))));
}

/* In its own namespace. */
static json_t *namespaced_rules(void)
{
    return ARRAY(
        /* It finds out whether it validates by a Gateway that it would have to refuse, as a dry run. */
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("gateways"), WORDS("create"))),
        ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("create", "get", "watch", "list", "update", "delete"))),
        ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("delete"))),
        ITEM_VALUE(mesh_rule("coordination.k8s.io", WORDS("leases"), WORDS("get", "update", "patch", "create"))));
}

static json_t *app(const char *name)
{
    return OBJECT(STRING("app", name));
}

void istiod_role(const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *labels, json_t *rules)
{
    mesh_add(
        env,
        out,
        "Role",
        OBJECT(VALUE("metadata", mesh_metadata(env, name, json_incref(labels))), VALUE("rules", rules)));
    mesh_add(env, out, "RoleBinding", mesh_binding(env, mesh_metadata(env, name, labels), "Role", name, name));
}

static void add_cluster_role(
    const struct mesh_env *env, struct rendered_list *out, const char *name, const char *account, json_t *labels,
    json_t *rules)
{
    _cleanup_free_ char *role = mesh_name(env, name);

    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = role,
            .binding = role,
            .service_account = account,
            .labels = labels,
            .rules = rules,
        });
}

/* istio-reader-service-account is whom a remote secret makes the istiod of another cluster; all revisions share it. */
void istiod_roles(const struct mesh_env *env, struct rendered_list *out)
{
    static const char reader[] = "istio-reader-service-account";
    const struct istiod_differences *differences = istiod_differences(env);
    _cleanup_free_ char *account = mesh_name(env, "istiod");

    mesh_service_account(env, out, account, app("istiod"));
    mesh_service_account(env, out, reader, app("istio-reader"));
    istiod_role(env, out, account, app("istiod"), namespaced_rules());
    add_cluster_role(env, out, "istiod-clusterrole", account, app("istiod"), istiod_rules(differences));
    add_cluster_role(env, out, "istiod-gateway-controller", account, app("istiod"), gateway_controller_rules());
    add_cluster_role(env, out, "istio-reader-clusterrole", reader, app("istio-reader"), reader_rules(differences));
}
