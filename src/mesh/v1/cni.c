/*
 * The CNI plugin of Istio 1.1: redirects the traffic of Pods to their proxies from the node, so that no Pod needs an
 * init container with rights for that. A DaemonSet installs it on each node.
 *
 * Facts: the chart istio-cni 1.1.17 (repository istio/cni).
 */
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/v1/v1.h"

#define ACCOUNT "istio-cni"
#define CONFIG "istio-cni-config"
#define CONFIG_KEY "cni_network_config"
#define SELECTOR STRING("k8s-app", V1_CNI_DAEMON_SET)

static const struct v1_cni *cni_of(const struct mesh_env *env)
{
    return &v1_of(env->spec)->cni;
}

static json_t *excluded(const struct mesh_env *env)
{
    const json_t *names = cni_of(env)->exclude_namespaces;

    return names ? doc_copy(names) : ARRAY(ITEM_STRING(env->ns));
}

/* What the installer adds to the nodes' network configuration; it knows the path of the kubeconfig that it writes. */
static char *network_config(const struct mesh_env *env)
{
    const struct v1_cni *cni = cni_of(env);
    _cleanup_json_ json_t *config = OBJECT(
        STRING("type", "istio-cni"),
        STRING("log_level", cni->log_level),
        MAP("kubernetes",
            STRING("kubeconfig", "__KUBECONFIG_FILEPATH__"),
            STRING("cni_bin_dir", cni->bin_dir),
            VALUE("exclude_namespaces", excluded(env))));

    return doc_text(config);
}

static json_t *container(const struct mesh_env *env)
{
    const struct v1_cni *cni = cni_of(env);

    return OBJECT(
        STRING("name", "install-cni"),
        VALUE("image", mesh_image(env, cni->component.image, "install-cni")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        STRINGS("command", "/install-cni.sh"),
        SEQ("env",
            ITEM(
                STRING("name", "CNI_NETWORK_CONFIG"),
                MAP("valueFrom", MAP("configMapKeyRef", STRING("name", CONFIG), STRING("key", CONFIG_KEY)))),
            ITEM_VALUE(mesh_env_value("CNI_NET_DIR", cni->conf_dir))),
        OPT(cni->component.resources, VALUE("resources", json_incref(cni->component.resources))),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount("cni-bin-dir", "/host/opt/cni/bin")),
            ITEM_VALUE(mesh_mount("cni-net-dir", "/host/etc/cni/net.d"))));
}

static json_t *folder(const char *name, const char *path)
{
    return OBJECT(STRING("name", name), MAP("hostPath", STRING("path", path)));
}

/* On every node, whatever keeps other Pods from it. */
static json_t *every_taint(void)
{
    return ARRAY(
        ITEM(STRING("effect", "NoSchedule"), STRING("operator", "Exists")),
        ITEM(STRING("key", "CriticalAddonsOnly"), STRING("operator", "Exists")),
        ITEM(STRING("effect", "NoExecute"), STRING("operator", "Exists")));
}

static json_t *pod(const struct mesh_env *env)
{
    const struct v1_cni *cni = cni_of(env);
    const struct component_spec *c = &cni->component;

    return OBJECT(
        MAP("metadata",
            MAP("labels", SELECTOR),
            MAP("annotations",
                STRING("scheduler.alpha.kubernetes.io/critical-pod", ""),
                STRING("sidecar.istio.io/inject", "false"))),
        MAP("spec",
            MAP("nodeSelector",
                OPT(c->node_selector, ROWS(doc_copy(c->node_selector))),
                STRING("beta.kubernetes.io/os", "linux")),
            OPT(c->affinity, VALUE("affinity", doc_copy(c->affinity))),
            VALUE("tolerations", c->tolerations ? doc_copy(c->tolerations) : every_taint()),
            BOOL("hostNetwork", true),
            STRING("serviceAccountName", ACCOUNT),
            INT("terminationGracePeriodSeconds", 5),
            SEQ("containers", ITEM_VALUE(container(env))),
            SEQ("volumes",
                ITEM_VALUE(folder("cni-bin-dir", cni->bin_dir)),
                ITEM_VALUE(folder("cni-net-dir", cni->conf_dir)))));
}

static void add_daemon_set(const struct mesh_env *env, struct rendered_list *out)
{
    struct rendered *daemon_set = mesh_add(
        env,
        out,
        "DaemonSet",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, V1_CNI_DAEMON_SET, OBJECT(SELECTOR))),
            MAP("spec",
                MAP("selector", MAP("matchLabels", SELECTOR)),
                MAP("updateStrategy", STRING("type", "RollingUpdate"), MAP("rollingUpdate", INT("maxUnavailable", 1))),
                VALUE("template", pod(env)))));

    if (daemon_set)
        daemon_set->restart_on = "ConfigMap/" CONFIG;
}

void v1_cni_plugin(const struct mesh_env *env, struct rendered_list *out)
{
    _cleanup_free_ char *config = NULL;

    if (!cni_of(env)->component.enabled && !env->cni.stays)
        return;
    config = network_config(env);
    mesh_service_account(env, out, ACCOUNT, NULL);
    mesh_add(
        env,
        out,
        "ClusterRole",
        OBJECT(
            VALUE("metadata", mesh_cluster_metadata(ACCOUNT, NULL)),
            SEQ("rules", ITEM_VALUE(mesh_rule("", WORDS("pods", "nodes"), WORDS("get"))))));
    mesh_add(
        env,
        out,
        "ClusterRoleBinding",
        mesh_binding(env, mesh_cluster_metadata(ACCOUNT, NULL), "ClusterRole", ACCOUNT, ACCOUNT));
    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(VALUE("metadata", mesh_metadata(env, CONFIG, NULL)), MAP("data", STRING(CONFIG_KEY, config))));
    add_daemon_set(env, out);
}

bool v1_cni_is_used(const struct mesh_env *env)
{
    return cni_of(env)->component.enabled && !env->cni.waits;
}

/* The init container is in the template otherwise. */
bool v1_cni_is_in(const json_t *injection_config)
{
    const char *text = doc_string(injection_config, "data", "config");

    return text && !strstr(text, "istio-init");
}

/*
 * Istio 1.1 has nothing in a Pod that checks the redirection, and where the plugin cannot read a Pod it lets it run as
 * it is. A Pod whose mode is NONE wants none.
 */
bool v1_cni_relies(const json_t *pod)
{
    static const char mode[] = "sidecar.istio.io/interceptionMode";
    _cleanup_free_ char *version = v1_sidecar_version_of_pod(pod);
    const json_t *spec = doc_at(pod, "spec");

    return version && doc_find(doc_at(spec, "containers"), "name", "istio-proxy") &&
           !doc_find(doc_at(spec, "initContainers"), "name", "istio-init") &&
           !str_eq(doc_string(pod, "metadata", "annotations", mode), "NONE");
}

bool v1_cni_excludes(const struct istio_spec *spec, const char *ns, const char *name)
{
    const json_t *names = v1_of(spec)->cni.exclude_namespaces;
    json_t *excluded;
    size_t i;

    if (!names)
        return str_eq(name, ns);
    json_array_foreach((json_t *)names, i, excluded)
        if (str_eq(json_string_value(excluded), name))
            return true;
    return false;
}
