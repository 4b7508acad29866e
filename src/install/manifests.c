#include "install/manifests.h"

#include "api/crd.h"
#include "base/str.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "install/rights.h"
#include "mesh/mesh.h"
#include "serve/webhook.h"

#define ROLE "istio-operator-manager"
#define REMOTE_NAME "istio-operator-remote"
#define HEALTH_PORT 8080
#define TLS_PORT 9443
#define NOBODY 65534

static json_t *labels(void)
{
    return OBJECT(STRING("app", "istio-operator"), STRING("control-plane", "controller-manager"));
}

static json_t *namespace(const struct manifest_options *o)
{
    return OBJECT(STRING("apiVersion", "v1"), STRING("kind", "Namespace"), MAP("metadata", STRING("name", o->ns)));
}

static json_t *service_account(const struct manifest_options *o, const char *name)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ServiceAccount"),
        MAP("metadata", STRING("name", name), STRING("namespace", o->ns), VALUE("labels", labels())));
}

static json_t *cluster_role(const char *name, unsigned role)
{
    return OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRole"),
        MAP("metadata", STRING("name", name), VALUE("labels", labels())),
        VALUE("rules", rights_rules(role)));
}

static json_t *cluster_role_binding(const struct manifest_options *o, const char *name, const char *account)
{
    return OBJECT(
        STRING("apiVersion", "rbac.authorization.k8s.io/v1"),
        STRING("kind", "ClusterRoleBinding"),
        MAP("metadata", STRING("name", name), VALUE("labels", labels())),
        MAP("roleRef",
            STRING("apiGroup", "rbac.authorization.k8s.io"),
            STRING("kind", "ClusterRole"),
            STRING("name", name)),
        SEQ("subjects", ITEM(STRING("kind", "ServiceAccount"), STRING("name", account), STRING("namespace", o->ns))));
}

static json_t *service(const struct manifest_options *o)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Service"),
        MAP("metadata", STRING("name", OPERATOR_NAME), STRING("namespace", o->ns), VALUE("labels", labels())),
        MAP("spec",
            VALUE("selector", labels()),
            SEQ("ports",
                ITEM(STRING("name", "https-webhook"), INT("port", 443), STRING("targetPort", "https")),
                ITEM(STRING("name", OPERATOR_METRICS_PORT), INT("port", 8443), STRING("targetPort", "https")))));
}

static json_t *probe(const char *path)
{
    return OBJECT(MAP("httpGet", STRING("path", path), STRING("port", "health")), INT("periodSeconds", 5));
}

static json_t *manager(const struct manifest_options *o)
{
    return OBJECT(
        STRING("name", "manager"),
        STRING("image", o->image),
        SEQ("args",
            ITEM_STRING("run"),
            ITEM_STRING("--metrics-addr"),
            ITEM_STRING(":8080"),
            ITEM_STRING("--webhook-addr"),
            ITEM_STRING(":9443"),
            ITEM_STRING("--secure-metrics"),
            OPT(o->replicas > 1, ITEM_STRING("--leader-elect"))),
        SEQ("ports",
            ITEM(STRING("name", "health"), INT("containerPort", HEALTH_PORT)),
            ITEM(STRING("name", "https"), INT("containerPort", TLS_PORT))),
        VALUE("livenessProbe", probe("/healthz")),
        VALUE("readinessProbe", probe("/readyz")),
        MAP("resources",
            MAP("requests", STRING("cpu", "10m"), STRING("memory", "16Mi")),
            MAP("limits", STRING("memory", "128Mi"))),
        MAP("securityContext",
            BOOL("allowPrivilegeEscalation", false),
            BOOL("readOnlyRootFilesystem", true),
            MAP("capabilities", STRINGS("drop", "ALL"))));
}

/* On another node than its siblings, where there is one. */
static json_t *apart(void)
{
    return OBJECT(
        MAP("podAntiAffinity",
            SEQ("preferredDuringSchedulingIgnoredDuringExecution",
                ITEM(
                    INT("weight", 100),
                    MAP("podAffinityTerm",
                        MAP("labelSelector", VALUE("matchLabels", labels())),
                        STRING("topologyKey", "kubernetes.io/hostname"))))));
}

