/*
 * The webhooks of a Canary (`analysis.webhooks`), which a release asks and notifies, and its alerts
 * (`analysis.alerts`), which it notifies. Types and names of fields are Flagger's.
 */
#ifndef CONTROLLERS_CANARY_CANARY_WEBHOOKS_H
#define CONTROLLERS_CANARY_CANARY_WEBHOOKS_H

#include "api/field.h"
#include "base/clock.h"

enum { CANARY_HOOKS_MAX = 8, CANARY_ALERTS_MAX = 4 };

/* id, name in the resource, what it is for. */
#define CANARY_HOOKS(X)                                                                                                \
    X(CONFIRM_ROLLOUT, "confirm-rollout", "before a new version gets pods")                                            \
    X(PRE_ROLLOUT, "pre-rollout", "when its pods are ready, before they get traffic")                                  \
    X(ROLLOUT, "rollout", "in each check")                                                                             \
    X(CONFIRM_INCREASE, "confirm-traffic-increase", "before the weight grows")                                         \
    X(CONFIRM_PROMOTION, "confirm-promotion", "before the primary is rolled out")                                      \
    X(ROLLBACK, "rollback", "during the release, again and again: a yes ends it")                                      \
    X(POST_ROLLOUT, "post-rollout", "notified when a release has ended, whichever way")                                \
    X(EVENT, "event", "notified of what alerts are")

enum canary_hook {
    HOOK_NONE,
#define X(id, name, doc) HOOK_##id,
    CANARY_HOOKS(X)
#undef X
        HOOK_LAST = HOOK_EVENT,
};

enum canary_severity { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_ERROR };

/* The label of a Secret that Canaries may send, and its value: who may write Canaries need not be who reads Secrets. */
#define CANARY_CREDENTIALS "canary.istio.banzaicloud.io/credentials"

/* The items of `analysis.webhooks`; and what must hold of all together, of those of alerts, too. */
extern const struct field canary_webhook;
void canary_check_names(const json_t *items, const char *path, struct problems *problems);

/* The items of `analysis.alerts`. */
extern const struct field canary_alert;

/* How often a notice that was not taken is sent again. */
enum { CANARY_TELL_RETRIES = 3 };

/* Longer ones in a Secret are refused. */
#define CANARY_CREDENTIAL_MAX ((size_t)4096)

/* The name of the Secret of a webhook or an alert, borrowed; NULL: none. */
const char *canary_secret_name(const json_t *item);
/* The least one that is sent to an alert. */
enum canary_severity canary_alert_severity(const json_t *alert);
const char *canary_severity_name(enum canary_severity severity);

/* Of an item that is valid. Names are borrowed. */
enum canary_hook canary_hook_type(const json_t *webhook);
const char *canary_hook_type_name(enum canary_hook type);
msec_t canary_hook_timeout(const json_t *webhook);
int canary_hook_retries(const json_t *webhook);

#endif
