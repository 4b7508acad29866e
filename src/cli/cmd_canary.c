#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "api/status.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "controllers/canary/canary.h"
#include "controllers/canary/canary_plan.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

#define LOOK_EVERY_MSEC 200

/* What the operator takes by the annotation; what it means is for the help. */
static const char *const verbs[] = {"abort", "promote", "approve", "retry"};

static int get_canaries(const struct asking *a, const char *ns, const char *name, json_t **ret, struct err *e)
{
    const struct kube_kind *row = mesh_kind(KIND_CANARY);
    json_t *one;

    if (!name)
        return asking_list(a, kube_request_list(row, API_VERSION, ns, NULL, NULL, 0, NULL), ret, e);
    if (asking_send(a, kube_request_get(row, API_VERSION, ns, name), &one, e) < 0)
        return -1;
    *ret = OBJECT(SEQ("items", ITEM_VALUE(one)));
    return 0;
}

static int print_canaries(const struct invocation *inv, const struct asking *a, const char *name, struct err *e)
{
    bool json = str_eq(invocation_value(inv, "output"), "json");
    _cleanup_json_ json_t *list = NULL, *reports = json_array(), *version = NULL;

    if (asking_version(a, &version, e) < 0 || get_canaries(a, invocation_value(inv, "namespace"), name, &list, e) < 0)
        return -1;
    reports_add(a, api_resource_canary.kind, list, doc_string(version, "gitVersion"), reports);
    return reports_print(reports, json) ? 0 : 1;
}

/* What the operator made of it; below zero where it has not by the end of the time. */
static int wait_until_handled(const struct asking *a, const char *ns, const char *name, const char *command,
                              struct err *e)
{
    while (asking_left(a)) {
        _cleanup_json_ json_t *list = NULL;
        const json_t *status;
        if (get_canaries(a, ns, name, &list, e) < 0)
            return -1;
        status = doc_at(json_array_get(doc_at(list, "items"), 0), "status");
        if (str_eq(doc_string(status, STATUS_FIELD_COMMAND), command)) {
            terminal_print_line(stdout, "%s/%s: %s, the canary has %" PRId64 " %% of the traffic%s%s", ns, name,
                                str_or(doc_string(status, STATUS_FIELD_PHASE), "?"),
                                doc_int(doc_at(status, STATUS_FIELD_CANARY_WEIGHT), 0),
                                doc_string(status, STATUS_FIELD_MESSAGE) ? ": " : "",
                                str_or(doc_string(status, STATUS_FIELD_MESSAGE), ""));
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MSEC * 1000000L}, NULL);
    }
    return err_set(e, ERR_TIMEOUT,
                   "the command is written, but the operator has not taken it within %lld s; it will "
                   "when it runs",
                   (long long)a->timeout / 1000);
}

static int command_canary_to(const struct asking *a, const char *ns, const char *name, const char *verb, struct err *e)
{
    const struct kube_kind *row = mesh_kind(KIND_CANARY);
    /* Another token than any before: the operator takes each once. */
    _cleanup_free_ char *command = str_printf("%s@%lld-%d", verb, (long long)clock_now_wall(), (int)getpid());
    _cleanup_json_ json_t *patch = OBJECT(MAP("metadata", MAP("annotations", STRING(CANARY_COMMAND, command)))),
                          *answer = NULL;
    _cleanup_free_ char *body = doc_text(patch);

    if (asking_send(a, kube_request_merge_patch(row, API_VERSION, ns, name, NULL, body), &answer, e) < 0)
        return -1;
    return wait_until_handled(a, ns, name, command, e);
}

static int run(const struct invocation *inv, struct err *e)
{
    const char *verb = inv->argument_count ? inv->arguments[0] : "", *ns = invocation_value(inv, "namespace");
    const char *name = inv->argument_count > 1 ? inv->arguments[1] : NULL;
    bool prints = str_eq(verb, "status");
    _cleanup_asking_ struct asking asking = {0};
    bool known = prints;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        known = known || str_eq(verb, verbs[i]);
    if (!known || inv->argument_count > 2 || (!name && !prints))
        return err_set(
            e, ERR_USAGE,
            "takes status, with or without a name, or one of abort, promote, approve and retry with the name of a "
            "Canary");
    if (asking_begin(inv, &asking, e) < 0)
        return -1;
    if (prints)
        return print_canaries(inv, &asking, name, e);
    return command_canary_to(&asking, ns, name, verb, e);
}

const struct command command_canary = {
    .name = "canary",
    .arguments = "VERB [NAME]",
    .summary = "print how releases stand, and command one: status, abort, promote, approve or retry",
    .text =
        "status   how the Canaries of the namespace stand, or the one of this name: weights, checks, what it waits\n"
        "         for. Exit code 0: all is as desired; 1: something is not, or not yet.\n"
        "abort    all traffic goes back to the primary, and the version is not tried again by itself\n"
        "promote  the version is promoted without the steps that are left\n"
        "approve  the step ends that waits for it, or for webhooks\n"
        "retry    a version that failed is released again\n"
        "\n"
        "A command is an annotation of the Canary. It is waited for until the operator has taken it.",
    .options =
        (const struct option_row[]){
            {"namespace", 'n', "NAMESPACE", "default", "where the Canary is", .format = &format_dns_label},
            {"output", 'o', "FORMAT", "text", "of status: for users or one array for programs",
             CHOICES("text", "json")},
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_TIMEOUT,
            {NULL},
        },
    .run = run,
};
