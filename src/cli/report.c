#include "cli/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "cli/terminal.h"
#include "controllers/canary/canary.h"
#include "controllers/remote/remote_istio.h"
#include "doc/build.h"
#include "doc/doc.h"

#define EVENTS_SHOWN 10
#define COLUMNS_MAX 6

static const char *event_time(const json_t *event)
{
    const char *time = doc_string(event, "lastTimestamp");

    return time ? time : doc_string(event, "metadata", "creationTimestamp");
}

/* RFC 3339 in UTC sorts as text. */
static int by_time(const void *a, const void *b)
{
    return strcmp(str_or(event_time(*(json_t *const *)a), ""), str_or(event_time(*(json_t *const *)b), ""));
}

/* The last ones, the newest at the end. */
static json_t *last_events(const json_t *events)
{
    size_t count = json_array_size(events), i;
    json_t **sorted = NEW_ARRAY(json_t *, count), *event, *last = json_array();

    json_array_foreach(events, i, event)
        sorted[i] = event;
    qsort(sorted, count, sizeof(*sorted), by_time);
    for (i = count > EVENTS_SHOWN ? count - EVENTS_SHOWN : 0; i < count; i++)
        json_array_append_new(last, OBJECT(STRING("time", event_time(sorted[i])),
                                           STRING("type", doc_string(sorted[i], "type")),
                                           STRING("reason", doc_string(sorted[i], "reason")),
                                           STRING("message", doc_string(sorted[i], "message"))));
    free(sorted);
    return last;
}

/* The parts of the status that are printed as they are. */
static void copy_status(const json_t *status, json_t *report)
{
    static const char *const fields[] = {
        STATUS_FIELD_VERSION, STATUS_FIELD_COMPONENTS, STATUS_FIELD_DRIFT, STATUS_FIELD_SIDECARS, STATUS_FIELD_IGNORED,
        STATUS_FIELD_CONDITIONS, STATUS_FIELD_LAST_CONTACT, STATUS_FIELD_ENDPOINTS_SYNCED, STATUS_FIELD_SERVICES,
        STATUS_FIELD_CERTIFICATES, STATUS_FIELD_GATEWAY_API, STATUS_FIELD_UPGRADE, STATUS_FIELD_SIDECAR_RENEWAL,
        STATUS_FIELD_KEPT_DEFAULTS, STATUS_FIELD_MONITORING,
        /* Of a Canary. */
        STATUS_FIELD_PHASE, STATUS_FIELD_CANARY_WEIGHT, STATUS_FIELD_STEP, STATUS_FIELD_REVISION,
        STATUS_FIELD_PROMOTED_REVISION, STATUS_FIELD_FAILED_REVISION, STATUS_FIELD_CHECKS, STATUS_FIELD_FAILED_CHECKS};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (json_object_get(status, fields[i]))
            json_object_set_new(report, fields[i], doc_copy(json_object_get(status, fields[i])));
}

json_t *report_make(const char *kind, const json_t *resource, const json_t *events, const char *kubernetes)
{
    const json_t *status = doc_at(resource, "status");
    int64_t desired = doc_int(doc_at(resource, "metadata", "generation"), 0);
    int64_t seen = doc_int(doc_at(status, STATUS_FIELD_OBSERVED_GENERATION), 0);
    bool is_remote = str_eq(kind, api_resource_remote_istio.kind);
    const char *error = doc_string(status, STATUS_FIELD_ERROR_MESSAGE);
    json_t *report = OBJECT(
        STRING("kind", kind), STRING("namespace", doc_string(resource, "metadata", "namespace")),
        STRING("name", doc_string(resource, "metadata", "name")),
        STRING("status", doc_string(status, STATUS_FIELD_STATUS)),
        STRING("message", error && *error ? error : doc_string(status, STATUS_FIELD_MESSAGE)),
        BOOL("current", status && seen >= desired), BOOL("paused", doc_bool(doc_at(resource, "spec", "pause"), false)),
        STRING("deletionTimestamp", doc_string(resource, "metadata", "deletionTimestamp")),
        STRING("kubernetes", is_remote ? doc_string(status, STATUS_FIELD_KUBERNETES_VERSION) : kubernetes),
        OPT(events, VALUE("events", last_events(events))));

    copy_status(status, report);
    return report;
}

bool report_is_available(const json_t *report)
{
    return doc_bool(doc_at(report, "current"), false) && !doc_at(report, "deletionTimestamp") &&
           str_eq(doc_string(report, "status"), STATUS_AVAILABLE);
}

