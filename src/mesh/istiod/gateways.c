/*
 * The gateways: proxies where traffic enters and leaves the mesh, or its part in this cluster. istiod puts the proxy
 * into their Pods as it does into others, from the template `gateway`: the image is "auto", and what the container says
 * here is kept.
 */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"
#include "mesh/istiod/istiod.h"

struct gateway {
    const char *name; /* "istio-ingressgateway" */
    const char *role; /* "ingressgateway": the value of label istio */
    const char *service_type;
    const char *network;     /* that it leads into, and sees nothing else of; NULL: it sees all */
    const json_t *addresses; /* of its Service besides the load balancer's; NULL: none */
    bool told_by_nodes;      /* istiod tells the nodes' addresses, and the node port */
};

static const struct gateway ingress = {
    .name = "istio-ingressgateway", .role = "ingressgateway", .service_type = GATEWAY_INGRESS_TYPE};
static const struct gateway egress = {
    .name = "istio-egressgateway", .role = "egressgateway", .service_type = GATEWAY_EGRESS_TYPE};

/* A Pod that was created before there is a webhook has no proxy, and never gets one. */
static const char *const after_injection[] = {"MutatingWebhookConfiguration", NULL};

/*
 * A gateway that is replaced ends its open requests first. Istio's own default is to cut them 5 s after the signal; an
 * open request is not cut before the Pod's time is over.
 */
#define DRAIN_LEAST "3s"

#define PROXY_USER 1337

/*
 * What a gateway that Helm or istioctl created keeps when it is taken over, so that its Pods are not replaced: how it
 * gets its proxy (istioctl's has no injected one), how it ends, and under which account it runs.
 */
#define IMAGE_INJECTED "auto"
#define PULL_POLICY_DEFAULT "IfNotPresent"
#define GRACE_PERIOD_DEFAULT 60
#define PROXY "spec.template.spec.containers[]."
enum { IMAGE, PULL_POLICY, GRACE_PERIOD };
static const char *const inherits[] = {
    [IMAGE] = PROXY "image",
    [PULL_POLICY] = PROXY "imagePullPolicy",
    [GRACE_PERIOD] = "spec.template.spec.terminationGracePeriodSeconds",
    PROXY "env",
    PROXY "ports",
    PROXY "securityContext",
    "spec.template.spec.securityContext",
    "spec.template.spec.serviceAccountName",
    "spec.template.metadata.annotations",
    "spec.template.metadata.labels.istio.io/dataplane-mode",
    "spec.template.metadata.labels.sidecar.istio.io/inject",
    NULL};
_Static_assert(ARRAY_LEN(inherits) <= RENDERED_INHERITS_MAX, "each has a bit in rendered.asked");

/* The proxies of istioctl's gateways listen on other ports, because they may listen on none below 1024. */
static const char *const service_inherits[] = {"spec.ports[].targetPort", NULL};

/* As in rendered.asked: what is not the default is asked for. */
static uint32_t asked(const struct mesh_env *env, const struct gateway_spec *spec)
{
    return (uint32_t)!str_eq(str_or(spec->component.image, IMAGE_INJECTED), IMAGE_INJECTED) << IMAGE |
           (uint32_t)!str_eq(env->spec->image_pull_policy, PULL_POLICY_DEFAULT) << PULL_POLICY |
           (uint32_t)(spec->termination_grace_period != GRACE_PERIOD_DEFAULT) << GRACE_PERIOD;
}

static json_t *selector(const struct gateway *gateway)
{
    return OBJECT(STRING("app", gateway->name), STRING("istio", gateway->role));
}

static json_t *labels(const struct gateway *gateway)
{
    return OBJECT(ROWS(selector(gateway)), STRING("istio.io/dataplane-mode", "none"));
}

/* Of the Service, by which istiod finds where a network is entered, and of the Pods, which istiod asks for theirs. */
static json_t *network_label(const struct gateway *gateway)
{
    return OBJECT(OPT(gateway->network, STRING(LABEL_NETWORK, gateway->network)));
}

