#include "controllers/mesh/upgrade.h"

#include <string.h>

#include "api/status.h"
#include "base/clock.h"
#include "base/release.h"
#include "base/str.h"
#include "controllers/mesh/components.h"
#include "controllers/mesh/former.h"
#include "controllers/mesh/webhooks.h"
#include "controllers/watches.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/object_memo.h"

/* Of a template: by it the Pods of a gateway are replaced with another version. */
#define POD_LABELS "spec", "template", "metadata", "labels"

static const char *const names[] = {
#define X(id, name, text) name,
    UPGRADE_PHASES(X)
#undef X
};
static const char *const texts[] = {
#define X(id, name, text) text,
    UPGRADE_PHASES(X)
#undef X
};

void upgrade_release(struct upgrade *upgrade)
{
    preflight_release(&upgrade->preflight);
    proof_release(&upgrade->proof);
    free(upgrade->invalid);
    *upgrade = (struct upgrade){0};
}

/* --- from where to where --- */

/* The phase that the status names; UPGRADE_COMPLETE where it names none. */
static enum upgrade_phase phase_of(const json_t *record)
{
    const char *name = doc_string(record, "phase");

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, names[i]))
            return (enum upgrade_phase)i;
    return UPGRADE_COMPLETE;
}

static size_t count_of(const json_t *record, const char *field)
{
    int64_t count = doc_int(doc_at(record, field), 0);

    return count > 0 ? (size_t)count : 0;
}

void upgrade_begin(const json_t *resource, int minor, struct upgrade *ret)
{
    const json_t *status = doc_at(resource, "status"), *record = doc_at(status, STATUS_FIELD_UPGRADE);
    const char *installed = doc_string(status, STATUS_FIELD_VERSION);
    const char *from = doc_string(record, "from"), *to = doc_string(record, "to");
    enum upgrade_phase phase = phase_of(record);

    *ret = (struct upgrade){.to = istio_version(resource, minor), .phase = UPGRADE_PREFLIGHT};
    if (phase == UPGRADE_COMPLETE || !mesh_release_find(from) || !mesh_release_find(to)) {
        ret->from = installed;
    } else if (str_eq(to, ret->to)) {
        ret->from = from;
        ret->was_admitted = phase != UPGRADE_PREFLIGHT;
        ret->is_replaced = phase == UPGRADE_SIDECARS;
        ret->shows_counts = doc_at(record, "left") != NULL;
        ret->done = count_of(record, "done");
        ret->left = count_of(record, "left");
    } else {
        /* Another change of mind: of the former version nothing was written before its preflight was over. */
        ret->from = phase == UPGRADE_PREFLIGHT ? from : to;
    }
    ret->was_admitted |= str_eq(installed, ret->to);
    if (str_eq(ret->from, ret->to) && mesh_release_find(installed)) {
        /* Its control plane may be of this version already, and the gateways are not. */
        ret->from = installed;
        ret->was_admitted = true;
    }
    if (str_eq(ret->from, ret->to) || !mesh_release_find(ret->from))
        ret->from = NULL;
    ret->installed = mesh_release_find(installed) ? installed : ret->from;
}

/* --- what is observed --- */

static bool is_gateway(const struct mesh_component *c)
{
    return c->service != NULL;
}

/* Whether the live object is as the operator wants it, or the user keeps it from being written. */
static bool is_written(
    const struct plan_input *in, const struct mesh_desired *desired, enum mesh_kind_id kind, const char *ns,
    const char *name)
{
    struct kube_object *o = kube_cache_get(in->observed, mesh_kind(kind), ns, name);
    const struct desired *d = desired_find(desired->objects, mesh_kind(kind), ns, name);
    _cleanup_json_ json_t *live = NULL, *asked = NULL, *applied = NULL, *would_apply = NULL;

    if (!d)
        return true;
    if (o && object_memo(o)->in_place == d->hash)
        return true;
    if (!o || !d->text)
        return false;
    live = kube_object_parse(o);
    if (mark_is_ignored(live))
        return true;
    asked = doc_parse_own(d->text);
    applied = mark_applied(live);
    would_apply = mark_applied(asked);
    return applied && str_eq(doc_string(applied, "hash"), doc_string(would_apply, "hash"));
}

/* Owned by the caller. */
static char *name_of(const struct rollout_workload *w, const struct mesh_component *c, const char *revision)
{
    bool is_named = *revision && !c->shared;

    return str_printf("%s%s%s", w->name, is_named ? "-" : "", is_named ? revision : "");
}

