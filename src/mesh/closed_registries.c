#include "mesh/closed_registries.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static const char *const closed[] = {"gcr.io/istio-release", "registry.istio.io"};

static bool begins_with(const char *image, const char *registry)
{
    size_t len = strlen(registry);

    return strncmp(image, registry, len) == 0 && (!image[len] || strchr("/\"\\", image[len]));
}

const char *closed_registry_of(const char *image)
{
    for (size_t i = 0; image && i < ARRAY_LEN(closed); i++)
        if (begins_with(image, closed[i]))
            return closed[i];
    return NULL;
}

const char *closed_registry_in(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        for (const char *at = text; (at = strstr(at, closed[i])); at++)
            if (at > text && at[-1] == '"' && begins_with(at, closed[i]))
                return closed[i];
    return NULL;
}
