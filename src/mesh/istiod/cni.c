/*
 * The CNI plugin: redirects the traffic of Pods to their proxies from the node, so that no Pod needs an init container
 * with rights for that. A DaemonSet installs it, and repairs Pods that started before their node had it.
 *
 * Facts: the chart cni of Istio 1.28 to 1.31, where it does not say otherwise.
 */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

#define ACCOUNT "istio-cni"
#define CONFIG "istio-cni-config"
#define REPAIR "istio-cni-repair"
#define QUOTA "istio-cni-resource-quota"
#define SELECTOR STRING("k8s-app", ISTIOD_CNI_DAEMON_SET)
#define CRITICAL "system-node-critical"

static const struct istiod_cni *cni_of(const struct mesh_env *env)
{
    return &istiod_of(env->spec)->cni;
}

static json_t *labels(const struct mesh_env *env)
{
    return OBJECT(STRING("app", ACCOUNT), STRING("istio.io/rev", istiod_revision(env)));
}

static void add_role(
    const struct mesh_env *env, struct rendered_list *out, const char *role, const char *binding,
    json_t *binding_labels, json_t *rules)
{
    mesh_add(
        env,
        out,
        "ClusterRole",
        OBJECT(VALUE("metadata", mesh_cluster_metadata(role, labels(env))), VALUE("rules", rules)));
    mesh_add(
        env,
        out,
        "ClusterRoleBinding",
        mesh_binding(env, mesh_cluster_metadata(binding, binding_labels), "ClusterRole", role, ACCOUNT));
}

static void add_roles(const struct mesh_env *env, struct rendered_list *out)
{
    add_role(
        env,
        out,
        ACCOUNT,
        ACCOUNT,
        labels(env),
        ARRAY(ITEM_VALUE(mesh_rule("", WORDS("pods", "nodes", "namespaces"), WORDS("get", "list", "watch")))));
    /* It finds Pods whose init container says that nothing was redirected. */
    add_role(
        env,
        out,
        REPAIR "-role",
        REPAIR "-rolebinding",
        OBJECT(STRING("k8s-app", REPAIR), STRING("istio.io/rev", istiod_revision(env))),
        ARRAY(
            ITEM_VALUE(mesh_rule("", WORDS("events"), WORDS("create", "patch"))),
            ITEM_VALUE(mesh_rule("", WORDS("pods"), WORDS("watch", "get", "list")))));
}

static json_t *joined(const json_t *names)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *name;
    size_t i;

    json_array_foreach((json_t *)names, i, name)
        buf_printf(&text, "%s%s", i ? "," : "", json_string_value(name));
    return json_string(buf_str(&text));
}

/* What ambient mode would read is off, and as in the chart: it makes no difference where a mesh is taken over. */
#define ENROLLED_PODS                                                                                                  \
    "- podSelector:\n    matchLabels:\n      istio.io/dataplane-mode: ambient\n"                                       \
    "- namespaceSelector:\n    matchLabels:\n      istio.io/dataplane-mode: ambient\n"                                 \
    "  podSelector:\n    matchExpressions:\n    - key: istio.io/dataplane-mode\n      operator: NotIn\n"               \
    "      values:\n      - none"

