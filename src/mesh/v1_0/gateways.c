/* The gateways: proxies where traffic enters and leaves the mesh. */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/v1_0/proxy.h"
#include "mesh/v1_0/v1_0.h"

struct gateway_port {
    const char *name;
    int port;
    int node_port; /* 0: the server chooses */
};

struct gateway {
    const char *name; /* "istio-ingressgateway" */
    const char *role; /* "ingressgateway": the value of label istio */
    const char *service_type;
    const struct gateway_port *ports; /* of the Service and of the container; ends with a NULL name */
};

static const struct gateway ingress = {
    .name = "istio-ingressgateway",
    .role = "ingressgateway",
    .service_type = GATEWAY_INGRESS_TYPE,
    .ports =
        (const struct gateway_port[]){
            {"http2", 80, 31380},
            {"https", 443, 31390},
            {"tcp", 31400, 31400},
            {"tcp-pilot-grpc-tls", 15011},
            {"tcp-citadel-grpc-tls", 8060},
            {"tcp-dns-tls", 853},
            {"http2-prometheus", 15030},
            {"http2-grafana", 15031},
            {NULL},
        },
};

static const struct gateway egress = {
    .name = "istio-egressgateway",
    .role = "egressgateway",
    .service_type = GATEWAY_EGRESS_TYPE,
    .ports = (const struct gateway_port[]){{"http2", 80}, {"https", 443}, {NULL}},
};

static json_t *rules(void)
{
    return ARRAY(ITEM_V(mesh_rule(
        "extensions",
        WORDS("thirdpartyresources", "virtualservices", "destinationrules", "gateways"),
        WORDS("get", "watch", "list", "update"))));
}

/* The gateway's own ports, as the resource would describe them. */
static json_t *own_ports(const struct gateway *gateway)
{
    json_t *ports = ARRAY();

    for (const struct gateway_port *p = gateway->ports; p->name; p++)
        json_array_append_new(
            ports, OBJECT(S("name", p->name), N("port", p->port), OPT(p->node_port, N("nodePort", p->node_port))));
    return ports;
}

static int target_of(const json_t *port)
{
    const json_t *target = doc_at(port, "targetPort");

    return (int)doc_int(target ? target : doc_at(port, "port"), 0);
}

/* Nodes listen for a Service of type ClusterIP on no port. */
static json_t *service_ports(const json_t *ports, const char *type)
{
    bool on_nodes = !str_eq(type, "ClusterIP");
    json_t *list = ARRAY(), *port;
    size_t i;

    json_array_foreach(ports, i, port)
        json_array_append_new(
            list,
            OBJECT(
                S("name", doc_string(port, "name")),
                N("port", doc_int(doc_at(port, "port"), 0)),
                N("targetPort", target_of(port)),
                S("protocol", doc_string(port, "protocol")),
                OPT(on_nodes, V("nodePort", json_incref(doc_at(port, "nodePort"))))));
    return list;
}

/* Each once: several ports of the Service may lead to one of the Pods. */
static json_t *container_ports(const json_t *ports)
{
    json_t *list = ARRAY(), *seen = json_object(), *port;
    size_t i;

    json_array_foreach(ports, i, port) {
        const char *protocol = doc_string(port, "protocol");
        _cleanup_free_ char *key = str_printf("%d/%s", target_of(port), str_or(protocol, "TCP"));
        if (json_object_get(seen, key))
            continue;
        json_object_set_new(seen, key, json_true());
        json_array_append_new(list, OBJECT(N("containerPort", target_of(port)), S("protocol", protocol)));
    }
    json_decref(seen);
    json_array_append_new(list, v1_0_statistics_port());
    return list;
}

