/* Galley: validates Istio's configuration before it is stored, and in Istio 1.1 gives it to Pilot and Mixer. */
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-galley-service-account"

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", v1_either(env, "istio-galley", "galley")));
}

/* A rule for the one object that is Galley's own. */
static json_t *rule_of_own(json_t *groups, const char *resource, const char *verb)
{
    return OBJECT(
        VALUE("apiGroups", groups),
        STRINGS("resources", resource),
        STRINGS("resourceNames", "istio-galley"),
        STRINGS("verbs", verb));
}

static json_t *rules_1_1(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule("admissionregistration.k8s.io", WORDS("validatingwebhookconfigurations"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("authentication.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("rbac.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(rule_of_own(ARRAY(ITEM_STRING("extensions"), ITEM_STRING("apps")), "deployments", "get")),
        ITEM_VALUE(mesh_rule("", WORDS("pods", "nodes", "services", "endpoints"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule("extensions", WORDS("ingresses"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(rule_of_own(ARRAY(ITEM_STRING("extensions")), "deployments/finalizers", "update")));
}

static json_t *rules_1_0(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule("admissionregistration.k8s.io", WORDS("validatingwebhookconfigurations"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(rule_of_own(ARRAY(ITEM_STRING("*")), "deployments", "get")),
        ITEM_VALUE(rule_of_own(ARRAY(ITEM_STRING("*")), "endpoints", "get")));
}

static json_t *probe(const char *path)
{
    return OBJECT(
        MAP("exec",
            SEQ("command",
                ITEM_STRING("/usr/local/bin/galley"),
                ITEM_STRING("probe"),
                ITEM_FORMAT("--probe-path=%s", path),
                ITEM_STRING("--interval=10s"))),
        INT("initialDelaySeconds", 5),
        INT("periodSeconds", 5));
}

/* Galley as a server. Without mutual TLS of the control plane it gives out configuration in the clear. */
static json_t *server(const struct mesh_env *env)
{
    bool secure = v1_of(env->spec)->control_plane_security_enabled, first = v1_is_first_1_1(env);

    return OBJECT(
        SEQ("command",
            ITEM_STRING("/usr/local/bin/galley"),
            ITEM_STRING("server"),
            ITEM_STRING("--meshConfigFile=/etc/mesh-config/mesh"),
            ITEM_STRING("--livenessProbeInterval=1s"),
            ITEM_STRING("--livenessProbePath=/healthliveness"),
            ITEM_STRING("--readinessProbePath=/healthready"),
            ITEM_STRING("--readinessProbeInterval=1s"),
            OPT(!first, ITEM_FORMAT("--deployment-namespace=%s", env->ns)),
            ITEM_FORMAT("--insecure=%s", secure ? "false" : "true"),
            ITEM_STRING("--validation-webhook-config-file"),
            ITEM_STRING("/etc/config/validatingwebhookconfiguration.yaml"),
            ITEM_STRING("--monitoringPort=15014"),
            OPT(!first, ITEM_STRING(V1_LOG_LEVEL))),
        SEQ("ports", ITEM_VALUE(mesh_port(443)), ITEM_VALUE(mesh_port(15014)), ITEM_VALUE(mesh_port(9901))),
        VALUE("livenessProbe", probe("/healthliveness")),
        VALUE("readinessProbe", probe("/healthready")),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount_read_only("certs", "/etc/certs")),
            ITEM_VALUE(mesh_mount_read_only("config", "/etc/config")),
            ITEM_VALUE(mesh_mount_read_only("mesh-config", "/etc/mesh-config"))));
}

/* Galley as a webhook alone. */
static json_t *validator(const struct mesh_env *env)
{
    return OBJECT(
        SEQ("command",
            ITEM_STRING("/usr/local/bin/galley"),
            ITEM_STRING("validator"),
            ITEM_FORMAT("--deployment-namespace=%s", env->ns),
            ITEM_STRING("--caCertFile=/etc/istio/certs/root-cert.pem"),
            ITEM_STRING("--tlsCertFile=/etc/istio/certs/cert-chain.pem"),
            ITEM_STRING("--tlsKeyFile=/etc/istio/certs/key.pem"),
            ITEM_STRING("--healthCheckInterval=1s"),
            ITEM_STRING("--healthCheckFile=/health"),
            ITEM_STRING("--webhook-config-file"),
            ITEM_STRING("/etc/istio/config/validatingwebhookconfiguration.yaml")),
        SEQ("ports", ITEM_VALUE(mesh_port(443)), ITEM_VALUE(mesh_port(9093))),
        VALUE("livenessProbe", probe("/health")),
        VALUE("readinessProbe", probe("/health")),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount_read_only("certs", "/etc/istio/certs")),
            ITEM_VALUE(mesh_mount_read_only("config", "/etc/istio/config"))));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *galley = &v1_of(env->spec)->galley;

    return OBJECT(
        STRING("name", v1_either(env, "validator", "galley")),
        VALUE("image", mesh_image(env, galley->image, "galley")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        ROWS(v1_is_1_1(env) ? server(env) : validator(env)),
        VALUE("resources", mesh_resources(galley->resources, "10m", NULL)));
}

void v1_galley(const struct mesh_env *env, struct rendered_list *out)
{
    v1_galley_config(env, out);
    mesh_service_account(env, out, ACCOUNT, labels(env));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-galley",
            .binding = "istio-galley-admin-role-binding",
            .service_account = ACCOUNT,
            .labels = labels(env),
            .rules = v1_is_1_1(env) ? rules_1_1() : rules_1_0(),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-galley",
            .labels = OBJECT(STRING("app", v1_either(env, NULL, "galley")), STRING("istio", "galley")),
            .selector = OBJECT(STRING("istio", "galley")),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("https-validation", 443)),
                ITEM_VALUE(mesh_service_port("http-monitoring", v1_monitoring_port(env))),
                OPT(v1_is_1_1(env), ITEM_VALUE(mesh_service_port("grpc-mcp", 9901)))),
        });
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-galley",
            .component = &v1_of(env->spec)->galley,
            .labels = OBJECT(STRING("app", "galley"), STRING("istio", "galley")),
            .pod_labels = OBJECT(STRING("app", v1_either(env, NULL, "galley")), STRING("istio", "galley")),
            .selector = OBJECT(STRING("istio", "galley")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(container(env))),
            .volumes = ARRAY(
                ITEM_VALUE(mesh_volume_secret("certs", "istio." ACCOUNT, false)),
                ITEM_VALUE(mesh_volume_config("config", "istio-galley-configuration")),
                OPT(v1_is_1_1(env), ITEM_VALUE(mesh_volume_config("mesh-config", "istio")))),
            .scaling_labels = OBJECT(STRING("app", "galley")),
            .always_budget = v1_is_1_1(env),
            .strategy = OBJECT(MAP("rollingUpdate", INT("maxSurge", 1), INT("maxUnavailable", 0))),
        });
}
