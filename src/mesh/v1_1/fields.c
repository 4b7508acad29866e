/* The fields of an Istio resource in releases 1.1, and what must hold between them. */
#include "mesh/v1_1/fields.h"

#include "base/str.h"
#include "mesh/v1_1/v1_1.h"

#define OWNER struct gateway_spec

static const struct field gateway_sds_rows[] = {
    {"enabled",
     FLAG_AT(sds.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether the gateway reads certificates from Secrets of its namespace, by an agent beside its proxy."},
    {"image",
     TEXT_AT(sds.image, format_image),
     .implied = "node-agent-k8s from imageHub, with imageTag",
     .doc = "The image of the agent."},
    {"resources",
     DOCUMENT_AT(sds.resources, container_resources_table),
     .implied = "as in Istio's Helm chart",
     .doc = "Compute resources of the agent."},
};

static const struct field_table gateway_sds_table = {
    .name = "Gateway's secret discovery",
    .doc = "How a gateway gets certificates.",
    FIELD_ROWS(gateway_sds_rows),
};

static const struct field gateway_rows[] = {
    ISTIO_GATEWAY_ROWS(),
    {"sds", GROUP(gateway_sds_table), .doc = "How it gets certificates for TLS."},
    {"applicationPorts",
     TEXT_AT(application_ports, format_port_list),
     .implied = "none",
     .doc = "Ports that have to be open before the gateway is ready: \"80,443\"."},
    {"requestedNetworkView",
     TEXT_AT(network_view, format_dns_label),
     .implied = "all networks",
     .doc = "The network whose services the gateway sees."},
};

static const struct field_table gateway_table = {
    .name = "Gateway",
    .doc = COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(gateway_rows),
};

#undef OWNER
#define OWNER struct v1_spec

static const struct field k8s_ingress_rows[] = {
    {"enabled",
     FLAG_AT(k8s_ingress),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether the ingress gateway serves Ingresses of class istio."},
};

static const struct field_table k8s_ingress_table = {
    .name = "Kubernetes Ingresses",
    .doc = "What the ingress gateway makes of Ingresses.",
    FIELD_ROWS(k8s_ingress_rows),
};

static const struct field gateways_rows[] = {
    V1_GATEWAYS_ROWS(gateway_table),
    {"k8singress", GROUP(k8s_ingress_table), .doc = "Kubernetes' Ingresses."},
};

static const struct field_table gateways_table = {
    .name = "Gateways",
    .doc = "The proxies at the edge of the mesh.",
    FIELD_ROWS(gateways_rows),
};

static const struct field policy_rows[] = {
    COMPONENT_ROWS(policy., COMPONENT_AUTOSCALED),
    {"checks",
     FLAG_AT(policy_checks),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether proxies ask it before each request. In Istio 1.0 they always do."},
};

static const struct field_table policy_table = {
    .name = "Policy",
    .doc = "Mixer, as it decides on requests. " COMPONENT_AUTOSCALED_DOC,
    FIELD_ROWS(policy_rows),
};

/* --- injection --- */

static const struct field init_rows[] = {
    {"resources",
     DOCUMENT_AT(init_resources, container_resources_table),
     .implied = "as in Istio's Helm chart",
     .doc = "Compute resources of the init container."},
};

const struct field_table v1_1_init_table = {
    .name = "Injected init container",
    .doc = "What redirects a pod's traffic.",
    FIELD_ROWS(init_rows),
};

static const struct field excluded_namespace = {NULL, TEXT(format_dns_label)};

/* Names of the earlier operator. */
static const struct field init_cni_rows[] = {
    {"enabled", FLAG, ALIAS("cni.enabled")},
    {"image", TEXT(format_image), ALIAS("cni.image")},
    {"binDir", TEXT(format_folder), ALIAS("cni.binDir")},
    {"confDir", TEXT(format_folder), ALIAS("cni.confDir")},
    {"excludeNamespaces", LIST(excluded_namespace, 0, 1000), .unique = true, ALIAS("cni.excludeNamespaces")},
    {"logLevel", COMPONENT_CNI_LOG_LEVELS, ALIAS("cni.logLevel")},
    {"affinity", DOCUMENT(component_affinity_table), ALIAS("cni.affinity")},
};

static const struct field_table init_cni_table = {
    .name = "Injector's CNI configuration",
    .doc = "The CNI plugin, by the names of earlier operators.",
    FIELD_ROWS(init_cni_rows),
};

static const struct field injector_rows[] = {
    V1_1_INJECTOR_ROWS(),
    {"initCNIConfiguration", GROUP(init_cni_table), .doc = "The CNI plugin."},
};

static const struct field_table injector_table = {
    .name = "Sidecar injector",
    .doc = COMPONENT_FIXED_DOC,
    FIELD_ROWS(injector_rows),
};

static const struct field cni_rows[] = {
    {"enabled",
     FLAG_AT(cni.component.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether a plugin of the nodes' network redirects the traffic of pods, so that they need no init container "
            "with NET_ADMIN."},
    COMPONENT_NODE_ROWS(
        cni.component., "install-cni from imageHub, with imageTag", "none", "any node with Linux",
        "Labels that a node must have to get the plugin.", "none", "On which nodes it is.", "all taints"),
    {"binDir",
     TEXT_AT(cni.bin_dir, format_folder),
     .otherwise = "/opt/cni/bin",
     .floating = true,
     .doc = "The nodes' folder of network plugins."},
    {"confDir",
     TEXT_AT(cni.conf_dir, format_folder),
     .otherwise = "/etc/cni/net.d",
     .floating = true,
     .doc = "The nodes' folder of network configuration."},
    {"logLevel",
     COMPONENT_CNI_LOG_LEVELS,
     FIELD_AT(cni.log_level, char *),
     .otherwise = "info",
     .floating = true,
     .doc = "How much it logs."},
    {"excludeNamespaces",
     LIST_AT(cni.exclude_namespaces, excluded_namespace, 0, 1000),
     .unique = true,
     .implied = "the control plane's",
     .doc = "Namespaces whose pods it leaves alone."},
    {"cniBinDir", TEXT(format_folder), ALIAS("cni.binDir")},
    {"cniConfDir", TEXT(format_folder), ALIAS("cni.confDir")},
};

static const struct field_table cni_table = {
    .name = "CNI",
    .doc = "The plugin of the nodes' network, instead of an init container in each pod.",
    FIELD_ROWS(cni_rows),
};

/* --- certificates by discovery --- */

static const struct field sds_rows[] = {
    {"enabled",
     FLAG_AT(sds.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether proxies get their certificates from the node agent, instead of mounted Secrets."},
    {"udsPath",
     TEXT_AT(sds.uds_path, format_socket),
     .otherwise = "unix:/var/run/sds/uds_path",
     .floating = true,
     .doc = "Where the node agent listens."},
    {"useTrustworthyJwt",
     FLAG_AT(sds.trustworthy_jwt),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether proxies identify themselves by a token for Istio alone. Needs Kubernetes 1.12 with projected "
            "tokens."},
    {"useNormalJwt",
     FLAG_AT(sds.normal_jwt),
     .otherwise = "true",
     .floating = true,
     .doc = "Whether proxies identify themselves by the token of their ServiceAccount."},
};

static const struct field_table sds_table = {
    .name = "Secret discovery",
    .doc = "How proxies get their certificates.",
    FIELD_ROWS(sds_rows),
};

static const struct field node_agent_rows[] = {
    {"enabled",
     FLAG_AT(node_agent.enabled),
     .otherwise = "false",
     .floating = true,
     .doc = "Whether each node has the agent that `sds` needs."},
    COMPONENT_NODE_ROWS(
        node_agent., "node-agent-k8s from imageHub, with imageTag", "none", "any node", "Labels that a node must have.",
        "the architectures that Istio is built for", "On which nodes it is.", "none"),
};

static const struct field_table node_agent_table = {
    .name = "Node agent",
    .doc = "Asks Citadel for the certificates of a node's workloads.",
    FIELD_ROWS(node_agent_rows),
};

static const struct field outbound_rows[] = {
    {"mode",
     CHOICE_AT(outbound_mode, "ALLOW_ANY", "REGISTRY_ONLY"),
     .otherwise = "ALLOW_ANY",
     .floating = true,
     .doc = "Whether sidecars let traffic to unknown hosts pass. In Istio 1.0 they never do."},
};

static const struct field_table outbound_table = {
    .name = "Outbound traffic policy",
    .doc = "What becomes of traffic that leaves the mesh.",
    FIELD_ROWS(outbound_rows),
};

/* --- the whole --- */

static const struct field spec_rows[] = {
    V1_WHOLE_ROWS(),
    {"outboundTrafficPolicy", GROUP(outbound_table), .doc = "Traffic to hosts outside the mesh."},
    {"defaultConfigVisibility",
     CHOICE_AT(export_to, "*", ".", ""),
     .otherwise = "*",
     .floating = true,
     .doc = "Which namespaces see Services, VirtualServices and DestinationRules that do not say so in `exportTo`: all "
            "(\"*\"), or their own alone (\".\")."},
    {"accessLogFile",
     TEXT_AT(access_log_file, format_annotation_value),
     .otherwise = "",
     .floating = true,
     .doc = "The file that proxies write their access log to, as /dev/stdout; empty: they write none. In Istio 1.0 it "
            "is always /dev/stdout."},
    {"sds", GROUP(sds_table), .doc = "How proxies get their certificates."},

    V1_CITADEL_ROW(),
    {"galley",
     STRUCT_AT(galley, component_fixed_table),
     .doc = "Validates Istio's configuration, and gives it to Pilot and Mixer."},
    {"pilot", STRUCT_AT(common.pilot, v1_pilot_table), .doc = "Configures the proxies."},
    {"policy", GROUP(policy_table), .doc = "Mixer, as it decides on requests."},
    {"telemetry", STRUCT_AT(telemetry, component_autoscaled_table), .doc = "Mixer, as it collects metrics."},
    V1_INJECTOR_ROW(injector_table),
    {"gateways", GROUP(gateways_table), .doc = "The gateways."},
    {"cni", GROUP(cni_table), .doc = "The plugin of the nodes' network."},
    {"nodeAgent", GROUP(node_agent_table), .doc = "The agent on each node."},

    {"mixer", DOCUMENT(v1_mixer_table), ALIAS("policy", "telemetry")},
    {"useMCP", UNSUPPORTED("true"), .instead = "Pilot and Mixer of Istio 1.1 get their configuration from Galley"},
    {"watchAdapterCRDs", UNSUPPORTED("true"), .instead = "Mixer always watches the kinds of its adapters"},
    {"meshExpansion",
     UNSUPPORTED("false"),
     .instead = "the operator makes no way into the mesh for virtual machines; make Services and Gateways for it"},
    {"multiMesh",
     UNSUPPORTED("false"),
     .instead = "the operator joins no meshes that have control planes of their own"},
    {"istioCoreDNS", UNSUPPORTED("{\"enabled\":false}"), .instead = "the operator installs no DNS server"},
};

static const struct field_table spec_table = {
    .name = "spec",
    .doc = "Every field may be left out. Where a default is another one than in Istio 1.0, it is the one of Istio's "
           "chart.",
    FIELD_ROWS(spec_rows),
};

static void complete(void *spec, const char *version)
{
    ((struct v1_spec *)spec)->is_1_1 = true;
    v1_complete(spec, version);
}

/* --- the rules --- */

static void check_galley(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    if (spec->galley.enabled || (!spec->common.pilot.enabled && !spec->policy.enabled && !spec->telemetry.enabled))
        return;
    problems_add(
        c->problems,
        PROBLEM_WARNING,
        "spec.galley.enabled",
        "is false, so that Pilot and Mixer get no configuration and do not become ready");
}

static void check_sds(const struct api_check *c)
{
    const struct v1_spec *spec = c->spec;

    if (spec->sds.enabled && !spec->node_agent.enabled)
        problems_add(
            c->problems,
            PROBLEM_WARNING,
            "spec.nodeAgent.enabled",
            "is false, but sds needs the agent on each node: proxies would get no certificates");
}

static const struct api_rule rules[] = {
    V1_RULES,
    {"A warning: Pilot and Mixer get their configuration from Galley.", check_galley},
    {"A warning: `sds` needs `nodeAgent`.", check_sds},
    {NULL, NULL},
};

const struct api_form v1_1_form = {
    .name = "1.1",
    .spec = &spec_table,
    .size = sizeof(struct v1_spec),
    .complete = complete,
    .rules = rules,
};
