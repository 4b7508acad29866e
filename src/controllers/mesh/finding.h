/* What is found out about something of the mesh's that does not hold it up, and is told in a condition. */
#ifndef CONTROLLERS_MESH_FINDING_H
#define CONTROLLERS_MESH_FINDING_H

#include "reconcile/reconciler.h"

/* Zeroed: nothing is to be said. */
struct finding {
    bool waits;         /* it is not known yet: what the status said before stays */
    const char *reason; /* of the condition; static; NULL: it has none */
    bool holds;
    struct buf text; /* the condition's message */
};

void finding_release(struct finding *finding);
/* Sets the reason; the caller writes the text. */
void finding_say(struct finding *finding, bool holds, const char *reason);
/* The condition of this type; owned by the caller; NULL: there is none. */
json_t *finding_condition(const struct reconcile *r, const char *type, const struct finding *finding);

#endif
