#include "doc/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/keyed.h"

struct merger {
    const struct merge_rules *rules;
    struct merge *out;
    struct buf path;              /* the present path, for users */
    struct buf pattern;           /* the same for the rules: [] for any element */
    const struct merge_place *in; /* the innermost map or sequence; NULL: the document itself is merged */
};

/* A place to come back to. */
struct place {
    size_t path, pattern;
};

static json_t *merge_map(struct merger *m, const json_t *last, const json_t *desired, const json_t *live);
static json_t *others_value(struct merger *m, const char *field, const json_t *live);
static json_t *merge_value(struct merger *m, const char *field, const json_t *last, const json_t *desired,
                           const json_t *live);

static struct place enter_field(struct merger *m, const char *key)
{
    struct place here = {m->path.len, m->pattern.len};

    doc_path_key(&m->path, key);
    buf_printf(&m->pattern, "%s%s", m->pattern.len ? "." : "", key);
    return here;
}

static struct place enter_element(struct merger *m, const char *name)
{
    struct place here = {m->path.len, m->pattern.len};

    buf_printf(&m->path, "[%s]", name);
    buf_add_str(&m->pattern, "[]");
    return here;
}

static struct place enter_index(struct merger *m, size_t i)
{
    char name[32];

    snprintf(name, sizeof(name), "%zu", i);
    return enter_element(m, name);
}

static void leave(struct merger *m, struct place back)
{
    buf_truncate(&m->path, back.path);
    buf_truncate(&m->pattern, back.pattern);
}

/* The last part of a path: behind the last dot that is no part of a name in brackets. */
static const char *last_name(const char *path)
{
    const char *name = path;
    int depth = 0;

    for (const char *p = path; *p; p++) {
        if (*p == '[')
            depth++;
        else if (*p == ']')
            depth--;
        else if (*p == '.' && depth == 0)
            name = p + 1;
    }
    return name;
}

/* Notes that the field at the present path differs. */
static void note(struct merger *m, const json_t *before, const json_t *after)
{
    struct merge *out = m->out;
    struct merge_change *change;

    ARRAY_RESERVE_ONE(out->changes, out->change_count, out->change_cap);
    change = &out->changes[out->change_count++];
    change->path = str_dup(buf_str(&m->path));
    change->name = last_name(change->path);
    change->type = !before ? MERGE_ADD : after ? MERGE_CHANGE : MERGE_REMOVE;
    change->before = before ? doc_copy(before) : NULL;
    change->after = after ? doc_copy(after) : NULL;
}

static void release_change(struct merge_change *change)
{
    free(change->path);
    json_decref(change->before);
    json_decref(change->after);
}

static void forget_changes_from(struct merger *m, size_t count)
{
    while (m->out->change_count > count)
        release_change(&m->out->changes[--m->out->change_count]);
}

static bool is_foreign(const struct merger *m)
{
    return m->rules->foreign && m->rules->foreign(m->rules->context, buf_str(&m->pattern));
}

static bool is_listed(const char *const *names, const char *field)
{
    for (; names && *names; names++)
        if (str_eq(*names, field))
            return true;
    return false;
}

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

static bool is_empty(const json_t *value)
{
    if (is_container(value))
        return !json_object_size(value) && !json_array_size(value);
    if (json_is_string(value))
        return !json_string_length(value);
    if (json_is_number(value))
        return json_number_value(value) == 0;
    return !json_is_true(value);
}

/* Whether the live value at this place means the same as the desired one, where at least one is no container. */
static bool is_same(const struct merger *m, const json_t *desired, const json_t *live)
{
    if (m->rules->empty_is_absent &&
        ((is_empty(desired) && json_is_null(live)) || (json_is_null(desired) && is_empty(live))))
        return true;
    if (is_container(desired) || is_container(live))
        return false;
    return doc_equal(desired, live) || (m->rules->same && m->rules->same(buf_str(&m->pattern), desired, live));
}

