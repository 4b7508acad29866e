#include "reconcile/objects.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "kube/immutable.h"
#include "reconcile/inherit.h"
#include "reconcile/marks.h"
#include "reconcile/newest.h"
#include "reconcile/object_memo.h"
#include "reconcile/ports.h"
#include "reconcile/rendered.h"
#include "reconcile/tokens.h"

#define REASON_FIELDS 3

enum need { IN_PLACE, MISSING, DIFFERS, STUCK, ENDING, IGNORED, NEWER };

/* A merge of a desired object into its observed one. */
struct comparison {
    json_t *desired, *live, *applied;
    struct merge merge;
    bool inherits; /* what is desired is less than the resource asks for (reconcile/inherit.h) */
    enum tokens tokens;
    char *account; /* with TOKENS_FORMER: the uid of the account whose tokens new Pods will hold */
};

/* An object that can be written or deleted only after the user changed something, or after some time. */
struct stuck {
    const struct kube_kind *kind;
    const char *ns, *name;
    const struct kube_object *observed; /* NULL: it is not there */
    const struct desired *desired;      /* NULL: it is to be deleted */
};

/* The state of one planning pass. */
struct pass {
    const struct objects_input *in;
    const struct kube_kind_table *kinds;
    struct plan *plan;
    /*
     * For each row of `kinds`: some desired object of it waits for its write; some undesired one for its removal. What
     * is stuck is not among them.
     */
    bool *unwritten, *leftover;
    /* Those that wait for their write and come after kinds of their own; they are not in `unwritten`. */
    const struct desired **late;
    size_t late_len, late_cap;
    struct stuck *stuck;
    size_t stuck_len, stuck_cap;
    /* The last comparison that found a difference, often the only one, and of what: its write needs it again. */
    struct comparison difference;
    const struct desired *different;
};

static size_t row_of(const struct pass *p, const struct kube_kind *kind)
{
    return (size_t)(kind - p->kinds->rows);
}

static bool is_crd(const struct kube_kind *kind)
{
    return kind->is_definition;
}

static struct kube_object *observed(const struct pass *p, const struct desired *w)
{
    return kube_cache_get(p->in->plan->observed, w->kind, w->ns, w->name);
}

static bool busy(const struct pass *p, const struct kube_kind *kind, const char *ns, const char *name)
{
    const struct plan_input *in = p->in->plan;

    return in->busy && in->busy(in->queue_context, kind, ns, name);
}

static bool names(const char *const *kinds, const struct kube_kind *kind)
{
    for (; kinds && *kinds; kinds++)
        if (str_eq(*kinds, kind->kind))
            return true;
    return false;
}

static bool comes_after(const struct kube_kind *kind, const struct kube_kind *other)
{
    return names(kind->after, other);
}

static bool must_follow(const struct desired *w, const struct kube_kind *other)
{
    return comes_after(w->kind, other) || names(w->after, other);
}

/* ConfigMaps, and the workloads that come after them. */
static bool is_read_by_programs(const struct kube_kind *kind)
{
    return str_eq(kind->kind, "ConfigMap") || names(kind->after, &(const struct kube_kind){.kind = "ConfigMap"});
}

static void note_stuck(struct pass *p, struct stuck stuck)
{
    ARRAY_RESERVE_ONE(p->stuck, p->stuck_len, p->stuck_cap);
    p->stuck[p->stuck_len++] = stuck;
}

/* Whether it is the ConfigMap or Secret whose content the Pods of this object read once, and has another content. */
static bool has_old_content(const struct stuck *stuck, const struct desired *w)
{
    _cleanup_free_ char *key = w->restart_on ? STR_JOIN('/', stuck->kind->kind, stuck->name) : NULL;
    _cleanup_json_ json_t *desired = NULL, *live = NULL;

    if (!key || !stuck->observed || !stuck->desired || !str_eq(key, w->restart_on) || !str_eq(stuck->ns, w->ns))
        return false;
    desired = doc_parse_own(stuck->desired->text);
    live = kube_object_parse(stuck->observed);
    return !doc_equal(doc_at(desired, "data"), doc_at(live, "data"));
}

