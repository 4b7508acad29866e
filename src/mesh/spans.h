/*
 * Where a mesh sends its spans, as spec.tracing says. Pure.
 */
#ifndef MESH_SPANS_H
#define MESH_SPANS_H

#include <jansson.h>

#include "api/istio.h"
#include "base/mem.h"

enum mesh_spans_protocol { MESH_SPANS_NONE, MESH_SPANS_ZIPKIN, MESH_SPANS_OPENTELEMETRY };

struct mesh_spans {
    enum mesh_spans_protocol protocol; /* NONE: no address is named, or tracing is off */
    const char *address;               /* as the spec has it, borrowed from there */
    char *host;                        /* of a Service its whole name, "zipkin.tracing.svc.cluster.local" */
    int port;
    char *name, *ns; /* the Service that it names; NULL: it is a host of elsewhere, or an IP address */
};

/* `ns` is the control plane's, of a name without a namespace. */
struct mesh_spans mesh_spans_read(const struct istio_spec *spec, const char *ns);
void mesh_spans_release(struct mesh_spans *tracing);
#define _cleanup_mesh_spans_ _cleanup_(mesh_spans_release)

/*
 * The ports of a Service, as a digest: "4317/grpc 9411", those marked that Istio takes for HTTP/2, which gRPC needs.
 * Owned by the caller.
 *
 * Source: Istio, pkg/config/kube/conversion.go: appProtocol, or else the port's name up to a "-".
 */
char *mesh_ports_digest(const json_t *service);
enum mesh_port { MESH_PORT_NONE, MESH_PORT_OTHER, MESH_PORT_HTTP2 };
enum mesh_port mesh_ports_find(const char *digest, int port);

#endif
