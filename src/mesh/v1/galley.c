/* Galley: validates Istio's configuration before it is stored. */
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-galley-service-account"

static json_t *labels(void)
{
    return OBJECT(STRING("app", "istio-galley"));
}

static json_t *rules(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule("admissionregistration.k8s.io", WORDS("validatingwebhookconfigurations"), WORDS("*"))),
        ITEM_VALUE(mesh_rule("config.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
        ITEM(
            STRINGS("apiGroups", "*"),
            STRINGS("resources", "deployments"),
            STRINGS("resourceNames", "istio-galley"),
            STRINGS("verbs", "get")),
        ITEM(
            STRINGS("apiGroups", "*"),
            STRINGS("resources", "endpoints"),
            STRINGS("resourceNames", "istio-galley"),
            STRINGS("verbs", "get")));
}

static json_t *probe(void)
{
    return OBJECT(
        MAP("exec", STRINGS("command", "/usr/local/bin/galley", "probe", "--probe-path=/health", "--interval=10s")),
        INT("initialDelaySeconds", 5),
        INT("periodSeconds", 5));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *galley = &v1_of(env->spec)->galley;

    return OBJECT(
        STRING("name", "validator"),
        VALUE("image", mesh_image(env, galley->image, "galley")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
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
        VALUE("livenessProbe", probe()),
        VALUE("readinessProbe", probe()),
        VALUE("resources", mesh_resources(galley->resources, "10m", NULL)),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount_read_only("certs", "/etc/istio/certs")),
            ITEM_VALUE(mesh_mount_read_only("config", "/etc/istio/config"))));
}

void v1_galley(const struct mesh_env *env, struct rendered_list *out)
{
    v1_galley_config(env, out);
    mesh_service_account(env, out, ACCOUNT, labels());
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-galley",
            .binding = "istio-galley-admin-role-binding",
            .service_account = ACCOUNT,
            .labels = labels(),
            .rules = rules(),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-galley",
            .labels = OBJECT(STRING("istio", "galley")),
            .selector = OBJECT(STRING("istio", "galley")),
            .ports = ARRAY(
                ITEM_VALUE(mesh_service_port("https-validation", 443)),
                ITEM_VALUE(mesh_service_port("http-monitoring", 9093))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-galley",
            .component = &v1_of(env->spec)->galley,
            .labels = OBJECT(STRING("app", "galley"), STRING("istio", "galley")),
            .pod_labels = OBJECT(STRING("istio", "galley")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(container(env))),
            .volumes = ARRAY(
                ITEM_VALUE(mesh_volume_secret("certs", "istio." ACCOUNT, false)),
                ITEM_VALUE(mesh_volume_config("config", "istio-galley-configuration"))),
            .strategy = OBJECT(MAP("rollingUpdate", INT("maxSurge", 1), INT("maxUnavailable", 0))),
        });
}