/* Whether this object would replace its Pods because of a content. */
static bool would_restart(const json_t *desired, const struct kube_object *o)
{
    _cleanup_json_ json_t *live = o ? kube_object_parse(o) : NULL;

    return live && !str_eq(rendered_digest_in(desired), rendered_digest_in(live));
}

/* The stuck object that keeps this one from being written; `o` is NULL where it is not there. NULL: there is none. */
static const struct stuck *blocker_of(const struct pass *p, const struct desired *w, const struct kube_object *o)
{
    _cleanup_json_ json_t *object = NULL;
    bool exactly;

    for (size_t i = 0; i < p->stuck_len; i++) {
        const struct stuck *stuck = &p->stuck[i];
        if (names(w->after, stuck->kind) && !stuck->observed)
            return stuck;
        if (!comes_after(w->kind, stuck->kind))
            continue;
        object = object ? object : doc_parse_own(w->text);
        if (kube_kind_needs(w->kind, object, stuck->kind, stuck->name, &exactly) && (exactly || !stuck->observed))
            return stuck;
        if (has_old_content(stuck, w) && would_restart(object, o))
            return stuck;
    }
    return NULL;
}

static bool defines(const struct desired *w, const struct kube_kind *kind)
{
    size_t len = strlen(kind->plural);

    return kind->custom && strncmp(w->name, kind->plural, len) == 0 && w->name[len] == '.' &&
           str_eq(w->name + len + 1, kind->group);
}

/* Whether this definition, which is missing, is created later: see rendered.created_last. */
static bool is_for_the_end(const struct pass *p, const struct desired *w, const struct kube_object *o)
{
    if (!w->created_last || o || p->in->definitions_first || p->in->plan->preview)
        return false;
    for (size_t i = 0; i < p->kinds->len; i++)
        if (p->unwritten[i] && defines(w, &p->kinds->rows[i]))
            return false;
    return true;
}

/* An object is written once everything that it comes after is in place. */
static bool is_its_turn(const struct pass *p, const struct desired *w, const struct kube_object *o)
{
    if (p->in->definitions_first && p->plan->definitions && o && is_read_by_programs(w->kind))
        return false;
    for (size_t i = 0; i < p->kinds->len; i++)
        if (p->unwritten[i] && must_follow(w, &p->kinds->rows[i]))
            return false;
    return true;
}

/* Whether a stuck object needs this one. */
static bool is_needed(const struct pass *p, const struct kube_object *o)
{
    bool exactly;

    for (size_t i = 0; i < p->stuck_len; i++) {
        const struct kube_object *stuck = p->stuck[i].observed;
        _cleanup_json_ json_t *object = NULL;
        if (!stuck || stuck == o || !comes_after(stuck->kind, o->kind))
            continue;
        object = kube_object_parse(stuck);
        if (kube_kind_needs(stuck->kind, object, o->kind, o->name, &exactly))
            return true;
    }
    return false;
}

/* It is deleted once nothing that comes after it is left to be written or deleted: the same order backwards. */
static bool may_remove(const struct pass *p, const struct kube_object *o)
{
    if (p->in->plan->preview)
        return true;
    for (size_t i = 0; i < p->kinds->len; i++)
        if ((p->unwritten[i] || p->leftover[i]) && comes_after(&p->kinds->rows[i], o->kind))
            return false;
    for (size_t i = 0; i < p->late_len; i++)
        if (comes_after(p->late[i]->kind, o->kind))
            return false;
    return !is_needed(p, o);
}

