/* A Pod's template and what is below it. */
#include "api/kubernetes_impl.h"

/* A row is a field, in the order of their names. */
/* clang-format off */

static const struct field field_requirement_rows[] = {
    {"key", CHOICE("metadata.name"), REQUIRED},
    {"operator", CHOICE("In", "NotIn"), REQUIRED},
    {"values", SEQUENCE(ITEM_OF(TEXT(format_dns_subdomain)), 1, 1), REQUIRED},
};
TABLE(field_requirement, "NodeSelectorRequirement");

static const struct field node_selector_requirement_rows[] = {
    {"key", TEXT(format_label_key), REQUIRED},
    {"operator", CHOICE("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"), REQUIRED},
    {"values", TEXTS(format_any, 0)},
};
TABLE(node_selector_requirement, "NodeSelectorRequirement", .check = kubernetes_check_node_requirement);

static const struct field preference_rows[] = {
    {"matchExpressions", LIST_OF(node_selector_requirement, 0)},
    {"matchFields", LIST_OF(field_requirement, 0), .since = 11},
};
TABLE(preference, "NodeSelectorTerm");

static const struct field preferred_scheduling_term_rows[] = {
    {"preference", DOCUMENT(preference)},
    {"weight", INTEGER(1, 100), REQUIRED},
};
TABLE(preferred_scheduling_term, "PreferredSchedulingTerm");

/* What no node has as a label is no requirement; a preference may have it. */
static const struct field required_node_requirement_rows[] = {
    {"key", TEXT(format_label_key), REQUIRED},
    {"operator", CHOICE("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"), REQUIRED},
    {"values", TEXTS(format_label_value, 0)},
};
TABLE(required_node_requirement, "NodeSelectorRequirement", .check = kubernetes_check_node_requirement);

static const struct field node_selector_term_rows[] = {
    {"matchExpressions", LIST_OF(required_node_requirement, 0)},
    {"matchFields", LIST_OF(field_requirement, 0), .since = 11},
};
TABLE(node_selector_term, "NodeSelectorTerm");

static const struct field node_selector_rows[] = {
    {"nodeSelectorTerms", LIST_OF(node_selector_term, 1), REQUIRED},
};
TABLE(node_selector, "NodeSelector");

static const struct field node_affinity_rows[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", LIST_OF(preferred_scheduling_term, 0)},
    {"requiredDuringSchedulingIgnoredDuringExecution", DOCUMENT(node_selector)},
};
TABLE(node_affinity, "NodeAffinity");

static const struct field pod_affinity_term_rows[] = {
    {"labelSelector", DOCUMENT(kubernetes_label_selector)},
    {"matchLabelKeys", TEXTS(format_label_key, 0), .since = 29},
    {"mismatchLabelKeys", TEXTS(format_label_key, 0), .since = 29},
    {"namespaceSelector", DOCUMENT(kubernetes_label_selector), .since = 21},
    {"namespaces", TEXTS(format_dns_label, 0)},
    {"topologyKey", TEXT(format_label_key), REQUIRED},
};
TABLE(pod_affinity_term, "PodAffinityTerm");

static const struct field weighted_pod_affinity_term_rows[] = {
    {"podAffinityTerm", DOCUMENT(pod_affinity_term), REQUIRED},
    {"weight", INTEGER(1, 100), REQUIRED},
};
TABLE(weighted_pod_affinity_term, "WeightedPodAffinityTerm");

static const struct field pod_affinity_rows[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", LIST_OF(weighted_pod_affinity_term, 0)},
    {"requiredDuringSchedulingIgnoredDuringExecution", LIST_OF(pod_affinity_term, 0)},
};
TABLE(pod_affinity, "PodAffinity");

static const struct field pod_anti_affinity_rows[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", LIST_OF(weighted_pod_affinity_term, 0)},
    {"requiredDuringSchedulingIgnoredDuringExecution", LIST_OF(pod_affinity_term, 0)},
};
TABLE(pod_anti_affinity, "PodAntiAffinity");

static const struct field affinity_rows[] = {
    {"nodeAffinity", DOCUMENT(node_affinity)},
    {"podAffinity", DOCUMENT(pod_affinity)},
    {"podAntiAffinity", DOCUMENT(pod_anti_affinity)},
};
const struct field_table kubernetes_affinity = TABLE_OF("Affinity", affinity_rows);