/*
 * A copy of a map's fields, those of maps within included, that are another client's (`foreign`) or are not. NULL
 * where none is.
 */
static json_t *select_fields(struct merger *m, const json_t *map, bool foreign)
{
    _cleanup_json_ json_t *selected = json_object();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)map, key, value) {
        struct place back = enter_field(m, key);
        bool theirs = is_foreign(m);
        json_t *part = NULL;

        if (json_is_object(value) && !theirs)
            part = select_fields(m, value, foreign);
        else if (theirs == foreign)
            part = doc_copy(value);
        if (part)
            json_object_set_new(selected, key, part);
        leave(m, back);
    }
    if (!json_object_size(selected) && (foreign || json_object_size(map)))
        return NULL;
    return TAKE_PTR(selected);
}

/* What is put where the live document has nothing (of this type); NULL where the operator sets none of it. */
static json_t *initial_value(struct merger *m, const json_t *desired)
{
    if (json_is_object(desired) && m->rules->foreign)
        return select_fields(m, desired, false);
    return doc_copy(desired);
}

/* The three sides of a sequence whose elements have keys. */
struct keyed_sides {
    struct keyed last, desired, live;
};

static void keyed_sides_release(struct keyed_sides *s)
{
    keyed_release(&s->last);
    keyed_release(&s->desired);
    keyed_release(&s->live);
}

/*
 * The first key of the rules that tells the desired elements apart, and (`complete`) that every live one has: where two
 * of those have the same, the first is the one that is desired.
 */
static bool choose_key(const struct merger *m, const char *field, const json_t *last, const json_t *desired,
                       const json_t *live, bool complete, struct keyed_sides *ret)
{
    for (const struct merge_key *k = m->rules->keys; k && k->field; k++) {
        struct keyed_sides sides;

        if (!str_eq(k->field, field))
            continue;
        sides = (struct keyed_sides){keyed_new(last, k), keyed_new(desired, k), keyed_new(live, k)};
        if (sides.desired.distinct && (sides.live.complete || !complete)) {
            *ret = sides;
            return true;
        }
        keyed_sides_release(&sides);
    }
    return false;
}

static struct place enter_keyed(struct merger *m, const json_t *element, const struct merge_key *key)
{
    _cleanup_free_ char *name = keyed_text(element, key);

    return enter_element(m, name);
}

/* An element of the result: desired, live, or both. */
struct slot {
    size_t desired, live; /* positions, or KEYED_NOWHERE */
};

/* What becomes of what is live here and not desired: of a field of the innermost map, or of an element (NULL). */
static enum merge_fate fate_of(const struct merger *m, const char *field, const json_t *live)
{
    if (!m->rules->others || !m->in)
        return MERGE_STAYS;
    return m->rules->others(m->rules->context, buf_str(&m->pattern), m->in, field, live);
}

/* The live elements that stay, in their order; notes those that are removed. */
static size_t keep_live(struct merger *m, const struct keyed_sides *s, struct slot *slots)
{
    size_t count = 0, i;
    json_t *element;

    json_array_foreach(s->live.seq, i, element) {
        size_t desired = keyed_find(&s->desired, element);
        struct place back = enter_keyed(m, element, s->live.key);
        if (desired == KEYED_NOWHERE
                ? keyed_find(&s->last, element) != KEYED_NOWHERE || fate_of(m, NULL, element) == MERGE_GOES
                : keyed_find(&s->live, element) != i)
            note(m, element, NULL);
        else
            slots[count++] = (struct slot){desired, i};
        leave(m, back);
    }
    return count;
}

/* Puts the desired ones among the slots into the desired order, the others stay where they are. True if any moved. */
static bool restore_order(const struct keyed_sides *s, struct slot *slots, size_t count)
{
    size_t at = 0;
    bool moved = false;
    json_t *element;
    size_t i;

    json_array_foreach(s->desired.seq, i, element) {
        size_t live = keyed_find(&s->live, element);
        if (live == KEYED_NOWHERE)
            continue;
        while (at < count && slots[at].desired == KEYED_NOWHERE)
            at++;
        moved = moved || slots[at].desired != i;
        slots[at++] = (struct slot){i, live};
    }
    return moved;
}