static bool are_written(
    const struct plan_input *in, const struct mesh_desired *desired, const char *ns, const struct mesh_component *c,
    const char *revision)
{
    for (const struct rollout_workload *w = c->workloads; w->name; w++) {
        _cleanup_free_ char *name = name_of(w, c, revision);
        if (!is_written(in, desired, (enum mesh_kind_id)w->kind, ns, name))
            return false;
    }
    return true;
}

/* Whether the workloads of these components are written and available: of the gateways, or of all others. */
static bool are_replaced(
    const struct plan_input *in, const struct mesh_desired *desired, const char *ns, const struct rollouts *rollouts,
    bool gateways)
{
    const struct mesh_component *components = desired->planes->release->line->central.components;

    for (size_t i = 0; i < rollouts->len; i++) {
        const struct rollout *r = &rollouts->items[i];
        const struct mesh_component *c = mesh_component_of(components, r->name);
        if (!c || is_gateway(c) != gateways || !r->enabled || r->optional)
            continue;
        if (!r->available || !are_written(in, desired, ns, c, r->revision))
            return false;
    }
    return true;
}

static msec_t time_of(const json_t *workload, const char *condition, const char *field)
{
    const char *text = doc_string(doc_find(doc_at(workload, "status", "conditions"), "type", condition), field);
    msec_t time;

    return text && clock_parse_rfc3339(text, &time) ? time : 0;
}

/*
 * How long a control plane has to be available without a break. A program without a readiness probe (Citadel, Mixer)
 * counts as available as soon as it runs, also one that ends at once, again and again.
 */
#define STEADY_AFTER SECONDS(5)

/*
 * How much of that is left, as its Deployment says: since when it is rolled out, and available. 0: nothing, or that is
 * not known, which it is not of another kind, and where this clock is behind.
 */
static msec_t steady_in(const struct plan_input *in, enum mesh_kind_id kind, const char *ns, const char *name)
{
    const struct kube_object *o = kube_cache_get(in->observed, mesh_kind(kind), ns, name);
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;
    msec_t available = time_of(live, "Available", "lastTransitionTime"),
           rolled_out = time_of(live, "Progressing", "lastUpdateTime"),
           since = available > rolled_out ? available : rolled_out;

    return since > in->now || in->now - since >= STEADY_AFTER ? 0 : STEADY_AFTER - (in->now - since);
}

/* Where the control plane is not steady yet, the plan comes again when it may be. */
static bool is_steady(struct reconcile *r, const struct mesh_desired *desired, const struct rollouts *rollouts)
{
    const struct mesh_component *components = desired->planes->release->line->central.components;
    msec_t longest = 0;

    for (size_t i = 0; i < rollouts->len; i++) {
        const struct rollout *rollout = &rollouts->items[i];
        const struct mesh_component *c = mesh_component_of(components, rollout->name);
        if (!c || is_gateway(c) || !rollout->enabled)
            continue;
        for (const struct rollout_workload *w = c->workloads; w->name; w++) {
            _cleanup_free_ char *name = name_of(w, c, rollout->revision);
            msec_t left = steady_in(r->world->central, (enum mesh_kind_id)w->kind, r->object->ns, name);
            longest = left > longest ? left : longest;
        }
    }
    if (longest)
        reconcile_requeue(r, longest);
    return !longest;
}

/* Whether the control plane that the mesh is built for is written, available and steady, and can be called. */
static bool serves(struct reconcile *r, const struct mesh_desired *desired, bool cni_is_optional)
{
    const struct plan_input *in = r->world->central;
    const char *ns = r->object->ns;
    struct rollouts rollouts = {0};
    unsigned watch = 0;
    bool available;

    components_read(
        in, ns, desired->planes, desired->plane_count, MESH_CENTRAL, desired->spec, cni_is_optional, &rollouts, &watch);
    available = are_replaced(in, desired, ns, &rollouts, false) && is_steady(r, desired, &rollouts);
    rollouts_release(&rollouts);
    return available && (!desired->planes->release->line->webhooks_count || webhooks_can_be_called(in, desired));
}

static bool ignores_preflight(const json_t *resource)
{
    return str_eq(doc_string(resource, "spec", "upgrade", "preflight"), "Warn");
}

