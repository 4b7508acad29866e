#include "mesh/v1/proxy.h"

#include "base/str.h"
#include "mesh/v1/v1.h"

const char *v1_auth_policy(const struct mesh_env *env)
{
    return v1_of(env->spec)->control_plane_security_enabled ? "MUTUAL_TLS" : "NONE";
}

const char *v1_zipkin_address(const struct mesh_env *env)
{
    return str_or(env->spec->tracing.zipkin_address, "zipkin:9411");
}

json_t *v1_proxy_resources(const struct mesh_env *env, const json_t *own, const char *memory_limit)
{
    if (own || !v1_is_1_1(env))
        return mesh_resources(own, "10m", NULL);
    return OBJECT(
        MAP("requests", STRING("cpu", "100m"), STRING("memory", "128Mi")),
        MAP("limits", STRING("cpu", "2000m"), STRING("memory", memory_limit)));
}

json_t *v1_proxy(const struct mesh_env *env, struct proxy what)
{
    const char *log_level = env->spec->proxy.log_level;

    return OBJECT(
        STRING("name", "istio-proxy"),
        VALUE("image", mesh_image(env, str_or(what.image, env->spec->proxy.image), "proxyv2")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("args",
            ROWS(what.args),
            OPT(log_level, ITEM_STRING("--proxyLogLevel")),
            OPT(log_level, ITEM_STRING(log_level))),
        VALUE("ports", what.ports),
        SEQ("env",
            ITEM_VALUE(mesh_env_field("POD_NAME", "metadata.name")),
            ITEM_VALUE(mesh_env_field("POD_NAMESPACE", "metadata.namespace")),
            ITEM_VALUE(mesh_env_field("INSTANCE_IP", "status.podIP")),
            ROWS(what.env)),
        VALUE("readinessProbe", what.probe),
        VALUE("resources", what.resources),
        SEQ("volumeMounts", ITEM_VALUE(mesh_mount_read_only("istio-certs", "/etc/certs")), ROWS(what.mounts)));
}

json_t *
v1_component_proxy(const struct mesh_env *env, const char *service, const char *template, json_t *ports, json_t *mounts)
{
    return v1_proxy(
        env,
        (struct proxy){
            .args = ARRAY(
                ITEM_STRING("proxy"),
                OPT(v1_is_1_1(env), ITEM_STRING("--domain")),
                OPT(v1_is_1_1(env), ITEM_STRING(V1_DOMAIN)),
                ITEM_STRING("--serviceCluster"),
                ITEM_STRING(service),
                ITEM_STRING("--templateFile"),
                ITEM_FORMAT("/etc/istio/proxy/%s", template),
                ITEM_STRING("--controlPlaneAuthPolicy"),
                ITEM_STRING(v1_auth_policy(env))),
            .ports = ports,
            .resources = v1_proxy_resources(env, env->spec->proxy.resources, v1_is_first_1_1(env) ? "128Mi" : "1024Mi"),
            .mounts = mounts,
        });
}

json_t *v1_statistics_port(void)
{
    return OBJECT(STRING("name", "http-envoy-prom"), INT("containerPort", 15090));
}

json_t *v1_certs_volume(const char *service_account)
{
    _cleanup_free_ char *secret = str_printf("istio.%s", service_account);

    return mesh_volume_secret("istio-certs", secret, true);
}
