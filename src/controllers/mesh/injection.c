#include "controllers/mesh/injection.h"

#include <assert.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "controllers/mesh/pod_security.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/patch.h"
#include "mesh/mesh.h"
#include "reconcile/marks.h"

/* Namespaces that a message names. */
#define NAMED_MAX 10

/* With a version of a namespace that needs no change. Zeroed: not known. */
struct label_memo {
    uint64_t list;              /* injection_memo.hash of the list by which it needs none; 0: not known */
    bool disabled, by_revision; /* by a user, and by which label: see injection_memo */
    bool guarded;
};
static_assert(sizeof(struct label_memo) <= KUBE_MEMO_SIZE, "the memo has its place in the object");

static const struct kube_kind *namespaces(void)
{
    return mesh_kind(KIND_NAMESPACE);
}

static const char by_injection[] = LABEL_INJECTION, by_revision[] = LABEL_REVISION;

/* The label by which a user decides; by_revision is the other one, where there are revisions. */
static const char *first_label(const struct mesh_injection *how)
{
    return how->revision ? by_injection : how->label;
}

/* What the labels of a namespace say. Keys are static; NULL: there is none. */
struct labels {
    bool managed;     /* the operator put one, which may be gone */
    const char *own;  /* the label that it put, as it put it */
    bool in_place;    /* that is the one to have */
    const char *user; /* the label by which a user decided */
    bool chosen;      /* for these sidecars */
};

static bool chooses(const struct mesh_injection *how, const char *label, const char *value)
{
    if (str_eq(label, how->label))
        return str_eq(value, how->enabled);
    return label == by_revision && str_eq(value, how->revision);
}

/* A label that a user set is the user's: one that the operator had set before, too. */
static struct labels labels_of(const struct mesh_injection *how, const json_t *ns)
{
    const json_t *labels = doc_at(ns, "metadata", "labels");
    const char *const own[] = {how->label, by_injection, by_revision, NULL};
    const char *const users[] = {first_label(how), how->revision ? by_revision : NULL, NULL};
    const char *managed = doc_string(labels, LABEL_INJECTION_MANAGED);
    struct labels found = {.managed = managed};

    for (const char *const *label = own; managed && *label && !found.own; label++)
        if (str_eq(doc_string(labels, *label), managed))
            found.own = *label;
    found.in_place = str_eq(found.own, how->label) && str_eq(managed, how->enabled);
    /* Where there are both, the first counts. */
    for (const char *const *label = users; *label && !found.user; label++) {
        const char *value = doc_string(labels, *label);
        if (!value || str_eq(*label, found.own))
            continue;
        found.user = *label;
        found.chosen = chooses(how, *label, value);
    }
    return found;
}

/* The labels to set (null: to remove), or NULL if they stay as they are. */
static json_t *desired_labels(const struct mesh_injection *how, struct labels labels, bool listed)
{
    bool wanted = listed && !labels.user;

    if (wanted && labels.in_place)
        return NULL;
    if (wanted)
        return OBJECT(
            OPT(labels.own && !str_eq(labels.own, how->label), NIL(labels.own)),
            STRING(how->label, how->enabled),
            STRING(LABEL_INJECTION_MANAGED, how->enabled));
    if (labels.own)
        return OBJECT(NIL(labels.own), NIL(LABEL_INJECTION_MANAGED));
    return labels.managed && !listed ? OBJECT(NIL(LABEL_INJECTION_MANAGED)) : NULL;
}

void injection_memo_clear(struct injection_memo *memo)
{
    json_decref(memo->names);
    map_free(memo->listed);
    map_free(memo->pending);
    map_free(memo->moving);
    map_free(memo->disabled);
    map_free(memo->guarded);
    free(memo->notice);
    *memo = (struct injection_memo){0};
}

static uint64_t hash_of(const struct mesh_injection *how, const json_t *names)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "%s %s %s ", how->label, how->enabled, str_or(how->revision, "-"));
    return (buf_take_hash(&text) ^ (names ? doc_hash(names) : 0)) | 1;
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
    memo->moving = map_new(NULL);
    memo->disabled = map_new(NULL);
    memo->guarded = map_new(NULL);
    json_array_foreach(names, i, name)
        map_put(memo->listed, json_string_value(name), NULL);
}

/* The user's label by which a listed namespace is not chosen; NULL: it is, or will be. */
static const char *disabled_by(struct labels labels)
{
    return labels.chosen ? NULL : labels.user;
}

static void put(struct map *set, const char *name, bool in)
{
    if (in && !map_has(set, name))
        map_put(set, name, NULL);
    else if (!in)
        map_remove(set, name);
}

static void note_disabled(struct injection_memo *memo, const char *name, const char *label)
{
    if (label == map_get(memo->disabled, name))
        return;
    if (label)
        map_put(memo->disabled, name, (void *)label);
    else
        map_remove(memo->disabled, name);
    free(TAKE_PTR(memo->notice));
}

/* As soon as its labels are as they have to be. */
static bool gets_sidecars(struct labels labels, bool listed)
{
    return labels.user ? labels.chosen : listed;
}