/* Whether its injector, too, is of the new version. The webhooks of other lines are not considered. */
static bool injects(struct upgrade *u, struct reconcile *r, const struct mesh_desired *desired)
{
    _cleanup_free_ char *former = former_validates(r->world->central, r->object, desired);

    if (!is_written(r->world->central, desired, KIND_CONFIG_MAP, r->object->ns, desired->injection.config_map))
        return false;
    if (!desired->planes->release->line->webhooks_count)
        return true;
    proof_release(&u->proof);
    proof_read(r, desired, former != NULL, &u->proof);
    if (u->proof.result == PROOF_FAILED && ignores_preflight(r->resource))
        u->proof.result = PROOF_SKIPPED;
    return u->proof.result == PROOF_HOLDS || u->proof.result == PROOF_SKIPPED;
}

/* --- what is held back --- */

/* What a gateway's Pods are of, by the template of its Deployment: by their label, or by their image. Owned. */
static char *version_of(const json_t *deployment)
{
    const char *label = doc_string(doc_at(deployment, POD_LABELS), MARK_RELEASE);
    const json_t *container = json_array_get(doc_at(deployment, "spec", "template", "spec", "containers"), 0);
    const char *image = str_or(doc_string(container, "image"), ""), *tag = strrchr(image, ':');

    if (label)
        return str_dup(label);
    return tag && !strchr(tag, '/') ? str_dup(tag + 1) : NULL;
}

/* At which version a gateway stays; NULL: it is of the new one already. */
static json_t *hold_gateway(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_component *c,
    const struct mesh_desired *desired, const char *from)
{
    const struct kube_object *o = kube_cache_get(
        in->observed, mesh_kind((enum mesh_kind_id)c->workloads->kind), resource->ns, c->workloads->name);
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;
    _cleanup_free_ char *version = version_of(live), *former = NULL;
    const char *revision = doc_string(doc_at(live, POD_LABELS), LABEL_REVISION);
    const struct mesh_plane *plane = desired->planes;

    if (!live) {
        former = former_plane(in, resource, plane->release->line, plane->revision, NULL);
        revision = former;
    }
    if (!version || !mesh_release_find(version))
        str_replace(&version, from);
    if (str_eq(version, desired->spec->version) && str_eq(str_or(revision, ""), plane->revision))
        return NULL;
    return OBJECT(STRING(HOLD_VERSION, version), STRING(HOLD_REVISION, str_or(revision, "")));
}

static json_t *hold_gateways(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired,
    const char *from)
{
    json_t *gateways = json_object();

    for (const struct mesh_component *c = desired->planes->release->line->central.components; c->name; c++) {
        json_t *gateway =
            is_gateway(c) && c->spec(desired->spec)->enabled ? hold_gateway(in, resource, c, desired, from) : NULL;
        if (gateway)
            json_object_set_new(gateways, c->name, gateway);
    }
    return gateways;
}

/* At which version the injector's configuration stays while an older control plane reads it; NULL: at none. */
static json_t *hold_injector(
    const struct plan_input *in, const struct kube_object *resource, const struct mesh_desired *desired,
    const char *from)
{
    const struct mesh_injection *how = &desired->injection;
    const struct kube_object *o =
        kube_cache_get(in->observed, mesh_kind(KIND_CONFIG_MAP), resource->ns, how->config_map);
    _cleanup_json_ json_t *live = o && how->release_of_config ? kube_object_parse(o) : NULL;
    _cleanup_free_ char *version = live ? how->release_of_config(live) : NULL;

    if (!live)
        return NULL;
    if (!version || !mesh_release_find(version))
        str_replace(&version, from);
    if (release_compare(version, desired->spec->version) >= 0)
        return NULL;
    return OBJECT(STRING(HOLD_VERSION, version), STRING(HOLD_REVISION, desired->planes->revision));
}

/* Whether anything of the new version may be written. */
static bool admit(struct upgrade *u, struct reconcile *r, const char *invalid)
{
    const struct plan_input *in = r->world->central;

    if (u->was_admitted)
        return true;
    if (invalid && !u->invalid)
        u->invalid = str_dup(invalid);
    if (u->invalid)
        return false;
    preflight_read(
        in,
        &(struct preflight_step){
            .resource = r->resource,
            .ns = r->object->ns,
            .from = u->from,
            .to = u->to,
            .gateways = u->installed,
            .needs = u->needs,
            .room = u->room,
        },
        &u->preflight);
    r->plan->central.watch |= u->preflight.needs;
    u->waits = u->preflight.unread && !in->preview;
    if (u->preflight.unread)
        return in->preview; /* it is planned again with what is read */
    return !json_array_size(u->preflight.blocked) || ignores_preflight(r->resource);
}

