#include <malloc.h>
#include <signal.h>

#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/credentials.h"
#include "controllers/kinds.h"
#include "net/loop.h"
#include "reconcile/leadership.h"
#include "serve/server.h"

struct running {
    struct event_base *loop;
    struct leadership *leadership; /* NULL: it is the only one */
    struct controller *controller;
    struct server *server;
    bool stopping;
};

static void end_loop(void *context)
{
    struct running *r = context;

    event_base_loopbreak(r->loop);
}

static void on_acting(void *context, bool acting)
{
    struct running *r = context;

    controller_set_acting(r->controller, acting);
    if (acting)
        server_may_write(r->server);
}

static bool is_writing(void *context)
{
    struct running *r = context;

    return controller_is_writing(r->controller) || server_writes_under_way(r->server);
}

/* The second one does not wait for what is under way. */
static void on_signal(evutil_socket_t signal_number, short what, void *context)
{
    struct running *r = context;

    (void)what;
    log_info("stopping", "signal", signal_number == SIGINT ? "SIGINT" : "SIGTERM", NULL);
    if (r->leadership && !r->stopping)
        leadership_stop(r->leadership);
    else
        end_loop(r);
    r->stopping = true;
}

static int read_seconds(const struct invocation *inv, const char *option, msec_t *ret, struct err *e)
{
    const char *value = invocation_value(inv, option);
    int64_t seconds;

    if (!str_to_int64(value, &seconds) || seconds < 1 || seconds > KUBE_LEASE_MOST / 1000)
        return err_set(e, ERR_USAGE, "--%s \"%s\": allowed are whole seconds from 1 to %d", option, value,
                       (int)(KUBE_LEASE_MOST / 1000));
    *ret = SECONDS(seconds);
    return 0;
}

static int read_lease_options(const struct invocation *inv, struct kube_lease_options *ret, struct err *e)
{
    if (read_seconds(inv, "lease-duration", &ret->duration, e) < 0 ||
        read_seconds(inv, "renew-deadline", &ret->renew_deadline, e) < 0 ||
        read_seconds(inv, "retry-period", &ret->retry_period, e) < 0)
        return -1;
    return kube_lease_check(ret, e);
}

static void configure_log(const struct invocation *inv)
{
    enum log_format format;
    enum log_level level;

    if (!log_parse_format(invocation_value(inv, "log-format"), &format) ||
        !log_parse_level(invocation_value(inv, "log-level"), &level))
        abort(); /* the table of options allows nothing else */
    log_configure(level, format);
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_loop_ struct event_base *loop = event_base_new();
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_controller_ struct controller *controller = NULL;
    _cleanup_server_ struct server *server = NULL;
    _cleanup_leadership_ struct leadership *leadership = NULL;
    struct kube_lease_options lease = {0};
    struct running running = {.loop = loop};
    struct controller_options options = {.kinds = &operator_kinds, .ns = invocation_value(inv, "namespace")};
    struct server_options served = {
        .address = invocation_value(inv, "metrics-addr"),
        .webhook_address = invocation_value(inv, "webhook-addr"),
        .webhook_url = invocation_value(inv, "webhook-url"),
        .secure_metrics = invocation_has(inv, "secure-metrics"),
    };
    struct event *interrupt, *terminate;
    char port[16], webhook_port[16];

    configure_log(inv);
    if (read_lease_options(inv, &lease, e) < 0)
        return -1;
    if (credentials_load(inv, &config, e) < 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    served.ns = lease.ns = str_or(options.ns, config->namespace);
    if (invocation_has(inv, "leader-elect")) {
        running.leadership = leadership = leadership_new(&lease);
        options.gate = served.gate = leadership_gate(leadership);
    }
    if (controller_new(loop, config, &options, &controller, e) < 0 ||
        server_new(loop, &served, controller, &server, e) < 0)
        return -1;
    running.controller = controller;
    running.server = server;
    interrupt = evsignal_new(loop, SIGINT, on_signal, &running);
    terminate = evsignal_new(loop, SIGTERM, on_signal, &running);
    evsignal_add(interrupt, NULL);
    evsignal_add(terminate, NULL);

    snprintf(port, sizeof(port), "%d", server_port(server));
    snprintf(webhook_port, sizeof(webhook_port), "%d", server_webhook_port(server));
    log_info("istio-operator starts", "version", VERSION_TEXT, "server", config->server, "as", config->source, "port",
             port, "webhook_port", webhook_port, NULL);
    controller_start(controller);
    if (leadership)
        leadership_start(leadership, kube_cluster_io(controller_cluster(controller)),
                         &(struct leadership_events){on_acting, is_writing, end_loop, &running});
    event_base_dispatch(loop);

    event_free(interrupt);
    event_free(terminate);
    if (leadership && leadership_failure(leadership)) {
        *e = *leadership_failure(leadership);
        return -1;
    }
    return 0;
}

const struct command command_run = {
    .name = "run",
    .summary = "run the controller",
    .text = "It watches Istio resources in every namespace, installs what they ask for and keeps it so, until it\n"
            "gets SIGINT or SIGTERM. It serves /healthz, /readyz and /metrics, and with --webhook-addr an\n"
            "admission webhook. With --leader-elect several can run: one acts, the others stand by.",
    .options =
        (const struct option_row[]){
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            {"namespace", 'n', "NAMESPACE", NULL, "the operator's own namespace; otherwise its Pod's or context's",
             .format = &format_dns_label},
            {"metrics-addr", 0, "ADDRESS", ":8080", "HOST:PORT to serve on; port 0 takes a free one"},
            {"webhook-addr", 0, "ADDRESS", NULL, "HOST:PORT for the admission webhook, with TLS; otherwise none"},
            {"webhook-url", 0, "URL", NULL, "https://HOST:PORT/validate for the API server to call, not the Service"},
            {"leader-elect", 0, NULL, NULL, "act only while holding the Lease istio-operator; for several replicas"},
            {"lease-duration", 0, "SECONDS", "15", "how long the others wait for a leader that fell silent"},
            {"renew-deadline", 0, "SECONDS", "10", "a leader that could not renew for so long stops"},
            {"retry-period", 0, "SECONDS", "2", "how often the lease is renewed, or tried for"},
            {"secure-metrics", 0, NULL, NULL, "serve /metrics with TLS, to those who may get it"},
            {"log-format", 0, "FORMAT", "text", "how lines are written", CHOICES("text", "json")},
            {"log-level", 0, "LEVEL", "info", "the least that is written",
             CHOICES("debug", "info", "warning", "error")},
            {NULL},
        },
    .run = run,
};
