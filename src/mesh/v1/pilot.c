/* Pilot: gives the proxies their configuration. */
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-pilot-service-account"

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", v1_either(env, "istio-pilot", "pilot")));
}

static json_t *rules(const struct mesh_env *env)
{
    if (v1_is_1_1(env))
        return ARRAY(
            ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("*"))),
            ITEM_VALUE(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "watch", "list"))),
            ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("*"), WORDS("*"))),
            ITEM_VALUE(mesh_rule("authentication.istio.io", WORDS("*"), WORDS("*"))),
            ITEM_VALUE(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS("*"))),
            ITEM_VALUE(mesh_rule("extensions", WORDS("ingresses", "ingresses/status"), WORDS("*"))),
            ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("create", "get", "list", "watch", "update"))),
            ITEM_VALUE(mesh_rule(
                "",
                WORDS("endpoints", "pods", "services", "namespaces", "nodes", "secrets"),
                WORDS("get", "list", "watch"))));
    return ARRAY(
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "watch", "list"))),
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("authentication.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS("*"))),
        ITEM_VALUE(mesh_rule(
            "extensions",
            WORDS("thirdpartyresources", "thirdpartyresources.extensions", "ingresses", "ingresses/status"),
            WORDS("*"))),
        ITEM_VALUE(mesh_rule("", WORDS("configmaps"), WORDS("create", "get", "list", "watch", "update"))),
        ITEM_VALUE(mesh_rule("", WORDS("endpoints", "pods", "services"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("", WORDS("namespaces", "nodes", "secrets"), WORDS("get", "list", "watch"))));
}

static json_t *args(const struct mesh_env *env)
{
    bool is_1_1 = v1_is_1_1(env), one = v1_of(env->spec)->watch_one_namespace;
    /* The proxy beside it serves the secure port. */
    bool clear = is_1_1 && !v1_of(env->spec)->control_plane_security_enabled;

    return ARRAY(
        ITEM_STRING("discovery"),
        OPT(is_1_1, ITEM_STRING("--monitoringAddr=:15014")),
        OPT(is_1_1 && !v1_is_first_1_1(env), ITEM_STRING(V1_LOG_LEVEL)),
        OPT(is_1_1, ITEM_STRING("--domain")),
        OPT(is_1_1, ITEM_STRING("cluster.local")),
        OPT(one, ITEM_STRING("-a")),
        OPT(one, ITEM_STRING(env->ns)),
        OPT(clear, ITEM_STRING("--secureGrpcAddr")),
        OPT(clear, ITEM_STRING("")),
        OPT(is_1_1, ITEM_STRING("--keepaliveMaxServerConnectionAge")),
        OPT(is_1_1, ITEM_STRING("30m")));
}

static json_t *discovery(const struct mesh_env *env)
{
    const struct component_spec *pilot = &env->spec->pilot;
    bool is_1_1 = v1_is_1_1(env);

    return OBJECT(
        STRING("name", "discovery"),
        VALUE("image", mesh_image(env, pilot->image, "pilot")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        VALUE("args", args(env)),
        SEQ("ports", ITEM_VALUE(mesh_port(8080)), ITEM_VALUE(mesh_port(15010))),
        MAP("readinessProbe",
            MAP("httpGet", STRING("path", "/ready"), INT("port", 8080)),
            INT("initialDelaySeconds", 5),
            INT("periodSeconds", 30),
            INT("timeoutSeconds", 5)),
        SEQ("env",
            ITEM_VALUE(mesh_env_field("POD_NAME", "metadata.name")),
            ITEM_VALUE(mesh_env_field("POD_NAMESPACE", "metadata.namespace")),
            OPT(!is_1_1, ITEM_VALUE(mesh_env_value("PILOT_CACHE_SQUASH", "5"))),
            ITEM_VALUE(mesh_env_value("GODEBUG", v1_either(env, "gctrace=2", "gctrace=1"))),
            ITEM_VALUE(mesh_env_value(v1_either(env, "PILOT_PUSH_THROTTLE_COUNT", "PILOT_PUSH_THROTTLE"), "100")),
            ITEM(STRING("name", "PILOT_TRACE_SAMPLING"), FORMAT("value", "%g", env->spec->tracing.sampling)),
            /* Proxies of Istio 1.0, which renewal comes to later, read the former form alone. */
            OPT(is_1_1, ITEM_VALUE(mesh_env_value("PILOT_DISABLE_XDS_MARSHALING_TO_ANY", "1")))),
        VALUE("resources", mesh_resources(pilot->resources, "500m", "2048Mi")),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount("config-volume", "/etc/istio/config")),
            ITEM_VALUE(mesh_mount_read_only("istio-certs", "/etc/certs"))));
}

static json_t *proxy(const struct mesh_env *env)
{
    return v1_component_proxy(
        env,
        "istio-pilot",
        "envoy_pilot.yaml.tmpl",
        ARRAY(
            ITEM_VALUE(mesh_port(15003)),
            ITEM_VALUE(mesh_port(15005)),
            ITEM_VALUE(mesh_port(15007)),
            ITEM_VALUE(mesh_port(15011))),
        NULL);
}

void v1_pilot(const struct mesh_env *env, struct rendered_list *out)
{
    mesh_service_account(env, out, ACCOUNT, labels(env));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-pilot",
            .binding = "istio-pilot",
            .service_account = ACCOUNT,
            .labels = labels(env),
            .rules = rules(env),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-pilot",
            .labels = OBJECT(
                STRING("app", v1_either(env, "istio-pilot", "pilot")), STRING("istio", v1_either(env, NULL, "pilot"))),
            .selector = OBJECT(STRING("istio", "pilot")),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("grpc-xds", 15010)),
                ITEM_VALUE(mesh_service_port("https-xds", 15011)),
                ITEM_VALUE(mesh_service_port("http-legacy-discovery", 8080)),
                ITEM_VALUE(mesh_service_port("http-monitoring", v1_monitoring_port(env)))),
        });
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-pilot",
            .component = &env->spec->pilot,
            .labels = OBJECT(STRING("app", v1_either(env, "istio-pilot", "pilot")), STRING("istio", "pilot")),
            .pod_labels = OBJECT(STRING("app", "pilot"), STRING("istio", "pilot")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(discovery(env)), ITEM_VALUE(proxy(env))),
            .volumes =
                ARRAY(ITEM_VALUE(mesh_volume_config("config-volume", "istio")), ITEM_VALUE(v1_certs_volume(ACCOUNT))),
            .restart_on = "ConfigMap/istio",
            .scaling_labels = OBJECT(STRING("app", "pilot")),
            .always_budget = v1_is_1_1(env),
        });
    if (!v1_is_1_1(env) || v1_of(env->spec)->k8s_ingress)
        v1_ingress_gateway_config(env, out);
}