/* With another version the Pods are replaced, and get that version's proxy. */
static json_t *pod_labels(const struct mesh_env *env, const struct gateway *gateway)
{
    return OBJECT(
        ROWS(labels(gateway)),
        ROWS(network_label(gateway)),
        STRING("app.kubernetes.io/version", env->spec->version),
        OPT(*str_or(env->revision, ""), STRING("istio.io/rev", env->revision)),
        STRING("sidecar.istio.io/inject", "true"));
}

static json_t *default_ports(const struct gateway *gateway)
{
    return ARRAY(
        ITEM(STRING("name", "status-port"), INT("port", 15021)),
        OPT(gateway->network, ITEM(STRING("name", "tls"), INT("port", ISTIOD_CROSS_NETWORK_PORT))),
        OPT(!gateway->network, ITEM(STRING("name", "http2"), INT("port", 80))),
        OPT(!gateway->network, ITEM(STRING("name", "https"), INT("port", 443))));
}

static json_t *resources(const struct component_spec *component)
{
    if (component->resources)
        return doc_copy(component->resources);
    return OBJECT(
        MAP("requests", STRING("cpu", "100m"), STRING("memory", "128Mi")),
        MAP("limits", STRING("cpu", "2000m"), STRING("memory", "1024Mi")));
}

/* Of an image without a tag, such as "auto", the API server says that it is always pulled; that stays. */
static json_t *proxy(const struct mesh_env *env, const struct gateway_spec *spec, const struct gateway *gateway)
{
    bool names_user = istiod_differences(env)->gateway_user && !istiod_is_on_openshift(env);

    return OBJECT(
        STRING("name", "istio-proxy"),
        STRING("image", str_or(spec->component.image, IMAGE_INJECTED)),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        SEQ("ports", ITEM(STRING("name", "http-envoy-prom"), INT("containerPort", 15090), STRING("protocol", "TCP"))),
        SEQ("env",
            ITEM_VALUE(mesh_env_value("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "true")),
            ITEM_VALUE(mesh_env_value("MINIMUM_DRAIN_DURATION", DRAIN_LEAST)),
            OPT(gateway->network, ITEM_VALUE(mesh_env_value("ISTIO_META_REQUESTED_NETWORK_VIEW", gateway->network)))),
        VALUE("resources", resources(&spec->component)),
        MAP("securityContext",
            BOOL("allowPrivilegeEscalation", false),
            BOOL("privileged", false),
            BOOL("readOnlyRootFilesystem", true),
            BOOL("runAsNonRoot", true),
            OPT(names_user, INT("runAsUser", PROXY_USER)),
            OPT(names_user, INT("runAsGroup", PROXY_USER)),
            MAP("capabilities", STRINGS("drop", "ALL"))));
}

static json_t *pod(const struct mesh_env *env, const struct gateway_spec *spec, const struct gateway *gateway)
{
    const struct component_spec *component = &spec->component;

    return OBJECT(
        MAP("metadata",
            VALUE("labels", pod_labels(env, gateway)),
            MAP("annotations",
                STRING("inject.istio.io/templates", "gateway"),
                STRING("prometheus.io/path", "/stats/prometheus"),
                STRING("prometheus.io/port", "15020"),
                STRING("prometheus.io/scrape", "true"),
                STRING("sidecar.istio.io/inject", "true"))),
        MAP("spec",
            STRING("serviceAccountName", gateway->name),
            INT("terminationGracePeriodSeconds", spec->termination_grace_period),
            /* It listens on ports below 1024 without being root. */
            MAP("securityContext",
                SEQ("sysctls", ITEM(STRING("name", "net.ipv4.ip_unprivileged_port_start"), STRING("value", "0")))),
            SEQ("containers", ITEM_VALUE(proxy(env, spec, gateway))),
            OPT(component->node_selector, VALUE("nodeSelector", doc_copy(component->node_selector))),
            OPT(component->affinity, VALUE("affinity", doc_copy(component->affinity))),
            OPT(component->tolerations, VALUE("tolerations", doc_copy(component->tolerations)))));
}

static void add_service(
    const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec,
    const struct gateway *gateway)
{
    _cleanup_json_ json_t *ports = default_ports(gateway);
    struct rendered *service;

    service = mesh_gateway_service(
        env,
        out,
        spec,
        (struct gateway_service){
            .name = gateway->name,
            .type = gateway->service_type,
            .labels = OBJECT(ROWS(labels(gateway)), ROWS(network_label(gateway))),
            .annotations = OBJECT(OPT(gateway->told_by_nodes, STRING("traffic.istio.io/nodeSelector", "{}"))),
            .selector = selector(gateway),
            .ports = ports,
            .addresses = gateway->addresses,
        });
    if (service && !json_array_size(spec->ports))
        service->inherits = service_inherits;
}

static void
add(const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec,
    const struct gateway *gateway)
{
    mesh_service_account(env, out, gateway->name, labels(gateway));
    /* The certificates that Gateways name. */
    istiod_role(
        env,
        out,
        gateway->name,
        labels(gateway),
        ARRAY(ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("get", "watch", "list")))));
    add_service(env, out, spec, gateway);
    mesh_scaled_deployment(
        env,
        out,
        (struct scaled_deployment){
            .component = &spec->component,
            .labels = labels(gateway),
            .selector = selector(gateway),
            .after = after_injection,
            .inherits = inherits,
            .asked = asked(env, spec),
            .deployment = OBJECT(
                VALUE("metadata", mesh_metadata(env, gateway->name, labels(gateway))),
                MAP("spec",
                    MAP("selector", VALUE("matchLabels", selector(gateway))),
                    VALUE("template", pod(env, spec, gateway)))),
        });
}

