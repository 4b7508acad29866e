/* What another manager put beside what is desired, where an API server takes only one of both, or only within bounds.
 */
#include "../doc/documents.h"

#include <string.h>

#include "kube/kind.h"

#define ROW(name, in_group)                                                                                            \
    {                                                                                                                  \
        .kind = name, .group = in_group, .versions = {{"v1", 0, 0}}, .namespaced = true                                \
    }

static const struct kube_union oneofs[] = {
    {.at = "spec.peers[]", .besides = (const char *const[]){"note", NULL}},
    {.at = NULL},
};

static const struct kube_kind kinds[] = {
    ROW("Deployment", "apps"),
    ROW("DaemonSet", "apps"),
    ROW("StatefulSet", "apps"),
    ROW("Service", ""),
    ROW("ConfigMap", ""),
    ROW("PodDisruptionBudget", "policy"),
    ROW("HorizontalPodAutoscaler", "autoscaling"),
    ROW("NetworkPolicy", "networking.k8s.io"),
    ROW("Ingress", "networking.k8s.io"),
    ROW("ClusterRole", "rbac.authorization.k8s.io"),
    ROW("Role", "rbac.authorization.k8s.io"),
    ROW("ClusterRoleBinding", "rbac.authorization.k8s.io"),
    ROW("MutatingWebhookConfiguration", "admissionregistration.k8s.io"),
    ROW("CustomResourceDefinition", "apiextensions.k8s.io"),
    {.kind = "Endpoints", .group = "", .versions = {{"v1", 0, 0}}, .namespaced = true, .unkeyed = true},
    {.kind = "Policy", .group = "example.com", .versions = {{"v1", 0, 0}}, .custom = true, .unions = oneofs},
};

static const struct kube_kind *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].kind, name))
            return &kinds[i];
    fail_msg("no kind %s", name);
    return NULL;
}

/* A piece of JSON in the place of % in the frame; without a frame the document itself. */
static json_t *framed(const char *frame, const char *piece)
{
    _cleanup_free_ char *text = NULL;
    const char *at = frame ? strchr(frame, '%') : NULL;

    if (at)
        text = str_printf("%.*s%s%s", (int)(at - frame), frame, piece, at + 1);
    return doc(at ? text : piece);
}

#define POD "{'spec': {'template': {'spec': {%}}}}"
#define CONTAINER "{'spec': {'template': {'spec': {'containers': [{'name': 'c', %}]}}}}"
#define SPEC "{'spec': {%}}"

struct union_case {
    const char *what, *kind, *frame;
    const char *last; /* what was desired then; NULL: nothing is known of it */
    const char *desired, *live;
    const char *result;
};

