#include "controllers/mesh/preflight.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/release.h"
#include "base/str.h"
#include "controllers/mesh/kept.h"
#include "controllers/watches.h"
#include "doc/doc.h"
#include "mesh/authority.h"
#include "mesh/gateway_api.h"
#include "mesh/workloads.h"

void preflight_release(struct preflight *preflight)
{
    json_decref(preflight->blocked);
    json_decref(preflight->warnings);
    *preflight = (struct preflight){0};
}

/* --- the step --- */

/* The newest known release of a minor one; NULL: none is known. */
static const char *newest_of(int minor)
{
    for (const struct mesh_release *r = mesh_releases; r->version; r++)
        if (release_minor(r->version) == minor)
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
    int old = release_minor(from), new = release_minor(to);
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

/* --- what is observed, and what the resource says --- */

/* What a check is given. */
struct check {
    const struct plan_input *in;
    const struct preflight_step *step;
    const struct mesh_release *old, *new; /* of the two */
    struct preflight *found;
};

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
static void check_gateway_api(const struct check *c)
{
    const struct kube_object *o =
        kube_cache_get(c->in->observed, mesh_kind(KIND_GATEWAY_API), NULL, GATEWAY_API_DEFINITION);
    const struct gateway_api_kind *old = c->old->gateway_api, *new = c->new->gateway_api;
    _cleanup_gateway_api_ struct gateway_api api = mesh_gateway_api_read(o ? o->text : "");

    for (; o && old && old->kind; old++) {
        const struct gateway_api_kind *row = find_kind(new, old->kind);
        if (!row || mesh_gateway_api_ignores(old, &api) || !mesh_gateway_api_ignores(row, &api))
            continue;
        add(c->found->blocked,
            str_printf(
                "Istio %s follows %ss only %s v%d.%d of Gateway API, and %s is installed: those that are there would "
                "have no effect; install another Gateway API, or write spec.upgrade.preflight: Warn",
                c->step->to,
                row->kind,
                row->until ? "before" : "from",
                row->major,
                row->minor,
                *api.version ? api.version : "one without a version"));
    }
}

/* An upgrade may take so long, and so long are the certificates that today's istiod gives proxies. */
#define UPGRADE_TAKES (SECONDS(1) * 60 * 60 * 24)

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
    else if (now >= end - UPGRADE_TAKES)
        add(ret->blocked,
            str_printf(
                "the %s certificate in Secret %s ends on %s, and the upgrade may not be over by then: replace it first",
                name,
                o->name,
                time));
    else
        add(ret->warnings,
            str_printf("the %s certificate in Secret %s ends on %s: replace it before", name, o->name, time));
}

static void check_authority(const struct check *c)
{
    const struct kube_object *o =
        c->old->line->authority ? c->old->line->authority(c->in->observed, c->step->ns) : NULL;
    struct mesh_authority authority;

    if (!o)
        return;
    authority = mesh_authority_read(o->text);
    check_certificate(o, "root", authority.root_end, c->in->now, c->found);
    if (authority.signing_end != authority.root_end)
        check_certificate(o, "signing", authority.signing_end, c->in->now, c->found);
}

/* In one text. */
#define NAMED_MAX 10

/* Workloads that choose the image of their proxy: the new injector starts it with flags of its own release. */
static void check_pinned(const struct check *c)
{
    static const enum mesh_kind_id views[] = {
        KIND_RUNNING_DEPLOYMENT, KIND_RUNNING_STATEFUL_SET, KIND_RUNNING_DAEMON_SET};
    _cleanup_map_ struct map *pinned = map_new(NULL);
    _cleanup_free_ const char **names = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    const struct kube_object *o;

    for (size_t k = 0; k < ARRAY_LEN(views); k++)
        for (size_t i = 0; (o = kube_cache_next(c->in->observed, mesh_kind(views[k]), &i));) {
            _cleanup_mesh_workload_ struct mesh_workload w = {0};
            _cleanup_free_ char *name = NULL;
            if (!strstr(o->text, "\"pinned\""))
                continue;
            w = mesh_workload_read(o->text);
            if (!w.is_pinned)
                continue;
            name = STR_JOIN('/', o->ns, o->name);
            map_put(pinned, name, NULL);
        }
    if (!map_len(pinned))
        return;
    names = map_sorted_keys(pinned);
    buf_add_str(&text, "annotation sidecar.istio.io/proxyImage chooses the proxy of ");
    buf_add_names(&text, names, map_len(pinned), NAMED_MAX);
    buf_printf(
        &text,
        c->old->line == c->new->line ? "; it stays as it is when Istio is %s"
                                     : "; it does not start by Istio %s: remove it",
        c->step->to);
    add(c->old->line == c->new->line ? c->found->warnings : c->found->blocked, buf_take(&text));
}