void istiod_ingress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.ingress, &ingress);
}

void istiod_egress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.egress, &egress);
}

const char *istiod_east_west_type(const struct istiod_federation *federation)
{
    if (str_eq(federation->address_type, ISTIOD_ADDRESS_NODE_PORT))
        return "NodePort";
    return json_array_size(federation->addresses) ? "ClusterIP" : "LoadBalancer";
}

/*
 * Source: Istio 1.31, pilot/pkg/serviceregistry/kube/conversion.go: of a Service of type NodePort istiod tells the
 * nodes' ExternalIPs where it has the annotation; of any type it tells the externalIPs.
 */
void istiod_east_west_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    const struct istiod_federation *federation = &istiod_of(env->spec)->federation;
    const char *default_type = istiod_east_west_type(federation);
    bool has_addresses = json_array_size(federation->addresses);
    const struct gateway gateway = {
        .name = ISTIOD_EAST_WEST,
        .role = ISTIOD_EAST_WEST_ROLE,
        .service_type = default_type,
        .network = federation->network,
        .addresses = has_addresses ? federation->addresses : NULL,
        .told_by_nodes = !has_addresses && str_eq(str_or(federation->gateway.service_type, default_type), "NodePort"),
    };

    add(env, out, &federation->gateway, &gateway);
}

/*
 * By the name that a TLS connection asks for, it is led to the Service of that name, and stays encrypted from Pod to
 * Pod. Source: Istio, samples/multicluster/expose-services.yaml.
 */
void istiod_cross_network_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    if (!istiod_of(env->spec)->federation.enabled)
        return;
    mesh_add(
        env,
        out,
        "Gateway",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, "cross-network-gateway", NULL)),
            MAP("spec",
                MAP("selector", STRING("istio", ISTIOD_EAST_WEST_ROLE)),
                SEQ("servers",
                    ITEM(
                        MAP("port",
                            INT("number", ISTIOD_CROSS_NETWORK_PORT),
                            STRING("name", "tls"),
                            STRING("protocol", "TLS")),
                        MAP("tls", STRING("mode", "AUTO_PASSTHROUGH")),
                        STRINGS("hosts", "*.local"))))));
}
