#include "mesh/spans.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"

/* How many bytes of the host are the names of a Service and, behind a dot, of its namespace; 0: it is none's. */
static size_t names_in(const char *host)
{
    static const char *const suffixes[] = {".svc.cluster.local", ".svc"};
    size_t len = strlen(host);
    const char *dot;

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(host, suffixes[i]) && memchr(host, '.', len - strlen(suffixes[i]))) {
            len -= strlen(suffixes[i]);
            break;
        }
    dot = memchr(host, '.', len);
    return *host == '[' || (dot && memchr(dot + 1, '.', len - (size_t)(dot + 1 - host))) ? 0 : len;
}

/* The format of the field has made sure that it is "HOST:PORT", with an IPv6 address in brackets. */
static void read_address(const char *address, const char *ns, struct mesh_spans *ret)
{
    const char *colon = strrchr(address, ':'), *dot;
    _cleanup_free_ char *host = str_dup_n(address, (size_t)(colon - address));
    size_t len = names_in(host);

    ret->address = address;
    ret->port = (int)strtol(colon + 1, NULL, 10);
    if (!len) {
        ret->host = TAKE_PTR(host);
        return;
    }
    host[len] = '\0';
    dot = strchr(host, '.');
    ret->name = str_dup_n(host, dot ? (size_t)(dot - host) : len);
    ret->ns = str_dup(dot ? dot + 1 : ns);
    ret->host = str_printf("%s.%s.svc.cluster.local", ret->name, ret->ns);
}

struct mesh_spans mesh_spans_read(const struct istio_spec *spec, const char *ns)
{
    struct mesh_spans tracing = {0};

    if (!spec->tracing.enabled)
        return tracing;
    if (spec->tracing.opentelemetry_address) {
        tracing.protocol = MESH_SPANS_OPENTELEMETRY;
        read_address(spec->tracing.opentelemetry_address, ns, &tracing);
    } else if (spec->tracing.zipkin_address) {
        tracing.protocol = MESH_SPANS_ZIPKIN;
        read_address(spec->tracing.zipkin_address, ns, &tracing);
    }
    return tracing;
}

void mesh_spans_release(struct mesh_spans *tracing)
{
    free(tracing->host);
    free(tracing->name);
    free(tracing->ns);
    *tracing = (struct mesh_spans){0};
}

#define HTTP2_MARK "/grpc"

static bool is_http2(const json_t *port)
{
    static const char *const protocols[] = {"grpc", "http2", "grpc-web"};
    const char *of_port = doc_string(port, "appProtocol");
    const char *text = str_or(of_port ? of_port : doc_string(port, "name"), "");

    if (of_port && str_eq(of_port, "kubernetes.io/h2c"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        size_t len = strlen(protocols[i]);
        if (strncasecmp(text, protocols[i], len) == 0 && (!text[len] || text[len] == '-'))
            return true;
    }
    return false;
}

char *mesh_ports_digest(const json_t *service)
{
    struct buf digest = BUF_INIT;
    json_t *port;
    size_t i;

    if (str_eq(doc_string(service, "spec", "type"), "ExternalName"))
        return buf_take(&digest); /* another name: proxies have no cluster for it */
    json_array_foreach(doc_at(service, "spec", "ports"), i, port) {
        int64_t number = doc_int(doc_at(port, "port"), 0);
        if (number < 1 || number > UINT16_MAX || !str_eq(str_or(doc_string(port, "protocol"), "TCP"), "TCP"))
            continue;
        buf_separate(&digest, " ");
        buf_printf(&digest, "%d%s", (int)number, is_http2(port) ? HTTP2_MARK : "");
    }
    return buf_take(&digest);
}

enum mesh_port mesh_ports_find(const char *digest, int port)
{
    const char *at = digest;

    while (*at) {
        char *end;
        long number = strtol(at, &end, 10);
        size_t rest = strcspn(end, " ");
        if (number == port)
            return rest ? MESH_PORT_HTTP2 : MESH_PORT_OTHER;
        at = end + rest;
        at += *at == ' ';
    }
    return MESH_PORT_NONE;
}
