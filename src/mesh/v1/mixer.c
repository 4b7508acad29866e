/* Mixer: one program in two roles, checks before a request (policy) and reports behind it (telemetry). */
#include "base/str.h"
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

/* The user's, with what adapters of Mixer sign on with; both its name and that of its volume. */
static char *adapter_secret(const struct role *role)
{
    return str_printf("%s-adapter-secret", role->name);
}

static json_t *adapter_mount(const struct role *role)
{
    _cleanup_free_ char *secret = adapter_secret(role);
    _cleanup_free_ char *path = str_printf("/var/run/secrets/istio.io/%s/adapter", role->name);

    return mesh_mount_read_only(secret, path);
}

static json_t *rules(const struct mesh_env *env)
{
    static const char *const read[] = {"get", "list", "watch", NULL};
    bool is_1_1 = v1_is_1_1(env);

    return ARRAY(
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("create", "get", "list", "watch", "patch"))),
        OPT(!is_1_1, ITEM_VALUE(mesh_rule("rbac.istio.io", WORDS("*"), read))),
        ITEM_VALUE(mesh_rule("apiextensions.k8s.io", WORDS("customresourcedefinitions"), read)),
        ITEM_VALUE(mesh_rule(
            "",
            WORDS("configmaps", "endpoints", "pods", "services", "namespaces", "secrets", "replicationcontrollers"),
            read)),
        OPT(!is_1_1, ITEM_VALUE(mesh_rule("extensions", WORDS("replicasets"), read))),
        OPT(!is_1_1, ITEM_VALUE(mesh_rule("apps", WORDS("replicasets"), read))),
        OPT(is_1_1,
            ITEM(
                STRINGS("apiGroups", "extensions", "apps"),
                STRINGS("resources", "replicasets"),
                VALUE("verbs", json_build_strings(read)))));
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
            .rules = rules(env),
        });
}

/* Where it reads Istio's configuration: in Istio 1.1 from Galley. */
static json_t *config_store(const struct mesh_env *env)
{
    if (!v1_is_1_1(env))
        return json_string("--configStoreURL=k8s://");
    return json_sprintf(
        "--configStoreURL=%s://istio-galley.%s.svc:9901",
        v1_of(env->spec)->control_plane_security_enabled ? "mcps" : "mcp",
        env->ns);
}

static json_t *args(const struct mesh_env *env, const struct role *role)
{
    bool is_1_1 = v1_is_1_1(env);
    /* Policy finds them where the options' defaults say. */
    bool certificates = is_1_1 && !role->checks && v1_of(env->spec)->control_plane_security_enabled;
    bool sheds = is_1_1 && !role->checks;

    return ARRAY(
        OPT(is_1_1, ITEM_STRING("--monitoringPort=15014")),
        ITEM_STRING("--address"),
        ITEM_STRING("unix:///sock/mixer.socket"),
        OPT(is_1_1 && !v1_is_first_1_1(env), ITEM_STRING(V1_LOG_LEVEL)),
        ITEM_VALUE(config_store(env)),
        OPT(certificates, ITEM_STRING("--certFile=/etc/certs/cert-chain.pem")),
        OPT(certificates, ITEM_STRING("--keyFile=/etc/certs/key.pem")),
        OPT(certificates, ITEM_STRING("--caCertFile=/etc/certs/root-cert.pem")),
        ITEM_FORMAT("--configDefaultNamespace=%s", env->ns),
        OPT(is_1_1, ITEM_STRING("--useAdapterCRDs=true")),
        OPT(env->spec->tracing.enabled,
            ITEM_FORMAT("--trace_zipkin_url=http://%s/api/v1/spans", v1_zipkin_address(env))),
        OPT(!is_1_1 && role->checks, ITEM_STRING("--numCheckCacheEntries=0")),
        OPT(sheds, ITEM_STRING("--averageLatencyThreshold")),
        OPT(sheds, ITEM_STRING("100ms")),
        OPT(sheds, ITEM_STRING("--loadsheddingMode")),
        OPT(sheds, ITEM_STRING("enforce")));
}

