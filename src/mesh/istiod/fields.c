/* The fields of an Istio resource in releases of today's Istio, and what must hold between them. */
#include "api/istio_parts.h"
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/istiod/istiod.h"
#include "mesh/spans.h"

/*
 * Of Istio's MeshConfig and ProxyConfig those fields that are most in use, with the types that they have there
 * (istio.io/api, mesh/v1alpha1): istiod does not start with a mesh configuration that it cannot read.
 */
static const struct field_table mesh_config_part = {
    .name = "Part of the mesh configuration",
    .doc = "As in Istio's reference of MeshConfig.",
    .open = true,
};

static const struct field proxy_metadata_value = {NULL, TEXT(format_annotation_value)};

static const struct field proxy_config_rows[] = {
    {"concurrency", INTEGER(0, 1000), .doc = "Worker threads of a proxy."},
    {"discoveryAddress", TEXT(format_host_port), .doc = "Where proxies find istiod."},
    {"holdApplicationUntilProxyStarts", FLAG, .doc = "Whether the application starts after its proxy."},
    {"proxyMetadata", MAP(format_env_name, proxy_metadata_value, 256), .doc = "Environment variables of the proxy."},
    {"tracing", DOCUMENT(mesh_config_part), .doc = "Where spans go to."},
};

static const struct field_table proxy_config_table = {
    .name = "Proxy configuration",
    .doc = "Istio's ProxyConfig: what all proxies have, unless a Pod says otherwise.",
    FIELD_ROWS(proxy_config_rows),
    .open = true,
};

static const struct field extension_provider_rows[] = {
    {"name", TEXT(format_annotation_value), .required = true, .doc = "By which resources name it."},
};

static const struct field_table extension_provider_table = {
    .name = "Extension provider",
    .doc = "Istio's ExtensionProvider.",
    FIELD_ROWS(extension_provider_rows),
    .open = true,
};

static const struct field outbound_traffic_policy_rows[] = {
    {"mode", CHOICE("REGISTRY_ONLY", "ALLOW_ANY"), .doc = "Whether proxies let traffic to unknown hosts pass."},
};

static const struct field_table outbound_traffic_policy_table = {
    .name = "Outbound traffic policy",
    .doc = "Istio's OutboundTrafficPolicy.",
    FIELD_ROWS(outbound_traffic_policy_rows),
    .open = true,
};

static const struct field extension_provider = {NULL, DOCUMENT(extension_provider_table)};
static const struct field discovery_selector = {NULL, DOCUMENT(mesh_config_part)};
static const struct field mesh_config_text = {NULL, TEXT(format_annotation_value)};

static const struct field mesh_config_rows[] = {
    {"accessLogFile", TEXT(format_annotation_value), .doc = "The file that proxies write their access log to."},
    {"accessLogFormat", TEXT(format_annotation_value), .doc = "What a line of it has."},
    {"defaultConfig", DOCUMENT(proxy_config_table), .doc = "What all proxies have."},
    {"defaultProviders", DOCUMENT(mesh_config_part), .doc = "Providers that are used where no resource names one."},
    {"discoverySelectors", LIST(discovery_selector, 0, 1000), .doc = "Which namespaces istiod reads."},
    {"enableAutoMtls", FLAG, .doc = "Whether clients use mutual TLS where the server has a proxy."},
    {"enablePrometheusMerge", FLAG, .doc = "Whether the proxy serves the metrics of its application, too."},
    {"enableTracing", FLAG, .doc = "Whether proxies report spans."},
    {"extensionProviders", LIST(extension_provider, 0, 1000), .doc = "Backends of telemetry and authorization."},
    {"outboundTrafficPolicy", DOCUMENT(outbound_traffic_policy_table), .doc = "Traffic to hosts that are not known."},
    {"rootNamespace", TEXT(format_dns_label), .doc = "Where the configuration of the whole mesh is."},
    {"trustDomain", TEXT(format_annotation_value), .doc = "The trust domain of the identities."},
    {"trustDomainAliases", LIST(mesh_config_text, 0, 1000), .doc = "Further ones that are trusted."},
};