/* A word of the status, a condition or an Event in the colour that it deserves. */
static enum shade shade_of(const char *word)
{
    static const struct {
        const char *word;
        enum shade shade;
    } shades[] = {
        {STATUS_AVAILABLE, SHADE_GOOD},   {STATUS_CREATED, SHADE_BUSY},
        {STATUS_RECONCILING, SHADE_BUSY}, {STATUS_RECONCILE_FAILED, SHADE_BAD},
        {STATUS_UNREACHABLE, SHADE_BAD},  {"Warning", SHADE_BAD},
        {"Disabled", SHADE_FAINT},
    };

    for (size_t i = 0; i < ARRAY_LEN(shades); i++)
        if (str_eq(shades[i].word, word))
            return shades[i].shade;
    return SHADE_NONE;
}

/* "5s", "12m", "3h", "4d". */
static void add_duration(int64_t seconds, struct buf *out)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (seconds >= units[i].seconds || units[i].seconds == 1) {
            buf_printf(out, "%" PRId64 "%c", seconds / units[i].seconds, units[i].unit);
            return;
        }
}

/* For how long it has been so; nothing where the time says nothing. */
static void add_age(const char *time, msec_t now, struct buf *out)
{
    msec_t then;

    if (time && clock_parse_rfc3339(time, &then))
        add_duration(now > then ? (now - then) / SECONDS(1) : 0, out);
}

/* Of the title and the message these are the long form. */
static bool is_in_title(const json_t *condition)
{
    static const char *const types[] = {CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(doc_string(condition, "type"), types[i]))
            return true;
    return false;
}

/* An upgrade or a release that is over or goes on is nothing wrong. */
static bool is_wrong(const json_t *condition)
{
    const char *type = doc_string(condition, "type");
    bool is_true = str_eq(doc_string(condition, "status"), "True");

    if (is_in_title(condition) || str_eq(type, CONDITION_UPGRADING) || str_eq(type, CONDITION_PROGRESSING))
        return false;
    return str_eq(type, CONDITION_UPGRADE_BLOCKED) || str_eq(type, CONDITION_HELD) ||
                   str_eq(type, CONDITION_CONTENDED) || str_eq(type, CONDITION_ROUTE_CONFLICT)
               ? is_true
               : !is_true;
}

static bool is_not_wrong(const json_t *condition)
{
    return !is_wrong(condition);
}

/* A section of the report: a line for each item of a list, in columns; "age" means a time. */
struct section {
    const char *list, *title;
    const char *columns[COLUMNS_MAX]; /* fields of an item; the last one is as long as it likes */
    const char *time;                 /* the field that is shown as an age */
    bool (*has)(const json_t *item);  /* the items that belong to it; NULL: all */
    enum shade shade;                 /* of the first column */
    const char *within;               /* the field of the status that has the list; NULL: the status itself */
};

/* What is wrong comes first. */
static const struct section sections[] = {
    {STATUS_FIELD_CONDITIONS,
     "Needs attention",
     {"type", "lastTransitionTime", "reason", "message"},
     "lastTransitionTime",
     is_wrong,
     SHADE_BAD},
    {STATUS_FIELD_COMPONENTS, "Components", {"name", "status", "ready", "service", "addresses", "message"}},
    {"renewing",
     "Restarted for a new sidecar",
     {"kind", "namespace", "name", "since"},
     "since",
     .within = STATUS_FIELD_SIDECAR_RENEWAL},
    {"blocked",
     "Not restarted for a new sidecar",
     {"kind", "namespace", "name", "reason", "message"},
     .within = STATUS_FIELD_SIDECAR_RENEWAL},
    {STATUS_FIELD_CHECKS, "Checks", {"metric", "verdict", "value", "at", "message"}, "at"},
    {STATUS_FIELD_KEPT_DEFAULTS, "Defaults kept from a former release", {"field", "value", "newDefault"}},
    {STATUS_FIELD_SERVICES, "Services, and how many central pods they lead to", {"name", "addresses"}},
    {STATUS_FIELD_DRIFT, "Would be changed, but the resource is paused", {"action", "object", "reason"}},
    {STATUS_FIELD_CONDITIONS,
     "Conditions",
     {"type", "status", "lastTransitionTime", "reason", "message"},
     "lastTransitionTime",
     is_not_wrong},
    {"events", "Events", {"time", "type", "reason", "message"}, "time"},
};