/* Adds the slots of elements that are not live: each behind its predecessor, the first before its successors. */
static size_t insert_new(const struct keyed_sides *s, struct slot *slots, size_t count)
{
    json_t *element;
    size_t i;

    json_array_foreach(s->desired.seq, i, element) {
        size_t at = 0;
        if (keyed_find(&s->live, element) != KEYED_NOWHERE)
            continue;
        while (at < count && (i ? slots[at].desired != i - 1 : slots[at].desired == KEYED_NOWHERE))
            at++;
        at += i > 0;
        memmove(slots + at + 1, slots + at, (count - at) * sizeof(*slots));
        slots[at] = (struct slot){i, KEYED_NOWHERE};
        count++;
    }
    return count;
}

/* The element of a slot. */
static json_t *merge_slot(struct merger *m, const struct keyed_sides *s, const struct slot *slot)
{
    const json_t *desired, *live = json_array_get(s->live.seq, slot->live);
    struct place back;
    json_t *result;

    if (slot->desired == KEYED_NOWHERE) {
        back = enter_keyed(m, live, s->live.key);
        result = others_value(m, NULL, live);
        leave(m, back);
        return result;
    }
    desired = json_array_get(s->desired.seq, slot->desired);
    back = enter_keyed(m, desired, s->desired.key);
    if (slot->live == KEYED_NOWHERE) {
        note(m, NULL, desired);
        result = doc_copy(desired);
    } else {
        result = merge_map(m, json_array_get(s->last.seq, keyed_find(&s->last, desired)), desired, live);
    }
    leave(m, back);
    return result;
}

static json_t *merge_keyed(struct merger *m, const struct keyed_sides *s)
{
    _cleanup_free_ struct slot *slots =
        NEW_ARRAY(struct slot, json_array_size(s->desired.seq) + json_array_size(s->live.seq));
    size_t count = keep_live(m, s, slots);
    bool moved = restore_order(s, slots, count);
    json_t *result = json_array();

    count = insert_new(s, slots, count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(result, merge_slot(m, s, &slots[i]));
    if (moved)
        note(m, s->live.seq, result);
    return result;
}

static bool all_maps(const json_t *seq)
{
    json_t *element;
    size_t i;

    json_array_foreach(seq, i, element)
        if (!json_is_object(element))
            return false;
    return json_array_size(seq) > 0;
}

static json_t *merge_by_position(struct merger *m, const json_t *last, const json_t *desired, const json_t *live)
{
    /* Of another length it says nothing about the element at a position. */
    bool last_fits = json_array_size(last) == json_array_size(desired);
    json_t *result = json_array(), *element;
    size_t i;

    json_array_foreach(desired, i, element) {
        struct place back = enter_index(m, i);
        json_array_append_new(
            result, merge_map(m, last_fits ? json_array_get(last, i) : NULL, element, json_array_get(live, i)));
        leave(m, back);
    }
    return result;
}

/* What is owned of an element that gets its key; of that, all is owned. Owned by the caller. */
static json_t *last_with_key(const struct keyed_sides *s, const json_t *desired)
{
    const json_t *found = json_array_get(s->last.seq, keyed_find(&s->last, desired));
    const char *second = s->desired.key->second;
    json_t *last = found ? json_copy((json_t *)found) : json_object();

    if (second)
        json_object_set_new(last, second, json_integer(1));
    return last;
}

/* By position, because a live element has no key. They get them, and the next merge pairs the same elements by those.
 */
static json_t *merge_into_keys(struct merger *m, const struct keyed_sides *s)
{
    json_t *result = json_array(), *element;
    size_t i;

    json_array_foreach(s->desired.seq, i, element) {
        _cleanup_json_ json_t *last = last_with_key(s, element);
        struct place back = enter_index(m, i);
        json_array_append_new(result, merge_map(m, last, element, json_array_get(s->live.seq, i)));
        leave(m, back);
    }
    return result;
}

/* Whether the live element is the desired one already. */
static bool is_in_place(struct merger *m, const json_t *last, const json_t *desired, const json_t *live)
{
    size_t changes = m->out->change_count;
    bool in_place;

    json_decref(merge_map(m, last, desired, live));
    in_place = m->out->change_count == changes;
    forget_changes_from(m, changes);
    return in_place;
}

/* Pairs what is in place, whichever its position, and what is left in the order of both. */
static json_t *merge_unordered(struct merger *m, const json_t *last, const json_t *desired, const json_t *live)
{
    size_t count = json_array_size(live), next = 0;
    _cleanup_free_ size_t *pairs = NEW_ARRAY(size_t, count + 1); /* of a live element: its desired one + 1 */
    _cleanup_free_ bool *paired = NEW_ARRAY(bool, count + 1);    /* a desired one */
    bool last_fits = json_array_size(last) == count;
    json_t *result = json_array();

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count && !pairs[i]; k++) {
            struct place back = enter_index(m, i);
            if (!paired[k] && is_in_place(m, last_fits ? json_array_get(last, k) : NULL, json_array_get(desired, k),
                                          json_array_get(live, i))) {
                pairs[i] = k + 1;
                paired[k] = true;
            }
            leave(m, back);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct place back = enter_index(m, i);
        while (!pairs[i] && paired[next])
            next++;
        if (!pairs[i])
            pairs[i] = ++next;
        json_array_append_new(result, merge_map(m, last_fits ? json_array_get(last, pairs[i] - 1) : NULL,
                                                json_array_get(desired, pairs[i] - 1), json_array_get(live, i)));
        leave(m, back);
    }
    return result;
}

