#include "cli/reports.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "doc/doc.h"
#include "reconcile/events.h"

/* Rights to read Events are not worth to say nothing about the mesh: NULL where they could not be read. */
static json_t *get_events(const struct asking *a, const json_t *resource)
{
    _cleanup_free_ char *selector =
        str_printf("involvedObject.uid=%s", str_or(doc_string(resource, "metadata", "uid"), ""));
    _cleanup_json_ json_t *list = NULL;
    const char *ns = doc_string(resource, "metadata", "namespace");
    struct err why;

    if (!ns || !*ns ||
        asking_send(a, kube_request_list(&events_kind, "v1", ns, NULL, selector, 0, NULL), &list, &why) < 0)
        return NULL;
    return json_incref(doc_at(list, "items"));
}

void reports_add(const struct asking *a, const char *kind, const json_t *list, const char *kubernetes, json_t *reports)
{
    json_t *resource;
    size_t i;

    json_array_foreach(doc_at(list, "items"), i, resource) {
        _cleanup_json_ json_t *events = get_events(a, resource);
        json_array_append_new(reports, report_make(kind, resource, events, kubernetes));
    }
}

bool reports_print(const json_t *reports, bool json)
{
    bool available = true;
    json_t *report;
    size_t i;

    if (json)
        output_print(reports, "json");
    json_array_foreach(reports, i, report) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        available &= report_is_available(report);
        if (json)
            continue;
        report_print(report, clock_now_wall(), terminal_has_color(stdout), &text);
        printf("%s%s", i ? "\n" : "", buf_str(&text));
    }
    return available;
}
