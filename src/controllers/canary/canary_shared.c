/* The objects that are the user's, or shared with the user: of them single fields are written, and given back. */
#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/marks.h"

/* It was written so often in a row that the queue holds it back, and not because it failed. */
static bool is_contended(const struct canary *c, const struct kube_action *action)
{
    return c->in->held && c->in->held(c->in->queue_context, action) &&
           !plan_failure_of(c->in, action->verb, action->kind, action->ns, action->name);
}

/* Writes a part of an object, if its write is not under way; it is not as it should be until then. */
static void patch(struct canary *c, struct plan *plan, const struct kube_object *o, json_t *change, const char *reason)
{
    _cleanup_json_ json_t *body = change;
    struct kube_action action;

    plan_note_drift(plan, c->in, KUBE_MERGE_PATCH, o->kind, o->ns, o->name, reason);
    if (plan_is_busy(c->in, o))
        return;
    action = plan_action_on(c->in, KUBE_MERGE_PATCH, o);
    action.content = action.wish = doc_hash(body) | 1;
    json_object_set_new(doc_make(body, "metadata"), "resourceVersion", json_string(o->resource_version));
    action.body = doc_text(body);
    action.reason = str_dup(reason);
    action.tag = PLAN_CHANGED;
    if (!c->contended && is_contended(c, &action))
        c->contended = object_key(o->kind, o->ns, o->name);
    plan_add(plan, c->in, action);
}

/* It goes with the Canary. */
static void create_route(struct canary *c, struct plan *plan, json_t *spec)
{
    const struct kube_kind *kind = mesh_kind(KIND_VIRTUAL_SERVICE);
    const struct mark_owner owner = {API_GROUP_VERSION, "Canary", c->ns, c->name, c->re->object->uid, NULL};
    char api_version[128];
    _cleanup_json_ json_t *object = NULL;
    const char *version = kube_server_version(c->in->server, kind);

    plan_note_drift(plan, c->in, KUBE_CREATE, kind, c->ns, c->service, "not there yet");
    if (c->in->busy && c->in->busy(c->in->queue_context, kind, c->ns, c->service)) {
        json_decref(spec);
        return;
    }
    kube_api_version(kind, version, api_version);
    object = OBJECT(
        STRING("apiVersion", api_version),
        STRING("kind", kind->kind),
        MAP("metadata", STRING("name", c->service), STRING("namespace", c->ns)),
        VALUE("spec", spec));
    mark_desired(object, kind, &owner);
    plan_add(
        plan,
        c->in,
        (struct kube_action){
            .verb = KUBE_CREATE,
            .kind = kind,
            .version = str_dup(version),
            .ns = str_dup(c->ns),
            .name = str_dup(c->service),
            .body = doc_text(object),
            .reason = str_dup("not there yet"),
            .tag = PLAN_CREATED,
        });
}

static void plan_target(struct canary *c, struct plan *plan)
{
    const struct canary_wish *w = &c->wish;
    bool scales = w->replicas >= 0 && w->replicas != c->facts.target_replicas;
    bool pauses = w->paused >= 0 && w->paused != c->facts.target_paused;

    if (!c->target || (!scales && !pauses))
        return;
    patch(
        c,
        plan,
        c->target_object,
        OBJECT(MAP("spec", OPT(scales, INT("replicas", w->replicas)), OPT(pauses, BOOL("paused", w->paused == 1)))),
        scales && w->replicas == 0 ? "the primary serves" : "a release needs its pods");
}

bool canary_has_apex(const struct canary *c)
{
    return str_eq(doc_string(c->apex, "spec", "selector", CANARY_ROLE), CANARY_ROLE_PRIMARY);
}

static void plan_apex(struct canary *c, struct plan *plan)
{
    if (!c->wish.apex || canary_has_apex(c))
        return;
    if (c->apex)
        patch(
            c,
            plan,
            c->apex_object,
            OBJECT(MAP("spec", MAP("selector", STRING(CANARY_ROLE, CANARY_ROLE_PRIMARY)))),
            "the primary serves");
}