static bool same_elements(struct merger *m, const json_t *desired, const json_t *live)
{
    bool same = json_array_size(desired) == json_array_size(live);

    for (size_t i = 0; same && i < json_array_size(desired); i++) {
        const json_t *w = json_array_get(desired, i), *l = json_array_get(live, i);
        struct place back = enter_index(m, i);
        same = is_container(w) ? doc_equal(w, l) : is_same(m, w, l);
        leave(m, back);
    }
    return same;
}

static json_t *merge_seq_within(struct merger *m, const char *field, const json_t *last, const json_t *desired,
                                const json_t *live)
{
    struct keyed_sides sides;
    json_t *result;

    if (choose_key(m, field, last, desired, live, true, &sides)) {
        result = merge_keyed(m, &sides);
        keyed_sides_release(&sides);
        return result;
    }
    if (json_array_size(desired) == json_array_size(live) && all_maps(desired) && all_maps(live)) {
        if (is_listed(m->rules->unordered, field))
            return merge_unordered(m, last, desired, live);
        if (!choose_key(m, field, last, desired, live, false, &sides))
            return merge_by_position(m, last, desired, live);
        result = merge_into_keys(m, &sides);
        keyed_sides_release(&sides);
        return result;
    }
    if (same_elements(m, desired, live))
        return doc_copy(live);
    note(m, live, desired);
    return doc_copy(desired);
}

static json_t *merge_seq(struct merger *m, const char *field, const json_t *last, const json_t *desired,
                         const json_t *live)
{
    const struct merge_place here = {m->in, last, desired, live};
    json_t *result;

    m->in = &here;
    result = merge_seq_within(m, field, last, desired, live);
    m->in = here.around;
    return result;
}

/* Both are there. */
static json_t *merge_value(struct merger *m, const char *field, const json_t *last, const json_t *desired,
                           const json_t *live)
{
    json_t *value;

    if (is_listed(m->rules->whole, field)) {
        if (m->rules->same_whole ? m->rules->same_whole(desired, live) : doc_equal(desired, live))
            return doc_copy(live);
        note(m, live, desired);
        return doc_copy(desired);
    }
    if (json_is_object(desired) && json_is_object(live))
        return merge_map(m, last, desired, live);
    if (json_is_array(desired) && json_is_array(live))
        return merge_seq(m, field, last, desired, live);
    if (is_same(m, desired, live))
        return doc_copy(live);
    value = initial_value(m, desired);
    if (!value)
        value = json_object();
    note(m, live, value);
    return value;
}

