#include "reconcile/query_http.h"

#include <ctype.h>
#include <curl/curl.h>
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
    query_is_over(over.done, over.context, response, e);
    net_client_free(over.client);
}

/* The parts of it end up in errors, so these do not name what may be a password. As a kubeconfig's servers. */
static int check_origin(const struct query *query, const char *origin, struct err *e)
{
    char *user = NULL;
    CURLU *url = curl_url();
    bool is_url = curl_url_set(url, CURLUPART_URL, origin, 0) == CURLUE_OK;
    bool has_user = is_url && curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;

    curl_free(user);
    curl_url_cleanup(url);
    if (!is_url)
        return err_set(e, ERR_INVALID, "the URL of query \"%s\" is no URL (http://HOST:PORT/PATH)", query->key);
    if (has_user)
        return err_set(e, ERR_INVALID, "the URL of query \"%s\" must not contain a user or password", query->key);
    return 0;
}

/* What would begin another header. */
static int check_authorization(const struct query *query, struct err *e)
{
    for (const char *c = query->authorization; c && *c; c++)
        if (iscntrl((unsigned char)*c))
            return err_set(e, ERR_INVALID, "the credentials of query \"%s\" contain a control character", query->key);
    return 0;
}

static int give_credentials(void *context, struct net_credentials **ret, struct err *e)
{
    struct net_credentials *credentials = context;

    (void)e;
    credentials->refs++;
    *ret = credentials;
    return 1;
}

static void release_credentials(void *context)
{
    net_credentials_unref(context);
}

static int new_client(
    struct event_base *loop, const struct net_server *server, const struct query *query, struct net_client **ret,
    struct err *e)
{
    const struct net_client_options options = {
        .max_body = query->body_max ? query->body_max : BODY_MAX,
        .timeout = query->timeout ? query->timeout : TIMEOUT,
        .connect_timeout = query->timeout ? query->timeout : TIMEOUT,
    };
    struct net_client_hooks hooks = {.credentials = give_credentials, .release = release_credentials};
    struct net_credentials *credentials;

    if (!query->authorization)
        return net_client_new(loop, server, &options, NULL, ret, e);
    credentials = NEW(struct net_credentials);
    *credentials = (struct net_credentials){
        .refs = 1,
        .authorization = str_printf("Authorization: %s", query->authorization),
    };
    hooks.context = credentials;
    return net_client_new(loop, server, &options, &hooks, ret, e);
}

static int send_query(
    void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
    struct err *e)
{
    const char *host = strstr(query->url, "://"), *path = host ? host + 3 + strcspn(host + 3, "/?") : "";
    _cleanup_secret_ char *origin = str_dup_n(query->url, host ? (size_t)(path - query->url) : strlen(query->url));
    _cleanup_secret_ char *full = str_printf("%s%s", *path == '/' ? "" : "/", path);
    const struct net_server server = {.url = origin};
    struct query_call *call;
    struct net_request request;

    if (check_origin(query, origin, e) < 0 || check_authorization(query, e) < 0)
        return -1;
    call = NEW(struct query_call);
    *call = (struct query_call){.done = done, .context = done_context};
    if (new_client(context, &server, query, &call->client, e) < 0) {
        free(call);
        return -1;
    }
    request = net_request_new(query->post ? NET_POST : NET_GET, full, query->post);
    request.accept = "Accept: */*";
    request.secret_path = query->post;
    request.status_only = query->post;
    request.not_after = query->not_after;
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
