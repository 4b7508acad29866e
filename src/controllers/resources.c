#include "controllers/resources.h"

#include "base/str.h"
#include "mesh/kinds.h"

/* Istio's is in mesh/resources.c, each other one in the folder of its kind. */
#define RESOURCE(id, name, ...) api_resource_##name
#define RESOURCE_AT(...) &RESOURCE(__VA_ARGS__)
extern const struct api_resource MESH_RESOURCES(RESOURCE);
const struct api_resource *const api_resources[] = {MESH_RESOURCES(RESOURCE_AT), NULL};

const struct api_resource *api_resource_find(const char *kind)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq((*r)->kind, kind))
            return *r;
    return NULL;
}