/* Of what the mesh is built for: the parts that stay at what they are. */
static void hold_parts(
    struct upgrade *u, struct reconcile *r, const struct mesh_desired *desired, const json_t *hold,
    bool cni_is_optional, json_t *ret)
{
    const struct plan_input *in = r->world->central;
    _cleanup_json_ json_t *gateways = NULL, *injector = NULL;

    if (!serves(r, desired, cni_is_optional))
        injector = hold_injector(in, r->object, desired, u->from);
    else
        u->is_proven = !doc_at(hold, HOLD_INJECTOR) && injects(u, r, desired);
    if (!u->is_proven)
        gateways = hold_gateways(in, r->object, desired, u->from);
    if (json_object_size(gateways))
        json_object_set(ret, HOLD_GATEWAYS, gateways);
    if (injector)
        json_object_set(ret, HOLD_INJECTOR, injector);
}

/* The webhook that the control planes share stays with a former one until the new one is proven. */
static void hold_validator(
    struct upgrade *u, struct reconcile *r, const struct mesh_desired *desired, bool cni_is_optional, json_t *ret)
{
    const struct plan_input *in = r->world->central;
    _cleanup_free_ char *former = former_validates(in, r->object, desired);

    if (!former)
        return;
    if (!upgrade_holds_back(u))
        u->is_proven = serves(r, desired, cni_is_optional) && injects(u, r, desired);
    u->is_unproven = !u->is_proven;
    if (u->is_unproven)
        json_object_set_new(
            ret, HOLD_VALIDATOR, OBJECT(STRING(HOLD_VERSION, desired->spec->version), STRING(HOLD_REVISION, former)));
}

json_t *upgrade_hold(
    struct upgrade *u, struct reconcile *r, const struct mesh_desired *desired, const json_t *hold, const char *invalid,
    bool cni_is_optional)
{
    const struct plan_input *in = r->world->central;
    _cleanup_json_ json_t *ret = json_object();
    const char *version = doc_string(hold, HOLD_VERSION);

    u->keeps_old = u->is_proven = u->is_unproven = false;
    if (upgrade_holds_back(u) && !admit(u, r, invalid)) {
        _cleanup_free_ char *revision = former_plane(
            in, r->object, mesh_release_find(u->from)->line, desired ? desired->planes->revision : "", NULL);
        u->keeps_old = true;
        json_object_set_new(ret, HOLD_VERSION, json_string(u->from));
        if (revision)
            json_object_set_new(ret, HOLD_REVISION, json_string(revision));
    }
    /* The rest depends on what the mesh is built for, which comes first; and all that is to come is shown. */
    if (desired && u->keeps_old == (version != NULL) && !in->preview) {
        if (upgrade_holds_back(u))
            hold_parts(u, r, desired, hold, cni_is_optional, ret);
        hold_validator(u, r, desired, cni_is_optional, ret);
    }
    return json_object_size(ret) ? TAKE_PTR(ret) : NULL;
}

/* --- how far it is --- */

static enum upgrade_phase phase_now(
    struct upgrade *u, const struct reconcile *r, const struct mesh_desired *desired,
    const struct upgrade_progress *progress)
{
    const struct plan_input *in = r->world->central;

    if (u->keeps_old)
        return UPGRADE_PREFLIGHT;
    if (!u->is_replaced) {
        if (progress->writes->definitions)
            return UPGRADE_DEFINITIONS;
        if (!u->is_proven)
            return UPGRADE_CONTROL_PLANE;
        if (!are_replaced(in, desired, r->object->ns, progress->rollouts, true))
            return UPGRADE_GATEWAYS;
        u->is_replaced = true;
    }
    return u->counts && !u->left && !progress->former_stays ? UPGRADE_COMPLETE : UPGRADE_SIDECARS;
}

void upgrade_conclude(
    struct upgrade *u, const struct reconcile *r, const struct mesh_desired *desired,
    const struct upgrade_progress *progress)
{
    if (!u->from)
        return;
    if (progress->sidecars) {
        u->counts = u->shows_counts = true;
        sidecars_count_workloads(r->world->central->observed, progress->sidecar_version, &u->done, &u->left);
        /* Without an injector no restart gives them another one. */
        u->left = progress->sidecars->injected ? u->left : 0;
    }
    u->phase = phase_now(u, r, desired, progress);
}

