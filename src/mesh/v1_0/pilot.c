/* Pilot: gives the proxies their configuration. */
#include "mesh/v1_0/proxy.h"
#include "mesh/v1_0/v1_0.h"

#define ACCOUNT "istio-pilot-service-account"

static json_t *labels(void)
{
    return OBJECT(S("app", "istio-pilot"));
}

static json_t *rules(void)
{
    return ARRAY(
        ITEM_V(mesh_rule("config.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_V(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "watch", "list"))),
        ITEM_V(mesh_rule("networking.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_V(mesh_rule("authentication.istio.io", WORDS("*"), WORDS("*"))),
        ITEM_V(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS("*"))),
        ITEM_V(mesh_rule(
            "extensions",
            WORDS("thirdpartyresources", "thirdpartyresources.extensions", "ingresses", "ingresses/status"),
            WORDS("*"))),
        ITEM_V(mesh_rule("", WORDS("configmaps"), WORDS("create", "get", "list", "watch", "update"))),
        ITEM_V(mesh_rule("", WORDS("endpoints", "pods", "services"), WORDS("get", "list", "watch"))),
        ITEM_V(mesh_rule("", WORDS("namespaces", "nodes", "secrets"), WORDS("get", "list", "watch"))));
}

static json_t *discovery(const struct mesh_env *env)
{
    const struct component_spec *pilot = &env->spec->pilot;

    return OBJECT(
        S("name", "discovery"),
        V("image", mesh_image(env, pilot->image, "pilot")),
        S("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_S("discovery"),
            OPT(v1_0_of(env->spec)->watch_one_namespace, ITEM_S("-a")),
            OPT(v1_0_of(env->spec)->watch_one_namespace, ITEM_S(env->ns))),
        SEQ("ports", ITEM_V(mesh_port(8080)), ITEM_V(mesh_port(15010))),
        MAP("readinessProbe",
            MAP("httpGet", S("path", "/ready"), N("port", 8080)),
            N("initialDelaySeconds", 5),
            N("periodSeconds", 30),
            N("timeoutSeconds", 5)),
        SEQ("env",
            ITEM_V(mesh_env_field("POD_NAME", "metadata.name")),
            ITEM_V(mesh_env_field("POD_NAMESPACE", "metadata.namespace")),
            ITEM_V(mesh_env_value("PILOT_CACHE_SQUASH", "5")),
            ITEM_V(mesh_env_value("GODEBUG", "gctrace=2")),
            ITEM_V(mesh_env_value("PILOT_PUSH_THROTTLE_COUNT", "100")),
            ITEM(S("name", "PILOT_TRACE_SAMPLING"), F("value", "%g", env->spec->tracing.sampling))),
        V("resources", mesh_resources(pilot->resources, "500m", "2048Mi")),
        SEQ("volumeMounts",
            ITEM_V(mesh_mount("config-volume", "/etc/istio/config")),
            ITEM_V(mesh_mount_read_only("istio-certs", "/etc/certs"))));
}

static json_t *proxy(const struct mesh_env *env)
{
    return v1_0_component_proxy(
        env,
        "istio-pilot",
        "envoy_pilot.yaml.tmpl",
        ARRAY(ITEM_V(mesh_port(15003)), ITEM_V(mesh_port(15005)), ITEM_V(mesh_port(15007)), ITEM_V(mesh_port(15011))),
        NULL);
}

void v1_0_pilot(const struct mesh_env *env, struct rendered_list *out)
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
            .selector = OBJECT(S("istio", "pilot")),
            .ports = ARRAY(
                ITEM_V(mesh_service_port("grpc-xds", 15010)),
                ITEM_V(mesh_service_port("https-xds", 15011)),
                ITEM_V(mesh_service_port("http-legacy-discovery", 8080)),
                ITEM_V(mesh_service_port("http-monitoring", 9093))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-pilot",
            .component = &env->spec->pilot,
            .labels = OBJECT(S("app", "istio-pilot"), S("istio", "pilot")),
            .pod_labels = OBJECT(S("app", "pilot"), S("istio", "pilot")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_V(discovery(env)), ITEM_V(proxy(env))),
            .volumes = ARRAY(ITEM_V(mesh_volume_config("config-volume", "istio")), ITEM_V(v1_0_certs_volume(ACCOUNT))),
            .restart_on = "ConfigMap/istio",
        });
    v1_0_ingress_gateway_config(env, out);
}
