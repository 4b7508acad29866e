#include "controllers/mesh/mesh_status.h"

#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/closed_registries.h"
#include "mesh/gateway_api.h"

#define NAMED_MAX 5
#define ADDRESSES_MAX 16

/* Takes `condition` over; NULL is left out. */
static void add_condition(json_t *status, json_t *condition)
{
    if (condition)
        json_array_append_new(doc_at(status, STATUS_FIELD_CONDITIONS), condition);
}

/* As the status has it; owned by the caller; NULL: it has none. */
static json_t *former_condition(const struct reconcile *r, const char *type)
{
    return json_incref(doc_find(doc_at(r->resource, "status", STATUS_FIELD_CONDITIONS), "type", type));
}

/* While it is not known, what the status said before stays. */
static void keep(const struct reconcile *r, json_t *status, const char *field, const char *type)
{
    json_t *value = doc_at(r->resource, "status", field);

    if (value)
        json_object_set(status, field, value);
    add_condition(status, former_condition(r, type));
}

static const struct mesh_line *line_of(const struct mesh_desired *desired)
{
    return desired->planes->release->line;
}

/* --- sidecars --- */

static void add_sidecars(const struct reconcile *r, const struct mesh_findings *found, json_t *status)
{
    const struct sidecars *counted = found->sidecars;
    _cleanup_free_ char *text = NULL;

    if (!found->counts_sidecars)
        return;
    if (!counted) {
        keep(r, status, STATUS_FIELD_SIDECARS, CONDITION_SIDECARS_CURRENT);
        return;
    }
    text = sidecars_text(counted);
    json_object_set_new(
        status,
        STATUS_FIELD_SIDECARS,
        OBJECT(
            INT("current", (json_int_t)counted->current),
            INT("outdated", (json_int_t)counted->outdated),
            VALUE("versions", json_incref(counted->versions))));
    add_condition(
        status,
        status_condition(
            &r->facts, CONDITION_SIDECARS_CURRENT, counted->outdated == 0, sidecars_reason(counted), text));
}

static void add_renewal(const struct reconcile *r, const struct mesh_findings *found, json_t *status)
{
    json_t *before = doc_at(r->resource, "status", STATUS_FIELD_SIDECAR_RENEWAL);
    json_t *value = found->renewal.mode == RENEWAL_OFF ? renewal_status_off(before)
                    : found->renewal.is_known          ? renewal_status(&found->renewal)
                                                       : json_incref(before);

    if (value)
        json_object_set(status, STATUS_FIELD_SIDECAR_RENEWAL, value);
    json_decref(value);
}

/* --- certificates --- */

/* NULL: the line has none, or it is not known. */
static const struct kube_object *authority_of(const struct reconcile *r, const struct mesh_desired *desired)
{
    const struct plan_input *in = r->world->central;
    const struct mesh_line *line = line_of(desired);

    if (!line->authority || !(in->synced & PLAN_WATCH_AUTHORITY))
        return NULL;
    return line->authority(in->observed, r->object->ns);
}

/* Which of the two ends first, and when. */
static const char *first_end(const struct mesh_authority *a, msec_t *ret_end)
{
    *ret_end = a->signing_end < a->root_end ? a->signing_end : a->root_end;
    return a->signing_end < a->root_end ? "signing certificate" : "root certificate";
}

/* When the condition changes next. */
static msec_t next_change(const struct mesh_authority *a, msec_t now)
{
    msec_t end;

    first_end(a, &end);
    if (now < end - MESH_CERTIFICATE_WARNING)
        return end - MESH_CERTIFICATE_WARNING - now;
    return now < end ? end - now : MSEC_NEVER;
}

static json_t *certificate(const char *name, const char *secret, msec_t end)
{
    char time[32];

    if (!end)
        return NULL;
    clock_rfc3339(end, time);
    return OBJECT(STRING("name", name), STRING("secret", secret), STRING("notAfter", time));
}