/* Pods with tokens that are refused are replaced. */
static void compare_tokens(const struct objects_input *in, const struct desired *w, struct comparison *c)
{
    if (!w->account || !in->pods || mark_is_ignored(c->live))
        return;
    c->tokens = tokens_of(in->plan, in->plan->synced & in->pods, c->live, &c->account);
    if (c->account)
        json_object_set_new(
            doc_make(c->merge.result, "spec", "template", "metadata", "annotations"),
            TOKENS_ANNOTATION,
            json_string(c->account));
}

static void
compare(const struct objects_input *in, const struct desired *w, const struct kube_object *o, struct comparison *ret)
{
    struct kube_merge how;
    json_t *rest;

    *ret = (struct comparison){.live = kube_object_parse(o), .desired = doc_parse_own(w->text)};
    /* Items of a list do not repeat what the list says. */
    json_object_set(ret->live, "apiVersion", json_object_get(ret->desired, "apiVersion"));
    json_object_set(ret->live, "kind", json_object_get(ret->desired, "kind"));
    ret->applied = mark_applied(ret->live);
    if (w->keeps_ports && ports_keep(ret->desired, ret->live, w->keeps_ports))
        mark_fields(ret->desired, w->kind);
    kube_merge_init(w->kind, w->foreign, &how);
    merge_three_way(doc_at(ret->applied, "fields"), ret->desired, ret->live, &how.rules, &ret->merge);
    rest = inherit_desired(w, ret->desired, ret->live, ret->applied, &ret->merge);
    if (rest) {
        json_decref(ret->desired);
        merge_release(&ret->merge);
        ret->desired = rest;
        ret->inherits = true;
        merge_three_way(doc_at(ret->applied, "fields"), ret->desired, ret->live, &how.rules, &ret->merge);
    }
    compare_tokens(in, w, ret);
}

static void comparison_release(struct comparison *c)
{
    json_decref(c->desired);
    json_decref(c->live);
    json_decref(c->applied);
    merge_release(&c->merge);
    free(c->account);
}

/* An object of which only parts are kept cannot be compared: it is enough that it exists. */
static bool counts_as_it_is(const struct objects_input *in, const struct kube_object *o)
{
    return o->kind->keep || (in->keeps_crds && is_crd(o->kind) && !o->owner);
}

/* What an object is found in place by: another account of its Pods may make a difference. */
static uint64_t place_hash(const struct objects_input *in, const struct desired *w)
{
    const struct kube_kind *kind =
        w->account && in->pods ? kube_kind_find(kube_cache_kinds(in->plan->observed), "v1", "ServiceAccount") : NULL;
    const struct kube_object *account = kind ? kube_cache_get(in->plan->observed, kind, w->ns, w->account) : NULL;

    return account ? (w->hash ^ desired_hash(account->uid)) | 1 : w->hash;
}

/* Without comparing, as after a comparison that found no difference. */
static bool is_known_in_place(const struct objects_input *in, const struct desired *w, struct kube_object *o)
{
    return object_memo(o)->in_place == place_hash(in, w) || counts_as_it_is(in, o);
}

static void keep_difference(struct pass *p, const struct desired *w, struct comparison c)
{
    if (p->different)
        comparison_release(&p->difference);
    p->difference = c;
    p->different = w;
}

/* It will be created again when it is deleted. */
static enum need examine_ending(const struct kube_object *o)
{
    _cleanup_json_ json_t *live = kube_object_parse(o);

    return mark_is_ignored(live) ? IGNORED : ENDING;
}

static enum need examine(struct pass *p, const struct desired *w, struct kube_object *o)
{
    struct comparison c;
    enum need need;

