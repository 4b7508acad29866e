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

/* Of Pilot. In Istio 1.0 proxies ask it by HTTP, in Istio 1.1 by gRPC. */
static int discovery_port(bool is_1_1, bool secure)
{
    if (is_1_1)
        return secure ? 15011 : 15010;
    return secure ? 15005 : 15007;
}

json_t *v1_proxy_config(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    bool secure = v1_of(spec)->control_plane_security_enabled, is_1_1 = v1_is_1_1(env);

    return OBJECT(
        STRING("configPath", "/etc/istio/proxy"),
        STRING("binaryPath", "/usr/local/bin/envoy"),
        STRING("serviceCluster", "istio-proxy"),
        STRING("connectTimeout", "10s"),
        STRING("drainDuration", "45s"),
        STRING("parentShutdownDuration", "1m0s"),
        INT("proxyAdminPort", 15000),
        INT("concurrency", spec->proxy.concurrency),
        OPT(!is_1_1, VALUE("zipkinAddress", zipkin_address(env))),
        OPT(is_1_1, MAP("tracing", MAP("zipkin", VALUE("address", zipkin_address(env))))),
        STRING("controlPlaneAuthPolicy", v1_auth_policy(env)),
        FORMAT("discoveryAddress", "istio-pilot.%s:%d", env->ns, discovery_port(is_1_1, secure)));
}

/* Who sees configuration that does not say so itself; as Istio has it where the list is absent, all do. */
static json_t *visibility(const struct v1_spec *spec)
{
    bool limited = !str_eq(spec->export_to, "*");

    return OBJECT(
        OPT(limited, STRINGS("defaultServiceExportTo", spec->export_to)),
        OPT(limited, STRINGS("defaultVirtualServiceExportTo", spec->export_to)),
        OPT(limited, STRINGS("defaultDestinationRuleExportTo", spec->export_to)));
}

/* What Istio 1.1 has besides; programs of Istio 1.0 refuse a mesh configuration with any of it. */
static json_t *mesh_config_1_1(const struct mesh_env *env)
{
    const struct v1_spec *spec = v1_of(env->spec);
    bool ingress = !env->remote && env->spec->gateways.ingress.component.enabled, first = v1_is_first_1_1(env);

    return OBJECT(
        STRING("accessLogFormat", ""),
        STRING("accessLogEncoding", "TEXT"),
        OPT(ingress, STRING("ingressService", "istio-ingressgateway")),
        OPT(!first, STRING("connectTimeout", "10s")),
        STRING("dnsRefreshRate", "5s"),
        BOOL("enableSdsTokenMount", spec->sds.enabled && spec->sds.trustworthy_jwt),
        BOOL("sdsUseK8sSaJwt", spec->sds.enabled && spec->sds.normal_jwt),
        MAP("outboundTrafficPolicy", STRING("mode", spec->outbound_mode)),
        OPT(!first, MAP("localityLbSetting")),
        STRING("rootNamespace", env->ns),
        ROWS(visibility(spec)),
        SEQ("configSources",
            ITEM(
                FORMAT("address", "istio-galley.%s.svc:9901", env->ns),
                OPT(spec->control_plane_security_enabled, MAP("tlsSettings", STRING("mode", "ISTIO_MUTUAL"))))));
}

static json_t *mesh_config(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    bool is_1_1 = v1_is_1_1(env), checks = v1_of(spec)->policy.enabled && (!is_1_1 || v1_of(spec)->policy_checks);
    int port = mixer_port(spec);

    return OBJECT(
        /* Proxies would deny every request if they were to ask a policy service that is not there. */
        BOOL("disablePolicyChecks", !checks),
        OPT(v1_of(spec)->policy.enabled,
            FORMAT("mixerCheckServer", "istio-policy.%s.svc.cluster.local:%d", env->ns, port)),
        OPT(v1_of(spec)->telemetry.enabled,
            FORMAT("mixerReportServer", "istio-telemetry.%s.svc.cluster.local:%d", env->ns, port)),
        BOOL("policyCheckFailOpen", false),
        BOOL("enableTracing", spec->tracing.enabled),
        STRING("accessLogFile", is_1_1 ? v1_of(spec)->access_log_file : "/dev/stdout"),
        /* Empty or absent: certificates come from mounted Secrets. */
        OPT(!is_1_1, STRING("sdsUdsPath", "")),
        OPT(v1_of(spec)->sds.enabled, STRING("sdsUdsPath", v1_of(spec)->sds.uds_path)),
        OPT(!is_1_1, STRING("sdsRefreshDelay", "15s")),
        OPT(is_1_1, ROWS(mesh_config_1_1(env))),
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
            MAP("data",
                STRING("mesh", buf_str(&text)),
                OPT(v1_is_1_1(env), STRING("meshNetworks", "networks: {}\n")))));
}
