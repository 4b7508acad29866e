#include "controllers/mesh/tracing.h"

#include "api/status.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "mesh/spans.h"

#define PORTS_SHOWN 200 /* bytes of a Service's ports */

/* --- who receives spans --- */

static const char *protocol_of(const struct mesh_spans *to)
{
    return to->protocol == MESH_SPANS_ZIPKIN ? "Zipkin" : "OpenTelemetry";
}

static const char *field_of(const struct mesh_spans *to)
{
    return to->protocol == MESH_SPANS_ZIPKIN ? "spec.tracing.zipkinAddress" : "spec.tracing.opentelemetryAddress";
}

static const struct kube_object *service_of(const struct plan_input *in, const struct mesh_spans *to)
{
    return kube_cache_get(in->observed, mesh_kind(KIND_SERVICE_PORTS), to->ns, to->name);
}

bool tracing_needs_ports(const char *ns, const struct mesh_desired *desired)
{
    _cleanup_mesh_spans_ struct mesh_spans to = mesh_spans_read(desired->spec, ns);

    return to.name && desired->planes->release->line->traces_to_ports;
}

bool tracing_is_withheld(const struct plan_input *in, const char *ns, const struct mesh_desired *desired)
{
    _cleanup_mesh_spans_ struct mesh_spans to = mesh_spans_read(desired->spec, ns);
    const struct kube_object *o;

    if (in->preview || !tracing_needs_ports(ns, desired))
        return false;
    o = service_of(in, &to);
    return !o || mesh_ports_find(o->text, to.port) == MESH_PORT_NONE;
}

/* True where the Service is there, and proxies can speak to it. */
static bool read_service(const struct plan_input *in, const struct mesh_spans *to, struct finding *ret)
{
    const struct kube_object *o = service_of(in, to);
    enum mesh_port port = o ? mesh_ports_find(o->text, to->port) : MESH_PORT_NONE;
    const char *ports = o && *o->text ? o->text : "none";

    if (!o) {
        finding_say(ret, false, "ServiceMissing");
        buf_printf(
            &ret->text,
            "spans go nowhere: there is no Service %s/%s; install what receives them, or name its Service in %s",
            to->ns,
            to->name,
            field_of(to));
    } else if (port == MESH_PORT_NONE) {
        finding_say(ret, false, "PortMissing");
        buf_printf(
            &ret->text,
            "spans go nowhere: Service %s/%s has no port %d, but %.*s; name the port for spans of %s in %s",
            to->ns,
            to->name,
            to->port,
            (int)str_cut(ports, PORTS_SHOWN),
            ports,
            protocol_of(to),
            field_of(to));
    } else if (to->protocol == MESH_SPANS_OPENTELEMETRY && port != MESH_PORT_HTTP2) {
        finding_say(ret, false, "PortIsNotGRPC");
        buf_printf(
            &ret->text,
            "proxies do not speak gRPC to port %d of Service %s/%s: have its name begin with grpc-, or its appProtocol "
            "say grpc",
            to->port,
            to->ns,
            to->name);
    } else {
        return true;
    }
    return false;
}

/* --- how many requests are traced --- */

/* The one that says how many; NULL: none is needed. */
static const struct desired *telemetry_of(const struct mesh_desired *desired)
{
    for (size_t i = 0; i < desired->objects->len; i++)
        if (desired->objects->items[i].kind == mesh_kind(KIND_TELEMETRY))
            return &desired->objects->items[i];
    return NULL;
}

/* Istio follows one Telemetry for the whole mesh alone. True where there is no other. */
static bool
read_telemetries(const struct plan_input *in, const struct desired *own, double sampling, struct finding *ret)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(in->observed, mesh_kind(KIND_WIDE_TELEMETRY), &i));) {
        if (!str_eq(o->ns, own->ns) || str_eq(o->name, own->name))
            continue;
        finding_say(ret, false, "AnotherTelemetry");
        buf_printf(
            &ret->text,
            "Telemetry %s/%s is for the whole mesh, as the operator's %s is, and Istio follows the older one alone: "
            "write `tracing: [{randomSamplingPercentage: %g}]` into it, and leave out spec.tracing.sampling",
            o->ns,
            o->name,
            own->name,
            sampling);
        return false;
    }
    return true;
}

/* --- all of it --- */

void tracing_read(struct reconcile *r, const struct mesh_desired *desired, struct finding *ret)
{
    const struct plan_input *in = r->world->central;
    _cleanup_mesh_spans_ struct mesh_spans to = mesh_spans_read(desired->spec, r->object->ns);
    const double sampling = desired->spec->tracing.sampling;
    const struct desired *telemetry = telemetry_of(desired);
    unsigned watches = PLAN_WATCH_SERVICE_PORTS | (telemetry ? PLAN_WATCH_TELEMETRIES : 0);

    if (!to.name)
        return;
    r->plan->central.watch |= watches;
    ret->waits = watches & ~in->synced;
    if (ret->waits || !read_service(in, &to, ret) || (telemetry && !read_telemetries(in, telemetry, sampling, ret)))
        return;
    finding_say(ret, true, "Configured");
    buf_printf(
        &ret->text,
        "%g %% of requests are traced, and spans go to port %d of Service %s/%s by the protocol of %s",
        sampling,
        to.port,
        to.ns,
        to.name,
        protocol_of(&to));
}