static const struct field config_map_key_selector_rows[] = {
    {"key", TEXT(format_config_key), REQUIRED},
    {"name", TEXT(format_dns_subdomain), REQUIRED},
    {"optional", FLAG},
};
TABLE(config_map_key_selector, "ConfigMapKeySelector");

static const struct field object_field_selector_rows[] = {
    {"apiVersion", CHOICE("v1")},
    {"fieldPath", TEXT(format_field_path), REQUIRED},
};
TABLE(object_field_selector, "ObjectFieldSelector");

static const struct field file_key_selector_rows[] = {
    {"key", TEXT(format_printable), REQUIRED},
    {"optional", FLAG},
    {"path", TEXT(format_local_path), REQUIRED},
    {"volumeName", TEXT(format_dns_label), REQUIRED},
};
TABLE(file_key_selector, "FileKeySelector");

static const struct field resource_field_selector_rows[] = {
    {"containerName", TEXT(format_any)},
    {"divisor", QUANTITY},
    {"resource", TEXT(format_resource_field), REQUIRED},
};
TABLE(resource_field_selector, "ResourceFieldSelector", .check = kubernetes_check_resource_field);

static const struct field secret_key_selector_rows[] = {
    {"key", TEXT(format_config_key), REQUIRED},
    {"name", TEXT(format_dns_subdomain), REQUIRED},
    {"optional", FLAG},
};
TABLE(secret_key_selector, "SecretKeySelector");

static const struct field env_var_source_rows[] = {
    {"configMapKeyRef", DOCUMENT(config_map_key_selector)},
    {"fieldRef", DOCUMENT(object_field_selector)},
    {"fileKeyRef", DOCUMENT(file_key_selector), .since = 34},
    {"resourceFieldRef", DOCUMENT(resource_field_selector)},
    {"secretKeyRef", DOCUMENT(secret_key_selector)},
};
TABLE(env_var_source, "EnvVarSource", .check = kubernetes_check_env_source);

static const struct field env_var_rows[] = {
    {"name", TEXT(format_env_name), REQUIRED, .until = 31},
    {"name", TEXT(format_printable), REQUIRED, .since = 32},
    {"value", TEXT(format_any)},
    {"valueFrom", DOCUMENT(env_var_source)},
};
TABLE(env_var, "EnvVar", .check = kubernetes_check_env);

static const struct field config_map_env_source_rows[] = {
    {"name", TEXT(format_dns_subdomain), REQUIRED},
    {"optional", FLAG},
};
TABLE(config_map_env_source, "ConfigMapEnvSource");

static const struct field secret_env_source_rows[] = {
    {"name", TEXT(format_dns_subdomain), REQUIRED},
    {"optional", FLAG},
};
TABLE(secret_env_source, "SecretEnvSource");

static const struct field env_from_source_rows[] = {
    {"configMapRef", DOCUMENT(config_map_env_source)},
    {"prefix", TEXT(format_env_name), .until = 31},
    {"prefix", TEXT(format_printable), .since = 32},
    {"secretRef", DOCUMENT(secret_env_source)},
};
TABLE(env_from_source, "EnvFromSource", .check = kubernetes_check_env_from);

static const struct field exec_action_rows[] = {
    {"command", TEXTS(format_any, 1), REQUIRED},
};
TABLE(exec_action, "ExecAction");

static const struct field http_header_rows[] = {
    {"name", TEXT(format_header), REQUIRED},
    {"value", TEXT(format_any)},
};
TABLE(http_header, "HTTPHeader");

static const struct field http_get_rows[] = {
    {"host", TEXT(format_any)},
    {"httpHeaders", LIST_OF(http_header, 0)},
    {"path", TEXT(format_any)},
    {"port", PORT, REQUIRED},
    {"protocol", CHOICE("HTTP1", "HTTP2"), .since = 37},
    {"scheme", CHOICE("HTTP", "HTTPS")},
};
TABLE(http_get, "HTTPGetAction");

static const struct field sleep_action_rows[] = {
    {"seconds", INTEGER(0, INT64_MOST), REQUIRED},
};
TABLE(sleep_action, "SleepAction");

static const struct field tcp_socket_rows[] = {
    {"host", TEXT(format_any)},
    {"port", PORT, REQUIRED},
};
TABLE(tcp_socket, "TCPSocketAction");

