#include "controllers/mesh/injection.h"

#include <assert.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/pod_security.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

#define ENABLED "enabled"

/* Namespaces that a message names. */
#define NAMED_MAX 10

/* With a version of a namespace that needs no change. Zeroed: not known. */
struct label_memo {
    uint64_t list; /* injection_memo.hash of the list by which it needs none; 0: not known */
    bool disabled, guarded;
};
static_assert(sizeof(struct label_memo) <= KUBE_MEMO_SIZE, "the memo has its place in the object");

static const struct kube_kind *namespaces(void)
{
    return mesh_kind(KIND_NAMESPACE);
}

/*
 * A label that a user set is the user's: one that the operator had set before (OVERRIDDEN), too. One that was only
 * removed is added again (LOST).
 */
enum labels { THEIRS, OURS, LOST, OVERRIDDEN, UNLABELLED, DISABLED };

static enum labels labels_of(const struct mesh_injection *how, const json_t *ns)
{
    const char *injection = doc_string(ns, "metadata", "labels", how->label);
    bool managed = str_eq(doc_string(ns, "metadata", "labels", LABEL_INJECTION_MANAGED), ENABLED);

    if (managed && !injection)
        return LOST;
    if (managed)
        return str_eq(injection, how->enabled) ? OURS : OVERRIDDEN;
    if (!injection)
        return UNLABELLED;
    return str_eq(injection, how->enabled) ? THEIRS : DISABLED;
}

/* The labels to set (null: to remove), or NULL if they stay as they are. */
static json_t *desired_labels(const struct mesh_injection *how, enum labels labels, bool listed)
{
    if (listed && (labels == UNLABELLED || labels == LOST))
        return OBJECT(STRING(how->label, how->enabled), STRING(LABEL_INJECTION_MANAGED, ENABLED));
    if (!listed && labels == OURS)
        return OBJECT(NIL(how->label), NIL(LABEL_INJECTION_MANAGED));
    if (!listed && (labels == LOST || labels == OVERRIDDEN))
        return OBJECT(NIL(LABEL_INJECTION_MANAGED));
    return NULL;
}

void injection_memo_clear(struct injection_memo *memo)
{
    json_decref(memo->names);
    map_free(memo->listed);
    map_free(memo->pending);
    map_free(memo->disabled);
    map_free(memo->guarded);
    free(memo->notice);
    *memo = (struct injection_memo){0};
}

/* Leaves room for a bit of what was found of a namespace: see note(). */
static uint64_t hash_of(const struct mesh_injection *how, const json_t *names)
{
    return (str_hash(how->label, strlen(how->label)) ^ (names ? doc_hash(names) : 0)) | 1;
}

static void begin(struct injection_memo *memo, const struct mesh_injection *how, const json_t *names)
{
    json_t *name;
    size_t i;

    injection_memo_clear(memo);
    memo->names = json_incref((json_t *)names);
    memo->how = how;
    memo->hash = hash_of(how, names);
    memo->listed = map_new(NULL);
    memo->pending = map_new(NULL);
    memo->disabled = map_new(NULL);
    memo->guarded = map_new(NULL);
    json_array_foreach(names, i, name)
        map_put(memo->listed, json_string_value(name), NULL);
}

static bool is_disabled(enum labels labels)
{
    return labels == DISABLED || labels == OVERRIDDEN;
}

static void put(struct map *set, const char *name, bool in)
{
    if (in && !map_has(set, name))
        map_put(set, name, NULL);
    else if (!in)
        map_remove(set, name);
}

static void note_disabled(struct injection_memo *memo, const char *name, bool disabled)
{
    if (disabled == map_has(memo->disabled, name))
        return;
    put(memo->disabled, name, disabled);
    free(TAKE_PTR(memo->notice));
}

/* As soon as its labels are as they have to be. */
static bool gets_sidecars(enum labels labels, bool listed)
{
    return listed ? !is_disabled(labels) : labels == THEIRS;
}

/* The result for a version of a namespace is kept with it, so that it is read once for each list. */
static void note(struct injection_memo *memo, struct kube_object *o)
{
    static const char owner;
    struct label_memo *known = kube_object_memo(o, &owner);
    bool listed = map_has(memo->listed, o->name), pending = false, disabled = false, guarded = false;

    if (known->list == memo->hash) {
        disabled = known->disabled;
        guarded = known->guarded;
    } else if (!o->deleting) {
        _cleanup_json_ json_t *ns = kube_object_parse(o);
        _cleanup_json_ json_t *labels = desired_labels(memo->how, labels_of(memo->how, ns), listed);
        pending = labels;
        disabled = listed && is_disabled(labels_of(memo->how, ns));
        guarded = pod_security_is_enforced(ns) && gets_sidecars(labels_of(memo->how, ns), listed);
        if (!pending)
            *known = (struct label_memo){memo->hash, disabled, guarded};
    }
    put(memo->pending, o->name, pending);
    put(memo->guarded, o->name, guarded);
    note_disabled(memo, o->name, disabled);
}

