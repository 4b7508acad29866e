/*
 * Which requests go to the new version because they match (`analysis.match`, `steps[].match`): the fields, and what
 * they come to beside `service.match`, by which all requests are chosen that have a route at all.
 *
 * Source: istio.io, "HTTPMatchRequest": the conditions of one item all hold, and of several items one does.
 */
#ifndef CONTROLLERS_CANARY_CANARY_MATCH_H
#define CONTROLLERS_CANARY_CANARY_MATCH_H

#include "api/field.h"

enum { CANARY_MATCHES_MAX = 16 };

/* An item of the list. */
extern const struct field canary_match_item;

/* Requests that match one of `service` (an empty one: all do) and one of `match`; owned by the caller. */
json_t *canary_match_both(const json_t *service, const json_t *match);
/* What cannot hold at once with an item of `service` is a problem with its path below `path`. */
void canary_match_check(const json_t *service, const json_t *match, const char *path, struct problems *problems);

#endif
