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

/* The digest of the content of "Kind/name"; NULL where it is not there. */
static json_t *content_digest(const struct rendered_list *objects, const char *what)
{
    for (size_t i = 0; i < objects->len; i++) {
        const json_t *object = objects->items[i].object;
        _cleanup_free_ char *key =
            str_printf("%s/%s", objects->items[i].kind->kind, doc_string(object, "metadata", "name"));
        char digest[65], *text;

        if (!str_eq(key, what))
            continue;
        text = doc_text(doc_at(object, "data"));
        str_sha256_hex(text, strlen(text), digest);
        mem_free_secret(text, strlen(text));
        return json_string(digest);
    }
    return NULL;
}

void rendered_digest_configs(struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++) {
        const struct rendered *object = &objects->items[i];
        json_t *digest = object->restart_on ? content_digest(objects, object->restart_on) : NULL;
        if (digest)
            json_object_set_new(
                doc_make(object->object, "spec", "template", "metadata", "annotations"), DIGEST_ANNOTATION, digest);
    }
}

void rendered_release(struct rendered_list *objects)
{
    for (size_t i = 0; i < objects->len; i++)
        json_decref(objects->items[i].object);
    free(objects->items);
    *objects = (struct rendered_list){0};
}
