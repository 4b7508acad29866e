/*
 * What tells Prometheus what there is to scrape.
 *
 * Sources: Prometheus' documentation, "Configuration" (kubernetes_sd_configs, relabel_config: regular expressions match
 * the whole text); the Prometheus operator's API reference, monitoring.coreos.com/v1.
 */
#include "mesh/common/scrapes.h"

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/common/objects.h"

/* Pods that are not to be scraped have this label, as in Istio's samples. */
#define IGNORED_LABEL "istio-prometheus-ignore"
#define IGNORED_META "istio_prometheus_ignore"
#define META "__meta_kubernetes_"

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
        OPT(scrape->services, MAP("namespaces", STRINGS("names", env->ns))));
}

static json_t *job(const struct mesh_env *env, const struct mesh_scrape *scrape)
{
    return OBJECT(
        STRING("job_name", scrape->job),
        STRING("scrape_interval", env->spec->monitoring.prometheus.interval),
        STRING("metrics_path", scrape->path),
        SEQ("kubernetes_sd_configs", ITEM_VALUE(discovery(env, scrape))),
        SEQ("relabel_configs",
            ROWS(scrape->services ? of_services(scrape) : of_pods(scrape)),
            ITEM_VALUE(copy(&in_file, META "namespace", "namespace")),
            ITEM_VALUE(copy(&in_file, META "pod_name", "pod"))));
}

static json_t *metadata(const struct mesh_env *env, const char *name)
{
    const json_t *labels = env->spec->monitoring.prometheus.labels;

    return OBJECT(
        STRING("name", name),
        STRING("namespace", str_or(env->spec->monitoring.prometheus.ns, env->ns)),
        OPT(labels, VALUE("labels", doc_copy(labels))));
}

static void add(const struct mesh_env *env, struct rendered_list *out, const char *kind, json_t *object)
{
    struct rendered *added = mesh_add(env, out, kind, object);

    if (added)
        added->apart = MESH_APART_MONITORS;
}

/* A file for `scrape_config_files`. */
static void scrape_config(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_json_ json_t *jobs = json_array(), *file = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (const struct mesh_scrape *scrape = env->release->line->scrapes; scrape->job; scrape++)
        json_array_append_new(jobs, job(env, scrape));
    file = OBJECT(VALUE("scrape_configs", json_incref(jobs)));
    yaml_print_ordered(file, &text);
    add(env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", metadata(env, MESH_SCRAPE_CONFIG)), MAP("data", STRING("istio.yaml", buf_str(&text)))));
}

/* --- the Prometheus operator's objects --- */

static json_t *of_job(const struct mesh_scrape *scrape)
{
    return relabelling(&in_object, (struct relabelling){.to = "job", .replacement = scrape->job});
}

static json_t *endpoint(const struct mesh_env *env, const struct mesh_scrape *scrape, json_t *relabellings)
{
    return OBJECT(
        STRING("port", scrape->port),
        STRING("path", scrape->path),
        STRING("interval", env->spec->monitoring.prometheus.interval),
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

/* One for all Services and one for all Pods, by the names of Istio's samples. */
static void monitors(const struct mesh_env *env, struct rendered_list *out)
{
    json_t *services = json_array(), *pods = json_array();

    for (const struct mesh_scrape *scrape = env->release->line->scrapes; scrape->job; scrape++)
        if (scrape->services)
            json_array_append_new(services, service_endpoint(env, scrape));
        else
            json_array_append_new(pods, pod_endpoint(env, scrape));
    add(env,
        out,
        "ServiceMonitor",
        OBJECT(
            VALUE("metadata", metadata(env, MESH_SERVICE_MONITOR)),
            MAP("spec",
                MAP("namespaceSelector", STRINGS("matchNames", env->ns)),
                MAP("selector"),
                VALUE("endpoints", services))));
    if (json_array_size(pods))
        add(env,
            out,
            "PodMonitor",
            OBJECT(
                VALUE("metadata", metadata(env, MESH_POD_MONITOR)),
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

    if (str_eq(mode, ISTIO_PROMETHEUS_SCRAPE_CONFIG))
        scrape_config(env, out);
    else if (str_eq(mode, ISTIO_PROMETHEUS_OPERATOR))
        monitors(env, out);
}