/* What is above already is not said again. Owned by the caller. */
static json_t *shown(const json_t *report, json_t *item)
{
    json_t *copy;

    if (!is_in_title(item) || !str_eq(doc_string(item, "message"), doc_string(report, "message")))
        return json_incref(item);
    copy = json_copy(item);
    json_object_del(copy, "message");
    return copy;
}

static void add_list(const json_t *list, struct buf *out)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        buf_printf(out, "%s%s", i ? ", " : "", str_or(json_string_value(item), ""));
}

static void add_cell(const struct section *s, const json_t *item, const char *column, msec_t now, struct buf *out)
{
    const char *text = doc_string(item, column);

    if (str_eq(column, s->time))
        add_age(text, now, out);
    else if (json_is_integer(doc_at(item, column)))
        buf_printf(out, "%" PRId64, doc_int(doc_at(item, column), 0));
    else if (json_is_array(doc_at(item, column)))
        add_list(doc_at(item, column), out);
    else
        buf_add_str(out, str_or(text, ""));
}

static void measure(const struct section *s, const json_t *list, msec_t now, size_t widths[COLUMNS_MAX])
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        for (size_t c = 0; c < COLUMNS_MAX && s->columns[c]; c++) {
            _cleanup_buf_ struct buf cell = BUF_INIT;
            add_cell(s, item, s->columns[c], now, &cell);
            if (cell.len > widths[c])
                widths[c] = cell.len;
        }
}

static void add_row(const struct section *s, const json_t *item, msec_t now, const size_t widths[COLUMNS_MAX],
                    bool color, struct buf *out)
{
    size_t gap = 2;

    for (size_t c = 0; c < COLUMNS_MAX && s->columns[c]; c++) {
        _cleanup_buf_ struct buf cell = BUF_INIT;
        add_cell(s, item, s->columns[c], now, &cell);
        if (cell.len) {
            buf_add_spaces(out, gap);
            terminal_add(out, color, !c && s->shade ? s->shade : shade_of(buf_str(&cell)), buf_str(&cell));
            gap = 0;
        }
        gap += widths[c] ? widths[c] - cell.len + 2 : 0;
    }
    buf_add_char(out, '\n');
}

static void add_section(const struct section *s, const json_t *report, msec_t now, bool color, struct buf *out)
{
    const json_t *list = s->within ? doc_at(report, s->within, s->list) : doc_at(report, s->list);
    size_t widths[COLUMNS_MAX] = {0}, i;
    _cleanup_json_ json_t *items = json_array();
    json_t *item;

    json_array_foreach(list, i, item)
        if (!s->has || s->has(item))
            json_array_append_new(items, shown(report, item));
    if (!json_array_size(items))
        return;
    buf_add_char(out, '\n');
    terminal_add(out, color, SHADE_STRONG, s->title);
    buf_add_char(out, '\n');
    measure(s, items, now, widths);
    json_array_foreach(items, i, item)
        add_row(s, item, now, widths, color, out);
}

static void add_fact(const char *name, const char *value, struct buf *out)
{
    if (!value || !*value)
        return;
    buf_printf(out, "  %-12s", name);
    terminal_add(out, false, SHADE_NONE, value);
    buf_add_char(out, '\n');
}

/* "12 of 1.31.1, 3 of 1.30.3; 3 outdated". A status of before counts no versions. */
static void add_sidecars(const json_t *sidecars, struct buf *out)
{
    int64_t current = doc_int(doc_at(sidecars, "current"), 0), outdated = doc_int(doc_at(sidecars, "outdated"), 0);
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *version;
    size_t i;

    if (!sidecars)
        return;
    json_array_foreach(doc_at(sidecars, "versions"), i, version)
        buf_printf(&text, "%s%" PRId64 " of %s", i ? ", " : "", doc_int(doc_at(version, "pods"), 0),
                   str_or(doc_string(version, "version"), "unknown"));
    buf_separate(&text, "; ");
    buf_printf(&text, "%" PRId64 " current, %" PRId64 " outdated", current, outdated);
    add_fact("Sidecars", buf_str(&text), out);
}