/* It is desired and not live. NULL: it stays so. */
static json_t *add_field(struct merger *m, const json_t *desired)
{
    json_t *value;

    if (m->rules->empty_is_absent && is_empty(desired) &&
        !(m->rules->empty_counts && m->rules->empty_counts(m->rules->context, buf_str(&m->pattern))))
        return NULL;
    value = initial_value(m, desired);
    if (value)
        note(m, NULL, value);
    return value;
}

/* What other managers have in a field that was owned and is not desired any more; NULL or empty where nothing. */
static json_t *others_part(struct merger *m, const char *field, const json_t *last, const json_t *live)
{
    _cleanup_json_ json_t *nothing = json_array(), *no_fields = json_object();
    struct keyed_sides sides;
    json_t *rest = NULL;

    if (json_is_object(live) && json_is_object(last) && is_listed(m->rules->open, field))
        return merge_map(m, last, no_fields, live);
    if (json_is_object(live))
        return m->rules->foreign ? select_fields(m, live, true) : NULL;
    if (!json_is_array(live) || !json_is_array(last) || !choose_key(m, field, last, nothing, live, true, &sides))
        return NULL;
    if (sides.last.distinct) {
        const struct merge_place here = {m->in, last, nothing, live};
        m->in = &here;
        rest = merge_keyed(m, &sides);
        m->in = here.around;
    }
    keyed_sides_release(&sides);
    return rest;
}

/* It is live, was owned, and is not desired. NULL: it is removed. */
static json_t *let_go(struct merger *m, const char *field, const json_t *last, const json_t *live)
{
    size_t changes = m->out->change_count;
    json_t *rest = others_part(m, field, last, live);

    if (rest && !is_empty(rest)) {
        if (m->out->change_count == changes && !doc_equal(rest, live))
            note(m, live, rest);
        return rest;
    }
    json_decref(rest);
    forget_changes_from(m, changes);
    note(m, live, NULL);
    return NULL;
}

/* The elements of a sequence that is not desired. */
static json_t *others_elements(struct merger *m, const json_t *live)
{
    const struct merge_place here = {m->in, NULL, NULL, live};
    json_t *result = json_array(), *element;
    size_t i;

    m->in = &here;
    json_array_foreach(live, i, element) {
        struct place back = enter_index(m, i);
        json_t *rest = others_value(m, NULL, element);
        if (rest)
            json_array_append_new(result, rest);
        leave(m, back);
    }
    m->in = here.around;
    return result;
}

/* What is live here and neither desired nor owned before; NULL where it is removed. */
static json_t *others_value(struct merger *m, const char *field, const json_t *live)
{
    switch (fate_of(m, field, live)) {
    case MERGE_GOES:
        note(m, live, NULL);
        return NULL;
    case MERGE_LOOK_WITHIN:
        if (json_is_object(live))
            return merge_map(m, NULL, NULL, live);
        if (json_is_array(live))
            return others_elements(m, live);
        break;
    case MERGE_STAYS:
        break;
    }
    return doc_copy(live);
}

/* One field of a map; each side may be NULL for "absent", and so may the result. */
static json_t *merge_field(struct merger *m, const char *key, const json_t *last, const json_t *desired,
                           const json_t *live)
{
    struct place back = enter_field(m, key);
    json_t *result;

    if (is_foreign(m))
        result = live ? doc_copy(live) : NULL;
    else if (!desired && !last)
        result = live ? others_value(m, key, live) : NULL;
    else if (desired && live)
        result = merge_value(m, key, last, desired, live);
    else if (desired)
        result = add_field(m, desired);
    else
        result = live ? let_go(m, key, last, live) : NULL;
    leave(m, back);
    return result;
}