static void drop_gone(struct injection_memo *memo, const struct kube_cache *observed)
{
    struct map *const sets[] = {memo->pending, memo->disabled, memo->guarded};
    const char *name;

    for (size_t k = 0; k < ARRAY_LEN(sets); k++)
        for (size_t i = 0; map_next(sets[k], &i, &name, NULL);) {
            if (kube_cache_get(observed, namespaces(), NULL, name))
                continue;
            map_remove(sets[k], name);
            free(TAKE_PTR(memo->notice));
        }
}

void injection_read(
    struct injection_memo *memo, const struct plan_input *in, const struct mesh_injection *how, const json_t *names)
{
    const struct kube_kind *kind = namespaces();
    const void **reader = kube_cache_reader(in->observed, kind);
    struct kube_object *o = NULL;

    /* A position in another cache, or of another memo, is of no use for this one. */
    if (*reader != memo || !memo->hash || memo->names != names || memo->how != how) {
        begin(memo, how, names);
        *reader = memo;
    }
    while ((o = kube_cache_next_changed(in->observed, kind, memo->seen, o)))
        note(memo, o);
    if (kube_cache_lost_since(in->observed, kind, memo->seen))
        drop_gone(memo, in->observed);
    memo->seen = kube_cache_changes(in->observed, kind);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of a set, sorted, so that their order does not matter; the array is the caller's. */
static const char **names_of(const struct map *set)
{
    const char **names = NEW_ARRAY(const char *, map_len(set));
    size_t count = 0;

    for (size_t i = 0; map_next(set, &i, &names[count], NULL);)
        count++;
    qsort(names, count, sizeof(*names), by_text);
    return names;
}

bool injection_may_begin(const struct plan_input *in, const struct desired_set *desired, const struct plan *plan)
{
    const struct kube_kind *webhooks = mesh_kind(KIND_MUTATING_WEBHOOK);

    if (in->preview)
        return true;
    for (size_t i = 0; desired && i < desired->len; i++)
        if (desired->items[i].kind == webhooks && !kube_cache_get(in->observed, webhooks, NULL, desired->items[i].name))
            return false;
    return !plan_is_moving(plan);
}

static void plan_labels(
    const struct injection_memo *memo, const struct plan_input *in, const struct kube_object *o, struct plan *plan)
{
    bool listed = map_has(memo->listed, o->name);
    const char *reason = listed ? "listed for sidecar injection" : "no longer listed for sidecar injection";
    _cleanup_json_ json_t *ns = NULL;

    plan_note_drift(plan, in, KUBE_MERGE_PATCH, o->kind, NULL, o->name, reason);
    if (plan_is_busy(in, o))
        return;
    ns = kube_object_parse(o);
    plan_patch_metadata(
        plan,
        in,
        o,
        OBJECT(VALUE("labels", desired_labels(memo->how, labels_of(memo->how, ns), listed))),
        reason,
        PLAN_CHANGED);
}

size_t injection_plan(const struct injection_memo *memo, const struct plan_input *in, struct plan *plan)
{
    size_t count = map_len(memo->pending);
    _cleanup_free_ const char **names = count ? names_of(memo->pending) : NULL;

    for (size_t i = 0; i < count; i++)
        plan_labels(memo, in, kube_cache_get(in->observed, namespaces(), NULL, names[i]), plan);
    return count;
}

static char *make_notice(const struct mesh_injection *how, const struct map *disabled)
{
    _cleanup_free_ const char **names = names_of(disabled);
    size_t count = map_len(disabled);
    struct buf text = BUF_INIT;

    buf_printf(&text, "left alone, because a user set their label %s: ", how->label);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", names[i]);
    if (count > NAMED_MAX)
        buf_printf(&text, " and %zu more", count - NAMED_MAX);
    return buf_take(&text);
}

void injection_notice(struct injection_memo *memo, struct buf *out)
{
    if (!map_len(memo->disabled))
        return;
    if (!memo->notice)
        memo->notice = make_notice(memo->how, memo->disabled);
    buf_printf(out, "%s%s", out->len ? "; " : "", memo->notice);
}