/* "root ends in 3649d (Secret istio-ca-secret)", each that ends at another time. */
static void add_certificates(const json_t *certificates, msec_t now, struct buf *out)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *former = NULL;
    json_t *item;
    size_t i;

    json_array_foreach(certificates, i, item) {
        const char *end = doc_string(item, "notAfter");
        msec_t then;
        if (!end || str_eq(end, former) || !clock_parse_rfc3339(end, &then))
            continue;
        buf_separate(&text, "; ");
        buf_printf(&text, "%s %s ", str_or(doc_string(item, "name"), ""), then > now ? "ends in" : "ended");
        if (then > now)
            add_duration((then - now) / SECONDS(1), &text);
        else
            add_age(end, now, &text);
        buf_printf(&text, "%s, on %.10s, Secret %s", then > now ? "" : " ago", end,
                   str_or(doc_string(item, "secret"), ""));
        former = end;
    }
    add_fact("Certificate", buf_str(&text), out);
}

static void add_gateway_api(const json_t *api, struct buf *out)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!api)
        return;
    buf_printf(&text, "%s %s", str_or(doc_string(api, "version"), ""), str_or(doc_string(api, "channel"), ""));
    if (json_array_size(doc_at(api, "ignored"))) {
        buf_add_str(&text, "; ignored: ");
        add_list(doc_at(api, "ignored"), &text);
    }
    add_fact("Gateway API", buf_str(&text), out);
}

/* "ScrapeConfig; 42 targets up, 0 down". */
static void add_monitoring(const json_t *monitoring, struct buf *out)
{
    int64_t up = doc_int(doc_at(monitoring, "targetsUp"), -1), down = doc_int(doc_at(monitoring, "targetsDown"), 0);
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_str(&text, str_or(doc_string(monitoring, "mode"), ""));
    if (up >= 0)
        buf_printf(&text, "; %" PRId64 " targets up, %" PRId64 " down", up, down);
    add_fact("Prometheus", buf_str(&text), out);
}

/* "ConfigMap; 5 dashboards". */
static void add_grafana(const json_t *monitoring, struct buf *out)
{
    const char *mode = doc_string(monitoring, "grafana");
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!mode)
        return;
    buf_printf(&text, "%s; %" PRId64 " dashboards", mode, doc_int(doc_at(monitoring, "dashboards"), 0));
    add_fact("Grafana", buf_str(&text), out);
}

/* "Server v2.27". */
static void add_kiali(const json_t *monitoring, struct buf *out)
{
    const char *mode = doc_string(monitoring, "kiali"), *version = doc_string(monitoring, "kialiVersion");
    _cleanup_free_ char *text = str_printf("%s%s%s", str_or(mode, ""), version ? " " : "", str_or(version, ""));

    add_fact("Kiali", text, out);
}

/* "[######--------------]" for 6 of 20; of nothing all is done. */
static void add_bar(int64_t done, int64_t all, struct buf *out)
{
    enum { WIDTH = 20 };
    int64_t filled = all ? WIDTH * done / all : WIDTH;

    buf_add_char(out, '[');
    for (int64_t k = 0; k < WIDTH; k++)
        buf_add_char(out, k < filled ? '#' : '-');
    buf_add_char(out, ']');
}

/* "  [######--------------] 34/120", where it counts what is done and left. */
static void add_progress(const json_t *status, struct buf *out)
{
    int64_t done = doc_int(doc_at(status, "done"), -1), left = doc_int(doc_at(status, "left"), -1);

    if (done < 0 || left < 0 || done > INT32_MAX || left > INT32_MAX)
        return;
    buf_add_str(out, "  ");
    add_bar(done, done + left, out);
    buf_printf(out, " %" PRId64 "/%" PRId64, done, done + left);
}

/* "1.30.8 -> 1.31.1  Sidecars  [######--------------] 34/120", and what the preflight warned of. */
static void add_upgrade(const json_t *upgrade, struct buf *out)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_t *warning;
    size_t i;

    if (!upgrade || !doc_string(upgrade, "progress"))
        return;
    buf_printf(&text, "%s -> %s  %s", str_or(doc_string(upgrade, "from"), ""), str_or(doc_string(upgrade, "to"), ""),
               str_or(doc_string(upgrade, "phase"), ""));
    add_progress(upgrade, &text);
    add_fact("Upgrade", buf_str(&text), out);
    json_array_foreach(doc_at(upgrade, "warnings"), i, warning)
        add_fact("Warning", json_string_value(warning), out);
}

/* "Renewing  [######--------------] 34/120; shop waits for its window". */
static void add_renewal(const json_t *renewal, struct buf *out)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *phase = doc_string(renewal, "phase"), *message = doc_string(renewal, "message");

    if (!phase)
        return;
    buf_add_str(&text, phase);
    add_progress(renewal, &text);
    if (message && *message)
        buf_printf(&text, "; %s", message);
    add_fact("Renewal", buf_str(&text), out);
}