static json_t *certificate_condition(const struct reconcile *r, const char *secret, const struct mesh_authority *a)
{
    const msec_t now = r->world->central->now;
    _cleanup_free_ char *text = NULL;
    const char *name, *reason = "Valid";
    char time[32];
    msec_t end;

    name = first_end(a, &end);
    clock_rfc3339(end, time);
    if (!a->root_end || !a->signing_end) {
        reason = "Unreadable";
        text = str_printf(
            "Secret %s holds no %s that can be read", secret, a->root_end ? "signing certificate" : "root certificate");
    } else if (now >= end) {
        reason = "Ended";
        text = str_printf("the %s in Secret %s ended on %s: the mesh trusts no new certificate", name, secret, time);
    } else if (now >= end - MESH_CERTIFICATE_WARNING) {
        reason = "EndsSoon";
        text = str_printf("the %s in Secret %s ends on %s: replace it before", name, secret, time);
    } else {
        text = str_printf("the %s in Secret %s ends on %s", name, secret, time);
    }
    return status_condition(&r->facts, CONDITION_CERTIFICATES_CURRENT, str_eq(reason, "Valid"), reason, text);
}

static void add_certificates(const struct reconcile *r, const struct mesh_desired *desired, json_t *status)
{
    const struct kube_object *o = authority_of(r, desired);
    struct mesh_authority authority;

    if (!line_of(desired)->authority)
        return;
    if (!(r->world->central->synced & PLAN_WATCH_AUTHORITY))
        keep(r, status, STATUS_FIELD_CERTIFICATES, CONDITION_CERTIFICATES_CURRENT);
    if (!o)
        return;
    authority = mesh_authority_read(o->text);
    json_object_set_new(
        status,
        STATUS_FIELD_CERTIFICATES,
        ARRAY(
            OPT(authority.root_end, ITEM_VALUE(certificate("root", o->name, authority.root_end))),
            OPT(authority.signing_end, ITEM_VALUE(certificate("signing", o->name, authority.signing_end)))));
    add_condition(status, certificate_condition(r, o->name, &authority));
}

/* --- gateways --- */

/* How its Service is reached from outside of the cluster, as the load balancer or the user says. */
static json_t *addresses_of(const json_t *service)
{
    json_t *addresses = json_array(), *item;
    size_t i;

    json_array_foreach(doc_at(service, "status", "loadBalancer", "ingress"), i, item) {
        const char *address = doc_string(item, "ip") ? doc_string(item, "ip") : doc_string(item, "hostname");
        if (address && *address && json_array_size(addresses) < ADDRESSES_MAX)
            json_array_append_new(addresses, json_string(address));
    }
    json_array_foreach(doc_at(service, "spec", "externalIPs"), i, item)
        if (json_is_string(item) && json_array_size(addresses) < ADDRESSES_MAX)
            json_array_append(addresses, item);
    return addresses;
}

/* Adds the line's type and addresses. Its Service, where that waits for an address; else NULL. */
static const char *add_gateway(const struct reconcile *r, const struct mesh_component *component, json_t *line)
{
    const struct kube_object *o =
        kube_cache_get(r->world->central->observed, mesh_kind(KIND_SERVICE), r->object->ns, component->service);
    _cleanup_json_ json_t *service = o ? kube_object_parse(o) : NULL, *addresses = addresses_of(service);
    const char *type = doc_string(service, "spec", "type");
    bool has_any = json_array_size(addresses);

    if (!service)
        return NULL;
    json_object_set_new(line, "service", json_string(str_or(type, "ClusterIP")));
    if (has_any)
        json_object_set(line, "addresses", addresses);
    return str_eq(type, "LoadBalancer") && !has_any ? component->service : NULL;
}

