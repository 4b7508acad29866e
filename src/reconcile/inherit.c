#include "reconcile/inherit.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "kube/kind.h"

#define TEMPLATE "spec.template."

/*
 * Appends what is at a path as rendered.inherits has it to `found`, and with `remove` removes it. A key may have dots
 * of its own (labels).
 */
static void visit(json_t *value, const char *path, bool remove, json_t *found)
{
    const char *key;
    json_t *field;
    void *next;
    size_t i;

    if (str_starts(path, "[].")) {
        json_array_foreach(value, i, field)
            visit(field, path + 3, remove, found);
        return;
    }
    json_object_foreach_safe(value, next, key, field)
    {
        size_t len = strlen(key);
        if (!str_starts(path, key))
            continue;
        if (path[len] == '.')
            visit(field, path + len + 1, remove, found);
        else if (path[len] == '[')
            visit(field, path + len, remove, found);
        if (path[len])
            continue;
        json_array_append(found, field);
        if (remove)
            json_object_del(value, key);
    }
}

/* Owned by the caller. */
static json_t *values_at(const json_t *value, const char *path)
{
    json_t *found = json_array();

    visit((json_t *)value, path, false, found);
    return found;
}

static bool has(const json_t *value, const char *path)
{
    _cleanup_json_ json_t *found = values_at(value, path);

    return json_array_size(found) > 0;
}

static bool take_away(json_t *value, const char *path)
{
    _cleanup_json_ json_t *found = json_array();

    visit(value, path, true, found);
    return json_array_size(found) > 0;
}

void inherit_note_asked(struct rendered *object, const json_t *before)
{
    for (size_t i = 0; object->inherits && object->inherits[i]; i++) {
        _cleanup_json_ json_t *was = values_at(before, object->inherits[i]);
        _cleanup_json_ json_t *is = values_at(object->object, object->inherits[i]);
        if (!doc_equal(was, is))
            object->asked |= 1u << i;
    }
}

/* NULL where nothing is inherited. */
static json_t *without(const struct desired *w, const json_t *desired, const json_t *applied, bool template)
{
    json_t *rest = doc_copy(desired);
    bool any = false;

    for (size_t i = 0; w->inherits[i]; i++) {
        const char *path = w->inherits[i];
        if ((w->asked & (1u << i)) || (!template && str_starts(path, TEMPLATE)) || has(doc_at(applied, "fields"), path))
            continue;
        any |= take_away(rest, path);
    }
    if (any) {
        mark_fields(rest, w->kind);
        return rest;
    }
    json_decref(rest);
    return NULL;
}

static bool changes_template(const struct merge *m)
{
    for (size_t i = 0; i < m->change_count; i++)
        if (str_starts(m->changes[i].path, TEMPLATE))
            return true;
    return false;
}

/* With what is merged into `live`, without the record of it. */
static void
merge_rest(const struct desired *w, const json_t *rest, const json_t *live, const json_t *applied, struct merge *ret)
{
    struct kube_merge how;

    kube_merge_init(w->kind, w->foreign, &how);
    merge_three_way(doc_at(applied, "fields"), rest, live, &how.rules, ret);
}

/* `full` is the merge of all that is desired. */
static bool makes_no_difference(const struct merge *full, const struct merge *m)
{
    return doc_equal(doc_at(full->result, "spec"), doc_at(m->result, "spec"));
}

bool inherit_is_of_pods(const struct desired *w)
{
    for (size_t i = 0; w->inherits && w->inherits[i]; i++)
        if (str_starts(w->inherits[i], TEMPLATE))
            return true;
    return false;
}

json_t *inherit_desired(
    const struct desired *w, const json_t *desired, const json_t *live, const json_t *applied, const struct merge *full)
{
    struct merge m;
    json_t *rest;

    if (!w->inherits)
        return NULL;
    rest = without(w, desired, applied, true);
    if (!rest)
        return NULL;
    merge_rest(w, rest, live, applied, &m);
    if (changes_template(&m)) {
        json_decref(rest);
        merge_release(&m);
        rest = without(w, desired, applied, false);
        if (!rest)
            return NULL;
        merge_rest(w, rest, live, applied, &m);
    }
    if (makes_no_difference(full, &m)) {
        json_decref(rest);
        rest = NULL;
    }
    merge_release(&m);
    return rest;
}
