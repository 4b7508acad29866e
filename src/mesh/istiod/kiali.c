/*
 * Sources: Istio 1.28 to 1.31, samples/addons/kiali.yaml (names, labels, ports, probes, the versions of
 * mesh_release.kiali); the chart kiali-server, templates/role-viewer.yaml (what it reads); Kiali 2.17 to 2.27,
 * config/config.go (the configuration; the signing key is read from that path, and has no default that Kiali accepts).
 *
 * With the strategy `token` Kiali writes with its user's token, and with its own account it reads: so that account has
 * the role of a viewer alone, whatever spec.kiali.viewOnly says.
 */
#include "mesh/common/kiali.h"

#include "base/str.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

enum { PORT = 20001, METRICS_PORT = 9090 };

#define WEB_ROOT "/kiali"
#define READ "get", "list", "watch"

/* By which the Deployment and the Service select; it cannot change later. */
static json_t *selector(void)
{
    return OBJECT(STRING("app.kubernetes.io/name", MESH_KIALI), STRING("app.kubernetes.io/instance", MESH_KIALI));
}

static json_t *labels(const struct mesh_env *env)
{
    const char *version = env->release->kiali;

    return OBJECT(
        ROWS(selector()),
        STRING("app", MESH_KIALI),
        STRING("app.kubernetes.io/part-of", MESH_KIALI),
        STRING("app.kubernetes.io/version", version),
        STRING("version", version));
}

/* --- what it may read --- */

