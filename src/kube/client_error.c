#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/client_impl.h"
#include "kube/message.h"

/* A Status object is small; what is larger is no explanation for a user. */
enum { STATUS_MAX_BYTES = 1024 * 1024, EXCERPT_MAX = 120 };
static const msec_t RETRY_AFTER_MOST = SECONDS(3600);

struct class_row {
    int status;
    const char *reason; /* of metav1.Status; NULL: any */
    enum err_class class;
};

/* The first row that fits. */
static const struct class_row classes[] = {
    {409, "AlreadyExists", ERR_ALREADY_EXISTS},
    {0, "Expired", ERR_GONE},
    {400, NULL, ERR_INVALID},
    {401, NULL, ERR_UNAUTHORIZED},
    {403, NULL, ERR_FORBIDDEN},
    {404, NULL, ERR_NOT_FOUND},
    {405, NULL, ERR_UNSUPPORTED},
    {406, NULL, ERR_UNSUPPORTED},
    {408, NULL, ERR_TIMEOUT},
    {409, NULL, ERR_CONFLICT},
    {410, NULL, ERR_GONE},
    {415, NULL, ERR_UNSUPPORTED},
    {422, NULL, ERR_INVALID},
    {429, NULL, ERR_THROTTLED},
    {504, NULL, ERR_TIMEOUT},
};

enum err_class kube_answer_class(int http, const json_t *status)
{
    const char *reason = doc_string(status, "reason");

    if (kube_status_is_from_future(status))
        return ERR_GONE;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        const struct class_row *row = &classes[i];
        if ((!row->status || row->status == http) && (!row->reason || str_eq(row->reason, reason)))
            return row->class;
    }
    return http >= 400 && http < 500 ? ERR_INVALID : ERR_UNAVAILABLE;
}

void kube_call_name(const struct kube_call *call, char *ret, size_t size)
{
    const char *path = call->request.path;

    snprintf(ret, size, "%s %.*s", kube_method_name(call->request.method), (int)strcspn(path, "?"), path);
}

/* The beginning of an answer that is no Status: "upstream connect error". Markup says nothing in a log. */
static void add_excerpt(struct buf *b, const char *body, size_t len)
{
    size_t printable = 0;

    if (!len || *body == '<' || *body == '{')
        return;
    while (printable < len && printable < EXCERPT_MAX && isprint((unsigned char)body[printable]))
        printable++;
    if (printable)
        buf_printf(b, ": %.*s", (int)printable, body);
}

static msec_t retry_after(const struct kube_call *call, const json_t *status)
{
    int64_t seconds = doc_int(doc_at(status, "details", "retryAfterSeconds"), 0);
    curl_off_t header = 0;

    if (curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &header) == CURLE_OK && header > 0)
        seconds = header;
    if (seconds <= 0)
        return 0;
    return seconds < RETRY_AFTER_MOST / 1000 ? SECONDS(seconds) : RETRY_AFTER_MOST;
}

/* The words of the server, or the operator's own where a Status could quote a secret. */
static void explain(const struct kube_call *call, const struct kube_response *r, const json_t *status, struct buf *text)
{
    const char *message = doc_string(status, "message"), *reason = doc_string(status, "reason");

    if (message && *message && !call->request.secret) {
        kube_message_add(text, message);
        return;
    }
    buf_printf(text, "HTTP %d", r->status);
    if (reason && *reason) {
        buf_add_char(text, ' ');
        kube_message_add(text, reason);
    } else if (r->status < 400) {
        buf_add_str(text, ": redirections are not followed");
    } else if (!status && !call->request.secret) {
        add_excerpt(text, r->body, r->body_len);
    }
}

int kube_error_of_answer(const struct kube_call *call, struct kube_response *r, struct err *e)
{
    _cleanup_json_ json_t *status = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    char name[256];

    if (doc_parse(r->body, r->body_len, STATUS_MAX_BYTES, &status, NULL) == 0 &&
        !str_eq(doc_string(status, "kind"), "Status"))
        json_decref(TAKE_PTR(status));
    if (r->status == 429 || r->status == 503)
        r->retry_after = retry_after(call, status);
    explain(call, r, status, &text);
    kube_call_name(call, name, sizeof(name));
    return err_set(e, kube_answer_class(r->status, status), "%s (%s)", buf_str(&text), name);
}

int kube_error_of_no_json(const struct kube_call *call, struct err *e)
{
    char name[256];

    kube_call_name(call, name, sizeof(name));
    return err_set(e, ERR_UNAVAILABLE, "%s: the answer to %s is not JSON", call->client->config->server, name);
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

enum kube_handshake kube_handshake_of_transfer(const struct kube_call *call, CURLcode code)
{
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return KUBE_HANDSHAKE_BY_US;
    if (code == CURLE_SSL_CERTPROBLEM)
        return KUBE_HANDSHAKE_BY_SERVER;
    /* With TLS 1.3 the server says so when the handshake is over for the client. */
    if ((code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR) &&
        strstr(call->curl_error, " alert "))
        return KUBE_HANDSHAKE_BY_SERVER;
    return KUBE_HANDSHAKE_FINE;
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

int kube_error_of_transfer(const struct kube_call *call, CURLcode code, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    char name[256];

    kube_call_name(call, name, sizeof(name));
    add_uncounted(&text, *call->curl_error ? call->curl_error : curl_easy_strerror(code));
    return err_set(e, class_of_code(code), "%s: %s (%s)", call->client->config->server, buf_str(&text), name);
}