static const struct field_table mesh_config_table = {
    .name = "Mesh configuration",
    .doc = "Istio's MeshConfig, merged into the operator's: maps by key, everything else as a whole. Other fields than "
           "these are\npassed on as they are; Istio's reference of MeshConfig describes them.",
    FIELD_ROWS(mesh_config_rows),
    .open = true,
};

/* Environment variables are longer than labels and names: any text. */
static const struct field env_value = {NULL, TEXT(format_annotation_value)};

/* --- the gateways --- */

#define OWNER struct gateway_spec

static const struct field gateway_rows[] = {
    ISTIO_GATEWAY_ROWS(),
    {"terminationGracePeriodSeconds",
     INTEGER_AT(termination_grace_period, 1, 86400),
     .otherwise = "60",
     .floating = true,
     .doc = "How long a pod that is replaced may take to end its open requests; then they are cut."},
    {"sds",
     UNSUPPORTED("{\"enabled\":true}"),
     .instead = "gateways always get the certificates in Secrets of their namespace from istiod"},
    {"applicationPorts", UNSUPPORTED(NULL), .instead = "a gateway does not wait for ports before it is ready"},
    {"requestedNetworkView",
     UNSUPPORTED(NULL),
     .instead = "the ingress and the egress gateway know all networks, and the east-west gateway its own"},
};

static const struct field_table gateway_table = {
    .name = "Gateway",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(gateway_rows),
};

#undef OWNER
#define OWNER struct istiod_spec