static json_t *args(const struct mesh_env *env, const struct gateway *gateway)
{
    const struct istio_spec *spec = env->spec;

    return ARRAY(
        ITEM_S("proxy"),
        ITEM_S("router"),
        ITEM_S("-v"),
        ITEM_S("2"),
        ITEM_S("--discoveryRefreshDelay"),
        ITEM_S("1s"),
        ITEM_S("--drainDuration"),
        ITEM_S("45s"),
        ITEM_S("--parentShutdownDuration"),
        ITEM_S("1m0s"),
        ITEM_S("--connectTimeout"),
        ITEM_S("10s"),
        ITEM_S("--serviceCluster"),
        ITEM_S(gateway->name),
        OPT(spec->tracing.enabled, ITEM_S("--zipkinAddress")),
        OPT(spec->tracing.enabled, ITEM_S(v1_0_zipkin_address(env))),
        ITEM_S("--proxyAdminPort"),
        ITEM_S("15000"),
        ITEM_S("--controlPlaneAuthPolicy"),
        ITEM_S(v1_0_auth_policy(env)),
        ITEM_S("--discoveryAddress"),
        ITEM_S(v1_0_of(spec)->control_plane_security_enabled ? "istio-pilot:15005" : "istio-pilot:8080"));
}

/* Secrets that users create, for TLS at the gateway: volumes and mounts of the same name. */
static json_t *user_certs_volume(const struct gateway *gateway, const char *what)
{
    return OBJECT(
        F("name", "%s-%s", gateway->role, what),
        MAP("secret", F("secretName", "%s-%s", gateway->name, what), B("optional", true)));
}

static json_t *user_certs_mount(const struct gateway *gateway, const char *what)
{
    return OBJECT(
        F("name", "%s-%s", gateway->role, what),
        F("mountPath", "/etc/istio/%s-%s", gateway->role, what),
        B("readOnly", true));
}

static json_t *labels(const struct gateway *gateway)
{
    return OBJECT(S("app", gateway->name), S("istio", gateway->role));
}

/* A new Pod is ready before an old one is deleted, whatever strategy the Deployment had at first. */
static json_t *strategy(void)
{
    return OBJECT(S("type", "RollingUpdate"), MAP("rollingUpdate", N("maxSurge", 1), N("maxUnavailable", 0)));
}

static json_t *service_labels(const struct gateway_spec *spec, const struct gateway *gateway)
{
    json_t *all = spec->service_labels ? doc_copy(spec->service_labels) : json_object();

    json_object_update_new(all, labels(gateway));
    return all;
}

static void
add(const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec,
    const struct gateway *gateway)
{
    _cleanup_free_ char *account = str_printf("%s-service-account", gateway->name);
    _cleanup_json_ json_t *ports = json_array_size(spec->ports) ? doc_copy(spec->ports) : own_ports(gateway);
    const struct component_spec *component = &spec->component;
    const char *type = str_or(spec->service_type, gateway->service_type);

    mesh_service_account(env, out, account, OBJECT(S("app", gateway->role)));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = gateway->name,
            .binding = gateway->name,
            .service_account = account,
            .labels = OBJECT(S("app", "gateways")),
            .rules = rules(),
        });
    mesh_service(
        env,
        out,
        (struct service){
            .name = gateway->name,
            .type = type,
            .load_balancer_ip = *str_or(spec->load_balancer_ip, "") ? spec->load_balancer_ip : NULL,
            .labels = service_labels(spec, gateway),
            .annotations = spec->service_annotations ? doc_copy(spec->service_annotations) : NULL,
            .selector = labels(gateway),
            .ports = service_ports(ports, type),
        });
    mesh_deployment(
        env,
        out,
        (struct deployment){
            .name = gateway->name,
            .component = component,
            .labels = labels(gateway),
            .pod_labels = labels(gateway),
            .service_account = account,
            .containers = ARRAY(ITEM_V(v1_0_proxy(
                env,
                (struct proxy){
                    .image = component->image,
                    .args = args(env, gateway),
                    .ports = container_ports(ports),
                    .env = ARRAY(ITEM_V(mesh_env_field("ISTIO_META_POD_NAME", "metadata.name"))),
                    .resources = mesh_resources(component->resources, "10m", NULL),
                    .mounts = ARRAY(
                        ITEM_V(user_certs_mount(gateway, "certs")), ITEM_V(user_certs_mount(gateway, "ca-certs"))),
                }))),
            .volumes = ARRAY(
                ITEM_V(v1_0_certs_volume(account)),
                ITEM_V(user_certs_volume(gateway, "certs")),
                ITEM_V(user_certs_volume(gateway, "ca-certs"))),
            .strategy = strategy(),
            .always_budget = true,
        });
}

void v1_0_ingress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.ingress, &ingress);
}

void v1_0_egress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.egress, &egress);
}
