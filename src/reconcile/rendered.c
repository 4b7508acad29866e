#include "reconcile/rendered.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/doc.h"

#define DIGEST_ANNOTATION "checksum/config-volume"

static int compare(const void *a, const void *b)
{
    const struct rendered *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(doc_string(x->object, "metadata", "name"), doc_string(y->object, "metadata", "name"));
}

void rendered_sort(struct rendered_list *objects)
{
    if (objects->len)
        qsort(objects->items, objects->len, sizeof(*objects->items), compare);
}

void rendered_set_digest(json_t *object, const json_t *config)
{
    char digest[65], *text = doc_text(doc_at(config, "data"));

    str_sha256_hex(text, strlen(text), digest);
    mem_free_secret(text, strlen(text));
    json_object_set_new(
        doc_make(object, "spec", "template", "metadata", "annotations"), DIGEST_ANNOTATION, json_string(digest));
}

const char *rendered_digest_in(const json_t *object)
{
    return doc_string(object, "spec", "template", "metadata", "annotations", DIGEST_ANNOTATION);
}

/* "Kind/name"; NULL where it is not there. */
static const json_t *find_config(const struct rendered_list *objects, const char *what)
{
    for (size_t i = 0; i < objects->len; i++) {
        const json_t *object = objects->items[i].object;
        _cleanup_free_ char *key =
            str_printf("%s/%s", objects->items[i].kind->kind, doc_string(object, "metadata", "name"));
        if (str_eq(key, what))
            return object;
    }
    return NULL;
}

void rendered_digest_configs(struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++) {
        const struct rendered *object = &objects->items[i];
        const json_t *config = object->restart_on ? find_config(objects, object->restart_on) : NULL;
        if (config)
            rendered_set_digest(object->object, config);
    }
}

void rendered_set_apart(struct rendered_list *objects, size_t from, unsigned apart)
{
    for (size_t i = from; i < objects->len; i++)
        objects->items[i].apart = apart;
}

struct rendered_list rendered_take(struct rendered_list *objects, unsigned apart)
{
    struct rendered_list taken = {0};
    size_t kept = 0;

    for (size_t i = 0; i < objects->len; i++) {
        if (objects->items[i].apart != apart) {
            objects->items[kept++] = objects->items[i];
            continue;
        }
        ARRAY_RESERVE_ONE(taken.items, taken.len, taken.cap);
        taken.items[taken.len++] = objects->items[i];
    }
    objects->len = kept;
    return taken;
}

void rendered_release(struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++)
        json_decref(objects->items[i].object);
    free(objects->items);
    *objects = (struct rendered_list){0};
}
