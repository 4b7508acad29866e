/*
 * Where nodes keep their CNI plugins and the configuration of these, by what runs Kubernetes on them.
 *
 * Facts: the platform profiles of Istio's charts; K3s' folder of plugins since 1.31 from its documentation. What tells
 * the nodes: labels that each platform's own tools set, and what it appends to the version of Kubernetes.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/istiod/istiod.h"

#define K3S_CONF_DIR "/var/lib/rancher/k3s/agent/etc/cni/net.d"

/* What is NULL or false is as on most. */
static const struct platform {
    const char *name;
    /* Of its nodes: a label, a part of the kubelet's version, how their names begin; NULL: any. */
    const char *label, *version, *prefix;
    const char *bin_dir, *conf_dir, *netns_dir, *conf_file_name, *selinux_type;
    bool multus, quota;
} platforms[] = {
    {"OpenShift",
     .label = "node.openshift.io/os_id",
     .bin_dir = "/var/lib/cni/bin",
     .conf_dir = "/etc/cni/multus/net.d",
     .conf_file_name = "istio-cni.conf",
     .selinux_type = "spc_t",
     .multus = true},
    {"GKE", .label = "cloud.google.com/gke-nodepool", .bin_dir = "/home/kubernetes/bin", .quota = true},
    {"GKE", .version = "-gke.", .bin_dir = "/home/kubernetes/bin", .quota = true},
    {"MicroK8s",
     .label = "microk8s.io/cluster",
     .bin_dir = "/var/snap/microk8s/current/opt/cni/bin",
     .conf_dir = "/var/snap/microk8s/current/args/cni-network"},
    {"Minikube", .label = "minikube.k8s.io/name", .netns_dir = "/var/run/docker/netns"},
    {"K3d", .version = "+k3s", .prefix = "k3d-", .bin_dir = "/bin", .conf_dir = K3S_CONF_DIR},
    {"K3s", .version = "+k3s", .bin_dir = "/var/lib/rancher/k3s/data/cni", .conf_dir = K3S_CONF_DIR},
    {ISTIOD_ANY_PLATFORM, .bin_dir = NULL},
};

static const struct platform *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(platforms); i++)
        if (str_eq(platforms[i].name, name))
            return &platforms[i];
    return &platforms[ARRAY_LEN(platforms) - 1];
}

static bool is_of(const struct platform *platform, const json_t *node)
{
    const char *version = str_or(doc_string(node, "status", "nodeInfo", "kubeletVersion"), "");

    return (!platform->label || doc_string(node, "metadata", "labels", platform->label)) &&
           (!platform->version || strstr(version, platform->version)) &&
           (!platform->prefix || str_starts(str_or(doc_string(node, "metadata", "name"), ""), platform->prefix));
}

char *istiod_cni_platform_of_node(const json_t *node)
{
    size_t i = 0;

    while (i < ARRAY_LEN(platforms) - 1 && !is_of(&platforms[i], node))
        i++;
    return str_dup(platforms[i].name);
}

struct istiod_cni_paths istiod_cni_paths(const struct mesh_env *env)
{
    const struct istiod_cni *cni = &istiod_of(env->spec)->cni;
    bool is_auto = str_eq(cni->platform, ISTIOD_CNI_AUTO);
    const char *of_cluster = istiod_is_on_openshift(env) ? istiod_of(env->spec)->platform : env->cni.platform;
    const struct platform *platform = find(is_auto ? of_cluster : cni->platform);

    return (struct istiod_cni_paths){
        .bin_dir = str_or(cni->bin_dir, str_or(platform->bin_dir, "/opt/cni/bin")),
        .conf_dir = str_or(cni->conf_dir, str_or(platform->conf_dir, "/etc/cni/net.d")),
        .netns_dir = str_or(cni->netns_dir, str_or(platform->netns_dir, "/var/run/netns")),
        .conf_file_name = cni->conf_file_name ? cni->conf_file_name : platform->conf_file_name,
        .selinux_type = platform->selinux_type,
        .chained = cni->chained && !platform->multus,
        .quota = platform->quota,
    };
}
