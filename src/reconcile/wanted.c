#include "reconcile/wanted.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

char *object_key(const struct kube_kind *kind, const char *ns, const char *name)
{
    return ns ? STR_JOIN('/', kind->kind, ns, name) : STR_JOIN('/', kind->kind, name);
}

static struct wanted describe(const struct rendered *object, const struct mark_owner *owner)
{
    struct wanted w;

    if (owner)
        mark_wanted(object->object, object->kind, owner);
    w = (struct wanted){
        .kind = object->kind,
        .foreign = object->foreign,
        .ns = object->kind->namespaced ? str_dup(doc_string(object->object, "metadata", "namespace")) : NULL,
        .name = str_dup(doc_string(object->object, "metadata", "name")),
        .text = doc_text(object->object),
    };
    w.hash = str_hash(w.text, strlen(w.text)) | 1;
    return w;
}

static void forget_text(struct wanted *w)
{
    char *text = TAKE_PTR(w->text);

    if (text)
        mem_free_secret(text, strlen(text));
}

static void release(struct wanted *w)
{
    forget_text(w);
    free(w->ns);
    free(w->name);
}

static int by_identity(const void *a, const void *b)
{
    const struct wanted *x = *(struct wanted *const *)a, *y = *(struct wanted *const *)b;
    int names = strcmp(x->name, y->name);

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return names ? names : strcmp(str_or(x->ns, ""), str_or(y->ns, ""));
}

static void make_index(struct wanted_set *set)
{
    set->index = NEW_ARRAY(struct wanted *, set->len);
    for (size_t i = 0; i < set->len; i++)
        set->index[i] = &set->items[i];
    qsort(set->index, set->len, sizeof(*set->index), by_identity);
}

struct wanted *wanted_find(const struct wanted_set *set, const struct kube_kind *kind, const char *ns, const char *name)
{
    struct wanted key = {.kind = kind, .ns = (char *)ns, .name = (char *)name}, *at = &key;
    struct wanted **found = bsearch(&at, set->index, set->len, sizeof(*set->index), by_identity);

    return found ? *found : NULL;
}

struct wanted_set *wanted_from(struct rendered_list *objects, const struct mark_owner *owner)
{
    struct wanted_set *set = NEW(struct wanted_set);

    set->items = NEW_ARRAY(struct wanted, objects->len);
    for (size_t i = 0; i < objects->len; i++)
        set->items[set->len++] = describe(&objects->items[i], owner);
    rendered_release(objects);
    make_index(set);
    return set;
}

void wanted_replace(struct wanted_set *set, struct rendered_list *objects, const struct mark_owner *owner)
{
    for (size_t i = 0; i < objects->len; i++) {
        struct wanted w = describe(&objects->items[i], owner);
        struct wanted *place = wanted_find(set, w.kind, w.ns, w.name);
        release(place);
        *place = w;
    }
    rendered_release(objects);
}

void wanted_forget_texts(struct wanted_set *set)
{
    for (size_t i = 0; i < set->len; i++)
        forget_text(&set->items[i]);
}

void wanted_free(struct wanted_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->len; i++)
        release(&set->items[i]);
    free(set->items);
    free(set->index);
    free(set);
}
