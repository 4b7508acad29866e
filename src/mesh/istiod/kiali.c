/*
 * Sources: Istio 1.28 to 1.31, samples/addons/kiali.yaml (names, labels, ports, probes, the versions of
 * mesh_release.kiali); the chart kiali-server, templates/role-viewer.yaml (what it reads); Kiali 2.17 to 2.27,
 * config/config.go (the configuration; the signing key is read from that path, and has no default that Kiali accepts).
 *
 * With the strategy `token` Kiali writes with its user's token, and with its own account it reads: so that account has
 * the role of a viewer alone, whatever spec.kiali.viewOnly says.
 */
#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/maps.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

enum { PORT = 20001, METRICS_PORT = 9090 };

#define WEB_ROOT "/kiali"
#define CONFIGURATION "kiali-configuration" /* the volume */
#define FOLDER "/" CONFIGURATION
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

static void add_roles(const struct mesh_env *env, struct rendered_list *out)
{
    mesh_service_account(env, out, MESH_KIALI, labels(env));
    mesh_add(
        env,
        out,
        "ClusterRole",
        OBJECT(VALUE("metadata", mesh_cluster_metadata(MESH_KIALI, labels(env))), VALUE("rules", viewer_rules())));
    mesh_add(
        env,
        out,
        "ClusterRoleBinding",
        mesh_binding(env, mesh_cluster_metadata(MESH_KIALI, labels(env)), "ClusterRole", MESH_KIALI, MESH_KIALI));
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

static void add_configuration(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_json_ json_t *config = configuration(env);
    _cleanup_buf_ struct buf text = BUF_INIT;

    yaml_print(config, &text);
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, MESH_KIALI, labels(env))),
            MAP("data", STRING("config.yaml", buf_str(&text)))));
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
    _cleanup_free_ char *image = str_printf("quay.io/kiali/kiali:%s", env->release->kiali);

    return OBJECT(
        STRING("name", MESH_KIALI),
        STRING("image", str_or(env->spec->kiali.image, image)),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        STRINGS("command", "/opt/kiali/kiali", "-config", FOLDER "/config.yaml"),
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
            ITEM_VALUE(mesh_mount(CONFIGURATION, FOLDER)),
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

static void add_deployment(const struct mesh_env *env, struct rendered_list *out)
{
    struct rendered *added = mesh_add(
        env,
        out,
        "Deployment",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, MESH_KIALI, labels(env))),
            MAP("spec",
                MAP("selector", VALUE("matchLabels", selector())),
                MAP("template",
                    MAP("metadata",
                        MAP("labels", ROWS(labels(env)), STRING("sidecar.istio.io/inject", "false")),
                        MAP("annotations",
                            STRING("prometheus.io/scrape", "true"),
                            FORMAT("prometheus.io/port", "%d", METRICS_PORT))),
                    MAP("spec",
                        STRING("serviceAccountName", MESH_KIALI),
                        SEQ("containers", ITEM_VALUE(container(env))),
                        SEQ("volumes",
                            ITEM_VALUE(mesh_volume_config(CONFIGURATION, MESH_KIALI)),
                            OPT(has_sessions(env), ITEM_VALUE(signing_key(env)))))))));

    if (added)
        added->restart_on = "ConfigMap/" MESH_KIALI;
}

static void add_server(const struct mesh_env *env, struct rendered_list *out)
{
    add_roles(env, out);
    add_configuration(env, out);
    add_deployment(env, out);
    mesh_service(
        env,
        out,
        (struct service){
            .name = MESH_KIALI,
            .labels = labels(env),
            .selector = selector(),
            .ports = ARRAY(ITEM_VALUE(http_port("http", PORT)), ITEM_VALUE(http_port("http-metrics", METRICS_PORT))),
        });
}

/* For Kiali's own operator; what users write into it besides is theirs. */
static void add_resource(const struct mesh_env *env, struct rendered_list *out)
{
    mesh_add(
        env,
        out,
        "Kiali",
        OBJECT(VALUE("metadata", mesh_metadata(env, MESH_KIALI, NULL)), VALUE("spec", settings(env))));
}

void istiod_kiali(const struct mesh_env *env, struct rendered_list *out)
{
    const char *mode = env->spec->kiali.mode;
    const size_t before = out->len;

    if (str_eq(mode, ISTIO_KIALI_SERVER))
        add_server(env, out);
    else if (str_eq(mode, ISTIO_KIALI_RESOURCE))
        add_resource(env, out);
    rendered_set_apart(out, before, MESH_APART_MAPS);
}