    if (!o)
        return MISSING;
    if (o->deleting)
        return examine_ending(o);
    if (is_known_in_place(p->in, w, o))
        return object_memo(o)->is_newer ? NEWER : IN_PLACE;
    compare(p->in, w, o, &c);
    if (mark_is_ignored(c.live))
        need = IGNORED;
    else if (c.merge.change_count == 0 && !c.account)
        need = IN_PLACE;
    else if (w->newest_wins && newest_is_live(c.desired, c.live, c.applied != NULL))
        need = NEWER;
    else
        need = DIFFERS;
    /* One that is not written is compared in each plan. */
    if (c.tokens == TOKENS_UNKNOWN || (c.tokens != TOKENS_VALID && need == DIFFERS))
        p->plan->watch |= p->in->pods;
    if (need == DIFFERS)
        keep_difference(p, w, c);
    else
        comparison_release(&c);
    object_memo(o)->inherits = c.inherits;
    if ((need == IN_PLACE || need == NEWER) && c.tokens != TOKENS_UNKNOWN)
        object_memo(o)->in_place = place_hash(p->in, w);
    object_memo(o)->is_newer = need == NEWER;
    o->matters = true;
    return need;
}

/* The operator's annotation changes with every field: it is named only if it is the only difference. */
static void summarize(const struct merge *m, struct buf *reason)
{
    struct merge shown = {.changes = NEW_ARRAY(struct merge_change, m->change_count)};

    for (size_t i = 0; i < m->change_count; i++)
        if (!strstr(m->changes[i].path, MARK_APPLIED))
            shown.changes[shown.change_count++] = m->changes[i];
    merge_summary(shown.change_count ? &shown : m, REASON_FIELDS, reason);
    free(shown.changes);
}

/* Who changed the object, by the annotation that the operator wrote last. */
static enum plan_meaning explain(const struct comparison *c, struct buf *reason)
{
    _cleanup_json_ json_t *would_apply = mark_applied(c->desired);
    enum plan_meaning meaning = PLAN_CHANGED;

    if (c->account) {
        meaning = PLAN_HEALED;
        buf_add_str(reason, "the ServiceAccount of its Pods was created again, and their tokens are of the former one");
        if (!c->merge.change_count)
            return meaning;
        buf_add_str(reason, "; ");
    }
    if (!c->applied) {
        meaning = PLAN_ADOPTED;
        buf_add_str(reason, "existed without the owner label: ");
    } else if (str_eq(doc_string(c->applied, "hash"), doc_string(would_apply, "hash"))) {
        meaning = PLAN_HEALED;
        buf_add_str(reason, "changed by another client: ");
    }
    summarize(&c->merge, reason);
    return meaning;
}

static struct kube_action
action_for(const struct pass *p, enum kube_verb verb, const struct kube_kind *kind, const char *ns, const char *name)
{
    return (struct kube_action){
        .verb = verb,
        .kind = kind,
        .version = str_dup(kube_server_version(p->in->plan->server, kind)),
        .ns = str_dup(ns),
        .name = str_dup(name),
    };
}

static const char *why_missing(const struct pass *p)
{
    return p->in->settled ? "deleted by another client" : "not there yet";
}

/* Where its Pods will read an old content, they are replaced when the new one is there. */
static char *body_to_create(const struct pass *p, const struct desired *w)
{
    for (size_t i = 0; i < p->stuck_len; i++) {
        _cleanup_json_ json_t *object = NULL, *config = NULL;
        if (!has_old_content(&p->stuck[i], w))
            continue;
        object = doc_parse_own(w->text);
        config = kube_object_parse(p->stuck[i].observed);
        rendered_set_digest(object, config);
        mark_again(object);
        return doc_text(object);
    }
    return str_dup(w->text);
}

static void plan_create(const struct pass *p, const struct desired *w)
{
    struct kube_action action = action_for(p, KUBE_CREATE, w->kind, w->ns, w->name);

    action.body = body_to_create(p, w);
    action.wish = action.content = desired_hash(action.body);
    action.tag = p->in->settled ? PLAN_HEALED : PLAN_CREATED;
    action.reason = str_dup(why_missing(p));
    plan_add(p->plan, p->in->plan, action);
}