/* The row of a kind's API version: the newest that is served there, of those that the operator knows. */
static struct row api_version(const char *group, const char *name, int minor)
{
    _cleanup_free_ char *any = str_printf("%s/v1", group);
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, any, name);

    return FORMAT("apiVersion", "%s/%s", group, kube_kind_version_for(kind, minor));
}

static json_t *disruption_budget(const struct manifest_options *o)
{
    return OBJECT(
        api_version("policy", "PodDisruptionBudget", o->minor),
        STRING("kind", "PodDisruptionBudget"),
        MAP("metadata", STRING("name", OPERATOR_NAME), STRING("namespace", o->ns), VALUE("labels", labels())),
        MAP("spec", INT("maxUnavailable", 1), MAP("selector", VALUE("matchLabels", labels()))));
}

/* Replaces the field, which came with 1.19; NULL: the field exists. 1.10 knows the profile by its former name. */
static const char *seccomp_annotation(int minor)
{
    return minor >= 19 ? NULL : minor >= 11 ? "runtime/default" : "docker/default";
}

static json_t *stateful_set(const struct manifest_options *o)
{
    return OBJECT(
        STRING("apiVersion", "apps/v1"),
        STRING("kind", "StatefulSet"),
        MAP("metadata", STRING("name", OPERATOR_NAME), STRING("namespace", o->ns), VALUE("labels", labels())),
        MAP("spec",
            INT("replicas", o->replicas),
            STRING("serviceName", OPERATOR_NAME),
            MAP("selector", VALUE("matchLabels", labels())),
            MAP("template",
                MAP("metadata",
                    VALUE("labels", labels()),
                    MAP("annotations",
                        STRING("sidecar.istio.io/inject", "false"),
                        STRING("seccomp.security.alpha.kubernetes.io/pod", seccomp_annotation(o->minor)))),
                MAP("spec",
                    STRING("serviceAccountName", OPERATOR_NAME),
                    INT("terminationGracePeriodSeconds", 10),
                    OPT(o->replicas > 1, VALUE("affinity", apart())),
                    MAP("securityContext",
                        BOOL("runAsNonRoot", true),
                        INT("runAsUser", NOBODY),
                        INT("runAsGroup", NOBODY),
                        OPT(o->minor >= 19, MAP("seccompProfile", STRING("type", "RuntimeDefault")))),
                    SEQ("containers", ITEM_VALUE(manager(o)))))));
}

int64_t manifests_replicas_most(int minor)
{
    return minor >= 14 ? MANIFEST_REPLICAS_MOST : 1;
}

json_t *manifests_crds(int minor)
{
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, "apiextensions.k8s.io/v1", "CustomResourceDefinition");
    json_t *definitions = json_array();

    for (const struct api_resource *const *r = api_resources; *r; r++) {
        json_t *definition = api_crd(*r, kube_kind_version_for(kind, minor));
        if (minor < 11)
            json_object_del(doc_at(definition, "spec"), "additionalPrinterColumns");
        json_array_append_new(definitions, definition);
    }
    return definitions;
}

json_t *manifests_all(const struct manifest_options *o)
{
    return ARRAY(
        ROWS(manifests_crds(o->minor)),
        ITEM_VALUE(namespace(o)),
        ITEM_VALUE(service_account(o, OPERATOR_NAME)),
        ITEM_VALUE(cluster_role(ROLE, MESH_CENTRAL)),
        ITEM_VALUE(cluster_role_binding(o, ROLE, OPERATOR_NAME)),
        ITEM_VALUE(service(o)),
        ITEM_VALUE(webhook_configuration(
            kube_kind_version_for(WEBHOOK_KIND_CONFIGURATION, o->minor), o->minor, o->ns, NULL, NULL)),
        OPT(o->replicas > 1, ITEM_VALUE(disruption_budget(o))),
        ITEM_VALUE(stateful_set(o)));
}

json_t *manifests_remote(const struct manifest_options *o)
{
    return ARRAY(
        ITEM_VALUE(namespace(o)),
        ITEM_VALUE(service_account(o, REMOTE_NAME)),
        ITEM_VALUE(cluster_role(REMOTE_NAME, MESH_REMOTE)),
        ITEM_VALUE(cluster_role_binding(o, REMOTE_NAME, REMOTE_NAME)));
}