static void add_config(const struct mesh_env *env, struct rendered_list *out)
{
    const struct istiod_cni *cni = cni_of(env);
    struct istiod_cni_paths paths = istiod_cni_paths(env);

    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, CONFIG, labels(env))),
            MAP("data",
                STRING("CURRENT_AGENT_VERSION", str_or(env->spec->image_tag, env->spec->version)),
                STRING("AMBIENT_ENABLED", "false"),
                STRING("AMBIENT_DNS_CAPTURE", "true"),
                STRING("AMBIENT_IPV6", "true"),
                STRING(
                    "AMBIENT_RECONCILE_POD_RULES_ON_STARTUP",
                    istiod_differences(env)->no_rules_on_startup ? "false" : "true"),
                STRING("AMBIENT_ENABLEMENT_SELECTOR", ENROLLED_PODS),
                STRING("ENABLE_AMBIENT_DETECTION_RETRY", "false"),
                STRING("CNI_CONF_NAME", paths.conf_file_name),
                STRING("CHAINED_CNI_PLUGIN", paths.chained ? "true" : "false"),
                STRING("ISTIO_OWNED_CNI_CONFIG", "false"),
                VALUE("EXCLUDE_NAMESPACES", joined(cni->exclude_namespaces)),
                STRING("NATIVE_NFTABLES", "false"),
                STRING("REPAIR_ENABLED", "true"),
                STRING("REPAIR_REPAIR_PODS", "true"),
                STRING("REPAIR_LABEL_PODS", "false"),
                STRING("REPAIR_DELETE_PODS", "false"),
                STRING("REPAIR_INIT_CONTAINER_NAME", "istio-validation"),
                STRING("REPAIR_BROKEN_POD_LABEL_KEY", "cni.istio.io/uninitialized"),
                STRING("REPAIR_BROKEN_POD_LABEL_VALUE", "true"))));
}

