#include "reconcile/query_dry_run.h"

#include "base/str.h"

static const msec_t TIMEOUT = SECONDS(30);

struct query_call {
    struct net_call *call;
    query_done_fn done;
    void *context;
};

static void on_done(void *context, const struct net_response *response, const struct err *e)
{
    struct query_call *call = context;
    struct query_call over = *call;

    free(call);
    query_is_over(over.done, over.context, response, e);
}

static int send_query(
    void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
    struct err *e)
{
    const struct dry_runs *runs = context;
    _cleanup_free_ char *path = str_printf("%s?dryRun=All", query->url);
    struct net_request request;
    struct query_call *call;
    msec_t not_after;

    if (!kube_gate_is_open(&runs->gate, &not_after))
        return err_set(e, ERR_CANCELLED, "this replica does not act");
    call = NEW(struct query_call);
    *call = (struct query_call){.done = done, .context = done_context};
    request = net_request_new(NET_POST, path, query->create);
    request.timeout = query->timeout ? query->timeout : TIMEOUT;
    request.not_after = not_after;
    *ret = call;
    call->call = runs->io->send(runs->io, &request, NULL, on_done, call);
    return 0;
}

static void cancel(void *context, struct query_call *call)
{
    const struct dry_runs *runs = context;

    runs->io->cancel(runs->io, call->call);
    free(call);
}

struct query_sender query_dry_run(struct dry_runs *runs)
{
    return (struct query_sender){send_query, cancel, runs};
}
