/* What must hold of a gateway's Service beyond single fields: what the API server would refuse, or silently ignore. */
#include <string.h>

#include "api/istio_parts.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/doc.h"

struct gateway_check {
    const struct api_check *c;
    const struct gateway_spec *gateway;
    const char *path; /* "spec.gateways.ingress" */
    const char *type; /* of the Service */
};

static char *path_of_port(const struct gateway_check *g, size_t i, const char *field)
{
    return str_printf("%s.ports[%zu].%s", g->path, i, field);
}

/* `seen` has the values so far, as text. */
static void check_once(const struct gateway_check *g, struct map *seen, size_t i, const char *field, const char *value)
{
    _cleanup_free_ char *path = path_of_port(g, i, field);

    if (map_has(seen, value))
        problems_add(g->c->problems, PROBLEM_ERROR, path, "must be in the list once, but %s is there before", value);
    map_put(seen, value, (void *)value);
}

/* As kubernetes_check_service() has it of overlays. */
static void refuse_mixture(const struct gateway_check *g, size_t i)
{
    _cleanup_free_ char *path = path_of_port(g, i, "protocol");

    problems_add(g->c->problems, PROBLEM_ERROR, path,
                 "must be the same for all ports, because serviceType is LoadBalancer: with NodePort it may differ");
}

static void check_ports(const struct gateway_check *g)
{
    _cleanup_map_ struct map *names = map_new(NULL), *numbers = map_new(NULL), *node_ports = map_new(NULL);
    const char *first = NULL;
    const json_t *port;
    size_t i;

    json_array_foreach(g->gateway->ports, i, port) {
        const json_t *node_port = doc_at(port, "nodePort");
        const char *protocol = str_or(doc_string(port, "protocol"), "TCP");
        _cleanup_free_ char *number = str_printf("%lld/%s", (long long)doc_int(doc_at(port, "port"), 0), protocol);
        _cleanup_free_ char *on_nodes = str_printf("%lld/%s", (long long)doc_int(node_port, 0), protocol);
        _cleanup_free_ char *path = path_of_port(g, i, "nodePort");

        first = first ? first : protocol;
        if (!str_eq(protocol, first) && str_eq(g->type, "LoadBalancer"))
            refuse_mixture(g, i);
        check_once(g, names, i, "name", doc_string(port, "name"));
        check_once(g, numbers, i, "port", number);
        if (!node_port || json_is_null(node_port))
            continue;
        check_once(g, node_ports, i, "nodePort", on_nodes);
        if (str_eq(g->type, "ClusterIP"))
            problems_add(g->c->problems, PROBLEM_ERROR, path, "must be left out, because serviceType is ClusterIP");
    }
}

/* By which the operator and Istio find objects. */
static bool is_reserved_label(const char *key)
{
    return str_eq(key, "app") || str_eq(key, "istio") || str_starts(key, API_GROUP "/");
}

static bool is_reserved_annotation(const char *key)
{
    return str_starts(key, API_GROUP "/");
}

static void check_keys(const struct gateway_check *g, const char *field, const json_t *map,
                       bool (*reserved)(const char *))
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value) {
        _cleanup_buf_ struct buf path = BUF_INIT;
        if (!reserved(key))
            continue;
        buf_printf(&path, "%s.%s", g->path, field);
        doc_path_key(&path, key);
        problems_add(g->c->problems, PROBLEM_ERROR, buf_str(&path), "must be left out: the operator sets it");
    }
}

void istio_check_gateway(const struct api_check *c, const struct gateway_spec *gateway, const char *path,
                         const char *default_type)
{
    const struct gateway_check g = {c, gateway, path, str_or(gateway->service_type, default_type)};
    _cleanup_free_ char *address = str_printf("%s.loadBalancerIP", path);

    check_ports(&g);
    check_keys(&g, "serviceLabels", gateway->service_labels, is_reserved_label);
    check_keys(&g, "serviceAnnotations", gateway->service_annotations, is_reserved_annotation);
    if (*str_or(gateway->load_balancer_ip, "") && !str_eq(g.type, "LoadBalancer"))
        problems_add(c->problems, PROBLEM_WARNING, address, "has no effect, because serviceType is %s", g.type);
}

void istio_check_gateways(const struct api_check *c)
{
    const struct istio_spec *spec = c->spec;

    istio_check_gateway(c, &spec->gateways.ingress, "spec.gateways.ingress", GATEWAY_INGRESS_TYPE);
    istio_check_gateway(c, &spec->gateways.egress, "spec.gateways.egress", GATEWAY_EGRESS_TYPE);
}
