/* The table of the operator's custom resources. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "api/resource.h"

/* All of them; ends with NULL. */
extern const struct api_resource *const api_resources[];
/* By kind; NULL where there is none. */
const struct api_resource *api_resource_find(const char *kind);

#endif