static const struct union_case cases[] = {
    /* environment */
    {"valueFrom instead of our value", "Deployment", CONTAINER, NULL, "'env': [{'name': 'E', 'value': '1'}]",
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name', 'apiVersion': 'v1'}}}]",
     "'env': [{'name': 'E', 'value': '1'}]"},
    {"valueFrom instead of our empty value", "Deployment", CONTAINER, NULL, "'env': [{'name': 'E', 'value': ''}]",
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]", "'env': [{'name': 'E'}]"},
    {"value instead of our valueFrom", "Deployment", CONTAINER, NULL,
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]", "'env': [{'name': 'E', 'value': '1'}]",
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]"},
    {"another source of a value, defaults stay", "Deployment", CONTAINER, NULL,
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]",
     "'env': [{'name': 'E', 'valueFrom': {'secretKeyRef': {'name': 's', 'key': 'k'}}}]",
     "'env': [{'name': 'E', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]"},
    {"env of others keeps its source", "Deployment", CONTAINER, NULL, "'env': [{'name': 'E', 'value': '1'}]",
     "'env': [{'name': 'E', 'value': '1'}, {'name': 'F', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]",
     "'env': [{'name': 'E', 'value': '1'}, {'name': 'F', 'valueFrom': {'fieldRef': {'fieldPath': 'x'}}}]"},
    {"a second variable of one name would count", "Deployment", CONTAINER, NULL, "'env': [{'name': 'E', 'value': '1'}]",
     "'env': [{'name': 'E', 'value': '1'}, {'name': 'F'}, {'name': 'E', 'value': '2'}, {'name': 'F'}]",
     "'env': [{'name': 'E', 'value': '1'}, {'name': 'F'}, {'name': 'F'}]"},
    /* volumes */
    {"another source of a volume", "Deployment", POD, NULL,
     "'volumes': [{'name': 'c', 'configMap': {'name': 'istio'}}]", "'volumes': [{'name': 'c', 'emptyDir': {}}]",
     "'volumes': [{'name': 'c', 'configMap': {'name': 'istio'}}]"},
    {"a source that came later than this program", "Deployment", POD, NULL,
     "'volumes': [{'name': 'c', 'configMap': {'name': 'istio'}}]",
     "'volumes': [{'name': 'c', 'holographic': {'x': 1}}]",
     "'volumes': [{'name': 'c', 'configMap': {'name': 'istio'}}]"},
    {"an emptyDir comes back, empty as it is", "Deployment", POD, NULL, "'volumes': [{'name': 'c', 'emptyDir': {}}]",
     "'volumes': [{'name': 'c', 'hostPath': {'path': '/', 'type': ''}}]", "'volumes': [{'name': 'c', 'emptyDir': {}}]"},
    {"sources of a projected volume", "Deployment", POD, NULL,
     "'volumes': [{'name': 'c', 'projected': {'sources': [{'secret': {'name': 's'}}, {'downwardAPI': {'items': "
     "[{'path': 'p', 'fieldRef': {'fieldPath': 'x'}}]}}]}}]",
     "'volumes': [{'name': 'c', 'projected': {'defaultMode': 420, 'sources': [{'configMap': {'name': 's'}}, "
     "{'downwardAPI': {'items': [{'path': 'p', 'resourceFieldRef': {'resource': 'limits.cpu'}}]}}]}}]",
     "'volumes': [{'name': 'c', 'projected': {'defaultMode': 420, 'sources': [{'secret': {'name': 's'}}, "
     "{'downwardAPI': {'items': [{'path': 'p', 'fieldRef': {'fieldPath': 'x'}}]}}]}}]"},
    {"mounts of a volume that goes, in containers of others, too", "Deployment", POD,
     "'volumes': [{'name': 'old', 'emptyDir': {}}], 'containers': [{'name': 'c'}]", "'containers': [{'name': 'c'}]",
     "'volumes': [{'name': 'old', 'emptyDir': {}}, {'name': 'v'}], 'containers': [{'name': 'c', 'volumeMounts': "
     "[{'name': 'old', 'mountPath': '/a'}, {'name': 'v', 'mountPath': '/b'}]}, {'name': 's', 'volumeMounts': "
     "[{'name': 'old', 'mountPath': '/a'}]}]",
     "'volumes': [{'name': 'v'}], 'containers': [{'name': 'c', 'volumeMounts': [{'name': 'v', 'mountPath': '/b'}]}, "
     "{'name': 's', 'volumeMounts': []}]"},
    {"another source of variables", "Deployment", CONTAINER, NULL, "'envFrom': [{'configMapRef': {'name': 'c'}}]",
     "'envFrom': [{'secretRef': {'name': 's'}, 'prefix': 'p'}]",
     "'envFrom': [{'configMapRef': {'name': 'c'}, 'prefix': 'p'}]"},
    {"another path within a volume", "Deployment", CONTAINER, NULL,
     "'volumeMounts': [{'name': 'v', 'mountPath': '/m', 'subPath': 'a'}]",
     "'volumeMounts': [{'name': 'v', 'mountPath': '/m', 'subPathExpr': '$(A)'}]",
     "'volumeMounts': [{'name': 'v', 'mountPath': '/m', 'subPath': 'a'}]"},
    /* containers */
    {"another handler of a probe", "Deployment", CONTAINER, NULL,
     "'livenessProbe': {'exec': {'command': ['x']}, 'periodSeconds': 5}",
     "'livenessProbe': {'httpGet': {'port': 80, 'path': '/'}, 'periodSeconds': 5, 'timeoutSeconds': 1}",
     "'livenessProbe': {'exec': {'command': ['x']}, 'periodSeconds': 5, 'timeoutSeconds': 1}"},
    {"another handler of a hook", "Deployment", CONTAINER, NULL,
     "'lifecycle': {'preStop': {'exec': {'command': ['x']}}}",
     "'lifecycle': {'preStop': {'tcpSocket': {'port': 80}}, 'postStart': {'exec': {'command': ['y']}}}",
     "'lifecycle': {'preStop': {'exec': {'command': ['x']}}, 'postStart': {'exec': {'command': ['y']}}}"},
    {"another handler while a container starts", "Deployment", CONTAINER, NULL,
     "'startupProbe': {'tcpSocket': {'port': 80}}", "'startupProbe': {'grpc': {'port': 80}}",
     "'startupProbe': {'tcpSocket': {'port': 80}}"},
    {"another handler of the first hook", "Deployment", CONTAINER, NULL,
     "'lifecycle': {'postStart': {'tcpSocket': {'port': 80}}}", "'lifecycle': {'postStart': {'sleep': {'seconds': 1}}}",
     "'lifecycle': {'postStart': {'tcpSocket': {'port': 80}}}"},
    {"a limit below our request", "Deployment", CONTAINER, NULL,
     "'resources': {'requests': {'cpu': '500m', 'memory': '2Gi'}}",
     "'resources': {'requests': {'cpu': '100m', 'memory': '2Gi'}, 'limits': {'cpu': '200m', 'memory': '2Gi'}}",
     "'resources': {'requests': {'cpu': '500m', 'memory': '2Gi'}, 'limits': {'memory': '2Gi'}}"},
    {"of an init container, too, and by numbers", "Deployment",
     "{'spec': {'template': {'spec': {'initContainers': [{'name': 'c', %}]}}}}", NULL,
     "'resources': {'requests': {'cpu': 1, 'memory': '1Gi'}}",
     "'resources': {'requests': {'cpu': '1', 'memory': '1Gi'}, 'limits': {'cpu': '900m', 'memory': '1'}}",
     "'resources': {'requests': {'cpu': '1', 'memory': '1Gi'}, 'limits': {}}"},
    {"a request above our limit, that the server had made of an earlier one", "Deployment", CONTAINER, NULL,
     "'resources': {'limits': {'cpu': '500m'}}", "'resources': {'limits': {'cpu': '1'}, 'requests': {'cpu': '1'}}",
     "'resources': {'limits': {'cpu': '500m'}, 'requests': {}}"},
    {"what cannot be overcommitted is equal", "Deployment", CONTAINER, NULL,
     "'resources': {'limits': {'example.com/gpu': 2, 'hugepages-2Mi': '4Mi'}}",
     "'resources': {'limits': {'example.com/gpu': '1', 'hugepages-2Mi': '2Mi'}, "
     "'requests': {'example.com/gpu': '1', 'hugepages-2Mi': '2Mi', 'cpu': '1'}}",
     "'resources': {'limits': {'example.com/gpu': 2, 'hugepages-2Mi': '4Mi'}, 'requests': {'cpu': '1'}}"},
    {"privileged against our allowPrivilegeEscalation", "Deployment", CONTAINER, NULL,
     "'securityContext': {'allowPrivilegeEscalation': false, 'runAsUser': 1337}",
     "'securityContext': {'privileged': true, 'runAsUser': 0, 'capabilities': {'add': ['CAP_SYS_ADMIN'], 'drop': "
     "['A']}}",
     "'securityContext': {'runAsUser': 1337, 'capabilities': {'drop': ['A']}}"},
    {"a profile that is of another type", "Deployment", CONTAINER, NULL,
     "'securityContext': {'seccompProfile': {'type': 'RuntimeDefault'}}",
     "'securityContext': {'seccompProfile': {'type': 'Localhost', 'localhostProfile': 'x'}}",
     "'securityContext': {'seccompProfile': {'type': 'RuntimeDefault'}}"},
    {"an AppArmor profile that is of another type", "Deployment", CONTAINER, NULL,
     "'securityContext': {'appArmorProfile': {'type': 'RuntimeDefault'}}",
     "'securityContext': {'appArmorProfile': {'type': 'Localhost', 'localhostProfile': 'x'}}",
     "'securityContext': {'appArmorProfile': {'type': 'RuntimeDefault'}}"},
    {"our container among the ephemeral ones", "Deployment", POD, NULL, "'containers': [{'name': 'c'}]",
     "'containers': [{'name': 'd'}], 'ephemeralContainers': [{'name': 'c'}]",
     "'containers': [{'name': 'd'}, {'name': 'c'}], 'ephemeralContainers': []"},
    {"our container among the init containers", "Deployment", POD, NULL, "'containers': [{'name': 'c'}]",
     "'containers': [{'name': 'd'}], 'initContainers': [{'name': 'c'}, {'name': 'i'}]",
     "'containers': [{'name': 'd'}, {'name': 'c'}], 'initContainers': [{'name': 'i'}]"},
    {"two ports of one name", "Deployment", CONTAINER, NULL, "'ports': [{'containerPort': 80, 'name': 'http'}]",
     "'ports': [{'containerPort': 81, 'name': 'http', 'protocol': 'TCP'}, {'containerPort': 82, 'name': 'x'}]",
     "'ports': [{'containerPort': 82, 'name': 'x'}, {'containerPort': 80, 'name': 'http'}]"},
    {"one number, two protocols", "Deployment", CONTAINER, NULL,
     "'ports': [{'containerPort': 53}, {'containerPort': 53, 'protocol': 'UDP'}]",
     "'ports': [{'containerPort': 53, 'protocol': 'UDP', 'hostPort': 53}, {'containerPort': 54, 'protocol': 'UDP'}, "
     "{'containerPort': 53, 'protocol': 'TCP'}]",
     "'ports': [{'containerPort': 53, 'protocol': 'TCP'}, {'containerPort': 54, 'protocol': 'UDP'}, "
     "{'containerPort': 53, 'protocol': 'UDP', 'hostPort': 53}]"},
    /* placement */
    {"values of an operator that has none", "Deployment", POD, NULL,
     "'affinity': {'nodeAffinity': {'x': {'nodeSelectorTerms': [{'matchExpressions': [{'key': 'a', 'operator': "
     "'Exists'}]}]}}}",
     "'affinity': {'nodeAffinity': {'x': {'nodeSelectorTerms': [{'matchExpressions': [{'key': 'a', 'operator': 'In', "
     "'values': ['b']}]}]}}}",
     "'affinity': {'nodeAffinity': {'x': {'nodeSelectorTerms': [{'matchExpressions': [{'key': 'a', 'operator': "
     "'Exists'}]}]}}}"},
    {"values of an operator of fields that has none", "Deployment", POD, NULL,
     "'affinity': {'nodeAffinity': {'x': [{'preference': {'matchFields': [{'key': 'a', 'operator': 'Exists'}]}}]}}",
     "'affinity': {'nodeAffinity': {'x': [{'preference': {'matchFields': [{'key': 'a', 'operator': 'Gt', 'values': "
     "['1']}]}}]}}",
     "'affinity': {'nodeAffinity': {'x': [{'preference': {'matchFields': [{'key': 'a', 'operator': 'Exists'}]}}]}}"},
    {"a toleration is what it says", "Deployment", POD, NULL, "'tolerations': [{'operator': 'Exists'}]",
     "'tolerations': [{'operator': 'Exists', 'key': 'a', 'effect': 'NoExecute', 'tolerationSeconds': 1}]",
     "'tolerations': [{'operator': 'Exists'}]"},
    {"a value of a toleration that has none", "Deployment", POD, NULL,
     "'tolerations': [{'key': 'a', 'operator': "
     "'Exists'}]",
     "'tolerations': [{'key': 'a', 'operator': 'Equal', 'value': 'b'}]",
     "'tolerations': [{'key': 'a', 'operator': 'Exists'}]"},
    /* rollouts */
    {"Recreate over the server's default", "Deployment", SPEC, NULL, "'strategy': {'type': 'Recreate'}",
     "'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': '25%', 'maxUnavailable': '25%'}}",
     "'strategy': {'type': 'Recreate'}"},
    {"Recreate instead of our rollingUpdate", "Deployment", SPEC, NULL,
     "'strategy': {'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}}", "'strategy': {'type': 'Recreate'}",
     "'strategy': {'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}}"},
    {"Recreate where no strategy is desired", "Deployment", SPEC, NULL, "'replicas': 1",
     "'replicas': 1, 'strategy': {'type': 'Recreate'}", "'replicas': 1, 'strategy': {'type': 'Recreate'}"},
    {"no room for a rollout", "Deployment", SPEC, NULL, "'strategy': {'rollingUpdate': {'maxUnavailable': 0}}",
     "'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': '0%', 'maxUnavailable': 1}}",
     "'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': 0}}"},
    {"a deadline before a Pod is available", "Deployment", SPEC, NULL, "'minReadySeconds': 60",
     "'minReadySeconds': 0, 'progressDeadlineSeconds': 60", "'minReadySeconds': 60"},
    {"OnDelete instead of our rollingUpdate", "DaemonSet", SPEC, NULL,
     "'updateStrategy': {'rollingUpdate': {'maxUnavailable': 1}}", "'updateStrategy': {'type': 'OnDelete'}",
     "'updateStrategy': {'rollingUpdate': {'maxUnavailable': 1}}"},
    {"OnDelete instead of our partition", "StatefulSet", SPEC, NULL,
     "'updateStrategy': {'rollingUpdate': {'partition': 1}}", "'updateStrategy': {'type': 'OnDelete'}",
     "'updateStrategy': {'rollingUpdate': {'partition': 1}}"},
    {"a DaemonSet's surge beside our maxUnavailable", "DaemonSet", SPEC, NULL,
     "'updateStrategy': {'rollingUpdate': {'maxUnavailable': 1}}",
     "'updateStrategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': 0, 'maxSurge': 1}}",
     "'updateStrategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxUnavailable': 1}}"},
    /* budgets and autoscalers */
    {"maxUnavailable instead of our minAvailable", "PodDisruptionBudget", SPEC, NULL, "'minAvailable': 1",
     "'maxUnavailable': 1", "'minAvailable': 1"},
    {"minAvailable instead of our maxUnavailable of zero", "PodDisruptionBudget", SPEC, NULL, "'maxUnavailable': 0",
     "'minAvailable': '50%'", "'maxUnavailable': 0"},
    {"a budget's selector is what it says", "PodDisruptionBudget", SPEC, NULL,
     "'selector': {'matchLabels': {'a': 'b'}}",
     "'selector': {'matchLabels': {'a': 'b', 'c': 'd'}, 'matchExpressions': [{'key': 'e', 'operator': 'Exists'}]}",
     "'selector': {'matchLabels': {'a': 'b'}}"},
    {"another target of a metric", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', "
     "'averageUtilization': 80}}}]",
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'AverageValue', 'averageValue': "
     "'100m'}}}]",
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', "
     "'averageUtilization': 80}}}]"},
    {"another target of a metric in v2beta1", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'targetAverageUtilization': 80}}]",
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'targetAverageValue': '1'}}]",
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'targetAverageUtilization': 80}}]"},
    {"a metric of another source", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', "
     "'averageUtilization': 80}}}]",
     "'metrics': [{'type': 'Pods', 'pods': {'metric': {'name': 'x'}, 'target': {'type': 'AverageValue', "
     "'averageValue': '1'}}}]",
     "'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', "
     "'averageUtilization': 80}}}]"},
    {"another target of a container's metric in v2beta1", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'containerResource': {'name': 'cpu', 'targetAverageUtilization': 80}}]",
     "'metrics': [{'containerResource': {'name': 'cpu', 'targetAverageValue': '1'}}]",
     "'metrics': [{'containerResource': {'name': 'cpu', 'targetAverageUtilization': 80}}]"},
    {"another target of an external metric in v2beta1", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'external': {'metricName': 'm', 'targetValue': '80'}}]",
     "'metrics': [{'external': {'metricName': 'm', 'targetAverageValue': '1'}}]",
     "'metrics': [{'external': {'metricName': 'm', 'targetValue': '80'}}]"},
    {"another target of an object's metric in v2beta1", "HorizontalPodAutoscaler", SPEC, NULL,
     "'metrics': [{'object': {'metricName': 'm', 'targetValue': '80'}}]",
     "'metrics': [{'object': {'metricName': 'm', 'targetValue': '80', 'averageValue': '1'}}]",
     "'metrics': [{'object': {'metricName': 'm', 'targetValue': '80'}}]"},
    {"a minimum above our maximum", "HorizontalPodAutoscaler", SPEC, NULL, "'maxReplicas': 3",
     "'maxReplicas': 9, 'minReplicas': 5", "'maxReplicas': 3"},
    /* networks */
    {"one number, two protocols, and a port of others", "Service", SPEC, NULL,
     "'ports': [{'name': 'dns-tcp', 'port': 53}, {'name': 'dns', 'port': 53, 'protocol': 'UDP'}]",
     "'ports': [{'name': 'dns-tcp', 'port': 53, 'protocol': 'TCP', 'nodePort': 30001}, "
     "{'name': 'mine', 'port': 99, 'protocol': 'TCP', 'nodePort': 30003}, "
     "{'name': 'other', 'port': 53, 'protocol': 'UDP', 'nodePort': 30002}]",
     "'ports': [{'name': 'dns-tcp', 'port': 53, 'protocol': 'TCP', 'nodePort': 30001}, "
     "{'name': 'mine', 'port': 99, 'protocol': 'TCP', 'nodePort': 30003}, "
     "{'name': 'dns', 'port': 53, 'protocol': 'UDP', 'nodePort': 30002}]"},
    {"a port that becomes two keeps its node port", "Service", SPEC, "'ports': [{'name': 'dns-tcp', 'port': 53}]",
     "'ports': [{'name': 'dns-tcp', 'port': 53}, {'name': 'dns', 'port': 53, 'protocol': 'UDP'}]",
     "'ports': [{'name': 'dns-tcp', 'port': 53, 'protocol': 'TCP', 'nodePort': 30001}]",
     "'ports': [{'name': 'dns-tcp', 'port': 53, 'protocol': 'TCP', 'nodePort': 30001}, "
     "{'name': 'dns', 'port': 53, 'protocol': 'UDP'}]"},
    {"one of two protocols goes", "Service", SPEC,
     "'ports': [{'name': 'a', 'port': 53}, {'name': 'b', 'port': 53, 'protocol': 'UDP'}]",
     "'ports': [{'name': 'a', 'port': 53}]",
     "'ports': [{'name': 'a', 'port': 53, 'protocol': 'TCP'}, {'name': 'b', 'port': 53, 'protocol': 'UDP'}]",
     "'ports': [{'name': 'a', 'port': 53, 'protocol': 'TCP'}]"},
    {"our port's name on another number", "Service", SPEC, NULL, "'ports': [{'name': 'http2', 'port': 80}]",
     "'ports': [{'name': 'http2', 'port': 81, 'protocol': 'TCP'}]", "'ports': [{'name': 'http2', 'port': 80}]"},
    {"our node port on another port", "Service", SPEC, NULL,
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31380}, {'name': 'b', 'port': 81}]",
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31000}, {'name': 'b', 'port': 81, 'nodePort': 31380}]",
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31380}, {'name': 'b', 'port': 81}]"},
    {"our node port on a port of others", "Service", SPEC, NULL,
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31380}]",
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31000}, {'name': 'b', 'port': 81, 'nodePort': 31380}]",
     "'ports': [{'name': 'a', 'port': 80, 'nodePort': 31380}, {'name': 'b', 'port': 81}]"},
    {"one node port, two protocols", "Service", SPEC, NULL, "'ports': [{'name': 'a', 'port': 53, 'nodePort': 30053}]",
     "'ports': [{'name': 'a', 'port': 53, 'nodePort': 30053}, "
     "{'name': 'b', 'port': 53, 'nodePort': 30053, 'protocol': 'UDP'}]",
     "'ports': [{'name': 'a', 'port': 53, 'nodePort': 30053}, "
     "{'name': 'b', 'port': 53, 'nodePort': 30053, 'protocol': 'UDP'}]"},
    {"ranges of a load balancer as an annotation", "Service", NULL, NULL,
     "{'spec': {'type': 'ClusterIP'}, 'metadata': {'annotations': {'a': 'b'}}}",
     "{'spec': {'type': 'LoadBalancer'}, 'metadata': {'annotations': "
     "{'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8'}}}",
     "{'spec': {'type': 'ClusterIP'}, 'metadata': {'annotations': {'a': 'b'}}}"},
    {"keys of a topology beside local traffic", "Service", SPEC, NULL, "'externalTrafficPolicy': 'Local'",
     "'externalTrafficPolicy': 'Cluster', 'topologyKeys': ['*']", "'externalTrafficPolicy': 'Local'"},
    {"a profile as an annotation", "Deployment", NULL, NULL,
     "{'spec': {'template': {'metadata': {'annotations': {'a': 'b'}}, 'spec': {'securityContext': "
     "{'seccompProfile': {'type': 'RuntimeDefault'}}, 'containers': [{'name': 'c'}]}}}}",
     "{'spec': {'template': {'metadata': {'annotations': {'seccomp.security.alpha.kubernetes.io/pod': 'unconfined', "
     "'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined'}}, 'spec': {'containers': [{'name': 'c'}]}}}}",
     "{'spec': {'template': {'metadata': {'annotations': {'a': 'b', "
     "'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined'}}, 'spec': {'securityContext': "
     "{'seccompProfile': {'type': 'RuntimeDefault'}}, 'containers': [{'name': 'c'}]}}}}"},
    {"node ports of a Service that has none", "Service", SPEC, NULL,
     "'type': 'ClusterIP', 'ports': [{'name': 'a', 'port': 80}]",
     "'type': 'LoadBalancer', 'externalTrafficPolicy': 'Local', 'healthCheckNodePort': 30009, 'clusterIP': '10.0.0.1', "
     "'loadBalancerSourceRanges': ['10.0.0.0/8'], 'ports': [{'name': 'a', 'port': 80, 'nodePort': 30001}, "
     "{'name': 'b', 'port': 81, 'nodePort': 30002}]",
     "'type': 'ClusterIP', 'clusterIP': '10.0.0.1', 'ports': [{'name': 'a', 'port': 80}, {'name': 'b', 'port': 81}]"},
    {"the policy of a Service that has addresses outside", "Service", SPEC, NULL,
     "'type': 'ClusterIP', 'externalIPs': ['192.0.2.7']",
     "'type': 'ClusterIP', 'externalIPs': ['192.0.2.7'], 'externalTrafficPolicy': 'Cluster'",
     "'type': 'ClusterIP', 'externalIPs': ['192.0.2.7'], 'externalTrafficPolicy': 'Cluster'"},
    {"ExternalName where a type is not desired", "Service", SPEC, NULL,
     "'selector': {'a': 'b'}, 'ports': [{'port': 80}]",
     "'type': 'ExternalName', 'externalName': 'example.com', 'selector': {'a': 'b'}, 'ports': [{'port': 80}]",
     "'selector': {'a': 'b'}, 'ports': [{'port': 80}]"},
    {"NodePort where a type is not desired", "Service", SPEC, NULL, "'selector': {'a': 'b'}",
     "'type': 'NodePort', 'externalTrafficPolicy': 'Local', 'selector': {'a': 'b'}",
     "'type': 'NodePort', 'externalTrafficPolicy': 'Local', 'selector': {'a': 'b'}"},
    {"a protocol that no load balancer has beside ours", "Service", SPEC, NULL,
     "'type': 'LoadBalancer', 'ports': [{'name': 'a', 'port': 80}]",
     "'type': 'NodePort', 'ports': [{'name': 'a', 'port': 80}, {'name': 'b', 'port': 81, 'protocol': 'UDP'}]",
     "'type': 'LoadBalancer', 'ports': [{'name': 'a', 'port': 80}]"},
    {"a load balancer that has two protocols keeps them", "Service", SPEC, NULL,
     "'type': 'LoadBalancer', 'ports': [{'name': 'a', 'port': 80}]",
     "'type': 'LoadBalancer', 'ports': [{'name': 'a', 'port': 80}, {'name': 'b', 'port': 81, 'protocol': 'UDP'}]",
     "'type': 'LoadBalancer', 'ports': [{'name': 'a', 'port': 80}, {'name': 'b', 'port': 81, 'protocol': 'UDP'}]"},
    {"a Service's selector is what it says", "Service", SPEC, NULL, "'selector': {'a': 'b'}",
     "'selector': {'a': 'b', 'c': 'd'}, 'sessionAffinity': 'None'",
     "'selector': {'a': 'b'}, 'sessionAffinity': 'None'"},
    {"a selector where the Endpoints are ours", "Service", SPEC, NULL, "'clusterIP': 'None'",
     "'clusterIP': 'None', 'selector': {'c': 'd'}", "'clusterIP': 'None'"},
    {"addresses that are not ready", "Endpoints", NULL, NULL,
     "{'subsets': [{'addresses': [{'ip': '10.0.0.1'}], 'ports': [{'port': 1, 'protocol': 'TCP'}]}]}",
     "{'subsets': [{'notReadyAddresses': [{'ip': '10.0.0.1'}], 'ports': [{'port': 1, 'protocol': 'TCP'}]}]}",
     "{'subsets': [{'addresses': [{'ip': '10.0.0.1'}], 'ports': [{'port': 1, 'protocol': 'TCP'}]}]}"},
    {"a block of addresses instead of our Pods", "NetworkPolicy", SPEC, NULL,
     "'ingress': [{'from': [{'podSelector': {'matchLabels': {'a': 'b'}}}]}]",
     "'ingress': [{'from': [{'ipBlock': {'cidr': '0.0.0.0/0'}}]}]",
     "'ingress': [{'from': [{'podSelector': {'matchLabels': {'a': 'b'}}}]}]"},
    {"namespaces beside our Pods are other Pods", "NetworkPolicy", SPEC, NULL,
     "'ingress': [{'from': [{'podSelector': {'matchLabels': {'a': 'b'}}}]}]",
     "'ingress': [{'from': [{'podSelector': {'matchLabels': {'a': 'b'}}, 'namespaceSelector': {}}]}]",
     "'ingress': [{'from': [{'podSelector': {'matchLabels': {'a': 'b'}}}]}]"},
    {"Pods where we desire a block of addresses", "NetworkPolicy", SPEC, NULL,
     "'podSelector': {'matchLabels': {'a': 'b'}}, 'egress': [{'to': [{'ipBlock': {'cidr': '10.0.0.0/8'}}]}]",
     "'podSelector': {'matchLabels': {'a': 'b', 'c': 'd'}, 'matchExpressions': []}, "
     "'egress': [{'to': [{'podSelector': {}}]}]",
     "'podSelector': {'matchLabels': {'a': 'b'}}, 'egress': [{'to': [{'ipBlock': {'cidr': '10.0.0.0/8'}}]}]"},
    {"an affinity where none is desired", "Service", SPEC, NULL, "'sessionAffinity': 'None'",
     "'sessionAffinity': 'ClientIP', 'sessionAffinityConfig': {'clientIP': {'timeoutSeconds': 1}}",
     "'sessionAffinity': 'None'"},
    {"another default backend", "Ingress", SPEC, NULL, "'defaultBackend': {'service': {'name': 's'}}",
     "'defaultBackend': {'resource': {'kind': 'K'}}", "'defaultBackend': {'service': {'name': 's'}}"},
    {"another backend", "Ingress", SPEC, NULL,
     "'rules': [{'http': {'paths': [{'backend': {'service': {'name': 's', 'port': {'number': 80}}}}]}}]",
     "'rules': [{'http': {'paths': [{'backend': {'resource': {'kind': 'K'}}}]}}]",
     "'rules': [{'http': {'paths': [{'backend': {'service': {'name': 's', 'port': {'number': 80}}}}]}}]"},
    {"a port by its name instead of our number", "Ingress", SPEC, NULL,
     "'defaultBackend': {'service': {'name': 's', 'port': {'number': 80}}}",
     "'defaultBackend': {'service': {'name': 's', 'port': {'name': 'http'}}}",
     "'defaultBackend': {'service': {'name': 's', 'port': {'number': 80}}}"},
    /* rights */
    {"names that narrow a rule", "ClusterRole", NULL, NULL,
     "{'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]}",
     "{'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get'], 'resourceNames': ['x']}]}",
     "{'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]}"},
    {"a rule of URLs instead of the desired one", "ClusterRole", NULL, NULL,
     "{'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]}",
     "{'rules': [{'nonResourceURLs': ['/x'], 'verbs': ['get']}]}",
     "{'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]}"},
    {"names that narrow a rule of a Role", "Role", NULL, NULL, "{'rules': [{'verbs': ['get']}]}",
     "{'rules': [{'verbs': ['get'], 'resourceNames': ['x']}]}", "{'rules': [{'verbs': ['get']}]}"},
    {"rules that a controller aggregates", "ClusterRole", NULL, NULL, "{'rules': [{'verbs': ['get']}]}",
     "{'rules': [{'verbs': ['list']}], 'aggregationRule': {'clusterRoleSelectors': []}}",
     "{'rules': [{'verbs': ['get']}]}"},
    {"a subject of another kind", "ClusterRoleBinding", NULL, NULL,
     "{'subjects': [{'kind': 'ServiceAccount', 'name': 'a', 'namespace': 'n'}]}",
     "{'subjects': [{'kind': 'User', 'name': 'b', 'apiGroup': 'rbac.authorization.k8s.io'}]}",
     "{'subjects': [{'kind': 'ServiceAccount', 'name': 'a', 'namespace': 'n'}]}"},
    {"a subject with the server's default", "ClusterRoleBinding", NULL, NULL,
     "{'subjects': [{'kind': 'User', 'name': 'a'}]}",
     "{'subjects': [{'kind': 'User', 'name': 'a', 'apiGroup': 'rbac.authorization.k8s.io'}]}",
     "{'subjects': [{'kind': 'User', 'name': 'a', 'apiGroup': 'rbac.authorization.k8s.io'}]}"},
    /* extensions */
    {"a URL instead of our Service, the bundle stays", "MutatingWebhookConfiguration", NULL, NULL,
     "{'webhooks': [{'name': 'w', 'clientConfig': {'service': {'name': 's'}}}]}",
     "{'webhooks': [{'name': 'w', 'clientConfig': {'url': 'https://x', 'caBundle': 'eA=='}}]}",
     "{'webhooks': [{'name': 'w', 'clientConfig': {'service': {'name': 's'}, 'caBundle': 'eA=='}}]}"},
    {"selectors that platforms add to webhooks stay", "MutatingWebhookConfiguration", NULL, NULL,
     "{'webhooks': [{'name': 'w', 'namespaceSelector': {'matchLabels': {'a': 'b'}}}]}",
     "{'webhooks': [{'name': 'w', 'namespaceSelector': {'matchLabels': {'a': 'b'}, 'matchExpressions': [{'key': "
     "'control-plane', 'operator': 'DoesNotExist'}]}}]}",
     "{'webhooks': [{'name': 'w', 'namespaceSelector': {'matchLabels': {'a': 'b'}, 'matchExpressions': [{'key': "
     "'control-plane', 'operator': 'DoesNotExist'}]}}]}"},
    {"a stored version of others stays, and is stored no more", "CustomResourceDefinition", SPEC, NULL,
     "'versions': [{'name': 'v1', 'served': true, 'storage': true}]",
     "'versions': [{'name': 'v2', 'served': true, 'storage': true}, {'name': 'v1', 'served': true, 'storage': false}]",
     "'versions': [{'name': 'v2', 'served': true}, {'name': 'v1', 'served': true, 'storage': true}]"},
    {"a conversion where none is desired", "CustomResourceDefinition", SPEC, NULL, "'conversion': {'strategy': 'None'}",
     "'conversion': {'strategy': 'Webhook', 'webhook': {'clientConfig': {'url': 'x'}}}",
     "'conversion': {'strategy': 'None'}"},
    {"a URL instead of the Service of a conversion", "CustomResourceDefinition", SPEC, NULL,
     "'conversion': {'strategy': 'Webhook', 'webhook': {'clientConfig': {'service': {'name': 's'}}}, "
     "'webhookClientConfig': {'service': {'name': 's'}}}",
     "'conversion': {'strategy': 'Webhook', 'webhook': {'clientConfig': {'url': 'x'}}, "
     "'webhookClientConfig': {'url': 'x'}}",
     "'conversion': {'strategy': 'Webhook', 'webhook': {'clientConfig': {'service': {'name': 's'}}}, "
     "'webhookClientConfig': {'service': {'name': 's'}}}"},
    /* all objects */
    {"a controller of others", "ConfigMap", NULL, NULL,
     "{'metadata': {'ownerReferences': [{'uid': '1', 'controller': true}]}}",
     "{'metadata': {'ownerReferences': [{'uid': '2', 'controller': true, 'blockOwnerDeletion': true}]}}",
     "{'metadata': {'ownerReferences': [{'uid': '2', 'blockOwnerDeletion': true}, {'uid': '1', 'controller': true}]}}"},
    {"our text as binary data", "ConfigMap", NULL, NULL, "{'data': {'mesh': 'x'}}",
     "{'binaryData': {'mesh': 'eA==', 'theirs': 'eA=='}}", "{'binaryData': {'theirs': 'eA=='}, 'data': {'mesh': 'x'}}"},
    {"a oneof of a custom kind", "Policy", SPEC, NULL, "'peers': [{'mtls': {}}]",
     "'peers': [{'jwt': {'issuer': 'x'}, 'note': 'n'}]", "'peers': [{'mtls': {}, 'note': 'n'}]"},
    {"a controller of others of a custom kind", "Policy", NULL, NULL,
     "{'metadata': {'ownerReferences': [{'uid': '1', 'controller': true}]}}",
     "{'metadata': {'ownerReferences': [{'uid': '2', 'controller': true}]}}",
     "{'metadata': {'ownerReferences': [{'uid': '2'}, {'uid': '1', 'controller': true}]}}"},
};