/* A mesh is Ready without them: on a cluster without load balancers there never are any. */
static void add_gateways(const struct reconcile *r, const struct mesh_desired *desired, json_t *status)
{
    _cleanup_buf_ struct buf waiting = BUF_INIT;
    _cleanup_free_ char *text = NULL;
    size_t with_balancer = 0;

    for (const struct mesh_component *c = line_of(desired)->central.components; c->name; c++) {
        json_t *line = doc_find(doc_at(status, STATUS_FIELD_COMPONENTS), "name", c->name);
        const char *service;
        if (!c->service || !line || !c->spec(desired->spec)->enabled)
            continue;
        if ((service = add_gateway(r, c, line))) {
            buf_separate(&waiting, ", ");
            buf_add_str(&waiting, service);
        }
        with_balancer += str_eq(doc_string(line, "service"), "LoadBalancer");
    }
    if (!with_balancer)
        return;
    if (waiting.len)
        text = str_printf(
            "no load balancer has assigned an address to Service %s; a cluster without load balancers never does: set "
            "serviceType of the gateway to NodePort or ClusterIP there",
            buf_str(&waiting));
    add_condition(
        status,
        status_condition(
            &r->facts,
            CONDITION_GATEWAY_ADDRESSES,
            !waiting.len,
            waiting.len ? "AddressNotAssigned" : "Assigned",
            str_or(text, "")));
}

/* --- what the server or a registry does not allow --- */

/* What the mesh cannot do on this server. */
static void add_limitations(const struct reconcile *r, const struct mesh_desired *desired, json_t *status)
{
    const struct mesh_limitation *l;
    int minor = r->world->central->server->minor;

    for (size_t i = 0; (l = mesh_limitation_next(line_of(desired), desired->spec, minor, &i));) {
        _cleanup_free_ char *text = mesh_limitation_text(l, minor);
        add_condition(status, status_condition(&r->facts, l->condition, false, l->reason, text));
    }
}

char *mesh_status_closed_registries(const struct desired_set *desired)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t count = 0;

    for (size_t i = 0; i < desired->len; i++) {
        const struct desired *d = &desired->items[i];
        const char *registry = d->kind->is_definition ? NULL : closed_registry_in(d->text);
        if (!registry || count++ >= NAMED_MAX)
            continue;
        buf_separate(&text, ", ");
        buf_printf(&text, "%s %s from %s", d->kind->kind, d->name, registry);
    }
    if (count > NAMED_MAX)
        buf_printf(&text, " and %zu more", count - NAMED_MAX);
    return text.len ? buf_take(&text) : NULL;
}

/* There only while something pulls from one that closes. */
static void add_registries(const struct reconcile *r, const struct mesh_findings *found, json_t *status)
{
    const char *pods = found->sidecars ? found->sidecars->closed : NULL, *objects = found->closed_registries;
    _cleanup_free_ char *text = NULL;

    if (!pods && !objects)
        return;
    text = str_printf(
        "images come from registries that close in " REGISTRIES_CLOSE ": %s%s%s%s; set imageHub or the image to one in "
        "%s or a mirror%s",
        str_or(objects, ""),
        objects && pods ? ", " : "",
        pods ? "sidecars of pods: " : "",
        str_or(pods, ""),
        OPEN_REGISTRY,
        pods ? ", and restart the pods" : "");
    add_condition(status, status_condition(&r->facts, CONDITION_REGISTRIES_OPEN, false, "ClosedRegistry", text));
}

/* --- Gateway API --- */

static void
name_ignored(const struct gateway_api_kind *rows, const struct gateway_api *api, json_t *ret, struct buf *text)
{
    for (; rows->kind; rows++) {
        if (!mesh_gateway_api_ignores(rows, api))
            continue;
        json_array_append_new(ret, json_string(rows->kind));
        buf_separate(text, ", ");
        buf_printf(
            text,
            rows->until ? "%s (only before v%d.%d)" : "%s (from v%d.%d on)",
            rows->kind,
            rows->major,
            rows->minor);
    }
}

