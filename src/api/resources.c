#include "api/resources.h"

#include "api/istio.h"
#include "api/remote_istio.h"
#include "base/str.h"

const struct api_resource *const api_resources[] = {&api_resource_istio, &api_resource_remote_istio, NULL};

const struct api_resource *api_resource_find(const char *kind)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq((*r)->kind, kind))
            return *r;
    return NULL;
}