/* What the resource says and the new release does not follow any more. */
static void check_dropped(const struct check *c)
{
    for (const struct mesh_dropped_setting *row = c->new->line->dropped; row && row->field; row++)
        if (release_compare(row->since, c->step->to) <= 0 && release_compare(row->since, c->step->from) > 0 &&
            kept_value_at(c->step->resource, row->field))
            add(c->found->blocked, str_printf("%s has no effect from Istio %s on: remove it", row->field, row->since));
}

/* A custom kind without a definition has no objects, and no watch of it would ever be synced. */
static bool is_defined(const struct check *c, const struct mesh_ignored *row)
{
    return !row->definition || kube_cache_get(c->in->observed, mesh_kind(KIND_DEFINITION), NULL, row->definition);
}

/* Those that the new line ignores; none where it is the old one. */
static const struct mesh_ignored *ignored(const struct check *c)
{
    static const struct mesh_ignored none = {0};

    return c->old->line != c->new->line && c->new->line->ignored ? c->new->line->ignored : &none;
}

/* Users' objects that the new line does not follow. */
static void check_ignored(const struct check *c)
{
    for (const struct mesh_ignored *row = ignored(c); row->what; row++) {
        _cleanup_map_ struct map *found = map_new(NULL);
        _cleanup_free_ const char **names = NULL;
        struct buf text = BUF_INIT;
        const struct kube_object *o;
        for (size_t i = 0; is_defined(c, row) && (o = kube_cache_next(c->in->observed, mesh_kind(row->view), &i));) {
            _cleanup_free_ char *name = o->ns ? STR_JOIN('/', o->ns, o->name) : str_dup(o->name);
            map_put(found, name, NULL);
        }
        if (!map_len(found))
            continue;
        names = map_sorted_keys(found);
        buf_printf(&text, "Istio %s does not follow %s ", c->step->to, row->what);
        buf_add_names(&text, names, map_len(found), NAMED_MAX);
        buf_printf(&text, ": %s", row->advice);
        add(c->found->blocked, buf_take(&text));
    }
}

/* Workloads are restarted for their new sidecars, too, where the resource says so. */
static void check_room(const struct check *c)
{
    const struct room room = {
        .in = c->in,
        .ns = c->step->ns,
        .needs = c->step->needs,
        .renews = str_eq(doc_string(c->step->resource, "spec", "sidecarRenewal", "mode"), "Automatic"),
    };

    if (json_array_size(c->step->needs))
        room_check(&room, c->step->room, c->found->blocked, c->found->warnings);
}

static unsigned needs_nothing(const struct check *c)
{
    (void)c;
    return 0;
}

static unsigned needs_gateway_api(const struct check *c)
{
    return c->old->gateway_api && c->new->gateway_api ? PLAN_WATCH_GATEWAY_API : 0;
}

static unsigned needs_authority(const struct check *c)
{
    return c->old->line->authority ? PLAN_WATCH_AUTHORITY : 0;
}

static unsigned needs_workloads(const struct check *c)
{
    (void)c;
    return PLAN_WATCH_WORKLOADS;
}

static unsigned needs_room(const struct check *c)
{
    return json_array_size(c->step->needs) ? PLAN_WATCH_ROOM : 0;
}

static unsigned needs_ignored(const struct check *c)
{
    unsigned bits = 0;

    for (const struct mesh_ignored *row = ignored(c); row->what; row++)
        bits |= is_defined(c, row) ? watch_bit_of(row->view) : 0;
    return bits;
}

static const struct {
    unsigned (*needs)(const struct check *c); /* bits of plan.watch */
    void (*check)(const struct check *c);
} checks[] = {
    {needs_nothing, check_dropped},
    {needs_workloads, check_pinned},
    {needs_ignored, check_ignored},
    {needs_gateway_api, check_gateway_api},
    {needs_authority, check_authority},
    {needs_room, check_room},
};

void preflight_read(const struct plan_input *in, const struct preflight_step *step, struct preflight *ret)
{
    char *skew = preflight_skew(step->from, step->to);
    const struct check c = {
        .in = in,
        .step = step,
        .old = mesh_release_find(step->from),
        .new = mesh_release_find(step->to),
        .found = ret,
    };

    if (!skew) /* in the middle of another step gateways are as far behind as it began */
        skew = preflight_skew(step->gateways, step->to);
    preflight_release(ret);
    *ret = (struct preflight){.blocked = json_array(), .warnings = json_array()};
    if (skew)
        add(ret->blocked, skew);
    if (!c.old || !c.new) /* the resource is invalid for it */
        return;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        ret->needs |= checks[i].needs(&c);
    if (ret->needs & ~PREFLIGHT_WATCHES)
        abort(); /* a bug in this program, which every change of the version would show */
    ret->unread = ret->needs & ~in->synced;
    for (size_t i = 0; !ret->unread && i < ARRAY_LEN(checks); i++)
        checks[i].check(&c);
}