static const struct field lifecycle_handler_rows[] = {
    {"exec", DOCUMENT(exec_action)},
    {"httpGet", DOCUMENT(http_get)},
    {"sleep", DOCUMENT(sleep_action), .since = 29},
    {"tcpSocket", DOCUMENT(tcp_socket)},
};
TABLE(lifecycle_handler, "LifecycleHandler", .check = kubernetes_check_lifecycle_handler);

static const struct field lifecycle_rows[] = {
    {"postStart", DOCUMENT(lifecycle_handler)},
    {"preStop", DOCUMENT(lifecycle_handler)},
    {"stopSignal", TEXT(format_any), .since = 33},
};
TABLE(lifecycle, "Lifecycle");

static const struct field grpc_action_rows[] = {
    {"mode", CHOICE("Plaintext", "TLS"), .since = 37},
    {"port", INTEGER(1, 65535), REQUIRED},
    {"service", TEXT(format_any)},
};
TABLE(grpc_action, "GRPCAction");

static const struct field probe_rows[] = {
    {"exec", DOCUMENT(exec_action)},
    {"failureThreshold", INTEGER(0, INT32_MAX)},
    {"grpc", DOCUMENT(grpc_action), .since = 23},
    {"httpGet", DOCUMENT(http_get)},
    {"initialDelaySeconds", INTEGER(0, INT32_MAX)},
    {"periodSeconds", INTEGER(0, INT32_MAX)},
    {"successThreshold", INTEGER(0, INT32_MAX)},
    {"tcpSocket", DOCUMENT(tcp_socket)},
    {"terminationGracePeriodSeconds", INTEGER(1, INT64_MOST), .since = 21},
    {"timeoutSeconds", INTEGER(0, INT32_MAX)},
};
TABLE(probe, "Probe", .check = kubernetes_check_probe);

static const struct field container_port_rows[] = {
    {"containerPort", INTEGER(1, 65535), REQUIRED},
    {"hostIP", TEXT(format_any)},
    {"hostPort", INTEGER(0, 65535)},
    {"name", TEXT(format_port_name)},
    {"protocol", CHOICE("TCP", "UDP", "SCTP")},
};
TABLE(container_port, "ContainerPort");

static const struct field container_resize_policy_rows[] = {
    {"resourceName", CHOICE("cpu", "memory"), REQUIRED},
    {"restartPolicy", CHOICE("NotRequired", "RestartContainer"), REQUIRED},
};
TABLE(container_resize_policy, "ContainerResizePolicy");

static const struct field resource_claim_rows[] = {
    {"name", TEXT(format_dns_label), REQUIRED},
    {"request", TEXT(format_any), .since = 31},
};
TABLE(resource_claim, "ResourceClaim");

static const struct field resource_requirements_rows[] = {
    {"claims", LIST_OF(resource_claim, 0), .since = 26},
    {"limits", QUANTITIES(format_resource_name)},
    {"requests", QUANTITIES(format_resource_name)},
};
const struct field_table kubernetes_resources = TABLE_OF("ResourceRequirements", resource_requirements_rows, .check = kubernetes_check_resources);

static const struct field container_restart_rule_on_exit_codes_rows[] = {
    {"operator", CHOICE("In", "NotIn"), REQUIRED},
    {"values", INTEGERS(INT32_MIN, INT32_MAX)},
};
TABLE(container_restart_rule_on_exit_codes, "ContainerRestartRuleOnExitCodes");

static const struct field container_restart_rule_rows[] = {
    {"action", CHOICE("Restart", "RestartAllContainers"), REQUIRED},
    {"exitCodes", DOCUMENT(container_restart_rule_on_exit_codes)},
};
TABLE(container_restart_rule, "ContainerRestartRule");

static const struct field app_armor_profile_rows[] = {
    {"localhostProfile", TEXT(format_local_path)},
    {"type", CHOICE("RuntimeDefault", "Unconfined", "Localhost"), REQUIRED},
};
TABLE(app_armor_profile, "AppArmorProfile", .check = kubernetes_check_profile);

static const struct field capabilities_rows[] = {
    {"add", TEXTS(format_any, 0)},
    {"drop", TEXTS(format_any, 0)},
};
TABLE(capabilities, "Capabilities");

static const struct field selinux_options_rows[] = {
    {"level", TEXT(format_any)},
    {"role", TEXT(format_any)},
    {"type", TEXT(format_any)},
    {"user", TEXT(format_any)},
};
TABLE(selinux_options, "SELinuxOptions");

