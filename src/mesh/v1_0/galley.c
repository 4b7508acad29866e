/* Galley: validates Istio's configuration before it is stored. */
#include "mesh/common/objects.h"
#include "mesh/v1_0/v1_0.h"

#define ACCOUNT "istio-galley-service-account"

static json_t *labels(void)
{
    return OBJECT(S("app", "istio-galley"));
}

static json_t *rules(void)
{
    return ARRAY(
        ITEM_V(mesh_rule("admissionregistration.k8s.io", WORDS("validatingwebhookconfigurations"), WORDS("*"))),
        ITEM_V(mesh_rule("config.istio.io", WORDS("*"), WORDS("get", "list", "watch"))),
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
        N("initialDelaySeconds", 5),
        N("periodSeconds", 5));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *galley = &v1_0_of(env->spec)->galley;

    return OBJECT(
        S("name", "validator"),
        V("image", mesh_image(env, galley->image, "galley")),
        S("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("command",
            ITEM_S("/usr/local/bin/galley"),
            ITEM_S("validator"),
            ITEM_F("--deployment-namespace=%s", env->ns),
            ITEM_S("--caCertFile=/etc/istio/certs/root-cert.pem"),
            ITEM_S("--tlsCertFile=/etc/istio/certs/cert-chain.pem"),
            ITEM_S("--tlsKeyFile=/etc/istio/certs/key.pem"),
            ITEM_S("--healthCheckInterval=1s"),
            ITEM_S("--healthCheckFile=/health"),
            ITEM_S("--webhook-config-file"),
            ITEM_S("/etc/istio/config/validatingwebhookconfiguration.yaml")),
        SEQ("ports", ITEM_V(mesh_port(443)), ITEM_V(mesh_port(9093))),
        V("livenessProbe", probe()),
        V("readinessProbe", probe()),
        V("resources", mesh_resources(galley->resources, "10m", NULL)),
        SEQ("volumeMounts",
            ITEM_V(mesh_mount_read_only("certs", "/etc/istio/certs")),
            ITEM_V(mesh_mount_read_only("config", "/etc/istio/config"))));
}

void v1_0_galley(const struct mesh_env *env, struct rendered_list *out)
{
    v1_0_galley_config(env, out);
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
            .labels = OBJECT(S("istio", "galley")),
            .selector = OBJECT(S("istio", "galley")),
            .ports = ARRAY(
                ITEM_V(mesh_service_port("https-validation", 443)), ITEM_V(mesh_service_port("http-monitoring", 9093))),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-galley",
            .component = &v1_0_of(env->spec)->galley,
            .labels = OBJECT(S("app", "galley"), S("istio", "galley")),
            .pod_labels = OBJECT(S("istio", "galley")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_V(container(env))),
            .volumes = ARRAY(
                ITEM_V(mesh_volume_secret("certs", "istio." ACCOUNT, false)),
                ITEM_V(mesh_volume_config("config", "istio-galley-configuration"))),
            .strategy = OBJECT(MAP("rollingUpdate", N("maxSurge", 1), N("maxUnavailable", 0))),
        });
}