static json_t *resources(const struct mesh_env *env, const struct component_spec *component, const struct role *role)
{
    if (component->resources || role->checks || !v1_is_1_1(env))
        return mesh_resources(component->resources, "10m", NULL);
    return OBJECT(
        MAP("requests", STRING("cpu", "1000m"), STRING("memory", "1G")),
        MAP("limits", STRING("cpu", "4800m"), STRING("memory", "4G")));
}

static json_t *mixer(const struct mesh_env *env, const struct component_spec *component, const struct role *role)
{
    return OBJECT(
        STRING("name", "mixer"),
        VALUE("image", mesh_image(env, component->image, "mixer")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        VALUE("args", args(env, role)),
        SEQ("ports", ITEM_VALUE(mesh_port(v1_monitoring_port(env))), ITEM_VALUE(mesh_port(42422))),
        MAP("livenessProbe",
            MAP("httpGet", STRING("path", "/version"), INT("port", v1_monitoring_port(env))),
            INT("initialDelaySeconds", 5),
            INT("periodSeconds", 5)),
        SEQ("env",
            ITEM_VALUE(mesh_env_value("GODEBUG", v1_either(env, "gctrace=2", "gctrace=1"))),
            OPT(v1_is_1_1(env), ITEM_VALUE(mesh_env_value("GOMAXPROCS", "6")))),
        VALUE("resources", resources(env, component, role)),
        SEQ("volumeMounts",
            OPT(v1_is_1_1(env), ITEM_VALUE(mesh_mount_read_only("istio-certs", "/etc/certs"))),
            ITEM_VALUE(mesh_mount("uds-socket", "/sock")),
            OPT(v1_is_1_1(env) && !role->checks, ITEM_VALUE(adapter_mount(role)))));
}

static json_t *proxy(const struct mesh_env *env, const struct role *role)
{
    return v1_component_proxy(
        env,
        role->service,
        role->template,
        ARRAY(ITEM_VALUE(mesh_port(9091)), ITEM_VALUE(mesh_port(15004)), ITEM_VALUE(v1_statistics_port())),
        ARRAY(
            ITEM_VALUE(mesh_mount("uds-socket", "/sock")),
            /* As the charts have it, policy's is where the adapters are not. */
            OPT(v1_is_1_1(env) && role->checks, ITEM_VALUE(adapter_mount(role)))));
}

static json_t *volumes(const struct mesh_env *env, const struct role *role)
{
    _cleanup_free_ char *secret = adapter_secret(role);

    return ARRAY(
        ITEM_VALUE(v1_certs_volume(ACCOUNT)),
        ITEM(STRING("name", "uds-socket"), MAP("emptyDir")),
        OPT(v1_is_1_1(env), ITEM_VALUE(mesh_volume_secret(secret, secret, true))));
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
            .labels = OBJECT(STRING("app", v1_either(env, NULL, "mixer")), STRING("istio", "mixer")),
            .annotations = v1_is_1_1(env) ? OBJECT(STRING("networking.istio.io/exportTo", "*")) : NULL,
            .selector = OBJECT(STRING("istio", "mixer"), STRING("istio-mixer-type", role->name)),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("grpc-mixer", 9091)),
                ITEM_VALUE(mesh_service_port("grpc-mixer-mtls", 15004)),
                ITEM_VALUE(mesh_service_port("http-monitoring", v1_monitoring_port(env))),
                OPT(role->exposes_metrics, ITEM_VALUE(mesh_service_port("prometheus", 42422)))),
        });
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = role->service,
            .component = component,
            .labels = OBJECT(STRING("app", v1_either(env, NULL, "istio-mixer")), STRING("istio", "mixer")),
            .pod_labels =
                OBJECT(STRING("app", role->name), STRING("istio", "mixer"), STRING("istio-mixer-type", role->name)),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(mixer(env, component, role)), ITEM_VALUE(proxy(env, role))),
            .volumes = volumes(env, role),
            .scaling_labels = OBJECT(STRING("app", "mixer")),
            .always_budget = v1_is_1_1(env),
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