static const struct field seccomp_profile_rows[] = {
    {"localhostProfile", TEXT(format_local_path)},
    {"type", CHOICE("RuntimeDefault", "Unconfined", "Localhost"), REQUIRED},
};
TABLE(seccomp_profile, "SeccompProfile", .check = kubernetes_check_profile);

static const struct field windows_security_context_options_rows[] = {
    {"gmsaCredentialSpec", TEXT(format_any)},
    {"gmsaCredentialSpecName", TEXT(format_any)},
    {"hostProcess", FLAG, .since = 22},
    {"runAsUserName", TEXT(format_any), .since = 16},
};
TABLE(windows_security_context_options, "WindowsSecurityContextOptions");

static const struct field security_context_rows[] = {
    {"allowPrivilegeEscalation", FLAG},
    {"appArmorProfile", DOCUMENT(app_armor_profile), .since = 30},
    {"capabilities", DOCUMENT(capabilities)},
    {"privileged", FLAG},
    {"procMount", CHOICE("Default", "Unmasked"), NOT_EMPTY, .since = 12},
    {"readOnlyRootFilesystem", FLAG},
    {"runAsGroup", INTEGER(0, INT32_MAX)},
    {"runAsNonRoot", FLAG},
    {"runAsUser", INTEGER(0, INT32_MAX)},
    {"seLinuxOptions", DOCUMENT(selinux_options)},
    {"seccompProfile", DOCUMENT(seccomp_profile), .since = 19},
    {"windowsOptions", DOCUMENT(windows_security_context_options), .since = 15},
};
TABLE(security_context, "SecurityContext", .check = kubernetes_check_security);

static const struct field volume_device_rows[] = {
    {"devicePath", TEXT(format_path), REQUIRED},
    {"name", TEXT(format_any), REQUIRED},
};
TABLE(volume_device, "VolumeDevice");

static const struct field volume_mount_rows[] = {
    {"bindMountOptions", SEQUENCE(ITEM_OF(CHOICE("noexec", "nodev", "nosuid")), 0, INT_MAX), .since = 37},
    {"mountPath", TEXT(format_any), REQUIRED},
    {"mountPropagation", CHOICE("None", "HostToContainer", "Bidirectional"), NOT_EMPTY},
    {"name", TEXT(format_any), REQUIRED},
    {"readOnly", FLAG},
    {"recursiveReadOnly", CHOICE("Disabled", "IfPossible", "Enabled"), .since = 30},
    {"subPath", TEXT(format_local_path)},
    {"subPathExpr", TEXT(format_local_path), .since = 14},
};
TABLE(volume_mount, "VolumeMount", .check = kubernetes_check_mount);

static const struct field container_rows[] = {
    {"args", TEXTS(format_any, 0)},
    {"command", TEXTS(format_any, 0)},
    {"env", LIST_OF(env_var, 0)},
    {"envFrom", LIST_OF(env_from_source, 0)},
    {"image", TEXT(format_image), REQUIRED},
    {"imagePullPolicy", CHOICE("Always", "IfNotPresent", "Never")},
    {"lifecycle", DOCUMENT(lifecycle)},
    {"livenessProbe", DOCUMENT(probe)},
    {"name", TEXT(format_dns_label), REQUIRED},
    {"ports", LIST_OF(container_port, 0)},
    {"readinessProbe", DOCUMENT(probe)},
    {"resizePolicy", LIST_OF(container_resize_policy, 0), .since = 27},
    {"resources", DOCUMENT(kubernetes_resources)},
    {"restartPolicy", CHOICE("Always", "OnFailure", "Never"), .since = 28},
    {"restartPolicyRules", LIST_OF(container_restart_rule, 0), .since = 34},
    {"securityContext", DOCUMENT(security_context)},
    {"startupProbe", DOCUMENT(probe), .since = 16},
    {"stdin", FLAG},
    {"stdinOnce", FLAG},
    {"terminationMessagePath", TEXT(format_any)},
    {"terminationMessagePolicy", CHOICE("File", "FallbackToLogsOnError")},
    {"tty", FLAG},
    {"volumeDevices", LIST_OF(volume_device, 0)},
    {"volumeMounts", LIST_OF(volume_mount, 0)},
    {"workingDir", TEXT(format_any)},
};
TABLE(container, "Container", .check = kubernetes_check_container);

