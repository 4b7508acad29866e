#include "reconcile/query_http.h"

#include <string.h>

#include "base/str.h"

static const msec_t TIMEOUT = SECONDS(10);
enum { BODY_MAX = 64 * 1024 };

struct query_call {
    struct net_client *client;
    query_done_fn done;
    void *context;
};

static void on_done(void *context, const struct net_response *response, const struct err *e)
{
    struct query_call *call = context;
    struct query_call over = *call;

    free(call);
    /* An answer that says no is an answer. */
    if (response)
        over.done(over.context, response->status, response->body, response->body_len, NULL);
    else
        over.done(over.context, 0, NULL, 0, e);
    net_client_free(over.client);
}

static int send_query(
    void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
    struct err *e)
{
    const char *host = strstr(query->url, "://"), *path = host ? host + 3 + strcspn(host + 3, "/?") : "";
    _cleanup_free_ char *origin = str_dup_n(query->url, host ? (size_t)(path - query->url) : strlen(query->url));
    _cleanup_free_ char *full = str_printf("%s%s", *path == '/' ? "" : "/", path);
    const struct net_server server = {.url = origin};
    const struct net_client_options options = {
        .max_body = query->body_max ? query->body_max : BODY_MAX,
        .timeout = query->timeout ? query->timeout : TIMEOUT,
        .connect_timeout = query->timeout ? query->timeout : TIMEOUT,
    };
    struct query_call *call = NEW(struct query_call);
    struct net_request request;

    *call = (struct query_call){.done = done, .context = done_context};
    if (net_client_new(context, &server, &options, NULL, &call->client, e) < 0) {
        free(call);
        return -1;
    }
    request = net_request_new(NET_GET, full, NULL);
    request.accept = "Accept: */*";
    net_client_send(call->client, &request, NULL, on_done, call);
    *ret = call;
    return 0;
}

static void cancel(void *context, struct query_call *call)
{
    (void)context;
    net_client_free(call->client);
    free(call);
}

struct query_sender query_http(struct event_base *loop)
{
    return (struct query_sender){send_query, cancel, loop};
}