/* The result for a version of a namespace is kept with it, so that it is read once for each list. */
static void note(struct injection_memo *memo, struct kube_object *o)
{
    static const char owner;
    struct label_memo *known = kube_object_memo(o, &owner);
    bool listed = map_has(memo->listed, o->name), pending = false, moves = false, guarded = false;
    const char *disabled = NULL;

    if (known->list == memo->hash) {
        disabled = !known->disabled ? NULL : known->by_revision ? by_revision : first_label(memo->how);
        guarded = known->guarded;
    } else if (!o->deleting) {
        _cleanup_json_ json_t *ns = kube_object_parse(o);
        struct labels labels = labels_of(memo->how, ns);
        _cleanup_json_ json_t *changes = desired_labels(memo->how, labels, listed);
        pending = changes;
        moves = pending && listed && labels.own && !labels.user;
        disabled = listed ? disabled_by(labels) : NULL;
        guarded = pod_security_is_enforced(ns) && gets_sidecars(labels, listed);
        if (!pending)
            *known = (struct label_memo){memo->hash, disabled, disabled == by_revision, guarded};
    }
    put(memo->pending, o->name, pending);
    put(memo->moving, o->name, moves);
    put(memo->guarded, o->name, guarded);
    note_disabled(memo, o->name, disabled);
}

static void drop_gone(struct injection_memo *memo, const struct kube_cache *observed)
{
    struct map *const sets[] = {memo->pending, memo->moving, memo->disabled, memo->guarded};
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

/* The names that have this value, sorted, so that their order does not matter; the array is the caller's. */
static const char **names_of(const struct map *map, const void *of, size_t *ret_count)
{
    const char **names = map_sorted_keys(map);

    *ret_count = 0;
    for (size_t i = 0; i < map_len(map); i++)
        if (map_get(map, names[i]) == of)
            names[(*ret_count)++] = names[i];
    return names;
}

/* By the label that counts where there are both. */
static bool is_chosen(const struct mesh_injection *how, const json_t *labels)
{
    const char *value = doc_string(labels, first_label(how));

    if (value)
        return chooses(how, first_label(how), value);
    value = how->revision ? doc_string(labels, by_revision) : NULL;
    return value && chooses(how, by_revision, value);
}

bool injection_has_moved(const struct kube_cache *observed, const struct mesh_injection *how)
{
    const struct kube_object *o;

    for (size_t i = 0; (o = kube_cache_next(observed, namespaces(), &i));) {
        _cleanup_json_ json_t *ns = strstr(o->text, LABEL_INJECTION_MANAGED) ? kube_object_parse(o) : NULL;
        const json_t *labels = doc_at(ns, "metadata", "labels");
        if (doc_at(labels, LABEL_INJECTION_MANAGED) && is_chosen(how, labels))
            return true;
    }
    return false;
}

const struct kube_object *injection_namespace(const struct kube_cache *observed, const struct mesh_injection *how)
{
    const struct kube_object *o, *first = NULL;
    bool first_is_guarded = false;

    for (size_t i = 0; (o = kube_cache_next(observed, namespaces(), &i));) {
        _cleanup_json_ json_t *ns = NULL;
        bool guarded;
        if (o->deleting || (!strstr(o->text, first_label(how)) && !strstr(o->text, by_revision)))
            continue;
        ns = kube_object_parse(o);
        guarded = pod_security_is_enforced(ns);
        if (!is_chosen(how, doc_at(ns, "metadata", "labels")) ||
            (first && (guarded != first_is_guarded ? guarded : strcmp(first->name, o->name) < 0)))
            continue;
        first = o;
        first_is_guarded = guarded;
    }
    return first;
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

size_t injection_plan(const struct injection_memo *memo, const struct plan_input *in, bool moves, struct plan *plan)
{
    size_t count, planned = 0;
    _cleanup_free_ const char **names = names_of(memo->pending, NULL, &count);

    for (size_t i = 0; i < count; i++) {
        if (!moves && map_has(memo->moving, names[i]))
            continue;
        plan_labels(memo, in, kube_cache_get(in->observed, namespaces(), NULL, names[i]), plan);
        planned++;
    }
    return planned;
}

void injection_move(
    const struct injection_memo *memo, const struct plan_input *in, bool (*stays)(const void *context, const char *ns),
    const void *context, struct plan *plan)
{
    size_t count;
    _cleanup_free_ const char **names = names_of(memo->moving, NULL, &count);

    for (size_t i = 0; i < count; i++)
        if (!stays(context, names[i]))
            plan_labels(memo, in, kube_cache_get(in->observed, namespaces(), NULL, names[i]), plan);
}

json_t *injection_labels_to_be(const struct injection_memo *memo, const json_t *ns)
{
    json_t *labels = doc_copy(doc_at(ns, "metadata", "labels"));
    _cleanup_json_ json_t *changes = desired_labels(memo->how, labels_of(memo->how, ns), true);

    patch_merge(labels, changes);
    return labels;
}

static void add_notice(const struct map *disabled, const char *label, struct buf *out)
{
    size_t count;
    _cleanup_free_ const char **names = names_of(disabled, label, &count);

    if (!count)
        return;
    buf_separate(out, "; ");
    buf_printf(out, "left alone, because a user set their label %s: ", label);
    buf_add_names(out, names, count, NAMED_MAX);
}

static char *make_notice(const struct mesh_injection *how, const struct map *disabled)
{
    struct buf text = BUF_INIT;

    add_notice(disabled, first_label(how), &text);
    add_notice(disabled, by_revision, &text);
    return buf_take(&text);
}

void injection_notice(struct injection_memo *memo, struct buf *out)
{
    if (!map_len(memo->disabled))
        return;
    if (!memo->notice)
        memo->notice = make_notice(memo->how, memo->disabled);
    buf_separate(out, "; ");
    buf_add_str(out, memo->notice);
}