bool upgrade_holds_back(const struct upgrade *u)
{
    return u->from && !u->is_replaced;
}

const char *upgrade_unproven_text(const struct upgrade *u)
{
    if (!u->is_unproven)
        return NULL;
    return u->proof.result == PROOF_FAILED ? u->proof.text : "the API server was not seen to call its webhooks yet";
}

static char *join(const json_t *list)
{
    struct buf text = BUF_INIT;
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        buf_separate(&text, "; ");
        buf_add_str(&text, json_string_value(item));
    }
    return buf_take(&text);
}

char *upgrade_blocked_text(const struct upgrade *u)
{
    _cleanup_free_ char *why = NULL;

    if (!u->from || !u->keeps_old)
        return NULL;
    why = u->invalid ? str_dup(u->invalid) : join(u->preflight.blocked);
    return str_printf("the mesh stays at Istio %s, because %s cannot be installed: %s", u->from, u->to, why);
}

/* --- the status --- */

/* "1.30.8 -> 1.31.1 (34/120)"; owned by the caller. */
static char *progress_text(const struct upgrade *u)
{
    if (!u->shows_counts || u->phase < UPGRADE_GATEWAYS)
        return str_printf("%s -> %s (%s)", u->from, u->to, names[u->phase]);
    return str_printf("%s -> %s (%zu/%zu)", u->from, u->to, u->done, u->done + u->left);
}

static json_t *blocked_list(const struct upgrade *u)
{
    json_t *list = u->preflight.blocked && u->keeps_old ? doc_copy(u->preflight.blocked) : json_array();

    if (u->invalid)
        json_array_append_new(list, json_string(u->invalid));
    return list;
}

static void add_once(json_t *list, const char *text)
{
    json_t *known;
    size_t i;

    json_array_foreach(list, i, known)
        if (str_eq(json_string_value(known), text))
            return;
    json_array_append_new(list, json_string(text));
}

/* What the preflight found with its blocks ignored is a warning; later it is what the status said. */
static json_t *warning_list(const struct reconcile *r, const struct upgrade *u)
{
    const json_t *record = doc_at(r->resource, "status", STATUS_FIELD_UPGRADE);
    bool is_same = str_eq(doc_string(record, "from"), u->from) && str_eq(doc_string(record, "to"), u->to);
    json_t *list = u->preflight.blocked ? doc_copy(u->preflight.warnings)
                   : is_same            ? doc_copy(doc_at(record, "warnings"))
                                        : NULL;

    if (!list)
        list = json_array();
    if (u->preflight.blocked && !u->keeps_old)
        json_array_extend(list, u->preflight.blocked);
    if (u->proof.result == PROOF_SKIPPED && u->proof.text)
        add_once(list, u->proof.text);
    return list;
}

static json_t *record_of(const struct reconcile *r, const struct upgrade *u)
{
    _cleanup_json_ json_t *blocked = blocked_list(u), *warnings = warning_list(r, u);
    _cleanup_free_ char *text = progress_text(u);
    bool counts = u->shows_counts && u->phase >= UPGRADE_GATEWAYS;

    return OBJECT(
        STRING("from", u->from),
        STRING("to", u->to),
        STRING("phase", names[u->phase]),
        OPT(counts, INT("done", (json_int_t)u->done)),
        OPT(counts, INT("left", (json_int_t)u->left)),
        OPT(json_array_size(blocked), VALUE("blocked", json_incref(blocked))),
        OPT(json_array_size(warnings), VALUE("warnings", json_incref(warnings))),
        OPT(u->phase != UPGRADE_COMPLETE, STRING("progress", text)));
}

/* A component that crashes, or that Kubernetes gave up: a gateway, or one of the control plane. NULL: there is none. */
static const struct rollout *faulty(const struct reconcile *r, const struct upgrade *u, bool gateways)
{
    const struct mesh_component *components = mesh_line_of(u->to)->central.components;

    for (size_t i = 0; i < r->rollouts.len; i++) {
        const struct rollout *rollout = &r->rollouts.items[i];
        const struct mesh_component *c = mesh_component_of(components, rollout->name);
        if (c && is_gateway(c) == gateways && rollout->enabled && !rollout->optional &&
            (rollout->is_late || rollout->crashes))
            return rollout;
    }
    return NULL;
}