static const struct field gateways_rows[] = {
    {"enabled",
     FLAG_AT(common.gateways.enabled),
     .otherwise = "true",
     .floating = true,
     .doc = "Whether there are gateways; false switches off all, whatever they say."},
    {"ingress", STRUCT_AT(common.gateways.ingress, gateway_table), .doc = "The gateway for traffic into the mesh."},
    {"egress", STRUCT_AT(common.gateways.egress, gateway_table), .doc = "The gateway for traffic out of the mesh."},
    {"eastWest",
     STRUCT_AT(federation.gateway, gateway_table),
     .doc = "The gateway for traffic from the mesh's other networks, while `gatewayFederation` is enabled."},
    {"replicaCount",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.replicaCount", "gateways.egress.replicaCount")},
    {"minReplicas",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.minReplicas", "gateways.egress.minReplicas")},
    {"maxReplicas",
     INTEGER(1, COMPONENT_REPLICAS_MAX),
     ALIAS("gateways.ingress.maxReplicas", "gateways.egress.maxReplicas")},
    {"k8singress",
     UNSUPPORTED("{\"enabled\":true}"),
     .instead = "the ingress gateway always serves Ingresses of class istio; have none, and it serves none"},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

/* --- a mesh of several clusters --- */

static const struct field gateway_address = {NULL, TEXT(format_ip)};

static const struct field federation_rows[] = {
    {"enabled",
     FLAG_AT(federation.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether an east-west gateway lets proxies of the mesh's other clusters reach the pods of this one."},
    {"addressType",
     CHOICE_AT(federation.address_type, ISTIOD_ADDRESS_AUTO, ISTIOD_ADDRESS_NODE_PORT),
     .otherwise = ISTIOD_ADDRESS_AUTO,
     .floating = true,
     .doc =
         "Where the others find it. Auto: at its load balancer, all of whose addresses are used; istiod resolves host "
         "names. NodePort: at the node port of every node that has an ExternalIP."},
    {"addresses",
     LIST_AT(federation.addresses, gateway_address, 0, 16),
     .unique = true,
     .otherwise = "[]",
     .floating = true,
     .doc =
         "IP addresses that lead to port 15443 of it, where they are not those of its load balancer or the nodes: they "
         "are the Service's externalIPs."},
};

static const struct field_table federation_table = {
    .name = "Gateway federation",
    .doc = "How pods of this cluster are reached from networks that have no route to them.",
    FIELD_ROWS(federation_rows),
};

/* --- the CNI plugin --- */

static const struct field excluded_namespace = {NULL, TEXT(format_dns_label)};

static const struct field cni_logging_rows[] = {
    {"level", COMPONENT_CNI_LOG_LEVELS, ALIAS("cni.logLevel")},
};

static const struct field_table cni_logging_table = {
    .name = "CNI logging",
    .doc = "As in Istio's chart.",
    FIELD_ROWS(cni_logging_rows),
};

/* Its paths have the names of Istio's chart, too. */
static const struct field cni_rows[] = {
    {"enabled",
     FLAG_AT(cni.component.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether a plugin of the nodes' network redirects the traffic of pods, so that they need no init container "
            "with NET_ADMIN and NET_RAW."},
    {"platform",
     CHOICE_AT(
         cni.platform, ISTIOD_CNI_AUTO, ISTIOD_ANY_PLATFORM, "GKE", "K3d", "K3s", "MicroK8s", "Minikube", "OpenShift"),
     .otherwise = ISTIOD_CNI_AUTO,
     .floating = true,
     .doc = "What runs the nodes, which decides the paths below; Auto: what `platform` or the nodes say."},
    COMPONENT_NODE_ROWS(
        cni.component., "its own image from imageHub, with imageTag", "as in Istio's chart", "any node with Linux",
        "Labels that a node must have to get the plugin. Pods with sidecars do not start on others.", "none",
        "On which nodes it is; as for nodeSelector.", "all taints"),
    {"binDir",
     TEXT_AT(cni.bin_dir, format_folder),
     .implied = "the platform's, /opt/cni/bin on most",
     .doc = "The nodes' folder of network plugins."},
    {"confDir",
     TEXT_AT(cni.conf_dir, format_folder),
     .implied = "the platform's, /etc/cni/net.d on most",
     .doc = "The nodes' folder of network configuration."},
    {"netnsDir",
     TEXT_AT(cni.netns_dir, format_folder),
     .implied = "the platform's, /var/run/netns on most",
     .doc = "The nodes' folder of network namespaces."},
    {"confFileName",
     TEXT_AT(cni.conf_file_name, format_file_name),
     .implied = "the first file there",
     .doc = "The file in confDir that the plugin is added to."},
    {"chained",
     FLAG_AT(cni.chained),
     .otherwise = "true",
     .floating = true,
     .doc = "Whether it is added to the nodes' own network configuration. If not, Multus has to call it, as on "
            "OpenShift, where it is always so."},
    {"logLevel",
     COMPONENT_CNI_LOG_LEVELS,
     FIELD_AT(cni.log_level, char *),
     .otherwise = "info",
     .floating = true,
     .doc = "How much it logs."},
    {"excludeNamespaces",
     LIST_AT(cni.exclude_namespaces, excluded_namespace, 0, 1000),
     .unique = true,
     .otherwise = "[\"kube-system\"]",
     .floating = true,
     .doc = "Namespaces whose pods it leaves alone."},
    {"cniBinDir", TEXT(format_folder), ALIAS("cni.binDir")},
    {"cniConfDir", TEXT(format_folder), ALIAS("cni.confDir")},
    {"cniNetnsDir", TEXT(format_folder), ALIAS("cni.netnsDir")},
    {"cniConfFileName", TEXT(format_file_name), ALIAS("cni.confFileName")},
    {"logging", GROUP(cni_logging_table), .doc = "As in Istio's chart."},
};

static const struct field_table cni_table = {
    .name = "CNI",
    .doc = "The plugin of the nodes' network, instead of an init container in each pod.",
    FIELD_ROWS(cni_rows),
};

/* --- istiod --- */

static const struct field pilot_rows[] = {
    COMPONENT_ROWS(common.pilot., COMPONENT_AUTOSCALED),
    {"env",
     MAP_AT(pilot_env, format_env_name, env_value, 256),
     .implied = "none",
     .doc = "Environment variables of istiod besides its own, which they replace."},
    {"traceSampling", NUMBER(0, 100), ALIAS("tracing.sampling")},
    {"sidecar", UNSUPPORTED("false"), .instead = "istiod has no proxy beside it"},
};

static const struct field_table pilot_table = {
    .name = "Pilot",
    .doc = "istiod, the control plane. " COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(pilot_rows),
};

/* --- tracing --- */

static const struct field zipkin_rows[] = {
    {"address", TEXT(format_host_port), ALIAS("tracing.zipkinAddress")},
};

static const struct field_table zipkin_table = {
    .name = "Zipkin",
    .doc = "Where spans go to.",
    FIELD_ROWS(zipkin_rows),
};

#define PROVIDERS "describe the backend in `meshConfig.extensionProviders`, and have a Telemetry resource use it"

static const struct field tracing_rows[] = {
    {"enabled", FLAG_AT(common.tracing.enabled), .otherwise = "true", .doc = "Whether proxies report spans."},
    {"zipkinAddress",
     TEXT_AT(common.tracing.zipkin_address, format_host_port),
     .implied = "none, unless meshConfig has a provider",
     .doc = "Where spans go to, in Zipkin's protocol: the Zipkin or Jaeger that you run."},
    {"opentelemetryAddress",
     TEXT_AT(common.tracing.opentelemetry_address, format_host_port),
     .implied = "none",
     .doc = "Where spans go to, in OpenTelemetry's protocol over gRPC, instead: the collector or Jaeger that you run."},
    {"sampling",
     NUMBER_AT(common.tracing.sampling, 0, 100),
     .otherwise = "1.0",
     .floating = true,
     .doc = "Percent of requests that are traced."},
    {"zipkin", GROUP(zipkin_table), .doc = "Zipkin."},
    {"tracer", UNSUPPORTED("\"zipkin\""), .instead = PROVIDERS},
    {"lightstep", UNSUPPORTED(NULL), .instead = PROVIDERS},
    {"datadog", UNSUPPORTED(NULL), .instead = PROVIDERS},
};

static const struct field_table tracing_table = {
    .name = "Tracing",
    .doc = "Distributed tracing. No Pod is restarted for it where the address is that of a Service.",
    FIELD_ROWS(tracing_rows),
};

/* --- the whole --- */

#define PART_OF_ISTIOD "is a part of istiod and always on; leave it out"
#define NO_MIXER "Istio has no Mixer any more: "

static const struct field spec_rows[] = {
    ISTIO_VERSION_ROW(common.),
    ISTIO_MTLS_ROW(common.),
    ISTIO_TRAFFIC_ROWS(common.),

    ISTIO_IMAGE_ROWS(
        common., .otherwise = "docker.io/istio", .implied = "the version", .otherwise = "IfNotPresent",
        .implied = "none"),

    ISTIO_LIFE_ROWS(common.),
    ISTIO_UPGRADE_ROW(),
    ISTIO_DEFAULT_RESOURCES_ROW(common.),
    ISTIO_DISRUPTION_BUDGET_ROW(),
    ISTIO_OVERLAYS_ROW(common.),

    {"revision",
     TEXT_AT(revision, format_revision),
     .implied = "`default`, which is in no name",
     .doc =
         "The name of the control plane: it is behind the names of its objects, and the value of label istio.io/rev\n"
         "of listed namespaces, which then have no label istio-injection. A former control plane stays until the new\n"
         "one is available and no pod has its sidecar."},
    {"platform",
     CHOICE_AT(platform, ISTIOD_ANY_PLATFORM, "OpenShift"),
     .otherwise = ISTIOD_ANY_PLATFORM,
     .floating = true,
     .doc = "What runs the cluster. On OpenShift proxies run as a user of their namespace's range."},
    {"meshConfig",
     DOCUMENT_AT(mesh_config, mesh_config_table),
     .implied = "none",
     .doc = "What Istio's mesh configuration says besides what follows from other fields."},
    {"tracing", GROUP(tracing_table), .doc = "Distributed tracing."},
    ISTIO_PROXY_ROW(),
    ISTIO_SIDECARS_ROW(),
    ISTIO_MONITORING_ROW(),
    ISTIO_KIALI_ROW(),
    {"pilot", GROUP(pilot_table), .doc = "istiod, the control plane."},
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},
    {"cni", GROUP(cni_table), .doc = "The plugin of the nodes' network."},

    {"meshID",
     TEXT_AT(federation.mesh_id, format_label_value),
     .implied = "the trust domain",
     .doc = "The name of the mesh, the same in all of its clusters."},
    {"clusterName",
     TEXT_AT(federation.cluster_name, format_label_value),
     .implied = ISTIOD_CLUSTER,
     .doc = "The name of this cluster in the mesh, by which the istiods of the others know it."},
    {"networkName",
     TEXT_AT(federation.network, format_label_value),
     .implied = "none: all pods of the mesh reach each other",
     .doc = "The name of this cluster's network. Pods of one network reach each other by their addresses, those of "
            "another through its east-west gateway. The control plane's namespace gets it as label "
            "topology.istio.io/network."},
    {"gatewayFederation", GROUP(federation_table), .doc = "How other networks of the mesh reach this one."},

    {"controlPlaneSecurityEnabled",
     UNSUPPORTED("true"),
     .instead = "istiod and proxies always use mutual TLS with each other; leave it out"},
    {"citadel", UNSUPPORTED("{\"enabled\":true}"), .instead = "signing certificates " PART_OF_ISTIOD},
    {"galley", UNSUPPORTED("{\"enabled\":true}"), .instead = "the validation of configuration " PART_OF_ISTIOD},
    {"sidecarInjector",
     UNSUPPORTED("{\"enabled\":true}"),
     .instead = "the injection of sidecars " PART_OF_ISTIOD ", and list namespaces in `autoInjectionNamespaces`"},
    {"policy",
     UNSUPPORTED("{\"enabled\":false}"),
     .refused = true,
     .instead = NO_MIXER "write AuthorizationPolicies, and leave it out"},
    {"telemetry",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = NO_MIXER "proxies report metrics themselves; write Telemetry resources, and leave it out"},
    {"mixer", UNSUPPORTED("{\"enabled\":false}"), .refused = true, .instead = NO_MIXER "leave it out"},
    {"watchAdapterCRDs", UNSUPPORTED("false"), .instead = NO_MIXER "leave it out"},
    {"proxyInit",
     UNSUPPORTED(NULL),
     .instead =
         "the init container that redirects the traffic of pods has the image of the proxy; write `proxy.image`"},
    {"watchOneNamespace",
     UNSUPPORTED("false"),
     .instead = "write `meshConfig.discoverySelectors`, which says which namespaces istiod reads"},
    {"sds", UNSUPPORTED("{\"enabled\":true}"), .instead = "proxies always get their certificates from istiod"},
    {"nodeAgent", UNSUPPORTED("{\"enabled\":false}"), .instead = "the proxy asks istiod for its certificate itself"},
    {"useMCP", UNSUPPORTED("false"), .instead = "istiod reads its configuration from the API server"},
    {"defaultConfigVisibility",
     UNSUPPORTED("\"*\""),
     .refused = true,
     .instead = "write `meshConfig.defaultServiceExportTo`, `meshConfig.defaultVirtualServiceExportTo` and "
                "`meshConfig.defaultDestinationRuleExportTo`"},
    {"outboundTrafficPolicy",
     UNSUPPORTED("{\"mode\":\"ALLOW_ANY\"}"),
     .refused = true,
     .instead = "write `meshConfig.outboundTrafficPolicy`"},
    {"servicegraph",
     UNSUPPORTED("{\"enabled\":false}"),
     .refused = true,
     .instead = "Istio has had no Servicegraph since 1.2; write `kiali.mode` for one that draws the mesh"},
    {"meshExpansion", UNSUPPORTED("false"), .instead = "write Gateways for virtual machines"},
    {"multiMesh", UNSUPPORTED("false"), .instead = "write `gatewayFederation`"},
    {"istioCoreDNS",
     UNSUPPORTED("{\"enabled\":false}"),
     .instead = "proxies resolve names themselves; write `meshConfig.defaultConfig.proxyMetadata`"},
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc =
        "Every field may be left out. Fields of Istio 1.0 that today's Istio has no use for are refused or reported, "
        "with\nwhat to write instead.",
    FIELD_ROWS(spec_rows),
};

static const struct istio_component components[] = {
    {"spec.pilot", offsetof(struct istiod_spec, common.pilot)},
    {"spec.gateways.ingress", offsetof(struct istiod_spec, common.gateways.ingress.component)},
    {"spec.gateways.egress", offsetof(struct istiod_spec, common.gateways.egress.component)},
    {"spec.gateways.eastWest", offsetof(struct istiod_spec, federation.gateway.component)},
    {NULL},
};

static void forget_empty(char **text)
{
    if (*text && !**text)
        str_replace(text, NULL);
}

static void complete_federation(struct istiod_federation *federation, bool gateways)
{
    forget_empty(&federation->mesh_id);
    forget_empty(&federation->cluster_name);
    forget_empty(&federation->network);
    if (!gateways || !federation->enabled)
        federation->gateway.component.enabled = false;
}

static void complete(void *spec, const char *version)
{
    char **revision = &((struct istiod_spec *)spec)->revision;

    if (!*revision || str_eq(*revision, ISTIOD_REVISION_DEFAULT))
        str_replace(revision, "");
    complete_federation(&((struct istiod_spec *)spec)->federation, ((const struct istio_spec *)spec)->gateways.enabled);
    istio_version_complete(spec, version);
    istio_components_complete(components, spec);
    istio_gateways_complete(spec);
}

/* --- the rules --- */

static void check_replicas(const struct api_check *c)
{
    istio_components_check(components, c);
}

/* Whole names of images, which a change of `version` leaves as they are. */
static void check_images(const struct api_check *c)
{
    istio_check_image(c, "spec.proxy.image", ((const struct istio_spec *)c->spec)->proxy.image);
    istio_components_check_images(components, c);
}

static void check_pilot(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    if (!spec->pilot.enabled)
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            "spec.pilot.enabled",
            "is false, so that no pod gets a sidecar, and gateways do not start");
}

#define UNTAINTS "PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS"

/* Nothing would take the taint away, and nothing could run on the nodes. */
static void check_untaints(const struct api_check *c)
{
    const char *value = doc_string(((const struct istiod_spec *)c->spec)->pilot_env, UNTAINTS);

    if (str_eq(value, "true"))
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            "spec.pilot.env." UNTAINTS,
            "is true, but the operator gives istiod no right to change nodes: bind its ServiceAccount a ClusterRole "
            "with "
            "`patch` of nodes before nodes get the taint, or leave it out");
}

#define EXTENSION_PROVIDERS "spec.meshConfig.extensionProviders"
#define DEFAULT_PROVIDERS "spec.meshConfig.defaultProviders.tracing"
#define OPENTELEMETRY "spec.tracing.opentelemetryAddress"
#define OTLP_OVER_HTTP 4318

static void check_opentelemetry(const struct api_check *c, const struct mesh_spans *to)
{
    if (!to->name)
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            OPENTELEMETRY,
            "is not the address of a Service in this cluster: proxies find it where a ServiceEntry has %s as a host",
            to->host);
    if (to->port == OTLP_OVER_HTTP)
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            OPENTELEMETRY,
            "has the port where collectors await OpenTelemetry's protocol over HTTP; proxies use gRPC: write its port, "
            "which is 4317 on most");
}

/* Spans go to one place, by a provider whose name is the operator's. */
static void check_tracing(const struct api_check *c)
{
    const struct istiod_spec *spec = c->spec;
    _cleanup_mesh_spans_ struct mesh_spans to = mesh_spans_read(&spec->common, str_or(c->ns, ""));
    bool is_opentelemetry = to.protocol == MESH_SPANS_OPENTELEMETRY;

    if (is_opentelemetry && spec->common.tracing.zipkin_address)
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            "spec.tracing.zipkinAddress",
            "has no effect: spans go to %s alone, as spec.tracing.opentelemetryAddress says",
            to.address);
    if (is_opentelemetry)
        check_opentelemetry(c, &to);
    if (!to.name && !is_opentelemetry)
        return;
    if (doc_find(doc_at(spec->mesh_config, "extensionProviders"), "name", ISTIOD_TRACING))
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            EXTENSION_PROVIDERS,
            "has a provider " ISTIOD_TRACING ", as that of spec.tracing is called: give it another name");
    if (doc_at(spec->mesh_config, "defaultProviders", "tracing"))
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            DEFAULT_PROVIDERS,
            "spans go where this says, and not to %s: leave out this or the address in spec.tracing",
            to.address);
}

