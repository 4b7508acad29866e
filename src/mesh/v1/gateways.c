/* The gateways: proxies where traffic enters and leaves the mesh. */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

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
    return ARRAY(ITEM_VALUE(mesh_rule(
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
            ports,
            OBJECT(STRING("name", p->name), INT("port", p->port), OPT(p->node_port, INT("nodePort", p->node_port))));
    return ports;
}

/* Each once: several ports of the Service may lead to one of the Pods. */
static json_t *container_ports(const json_t *ports)
{
    json_t *list = ARRAY(), *seen = json_object(), *port;
    size_t i;

    json_array_foreach(ports, i, port) {
        const char *protocol = doc_string(port, "protocol");
        _cleanup_free_ char *key = str_printf("%d/%s", mesh_gateway_target(port), str_or(protocol, "TCP"));
        if (json_object_get(seen, key))
            continue;
        json_object_set_new(seen, key, json_true());
        json_array_append_new(
            list, OBJECT(INT("containerPort", mesh_gateway_target(port)), STRING("protocol", protocol)));
    }
    json_decref(seen);
    json_array_append_new(list, v1_statistics_port());
    return list;
}

static json_t *args(const struct mesh_env *env, const struct gateway *gateway)
{
    const struct istio_spec *spec = env->spec;

    return ARRAY(
        ITEM_STRING("proxy"),
        ITEM_STRING("router"),
        ITEM_STRING("-v"),
        ITEM_STRING("2"),
        ITEM_STRING("--discoveryRefreshDelay"),
        ITEM_STRING("1s"),
        ITEM_STRING("--drainDuration"),
        ITEM_STRING("45s"),
        ITEM_STRING("--parentShutdownDuration"),
        ITEM_STRING("1m0s"),
        ITEM_STRING("--connectTimeout"),
        ITEM_STRING("10s"),
        ITEM_STRING("--serviceCluster"),
        ITEM_STRING(gateway->name),
        OPT(spec->tracing.enabled, ITEM_STRING("--zipkinAddress")),
        OPT(spec->tracing.enabled, ITEM_STRING(v1_zipkin_address(env))),
        ITEM_STRING("--proxyAdminPort"),
        ITEM_STRING("15000"),
        ITEM_STRING("--controlPlaneAuthPolicy"),
        ITEM_STRING(v1_auth_policy(env)),
        ITEM_STRING("--discoveryAddress"),
        ITEM_STRING(v1_of(spec)->control_plane_security_enabled ? "istio-pilot:15005" : "istio-pilot:8080"));
}

/* Secrets that users create, for TLS at the gateway: volumes and mounts of the same name. */
static json_t *user_certs_volume(const struct gateway *gateway, const char *what)
{
    return OBJECT(
        FORMAT("name", "%s-%s", gateway->role, what),
        MAP("secret", FORMAT("secretName", "%s-%s", gateway->name, what), BOOL("optional", true)));
}

static json_t *user_certs_mount(const struct gateway *gateway, const char *what)
{
    return OBJECT(
        FORMAT("name", "%s-%s", gateway->role, what),
        FORMAT("mountPath", "/etc/istio/%s-%s", gateway->role, what),
        BOOL("readOnly", true));
}

static json_t *labels(const struct gateway *gateway)
{
    return OBJECT(STRING("app", gateway->name), STRING("istio", gateway->role));
}

/* A new Pod is ready before an old one is deleted, whatever strategy the Deployment had at first. */
static json_t *strategy(void)
{
    return OBJECT(STRING("type", "RollingUpdate"), MAP("rollingUpdate", INT("maxSurge", 1), INT("maxUnavailable", 0)));
}

static void
add(const struct mesh_env *env, struct rendered_list *out, const struct gateway_spec *spec,
    const struct gateway *gateway)
{
    _cleanup_free_ char *account = str_printf("%s-service-account", gateway->name);
    _cleanup_json_ json_t *ports = json_array_size(spec->ports) ? doc_copy(spec->ports) : own_ports(gateway);
    const struct component_spec *component = &spec->component;

    mesh_service_account(env, out, account, OBJECT(STRING("app", gateway->role)));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = gateway->name,
            .binding = gateway->name,
            .service_account = account,
            .labels = OBJECT(STRING("app", "gateways")),
            .rules = rules(),
        });
    mesh_gateway_service(
        env,
        out,
        spec,
        (struct gateway_service){
            .name = gateway->name,
            .type = gateway->service_type,
            .labels = labels(gateway),
            .selector = labels(gateway),
            .ports = ports,
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
            .containers = ARRAY(ITEM_VALUE(v1_proxy(
                env,
                (struct proxy){
                    .image = component->image,
                    .args = args(env, gateway),
                    .ports = container_ports(ports),
                    .env = ARRAY(ITEM_VALUE(mesh_env_field("ISTIO_META_POD_NAME", "metadata.name"))),
                    .resources = mesh_resources(component->resources, "10m", NULL),
                    .mounts = ARRAY(
                        ITEM_VALUE(user_certs_mount(gateway, "certs")),
                        ITEM_VALUE(user_certs_mount(gateway, "ca-certs"))),
                }))),
            .volumes = ARRAY(
                ITEM_VALUE(v1_certs_volume(account)),
                ITEM_VALUE(user_certs_volume(gateway, "certs")),
                ITEM_VALUE(user_certs_volume(gateway, "ca-certs"))),
            .strategy = strategy(),
            .always_budget = true,
        });
}

void v1_ingress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.ingress, &ingress);
}

void v1_egress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.egress, &egress);
}
