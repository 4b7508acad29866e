/* istiod: configures the proxies, signs their certificates, injects and validates. */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/injection/injection.h"
#include "mesh/istiod/istiod.h"

#define REVISION "istio.io/rev"

/* Cannot change later: all of these are also among the labels of the Pods. */
static json_t *selector(const struct mesh_env *env)
{
    if (*str_or(env->revision, ""))
        return OBJECT(STRING("app", "istiod"), STRING(REVISION, env->revision));
    return OBJECT(STRING("istio", "pilot"));
}

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", "istiod"), STRING("istio", "pilot"), STRING(REVISION, istiod_revision(env)));
}

static json_t *pod_labels(const struct mesh_env *env)
{
    return OBJECT(
        STRING("app", "istiod"),
        STRING("istio", *str_or(env->revision, "") ? "istiod" : "pilot"),
        STRING(REVISION, istiod_revision(env)),
        STRING("istio.io/dataplane-mode", "none"),
        STRING("sidecar.istio.io/inject", "false"));
}

/* By which the Service and the budget choose the Pods. */
static json_t *service_selector(const struct mesh_env *env)
{
    if (*str_or(env->revision, ""))
        return selector(env);
    return OBJECT(STRING("app", "istiod"), STRING("istio", "pilot"));
}

static json_t *own_environment(const struct mesh_env *env)
{
    bool openshift = istiod_is_on_openshift(env);

    return ARRAY(
        ITEM_VALUE(mesh_env_value("REVISION", istiod_revision(env))),
        ITEM_VALUE(mesh_env_value("PILOT_CERT_PROVIDER", "istiod")),
        ITEM_VALUE(mesh_env_field("POD_NAME", "metadata.name")),
        ITEM_VALUE(mesh_env_field("POD_NAMESPACE", "metadata.namespace")),
        ITEM_VALUE(mesh_env_field("SERVICE_ACCOUNT", "spec.serviceAccountName")),
        ITEM_VALUE(mesh_env_value("KUBECONFIG", "/var/run/secrets/remote/config")),
        ITEM(
            STRING("name", "CA_TRUSTED_NODE_ACCOUNTS"),
            FORMAT("value", "%s/ztunnel", openshift ? "kube-system" : env->ns)),
        ITEM(STRING("name", "PILOT_TRACE_SAMPLING"), FORMAT("value", "%g", istiod_tracing_sampling(env))),
        ITEM_VALUE(mesh_env_value("PILOT_ENABLE_ANALYSIS", "false")),
        ITEM_VALUE(mesh_env_value("CLUSTER_ID", str_or(istiod_of(env->spec)->federation.cluster_name, ISTIOD_CLUSTER))),
        OPT(istiod_differences(env)->go_memory_limit, ITEM_VALUE(mesh_env_limit("GOMEMLIMIT", "limits.memory"))),
        ITEM_VALUE(mesh_env_limit("GOMAXPROCS", "limits.cpu")),
        ITEM_VALUE(mesh_env_value("PLATFORM", openshift ? "openshift" : "")));
}

static size_t place_of(const json_t *variables, const char *name)
{
    size_t i = 0;

    while (i < json_array_size(variables) && !str_eq(doc_string(json_array_get(variables, i), "name"), name))
        i++;
    return i;
}

/* What the resource says replaces the own of the same name. */
static json_t *environment(const struct mesh_env *env)
{
    json_t *variables = own_environment(env), *value;
    const char *name;

    json_object_foreach(istiod_of(env->spec)->pilot_env, name, value) {
        size_t place = place_of(variables, name);
        json_t *variable = mesh_env_value(name, json_string_value(value));
        if (place < json_array_size(variables))
            json_array_set_new(variables, place, variable);
        else
            json_array_append_new(variables, variable);
    }
    return variables;
}

static json_t *port(const char *name, int number)
{
    return OBJECT(STRING("name", name), INT("containerPort", number), STRING("protocol", "TCP"));
}

static json_t *discovery(const struct mesh_env *env)
{
    const struct component_spec *pilot = &env->spec->pilot;

    return OBJECT(
        STRING("name", "discovery"),
        VALUE("image", mesh_image(env, pilot->image, "pilot")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        OPT(istiod_is_on_openshift(env) && !istiod_differences(env)->no_message_of_logs,
            STRING("terminationMessagePolicy", "FallbackToLogsOnError")),
        STRINGS(
            "args",
            "discovery",
            "--monitoringAddr=:15014",
            "--log_output_level=default:info",
            "--domain",
            "cluster.local",
            "--keepaliveMaxServerConnectionAge",
            "30m"),
        SEQ("ports",
            ITEM_VALUE(port("http-debug", 8080)),
            ITEM_VALUE(port("grpc-xds", 15010)),
            ITEM_VALUE(port("tls-xds", 15012)),
            ITEM_VALUE(port("https-webhooks", 15017)),
            ITEM_VALUE(port("http-monitoring", 15014))),
        MAP("readinessProbe",
            MAP("httpGet", STRING("path", "/ready"), INT("port", 8080)),
            INT("initialDelaySeconds", 1),
            INT("periodSeconds", 3),
            INT("timeoutSeconds", 5)),
        VALUE("env", environment(env)),
        VALUE("resources", mesh_resources(pilot->resources, "500m", "2048Mi")),
        MAP("securityContext",
            BOOL("allowPrivilegeEscalation", false),
            BOOL("readOnlyRootFilesystem", true),
            BOOL("runAsNonRoot", true),
            MAP("capabilities", STRINGS("drop", "ALL"))),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount_read_only("istio-token", "/var/run/secrets/tokens")),
            ITEM_VALUE(mesh_mount("local-certs", "/var/run/secrets/istio-dns")),
            ITEM_VALUE(mesh_mount_read_only("cacerts", "/etc/cacerts")),
            ITEM_VALUE(mesh_mount_read_only("istio-kubeconfig", "/var/run/secrets/remote")),
            ITEM_VALUE(mesh_mount_read_only("istio-csr-dns-cert", "/var/run/secrets/istiod/tls")),
            ITEM_VALUE(mesh_mount_read_only("istio-csr-ca-configmap", "/var/run/secrets/istiod/ca"))));
}

