#include <stdio.h>
#include <string.h>

#include "api/istio.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/credentials.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "kube/client.h"
#include "mesh/mesh.h"
#include "mesh/resources.h"
#include "reconcile/events.h"

#define ANSWER_MAX_BYTES ((size_t)64 << 20)

/* Whom we ask, and until when. */
struct asking {
    struct event_base *loop;
    const struct kube_config *config;
    struct net_client *client;
    msec_t began, timeout;
};

static int get(const struct asking *a, struct net_request request, json_t **ret, struct err *e)
{
    msec_t left = a->began + a->timeout - clock_now_monotonic();
    char name[256];
    struct err why;

    net_request_name(&request, name, sizeof(name));
    if (left <= 0) {
        net_request_release(&request);
    } else {
        /* The request ends with the loop, also while it waits for credentials. */
        event_base_loopexit(a->loop, &(struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000});
        if (net_client_wait_json(a->client, &request, ANSWER_MAX_BYTES, ret, &why) == 0)
            return 0;
        if (why.class != ERR_CANCELLED && strstr(why.text, a->config->server)) {
            *e = why;
            return -1;
        }
        if (why.class != ERR_CANCELLED)
            return err_set(e, why.class, "%s: %s", a->config->server, why.text);
    }
    return err_set(e, ERR_TIMEOUT, "no answer to %s within %lld s", name, (long long)a->timeout / 1000);
}

/* Something else than an API server may be at its address, and answer with any JSON. */
static int get_list(const struct asking *a, struct net_request request, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = str_dup_n(request.path, strcspn(request.path, "?"));
    _cleanup_json_ json_t *list = NULL;

    if (get(a, request, &list, e) < 0)
        return -1;
    if (!json_is_array(doc_at(list, "items")) && !str_ends(str_or(doc_string(list, "kind"), ""), "List"))
        return err_set(e, ERR_UNAVAILABLE, "%s: the answer to GET %s is not a list", a->config->server, path);
    *ret = TAKE_PTR(list);
    return 0;
}

static int get_resources(const struct asking *a, const char *kind, const char *ns, json_t **ret, struct err *e)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, kind);
    struct err why;

    if (get_list(a, kube_request_list(row, API_VERSION, ns, NULL, NULL, 0, NULL), ret, &why) == 0)
        return 0;
    if (why.class == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "this cluster does not know the kind %s: the operator is not installed", kind);
    *e = why;
    return -1;
}

/* Rights to read Events are not worth to say nothing about the mesh: NULL where they could not be read. */
static json_t *get_events(const struct asking *a, const json_t *resource)
{
    _cleanup_free_ char *selector =
        str_printf("involvedObject.uid=%s", str_or(doc_string(resource, "metadata", "uid"), ""));
    _cleanup_json_ json_t *list = NULL;
    const char *ns = doc_string(resource, "metadata", "namespace");
    struct err why;

    if (!ns || !*ns || get(a, kube_request_list(&events_kind, "v1", ns, NULL, selector, 0, NULL), &list, &why) < 0)
        return NULL;
    return json_incref(doc_at(list, "items"));
}

static void add_reports(const struct asking *a, const char *kind, const json_t *list, const char *kubernetes,
                        json_t *reports)
{
    json_t *resource;
    size_t i;

    json_array_foreach(doc_at(list, "items"), i, resource) {
        _cleanup_json_ json_t *events = get_events(a, resource);
        json_array_append_new(reports, report_make(kind, resource, events, kubernetes));
    }
}

static int make_reports(const struct asking *a, const char *ns, json_t *reports, struct err *e)
{
    const char *mesh = api_resource_istio.kind, *remote = api_resource_remote_istio.kind, *kubernetes;
    _cleanup_json_ json_t *version = NULL, *meshes = NULL, *remotes = NULL;
    struct err why;

    /* Without that it is no API server, whatever else it has. */
    if (get(a, net_request_new(NET_GET, "/version", NULL), &version, &why) < 0)
        return err_set(e, why.class == ERR_NOT_FOUND ? ERR_UNAVAILABLE : why.class, "%s", why.text);
    if (credentials_check_version(a->config, version, e) < 0 || get_resources(a, mesh, ns, &meshes, e) < 0)
        return -1;
    /* An operator from before there were remote clusters has no such kind. */
    if (get_resources(a, remote, ns, &remotes, &why) < 0 && why.class != ERR_NOT_FOUND) {
        *e = why;
        return -1;
    }
    kubernetes = doc_string(version, "gitVersion");
    add_reports(a, mesh, meshes, kubernetes, reports);
    add_reports(a, remote, remotes, kubernetes, reports);
    if (json_array_size(reports))
        return 0;
    return err_set(e, ERR_NOT_FOUND, "there is no Istio resource in %s%s", ns ? "namespace " : "any namespace",
                   str_or(ns, ""));
}

/* Whether all of them are available. */
static bool print_reports(const json_t *reports, bool json)
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

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_event_base_ struct event_base *loop = event_base_new();
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_net_client_ struct net_client *client = NULL;
    _cleanup_json_ json_t *reports = json_array();
    struct asking asking = {.loop = loop, .began = clock_now_monotonic()};

    if (credentials_timeout(inv, &asking.timeout, e) < 0 || credentials_load(inv, &config, e) < 0 ||
        kube_client_new(loop, config, NULL, &client, e) < 0)
        return -1;
    asking.config = config;
    asking.client = client;
    if (make_reports(&asking, invocation_value(inv, "namespace"), reports, e) < 0)
        return e->class == ERR_UNAVAILABLE || e->class == ERR_TIMEOUT ? credentials_name_server(config, e) : -1;
    return print_reports(reports, str_eq(invocation_value(inv, "output"), "json")) ? 0 : 1;
}

const struct command command_status = {
    .name = "status",
    .summary = "print how the mesh of a live cluster is, and the remote clusters in it",
    .text = "Exit code 0: all is Available; 1: something is not, or not yet; 3: there is no mesh; otherwise an\n"
            "error. NO_COLOR switches colours off. -o json prints one array with an object for each Istio and\n"
            "RemoteIstio resource.",
    .options =
        (const struct option_row[]){
            {"namespace", 'n', "NAMESPACE", NULL, "only the resource in this namespace; otherwise in any",
             .format = &format_dns_label},
            {"output", 'o', "FORMAT", "text", "for users or one array for programs", CHOICES("text", "json")},
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_TIMEOUT,
            {NULL},
        },
    .run = run,
};
