#include "mesh/istiod/injection/injection.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

/* Of the files of the same names. */
extern const char istiod_template_proxy[], istiod_template_sidecar[], istiod_template_gateway[],
    istiod_template_managed_gateway[], istiod_template_grpc_agent[];

/* Of a ConfigMap's values; the API server takes no larger ones. */
#define VALUES_MAX ((size_t)2 * 1024 * 1024)

/* Digits of the digest: enough to tell one mesh's configurations apart. */
#define VERSION_LEN 16

/* What all templates have in common stands in front of each. */
static json_t *template_of(const char *text)
{
    _cleanup_buf_ struct buf whole = BUF_INIT;

    buf_add_str(&whole, istiod_template_proxy);
    buf_add_str(&whole, text);
    return json_string(buf_str(&whole));
}

/*
 * An injector refuses the whole configuration for a function that it does not know. What calls this one is a block of
 * its own in the file.
 */
#define ATTRIBUTES_BEGIN "        {{- with otelResourceAttributes "
#define ATTRIBUTES_END "        {{- end }}\n"

static json_t *sidecar_template(const struct istiod_differences *differences)
{
    const char *begin = strstr(istiod_template_sidecar, ATTRIBUTES_BEGIN), *end = strstr(begin, ATTRIBUTES_END);
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!differences->no_resource_attributes)
        return template_of(istiod_template_sidecar);
    buf_add(&text, istiod_template_sidecar, (size_t)(begin - istiod_template_sidecar));
    buf_add_str(&text, end + strlen(ATTRIBUTES_END));
    return template_of(buf_str(&text));
}

static json_t *templates(const struct istiod_differences *differences)
{
    return OBJECT(
        VALUE("sidecar", sidecar_template(differences)),
        VALUE("gateway", template_of(istiod_template_gateway)),
        VALUE("grpc-agent", template_of(istiod_template_grpc_agent)),
        VALUE("kube-gateway", template_of(istiod_template_managed_gateway)),
        VALUE("waypoint", template_of(istiod_template_managed_gateway)));
}

static json_t *proxy_resources(const json_t *desired)
{
    if (desired)
        return doc_copy(desired);
    return OBJECT(
        MAP("requests", STRING("cpu", "100m"), STRING("memory", "128Mi")),
        MAP("limits", STRING("cpu", "2000m"), STRING("memory", "1024Mi")));
}

/* istiod completes a name without a slash by hub and tag: the resource's is whole. */
static json_t *proxy_image(const struct istio_spec *spec)
{
    if (!spec->proxy.image)
        return json_string("proxyv2");
    return json_sprintf("%s%s", strchr(spec->proxy.image, '/') ? "" : "docker.io/library/", spec->proxy.image);
}

/* What a server makes of a container that does not say. */
static bool is_servers_choice(const struct istio_spec *spec)
{
    const char *image = str_or(spec->proxy.image, ""), *tag = strrchr(image, ':');
    bool latest = *image ? !tag || str_eq(tag, ":latest") : str_eq(spec->image_tag, "latest");

    return str_eq(spec->image_pull_policy, latest ? "Always" : "IfNotPresent");
}

static json_t *proxy_values(const struct istio_spec *spec)
{
    return OBJECT(
        VALUE("image", proxy_image(spec)),
        STRING("clusterDomain", "cluster.local"),
        STRING("logLevel", str_or(spec->proxy.log_level, "warning")),
        STRING("componentLogLevel", "misc:error"),
        STRING("includeIPRanges", spec->include_ip_ranges),
        STRING("excludeIPRanges", spec->exclude_ip_ranges),
        STRING("includeInboundPorts", "*"),
        STRING("excludeInboundPorts", ""),
        STRING("includeOutboundPorts", ""),
        STRING("excludeOutboundPorts", ""),
        INT("statusPort", 15020),
        INT("readinessInitialDelaySeconds", 0),
        INT("readinessPeriodSeconds", 15),
        INT("readinessFailureThreshold", 4),
        MAP("startupProbe", BOOL("enabled", true), INT("failureThreshold", 600)),
        BOOL("privileged", spec->proxy.privileged),
        BOOL("enableCoreDump", spec->proxy.enable_core_dump),
        VALUE("resources", proxy_resources(spec->proxy.resources)));
}

/* Without it, Pod Security refuses Pods in namespaces that are `restricted`, which have nothing else against them. */
static json_t *seccomp_profile(void)
{
    return OBJECT(STRING("type", "RuntimeDefault"));
}

