#include "controllers/canary/canary_plan.h"

#include "controllers/canary/canary_impl.h"
#include "doc/build.h"
#include "doc/doc.h"

static void *memo_new(void)
{
    return NEW(struct canary_memo);
}

static void forget(struct canary_memo *memo)
{
    canary_spec_free(memo->spec);
    free(memo->warnings);
    canary_forget_seen(&memo->seen);
    free(memo->conflict);
    *memo = (struct canary_memo){0};
}

static void memo_free(void *p)
{
    if (p)
        forget(p);
    free(p);
}

static void read_spec(struct canary_memo *memo, const json_t *resource)
{
    uint64_t hash = resource_hash(&api_resource_canary, resource) | 1;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct buf warnings = BUF_INIT;

    if (memo->hash == hash)
        return;
    forget(memo);
    memo->hash = hash;
    if (canary_parse(resource, NULL, &memo->spec, &problems) < 0) {
        problems_err(&problems, &memo->refusal);
        return;
    }
    problems_text(&problems, PROBLEM_WARNING, PROBLEMS_SEPARATOR, &warnings);
    memo->warnings = buf_take(&warnings);
}

/* What is refused is removed, too: by the names of the target and of the Service alone. */
static void read_names(struct canary_memo *memo, const json_t *resource)
{
    static const char *const kept[] = {"targetRef", "service"};
    _cleanup_json_ json_t *copy = doc_copy(resource), *spec = OBJECT(BOOL("skipAnalysis", true));
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (doc_at(resource, "spec", kept[i]))
            json_object_set(spec, kept[i], doc_at(resource, "spec", kept[i]));
    json_object_set(copy, "spec", spec);
    canary_parse(copy, NULL, &memo->spec, &problems);
}

/* What is given back is what was taken, whatever the spec names since. */
static void use_recorded(struct canary_memo *memo, const struct reconcile *re)
{
    _cleanup_json_ json_t *data = canary_recorded(re);
    _cleanup_json_ json_t *ref = canary_recorded_map(doc_string(data, RECORD_REF));
    const char *target = doc_string(data, RECORD_TARGET);

    if (!memo->spec || !data)
        return;
    if (target)
        str_replace(&memo->spec->target.name, target);
    if (ref)
        json_object_set(memo->spec->service, "virtualServiceRef", ref);
    else
        json_object_del(memo->spec->service, "virtualServiceRef");
    memo->knows_conflict = false; /* the name of the Service may follow from it */
}

static void begin(struct reconcile *re)
{
    struct canary_memo *memo = re->memo;
    struct canary *c = re->state;

    read_spec(memo, re->resource);
    if (!memo->spec && re->object->deleting)
        read_names(memo, re->resource);
    if (re->object->deleting)
        use_recorded(memo, re);
    *c = (struct canary){
        .re = re,
        .in = re->world->central,
        .spec = memo->spec,
        .ns = re->object->ns,
        .name = re->object->name,
    };
    re->plan->central.watch |= PLAN_WATCH_ROUTES;
    canary_read_state(re->resource, &c->observed);
    if (c->spec)
        canary_set_clock(c->spec, &c->observed, c->in->now);
    c->next = c->observed;
    if (!c->spec)
        return;
    c->service = canary_service(c->spec);
    c->ref = doc_at(c->spec->service, "virtualServiceRef");
    c->route_name = str_or(doc_string(c->ref, "name"), c->service);
    c->primary_name = str_printf("%s-primary", c->spec->target.name);
    c->primary_service = str_printf("%s-primary", c->service);
    c->canary_service = str_printf("%s-canary", c->service);
    c->record_name = str_printf("%s-original", c->name);
    canary_observe(c);
    if (canary_has_scaler(c))
        re->plan->central.watch |= PLAN_WATCH_SCALERS;
}

static void review(struct reconcile *re)
{
    const struct canary_memo *memo = re->memo;
    struct canary *c = re->state;

    /* That a watch is being opened is no news; whether it fails is. */
    re->keeps_status = (canary_awaits_routes(c) && !(c->in->failing & PLAN_WATCH_ROUTES)) || canary_awaits_scalers(c);
    if (re->keeps_status)
        re->plan->again_after = CANARY_LOOK_AGAIN;
    if (!c->spec)
        re->facts.refused = &memo->refusal;
    else
        re->facts.waits_for = re->waiting = canary_obstacle(c);
}

