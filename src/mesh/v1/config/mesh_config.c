#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

/* Where Mixer listens: with Mutual TLS, or in the clear. */
static int mixer_port(const struct istio_spec *spec)
{
    return v1_of(spec)->control_plane_security_enabled ? 15004 : 9091;
}

static json_t *zipkin_address(const struct mesh_env *env)
{
    _cleanup_free_ char *otherwise = str_printf("zipkin.%s:9411", env->ns);

    return json_string(str_or(env->spec->tracing.zipkin_address, otherwise));
}

json_t *v1_proxy_config(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    bool secure = v1_of(spec)->control_plane_security_enabled;

    return OBJECT(
        STRING("configPath", "/etc/istio/proxy"),
        STRING("binaryPath", "/usr/local/bin/envoy"),
        STRING("serviceCluster", "istio-proxy"),
        STRING("connectTimeout", "10s"),
        STRING("drainDuration", "45s"),
        STRING("parentShutdownDuration", "1m0s"),
        INT("proxyAdminPort", 15000),
        INT("concurrency", spec->proxy.concurrency),
        VALUE("zipkinAddress", zipkin_address(env)),
        STRING("controlPlaneAuthPolicy", v1_auth_policy(env)),
        FORMAT("discoveryAddress", "istio-pilot.%s:%d", env->ns, secure ? 15005 : 15007));
}

static json_t *mesh_config(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    int port = mixer_port(spec);

    return OBJECT(
        /* Proxies would deny every request if they were to ask a policy service that is not there. */
        BOOL("disablePolicyChecks", !v1_of(spec)->policy.enabled),
        OPT(v1_of(spec)->policy.enabled,
            FORMAT("mixerCheckServer", "istio-policy.%s.svc.cluster.local:%d", env->ns, port)),
        OPT(v1_of(spec)->telemetry.enabled,
            FORMAT("mixerReportServer", "istio-telemetry.%s.svc.cluster.local:%d", env->ns, port)),
        BOOL("policyCheckFailOpen", false),
        BOOL("enableTracing", spec->tracing.enabled),
        STRING("accessLogFile", "/dev/stdout"),
        /* Empty: certificates come from mounted Secrets. */
        STRING("sdsUdsPath", ""),
        STRING("sdsRefreshDelay", "15s"),
        VALUE("defaultConfig", v1_proxy_config(env)));
}

void v1_mesh_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_json_ json_t *config = mesh_config(env);
    _cleanup_buf_ struct buf text = BUF_INIT;

    yaml_print_ordered(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "istio", OBJECT(STRING("app", "istio")))),
            MAP("data", STRING("mesh", buf_str(&text)))));
}