/* An object without what changes by itself. */
static uint64_t content_of(const json_t *object)
{
    static const char *const moving[] = {"resourceVersion", "generation"};
    _cleanup_json_ json_t *rest = json_copy((json_t *)object), *metadata = json_copy(doc_at(object, "metadata"));

    for (size_t i = 0; i < ARRAY_LEN(moving); i++)
        json_object_del(metadata, moving[i]);
    json_object_set(rest, "metadata", metadata);
    json_object_del(rest, "status");
    return doc_hash(rest) | 1;
}

static void plan_change(struct pass *p, const struct desired *w, const struct kube_object *o)
{
    struct kube_action action = action_for(p, KUBE_UPDATE, w->kind, w->ns, w->name);
    struct buf reason = BUF_INIT;
    struct comparison c;

    if (p->different != w) {
        compare(p->in, w, o, &c);
        keep_difference(p, w, c);
    }
    action.body = doc_text(p->difference.merge.result);
    action.wish = w->hash;
    /* Whether a change is taken depends on what is changed, too. */
    action.content = (content_of(p->difference.live) * 31) ^ content_of(p->difference.merge.result);
    action.tag = explain(&p->difference, &reason);
    action.reason = buf_take(&reason);
    plan_add(p->plan, p->in->plan, action);
}

static bool is_kept_crd(const struct pass *p, const struct kube_kind *kind)
{
    return is_crd(kind) && !(p->in->remove_crds && !p->in->desired[0]);
}

static bool is_in(const struct desired_set *set, const struct pass *p, const struct kube_object *o)
{
    return set && desired_find(set, kube_kind_own(p->kinds, o->kind), o->ns, o->name);
}

/* Desired, or to stay all the same. */
static bool is_desired(const struct pass *p, const struct kube_object *o)
{
    for (size_t k = 0; k < OBJECTS_SETS_MAX && p->in->desired[k]; k++)
        if (is_in(p->in->desired[k], p, o))
            return true;
    for (size_t k = 0; k < OBJECTS_RETAINED_MAX; k++)
        if (is_in(p->in->retained[k], p, o))
            return true;
    return false;
}

/* Kubernetes created it for an owned object, with that one's labels, and deletes it itself. */
static bool is_copy(struct kube_object *o)
{
    struct object_memo *memo = object_memo(o);

    if (o->kind->copies_labels && !memo->is_copy) {
        _cleanup_json_ json_t *object = kube_object_parse(o), *applied = mark_applied(object);
        memo->is_copy = !applied;
    }
    return memo->is_copy;
}

/*
 * Owned by reference, but written by this operator: then the user removed the owner label, and the object is the
 * user's.
 */
static bool is_disowned(const struct kube_object *o)
{
    _cleanup_json_ json_t *object = o->kind->owner_kind ? kube_object_parse(o) : NULL;
    const json_t *annotations = doc_at(object, "metadata", "annotations");

    return json_object_get(annotations, MARK_APPLIED) || json_object_get(annotations, MARK_IGNORE);
}

static bool must_go(const struct pass *p, struct kube_object *o)
{
    return !is_kept_crd(p, o->kind) && !is_desired(p, o) && !is_copy(o) && !is_disowned(o);
}

static const char *why_undesired(const struct pass *p, const struct kube_object *o)
{
    if (!p->in->desired[0])
        return str_or(p->in->going, "the resource is being removed");
    return o->kind->owner_kind ? "created by an earlier operator, and no longer desired" : "no longer desired";
}

/* Calls `each` for every owned object that is observed and no longer desired. */
static size_t for_undesired(struct pass *p, void (*each)(struct pass *, struct kube_object *))
{
    struct kube_object *o;
    size_t count = 0;

    for (size_t row = 0; row < p->kinds->len; row++) {
        const struct kube_kind *kind = &p->kinds->rows[row];
        if (!kind->pruned && !is_crd(kind))
            continue;
        for (o = NULL; (o = kube_cache_next_owned(p->in->plan->observed, kind, p->in->owner_uid, o));) {
            if (!must_go(p, o))
                continue;
            each(p, o);
            count++;
        }
    }
    return count;
}

