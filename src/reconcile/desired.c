#include "reconcile/desired.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

char *object_key(const struct kube_kind *kind, const char *ns, const char *name)
{
    return ns ? STR_JOIN('/', kind->kind, ns, name) : STR_JOIN('/', kind->kind, name);
}

uint64_t desired_hash(const char *text)
{
    return str_hash(text, strlen(text)) | 1;
}

/* Borrowed; NULL: it has none, or no Pods. */
static const char *account_of(const struct rendered *object)
{
    for (const struct kube_need *need = object->kind->needs; need && need->kind; need++)
        if (str_eq(need->kind, "ServiceAccount"))
            return doc_string(object->object, "spec", "template", "spec", "serviceAccountName");
    return NULL;
}

static struct desired describe(const struct rendered *object, const struct mark_owner *owner)
{
    struct desired w;

    if (owner)
        mark_desired(object->object, object->kind, owner);
    w = (struct desired){
        .kind = object->kind,
        .foreign = object->foreign,
        .inherits = object->inherits,
        .asked = object->asked,
        .keeps_ports = object->keeps_ports,
        .newest_wins = object->newest_wins,
        .created_last = object->created_last,
        .after = object->after,
        .restart_on = object->restart_on,
        .ns = object->kind->namespaced ? str_dup(doc_string(object->object, "metadata", "namespace")) : NULL,
        .name = str_dup(doc_string(object->object, "metadata", "name")),
        .account = str_dup(account_of(object)),
        .text = doc_text(object->object),
    };
    w.hash = desired_hash(w.text);
    return w;
}

static void forget_text(struct desired *w)
{
    char *text = TAKE_PTR(w->text);

    if (text)
        mem_free_secret(text, strlen(text));
}

static void release(struct desired *w)
{
    forget_text(w);
    free(w->ns);
    free(w->name);
    free(w->account);
}

static int by_identity(const void *a, const void *b)
{
    const struct desired *x = *(struct desired *const *)a, *y = *(struct desired *const *)b;
    int names = strcmp(x->name, y->name);

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return names ? names : strcmp(str_or(x->ns, ""), str_or(y->ns, ""));
}

static void make_index(struct desired_set *set)
{
    set->index = NEW_ARRAY(struct desired *, set->len);
    for (size_t i = 0; i < set->len; i++)
        set->index[i] = &set->items[i];
    qsort(set->index, set->len, sizeof(*set->index), by_identity);
}

struct desired *
desired_find(const struct desired_set *set, const struct kube_kind *kind, const char *ns, const char *name)
{
    struct desired key = {.kind = kind, .ns = (char *)ns, .name = (char *)name}, *at = &key;
    struct desired **found = bsearch(&at, set->index, set->len, sizeof(*set->index), by_identity);

    return found ? *found : NULL;
}

struct desired_set *desired_from(struct rendered_list *objects, const struct mark_owner *owner)
{
    struct desired_set *set = NEW(struct desired_set);

    set->items = NEW_ARRAY(struct desired, objects->len);
    for (size_t i = 0; i < objects->len; i++)
        set->items[set->len++] = describe(&objects->items[i], owner);
    rendered_release(objects);
    make_index(set);
    return set;
}

void desired_replace(struct desired_set *set, struct rendered_list *objects, const struct mark_owner *owner)
{
    for (size_t i = 0; i < objects->len; i++) {
        struct desired w = describe(&objects->items[i], owner);
        struct desired *place = desired_find(set, w.kind, w.ns, w.name);
        release(place);
        *place = w;
    }
    rendered_release(objects);
}

void desired_forget_texts(struct desired_set *set)
{
    for (size_t i = 0; i < set->len; i++)
        forget_text(&set->items[i]);
}

void desired_free(struct desired_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->len; i++)
        release(&set->items[i]);
    free(set->items);
    free(set->index);
    free(set);
}