static const struct field pod_dns_option_rows[] = {
    {"name", TEXT(format_any), REQUIRED},
    {"value", TEXT(format_any)},
};
TABLE(pod_dns_option, "PodDNSConfigOption");

static const struct field pod_dns_config_rows[] = {
    {"nameservers", SEQUENCE(ITEM_OF(TEXT(format_ip)), 0, 3)},
    {"options", LIST_OF(pod_dns_option, 0)},
    {"searches", SEQUENCE(ITEM_OF(TEXT(format_dns_search)), 0, 6), .until = 25},
    {"searches", SEQUENCE(ITEM_OF(TEXT(format_dns_search)), 0, 32), .since = 26, .until = 32},
    {"searches", SEQUENCE(ITEM_OF(TEXT(format_search_domain)), 0, 32), .since = 33},
};
TABLE(pod_dns_config, "PodDNSConfig");

static const struct field host_alias_rows[] = {
    {"hostnames", TEXTS(format_dns_subdomain, 0)},
    {"ip", TEXT(format_ip), REQUIRED},
};
TABLE(host_alias, "HostAlias");

static const struct field local_object_reference_rows[] = {
    {"name", TEXT(format_any)},
};
TABLE(local_object_reference, "LocalObjectReference");

static const struct field pod_os_rows[] = {
    {"name", CHOICE("linux", "windows"), REQUIRED},
};
TABLE(pod_os, "PodOS");

static const struct field pod_readiness_gate_rows[] = {
    {"conditionType", TEXT(format_label_key), REQUIRED},
};
TABLE(pod_readiness_gate, "PodReadinessGate");

static const struct field claim_source_rows[] = {
    {"resourceClaimName", TEXT(format_any)},
    {"resourceClaimTemplateName", TEXT(format_any)},
};
TABLE(claim_source, "ClaimSource");

static const struct field pod_resource_claim_rows[] = {
    {"name", TEXT(format_dns_label), REQUIRED},
    {"resourceClaimName", TEXT(format_any), .since = 31},
    {"resourceClaimTemplateName", TEXT(format_any), .since = 31},
    {"source", DOCUMENT(claim_source), .until = 30},
};
TABLE(pod_resource_claim, "PodResourceClaim");

static const struct field pod_scheduling_gate_rows[] = {
    {"name", TEXT(format_label_key), REQUIRED},
};
TABLE(pod_scheduling_gate, "PodSchedulingGate");

static const struct field sysctl_rows[] = {
    {"name", TEXT(format_sysctl), REQUIRED, .until = 24},
    {"name", TEXT(format_sysctl_path), REQUIRED, .since = 25},
    {"value", TEXT(format_any)},
};
TABLE(sysctl, "Sysctl");

static const struct field pod_security_context_rows[] = {
    {"appArmorProfile", DOCUMENT(app_armor_profile), .since = 30},
    {"fsGroup", INTEGER(0, INT32_MAX)},
    {"fsGroupChangePolicy", CHOICE("OnRootMismatch", "Always"), NOT_EMPTY, .since = 18},
    {"runAsGroup", INTEGER(0, INT32_MAX)},
    {"runAsNonRoot", FLAG},
    {"runAsUser", INTEGER(0, INT32_MAX)},
    {"seLinuxChangePolicy", CHOICE("Recursive", "MountOption"), .since = 32},
    {"seLinuxOptions", DOCUMENT(selinux_options)},
    {"seccompProfile", DOCUMENT(seccomp_profile), .since = 19},
    {"supplementalGroups", INTEGERS(0, INT32_MAX)},
    {"supplementalGroupsPolicy", CHOICE("Merge", "Strict"), .since = 31},
    {"sysctls", LIST_OF(sysctl, 0), .since = 11},
    {"windowsOptions", DOCUMENT(windows_security_context_options), .since = 15},
};
TABLE(pod_security_context, "PodSecurityContext");

static const struct field toleration_rows[] = {
    {"effect", CHOICE("NoSchedule", "PreferNoSchedule", "NoExecute")},
    {"key", TEXT(format_label_key)},
    {"operator", CHOICE("Equal", "Exists")},
    {"tolerationSeconds", INTEGER(0, INT32_MAX)},
    {"value", TEXT(format_label_value)},
};
const struct field_table kubernetes_toleration = TABLE_OF("Toleration", toleration_rows, .check = kubernetes_check_toleration);

