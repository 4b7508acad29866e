/* The resource Canary: its names, what `kubectl get` shows, and its status. */
#include "api/status_rows.h"
#include "base/mem.h"
#include "controllers/canary/canary.h"
#include "mesh/kinds.h"

#define OWN_CONDITIONS                                                                                                 \
    CONDITION_LINE(CONDITION_PROMOTED, "the primary is the version that the target declares")                          \
    CONDITION_LINE(CONDITION_PROGRESSING, "a new version is being released")                                           \
    CONDITION_LINE(CONDITION_HELD, "the release does not go on; the message says what it waits for")                   \
    CONDITION_LINE(CONDITION_CONTENDED, "another client changes what this Canary writes, again and again")             \
    CONDITION_LINE(                                                                                                    \
        CONDITION_ROUTE_CONFLICT,                                                                                      \
        "another VirtualService has a host of this Canary in the mesh, or the one of virtualServiceRef cannot be "     \
        "used")

static const struct field_table condition_table = {
    .name = "Condition",
    .doc = CONDITIONS_DOC OWN_CONDITIONS,
    FIELD_ROWS(status_condition_rows),
};

static const struct field condition = {NULL, DOCUMENT(condition_table)};

static const struct field step_rows[] = {
    {"index", INTEGER(-1, 100), .doc = "Which step it is, from 0 on; -1 before the first one."},
    {"weight", INTEGER(0, 100), .doc = "Percent of the traffic in this step."},
    {"mirror", INTEGER(0, 100), .doc = "Percent of the requests that are mirrored in this step; absent: none are."},
    {"match",
     INTEGER(0, 100),
     .doc = "Percent of the requests that match which the target gets in this step; absent: none are told apart."},
    {"approved", FLAG, .doc = "Whether a person let a step with `approve` end."},
    {"since", TIME, .doc = "When the VirtualService was seen with this weight."},
    {"matched", TEXT(format_text), .doc = "Which requests matched since then: a hash of `match`."},
    {"checked", TIME, .doc = "When the last check of this step ended."},
};

static const struct field_table step_table = {
    .name = "Current step",
    .doc = "The step of the release.",
    FIELD_ROWS(step_rows),
};

static const struct field check_rows[] = {
    {"metric", TEXT(format_text), .required = true, .doc = "Its name in `analysis.metrics`."},
    {"value", TEXT(format_text), .doc = "What was measured; empty where there was no value."},
    {"verdict", CHOICE("Pass", "Fail", "NoData", "Error"), .doc = "What it came to."},
    {"message", TEXT(format_text), .doc = "Why, where it did not pass."},
    {"at", TIME, .doc = "When it was measured."},
};

static const struct field_table check_table = {
    .name = "Check",
    .doc = "What a metric came to last.",
    FIELD_ROWS(check_rows),
};

static const struct field last_check = {NULL, DOCUMENT(check_table)};

static const struct field hook_rows[] = {
    {"name", TEXT(format_text), .required = true, .doc = "Its name in `analysis.webhooks`."},
    {"id", TEXT(format_text), .required = true, .doc = "What it was asked about: the `id` in the document."},
    {"verdict", CHOICE("Pass", "Fail"), .doc = "What it answered: a yes, or a no, or nothing in time."},
    {"message", TEXT(format_text), .doc = "Why it did not pass."},
    {"at", TIME, .doc = "When it was so first."},
};

static const struct field_table hook_table = {
    .name = "Webhook's answer",
    .doc = "What a webhook answered last.",
    FIELD_ROWS(hook_rows),
};

static const struct field last_answer = {NULL, DOCUMENT(hook_table)};
static const struct field receiver = {NULL, TEXT(format_text)};

static const struct field notice_rows[] = {
    {"id", TEXT(format_text), .required = true, .doc = "What the `id` of its documents begins with."},
    {"event", CHOICE("Started", "Waiting", "Promoted", "Reverted", "Failed"), .doc = "What happened."},
    {"severity", CHOICE("info", "warn", "error"), .doc = "How bad it is."},
    {"phase", TEXT(format_text), .doc = "The phase then."},
    {"revision", TEXT(format_text), .doc = "The revision that it is about."},
    {"message", TEXT(format_text), .doc = "What was said then."},
    {"at", TIME, .doc = "When it happened."},
    {"pending", LIST(receiver, 0, 100), .doc = "The webhooks and alerts that it is still to be sent to."},
    {"waitsFor", TEXT(format_text), .doc = "Why one of them could not be sent it yet."},
};

static const struct field_table notice_table = {
    .name = "Notice",
    .doc = "What is sent to webhooks and alerts.",
    FIELD_ROWS(notice_rows),
};

static const struct field last_notice = {NULL, DOCUMENT(notice_table)};

#define PHASE_NAME(id, name, doc) name,
#define PHASE_MEANING(id, name, doc) " " name ": " doc "."