static void mark_leftover(struct pass *p, struct kube_object *o)
{
    bool stuck = o->deleting
                     ? plan_note_deletion(p->plan, o)
                     : plan_note_drift(p->plan, p->in->plan, KUBE_REMOVE, o->kind, o->ns, o->name, why_undesired(p, o));

    if (stuck)
        note_stuck(p, (struct stuck){o->kind, o->ns, o->name, .observed = o});
    else
        p->leftover[row_of(p, o->kind)] = true;
}

static void plan_prune(struct pass *p, struct kube_object *o)
{
    struct kube_action action;

    if (o->deleting || plan_is_busy(p->in->plan, o) || !may_remove(p, o))
        return;
    action = action_for(p, KUBE_REMOVE, o->kind, o->ns, o->name);
    action.uid = str_dup(o->uid);
    /* Another client may have removed the owner label since; then the operator must not delete it. */
    action.resource_version = str_dup(o->resource_version);
    action.tag = PLAN_REMOVED;
    action.reason = str_dup(why_undesired(p, o));
    plan_add(p->plan, p->in->plan, action);
}

/* for (size_t set = 0, i = 0; (w = next_desired(in, &set, &i));) */
static const struct desired *next_desired(const struct objects_input *in, size_t *set, size_t *i)
{
    for (; *set < OBJECTS_SETS_MAX && in->desired[*set]; ++*set, *i = 0)
        if (*i < in->desired[*set]->len)
            return &in->desired[*set]->items[(*i)++];
    return NULL;
}

bool objects_can_be_planned(const struct objects_input *in)
{
    const struct desired *w;

    for (size_t set = 0, i = 0; (w = next_desired(in, &set, &i));) {
        struct kube_object *o;
        if (w->text)
            continue;
        o = kube_cache_get(in->plan->observed, w->kind, w->ns, w->name);
        if (!o || !is_known_in_place(in, w, o))
            return false;
    }
    return true;
}

static size_t count_desired(const struct objects_input *in)
{
    size_t count = 0;

    for (size_t k = 0; k < OBJECTS_SETS_MAX && in->desired[k]; k++)
        count += in->desired[k]->len;
    return count;
}

/* Whether no update puts it in place, so that none is tried; adds why, and what the user has to do. */
static bool is_beyond_repair(struct pass *p, const struct kube_object *o, struct buf *why)
{
    const struct kube_server *server = p->in->plan->server;

    return kube_immutable(o->kind, server ? server->minor : 0, p->difference.live, &p->difference.merge, why);
}

/* Counts an object that is not in place; `o` is NULL where it is not there. True where it is stuck. */
static bool note_drift(struct pass *p, const struct desired *w, const struct kube_object *o, enum need *need)
{
    const enum kube_verb verb = *need == DIFFERS ? KUBE_UPDATE : KUBE_CREATE;
    _cleanup_buf_ struct buf reason = BUF_INIT;
    const struct stuck *other;

    if (*need == ENDING)
        return plan_note_deletion(p->plan, o);
    if (*need == DIFFERS && is_beyond_repair(p, o, &reason)) { /* the difference was found a moment ago */
        *need = STUCK;
        return plan_note_refusal(p->plan, o, buf_str(&reason));
    }
    if (!plan_failure_of(p->in->plan, verb, w->kind, w->ns, w->name) && (other = blocker_of(p, w, o)))
        return plan_note_need(p->plan, w->kind, w->ns, w->name, other->kind, other->ns, other->name);
    if (*need == DIFFERS && p->plan->causes[DRIFT_WAITS] < DRIFT_NAMED_MAX)
        explain(&p->difference, &reason);
    else if (*need == MISSING)
        buf_add_str(&reason, why_missing(p));
    return plan_note_drift(p->plan, p->in->plan, verb, w->kind, w->ns, w->name, buf_str(&reason));
}

