/*
 * Sticky sessions (`analysis.sessionAffinity`, fields as Flagger's): cookies by which a client that was once routed to
 * the new version stays there while the weight grows.
 *
 * A cookie's value is of one release, so that it means nothing when that has ended, also where the client keeps it. It
 * follows from the status, and survives a restart.
 *
 * Source: RFC 6265, 4.1.1 (attributes) and 4.2.1 (the header `cookie`).
 */
#ifndef CONTROLLERS_CANARY_CANARY_AFFINITY_H
#define CONTROLLERS_CANARY_CANARY_AFFINITY_H

#include "api/field.h"
#include "base/clock.h"

extern const struct field_table canary_affinity_table;

enum canary_cookie {
    COOKIE_CANARY,  /* of clients that were at the canary */
    COOKIE_PRIMARY, /* of those at the primary, until the weight grows */
};

/* What a cookie is of. */
struct canary_session {
    const json_t *affinity; /* valid */
    const char *revision;
    msec_t release; /* it began */
    int weight;
};

/* Whether there is this one. */
bool canary_has_cookie(const json_t *affinity, enum canary_cookie which);
/* The condition of a route for requests with the cookie of this session; of any one where `s` is NULL. Owned by the
   caller. */
json_t *canary_cookie_match(const json_t *affinity, enum canary_cookie which, const struct canary_session *s);
/* The headers of a destination that gives the cookie; `s` NULL: that takes it away. Owned by the caller. */
json_t *canary_cookie_headers(const json_t *affinity, enum canary_cookie which, const struct canary_session *s);

#endif
