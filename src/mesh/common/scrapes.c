/*
 * What tells Prometheus what there is to scrape.
 *
 * Sources: Prometheus' documentation, "Configuration" (kubernetes_sd_configs, relabel_config: regular expressions match
 * the whole text; honor_labels, tls_config); the Prometheus operator's API reference, monitoring.coreos.com/v1.
 */
#include "mesh/common/scrapes.h"

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/alerts.h"
#include "mesh/common/objects.h"
#include "mesh/operator.h"

/* Pods that are not to be scraped have this label, as in Istio's samples. */
#define IGNORED_LABEL "istio-prometheus-ignore"
#define IGNORED_META "istio_prometheus_ignore"
#define META "__meta_kubernetes_"

/* The operator answers with TLS, and those who may read /metrics (serve/access.h). */
static const struct mesh_scrape own = {MESH_OWN_JOB, OPERATOR_NAME, OPERATOR_METRICS_PORT};
/* In the Pods of Prometheus: the token of its ServiceAccount, and where WEBHOOK_SECRET is mounted. */
#define TOKEN_FILE "/var/run/secrets/kubernetes.io/serviceaccount/token"
#define AUTHORITIES_FILE "/etc/prometheus/istio-operator/" WEBHOOK_AUTHORITIES

static const char *own_namespace(const struct mesh_env *env)
{
    return str_or(env->spec->monitoring.prometheus.own_ns, env->ns);
}

static struct row server_name(const struct mesh_env *env, const char *key)
{
    return FORMAT(key, OPERATOR_NAME ".%s.svc", own_namespace(env));
}

/* Prometheus' own configuration and the Prometheus operator's objects have the same fields, spelled differently. */
struct spelling {
    const char *source_labels, *target_label;
};
static const struct spelling in_file = {"source_labels", "target_label"}, in_object = {"sourceLabels", "targetLabel"};

/* A step of relabelling; NULL is left out. */
struct relabelling {
    const char *from; /* a label */
    const char *regex, *action, *to, *replacement;
};

/* The action is written in any case: the Prometheus operator's definitions have a default for it. */
static json_t *relabelling(const struct spelling *in, struct relabelling r)
{
    return OBJECT(
        OPT(r.from, STRINGS(in->source_labels, r.from)),
        STRING("regex", r.regex),
        STRING("action", str_or(r.action, "replace")),
        STRING(in->target_label, r.to),
        STRING("replacement", r.replacement));
}

static json_t *keep(const struct spelling *in, const char *label, const char *regex)
{
    return relabelling(in, (struct relabelling){label, regex, .action = "keep"});
}

static json_t *copy(const struct spelling *in, const char *label, const char *to)
{
    return relabelling(in, (struct relabelling){label, .to = to});
}

/* The Pods' address with the port that is asked: an IPv6 address is in brackets already. */
static json_t *address(const struct spelling *in, const struct mesh_scrape *scrape)
{
    _cleanup_free_ char *declared = str_printf("(.+):%d", scrape->declared);
    _cleanup_free_ char *served = str_printf("$1:%d", scrape->served);

    return relabelling(in, (struct relabelling){"__address__", declared, .to = "__address__", .replacement = served});
}

/* --- Prometheus' own configuration --- */

static json_t *of_services(const struct mesh_scrape *scrape)
{
    return ARRAY(
        ITEM_VALUE(keep(&in_file, META "service_name", scrape->services)),
        ITEM_VALUE(keep(&in_file, META "endpoint_port_name", scrape->port)),
        ITEM_VALUE(copy(&in_file, META "service_label_app", "app")));
}

static json_t *of_pods(const struct mesh_scrape *scrape)
{
    return ARRAY(
        ITEM_VALUE(keep(&in_file, META "pod_container_port_name", scrape->port)),
        ITEM_VALUE(keep(&in_file, META "pod_phase", "Pending|Running")),
        ITEM_VALUE(relabelling(
            &in_file, (struct relabelling){META "pod_labelpresent_" IGNORED_META, "true", .action = "drop"})),
        OPT(scrape->served, ITEM_VALUE(address(&in_file, scrape))));
}

static json_t *discovery(const struct mesh_env *env, const struct mesh_scrape *scrape)
{
    return OBJECT(
        STRING("role", scrape->services ? "endpoints" : "pod"),
        OPT(scrape->services, MAP("namespaces", STRINGS("names", scrape == &own ? own_namespace(env) : env->ns))));
}

/* Its metrics say themselves which mesh's namespace they are about. */
static json_t *file_of_own(const struct mesh_env *env)
{
    return OBJECT(
        BOOL("honor_labels", true),
        STRING("scheme", "https"),
        STRING("bearer_token_file", TOKEN_FILE),
        MAP("tls_config", STRING("ca_file", AUTHORITIES_FILE), server_name(env, "server_name")));
}

static json_t *job(const struct mesh_env *env, const struct mesh_scrape *scrape)
{
    return OBJECT(
        STRING("job_name", scrape->job),
        STRING("scrape_interval", env->spec->monitoring.prometheus.interval),
        STRING("metrics_path", scrape->path),
        OPT(scrape == &own, ROWS(file_of_own(env))),
        SEQ("kubernetes_sd_configs", ITEM_VALUE(discovery(env, scrape))),
        SEQ("relabel_configs",
            ROWS(scrape->services ? of_services(scrape) : of_pods(scrape)),
            ITEM_VALUE(copy(&in_file, META "namespace", "namespace")),
            ITEM_VALUE(copy(&in_file, META "pod_name", "pod"))));
}

static const char *namespace(const struct mesh_env *env)
{
    return str_or(env->spec->monitoring.prometheus.ns, env->ns);
}

