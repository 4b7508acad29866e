/*
 * Defaults that a newer release changed, and a mesh that came from an older one keeps, until the resource says what it
 * wants. Pure.
 *
 * Which ones is remembered in the status (STATUS_FIELD_KEPT_DEFAULTS), and follows at first from the version that all
 * of the mesh had, status.version: a mesh that is installed with a release has its defaults.
 */
#ifndef CONTROLLERS_MESH_KEPT_H
#define CONTROLLERS_MESH_KEPT_H

#include <jansson.h>

/* [{field, value, newDefault}], for the status of a resource that asks for version `to`; owned by the caller. */
json_t *kept_defaults(const json_t *resource, const char *to);
/* The resource with the kept values that release `version` has fields for, where its spec says nothing; owned. */
json_t *kept_apply(const json_t *resource, const char *version);
/* What a resource says at such a path of names with dots between ("spec.pilot.env.NAME"); NULL: nothing, or null. */
json_t *kept_value_at(const json_t *resource, const char *path);

#endif
