/* Mixer: one program in two roles, checks before a request (policy) and reports behind it (telemetry). */
#include "mesh/v1_0/proxy.h"
#include "mesh/v1_0/v1_0.h"

#define ACCOUNT "istio-mixer-service-account"

struct role {
    const char *name;     /* the value of label istio-mixer-type */
    const char *service;  /* also the Deployment's name */
    const char *template; /* of its proxy */
    bool checks;          /* answers checks */
    bool exposes_metrics; /* its Service has the port of the Prometheus adapter */
};

static const struct role policy = {
    .name = "policy",
    .service = "istio-policy",
    .template = "envoy_policy.yaml.tmpl",
    .checks = true,
};
static const struct role telemetry = {
    .name = "telemetry",
    .service = "istio-telemetry",
    .template = "envoy_telemetry.yaml.tmpl",
    .exposes_metrics = true,
};

static json_t *rules(void)
{
    return ARRAY(
        ITEM_V(mesh_rule("config.istio.io", WORDS("*"), WORDS("create", "get", "list", "watch", "patch"))),
        ITEM_V(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_V(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS("get", "list", "watch"))),
        ITEM_V(mesh_rule(
            "",
            WORDS("configmaps", "endpoints", "pods", "services", "namespaces", "secrets", "replicationcontrollers"),
            WORDS("get", "list", "watch"))),
        ITEM_V(mesh_rule("extensions", WORDS("replicasets"), WORDS("get", "list", "watch"))),
        ITEM_V(mesh_rule("apps", WORDS("replicasets"), WORDS("get", "list", "watch"))));
}

void v1_0_mixer_identity(const struct mesh_env *env, struct rendered_list *out)
{
    if (!v1_0_of(env->spec)->policy.enabled && !v1_0_of(env->spec)->telemetry.enabled)
        return;
    mesh_service_account(env, out, ACCOUNT, OBJECT(S("app", "mixer")));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-mixer",
            .binding = "istio-mixer-admin-role-binding",
            .service_account = ACCOUNT,
            .labels = OBJECT(S("app", "mixer")),
            .rules = rules(),
        });
}

static json_t *mixer(const struct mesh_env *env, const struct component_spec *component, const struct role *role)
{
    return OBJECT(
        S("name", "mixer"),
        V("image", mesh_image(env, component->image, "mixer")),
        S("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_S("--address"),
            ITEM_S("unix:///sock/mixer.socket"),
            ITEM_S("--configStoreURL=k8s://"),
            ITEM_F("--configDefaultNamespace=%s", env->ns),
            OPT(env->spec->tracing.enabled,
                ITEM_F("--trace_zipkin_url=http://%s/api/v1/spans", v1_0_zipkin_address(env))),
            OPT(role->checks, ITEM_S("--numCheckCacheEntries=0"))),
        SEQ("ports", ITEM_V(mesh_port(9093)), ITEM_V(mesh_port(42422))),
        MAP("livenessProbe",
            MAP("httpGet", S("path", "/version"), N("port", 9093)),
            N("initialDelaySeconds", 5),
            N("periodSeconds", 5)),
        SEQ("env", ITEM_V(mesh_env_value("GODEBUG", "gctrace=2"))),
        V("resources", mesh_resources(component->resources, "10m", NULL)),
        SEQ("volumeMounts", ITEM_V(mesh_mount("uds-socket", "/sock"))));
}

static json_t *proxy(const struct mesh_env *env, const struct role *role)
{
    return v1_0_component_proxy(
        env,
        role->service,
        role->template,
        ARRAY(ITEM_V(mesh_port(9091)), ITEM_V(mesh_port(15004)), ITEM_V(v1_0_statistics_port())),
        ARRAY(ITEM_V(mesh_mount("uds-socket", "/sock"))));
}

static void
add(const struct mesh_env *env, struct rendered_list *out, const struct component_spec *component,
    const struct role *role)
{
    mesh_service(
        env,
        out,
        (struct service){
            .name = role->service,
            .labels = OBJECT(S("istio", "mixer")),
            .selector = OBJECT(S("istio", "mixer"), S("istio-mixer-type", role->name)),
            .ports = ARRAY(
                ITEM_V(mesh_service_port("grpc-mixer", 9091)),
                ITEM_V(mesh_service_port("grpc-mixer-mtls", 15004)),
                ITEM_V(mesh_service_port("http-monitoring", 9093)),
                OPT(role->exposes_metrics, ITEM_V(mesh_service_port("prometheus", 42422)))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = role->service,
            .component = component,
            .labels = OBJECT(S("istio", "mixer")),
            .pod_labels = OBJECT(S("app", role->name), S("istio", "mixer"), S("istio-mixer-type", role->name)),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_V(mixer(env, component, role)), ITEM_V(proxy(env, role))),
            .volumes = ARRAY(ITEM_V(v1_0_certs_volume(ACCOUNT)), ITEM(S("name", "uds-socket"), MAP("emptyDir"))),
        });
    v1_0_mixer_destination_rule(env, role->service, out);
}

void v1_0_policy(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &v1_0_of(env->spec)->policy, &policy);
}

void v1_0_telemetry(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &v1_0_of(env->spec)->telemetry, &telemetry);
}
