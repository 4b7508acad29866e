#include "kube/packed.h"

#include <stdint.h>
#include <zlib.h>

#include "base/mem.h"

/* zlib's: it searches 8 kB of the text before, and writes no header. 64 kB of memory while it lasts. */
enum { LEVEL = 6, WINDOW_BITS = -13, MEM_LEVEL = 6 };

/*
 * What is in a text and here takes two or three bytes. The most frequent stands last, where it is nearest. To change
 * this is safe: nothing outlives the process.
 */
static const char TYPICAL[] =
    "{\"name\":\"POD_NAME\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}}"
    "\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"preference\":"
    "{\"matchExpressions\":[{\"key\":\"beta.kubernetes.io/arch\",\"operator\":\"In\",\"values\":[\"amd64\"]}]},"
    "\"weight\":2}],\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":["
    "\"containers\":[{\"args\":[\"image\":\"docker.io/istio/\",\"imagePullPolicy\":\"IfNotPresent\",\"name\":\""
    "\"resources\":{\"requests\":{\"cpu\":\"10m\"}},\"volumeMounts\":[{\"mountPath\":\"/etc/istio/config\","
    "\"readOnly\":true}],\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\""
    "\"dnsPolicy\":\"ClusterFirst\",\"restartPolicy\":\"Always\",\"schedulerName\":\"default-scheduler\","
    "\"serviceAccountName\":\"securityContext\":{},\"terminationGracePeriodSeconds\":30,\"volumes\":[{\"configMap\":"
    "{\"defaultMode\":420,\"name\":\"\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0},\"type\":"
    "\"RollingUpdate\"},\"template\":{\"metadata\":{\"annotations\":{\"sidecar.istio.io/inject\":\"false\"},"
    "\"status\":{\"availableReplicas\":1,\"conditions\":[{\"lastTransitionTime\":\"20\",\"lastUpdateTime\":\"20\","
    "\"message\":\"Deployment has minimum availability.\",\"reason\":\"MinimumReplicasAvailable\",\"status\":\"True\","
    "\"type\":\"Available\"}],\"observedGeneration\":1,\"readyReplicas\":1,\"replicas\":1,\"updatedReplicas\":1}"
    "\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"verbs\":[\"create\",\"get\",\"list\","
    "\"watch\",\"update\",\"delete\"]}]\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
    "\"ClusterRole\","
    "\"name\":\"subjects\":[{\"kind\":\"ServiceAccount\",\"subsets\":[{\"addresses\":[{\"ip\":\"\",\"ports\":[{"
    "\"port\":"
    "\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"name\":\"http-\",\"port\":443,\"protocol\":\"TCP\",\"targetPort\":"
    "\"selector\":{\"istio\":\"sessionAffinity\":\"None\",\"type\":\"ClusterIP\"},\"status\":{\"loadBalancer\":{}}}"
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",{\"apiVersion\":\"rbac.authorization.k8s.io/v1\","
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"annotations\":{\"istio.banzaicloud.io/applied\":"
    "\"{\\\"fields\\\":{\\\"apiVersion\\\":\\\"v1\\\",\\\"kind\\\":\\\"Service\\\",\\\"metadata\\\":{\\\"labels\\\":{"
    "\\\"app\\\":\\\"\\\"chart\\\":\\\"\\\"heritage\\\":\\\"Tiller\\\",\\\"istio.banzaicloud.io/owner\\\":\\\""
    "\\\"release\\\":\\\"istio\\\"},\\\"name\\\":\\\"\\\"namespace\\\":\\\"istio-system\\\",\\\"ownerReferences\\\":[{"
    "\\\"apiVersion\\\":\\\"istio.banzaicloud.io/v1beta1\\\",\\\"blockOwnerDeletion\\\":true,\\\"controller\\\":true,"
    "\\\"kind\\\":\\\"Istio\\\",\\\"name\\\":\\\"istio-config\\\",\\\"uid\\\":\\\"\\\"}]},\\\"spec\\\":{\\\"hash\\\":"
    "\\\"\\\"}\"},\"creationTimestamp\":\"20\",\"generation\":1,\"labels\":{\"app\":\"istio\",\"chart\":\"\","
    "\"heritage\":"
    "\"Tiller\",\"istio.banzaicloud.io/owner\":\"\",\"release\":\"istio\"},\"name\":\"istio-\",\"namespace\":"
    "\"istio-system\",\"ownerReferences\":[{\"apiVersion\":\"istio.banzaicloud.io/"
    "v1beta1\",\"blockOwnerDeletion\":true,"
    "\"controller\":true,\"kind\":\"Istio\",\"name\":\"istio-config\",\"uid\":\"\"}],\"resourceVersion\":\"\",\"uid\":"
    "\"\"}";

char *packed_from(const char *text, size_t len, size_t *ret_packed_len)
{
    _cleanup_free_ char *room = mem_new0(len + 1, 1);
    z_stream z = {.next_in = (Bytef *)text, .avail_in = (uInt)len, .next_out = (Bytef *)room, .avail_out = (uInt)len};
    int r;

    if (len > UINT32_MAX || deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    deflateSetDictionary(&z, (const Bytef *)TYPICAL, sizeof(TYPICAL) - 1);
    r = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    if (r != Z_STREAM_END)
        return NULL;
    *ret_packed_len = z.total_out;
    return mem_dup(room, z.total_out);
}

char *packed_text(const char *packed, size_t packed_len, size_t len)
{
    char *text = mem_new0(len + 1, 1);
    z_stream z = {
        .next_in = (Bytef *)packed, .avail_in = (uInt)packed_len, .next_out = (Bytef *)text, .avail_out = (uInt)len};

    /* The operator's own: only a bug can break it. */
    if (inflateInit2(&z, WINDOW_BITS) != Z_OK ||
        inflateSetDictionary(&z, (const Bytef *)TYPICAL, sizeof(TYPICAL) - 1) != Z_OK ||
        inflate(&z, Z_FINISH) != Z_STREAM_END || z.total_out != len)
        abort();
    inflateEnd(&z);
    return text;
}