static json_t *viewer_rules(void)
{
    return ARRAY(
        ITEM_VALUE(mesh_rule("", WORDS("configmaps", "endpoints", "pods/log"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("", WORDS("namespaces", "pods", "replicationcontrollers", "services"), WORDS(READ))),
        /* It asks istiod and proxies for their state. */
        ITEM_VALUE(mesh_rule("", WORDS("pods/portforward"), WORDS("create"))),
        ITEM_VALUE(mesh_rule("apps", WORDS("daemonsets", "deployments", "replicasets", "statefulsets"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("batch", WORDS("cronjobs", "jobs"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("networking.istio.io", WORDS("*"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("security.istio.io", WORDS("*"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("extensions.istio.io", WORDS("*"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("telemetry.istio.io", WORDS("*"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("gateway.networking.k8s.io", WORDS("*"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("inference.networking.k8s.io", WORDS("inferencepools"), WORDS(READ))),
        ITEM_VALUE(mesh_rule("authentication.k8s.io", WORDS("tokenreviews"), WORDS("create"))),
        ITEM_VALUE(mesh_rule("admissionregistration.k8s.io", WORDS("mutatingwebhookconfigurations"), WORDS(READ))));
}

/* --- its configuration --- */

/* Kiali has addresses of its own that it asks where it is not told. */
static json_t *addresses(const char *internal, const char *external)
{
    return OBJECT(
        BOOL("enabled", internal),
        STRING("internal_url", internal),
        STRING("external_url", external ? external : internal));
}

/* What its file and an object of kind Kiali have in common. */
static json_t *settings(const struct mesh_env *env)
{
    const struct istio_spec *spec = env->spec;

    return OBJECT(
        MAP("auth", STRING("strategy", spec->kiali.auth.strategy)),
        MAP("deployment",
            BOOL("cluster_wide_access", true),
            STRING("instance_name", MESH_KIALI),
            STRING("namespace", env->ns),
            BOOL("view_only_mode", spec->kiali.view_only)),
        MAP("external_services",
            VALUE("grafana", addresses(spec->kiali.urls.grafana, spec->kiali.urls.grafana_external)),
            OPT(spec->monitoring.prometheus.url, MAP("prometheus", STRING("url", spec->monitoring.prometheus.url))),
            MAP("tracing",
                ROWS(addresses(spec->kiali.urls.tracing, spec->kiali.urls.tracing_external)),
                STRING("provider", "jaeger"),
                BOOL("use_grpc", false))));
}

static json_t *configuration(const struct mesh_env *env)
{
    json_t *common = settings(env);

    /* Not in an object of kind Kiali: the definitions of before Kiali 2.26 do not have it. */
    if (!env->spec->monitoring.prometheus.url)
        json_object_set_new(json_object_get(common, "external_services"), "prometheus", OBJECT(BOOL("enabled", false)));
    return OBJECT(
        ROWS(common),
        MAP("server",
            INT("port", PORT),
            STRING("web_root", WEB_ROOT),
            MAP("observability", MAP("metrics", BOOL("enabled", true), INT("port", METRICS_PORT)))));
}

/* --- the program --- */

static json_t *health(int delay, int period, int failures)
{
    return OBJECT(
        MAP("httpGet", STRING("path", WEB_ROOT "/healthz"), STRING("port", "api-port")),
        INT("initialDelaySeconds", delay),
        INT("periodSeconds", period),
        OPT(failures, INT("failureThreshold", failures)));
}

static json_t *named_port(const char *name, int number)
{
    return OBJECT(STRING("name", name), INT("containerPort", number), STRING("protocol", "TCP"));
}

static bool has_sessions(const struct mesh_env *env)
{
    return !str_eq(env->spec->kiali.auth.strategy, ISTIO_KIALI_ANONYMOUS);
}

static json_t *container(const struct mesh_env *env)
{
    return OBJECT(
        STRING("terminationMessagePolicy", "FallbackToLogsOnError"),
        MAP("securityContext",
            BOOL("allowPrivilegeEscalation", false),
            BOOL("privileged", false),
            BOOL("readOnlyRootFilesystem", true),
            BOOL("runAsNonRoot", true),
            MAP("seccompProfile", STRING("type", "RuntimeDefault")),
            MAP("capabilities", STRINGS("drop", "ALL"))),
        SEQ("ports", ITEM_VALUE(named_port("api-port", PORT)), ITEM_VALUE(named_port("http-metrics", METRICS_PORT))),
        VALUE("readinessProbe", health(5, 30, 0)),
        VALUE("livenessProbe", health(5, 30, 0)),
        VALUE("startupProbe", health(30, 10, 6)),
        SEQ("env", ITEM_VALUE(mesh_env_field("ACTIVE_NAMESPACE", "metadata.namespace"))),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_kiali_mount()),
            OPT(has_sessions(env),
                ITEM_VALUE(
                    mesh_mount_read_only("kiali-signing-key", "/kiali-override-secrets/login-token-signing-key")))),
        MAP("resources",
            MAP("requests", STRING("cpu", "10m"), STRING("memory", "64Mi")),
            MAP("limits", STRING("memory", "1Gi"))));
}

static json_t *signing_key(const struct mesh_env *env)
{
    return OBJECT(
        STRING("name", "kiali-signing-key"),
        MAP("secret",
            STRING("secretName", env->spec->kiali.auth.secret),
            SEQ("items", ITEM(STRING("key", ISTIO_KIALI_SIGNING_KEY), STRING("path", "value.txt")))));
}

static json_t *http_port(const char *name, int number)
{
    return OBJECT(
        STRING("name", name),
        INT("port", number),
        INT("targetPort", number),
        STRING("protocol", "TCP"),
        STRING("appProtocol", "http"));
}

static void add_server(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *image = str_printf("quay.io/kiali/kiali:%s", env->release->kiali);

    mesh_kiali_server(
        env,
        out,
        (struct kiali_server){
            .account = MESH_KIALI,
            .binding = MESH_KIALI,
            .image = image,
            .labels = labels(env),
            .selector = selector(),
            .pod_labels = OBJECT(ROWS(labels(env)), STRING("sidecar.istio.io/inject", "false")),
            .pod_annotations =
                OBJECT(STRING("prometheus.io/scrape", "true"), FORMAT("prometheus.io/port", "%d", METRICS_PORT)),
            .rules = viewer_rules(),
            .config = configuration(env),
            .container = container(env),
            .volumes = ARRAY(OPT(has_sessions(env), ITEM_VALUE(signing_key(env)))),
            .ports = ARRAY(ITEM_VALUE(http_port("http", PORT)), ITEM_VALUE(http_port("http-metrics", METRICS_PORT))),
        });
}

/* For Kiali's own operator; what users write into it besides is theirs. */
static void add_resource(const struct mesh_env *env, struct rendered_list *out)
{
    struct rendered *added = mesh_add(
        env,
        out,
        "Kiali",
        OBJECT(VALUE("metadata", mesh_metadata(env, MESH_KIALI, NULL)), VALUE("spec", settings(env))));

    if (added)
        added->apart = MESH_APART_MAPS;
}

void istiod_kiali(const struct mesh_env *env, struct rendered_list *out)
{
    const char *mode = env->spec->kiali.mode;

    if (str_eq(mode, ISTIO_KIALI_SERVER))
        add_server(env, out);
    else if (str_eq(mode, ISTIO_KIALI_RESOURCE))
        add_resource(env, out);
}
