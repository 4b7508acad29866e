#include "net/request.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Of an answer in plain text that says no. */
enum { EXCERPT_MAX = 120 };

const char *net_method_name(enum net_method method)
{
    static const char *const names[] = {
        [NET_GET] = "GET",
        [NET_POST] = "POST",
        [NET_PUT] = "PUT",
        [NET_PATCH] = "PATCH",
        [NET_DELETE] = "DELETE",
    };
    ARRAY_COVERS(names, NET_METHOD_LAST);

    return names[method];
}

struct net_request net_request_new(enum net_method method, const char *path, const char *body)
{
    return (struct net_request){
        .method = method, .path = str_dup(path), .body = str_dup(body), .body_len = body ? strlen(body) : 0};
}

void net_request_release(struct net_request *r)
{
    if (r->secret)
        mem_free_secret(r->body, r->body_len);
    else
        free(r->body);
    if (r->secret_path)
        str_free_secret(r->path);
    else
        free(r->path);
    *r = (struct net_request){0};
}

void net_request_name(const struct net_request *r, char *ret, size_t size)
{
    size_t len = r->secret_path ? 0 : strcspn(r->path, "?");

    snprintf(ret, size, "%s%s%.*s", net_method_name(r->method), len ? " " : "", (int)len, r->path);
}

enum err_class net_status_class(int status)
{
    switch (status) {
    case 401:
        return ERR_UNAUTHORIZED;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 405:
    case 406:
    case 415:
        return ERR_UNSUPPORTED;
    case 408:
    case 504:
        return ERR_TIMEOUT;
    case 409:
        return ERR_CONFLICT;
    case 410:
        return ERR_GONE;
    case 429:
        return ERR_THROTTLED;
    default:
        return status >= 400 && status < 500 ? ERR_INVALID : ERR_UNAVAILABLE;
    }
}

/* The beginning of an answer in plain text: "upstream connect error". Markup says nothing in a log. */
static void add_excerpt(struct buf *b, const char *body, size_t len)
{
    size_t printable = 0;

    for (; len && isspace((unsigned char)*body); len--)
        body++;
    if (!len || *body == '<' || *body == '{')
        return;
    while (printable < len && printable < EXCERPT_MAX && isprint((unsigned char)body[printable]))
        printable++;
    if (printable)
        buf_printf(b, ": %.*s", (int)printable, body);
}

void net_describe_refusal(const struct net_request *request, const struct net_response *r, struct buf *out)
{
    buf_printf(out, "HTTP %d", r->status);
    if (r->status < 400)
        buf_add_str(out, ": redirections are not followed");
    else if (!request->secret)
        add_excerpt(out, r->body, r->body_len);
}
