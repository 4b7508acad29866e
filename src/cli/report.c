#include "cli/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/str.h"
#include "cli/terminal.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/resources.h"

#define EVENTS_SHOWN 10
#define COLUMNS_MAX 5

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
        STATUS_FIELD_VERSION,      STATUS_FIELD_COMPONENTS,       STATUS_FIELD_DRIFT,
        STATUS_FIELD_SIDECARS,     STATUS_FIELD_IGNORED,          STATUS_FIELD_CONDITIONS,
        STATUS_FIELD_LAST_CONTACT, STATUS_FIELD_ENDPOINTS_SYNCED, STATUS_FIELD_SERVICES};

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
    json_t *report = OBJECT(
        STRING("kind", kind), STRING("namespace", doc_string(resource, "metadata", "namespace")),
        STRING("name", doc_string(resource, "metadata", "name")),
        STRING("status", doc_string(status, STATUS_FIELD_STATUS)),
        STRING("message", doc_string(status, STATUS_FIELD_ERROR_MESSAGE)), BOOL("current", status && seen >= desired),
        BOOL("paused", doc_bool(doc_at(resource, "spec", "pause"), false)),
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

/* "5s", "12m", "3h", "4d"; "" where the time says nothing. */
static void add_age(const char *time, msec_t now, struct buf *out)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    msec_t then;
    int64_t age;

    if (!time || !clock_parse_rfc3339(time, &then))
        return;
    age = now > then ? (now - then) / SECONDS(1) : 0;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (age >= units[i].seconds || units[i].seconds == 1) {
            buf_printf(out, "%" PRId64 "%c", age / units[i].seconds, units[i].unit);
            return;
        }
}

/* A section of the report: a line for each item of a list, in columns; "age" means a time. */
struct section {
    const char *list, *title;
    const char *columns[COLUMNS_MAX]; /* fields of an item; the last one is as long as it likes */
    const char *time;                 /* the field that is shown as an age */
};

static const struct section sections[] = {
    {STATUS_FIELD_COMPONENTS, "Components", {"name", "status", "ready", "message"}},
    {STATUS_FIELD_SERVICES, "Services, and how many central pods they lead to", {"name", "addresses"}},
    {STATUS_FIELD_DRIFT, "Would be changed, but the resource is paused", {"action", "object", "reason"}},
    {STATUS_FIELD_CONDITIONS,
     "Conditions",
     {"type", "status", "lastTransitionTime", "reason", "message"},
     "lastTransitionTime"},
    {"events", "Events", {"time", "type", "reason", "message"}, "time"},
};

static void add_cell(const struct section *s, const json_t *item, const char *column, msec_t now, struct buf *out)
{
    const char *text = doc_string(item, column);

    if (str_eq(column, s->time))
        add_age(text, now, out);
    else if (json_is_integer(doc_at(item, column)))
        buf_printf(out, "%" PRId64, doc_int(doc_at(item, column), 0));
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
            terminal_add(out, color, shade_of(buf_str(&cell)), buf_str(&cell));
            gap = 0;
        }
        gap += widths[c] ? widths[c] - cell.len + 2 : 0;
    }
    buf_add_char(out, '\n');
}

static void add_section(const struct section *s, const json_t *report, msec_t now, bool color, struct buf *out)
{
    const json_t *list = doc_at(report, s->list);
    size_t widths[COLUMNS_MAX] = {0}, i;
    json_t *item;

    if (!json_array_size(list))
        return;
    buf_add_char(out, '\n');
    terminal_add(out, color, SHADE_STRONG, s->title);
    buf_add_char(out, '\n');
    measure(s, list, now, widths);
    json_array_foreach(list, i, item)
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

static void add_sidecars(const json_t *sidecars, struct buf *out)
{
    _cleanup_free_ char *text = NULL;

    if (!sidecars)
        return;
    text = str_printf("%" PRId64 " current, %" PRId64 " outdated", doc_int(doc_at(sidecars, "current"), 0),
                      doc_int(doc_at(sidecars, "outdated"), 0));
    add_fact("Sidecars", text, out);
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
    const char *status = str_or(doc_string(report, "status"), "no status");
    _cleanup_free_ char *title = str_printf("%s %s/%s: ", doc_string(report, "kind"), doc_string(report, "namespace"),
                                            doc_string(report, "name"));

    terminal_add(out, color, SHADE_STRONG, title);
    terminal_add(out, color, shade_of(status), status);
    buf_add_char(out, '\n');
    add_fact("Version", doc_string(report, STATUS_FIELD_VERSION), out);
    add_fact("Kubernetes", doc_string(report, "kubernetes"), out);
    add_contact(doc_string(report, STATUS_FIELD_LAST_CONTACT), now, out);
    add_fact("Message", doc_string(report, "message"), out);
    add_fact("Note", remark(report), out);
    add_sidecars(doc_at(report, STATUS_FIELD_SIDECARS), out);
    add_ignored(doc_at(report, STATUS_FIELD_IGNORED), out);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        add_section(&sections[i], report, now, color, out);
}