static const char *const webhook_foreign[] = {"webhooks[].clientConfig.caBundle", NULL};

static void check(const struct union_case *c)
{
    _cleanup_json_ json_t *before = c->last ? framed(c->frame, c->last) : NULL;
    _cleanup_json_ json_t *desired = framed(c->frame, c->desired), *live = framed(c->frame, c->live);
    _cleanup_json_ json_t *result = framed(c->frame, c->result), *last = NULL, *next = NULL;
    struct kube_merge how;
    struct merge merge, again;

    kube_merge_init(find(c->kind), webhook_foreign, &how);
    last = before ? merge_skeleton(before, &how.rules) : NULL;
    next = merge_skeleton(desired, &how.rules);
    merge_three_way(last, desired, live, &how.rules, &merge);
    if (!doc_equal(merge.result, result)) {
        _cleanup_free_ char *text = doc_text(merge.result);
        fail_msg("%s: %s", c->what, text);
    }
    assert_int_equal(merge.change_count == 0, doc_equal(live, result));
    merge_three_way(next, desired, merge.result, &how.rules, &again);
    if (again.change_count)
        fail_msg("%s: %s differs again", c->what, again.changes[0].path);
    merge_release(&again);
    merge_release(&merge);
}

static void what_is_desired_takes_away_what_it_excludes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_desired_takes_away_what_it_excludes),
    };

    return cmocka_run_group_tests_name("kube unions", tests, NULL, NULL);
}