/* Where users give certificates or another cluster's kubeconfig: each may be absent. */
static json_t *volumes(void)
{
    return ARRAY(
        ITEM(STRING("name", "local-certs"), MAP("emptyDir", STRING("medium", "Memory"))),
        ITEM(
            STRING("name", "istio-token"),
            MAP("projected",
                SEQ("sources",
                    ITEM(
                        MAP("serviceAccountToken",
                            STRING("audience", "istio-ca"),
                            INT("expirationSeconds", 43200),
                            STRING("path", "istio-token")))))),
        ITEM_VALUE(mesh_volume_secret("cacerts", "cacerts", true)),
        ITEM_VALUE(mesh_volume_secret("istio-kubeconfig", "istio-kubeconfig", true)),
        ITEM_VALUE(mesh_volume_secret("istio-csr-dns-cert", "istiod-tls", true)),
        ITEM(
            STRING("name", "istio-csr-ca-configmap"),
            MAP("configMap", STRING("name", "istio-ca-root-cert"), INT("defaultMode", 0644), BOOL("optional", true))));
}

/* On a node whose CNI plugin is not ready yet, too: the plugin's Pods may need istiod. */
static json_t *tolerations(const struct component_spec *pilot)
{
    return ARRAY(
        ITEM(STRING("key", "cni.istio.io/not-ready"), STRING("operator", "Exists")),
        OPT(pilot->tolerations, ROWS(doc_copy(pilot->tolerations))));
}

static void add_deployment(const struct mesh_env *env, struct rendered_list *out, const char *name)
{
    const struct component_spec *pilot = &env->spec->pilot;

    mesh_scaled_deployment(
        env,
        out,
        (struct scaled_deployment){
            .component = pilot,
            .labels = labels(env),
            .selector = service_selector(env),
            .deployment = OBJECT(
                VALUE("metadata", mesh_metadata(env, name, labels(env))),
                MAP("spec",
                    MAP("selector", VALUE("matchLabels", selector(env))),
                    MAP("strategy", MAP("rollingUpdate", STRING("maxSurge", "100%"), STRING("maxUnavailable", "25%"))),
                    MAP("template",
                        MAP("metadata",
                            VALUE("labels", pod_labels(env)),
                            MAP("annotations",
                                STRING("prometheus.io/port", "15014"),
                                STRING("prometheus.io/scrape", "true"),
                                STRING("sidecar.istio.io/inject", "false"))),
                        MAP("spec",
                            STRING("serviceAccountName", name),
                            SEQ("containers", ITEM_VALUE(discovery(env))),
                            VALUE("volumes", volumes()),
                            OPT(pilot->node_selector, VALUE("nodeSelector", doc_copy(pilot->node_selector))),
                            OPT(pilot->affinity, VALUE("affinity", doc_copy(pilot->affinity))),
                            VALUE("tolerations", tolerations(pilot)))))),
        });
}

static json_t *service_port(const char *name, int number, int target)
{
    return OBJECT(STRING("name", name), INT("port", number), INT("targetPort", target), STRING("protocol", "TCP"));
}

void istiod_control_plane(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *name = mesh_name(env, "istiod");
    struct mesh_env own;

    istiod_roles(env, out);
    istiod_mesh_config(env, out);
    istiod_injection(mesh_env_of(env, MESH_HELD_INJECTOR, &own), out);
    mesh_service(
        env,
        out,
        (struct service){
            .name = name,
            .labels = labels(env),
            .selector = service_selector(env),
            .ports = ARRAY(
                ITEM_VALUE(service_port("grpc-xds", 15010, 15010)),
                ITEM_VALUE(service_port("https-dns", 15012, 15012)),
                ITEM_VALUE(service_port("https-webhook", 443, 15017)),
                ITEM_VALUE(service_port("http-monitoring", 15014, 15014))),
        });
    add_deployment(env, out, name);
    istiod_injection_webhook(env, out);
    istiod_validation_webhooks(env, out);
}
