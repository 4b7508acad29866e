/*
 * Requests to a Kubernetes API server, built without I/O.
 */
#ifndef KUBE_REQUEST_H
#define KUBE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "kube/kind.h"
#include "net/request.h"

/* `ns` NULL: cluster scope, or all namespaces of a namespaced kind. `version` is the API version to speak. */
struct net_request kube_request_get(const struct kube_kind *kind, const char *version, const char *ns,
                                    const char *name);
/* `label_selector`, `field_selector` and `continue_token` may be NULL. */
struct net_request kube_request_list(const struct kube_kind *kind, const char *version, const char *ns,
                                     const char *label_selector, const char *field_selector, int limit,
                                     const char *continue_token);
/* With bookmarks. `timeout_seconds` is how long the server is asked to keep it open. */
struct net_request kube_request_watch(const struct kube_kind *kind, const char *version, const char *ns,
                                      const char *label_selector, const char *field_selector,
                                      const char *resource_version, int timeout_seconds);
/* `body` is copied. */
struct net_request kube_request_create(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *body);
struct net_request kube_request_update(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *name, const char *body);
struct net_request kube_request_update_status(const struct kube_kind *kind, const char *version, const char *ns,
                                              const char *name, const char *body);
/* A JSON merge patch (RFC 7386). `subresource` may be NULL. */
struct net_request kube_request_merge_patch(const struct kube_kind *kind, const char *version, const char *ns,
                                            const char *name, const char *subresource, const char *body);
/*
 * In the background; only if the object still has this uid, and this resource version (NULL: whatever it has). Servers
 * before Kubernetes 1.14 ignore the version.
 */
struct net_request kube_request_delete(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *name, const char *uid, const char *resource_version);
/*
 * A list of one object, if there is any, and of that the metadata alone: it is read for the list's own
 * metadata.resourceVersion, the newest of the server. It is a consistent read: never older than what a watch has
 * reported. `field_selector` (may be NULL) is the watch's, because rights may be limited to one object.
 */
struct net_request kube_request_newest(const struct kube_kind *kind, const char *version, const char *ns,
                                       const char *field_selector);
/*
 * A Status object that refuses a request because its resource version is newer than what the server has. Servers since
 * Kubernetes 1.18 name the cause ResourceVersionTooLarge, older ones only say so.
 */
bool kube_status_is_from_future(const json_t *status);

/* Appends `text` percent-encoded (RFC 3986 unreserved characters stay). */
void kube_add_escaped(struct buf *b, const char *text);

#endif