/* "[######--------------] 30 % for the canary, step 3 for 12s; 1 failed check", of a Canary. */
static void add_weight(const json_t *report, msec_t now, struct buf *out)
{
    int64_t weight = doc_int(doc_at(report, STATUS_FIELD_CANARY_WEIGHT), -1),
            step = doc_int(doc_at(report, STATUS_FIELD_STEP, "index"), -1),
            failed = doc_int(doc_at(report, STATUS_FIELD_FAILED_CHECKS), 0);
    const char *since = doc_string(report, STATUS_FIELD_STEP, "since");
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (weight < 0 || weight > 100)
        return;
    add_bar(weight, 100, &text);
    buf_printf(&text, " %" PRId64 " %% for the canary", weight);
    if (step >= 0 && step < INT32_MAX)
        buf_printf(&text, ", step %" PRId64, step + 1);
    if (step >= 0 && since) {
        buf_add_str(&text, " for ");
        add_age(since, now, &text);
    }
    if (failed > 0)
        buf_printf(&text, "; %" PRId64 " failed check%s", failed, failed == 1 ? "" : "s");
    add_fact("Weight", buf_str(&text), out);
}

static void add_ignored(const json_t *ignored, struct buf *out)
{
    _cleanup_free_ char *text = ignored ? str_printf("%" PRId64 " left alone", doc_int(ignored, 0)) : NULL;

    add_fact("Ignored", text, out);
}

static void add_contact(const char *time, msec_t now, struct buf *out)
{
    _cleanup_buf_ struct buf age = BUF_INIT;

    add_age(time, now, &age);
    if (age.len)
        buf_add_str(&age, " ago or less");
    add_fact("Contact", buf_str(&age), out);
}

/* What the status does not say by itself. */
static const char *remark(const json_t *report)
{
    if (doc_at(report, "deletionTimestamp"))
        return "the resource is being deleted";
    if (!doc_string(report, "status"))
        return "the operator has not seen the resource yet";
    if (!doc_bool(doc_at(report, "current"), true))
        return "the operator has not seen the last change of the resource yet";
    if (doc_bool(doc_at(report, "paused"), false))
        return "the resource is paused: the operator writes nothing";
    return NULL;
}

void report_print(const json_t *report, msec_t now, bool color, struct buf *out)
{
    const char *phase = doc_string(report, STATUS_FIELD_PHASE),
               *status = str_or(phase ? phase : doc_string(report, "status"), "no status");
    _cleanup_free_ char *title =
        str_printf("%s %s/%s: ", str_or(doc_string(report, "kind"), "?"), str_or(doc_string(report, "namespace"), "?"),
                   str_or(doc_string(report, "name"), "?"));

    terminal_add(out, color, SHADE_STRONG, title);
    terminal_add(out, color, shade_of(status), status);
    buf_add_char(out, '\n');
    add_fact("Version", doc_string(report, STATUS_FIELD_VERSION), out);
    add_fact("Kubernetes", doc_string(report, "kubernetes"), out);
    add_contact(doc_string(report, STATUS_FIELD_LAST_CONTACT), now, out);
    add_fact("Message", doc_string(report, "message"), out);
    add_fact("Note", remark(report), out);
    add_weight(report, now, out);
    add_fact("Revision", doc_string(report, STATUS_FIELD_REVISION), out);
    add_fact("Promoted", doc_string(report, STATUS_FIELD_PROMOTED_REVISION), out);
    add_fact("Failed", doc_string(report, STATUS_FIELD_FAILED_REVISION), out);
    add_upgrade(doc_at(report, STATUS_FIELD_UPGRADE), out);
    add_sidecars(doc_at(report, STATUS_FIELD_SIDECARS), out);
    add_renewal(doc_at(report, STATUS_FIELD_SIDECAR_RENEWAL), out);
    add_certificates(doc_at(report, STATUS_FIELD_CERTIFICATES), now, out);
    add_gateway_api(doc_at(report, STATUS_FIELD_GATEWAY_API), out);
    add_monitoring(doc_at(report, STATUS_FIELD_MONITORING), out);
    add_grafana(doc_at(report, STATUS_FIELD_MONITORING), out);
    add_kiali(doc_at(report, STATUS_FIELD_MONITORING), out);
    add_ignored(doc_at(report, STATUS_FIELD_IGNORED), out);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        add_section(&sections[i], report, now, color, out);
}
