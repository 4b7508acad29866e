/* Pilot: gives the proxies their configuration. */
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-pilot-service-account"

static json_t *labels(void)
{
    return OBJECT(STRING("app", "istio-pilot"));
}

static json_t *rules(void)
{
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

static json_t *discovery(const struct mesh_env *env)
{
    const struct component_spec *pilot = &env->spec->pilot;

    return OBJECT(
        STRING("name", "discovery"),
        VALUE("image", mesh_image(env, pilot->image, "pilot")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_STRING("discovery"),
            OPT(v1_of(env->spec)->watch_one_namespace, ITEM_STRING("-a")),
            OPT(v1_of(env->spec)->watch_one_namespace, ITEM_STRING(env->ns))),
        SEQ("ports", ITEM_VALUE(mesh_port(8080)), ITEM_VALUE(mesh_port(15010))),
        MAP("readinessProbe",
            MAP("httpGet", STRING("path", "/ready"), INT("port", 8080)),
            INT("initialDelaySeconds", 5),
            INT("periodSeconds", 30),
            INT("timeoutSeconds", 5)),
        SEQ("env",
            ITEM_VALUE(mesh_env_field("POD_NAME", "metadata.name")),
            ITEM_VALUE(mesh_env_field("POD_NAMESPACE", "metadata.namespace")),
            ITEM_VALUE(mesh_env_value("PILOT_CACHE_SQUASH", "5")),
            ITEM_VALUE(mesh_env_value("GODEBUG", "gctrace=2")),
            ITEM_VALUE(mesh_env_value("PILOT_PUSH_THROTTLE_COUNT", "100")),
            ITEM(STRING("name", "PILOT_TRACE_SAMPLING"), FORMAT("value", "%g", env->spec->tracing.sampling))),
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
    mesh_service_account(env, out, ACCOUNT, labels());
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-pilot",
            .binding = "istio-pilot",
            .service_account = ACCOUNT,
            .labels = labels(),
            .rules = rules(),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-pilot",
            .labels = labels(),
            .selector = OBJECT(STRING("istio", "pilot")),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("grpc-xds", 15010)),
                ITEM_VALUE(mesh_service_port("https-xds", 15011)),
                ITEM_VALUE(mesh_service_port("http-legacy-discovery", 8080)),
                ITEM_VALUE(mesh_service_port("http-monitoring", 9093))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-pilot",
            .component = &env->spec->pilot,
            .labels = OBJECT(STRING("app", "istio-pilot"), STRING("istio", "pilot")),
            .pod_labels = OBJECT(STRING("app", "pilot"), STRING("istio", "pilot")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(discovery(env)), ITEM_VALUE(proxy(env))),
            .volumes =
                ARRAY(ITEM_VALUE(mesh_volume_config("config-volume", "istio")), ITEM_VALUE(v1_certs_volume(ACCOUNT))),
            .restart_on = "ConfigMap/istio",
        });
    v1_ingress_gateway_config(env, out);
}
