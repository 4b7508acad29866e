#include "mesh/mesh.h"

#include <string.h>

#include "json/doc.h"

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
}

void mesh_objects_release(struct mesh_objects *objects)
{
    for (size_t i = 0; i < objects->len; i++)
        json_decref(objects->items[i].object);
    free(objects->items);
    *objects = (struct mesh_objects){0};
}