static json_t *container(const struct mesh_env *env, const struct istiod_cni_paths *paths)
{
    const struct istiod_cni *cni = cni_of(env);

    return OBJECT(
        STRING("name", "install-cni"),
        VALUE("image", mesh_image(env, cni->component.image, "install-cni")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        STRINGS("command", "install-cni"),
        SEQ("args", ITEM_VALUE(json_sprintf("--log_output_level=%s", cni->log_level))),
        SEQ("ports", ITEM(STRING("name", "metrics"), INT("containerPort", 15014), STRING("protocol", "TCP"))),
        MAP("readinessProbe", MAP("httpGet", STRING("path", "/readyz"), INT("port", 8000))),
        MAP("securityContext",
            BOOL("privileged", false),
            BOOL("runAsNonRoot", false),
            INT("runAsUser", 0),
            INT("runAsGroup", 0),
            MAP("capabilities",
                STRINGS("drop", "ALL"),
                /* The rules of a Pod; to enter its network namespace; to write into the node's folders. */
                STRINGS("add", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_ADMIN", "DAC_OVERRIDE")),
            OPT(paths->selinux_type, MAP("seLinuxOptions", STRING("type", paths->selinux_type)))),
        SEQ("envFrom", ITEM(MAP("configMapRef", STRING("name", CONFIG)))),
        SEQ("env",
            ITEM_VALUE(mesh_env_field("REPAIR_NODE_NAME", "spec.nodeName")),
            ITEM_VALUE(mesh_env_value("REPAIR_RUN_AS_DAEMON", "true")),
            ITEM_VALUE(mesh_env_value("REPAIR_SIDECAR_ANNOTATION", "sidecar.istio.io/status")),
            ITEM_VALUE(mesh_env_value("ALLOW_SWITCH_TO_HOST_NS", "true")),
            ITEM_VALUE(mesh_env_field("NODE_NAME", "spec.nodeName")),
            ITEM_VALUE(mesh_env_limit("GOMEMLIMIT", "limits.memory")),
            ITEM_VALUE(mesh_env_limit("GOMAXPROCS", "limits.cpu")),
            ITEM_VALUE(mesh_env_field("POD_NAME", "metadata.name")),
            ITEM_VALUE(mesh_env_field("POD_NAMESPACE", "metadata.namespace"))),
        VALUE("resources", mesh_resources(cni->component.resources, "100m", "100Mi")),
        SEQ("volumeMounts",
            ITEM_VALUE(mesh_mount("cni-bin-dir", "/host/opt/cni/bin")),
            ITEM_VALUE(mesh_mount_read_only("cni-host-procfs", "/host/proc")),
            ITEM_VALUE(mesh_mount("cni-net-dir", "/host/etc/cni/net.d")),
            ITEM_VALUE(mesh_mount("cni-socket-dir", "/var/run/istio-cni"))));
}

/* A folder of the node; `type` may be NULL. */
static json_t *folder(const char *name, const char *path, const char *type)
{
    return OBJECT(STRING("name", name), MAP("hostPath", STRING("path", path), STRING("type", type)));
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
    const struct component_spec *component = &cni_of(env)->component;
    struct istiod_cni_paths paths = istiod_cni_paths(env);

    return OBJECT(
        MAP("metadata",
            MAP("labels",
                SELECTOR,
                STRING("istio.io/dataplane-mode", "none"),
                STRING("sidecar.istio.io/inject", "false")),
            MAP("annotations",
                STRING("container.apparmor.security.beta.kubernetes.io/install-cni", "unconfined"),
                STRING("prometheus.io/path", "/metrics"),
                STRING("prometheus.io/port", "15014"),
                STRING("prometheus.io/scrape", "true"),
                STRING("sidecar.istio.io/inject", "false"))),
        MAP("spec",
            STRING("serviceAccountName", ACCOUNT),
            STRING("priorityClassName", CRITICAL),
            INT("terminationGracePeriodSeconds", istiod_differences(env)->short_cni_end ? 5 : 30),
            MAP("nodeSelector",
                OPT(component->node_selector, ROWS(doc_copy(component->node_selector))),
                STRING("kubernetes.io/os", "linux")),
            OPT(component->affinity, VALUE("affinity", doc_copy(component->affinity))),
            VALUE("tolerations", component->tolerations ? doc_copy(component->tolerations) : every_taint()),
            SEQ("containers", ITEM_VALUE(container(env, &paths))),
            SEQ("volumes",
                ITEM_VALUE(folder("cni-bin-dir", paths.bin_dir, NULL)),
                ITEM_VALUE(folder("cni-host-procfs", "/proc", "Directory")),
                ITEM_VALUE(folder("cni-net-dir", paths.conf_dir, NULL)),
                ITEM_VALUE(folder("cni-socket-dir", "/var/run/istio-cni", NULL)),
                ITEM_VALUE(folder("cni-netns-dir", paths.netns_dir, "DirectoryOrCreate")))));
}

static void add_daemon_set(const struct mesh_env *env, struct rendered_list *out)
{
    struct rendered *daemon_set = mesh_add(
        env,
        out,
        "DaemonSet",
        OBJECT(
            VALUE(
                "metadata",
                mesh_metadata(
                    env, ISTIOD_CNI_DAEMON_SET, OBJECT(SELECTOR, STRING("istio.io/rev", istiod_revision(env))))),
            MAP("spec",
                MAP("selector", MAP("matchLabels", SELECTOR)),
                MAP("updateStrategy", STRING("type", "RollingUpdate"), MAP("rollingUpdate", INT("maxUnavailable", 1))),
                VALUE("template", pod(env)))));

    if (daemon_set)
        daemon_set->restart_on = "ConfigMap/" CONFIG;
}

/* GKE admits Pods of this priority outside kube-system only where a quota allows them. */
static void add_quota(const struct mesh_env *env, struct rendered_list *out)
{
    mesh_add(
        env,
        out,
        "ResourceQuota",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, QUOTA, NULL)),
            MAP("spec",
                MAP("hard", STRING("pods", "5000")),
                MAP("scopeSelector",
                    SEQ("matchExpressions",
                        ITEM(
                            STRING("scopeName", "PriorityClass"),
                            STRING("operator", "In"),
                            STRINGS("values", CRITICAL)))))));
}

void istiod_cni_plugin(const struct mesh_env *env, struct rendered_list *out)
{
    if (!cni_of(env)->component.enabled && !env->cni.stays)
        return;
    mesh_service_account(env, out, ACCOUNT, labels(env));
    add_roles(env, out);
    add_config(env, out);
    if (istiod_cni_paths(env).quota)
        add_quota(env, out);
    add_daemon_set(env, out);
}
