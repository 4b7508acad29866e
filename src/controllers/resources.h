/* The operator's custom resources, by the list in mesh/kinds.h: for those who need not know how they are reconciled. */
#ifndef CONTROLLERS_RESOURCES_H
#define CONTROLLERS_RESOURCES_H

#include "api/resource.h"

/* All of them; ends with NULL. */
extern const struct api_resource *const api_resources[];
/* By kind; NULL where there is none. */
const struct api_resource *api_resource_find(const char *kind);

#endif
