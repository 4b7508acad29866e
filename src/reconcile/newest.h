/*
 * Definitions of a newer release: what the cluster has by another program, and what this operator does not know yet.
 * They are left as they are, because an older definition takes fields away from objects that have them. Pure.
 */
#ifndef RECONCILE_NEWEST_H
#define RECONCILE_NEWEST_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Whether the live definition is of a newer release than the desired one, for objects that are rendered with
 * `newest_wins`. It is where its label MARK_RELEASE says so; and, because the label is missing in some installations
 * and another program may have changed what the operator wrote (`applied`), where it has a version that is more stable
 * than the desired ones, or in one of these a field or a value of an enum that is not desired: that is what releases
 * add. A label that says an older release counts alone where the operator did not write the object.
 */
bool newest_is_live(const json_t *desired, const json_t *live, bool applied);

#endif