static const struct field topology_spread_constraint_rows[] = {
    {"labelSelector", DOCUMENT(kubernetes_label_selector)},
    {"matchLabelKeys", TEXTS(format_label_key, 0), .since = 25},
    {"maxSkew", INTEGER(1, INT32_MAX), REQUIRED},
    {"minDomains", INTEGER(1, INT32_MAX), .since = 24},
    {"nodeAffinityPolicy", CHOICE("Honor", "Ignore"), .since = 25},
    {"nodeTaintsPolicy", CHOICE("Honor", "Ignore"), .since = 25},
    {"topologyKey", TEXT(format_any), REQUIRED},
    {"whenUnsatisfiable", CHOICE("DoNotSchedule", "ScheduleAnyway"), REQUIRED},
};
TABLE(topology_spread_constraint, "TopologySpreadConstraint");

static const struct field key_to_path_rows[] = {
    {"key", TEXT(format_any), REQUIRED},
    {"mode", INTEGER(0, 0777)},
    {"path", TEXT(format_local_path), REQUIRED},
    {"user", INTEGER(0, INT32_MAX), .since = 37},
};
TABLE(key_to_path, "KeyToPath");

static const struct field config_map_volume_rows[] = {
    {"defaultMode", INTEGER(0, 0777)},
    {"defaultUser", INTEGER(0, INT32_MAX), .since = 37},
    {"items", LIST_OF(key_to_path, 0)},
    {"name", TEXT(format_any), REQUIRED},
    {"optional", FLAG},
};
TABLE(config_map_volume, "ConfigMapVolumeSource");

static const struct field secret_reference_rows[] = {
    {"name", TEXT(format_dns_subdomain), REQUIRED},
};
TABLE(secret_reference, "LocalObjectReference");

static const struct field csi_volume_rows[] = {
    {"driver", TEXT(format_csi_driver), REQUIRED},
    {"fsType", TEXT(format_any)},
    {"nodePublishSecretRef", DOCUMENT(secret_reference)},
    {"readOnly", FLAG},
    {"volumeAttributes", MAP_OF(format_any, format_any)},
};
TABLE(csi_volume, "CSIVolumeSource");

static const struct field downward_api_volume_file_rows[] = {
    {"fieldRef", DOCUMENT(object_field_selector)},
    {"mode", INTEGER(0, 0777)},
    {"path", TEXT(format_local_path), REQUIRED},
    {"resourceFieldRef", DOCUMENT(resource_field_selector)},
    {"user", INTEGER(0, INT32_MAX), .since = 37},
};
TABLE(downward_api_volume_file, "DownwardAPIVolumeFile", .check = kubernetes_check_downward_file);

static const struct field downward_api_volume_rows[] = {
    {"defaultMode", INTEGER(0, 0777)},
    {"defaultUser", INTEGER(0, INT32_MAX), .since = 37},
    {"items", LIST_OF(downward_api_volume_file, 0)},
};
TABLE(downward_api_volume, "DownwardAPIVolumeSource");

static const struct field empty_dir_volume_rows[] = {
    {"medium", TEXT(format_any)},
    {"mode", INTEGER(0, 01777), .since = 37},
    {"sizeLimit", QUANTITY},
};
TABLE(empty_dir_volume, "EmptyDirVolumeSource");

static const struct field ephemeral_volume_rows[] = {
    {"readOnly", FLAG, .until = 20},
    {"volumeClaimTemplate", DOCUMENT(kubernetes_anything)},
};
TABLE(ephemeral_volume, "EphemeralVolumeSource");

static const struct field host_path_volume_rows[] = {
    {"path", TEXT(format_path), REQUIRED},
    {"type", CHOICE("DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice")},
};
TABLE(host_path_volume, "HostPathVolumeSource");

static const struct field image_volume_rows[] = {
    {"pullPolicy", CHOICE("Always", "IfNotPresent", "Never")},
    {"reference", TEXT(format_any)},
};
TABLE(image_volume, "ImageVolumeSource");

static const struct field nfs_volume_rows[] = {
    {"path", TEXT(format_absolute_path), REQUIRED},
    {"readOnly", FLAG},
    {"server", TEXT(format_any), REQUIRED},
};
TABLE(nfs_volume, "NFSVolumeSource");

static const struct field persistent_volume_claim_volume_rows[] = {
    {"claimName", TEXT(format_any), REQUIRED},
    {"readOnly", FLAG},
};
TABLE(persistent_volume_claim_volume, "PersistentVolumeClaimVolumeSource");