/* `live` is a map, and so is `desired`, unless nothing of it is desired (NULL). */
static json_t *merge_map(struct merger *m, const json_t *last, const json_t *desired, const json_t *live)
{
    const struct merge_place here = {m->in, last, desired, live};
    json_t *result = json_object(), *value, *merged;
    const char *key;

    m->in = &here;
    json_object_foreach((json_t *)live, key, value) {
        merged = merge_field(m, key, json_object_get(last, key), json_object_get(desired, key), value);
        if (merged)
            json_object_set_new(result, key, merged);
    }
    json_object_foreach((json_t *)desired, key, value) {
        if (json_object_get(live, key))
            continue;
        merged = merge_field(m, key, json_object_get(last, key), value, NULL);
        if (merged)
            json_object_set_new(result, key, merged);
    }
    m->in = here.around;
    return result;
}

void merge_three_way(const json_t *last, const json_t *desired, const json_t *live, const struct merge_rules *rules,
                     struct merge *ret)
{
    struct merge out = {0};
    struct merger m = {.rules = rules, .out = &out};

    if (live) {
        out.result = merge_value(&m, "", last, desired, live);
    } else {
        note(&m, NULL, desired);
        out.result = doc_copy(desired);
    }
    buf_release(&m.path);
    buf_release(&m.pattern);
    *ret = out;
}

void merge_release(struct merge *m)
{
    for (size_t i = 0; i < m->change_count; i++)
        release_change(&m->changes[i]);
    free(m->changes);
    json_decref(m->result);
    *m = (struct merge){0};
}

static json_t *skeleton(const json_t *value, const char *field, const struct merge_rules *rules);

static json_t *skeleton_map(const json_t *map, const struct merge_rules *rules)
{
    json_t *result = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)map, key, value)
        json_object_set_new(result, key, skeleton(value, key, rules));
    return result;
}

/* An element of the sequence `field`, with the values of its keys. */
static json_t *skeleton_element(const json_t *element, const char *field, const struct merge_rules *rules)
{
    json_t *result = skeleton_map(element, rules);

    for (const struct merge_key *k = rules->keys; k && k->field; k++)
        if (str_eq(k->field, field) && keyed_has(element, k)) {
            json_object_set_new(result, k->key, doc_copy(json_object_get(element, k->key)));
            if (k->second && json_is_string(json_object_get(element, k->second)))
                json_object_set_new(result, k->second, doc_copy(json_object_get(element, k->second)));
        }
    return result;
}

static json_t *skeleton(const json_t *value, const char *field, const struct merge_rules *rules)
{
    json_t *result, *element;
    size_t i;

    if (is_listed(rules->whole, field))
        return json_integer(1);
    if (json_is_object(value))
        return skeleton_map(value, rules);
    if (!json_is_array(value) || (json_array_size(value) && !all_maps(value)))
        return json_integer(1);
    result = json_array();
    json_array_foreach(value, i, element)
        json_array_append_new(result, skeleton_element(element, field, rules));
    return result;
}

json_t *merge_skeleton(const json_t *desired, const struct merge_rules *rules)
{
    return skeleton(desired, "", rules);
}

void merge_summary(const struct merge *m, size_t most, struct buf *out)
{
    static const char *const verbs[] = {[MERGE_ADD] = "added", [MERGE_CHANGE] = "differs", [MERGE_REMOVE] = "removed"};
    ARRAY_COVERS(verbs, MERGE_TYPE_LAST);
    size_t shown = m->change_count < most ? m->change_count : most;

    for (size_t i = 0; i < shown; i++)
        buf_printf(out, "%s%s %s", i ? ", " : "", m->changes[i].name, verbs[m->changes[i].type]);
    if (shown < m->change_count)
        buf_printf(out, "%s(+%zu more)", shown ? " " : "", m->change_count - shown);
}
