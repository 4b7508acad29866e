/*
 * Requests to a Kubernetes API server, built without I/O.
 */
#ifndef KUBE_REQUEST_H
#define KUBE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "kube/kind.h"

enum kube_method { KUBE_GET, KUBE_POST, KUBE_PUT, KUBE_PATCH, KUBE_DELETE, KUBE_METHOD_LAST = KUBE_DELETE };

struct kube_request {
    enum kube_method method;
    char *path; /* with its query; owned */
    char *body; /* owned; NULL for none */
    size_t body_len;
    const char *content_type; /* a literal; NULL for application/json */
    const char *accept;       /* the header, a literal; NULL for application/json. Without "json" any answer will do */
    msec_t timeout;           /* for the whole answer; 0: the client's default. Watches: silence, not length */
    msec_t
        not_after; /* monotonic: not begun then, and ended where it is under way, with ERR_CANCELLED; 0: no such time */
    bool secret;   /* the body or the answer holds a secret: memory is cleared */
};

const char *kube_method_name(enum kube_method method);

/* `ns` NULL: cluster scope, or all namespaces of a namespaced kind. `version` is the API version to speak. */
struct kube_request kube_request_get(const struct kube_kind *kind, const char *version, const char *ns,
                                     const char *name);
/* `label_selector`, `field_selector` and `continue_token` may be NULL. */
struct kube_request kube_request_list(const struct kube_kind *kind, const char *version, const char *ns,
                                      const char *label_selector, const char *field_selector, int limit,
                                      const char *continue_token);
/* With bookmarks. `timeout_seconds` is how long the server is asked to keep it open. */
struct kube_request kube_request_watch(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *label_selector, const char *field_selector,
                                       const char *resource_version, int timeout_seconds);
/* `body` is copied. */
struct kube_request kube_request_create(const struct kube_kind *kind, const char *version, const char *ns,
                                        const char *body);
struct kube_request kube_request_update(const struct kube_kind *kind, const char *version, const char *ns,
                                        const char *name, const char *body);
struct kube_request kube_request_update_status(const struct kube_kind *kind, const char *version, const char *ns,
                                               const char *name, const char *body);
/* A JSON merge patch (RFC 7386). `subresource` may be NULL. */
struct kube_request kube_request_merge_patch(const struct kube_kind *kind, const char *version, const char *ns,
                                             const char *name, const char *subresource, const char *body);
/*
 * In the background; only if the object still has this uid, and this resource version (NULL: whatever it has). Servers
 * before Kubernetes 1.14 ignore the version.
 */
struct kube_request kube_request_delete(const struct kube_kind *kind, const char *version, const char *ns,
                                        const char *name, const char *uid, const char *resource_version);
/*
 * A list of one object, if there is any, and of that the metadata alone: it is read for the list's own
 * metadata.resourceVersion, the newest of the server. It is a consistent read: never older than what a watch has
 * reported. `field_selector` (may be NULL) is the watch's, because rights may be limited to one object.
 */
struct kube_request kube_request_newest(const struct kube_kind *kind, const char *version, const char *ns,
                                        const char *field_selector);
/* Any other path ("/version", "/apis"). */
struct kube_request kube_request_raw(enum kube_method method, const char *path, const char *body);

void kube_request_release(struct kube_request *r);

/*
 * A Status object that refuses a request because its resource version is newer than what the server has. Servers since
 * Kubernetes 1.18 name the cause ResourceVersionTooLarge, older ones only say so.
 */
bool kube_status_is_from_future(const json_t *status);

/* Appends `text` percent-encoded (RFC 3986 unreserved characters stay). */
void kube_add_escaped(struct buf *b, const char *text);

#endif
