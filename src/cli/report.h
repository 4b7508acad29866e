/*
 * What `status` says about a mesh, or about a remote cluster in it: one document for programs, and its text for users.
 * Pure.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"

/*
 * From the resource of this kind as it is in the cluster, the items of the list of its Events (NULL: they could not be
 * read) and the version of Kubernetes where the resource is; a RemoteIstio has that of its own cluster in its status.
 * Owned by the caller.
 */
json_t *report_make(const char *kind, const json_t *resource, const json_t *events, const char *kubernetes);

/* Whether the mesh is what the resource asks for, in its newest generation. */
bool report_is_available(const json_t *report);

void report_print(const json_t *report, msec_t now, bool color, struct buf *out);

#endif
