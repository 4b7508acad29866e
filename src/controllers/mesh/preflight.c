#include "controllers/mesh/preflight.h"

#include <stdlib.h>

#include "base/release.h"
#include "base/str.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/gateway_api.h"

void preflight_release(struct preflight *preflight)
{
    json_decref(preflight->blocked);
    json_decref(preflight->warnings);
    *preflight = (struct preflight){0};
}

/* --- the step --- */

/* The minor release in a version: 31 of "1.31.1"; below zero where it has none, or not of major version 1. */
static int minor_of(const char *version)
{
    char *end;
    long minor;

    if (!str_starts(version, "1."))
        return -1;
    minor = strtol(version + 2, &end, 10);
    return end == version + 2 || minor < 0 || minor > 1000 ? -1 : (int)minor;
}

/* The newest known release of a minor one; NULL: none is known. */
static const char *newest_of(int minor)
{
    for (const struct mesh_release *r = mesh_releases; r->version; r++)
        if (minor_of(r->version) == minor)
            return r->version;
    return NULL;
}

/* "1.29.6, then 1.30.8, then 1.31.1"; NULL: a release between is not known. */
static char *steps(int from, int to, const char *last)
{
    struct buf text = BUF_INIT;
    const int way = from < to ? 1 : -1;

    for (int minor = from + way; minor != to; minor += way) {
        const char *version = newest_of(minor);
        if (!version) {
            buf_release(&text);
            return NULL;
        }
        buf_printf(&text, "%s, then ", version);
    }
    buf_add_str(&text, last);
    return buf_take(&text);
}

char *preflight_skew(const char *from, const char *to)
{
    int old = minor_of(from), new = minor_of(to);
    _cleanup_free_ char *way = NULL;

    if (old < 0 || new < 0 || abs(new - old) <= 1)
        return NULL;
    way = steps(old, new, to);
    if (!way)
        return str_printf(
            "Istio is upgraded by one minor release at a time, and this operator does not know all those between %s "
            "and %s: delete this mesh, or set spec.version back to %s",
            from,
            to,
            from);
    return str_printf(
        "Istio is upgraded by one minor release at a time: set spec.version to %s, each when the step before is "
        "complete",
        way);
}

/* --- what is observed --- */

static void add(json_t *list, char *text)
{
    json_array_append_new(list, json_string(text));
    free(text);
}

static const struct gateway_api_kind *find_kind(const struct gateway_api_kind *rows, const char *kind)
{
    for (; rows && rows->kind; rows++)
        if (str_eq(rows->kind, kind))
            return rows;
    return NULL;
}

/* Kinds that the old release follows in the version that is there, and the new one does not. */
static void check_gateway_api(const struct plan_input *in, const char *from, const char *to, struct preflight *ret)
{
    const struct kube_object *o =
        kube_cache_get(in->observed, mesh_kind(KIND_GATEWAY_API), NULL, GATEWAY_API_DEFINITION);
    const struct gateway_api_kind *old = mesh_release_find(from)->gateway_api,
                                  *new = mesh_release_find(to)->gateway_api;
    _cleanup_gateway_api_ struct gateway_api api = mesh_gateway_api_read(o ? o->text : "");

    for (; o && old && old->kind; old++) {
        const struct gateway_api_kind *row = find_kind(new, old->kind);
        if (!row || mesh_gateway_api_ignores(old, &api) || !mesh_gateway_api_ignores(row, &api))
            continue;
        add(ret->blocked,
            str_printf(
                "Istio %s follows %ss only %s v%d.%d of Gateway API, and %s is installed: those that are there would "
                "have no effect; install another Gateway API, or write spec.upgrade.preflight: Warn",
                to,
                row->kind,
                row->until ? "before" : "from",
                row->major,
                row->minor,
                *api.version ? api.version : "one without a version"));
    }
}

static void
check_certificate(const struct kube_object *o, const char *name, msec_t end, msec_t now, struct preflight *ret)
{
    char time[32];

    if (!end || now < end - MESH_CERTIFICATE_WARNING)
        return;
    clock_rfc3339(end, time);
    if (now >= end)
        add(ret->blocked,
            str_printf(
                "the %s certificate in Secret %s ended on %s: new proxies would get none; replace it first",
                name,
                o->name,
                time));
    else
        add(ret->warnings,
            str_printf("the %s certificate in Secret %s ends on %s: replace it before", name, o->name, time));
}

static void check_authority(const struct plan_input *in, const char *ns, const char *from, struct preflight *ret)
{
    const struct mesh_line *line = mesh_release_find(from)->line;
    const struct kube_object *o = line->authority ? line->authority(in->observed, ns) : NULL;
    struct mesh_authority authority;

    if (!o)
        return;
    authority = mesh_authority_read(o->text);
    check_certificate(o, "root", authority.root_end, in->now, ret);
    if (authority.signing_end != authority.root_end)
        check_certificate(o, "signing", authority.signing_end, in->now, ret);
}

static unsigned needed(const char *from, const char *to)
{
    const struct mesh_release *old = mesh_release_find(from), *new = mesh_release_find(to);

    return (old->line->authority ? PLAN_WATCH_AUTHORITY : 0) |
           (old->gateway_api && new->gateway_api ? PLAN_WATCH_GATEWAY_API : 0);
}

void preflight_read(
    const struct plan_input *in, const char *ns, const char *from, const char *to, struct preflight *ret)
{
    char *skew = preflight_skew(from, to);

    preflight_release(ret);
    *ret = (struct preflight){.blocked = json_array(), .warnings = json_array()};
    if (mesh_release_find(from) && mesh_release_find(to)) /* else the resource is invalid for it */
        ret->unread = needed(from, to) & ~in->synced;
    if (skew)
        add(ret->blocked, skew);
    if (ret->unread || !mesh_release_find(from) || !mesh_release_find(to))
        return;
    check_gateway_api(in, from, to, ret);
    check_authority(in, ns, from, ret);
}
