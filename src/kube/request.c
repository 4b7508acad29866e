#include "kube/request.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"

void kube_add_escaped(struct buf *b, const char *text)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++)
        if (strchr(unreserved, *text))
            buf_add_char(b, *text);
        else
            buf_printf(b, "%%%02X", (unsigned char)*text);
}

static void add_segment(struct buf *b, const char *text)
{
    buf_add_char(b, '/');
    kube_add_escaped(b, text);
}

/* An empty name would turn "delete this one" into "delete all of them": that is never sent. */
static void add_path(struct buf *b, const struct kube_kind *kind, const char *version, const char *ns)
{
    buf_add_str(b, *kind->group ? "/apis" : "/api");
    if (*kind->group)
        add_segment(b, kind->group);
    add_segment(b, version);
    if (ns) {
        assert(*ns);
        buf_add_str(b, "/namespaces");
        add_segment(b, ns);
    }
    add_segment(b, kind->plural);
}

static void add_name(struct buf *b, const char *name)
{
    assert(name && *name);
    add_segment(b, name);
}

/* The first parameter follows '?', each other one '&'. */
static void add_query_key(struct buf *b, const char *key)
{
    buf_add_char(b, strchr(buf_str(b), '?') ? '&' : '?');
    buf_add_str(b, key);
    buf_add_char(b, '=');
}

static void add_query(struct buf *b, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    add_query_key(b, key);
    kube_add_escaped(b, value);
}

static void add_query_int(struct buf *b, const char *key, int value)
{
    if (value <= 0)
        return;
    add_query_key(b, key);
    buf_printf(b, "%d", value);
}

static struct net_request request_new(enum net_method method, const struct kube_kind *kind, struct buf *path,
                                      const char *body)
{
    return (struct net_request){
        .method = method,
        .path = buf_take(path),
        .body = str_dup(body),
        .body_len = body ? strlen(body) : 0,
        .secret = kind && str_eq(kind->group, "") && str_eq(kind->plural, "secrets"),
    };
}

static struct net_request request_for_one(enum net_method method, const struct kube_kind *kind, const char *version,
                                          const char *ns, const char *name, const char *subresource, const char *body)
{
    struct buf path = BUF_INIT;

    add_path(&path, kind, version, ns);
    add_name(&path, name);
    if (subresource)
        add_segment(&path, subresource);
    return request_new(method, kind, &path, body);
}

struct net_request kube_request_get(const struct kube_kind *kind, const char *version, const char *ns, const char *name)
{
    return request_for_one(NET_GET, kind, version, ns, name, NULL, NULL);
}

/* What cannot give metadata alone gives the whole. */
#define METADATA_OF(kind) "Accept: application/json;as=" kind ";g=meta.k8s.io;v=v1,application/json"

static struct net_request metadata_request(const struct kube_kind *kind, struct net_request request, const char *accept)
{
    request.accept = kind->metadata_only ? accept : NULL;
    return request;
}

struct net_request kube_request_list(const struct kube_kind *kind, const char *version, const char *ns,
                                     const char *label_selector, const char *field_selector, int limit,
                                     const char *continue_token)
{
    struct buf path = BUF_INIT;

    add_path(&path, kind, version, ns);
    add_query_int(&path, "limit", limit);
    add_query(&path, "continue", continue_token);
    add_query(&path, "labelSelector", label_selector);
    add_query(&path, "fieldSelector", field_selector);
    return metadata_request(kind, request_new(NET_GET, kind, &path, NULL), METADATA_OF("PartialObjectMetadataList"));
}

struct net_request kube_request_newest(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *field_selector)
{
    struct net_request request = kube_request_list(kind, version, ns, NULL, field_selector, 1, NULL);

    request.accept = METADATA_OF("PartialObjectMetadataList");
    return request;
}

struct net_request kube_request_watch(const struct kube_kind *kind, const char *version, const char *ns,
                                      const char *label_selector, const char *field_selector,
                                      const char *resource_version, int timeout_seconds)
{
    struct buf path = BUF_INIT;

    add_path(&path, kind, version, ns);
    add_query(&path, "watch", "true");
    add_query(&path, "allowWatchBookmarks", "true");
    add_query(&path, "resourceVersion", resource_version);
    add_query_int(&path, "timeoutSeconds", timeout_seconds);
    add_query(&path, "labelSelector", label_selector);
    add_query(&path, "fieldSelector", field_selector);
    return metadata_request(kind, request_new(NET_GET, kind, &path, NULL), METADATA_OF("PartialObjectMetadata"));
}

struct net_request kube_request_create(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *body)
{
    struct buf path = BUF_INIT;

    add_path(&path, kind, version, ns);
    return request_new(NET_POST, kind, &path, body);
}

struct net_request kube_request_update(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *name, const char *body)
{
    return request_for_one(NET_PUT, kind, version, ns, name, NULL, body);
}

struct net_request kube_request_update_status(const struct kube_kind *kind, const char *version, const char *ns,
                                              const char *name, const char *body)
{
    return request_for_one(NET_PUT, kind, version, ns, name, "status", body);
}

struct net_request kube_request_merge_patch(const struct kube_kind *kind, const char *version, const char *ns,
                                            const char *name, const char *subresource, const char *body)
{
    struct net_request r = request_for_one(NET_PATCH, kind, version, ns, name, subresource, body);

    r.content_type = "application/merge-patch+json";
    return r;
}

struct net_request kube_request_delete(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *name, const char *uid, const char *resource_version)
{
    _cleanup_json_ json_t *options =
        OBJECT(STRING("apiVersion", "v1"), STRING("kind", "DeleteOptions"), STRING("propagationPolicy", "Background"),
               OPT(uid || resource_version,
                   MAP("preconditions", STRING("uid", uid), STRING("resourceVersion", resource_version))));
    _cleanup_free_ char *body = doc_text(options);

    return request_for_one(NET_DELETE, kind, version, ns, name, NULL, body);
}

bool kube_status_is_from_future(const json_t *status)
{
    const json_t *causes = doc_at(status, "details", "causes"), *cause;
    size_t i;

    json_array_foreach(causes, i, cause)
        if (str_eq(doc_string(cause, "reason"), "ResourceVersionTooLarge"))
            return true;
    return str_starts(str_or(doc_string(status, "message"), ""), "Too large resource version");
}
