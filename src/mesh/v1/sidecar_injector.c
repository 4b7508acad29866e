/* The injector: puts the proxy into Pods when they are created. */
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-sidecar-injector-service-account"

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(
        STRING("app", v1_either(env, "istio-sidecar-injector", "sidecarInjectorWebhook")),
        STRING("istio", v1_either(env, NULL, "sidecar-injector")));
}

/* Of the Pods and of the Service. */
static json_t *pod_labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", v1_either(env, NULL, "sidecarInjectorWebhook")), STRING("istio", "sidecar-injector"));
}

static json_t *rules(const struct mesh_env *env)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule(v1_either(env, "*", ""), WORDS("configmaps"), WORDS("get", "list", "watch"))),
        ITEM_VALUE(mesh_rule(
            "admissionregistration.k8s.io",
            WORDS("mutatingwebhookconfigurations"),
            WORDS("get", "list", "watch", "patch"))));
}

static json_t *probe(void)
{
    return OBJECT(
        MAP("exec",
            STRINGS("command", "/usr/local/bin/sidecar-injector", "probe", "--probe-path=/health", "--interval=4s")),
        INT("initialDelaySeconds", 4),
        INT("periodSeconds", 4));
}

static json_t *container(const struct mesh_env *env)
{
    const struct component_spec *injector = &v1_of(env->spec)->sidecar_injector;

    return OBJECT(
        STRING("name", "sidecar-injector-webhook"),
        VALUE("image", mesh_image(env, injector->image, "sidecar_injector")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        STRINGS(
            "args",
            "--caCertFile=/etc/istio/certs/root-cert.pem",
            "--tlsCertFile=/etc/istio/certs/cert-chain.pem",
            "--tlsKeyFile=/etc/istio/certs/key.pem",
            "--injectConfig=/etc/istio/inject/config",
            "--meshConfig=/etc/istio/config/mesh",
            "--healthCheckInterval=2s",
            "--healthCheckFile=/health"),
        VALUE("livenessProbe", probe()),
        VALUE("readinessProbe", probe()),
        VALUE("resources", mesh_resources(injector->resources, "10m", NULL)),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount_read_only("config-volume", "/etc/istio/config")),
            ITEM_VALUE(mesh_mount_read_only("certs", "/etc/istio/certs")),
            ITEM_VALUE(mesh_mount_read_only("inject-config", "/etc/istio/inject"))));
}

static json_t *volumes(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_volume_config("config-volume", "istio")),
        ITEM_VALUE(mesh_volume_secret("certs", "istio." ACCOUNT, false)),
        ITEM(
            STRING("name", "inject-config"),
            MAP("configMap",
                STRING("name", "istio-sidecar-injector"),
                SEQ("items", ITEM(STRING("key", "config"), STRING("path", "config"))))));
}

void v1_sidecar_injector(const struct mesh_env *env, struct rendered_list *out)
{
    v1_injection_config(env, out);
    mesh_service_account(env, out, ACCOUNT, labels(env));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = "istio-sidecar-injector",
            .binding = "istio-sidecar-injector-admin-role-binding",
            .service_account = ACCOUNT,
            .labels = labels(env),
            .rules = rules(env),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = "istio-sidecar-injector",
            .labels = pod_labels(env),
            .selector = OBJECT(STRING("istio", "sidecar-injector")),
            .ports = ARRAY(ITEM_VALUE(mesh_service_port(NULL, 443))),
        });
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = "istio-sidecar-injector",
            .component = &v1_of(env->spec)->sidecar_injector,
            .labels = OBJECT(STRING("app", "sidecarInjectorWebhook"), STRING("istio", "sidecar-injector")),
            .pod_labels = pod_labels(env),
            .selector = OBJECT(STRING("istio", "sidecar-injector")),
            .service_account = ACCOUNT,
            .containers = ARRAY(ITEM_VALUE(container(env))),
            .volumes = volumes(),
        });
    v1_injector_webhook(env, out);
}