/* Why it does not go on with what it writes, as far as that may not end by itself; owned; NULL: it may yet. */
static char *stuck_text(const struct reconcile *r, const struct upgrade *u, const char **ret_reason)
{
    const struct rollout *rollout = NULL;
    const char *why = NULL;

    if (u->phase == UPGRADE_CONTROL_PLANE && u->proof.result == PROOF_FAILED) {
        *ret_reason = "InjectionFailed";
        why = u->proof.text;
    } else if (u->phase == UPGRADE_CONTROL_PLANE) {
        *ret_reason = "ControlPlaneUnavailable";
        rollout = faulty(r, u, false);
    } else if (u->phase == UPGRADE_GATEWAYS) {
        *ret_reason = "GatewayUnavailable";
        rollout = faulty(r, u, true);
    }
    why = rollout ? rollout->message : why;
    if (!why)
        return NULL;
    if (u->phase == UPGRADE_GATEWAYS)
        return str_printf("a gateway of Istio %s is not available: %s", u->to, why);
    return str_printf("the gateways stay at Istio %s until the control plane is proven: %s", u->from, why);
}

static void add_condition(json_t *status, json_t *condition)
{
    json_array_append_new(doc_at(status, STATUS_FIELD_CONDITIONS), condition);
}

static void add_conditions(const struct reconcile *r, const struct upgrade *u, json_t *status)
{
    _cleanup_free_ char *blocked = upgrade_blocked_text(u), *text = NULL;
    const char *reason = "PreflightRefused";
    bool goes_on = u->phase != UPGRADE_COMPLETE && !blocked;

    text = u->phase == UPGRADE_SIDECARS && u->shows_counts
               ? str_printf(
                     "from Istio %s to %s: %zu of %zu workloads with a sidecar have to be restarted",
                     u->from,
                     u->to,
                     u->left,
                     u->done + u->left)
               : str_printf("from Istio %s to %s: %s", u->from, u->to, texts[u->phase]);
    add_condition(status, status_condition(&r->facts, CONDITION_UPGRADING, goes_on, names[u->phase], text));
    if (!blocked)
        blocked = stuck_text(r, u, &reason);
    add_condition(
        status,
        status_condition(
            &r->facts,
            CONDITION_UPGRADE_BLOCKED,
            blocked != NULL,
            blocked ? reason : "NotBlocked",
            str_or(blocked, "")));
}

/* A phase that the status does not say yet. */
static void add_event(struct reconcile *r, const struct upgrade *u)
{
    const json_t *record = doc_at(r->resource, "status", STATUS_FIELD_UPGRADE);
    char *blocked = upgrade_blocked_text(u);

    if (str_eq(doc_string(record, "to"), u->to) && str_eq(doc_string(record, "from"), u->from) &&
        str_eq(doc_string(record, "phase"), names[u->phase])) {
        free(blocked);
        return;
    }
    if (blocked)
        reconcile_tell(r->plan, CONDITION_UPGRADE_BLOCKED, true, blocked);
    else
        reconcile_tell(
            r->plan,
            u->phase == UPGRADE_COMPLETE ? "Upgraded" : CONDITION_UPGRADING,
            false,
            str_printf("from Istio %s to %s: %s", u->from, u->to, texts[u->phase]));
}

void upgrade_add_status(struct reconcile *r, const struct upgrade *u, json_t *status)
{
    const json_t *before = doc_at(r->resource, "status");
    json_t *record = json_object_get(before, STATUS_FIELD_UPGRADE);

    if (u->from) {
        json_object_set_new(status, STATUS_FIELD_UPGRADE, record_of(r, u));
        add_conditions(r, u, status);
        add_event(r, u);
    } else if (
        record && phase_of(record) == UPGRADE_COMPLETE && str_eq(doc_string(record, "to"), u->to) &&
        str_eq(doc_string(record, "phase"), names[UPGRADE_COMPLETE])) {
        /* The last one stays to be read. */
        json_object_set(status, STATUS_FIELD_UPGRADE, record);
        add_condition(
            status,
            status_condition(&r->facts, CONDITION_UPGRADING, false, names[UPGRADE_COMPLETE], texts[UPGRADE_COMPLETE]));
        add_condition(status, status_condition(&r->facts, CONDITION_UPGRADE_BLOCKED, false, "NotBlocked", ""));
    }
}
