/* Mixer: one program in two roles, checks before a request (policy) and reports behind it (telemetry). */
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

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
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("create", "get", "list", "watch", "patch"))),
        ITEM_VALUE(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(
            mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule(
            "",
            WORDS("configmaps", "endpoints", "pods", "services", "namespaces", "secrets", "replicationcontrollers"),
            WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("extensions", WORDS("replicasets"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("apps", WORDS("replicasets"), WORDS("get", "list", "watch"))));
}

void v1_mixer_identity(const struct mesh_env *env, struct rendered_list *out)
{
    if (!v1_of(env->spec)->policy.enabled && !v1_of(env->spec)->telemetry.enabled)
        return;
    mesh_service_account(env, out, ACCOUNT, OBJECT(STRING("app", "mixer")));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-mixer",
            .binding = "istio-mixer-admin-role-binding",
            .service_account = ACCOUNT,
            .labels = OBJECT(STRING("app", "mixer")),
            .rules = rules(),
        });
}

static json_t *mixer(const struct mesh_env *env, const struct component_spec *component, const struct role *role)
{
    return OBJECT(
        STRING("name", "mixer"),
        VALUE("image", mesh_image(env, component->image, "mixer")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ITEM_STRING("--address"),
            ITEM_STRING("unix:///sock/mixer.socket"),
            ITEM_STRING("--configStoreURL=k8s://"),
            ITEM_FORMAT("--configDefaultNamespace=%s", env->ns),
            OPT(env->spec->tracing.enabled,
                ITEM_FORMAT("--trace_zipkin_url=http://%s/api/v1/spans", v1_zipkin_address(env))),
            OPT(role->checks, ITEM_STRING("--numCheckCacheEntries=0"))),
        SEQ("ports", ITEM_VALUE(mesh_port(9093)), ITEM_VALUE(mesh_port(42422))),
        MAP("livenessProbe",
            MAP("httpGet", STRING("path", "/version"), INT("port", 9093)),
            INT("initialDelaySeconds", 5),
            INT("periodSeconds", 5)),
        SEQ("env", ITEM_VALUE(mesh_env_value("GODEBUG", "gctrace=2"))),
        VALUE("resources", mesh_resources(component->resources, "10m", NULL)),
        SEQ("volumeMounts", ITEM_VALUE(mesh_mount("uds-socket", "/sock"))));
}

static json_t *proxy(const struct mesh_env *env, const struct role *role)
{
    return v1_component_proxy(
        env,
        role->service,
        role->template,
        ARRAY(ITEM_VALUE(mesh_port(9091)), ITEM_VALUE(mesh_port(15004)), ITEM_VALUE(v1_statistics_port())),
        ARRAY(ITEM_VALUE(mesh_mount("uds-socket", "/sock"))));
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
            .labels = OBJECT(STRING("istio", "mixer")),
            .selector = OBJECT(STRING("istio", "mixer"), STRING("istio-mixer-type", role->name)),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("grpc-mixer", 9091)),
                ITEM_VALUE(mesh_service_port("grpc-mixer-mtls", 15004)),
                ITEM_VALUE(mesh_service_port("http-monitoring", 9093)),
                OPT(role->exposes_metrics, ITEM_VALUE(mesh_service_port("prometheus", 42422)))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = role->service,
            .component = component,
            .labels = OBJECT(STRING("istio", "mixer")),
            .pod_labels =
                OBJECT(STRING("app", role->name), STRING("istio", "mixer"), STRING("istio-mixer-type", role->name)),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(mixer(env, component, role)), ITEM_VALUE(proxy(env, role))),
            .volumes = ARRAY(ITEM_VALUE(v1_certs_volume(ACCOUNT)), ITEM(STRING("name", "uds-socket"), MAP("emptyDir"))),
        });
    v1_mixer_destination_rule(env, role->service, out);
}

void v1_policy(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &v1_of(env->spec)->policy, &policy);
}

void v1_telemetry(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &v1_of(env->spec)->telemetry, &telemetry);
}