static bool has_port(const json_t *ports, int number)
{
    const json_t *port;
    size_t i;

    json_array_foreach((json_t *)ports, i, port)
        if (doc_int(doc_at(port, "port"), 0) == number)
            return true;
    return !json_array_size(ports);
}

#define EAST_WEST "spec.gateways.eastWest"
#define FEDERATION "spec.gatewayFederation.enabled"

static void check_east_west(const struct api_check *c, const struct istiod_federation *federation)
{
    const struct gateway_spec *gateway = &federation->gateway;

    istio_check_gateway(c, gateway, EAST_WEST, istiod_east_west_type(federation));
    if (!has_port(gateway->ports, ISTIOD_CROSS_NETWORK_PORT))
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            EAST_WEST ".ports",
            "must have port %d, at which proxies of other networks enter",
            ISTIOD_CROSS_NETWORK_PORT);
    if (json_array_size(federation->addresses) && str_eq(gateway->service_type, "LoadBalancer"))
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            "spec.gatewayFederation.addresses",
            "are used besides those of the load balancer, because " EAST_WEST
            ".serviceType is LoadBalancer: leave that "
            "out, to have these alone");
}

/* Istiod takes an istiod of the same cluster name for itself, and pods without a network for neighbours. */
static void check_federation(const struct api_check *c)
{
    const struct istiod_federation *federation = &((const struct istiod_spec *)c->spec)->federation;

    if (!federation->enabled)
        return;
    if (!federation->cluster_name)
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            FEDERATION,
            "needs spec.clusterName, which differs between the clusters of the mesh");
    if (!federation->network)
        problems_add(
            c->problems, PROBLEM_ERROR, FEDERATION, "needs spec.networkName, which says what the gateway leads to");
    check_east_west(c, federation);
}

static const struct api_rule rules[] = {
    ISTIO_VERSION_RULES,
    ISTIO_NAMESPACES_RULE,
    ISTIO_PLACE_RULE,
    ISTIO_REPLICAS_RULE(check_replicas),
    ISTIO_OVERLAYS_RULE,
    ISTIO_GATEWAYS_RULE,
    ISTIO_IMAGES_RULE(check_images),
    ISTIO_RANGES_RULE,
    ISTIO_KIALI_RULE,
    {"A warning: gateways and sidecars need istiod.", check_pilot},
    {"A warning: istiod untaints nodes only with a right that you give it.", check_untaints},
    {"The name `istio-operator-tracing` of a provider in `meshConfig` is the operator's.", check_tracing},
    {"`gatewayFederation` needs `clusterName` and `networkName`, and port 15443 among the `ports` of its gateway.",
     check_federation},
    {NULL, NULL},
};

const struct api_form istiod_form = {
    .name = "1.28 to 1.31",
    .spec = &spec_table,
    .size = sizeof(struct istiod_spec),
    .complete = complete,
    .rules = rules,
};
