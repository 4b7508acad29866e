#include "controllers/mesh/finding.h"

#include "api/status.h"

void finding_release(struct finding *finding)
{
    buf_release(&finding->text);
    *finding = (struct finding){0};
}

void finding_say(struct finding *finding, bool holds, const char *reason)
{
    finding->reason = reason;
    finding->holds = holds;
}

json_t *finding_condition(const struct reconcile *r, const char *type, const struct finding *finding)
{
    if (!finding->reason)
        return NULL;
    return status_condition(&r->facts, type, finding->holds, finding->reason, buf_str(&finding->text));
}
