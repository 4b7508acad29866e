#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/client.h"
#include "kube/message.h"

/* A Status object is small; what is larger is no explanation for a user. */
enum { STATUS_MAX_BYTES = 1024 * 1024 };

enum err_class kube_answer_class(int http, const json_t *status)
{
    const char *reason = doc_string(status, "reason");

    if (kube_status_is_from_future(status))
        return ERR_GONE;
    if (http == 409 && str_eq(reason, "AlreadyExists"))
        return ERR_ALREADY_EXISTS;
    return str_eq(reason, "Expired") ? ERR_GONE : net_status_class(http);
}

static msec_t retry_after(const json_t *status)
{
    int64_t seconds = doc_int(doc_at(status, "details", "retryAfterSeconds"), 0);

    if (seconds <= 0)
        return 0;
    return seconds < NET_RETRY_AFTER_MOST / 1000 ? SECONDS(seconds) : NET_RETRY_AFTER_MOST;
}

/* The words of the server, or the operator's own where a Status could quote a secret. */
static void explain(const struct net_request *request, const struct net_response *r, const json_t *status,
                    struct buf *text)
{
    const char *message = doc_string(status, "message"), *reason = doc_string(status, "reason");

    if (message && *message && !request->secret) {
        kube_message_add(text, message);
    } else if (reason && *reason) {
        buf_printf(text, "HTTP %d ", r->status);
        kube_message_add(text, reason);
    } else {
        net_describe_refusal(request, r, text);
    }
}

void kube_error_of_answer(const struct net_request *request, struct net_response *r, struct err *e)
{
    _cleanup_json_ json_t *status = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    char name[256];

    if (doc_parse(r->body, r->body_len, STATUS_MAX_BYTES, &status, NULL) == 0 &&
        !str_eq(doc_string(status, "kind"), "Status"))
        json_decref(TAKE_PTR(status));
    if (!r->retry_after && (r->status == 429 || r->status == 503))
        r->retry_after = retry_after(status);
    explain(request, r, status, &text);
    net_request_name(request, name, sizeof(name));
    err_set(e, kube_answer_class(r->status, status), "%s (%s)", buf_str(&text), name);
}