static json_t *metadata(const struct mesh_env *env, const char *name, const char *ns)
{
    const json_t *labels = env->spec->monitoring.prometheus.labels;

    return OBJECT(STRING("name", name), STRING("namespace", ns), OPT(labels, VALUE("labels", doc_copy(labels))));
}

/* Takes over `file`. */
static struct row text_of(const char *name, json_t *file)
{
    _cleanup_json_ json_t *printed = file;
    _cleanup_buf_ struct buf text = BUF_INIT;

    yaml_print_ordered(printed, &text);
    return STRING(name, buf_str(&text));
}

/* Files for `scrape_config_files` and for `rule_files`. */
static void scrape_config(const struct mesh_env *env, struct rendered_list *out)
{
    json_t *jobs = json_array();

    for (const struct mesh_scrape *scrape = env->release->line->scrapes; scrape->job; scrape++)
        json_array_append_new(jobs, job(env, scrape));
    json_array_append_new(jobs, job(env, &own));
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", metadata(env, MESH_SCRAPE_CONFIG, namespace(env))),
            MAP("data",
                text_of(MESH_SCRAPE_FILE, OBJECT(VALUE("scrape_configs", jobs))),
                text_of(MESH_RULES_FILE, mesh_alert_rules()))));
}

/* --- the Prometheus operator's objects --- */

static json_t *of_job(const struct mesh_scrape *scrape)
{
    return relabelling(&in_object, (struct relabelling){.to = "job", .replacement = scrape->job});
}

/* The Prometheus operator reads the Secret: that is why the monitor is in its namespace. */
static json_t *object_of_own(const struct mesh_env *env)
{
    return OBJECT(
        BOOL("honorLabels", true),
        STRING("scheme", "https"),
        STRING("bearerTokenFile", TOKEN_FILE),
        MAP("tlsConfig",
            MAP("ca", MAP("secret", STRING("name", WEBHOOK_SECRET), STRING("key", WEBHOOK_AUTHORITIES))),
            server_name(env, "serverName")));
}

static json_t *endpoint(const struct mesh_env *env, const struct mesh_scrape *scrape, json_t *relabellings)
{
    return OBJECT(
        STRING("port", scrape->port),
        STRING("path", scrape->path),
        STRING("interval", env->spec->monitoring.prometheus.interval),
        OPT(scrape == &own, ROWS(object_of_own(env))),
        VALUE("relabelings", relabellings));
}

static json_t *service_endpoint(const struct mesh_env *env, const struct mesh_scrape *scrape)
{
    return endpoint(
        env,
        scrape,
        ARRAY(
            ITEM_VALUE(keep(&in_object, META "service_name", scrape->services)),
            ITEM_VALUE(copy(&in_object, META "service_label_app", "app")),
            ITEM_VALUE(of_job(scrape))));
}

static json_t *pod_endpoint(const struct mesh_env *env, const struct mesh_scrape *scrape)
{
    return endpoint(
        env, scrape, ARRAY(OPT(scrape->served, ITEM_VALUE(address(&in_object, scrape))), ITEM_VALUE(of_job(scrape))));
}

/* Of the namespace `of`; takes over the others. */
static json_t *service_monitor(json_t *named, const char *of, json_t *endpoints)
{
    return OBJECT(
        VALUE("metadata", named),
        MAP("spec",
            MAP("namespaceSelector", STRINGS("matchNames", of)),
            MAP("selector"),
            VALUE("endpoints", endpoints)));
}

/* One for all Services and one for all Pods, by the names of Istio's samples, and the operator's own. */
static void monitors(const struct mesh_env *env, struct rendered_list *out)
{
    json_t *services = json_array(), *pods = json_array();

    for (const struct mesh_scrape *scrape = env->release->line->scrapes; scrape->job; scrape++)
        if (scrape->services)
            json_array_append_new(services, service_endpoint(env, scrape));
        else
            json_array_append_new(pods, pod_endpoint(env, scrape));
    mesh_add(
        env,
        out,
        "ServiceMonitor",
        service_monitor(metadata(env, MESH_SERVICE_MONITOR, namespace(env)), env->ns, services));
    mesh_add(
        env,
        out,
        "ServiceMonitor",
        service_monitor(
            metadata(env, MESH_OWN_MONITOR, own_namespace(env)),
            own_namespace(env),
            ARRAY(ITEM_VALUE(service_endpoint(env, &own)))));
    mesh_add(
        env,
        out,
        "PrometheusRule",
        OBJECT(VALUE("metadata", metadata(env, MESH_OWN_RULES, namespace(env))), VALUE("spec", mesh_alert_rules())));
    if (json_array_size(pods))
        mesh_add(
            env,
            out,
            "PodMonitor",
            OBJECT(
                VALUE("metadata", metadata(env, MESH_POD_MONITOR, namespace(env))),
                MAP("spec",
                    MAP("namespaceSelector", BOOL("any", true)),
                    MAP("selector",
                        SEQ("matchExpressions",
                            ITEM(STRING("key", IGNORED_LABEL), STRING("operator", "DoesNotExist")))),
                    VALUE("podMetricsEndpoints", json_incref(pods)))));
    json_decref(pods);
}

void mesh_scrapes(const struct mesh_env *env, struct rendered_list *out)
{
    const char *mode = env->spec->monitoring.prometheus.mode;
    const size_t before = out->len;

    if (str_eq(mode, ISTIO_PROMETHEUS_SCRAPE_CONFIG))
        scrape_config(env, out);
    else if (str_eq(mode, ISTIO_PROMETHEUS_OPERATOR))
        monitors(env, out);
    rendered_set_apart(out, before, MESH_APART_MONITORS);
}
