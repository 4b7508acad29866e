#include "mesh/mesh.h"

#include <string.h>

#include "base/str.h"
#include "json/doc.h"

#define DIGEST_ANNOTATION "checksum/config-volume"

static int compare(const void *a, const void *b)
{
    const struct mesh_object *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(doc_string(x->object, "metadata", "name"), doc_string(y->object, "metadata", "name"));
}

void mesh_render(const struct mesh_env *env, struct mesh_objects *ret)
{
    const struct mesh_line *line = env->release->line;

    *ret = (struct mesh_objects){0};
    for (const mesh_part_fn *part = line->shared; *part; part++)
        (*part)(env, ret);
    for (const struct mesh_component *c = line->components; c->name; c++) {
        if (c->spec(env->spec)->enabled)
            c->render(env, ret);
    }
    qsort(ret->items, ret->len, sizeof(*ret->items), compare);
    mesh_digest_configs(ret);
}

/* The digest of a ConfigMap's content; NULL where it is not there. */
static json_t *config_digest(const struct mesh_objects *objects, const char *name)
{
    for (size_t i = 0; i < objects->len; i++) {
        const json_t *object = objects->items[i].object;
        _cleanup_free_ char *text = NULL;
        char digest[65];

        if (!str_eq(objects->items[i].kind->kind, "ConfigMap") || !str_eq(doc_string(object, "metadata", "name"), name))
            continue;
        text = doc_text(doc_at(object, "data"));
        str_sha256_hex(text, strlen(text), digest);
        return json_string(digest);
    }
    return NULL;
}

void mesh_digest_configs(struct mesh_objects *objects)
{
    for (size_t i = 0; i < objects->len; i++) {
        const struct mesh_object *object = &objects->items[i];
        json_t *digest = object->restart_on ? config_digest(objects, object->restart_on) : NULL;
        if (digest)
            json_object_set_new(
                doc_make(object->object, "spec", "template", "metadata", "annotations"), DIGEST_ANNOTATION, digest);
    }
}

void mesh_objects_release(struct mesh_objects *objects)
{
    for (size_t i = 0; i < objects->len; i++)
        json_decref(objects->items[i].object);
    free(objects->items);
    *objects = (struct mesh_objects){0};
}
