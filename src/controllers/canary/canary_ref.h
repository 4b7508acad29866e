/*
 * `service.virtualServiceRef`: a release within routes of the user's own VirtualService, of which only destinations and
 * weights are the Canary's.
 */
#ifndef CONTROLLERS_CANARY_CANARY_REF_H
#define CONTROLLERS_CANARY_CANARY_REF_H

#include "api/resource.h"

extern const struct field_table canary_ref_table;

/* What would need more than destinations and weights is a problem with its path. */
void canary_check_ref(const struct api_check *check);

#endif
