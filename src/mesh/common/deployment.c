#include "mesh/common/objects.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

/* Percent of the requested CPU that an autoscaler aims at. */
#define TARGET_CPU 80

static const char *const replicas_are_foreign[] = {"spec.replicas", NULL};

static bool autoscaled(const struct component_spec *c)
{
    return c->max_replicas > c->min_replicas;
}

static json_t *prefer_arch(const char *arch)
{
    return OBJECT(
        INT("weight", 2),
        MAP("preference",
            SEQ("matchExpressions",
                ITEM(STRING("key", "beta.kubernetes.io/arch"), STRING("operator", "In"), STRINGS("values", arch)))));
}

/* The architectures that Istio's images are built for. */
static json_t *default_affinity(void)
{
    return OBJECT(
        MAP("nodeAffinity",
            MAP("requiredDuringSchedulingIgnoredDuringExecution",
                SEQ("nodeSelectorTerms",
                    ITEM(
                        SEQ("matchExpressions",
                            ITEM(
                                STRING("key", "beta.kubernetes.io/arch"),
                                STRING("operator", "In"),
                                STRINGS("values", "amd64", "ppc64le", "s390x")))))),
            SEQ("preferredDuringSchedulingIgnoredDuringExecution",
                ITEM_VALUE(prefer_arch("amd64")),
                ITEM_VALUE(prefer_arch("ppc64le")),
                ITEM_VALUE(prefer_arch("s390x")))));
}

static json_t *copy_or_absent(const json_t *value)
{
    return value ? doc_copy(value) : NULL;
}

json_t *mesh_placement(const struct component_spec *c)
{
    return OBJECT(
        VALUE("nodeSelector", copy_or_absent(c->node_selector)),
        VALUE("affinity", c->affinity ? doc_copy(c->affinity) : default_affinity()),
        VALUE("tolerations", copy_or_absent(c->tolerations)));
}

static json_t *pod_template(const struct deployment *what)
{
    const struct component_spec *c = what->component;

    return OBJECT(
        MAP("metadata",
            VALUE("labels", json_incref(what->pod_labels)),
            MAP("annotations",
                STRING("sidecar.istio.io/inject", "false"),
                OPT(!what->not_critical, STRING("scheduler.alpha.kubernetes.io/critical-pod", "")))),
        MAP("spec",
            STRING("serviceAccountName", what->service_account),
            VALUE("containers", what->containers),
            VALUE("volumes", what->volumes),
            ROWS(mesh_placement(c))));
}

/* The target of a metric has two forms; v2beta2 and v2 share one. */
static json_t *cpu_target(const char *version)
{
    if (str_eq(version, "v2beta1"))
        return OBJECT(STRING("name", "cpu"), INT("targetAverageUtilization", TARGET_CPU));
    return OBJECT(
        STRING("name", "cpu"), MAP("target", STRING("type", "Utilization"), INT("averageUtilization", TARGET_CPU)));
}

/* Takes over `labels`. */
static void add_autoscaler(
    const struct mesh_env *env, struct rendered_list *out, const char *name, const struct component_spec *component,
    json_t *labels)
{
    mesh_add(
        env,
        out,
        "HorizontalPodAutoscaler",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, labels)),
            MAP("spec",
                MAP("scaleTargetRef",
                    STRING("apiVersion", "apps/v1"),
                    STRING("kind", "Deployment"),
                    STRING("name", name)),
                INT("minReplicas", component->min_replicas),
                INT("maxReplicas", component->max_replicas),
                SEQ("metrics",
                    ITEM(
                        STRING("type", "Resource"),
                        VALUE("resource", cpu_target(mesh_version(env, "HorizontalPodAutoscaler"))))))));
}

/* Takes over `labels` and `pod_labels`. */
static void
add_budget(const struct mesh_env *env, struct rendered_list *out, const char *name, json_t *labels, json_t *pod_labels)
{
    mesh_add(
        env,
        out,
        "PodDisruptionBudget",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, labels)),
            MAP("spec", INT("minAvailable", 1), MAP("selector", VALUE("matchLabels", pod_labels)))));
}

void mesh_deployment(const struct mesh_env *env, struct rendered_list *out, struct deployment what)
{
    const struct component_spec *c = what.component;
    json_t *selector = what.selector ? what.selector : json_incref(what.pod_labels);
    struct rendered *deployment;

    deployment = mesh_add(
        env,
        out,
        "Deployment",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, what.name, what.labels)),
            MAP("spec",
                INT("replicas", c->replica_count),
                MAP("selector", VALUE("matchLabels", json_incref(selector))),
                VALUE("strategy", what.strategy),
                VALUE("template", pod_template(&what)))));
    if (deployment) {
        deployment->foreign = autoscaled(c) ? replicas_are_foreign : NULL;
        deployment->restart_on = what.restart_on;
    }
    if (autoscaled(c))
        add_autoscaler(env, out, what.name, c, json_incref(what.scaling_labels));
    if (env->spec->default_pod_disruption_budget && (what.always_budget || c->min_replicas > 1))
        add_budget(env, out, what.name, json_incref(what.scaling_labels), json_incref(selector));
    json_decref(selector);
    json_decref(what.pod_labels);
    json_decref(what.scaling_labels);
}

void mesh_scaled_deployment(const struct mesh_env *env, struct rendered_list *out, struct scaled_deployment what)
{
    _cleanup_free_ char *name = str_dup(doc_string(what.deployment, "metadata", "name"));
    const struct component_spec *c = what.component;
    struct rendered *deployment;

    json_object_set_new(json_object_get(what.deployment, "spec"), "replicas", json_integer(c->replica_count));
    deployment = mesh_add(env, out, "Deployment", what.deployment);
    if (deployment) {
        deployment->foreign = autoscaled(c) ? replicas_are_foreign : NULL;
        deployment->after = what.after;
        deployment->inherits = what.inherits;
        deployment->asked = what.asked;
    }
    if (autoscaled(c))
        add_autoscaler(env, out, name, c, json_incref(what.labels));
    if (env->spec->default_pod_disruption_budget && c->min_replicas > 1)
        add_budget(env, out, name, json_incref(what.labels), json_incref(what.selector));
    json_decref(what.labels);
    json_decref(what.selector);
}