static const struct field config_map_projection_rows[] = {
    {"items", LIST_OF(key_to_path, 0)},
    {"name", TEXT(format_any), REQUIRED},
    {"optional", FLAG},
};
TABLE(config_map_projection, "ConfigMapProjection");

static const struct field downward_api_projection_rows[] = {
    {"items", LIST_OF(downward_api_volume_file, 0)},
};
TABLE(downward_api_projection, "DownwardAPIProjection");

static const struct field secret_projection_rows[] = {
    {"items", LIST_OF(key_to_path, 0)},
    {"name", TEXT(format_any), REQUIRED},
    {"optional", FLAG},
};
TABLE(secret_projection, "SecretProjection");

static const struct field service_account_token_projection_rows[] = {
    {"audience", TEXT(format_any)},
    {"expirationSeconds", INTEGER(600, 4294967296.)},
    {"path", TEXT(format_local_path), REQUIRED},
    {"user", INTEGER(0, INT32_MAX), .since = 37},
};
TABLE(service_account_token_projection, "ServiceAccountTokenProjection");

static const struct field volume_projection_rows[] = {
    {"clusterTrustBundle", DOCUMENT(kubernetes_anything), .since = 29},
    {"configMap", DOCUMENT(config_map_projection)},
    {"downwardAPI", DOCUMENT(downward_api_projection)},
    {"podCertificate", DOCUMENT(kubernetes_anything), .since = 34},
    {"secret", DOCUMENT(secret_projection)},
    {"serviceAccountToken", DOCUMENT(service_account_token_projection), .since = 11},
};
TABLE(volume_projection, "VolumeProjection", .check = kubernetes_check_projection);

static const struct field projected_volume_rows[] = {
    {"defaultMode", INTEGER(0, 0777)},
    {"defaultUser", INTEGER(0, INT32_MAX), .since = 37},
    {"sources", LIST_OF(volume_projection, 0)},
};
TABLE(projected_volume, "ProjectedVolumeSource", .check = kubernetes_check_projected);

static const struct field secret_volume_rows[] = {
    {"defaultMode", INTEGER(0, 0777)},
    {"defaultUser", INTEGER(0, INT32_MAX), .since = 37},
    {"items", LIST_OF(key_to_path, 0)},
    {"optional", FLAG},
    {"secretName", TEXT(format_any), REQUIRED},
};
TABLE(secret_volume, "SecretVolumeSource");

static const struct field volume_rows[] = {
    {"awsElasticBlockStore", DOCUMENT(kubernetes_anything)},
    {"azureDisk", DOCUMENT(kubernetes_anything)},
    {"azureFile", DOCUMENT(kubernetes_anything)},
    {"cephfs", DOCUMENT(kubernetes_anything)},
    {"cinder", DOCUMENT(kubernetes_anything)},
    {"configMap", DOCUMENT(config_map_volume)},
    {"csi", DOCUMENT(csi_volume), .since = 14},
    {"downwardAPI", DOCUMENT(downward_api_volume)},
    {"emptyDir", DOCUMENT(empty_dir_volume)},
    {"ephemeral", DOCUMENT(ephemeral_volume), .since = 19},
    {"fc", DOCUMENT(kubernetes_anything)},
    {"flexVolume", DOCUMENT(kubernetes_anything)},
    {"flocker", DOCUMENT(kubernetes_anything)},
    {"gcePersistentDisk", DOCUMENT(kubernetes_anything)},
    {"gitRepo", DOCUMENT(kubernetes_anything)},
    {"glusterfs", DOCUMENT(kubernetes_anything)},
    {"hostPath", DOCUMENT(host_path_volume)},
    {"image", DOCUMENT(image_volume), .since = 31},
    {"iscsi", DOCUMENT(kubernetes_anything)},
    {"name", TEXT(format_dns_label), REQUIRED},
    {"nfs", DOCUMENT(nfs_volume)},
    {"persistentVolumeClaim", DOCUMENT(persistent_volume_claim_volume)},
    {"photonPersistentDisk", DOCUMENT(kubernetes_anything)},
    {"portworxVolume", DOCUMENT(kubernetes_anything)},
    {"projected", DOCUMENT(projected_volume)},
    {"quobyte", DOCUMENT(kubernetes_anything)},
    {"rbd", DOCUMENT(kubernetes_anything)},
    {"scaleIO", DOCUMENT(kubernetes_anything)},
    {"secret", DOCUMENT(secret_volume)},
    {"storageos", DOCUMENT(kubernetes_anything)},
    {"vsphereVolume", DOCUMENT(kubernetes_anything)},
};
TABLE(volume, "Volume", .check = kubernetes_check_volume);

