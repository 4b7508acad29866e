/* The gateways: proxies where traffic enters and leaves the mesh. */
#include "base/str.h"
#include "doc/doc.h"
#include "mesh/v1/proxy.h"
#include "mesh/v1/v1.h"

/* Where its own agent gives certificates to the proxy. */
#define SDS_VOLUME "ingressgatewaysdsudspath"
#define SDS_PATH "/var/run/ingress_gateway"

struct gateway_port {
    const char *name;
    int port;
    int node_port; /* 0: the server chooses */
};

struct gateway {
    const char *name; /* "istio-ingressgateway" */
    const char *role; /* "ingressgateway": the value of label istio */
    const char *service_type;
    const char *memory_limit;         /* of Istio 1.1 */
    const struct gateway_port *ports; /* of the Service and of the container; ends with a NULL name */
    /* Of the other line: a Service keeps them in a mesh that changes from one to the other. Ends with 0. */
    const int *others;
};

static const struct gateway ingress = {
    .others = (const int[]){15020, 15029, 15032, 15443, 0},
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

/*
 * Istio 1.1: without the ports by which other clusters and virtual machines come in. The ports of Istio 1.0 are first,
 * in their order: load balancers of some clouds look at the first one to find out whether a node answers.
 */
static const struct gateway ingress_1_1 = {
    .others = (const int[]){15011, 8060, 853, 0},
    .name = "istio-ingressgateway",
    .role = "ingressgateway",
    .service_type = GATEWAY_INGRESS_TYPE,
    .memory_limit = "1024Mi",
    .ports =
        (const struct gateway_port[]){
            {"http2", 80, 31380},
            {"https", 443, 31390},
            {"tcp", 31400, 31400},
            {"https-prometheus", 15030},
            {"https-grafana", 15031},
            {"status-port", 15020},
            {"https-kiali", 15029},
            {"https-tracing", 15032},
            {"tls", 15443},
            {NULL},
        },
};

static const struct gateway egress_1_1 = {
    .name = "istio-egressgateway",
    .role = "egressgateway",
    .service_type = GATEWAY_EGRESS_TYPE,
    .memory_limit = "256Mi",
    .ports = (const struct gateway_port[]){{"http2", 80}, {"https", 443}, {"tls", 15443}, {NULL}},
};

static const struct gateway egress = {
    .others = (const int[]){15443, 0},
    .name = "istio-egressgateway",
    .role = "egressgateway",
    .service_type = GATEWAY_EGRESS_TYPE,
    .ports = (const struct gateway_port[]){{"http2", 80}, {"https", 443}, {NULL}},
};

static json_t *rules(const struct mesh_env *env)
{
    if (v1_is_1_1(env))
        return ARRAY(ITEM_VALUE(mesh_rule(
            "networking.istio.io",
            WORDS("virtualservices", "destinationrules", "gateways"),
            WORDS("get", "watch", "list", "update"))));
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

static const char *discovery_address(const struct mesh_env *env)
{
    if (v1_of(env->spec)->control_plane_security_enabled)
        return v1_either(env, "istio-pilot:15005", "istio-pilot:15011");
    return v1_either(env, "istio-pilot:8080", "istio-pilot:15010");
}

static json_t *args(const struct mesh_env *env, const struct gateway_spec *spec, const struct gateway *gateway)
{
    bool is_1_1 = v1_is_1_1(env), first = v1_is_first_1_1(env), traced = env->spec->tracing.enabled;
    bool waits = *str_or(spec->application_ports, "");

    return ARRAY(
        ITEM_STRING("proxy"),
        ITEM_STRING("router"),
        OPT(!is_1_1, ITEM_STRING("-v")),
        OPT(!is_1_1, ITEM_STRING("2")),
        OPT(!is_1_1, ITEM_STRING("--discoveryRefreshDelay")),
        OPT(!is_1_1, ITEM_STRING("1s")),
        OPT(is_1_1, ITEM_STRING("--domain")),
        OPT(is_1_1, ITEM_STRING(V1_DOMAIN)),
        OPT(is_1_1 && !first, ITEM_STRING(V1_LOG_LEVEL)),
        OPT(first, ITEM_STRING("--log_output_level")),
        OPT(first, ITEM_STRING("info")),
        ITEM_STRING("--drainDuration"),
        ITEM_STRING("45s"),
        ITEM_STRING("--parentShutdownDuration"),
        ITEM_STRING("1m0s"),
        ITEM_STRING("--connectTimeout"),
        ITEM_STRING("10s"),
        ITEM_STRING("--serviceCluster"),
        ITEM_STRING(gateway->name),
        OPT(traced, ITEM_STRING("--zipkinAddress")),
        OPT(traced, ITEM_STRING(v1_zipkin_address(env))),
        ITEM_STRING("--proxyAdminPort"),
        ITEM_STRING("15000"),
        OPT(is_1_1, ITEM_STRING("--statusPort")),
        OPT(is_1_1, ITEM_STRING("15020")),
        ITEM_STRING("--controlPlaneAuthPolicy"),
        ITEM_STRING(v1_auth_policy(env)),
        ITEM_STRING("--discoveryAddress"),
        ITEM_STRING(discovery_address(env)),
        OPT(waits, ITEM_STRING("--applicationPorts")),
        OPT(waits, ITEM_STRING(spec->application_ports)));
}

static json_t *environment(const struct mesh_env *env, const struct gateway_spec *spec)
{
    bool is_1_1 = v1_is_1_1(env);

    return ARRAY(
        OPT(is_1_1 && !v1_is_first_1_1(env), ITEM_VALUE(mesh_env_field("HOST_IP", "status.hostIP"))),
        ITEM_VALUE(mesh_env_field("ISTIO_META_POD_NAME", "metadata.name")),
        OPT(is_1_1, ITEM_VALUE(mesh_env_field("ISTIO_META_CONFIG_NAMESPACE", "metadata.namespace"))),
        OPT(spec->sds.enabled, ITEM_VALUE(mesh_env_value("ISTIO_META_USER_SDS", "true"))),
        OPT(is_1_1, ITEM_VALUE(mesh_env_value("ISTIO_META_ROUTER_MODE", "sni-dnat"))),
        OPT(spec->network_view, ITEM_VALUE(mesh_env_value("ISTIO_META_REQUESTED_NETWORK_VIEW", spec->network_view))));
}

/* Ready when Envoy has its configuration, and listens at the application ports. */
static json_t *probe(void)
{
    return OBJECT(
        INT("failureThreshold", 30),
        MAP("httpGet", STRING("path", "/healthz/ready"), INT("port", 15020), STRING("scheme", "HTTP")),
        INT("initialDelaySeconds", 1),
        INT("periodSeconds", 2),
        INT("successThreshold", 1),
        INT("timeoutSeconds", 1));
}

/* Reads the certificates in Secrets of the namespace, so that none is mounted (sds.enabled). */
static json_t *secret_agent(const struct mesh_env *env, const struct gateway_spec *spec)
{
    return OBJECT(
        STRING("name", "ingress-sds"),
        VALUE("image", mesh_image(env, spec->sds.image, "node-agent-k8s")),
        STRING("imagePullPolicy", env->spec->image_pull_policy),
        VALUE("resources", v1_proxy_resources(env, spec->sds.resources, "1024Mi")),
        SEQ("env",
            ITEM_VALUE(mesh_env_value("ENABLE_WORKLOAD_SDS", "false")),
            ITEM_VALUE(mesh_env_value("ENABLE_INGRESS_GATEWAY_SDS", "true")),
            ITEM_VALUE(mesh_env_field("INGRESS_GATEWAY_NAMESPACE", "metadata.namespace"))),
        SEQ("volumeMounts", ITEM_VALUE(mesh_mount(SDS_VOLUME, SDS_PATH))));
}

static void
add_secret_reader(const struct mesh_env *env, struct rendered_list *out, const char *gateway, const char *account)
{
    _cleanup_free_ char *name = str_printf("%s-sds", gateway);

    mesh_add(
        env,
        out,
        "Role",
        OBJECT(
            VALUE("metadata", mesh_metadata(env, name, NULL)),
            SEQ("rules", ITEM_VALUE(mesh_rule("", WORDS("secrets"), WORDS("get", "watch", "list"))))));
    mesh_add(env, out, "RoleBinding", mesh_binding(env, mesh_metadata(env, name, NULL), "Role", name, account));
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

static json_t *
proxy(const struct mesh_env *env, const struct gateway_spec *spec, const struct gateway *gateway, const json_t *ports)
{
    const json_t *resources = spec->component.resources;
    bool small = !resources && v1_is_first_1_1(env);

    return v1_proxy(
        env,
        (struct proxy){
            .image = spec->component.image,
            .args = args(env, spec, gateway),
            .ports = container_ports(ports),
            .env = environment(env, spec),
            .probe = v1_is_1_1(env) ? probe() : NULL,
            .resources =
                small ? mesh_resources(NULL, "10m", NULL) : v1_proxy_resources(env, resources, gateway->memory_limit),
            .mounts = ARRAY(
                ROWS(v1_sds_mounts(env)),
                OPT(spec->sds.enabled, ITEM_VALUE(mesh_mount(SDS_VOLUME, SDS_PATH))),
                ITEM_VALUE(user_certs_mount(gateway, "certs")),
                ITEM_VALUE(user_certs_mount(gateway, "ca-certs"))),
        });
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
    struct rendered *service;

    mesh_service_account(env, out, account, OBJECT(STRING("app", v1_either(env, gateway->role, gateway->name))));
    mesh_cluster_role(
        env,
        out,
        (struct cluster_role){
            .role = gateway->name,
            .binding = gateway->name,
            .service_account = account,
            .labels = OBJECT(STRING("app", v1_either(env, "gateways", gateway->role))),
            .rules = rules(env),
        });
    if (spec->sds.enabled)
        add_secret_reader(env, out, gateway->name, account);
    service = mesh_gateway_service(
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
    if (service && !json_array_size(spec->ports))
        service->keeps_ports = gateway->others;
    v1_deployment(
        env,
        out,
        (struct deployment){
            .name = gateway->name,
            .component = component,
            .labels = labels(gateway),
            .pod_labels = labels(gateway),
            .service_account = account,
            .containers = ARRAY(
                OPT(spec->sds.enabled, ITEM_VALUE(secret_agent(env, spec))),
                ITEM_VALUE(proxy(env, spec, gateway, ports))),
            .volumes = ARRAY(
                OPT(spec->sds.enabled, ITEM(STRING("name", SDS_VOLUME), MAP("emptyDir"))),
                ROWS(v1_sds_volumes(env)),
                ITEM_VALUE(v1_certs_volume(account)),
                ITEM_VALUE(user_certs_volume(gateway, "certs")),
                ITEM_VALUE(user_certs_volume(gateway, "ca-certs"))),
            .strategy = strategy(),
            .scaling_labels = OBJECT(STRING("app", gateway->role)),
            .always_budget = true,
        });
}

void v1_ingress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.ingress, v1_is_1_1(env) ? &ingress_1_1 : &ingress);
}

void v1_egress_gateway(const struct mesh_env *env, struct rendered_list *out)
{
    add(env, out, &env->spec->gateways.egress, v1_is_1_1(env) ? &egress_1_1 : &egress);
}