static json_t *values(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;
    const struct istiod_federation *federation = &istiod_of(spec)->federation;
    const json_t *trust_bundle = doc_at(istiod_of(spec)->pilot_env, "ENABLE_CLUSTER_TRUST_BUNDLE_API");
    const bool cni = istiod_cni_is_used(env), chained = !cni || istiod_cni_paths(env).chained;

    return OBJECT(
        MAP("global",
            STRING("hub", spec->image_hub),
            STRING("tag", str_or(spec->image_tag, spec->version)),
            OPT(!is_servers_choice(spec), STRING("imagePullPolicy", spec->image_pull_policy)),
            OPT(spec->image_pull_secrets, VALUE("imagePullSecrets", doc_copy(spec->image_pull_secrets))),
            STRING("istioNamespace", env->ns),
            OPT(istiod_is_on_openshift(env), STRING("platform", "openshift")),
            STRING("pilotCertProvider", "istiod"),
            MAP("logging", STRING("level", "default:info")),
            STRING("meshID", federation->mesh_id),
            MAP("multiCluster", STRING("clusterName", str_or(federation->cluster_name, ""))),
            /* The injector gives it to Pods without the label, as the label and in the proxy's environment. */
            STRING("network", federation->network),
            MAP("sds", MAP("token", STRING("aud", "istio-ca"))),
            MAP("proxy", ROWS(proxy_values(spec)), OPT(cni, VALUE("seccompProfile", seccomp_profile()))),
            MAP("proxy_init", VALUE("image", proxy_image(spec))),
            MAP("waypoint", VALUE("resources", proxy_resources(NULL)))),
        MAP("sidecarInjectorWebhook", BOOL("rewriteAppHTTPProbe", true)),
        STRING("revision", str_or(env->revision, "")),
        MAP("pilot",
            MAP("cni", BOOL("enabled", cni), STRING("provider", chained ? "default" : "multus")),
            MAP("env", OPT(trust_bundle, VALUE("ENABLE_CLUSTER_TRUST_BUNDLE_API", doc_copy(trust_bundle))))),
        MAP("gateways", OPT(cni, VALUE("seccompProfile", seccomp_profile()))));
}

/*
 * A digest of all that decides what a proxy is like. Every Pod gets it as an annotation, from the configuration by
 * which it was injected, because what istiod itself notes in a Pod does not tell one configuration from another.
 */
static char *version_of(const struct mesh_env *env, const json_t *all_templates, const json_t *all_values)
{
    static const char *const of_pods[] = {
        "defaultConfig", "enablePrometheusMerge", "proxyInboundListenPort", "proxyListenPort", "trustDomain"};
    _cleanup_json_ json_t *mesh = istiod_mesh_config_document(env);
    _cleanup_json_ json_t *all = ARRAY(ITEM_VALUE(doc_copy(all_templates)), ITEM_VALUE(doc_copy(all_values)));
    _cleanup_free_ char *text = NULL;
    char digest[65];

    for (size_t i = 0; i < sizeof(of_pods) / sizeof(*of_pods); i++)
        json_array_append_new(all, OBJECT(VALUE(of_pods[i], json_incref(json_object_get(mesh, of_pods[i])))));
    text = doc_text(all);
    str_sha256_hex(text, strlen(text), digest);
    return str_dup_n(digest, VERSION_LEN);
}

void istiod_injection(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *name = mesh_name(env, ISTIOD_INJECTION_CONFIG), *version = NULL, *values_text = NULL;
    _cleanup_json_ json_t *all_templates = templates(istiod_differences(env)), *all_values = values(env),
                          *config = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    version = version_of(env, all_templates, all_values);
    values_text = doc_text(all_values);
    config = OBJECT(
        STRING("policy", "enabled"),
        SEQ("alwaysInjectSelector"),
        SEQ("neverInjectSelector"),
        STRINGS("defaultTemplates", "sidecar"),
        MAP("injectedAnnotations", STRING(ISTIOD_SIDECAR_VERSION, version)),
        VALUE("templates", json_incref(all_templates)));
    yaml_print_ordered(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            MAP("metadata",
                ROWS(mesh_metadata(env, name, OBJECT(STRING("istio.io/rev", istiod_revision(env))))),
                MAP("annotations", STRING(ISTIOD_SIDECAR_VERSION, version))),
            MAP("data", STRING("config", buf_str(&text)), STRING("values", values_text))));
}

bool istiod_cni_is_used(const struct mesh_env *env)
{
    return istiod_of(env->spec)->cni.component.enabled && !env->cni.waits;
}

/* Owned by the caller; NULL: there are none. */
static json_t *values_of(const json_t *config_map)
{
    const char *text = doc_string(config_map, "data", "values");
    json_t *all;

    return text && doc_parse(text, strlen(text), VALUES_MAX, &all, NULL) == 0 ? all : NULL;
}

bool istiod_cni_is_in(const json_t *injection_config)
{
    _cleanup_json_ json_t *all = values_of(injection_config);

    return doc_bool(doc_at(all, "pilot", "cni", "enabled"), false);
}

/* The tag of the proxy's image, which is the version where the resource names no other. */
char *istiod_release_of_config(const json_t *config_map)
{
    _cleanup_json_ json_t *all = values_of(config_map);

    return str_dup(doc_string(all, "global", "tag"));
}
