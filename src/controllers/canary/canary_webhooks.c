#include "controllers/canary/canary_webhooks.h"

#include "api/rows.h"
#include "base/str.h"
#include "doc/doc.h"

#define DEFAULT_TIMEOUT "10s"
#define TIMEOUT_MOST SECONDS(300)

static const char *const types[] = {
    NULL,
#define X(id, name, doc) [HOOK_##id] = name,
    CANARY_HOOKS(X)
#undef X
        NULL,
};

#define MEANING(id, name, doc) " " name ": " doc "."

static const struct field metadata_value = {NULL, TEXT(format_annotation_value)};

static const struct field secret_rows[] = {
    {"name",
     TEXT(format_dns_subdomain),
     .required = true,
     .doc = "A Secret in the namespace of the Canary, with the label " CANARY_CREDENTIALS "=true."},
};

static const struct field_table secret_table = {
    .name = "Secret reference",
    .doc =
        "The Secret with the credentials: `token` (sent as a bearer token), or `username` and `password`; `address`, "
        "where the URL is secret itself. Without the label it is not read.",
    FIELD_ROWS(secret_rows),
};

static const struct field webhook_rows[] = {
    {"name", TEXT(format_dns_label), .required = true, .doc = "By which the status names it."},
    {"type",
     .type = FIELD_CHOICE,
     .choices = types + 1,
     .implied = "rollout",
     .doc = "When it is asked." CANARY_HOOKS(MEANING)},
    {"url",
     TEXT(format_http_url),
     .doc = "Where the document is posted. An answer with 2xx is a yes, anything else is a no."},
    {"secretRef", DOCUMENT(secret_table), .doc = "What it is sent with, and where, if there is no `url`."},
    {"timeout",
     TEXT(format_duration),
     .implied = DEFAULT_TIMEOUT,
     .doc = "How long an answer may take, from 1s to 5m; later ones are none."},
    {"retries",
     INTEGER(0, 5),
     .implied = "0, and 3 of post-rollout and event",
     .doc = "How often it is asked again, after 1 s, 2 s, 4 s and so on, where there is no answer, or one with 429 or "
            "5xx."},
    {"metadata",
     MAP(format_label_key, metadata_value, 64),
     .doc = "Texts that are sent along. They are no place for secrets."},
    {"muteAlert", FLAG, .implied = "false", .doc = "Whether no alert is sent while it is waited for."},
    {"disableTLS",
     .type = FIELD_UNSUPPORTED,
     .otherwise = "false",
     .refused = true,
     .instead = "certificates are always checked; write an http:// URL for a server without one"},
};

static void check_target(const json_t *item, const char *path, struct problems *problems)
{
    if (!doc_string(item, "url") && !canary_secret_name(item))
        problems_add(problems, PROBLEM_ERROR, path, "must have a url, or a secretRef to a Secret with an address");
}

static void check_webhook(const json_t *webhook, const char *path, struct problems *problems)
{
    msec_t timeout = canary_hook_timeout(webhook);

    check_target(webhook, path, problems);

    if (timeout < SECONDS(1) || timeout > TIMEOUT_MOST)
        problems_add(problems, PROBLEM_ERROR, path, "must have a timeout from 1s to 5m");
}

static const struct field_table webhook_table = {
    .name = "Webhook",
    .doc = "A server that is asked during a release.",
    FIELD_ROWS(webhook_rows),
    .check = check_webhook,
};

const struct field canary_webhook = {NULL, DOCUMENT(webhook_table)};

/* --- alerts --- */

static const char *const severities[] = {
    [SEVERITY_INFO] = "info", [SEVERITY_WARN] = "warn", [SEVERITY_ERROR] = "error", NULL};

static const struct field alert_rows[] = {
    {"name", TEXT(format_dns_label), .required = true, .doc = "By which the status and Events name it."},
    {"type",
     CHOICE("slack", "webhook"),
     .implied = "webhook",
     .doc = "slack: a message that Slack, Mattermost and Rocket.Chat take. webhook: a document."},
    {"severity",
     .type = FIELD_CHOICE,
     .choices = severities,
     .implied = "info",
     .doc =
         "The least severity that is sent: info (a release begins, or its version is promoted), warn (it waits for a "
         "person or a webhook), error (its version is not promoted)."},
    {"url", TEXT(format_http_url), .doc = "Where it is posted."},
    {"secretRef", DOCUMENT(secret_table), .doc = "What it is sent with, and where, if there is no `url`."},
    {"channel", TEXT(format_annotation_value), .doc = "Of type slack: the channel."},
    {"username", TEXT(format_annotation_value), .doc = "Of type slack: as whom it is sent."},
    {"providerRef",
     .type = FIELD_UNSUPPORTED,
     .otherwise = "{}",
     .refused = true,
     .instead = "write `type`, and `url` or `secretRef`, here"},
};

static const struct field_table alert_table = {
    .name = "Alert",
    .doc = "A receiver of notices of how releases go.",
    FIELD_ROWS(alert_rows),
    .check = check_target,
};

const struct field canary_alert = {NULL, DOCUMENT(alert_table)};

enum canary_severity canary_alert_severity(const json_t *alert)
{
    const char *name = doc_string(alert, "severity");

    for (int i = SEVERITY_ERROR; i > SEVERITY_INFO; i--)
        if (str_eq(severities[i], name))
            return i;
    return SEVERITY_INFO;
}

const char *canary_severity_name(enum canary_severity severity)
{
    return severities[severity];
}

/* --- both --- */

const char *canary_secret_name(const json_t *item)
{
    return doc_string(item, "secretRef", "name");
}

void canary_check_names(const json_t *items, const char *path, struct problems *problems)
{
    json_t *one;
    size_t i;

    json_array_foreach(items, i, one) {
        _cleanup_free_ char *at = str_printf("%s[%zu].name", path, i);
        for (size_t k = 0; k < i; k++)
            if (str_eq(doc_string(one, "name"), doc_string(json_array_get(items, k), "name")))
                problems_add(problems, PROBLEM_ERROR, at, "must be in the list once");
    }
}

enum canary_hook canary_hook_type(const json_t *webhook)
{
    const char *name = str_or(doc_string(webhook, "type"), types[HOOK_ROLLOUT]);

    for (int i = HOOK_NONE + 1; i <= HOOK_LAST; i++)
        if (str_eq(types[i], name))
            return i;
    return HOOK_NONE;
}

const char *canary_hook_type_name(enum canary_hook type)
{
    return types[type];
}

msec_t canary_hook_timeout(const json_t *webhook)
{
    msec_t timeout;

    return clock_parse_duration(str_or(doc_string(webhook, "timeout"), DEFAULT_TIMEOUT), &timeout) ? timeout : 0;
}

int canary_hook_retries(const json_t *webhook)
{
    enum canary_hook type = canary_hook_type(webhook);

    return (int)doc_int(
        doc_at(webhook, "retries"), type == HOOK_POST_ROLLOUT || type == HOOK_EVENT ? CANARY_TELL_RETRIES : 0);
}