static void note_left_alone(struct pass *p, const struct desired *w, enum need need)
{
    p->plan->ignored++;
    if (need != NEWER)
        return;
    if (!p->plan->newer++)
        p->plan->newest = object_key(w->kind, w->ns, w->name);
}

static void note_inherits(struct pass *p, const struct desired *w)
{
    if (inherit_is_of_pods(w) && !p->plan->inherited++)
        p->plan->heir = object_key(w->kind, w->ns, w->name);
}

static void note_unwritten(struct pass *p, const struct desired *w)
{
    if (!w->after) {
        p->unwritten[row_of(p, w->kind)] = true;
        return;
    }
    ARRAY_RESERVE_ONE(p->late, p->late_len, p->late_cap);
    p->late[p->late_len++] = w;
}

/* Finds out what every desired object needs; the places of `needs` are those of the desired objects. */
static void examine_all(struct pass *p, enum need *needs)
{
    const struct desired *w;

    for (size_t set = 0, i = 0; (w = next_desired(p->in, &set, &i)); needs++) {
        struct kube_object *o = observed(p, w);
        *needs = examine(p, w, o);
        if (o && object_memo(o)->inherits)
            note_inherits(p, w);
        if (*needs == IGNORED || *needs == NEWER)
            note_left_alone(p, w, *needs);
        if (*needs == IN_PLACE || *needs == IGNORED || *needs == NEWER)
            continue;
        p->plan->definitions += is_crd(w->kind);
        if (note_drift(p, w, o, needs))
            note_stuck(p, (struct stuck){w->kind, w->ns, w->name, o, w});
        else
            note_unwritten(p, w);
    }
}

static void write_one(struct pass *p, const struct desired *w, const struct kube_object *o, enum need need)
{
    /* It waits for a stuck object only if it needs that one. */
    if (!p->in->plan->preview && blocker_of(p, w, o))
        return;
    p->plan->unseen += need == MISSING;
    if (busy(p, w->kind, w->ns, w->name))
        return;
    if (need == MISSING)
        plan_create(p, w);
    else
        plan_change(p, w, o);
}

/* Those for the end, or all others. True where one waits for its turn. */
static bool write_those(struct pass *p, const enum need *needs, bool for_the_end)
{
    const struct desired *w;
    bool waiting = false;

    for (size_t set = 0, i = 0; (w = next_desired(p->in, &set, &i)); needs++) {
        const struct kube_object *o;
        if (*needs != MISSING && *needs != DIFFERS)
            continue;
        o = observed(p, w);
        if (is_for_the_end(p, w, o) != for_the_end)
            continue;
        if (!p->in->plan->preview && !kube_server_version(p->in->plan->server, w->kind))
            continue;
        if (p->in->plan->preview || is_its_turn(p, w, o))
            write_one(p, w, o, *needs);
        else
            waiting = waiting || !w->kind->custom;
    }
    return waiting;
}

static void write_all(struct pass *p, const enum need *needs)
{
    if (!write_those(p, needs, false))
        write_those(p, needs, true);
}

size_t objects_plan(const struct objects_input *in, struct plan *plan)
{
    const struct kube_kind_table *kinds = kube_cache_kinds(in->plan->observed);
    size_t desired = count_desired(in), leftovers;
    _cleanup_free_ bool *unwritten = NEW_ARRAY(bool, kinds->len);
    _cleanup_free_ bool *leftover = NEW_ARRAY(bool, kinds->len);
    _cleanup_free_ enum need *needs = NEW_ARRAY(enum need, desired);
    struct pass pass = {.in = in, .kinds = kinds, .plan = plan, .unwritten = unwritten, .leftover = leftover};

    examine_all(&pass, needs);
    leftovers = for_undesired(&pass, mark_leftover);
    plan->managed += desired;
    write_all(&pass, needs);
    for_undesired(&pass, plan_prune);
    if (pass.different)
        comparison_release(&pass.difference);
    free(pass.stuck);
    free(pass.late);
    return leftovers;
}