static void add_gateway_api(const struct reconcile *r, const struct mesh_desired *desired, json_t *status)
{
    const struct plan_input *in = r->world->central;
    const struct mesh_release *release = desired->planes->release;
    const struct kube_object *o =
        kube_cache_get(in->observed, mesh_kind(KIND_GATEWAY_API), NULL, GATEWAY_API_DEFINITION);
    _cleanup_gateway_api_ struct gateway_api api = mesh_gateway_api_read(o ? o->text : "");
    _cleanup_json_ json_t *ignored = json_array();
    _cleanup_buf_ struct buf kinds = BUF_INIT;
    _cleanup_free_ char *text = NULL;
    bool is_all;

    if (!release->gateway_api)
        return;
    if (!(in->synced & PLAN_WATCH_GATEWAY_API))
        keep(r, status, STATUS_FIELD_GATEWAY_API, CONDITION_GATEWAY_API);
    if (!o || !(in->synced & PLAN_WATCH_GATEWAY_API))
        return;
    name_ignored(release->gateway_api, &api, ignored, &kinds);
    is_all = !json_array_size(ignored);
    json_object_set_new(
        status,
        STATUS_FIELD_GATEWAY_API,
        OBJECT(
            STRING("version", api.version),
            STRING("channel", api.channel),
            OPT(!is_all, VALUE("ignored", json_incref(ignored)))));
    text = is_all ? str_dup("")
                  : str_printf(
                        "Istio %s ignores these kinds of Gateway API %s: %s; install a Gateway API that it follows",
                        release->version,
                        *api.version ? api.version : "without a version",
                        buf_str(&kinds));
    add_condition(
        status, status_condition(&r->facts, CONDITION_GATEWAY_API, is_all, is_all ? "Accepted" : "KindsIgnored", text));
}

/* --- monitoring --- */

void mesh_status_add_monitoring(const struct reconcile *r, const struct mesh_findings *found, json_t *status)
{
    _cleanup_json_ json_t *monitoring = json_object();

    monitoring_add_status(r, &found->monitoring, monitoring);
    dashboards_add_status(r, &found->dashboards, monitoring);
    kiali_add_status(r, &found->kiali, monitoring);
    if (json_object_size(monitoring))
        json_object_set(status, STATUS_FIELD_MONITORING, monitoring);
}

static void add_finding(const struct reconcile *r, const char *type, const struct finding *finding, json_t *status)
{
    add_condition(status, finding->waits ? former_condition(r, type) : finding_condition(r, type, finding));
}

/* --- all of it --- */

void mesh_status_ask(struct reconcile *r, const struct mesh_desired *desired)
{
    const struct kube_object *o;
    struct mesh_authority authority;
    msec_t after;

    if (line_of(desired)->authority)
        r->plan->central.watch |= PLAN_WATCH_AUTHORITY;
    if (desired->planes->release->gateway_api)
        r->plan->central.watch |= PLAN_WATCH_GATEWAY_API;
    if (!(o = authority_of(r, desired)))
        return;
    authority = mesh_authority_read(o->text);
    after = next_change(&authority, r->world->central->now);
    reconcile_requeue(r, after);
}

void mesh_status_add(
    const struct reconcile *r, const struct mesh_desired *desired, const struct mesh_findings *found, json_t *status)
{
    add_gateways(r, desired, status);
    add_sidecars(r, found, status);
    add_renewal(r, found, status);
    add_certificates(r, desired, status);
    add_gateway_api(r, desired, status);
    add_registries(r, found, status);
    mesh_status_add_monitoring(r, found, status);
    add_finding(r, CONDITION_METRICS_SCRAPED, &found->monitoring.finding, status);
    add_finding(r, CONDITION_DASHBOARDS_LOADED, &found->dashboards.finding, status);
    add_finding(r, CONDITION_KIALI_READY, &found->kiali.finding, status);
    add_finding(r, CONDITION_SERVICEGRAPH_READY, &found->kiali.servicegraph, status);
    add_finding(r, CONDITION_TRACING_CONFIGURED, &found->tracing, status);
    add_limitations(r, desired, status);
    if (found->former)
        json_object_set(status, STATUS_FIELD_FORMER_CONTROL_PLANES, found->former);
}