static const char *const phases[] = {API_CANARY_PHASES(PHASE_NAME) NULL};

static const struct field status_rows[] = {
    {STATUS_FIELD_PHASE,
     .type = FIELD_CHOICE,
     .choices = phases,
     .doc = "Where the release stands." API_CANARY_PHASES(PHASE_MEANING)},
    {STATUS_FIELD_REASON, TEXT(format_text), .doc = "Why it stands there, in one word for programs."},
    {STATUS_FIELD_MESSAGE, TEXT(format_text), .doc = "What it waits for, and until when."},
    {STATUS_FIELD_REVISION,
     TEXT(format_text),
     .doc = "The version that is released, or was last: a hash of the target's template."},
    {STATUS_FIELD_PROMOTED_REVISION, TEXT(format_text), .doc = "The version of the primary."},
    {STATUS_FIELD_FAILED_REVISION,
     TEXT(format_text),
     .doc = "The version that failed last: it is not tried again by itself."},
    {STATUS_FIELD_POD_TEMPLATE_HASH,
     TEXT(format_text),
     .doc = "Which pods of the target the canary's Service selects."},
    {STATUS_FIELD_FROZEN, FLAG, .doc = "Whether the operator paused the target, for the time of the release."},
    {STATUS_FIELD_CANARY_WEIGHT, INTEGER(0, 100), .doc = "Percent of the traffic that the target gets."},
    {STATUS_FIELD_STEP, DOCUMENT(step_table), .doc = "The step, while there is one."},
    {STATUS_FIELD_FAILED_CHECKS, INTEGER(0, PODS_MAX), .doc = "Checks of this release that failed."},
    {STATUS_FIELD_INCONCLUSIVE_CHECKS, INTEGER(0, PODS_MAX), .doc = "Checks of this release without data."},
    {STATUS_FIELD_ERROR_CHECKS, INTEGER(0, PODS_MAX), .doc = "Checks of this release that Prometheus did not answer."},
    {STATUS_FIELD_CHECKS, LIST(last_check, 0, 100), .doc = "What each metric came to last."},
    {STATUS_FIELD_HOOKS, LIST(last_answer, 0, 100), .doc = "What each webhook answered last."},
    {STATUS_FIELD_NOTICES, LIST(last_notice, 0, 100), .doc = "What was sent last, or is still to be."},
    {STATUS_FIELD_RELEASE_STARTED, TIME, .doc = "When the release began, or what is asked before it."},
    {STATUS_FIELD_RUN_STARTED, TIME, .doc = "When what is going on began; the deadline counts from there."},
    {STATUS_FIELD_SETTLE_UNTIL, TIME, .doc = "Until when proxies learn of endpoints."},
    {STATUS_FIELD_DRAIN_UNTIL, TIME, .doc = "Until when open requests may end."},
    {STATUS_FIELD_COMMAND, TEXT(format_text), .doc = "The command that was handled last, with its token."},
    {STATUS_FIELD_APPROVED_HOOK,
     TEXT(format_text),
     .doc = "The type of the webhooks for which a person said yes, until the release goes on."},
    STATUS_ROWS_OF_ALL("Where the objects of the Canary stand." API_STATUSES(STATUS_MEANING), status_words),
    STATUS_ROW_CONDITIONS(condition),
    STATUS_ROWS_LEFT_ALONE,
};

static const struct field_table status_table = {
    .name = "status",
    .doc = "Written by the operator.",
    FIELD_ROWS(status_rows),
};

static const struct api_column columns[] = {
    {"Status", ".status.phase", "string", "Where the release stands"},
    {"Weight", ".status.canaryWeight", "integer", "Percent of the traffic that the new version gets"},
    {"Revision", ".status.revision", "string", "The version that is released, or was last"},
    {"Reason", ".status.reason", "string", "Why it stands there"},
    {"Message", ".status.message", "string", "What is waited for, and until when", .priority = 1},
    {"Age", ".metadata.creationTimestamp", "date", "When the resource was created"},
    {NULL},
};

const struct api_resource api_resource_canary = {
    RESOURCE_CANARY(RESOURCE_NAMES),
    .doc = "How the next versions of a Deployment are released: traffic is shifted step by step, and measured.",
    .intro = "How the next versions of a Deployment are released: the traffic is shifted to a new version step by "
             "step, and\nmeasured; a good one is promoted, a bad one gets no traffic any more. "
             "[The guide](../canary.md) shows it.",
    .finalizer = "canary.finalizer.banzaicloud.io",
    .status = &status_table,
    .form = &canary_form,
    .columns = columns,
};

int canary_parse(
    const json_t *resource, const struct api_context *context, struct canary_spec **ret, struct problems *problems)
{
    struct canary_spec spec;

    if (api_parse(&api_resource_canary, resource, context, &spec, sizeof(spec), problems) < 0)
        return -1;
    *ret = mem_dup(&spec, sizeof(spec));
    return 0;
}