static msec_t later(const struct canary *c)
{
    msec_t at = canary_wake(c->spec, &c->next, c->in->now);

    if (c->look_again && c->look_again < at)
        at = c->look_again;
    return at == MSEC_NEVER ? MSEC_NEVER : at - c->in->now;
}

static void plan(struct reconcile *re)
{
    const struct canary_memo *memo = re->memo;
    struct plan *plan = &re->plan->central;
    _cleanup_free_ char *trouble = NULL;
    struct canary *c = re->state;

    canary_note_facts(c, false);
    canary_wish_of(c->spec, &c->facts, &c->observed, &c->observed, &c->wish);
    canary_plan_objects(c, plan);
    canary_note_facts(c, !plan->drift && c->record && c->primary);
    canary_ask_hooks(c);
    canary_check(c);
    canary_decide(c->spec, &c->facts, &c->next, &c->text, &c->held);
    c->is_decided = true;
    canary_notify(c);
    canary_wish_of(c->spec, &c->facts, &c->observed, &c->next, &c->wish);
    canary_plan_shared(c, plan);
    re->plan->again_after = later(c);
    canary_remark(c, memo->warnings);
    canary_remark(c, c->scaler_obstacle);
    trouble = c->scaler_obstacle ? NULL : canary_scaler_trouble(c);
    canary_remark(c, trouble);
    canary_tell(c);
    reconcile_conclude(re, plan, false);
}

/* No rollout goes on, and no Secret is waited for. */
static bool is_quiet(const struct canary *c)
{
    return (canary_is_idle(c->next.phase) || (c->next.phase == CANARY_PROGRESSING && c->next.step >= 0)) &&
           !(c->re->plan->central.watch & PLAN_WATCH_CANARY_SECRETS);
}

/* With everything in place and written, and no answer to wait for, the same world has the same plan until it is due. */
static void remember(struct canary *c)
{
    struct canary_memo *memo = c->re->memo;
    const struct plan *plan = &c->re->plan->central;

    canary_forget_seen(&memo->seen);
    if (c->is_written && is_quiet(c) && !plan->len && !plan->drift && !c->re->plan->queries.len &&
        !canary_has_notices(c) && !c->re->object->deleting)
        canary_note_seen(c, &memo->seen);
}

static void end(struct reconcile *re)
{
    struct canary *c = re->state;

    remember(c);
    canary_release(c);
}

static void
check(const json_t *resource, const struct check_context *context, json_t *ret_objects, struct problems *problems)
{
    const struct api_context with = {.kubernetes_minor = context->minor, .ns = context->ns};
    _cleanup_canary_spec_ struct canary_spec *spec = NULL;

    (void)ret_objects;
    canary_parse(resource, &with, &spec, problems);
}

static const struct watch_row watch_rows[] = {
    {PLAN_WATCH_TARGETS, KIND_TARGET_DEPLOYMENT},
    {PLAN_WATCH_TARGETS, KIND_TARGET_REPLICA_SET},
    {PLAN_WATCH_TARGETS, KIND_TARGET_SERVICE},
    {PLAN_WATCH_TARGETS, KIND_HALF_ENDPOINTS, .label_selector = CANARY_ROLE},
    {PLAN_WATCH_ROUTES, KIND_VIRTUAL_SERVICE},
    {PLAN_WATCH_SCALERS, KIND_TARGET_AUTOSCALER},
    {PLAN_WATCH_CANARY_SECRETS, KIND_CANARY_SECRET, .label_selector = CANARY_CREDENTIALS "=true"},
};
static const struct watch_table watches = {watch_rows, ARRAY_LEN(watch_rows)};

const struct reconciler canary_reconciler = {
    .resource = &api_resource_canary,
    .kind = KIND_CANARY,
    .watches = &watches,
    .watch = PLAN_WATCH_TARGETS,
    .memo_new = memo_new,
    .memo_free = memo_free,
    .is_concerned = canary_is_concerned,
    .check = check,
    .state_size = sizeof(struct canary),
    .begin = begin,
    .review = review,
    .plan = plan,
    .leave = canary_leave,
    .status = canary_add_status,
    .end = end,
};