static void plan_route(struct canary *c, struct plan *plan)
{
    const struct canary_wish *w = &c->wish;
    _cleanup_free_ char *reason = str_printf("%d %% of the requests to the target", w->weight);
    json_t *spec;

    if (!w->route || (c->facts.route == w->weight && c->facts.mirror == w->mirror && c->facts.match == w->match) ||
        (c->route_object && !c->route) || (c->ref && !c->route))
        return;
    spec = canary_route_spec(c, w->weight, w->mirror, w->match);
    /* Of the user's own there may be no route that is to be split. */
    if (c->ref && canary_route_has(c, spec)) {
        json_decref(spec);
        return;
    }
    if (c->route) {
        patch(c, plan, c->route_object, OBJECT(VALUE("spec", spec)), reason);
        return;
    }
    doc_drop_nulls(spec);
    create_route(c, plan, spec);
}

static void lead_scaler(struct canary *c, struct plan *plan, const char *deployment, const char *reason)
{
    patch(c, plan, c->scaler_object, OBJECT(MAP("spec", MAP("scaleTargetRef", STRING("name", deployment)))), reason);
}

static void plan_scaler(struct canary *c, struct plan *plan)
{
    const char *deployment = canary_scaler_wanted(c, false);

    if (deployment)
        lead_scaler(
            c, plan, deployment, deployment == c->primary_name ? "the primary serves" : "a release needs its pods");
}

void canary_plan_shared(struct canary *c, struct plan *plan)
{
    plan_route(c, plan);
    plan_apex(c, plan);
    plan_target(c, plan);
    plan_scaler(c, plan);
}

/* --- what is given back --- */

void canary_keep_primary(struct canary *c, struct plan *plan)
{
    int replicas = canary_primary_replicas(c, doc_at(c->record, "data"));

    if (c->primary && !c->facts.primary_replicas && replicas > 0)
        patch(
            c,
            plan,
            kube_cache_get(c->in->observed, mesh_kind(KIND_DEPLOYMENT), c->ns, c->primary_name),
            OBJECT(MAP("spec", INT("replicas", replicas))),
            "the primary serves");
}

bool canary_return_target(struct canary *c, struct plan *plan)
{
    int recorded = canary_recorded_replicas(doc_at(c->record, "data"));
    int replicas = c->facts.primary_replicas > recorded ? c->facts.primary_replicas : recorded;

    if (c->facts.target_replicas > 0 && !c->facts.target_paused)
        return c->facts.target_ready;
    if (!replicas && !c->facts.target_paused)
        return true;
    patch(
        c,
        plan,
        c->target_object,
        OBJECT(
            MAP("spec",
                OPT(!c->facts.target_replicas, INT("replicas", canary_within(c->facts.bounds, replicas))),
                BOOL("paused", false))),
        "its Canary is deleted");
    return false;
}

bool canary_return_apex(struct canary *c, struct plan *plan)
{
    if (!canary_has_apex(c))
        return true;
    patch(c, plan, c->apex_object, OBJECT(MAP("spec", MAP("selector", NIL(CANARY_ROLE)))), "its Canary is deleted");
    return false;
}

bool canary_return_scaler(struct canary *c, struct plan *plan)
{
    const char *target = canary_scaler_wanted(c, true);

    if (target)
        lead_scaler(c, plan, target, "its Canary is deleted");
    return !target;
}

bool canary_return_route(struct canary *c, struct plan *plan)
{
    json_t *former;

    if (!c->route_object)
        return true;
    if (str_eq(c->route_object->owner, c->re->object->uid)) {
        plan_remove(plan, c->in, c->route_object, "its Canary is deleted");
        return false;
    }
    if (!(former = canary_former_route(c)))
        return true;
    patch(c, plan, c->route_object, OBJECT(VALUE("spec", former)), "its Canary is deleted");
    return false;
}
