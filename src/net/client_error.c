#include <string.h>

#include "base/str.h"
#include "net/client_impl.h"

void net_error_of_answer(
    const struct net_client *c, const struct net_request *request, const struct net_response *r, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    char name[256];

    net_request_name(request, name, sizeof(name));
    net_describe_refusal(request, r, &text);
    err_set(e, net_status_class(r->status), "%s: %s (%s)", c->url, buf_str(&text), name);
}

int net_error_of_no_json(const struct net_call *call, struct err *e)
{
    char name[256];

    net_request_name(&call->request, name, sizeof(name));
    return err_set(e, ERR_UNAVAILABLE, "%s: the answer to %s is not JSON", call->client->url, name);
}

static enum err_class class_of_code(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_SSL_CERTPROBLEM:
        return ERR_UNAUTHORIZED;
    case CURLE_URL_MALFORMAT:
        return ERR_INVALID;
    default: /* the network, a proxy, the server's certificate: all of them may be corrected in that cluster */
        return ERR_UNAVAILABLE;
    }
}

enum net_handshake net_handshake_of_transfer(const struct net_call *call, CURLcode code)
{
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return NET_HANDSHAKE_BY_CLIENT;
    if (code == CURLE_SSL_CERTPROBLEM)
        return NET_HANDSHAKE_BY_SERVER;
    /* With TLS 1.3 the server says so when the handshake is over for the client. */
    if ((code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR) &&
        strstr(call->curl_error, " alert "))
        return NET_HANDSHAKE_BY_SERVER;
    return NET_HANDSHAKE_FINE;
}

/* Where libcurl counts: " after 10001 ms" is removed, and from "stream 93 was" the number alone. */
static const struct {
    const char *before, *after, *instead;
} counted[] = {{" after ", " ms", ""}, {" stream ", " was", " stream was"}};

/* How much of the text is a number with its words, as `counted` has them; 0: nothing. */
static size_t counted_at(const char *text, const char **ret_instead)
{
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        size_t before = strlen(counted[i].before), digits;
        if (!str_starts(text, counted[i].before))
            continue;
        digits = strspn(text + before, "0123456789");
        if (!digits || !str_starts(text + before + digits, counted[i].after))
            continue;
        *ret_instead = counted[i].instead;
        return before + digits + strlen(counted[i].after);
    }
    return 0;
}

/* The same failure has the same words each time: they are compared, in statuses and logs. */
static void add_uncounted(struct buf *out, const char *text)
{
    const char *instead;
    size_t len;

    while (*text) {
        len = counted_at(text, &instead);
        if (len)
            buf_add_str(out, instead);
        else
            buf_add(out, text, len = 1);
        text += len;
    }
}

int net_error_of_transfer(const struct net_call *call, CURLcode code, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    char name[256];

    net_request_name(&call->request, name, sizeof(name));
    add_uncounted(&text, *call->curl_error ? call->curl_error : curl_easy_strerror(code));
    return err_set(e, class_of_code(code), "%s: %s (%s)", call->client->url, buf_str(&text), name);
}
