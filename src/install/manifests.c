#include "install/manifests.h"

#include "api/crd.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "install/rights.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "serve/webhook.h"

#define ROLE "istio-operator-manager"
#define REMOTE_NAME "istio-operator-remote"
#define HEALTH_PORT 8080
#define TLS_PORT 9443
#define NOBODY 65534

static json_t *labels(void)
{
    return OBJECT(S("app", "istio-operator"), S("control-plane", "controller-manager"));
}

static json_t *namespace(const struct manifest_options *o)
{
    return OBJECT(S("apiVersion", "v1"), S("kind", "Namespace"), MAP("metadata", S("name", o->ns)));
}

static json_t *service_account(const struct manifest_options *o, const char *name)
{
    return OBJECT(
        S("apiVersion", "v1"),
        S("kind", "ServiceAccount"),
        MAP("metadata", S("name", name), S("namespace", o->ns), V("labels", labels())));
}

static json_t *cluster_role(const char *name, unsigned role)
{
    return OBJECT(
        S("apiVersion", "rbac.authorization.k8s.io/v1"),
        S("kind", "ClusterRole"),
        MAP("metadata", S("name", name), V("labels", labels())),
        V("rules", rights_rules(role)));
}

static json_t *cluster_role_binding(const struct manifest_options *o, const char *name, const char *account)
{
    return OBJECT(
        S("apiVersion", "rbac.authorization.k8s.io/v1"),
        S("kind", "ClusterRoleBinding"),
        MAP("metadata", S("name", name), V("labels", labels())),
        MAP("roleRef", S("apiGroup", "rbac.authorization.k8s.io"), S("kind", "ClusterRole"), S("name", name)),
        SEQ("subjects", ITEM(S("kind", "ServiceAccount"), S("name", account), S("namespace", o->ns))));
}

static json_t *service(const struct manifest_options *o)
{
    return OBJECT(
        S("apiVersion", "v1"),
        S("kind", "Service"),
        MAP("metadata", S("name", OPERATOR_NAME), S("namespace", o->ns), V("labels", labels())),
        MAP("spec",
            V("selector", labels()),
            SEQ("ports",
                ITEM(S("name", "https-webhook"), N("port", 443), S("targetPort", "https")),
                ITEM(S("name", "https-metrics"), N("port", 8443), S("targetPort", "https")))));
}

static json_t *probe(const char *path)
{
    return OBJECT(MAP("httpGet", S("path", path), S("port", "health")), N("periodSeconds", 5));
}

static json_t *manager(const struct manifest_options *o)
{
    return OBJECT(
        S("name", "manager"),
        S("image", o->image),
        SEQ("args",
            ITEM_S("run"),
            ITEM_S("--metrics-addr"),
            ITEM_S(":8080"),
            ITEM_S("--webhook-addr"),
            ITEM_S(":9443"),
            ITEM_S("--secure-metrics"),
            OPT(o->replicas > 1, ITEM_S("--leader-elect"))),
        SEQ("ports",
            ITEM(S("name", "health"), N("containerPort", HEALTH_PORT)),
            ITEM(S("name", "https"), N("containerPort", TLS_PORT))),
        V("livenessProbe", probe("/healthz")),
        V("readinessProbe", probe("/readyz")),
        MAP("resources", MAP("requests", S("cpu", "10m"), S("memory", "16Mi")), MAP("limits", S("memory", "128Mi"))),
        MAP("securityContext",
            B("allowPrivilegeEscalation", false),
            B("readOnlyRootFilesystem", true),
            MAP("capabilities", STRINGS("drop", "ALL"))));
}

/* On another node than its siblings, where there is one. */
static json_t *apart(void)
{
    return OBJECT(
        MAP("podAntiAffinity",
            SEQ("preferredDuringSchedulingIgnoredDuringExecution",
                ITEM(
                    N("weight", 100),
                    MAP("podAffinityTerm",
                        MAP("labelSelector", V("matchLabels", labels())),
                        S("topologyKey", "kubernetes.io/hostname"))))));
}

/* The row of a kind's API version: the newest that is served there, of those that the operator knows. */
static struct row api_version(const char *group, const char *name, int minor)
{
    _cleanup_free_ char *any = str_printf("%s/v1", group);
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, any, name);

    return F("apiVersion", "%s/%s", group, kube_kind_version_for(kind, minor));
}

static json_t *disruption_budget(const struct manifest_options *o)
{
    return OBJECT(
        api_version("policy", "PodDisruptionBudget", o->minor),
        S("kind", "PodDisruptionBudget"),
        MAP("metadata", S("name", OPERATOR_NAME), S("namespace", o->ns), V("labels", labels())),
        MAP("spec", N("maxUnavailable", 1), MAP("selector", V("matchLabels", labels()))));
}

/* Replaces the field, which came with 1.19; NULL: the field exists. 1.10 knows the profile by its former name. */
static const char *seccomp_annotation(int minor)
{
    return minor >= 19 ? NULL : minor >= 11 ? "runtime/default" : "docker/default";
}

static json_t *stateful_set(const struct manifest_options *o)
{
    return OBJECT(
        S("apiVersion", "apps/v1"),
        S("kind", "StatefulSet"),
        MAP("metadata", S("name", OPERATOR_NAME), S("namespace", o->ns), V("labels", labels())),
        MAP("spec",
            N("replicas", o->replicas),
            S("serviceName", OPERATOR_NAME),
            MAP("selector", V("matchLabels", labels())),
            MAP("template",
                MAP("metadata",
                    V("labels", labels()),
                    MAP("annotations",
                        S("sidecar.istio.io/inject", "false"),
                        S("seccomp.security.alpha.kubernetes.io/pod", seccomp_annotation(o->minor)))),
                MAP("spec",
                    S("serviceAccountName", OPERATOR_NAME),
                    N("terminationGracePeriodSeconds", 10),
                    OPT(o->replicas > 1, V("affinity", apart())),
                    MAP("securityContext",
                        B("runAsNonRoot", true),
                        N("runAsUser", NOBODY),
                        N("runAsGroup", NOBODY),
                        OPT(o->minor >= 19, MAP("seccompProfile", S("type", "RuntimeDefault")))),
                    SEQ("containers", ITEM_V(manager(o)))))));
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
        ITEM_V(namespace(o)),
        ITEM_V(service_account(o, OPERATOR_NAME)),
        ITEM_V(cluster_role(ROLE, MESH_CENTRAL)),
        ITEM_V(cluster_role_binding(o, ROLE, OPERATOR_NAME)),
        ITEM_V(service(o)),
        ITEM_V(webhook_configuration(
            kube_kind_version_for(WEBHOOK_KIND_CONFIGURATION, o->minor), o->minor, o->ns, NULL, NULL)),
        OPT(o->replicas > 1, ITEM_V(disruption_budget(o))),
        ITEM_V(stateful_set(o)));
}

json_t *manifests_remote(const struct manifest_options *o)
{
    return ARRAY(
        ITEM_V(namespace(o)),
        ITEM_V(service_account(o, REMOTE_NAME)),
        ITEM_V(cluster_role(REMOTE_NAME, MESH_REMOTE)),
        ITEM_V(cluster_role_binding(o, REMOTE_NAME, REMOTE_NAME)));
}