static const struct field eviction_responder_rows[] = {
    {"name", TEXT(format_label_key), REQUIRED},
    {"priority", INTEGER(0, 100000), REQUIRED},
};
TABLE(eviction_responder, "EvictionResponder");

static const struct field pod_scheduling_group_rows[] = {
    {"podGroupName", TEXT(format_dns_subdomain)},
};
TABLE(pod_scheduling_group, "PodSchedulingGroup");

static const struct field pod_spec_rows[] = {
    {"activeDeadlineSeconds", INTEGER(1, INT32_MAX)},
    {"affinity", DOCUMENT(kubernetes_affinity)},
    {"automountServiceAccountToken", FLAG},
    {"containers", LIST_OF(container, 1), REQUIRED},
    {"dnsConfig", DOCUMENT(pod_dns_config)},
    {"dnsPolicy", CHOICE("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")},
    {"enableServiceLinks", FLAG, .since = 13},
    {"ephemeralContainers", LIST_OF(kubernetes_anything, 0), .since = 16},
    {"evictionResponders", SEQUENCE(ITEM_OF(DOCUMENT(eviction_responder)), 0, 10), .since = 37},
    {"hostAliases", LIST_OF(host_alias, 0)},
    {"hostIPC", FLAG},
    {"hostNetwork", FLAG},
    {"hostPID", FLAG},
    {"hostUsers", FLAG, .since = 25},
    {"hostname", TEXT(format_dns_label)},
    {"hostnameOverride", TEXT(format_any), .since = 34},
    {"imagePullSecrets", LIST_OF(local_object_reference, 0)},
    {"initContainers", LIST_OF(container, 0)},
    {"nodeName", TEXT(format_dns_subdomain)},
    {"nodeSelector", MAP_OF(format_label_key, format_label_value)},
    {"os", DOCUMENT(pod_os), .since = 23},
    {"overhead", QUANTITIES(format_resource_name), .since = 16},
    {"preemptionPolicy", CHOICE("PreemptLowerPriority", "Never"), NOT_EMPTY, .since = 15},
    {"priority", INTEGER(INT32_MIN, INT32_MAX)},
    {"priorityClassName", TEXT(format_dns_subdomain)},
    {"readinessGates", LIST_OF(pod_readiness_gate, 0), .since = 11},
    {"resourceClaims", LIST_OF(pod_resource_claim, 0), .since = 26},
    {"resources", DOCUMENT(kubernetes_resources), .since = 32},
    {"restartPolicy", CHOICE("Always", "OnFailure", "Never")},
    {"runtimeClassName", TEXT(format_dns_subdomain), NOT_EMPTY, .since = 12},
    {"schedulerName", TEXT(format_any)},
    {"schedulingGroup", DOCUMENT(pod_scheduling_group), .since = 36},
    {"schedulingGates", LIST_OF(pod_scheduling_gate, 0), .since = 26},
    {"securityContext", DOCUMENT(pod_security_context)},
    {"serviceAccount", TEXT(format_any)},
    {"serviceAccountName", TEXT(format_dns_subdomain)},
    {"setHostnameAsFQDN", FLAG, .since = 19},
    {"shareProcessNamespace", FLAG},
    {"subdomain", TEXT(format_dns_label)},
    {"terminationGracePeriodSeconds", INTEGER(INT64_LEAST, INT64_MOST)},
    {"tolerations", LIST_OF(kubernetes_toleration, 0)},
    {"topologySpreadConstraints", LIST_OF(topology_spread_constraint, 0), .since = 16},
    {"volumes", LIST_OF(volume, 0)},
    {"workloadRef", DOCUMENT(kubernetes_anything), .since = 35, .until = 35},
};
TABLE(pod_spec, "PodSpec", .check = kubernetes_check_pod);

static const struct field pod_template_rows[] = {
    {"metadata", DOCUMENT(kubernetes_metadata)},
    {"spec", DOCUMENT(pod_spec), REQUIRED},
};
const struct field_table kubernetes_pod_template = TABLE_OF("PodTemplateSpec", pod_template_rows);
