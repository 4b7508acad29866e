#include "net/http_head.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

bool http_span_is(struct http_span span, const char *text)
{
    return span.at && span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static bool span_is_nocase(struct http_span span, const char *text)
{
    return span.at && span.len == strlen(text) && strncasecmp(span.at, text, span.len) == 0;
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct http_span span)
{
    for (size_t i = 0; i < span.len; i++) {
        char c = span.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return span.len > 0;
}

static bool has_control(struct http_span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (((unsigned char)span.at[i] < 0x20 && span.at[i] != '\t') || span.at[i] == 0x7f)
            return true;
    return false;
}

/* Up to the separator, which is skipped; false where it is missing. */
static bool cut(struct http_span *rest, char separator, struct http_span *ret)
{
    const char *end = memchr(rest->at, separator, rest->len);

    if (!end)
        return false;
    *ret = (struct http_span){rest->at, (size_t)(end - rest->at)};
    rest->len -= ret->len + 1;
    rest->at = end + 1;
    return true;
}

static struct http_span trim(struct http_span span)
{
    while (span.len && (*span.at == ' ' || *span.at == '\t'))
        span.at++, span.len--;
    while (span.len && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t'))
        span.len--;
    return span;
}

static int refuse(int *ret_status, int status)
{
    *ret_status = status;
    return -1;
}

static int parse_request_line(struct http_span line, struct http_head *head, int *ret_status)
{
    struct http_span target;

    if (!cut(&line, ' ', &head->method) || !is_token(head->method) || !cut(&line, ' ', &target) || has_control(line))
        return refuse(ret_status, 400);
    if (line.len != 8 || strncmp(line.at, "HTTP/", 5) != 0)
        return refuse(ret_status, 400);
    if (!http_span_is(line, "HTTP/1.1") && !http_span_is(line, "HTTP/1.0"))
        return refuse(ret_status, 505);
    if (!target.len || *target.at != '/' || has_control(target))
        return refuse(ret_status, 400);
    head->keep_alive = http_span_is(line, "HTTP/1.1");
    if (cut(&target, '?', &head->path))
        head->query = target;
    else
        head->path = target;
    return 0;
}

/* Digits only, and few enough to be a size on any machine. */
static bool parse_length(struct http_span value, size_t *ret)
{
    size_t n = 0;

    if (value.len == 0 || value.len > 9)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        n = n * 10 + (size_t)(value.at[i] - '0');
    }
    *ret = n;
    return true;
}

static bool all_digits(struct http_span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    return value.len > 0;
}

/* What was seen of the headers that count only once. */
struct seen {
    bool host, length;
};

static int parse_header(struct http_span line, struct http_head *head, struct seen *seen, int *ret_status)
{
    struct http_span name, value;

    if (!cut(&line, ':', &name) || !is_token(name) || has_control(line))
        return refuse(ret_status, 400);
    value = trim(line);
    if (span_is_nocase(name, "Host")) {
        if (seen->host)
            return refuse(ret_status, 400);
        seen->host = true;
    } else if (span_is_nocase(name, "Content-Length")) {
        if (seen->length || !all_digits(value))
            return refuse(ret_status, 400);
        if (!parse_length(value, &head->body_len))
            return refuse(ret_status, 413);
        seen->length = true;
    } else if (span_is_nocase(name, "Transfer-Encoding")) {
        return refuse(ret_status, 501);
    } else if (span_is_nocase(name, "Connection")) {
        if (span_is_nocase(value, "close"))
            head->keep_alive = false;
    } else if (span_is_nocase(name, "Expect")) {
        head->expects_continue = span_is_nocase(value, "100-continue");
    } else if (span_is_nocase(name, "Authorization")) {
        if (head->authorization.at)
            return refuse(ret_status, 400);
        head->authorization = value;
    }
    return 0;
}

/* Up to the next line's end; false where it is missing. */
static bool cut_line(struct http_span *rest, struct http_span *ret)
{
    const char *end = memmem(rest->at, rest->len, "\r\n", 2);

    if (!end)
        return false;
    *ret = (struct http_span){rest->at, (size_t)(end - rest->at)};
    rest->len -= ret->len + 2;
    rest->at = end + 2;
    return true;
}

int http_head_parse(const char *text, size_t len, struct http_head *ret, int *ret_status)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    struct http_head head = {0};
    struct http_span rest, line;
    struct seen seen = {0};
    bool needs_host;

    /* Something else than HTTP, such as TLS on a plain port. */
    if (len && !is_token((struct http_span){text, 1}))
        return refuse(ret_status, 400);
    if (!end && len < HTTP_HEAD_MAX_BYTES)
        return 0;
    if (!end || (size_t)(end - text) + 4 > HTTP_HEAD_MAX_BYTES)
        return refuse(ret_status, 431);
    head.len = (size_t)(end - text) + 4;
    rest = (struct http_span){text, head.len - 2};
    if (!cut_line(&rest, &line))
        return refuse(ret_status, 400);
    if (parse_request_line(line, &head, ret_status) < 0)
        return -1;
    needs_host = head.keep_alive;
    while (cut_line(&rest, &line))
        if (parse_header(line, &head, &seen, ret_status) < 0)
            return -1;
    if (needs_host && !seen.host)
        return refuse(ret_status, 400);
    *ret = head;
    return 1;
}
