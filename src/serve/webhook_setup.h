/*
 * Keeps the operator's own TLS in order: the Secret with the certificate, the authorities in the webhook's
 * configuration, and the certificate that the server shows.
 *
 * It watches those two objects by their names and creates what is missing; it keeps no state. Replicas share the
 * Secret: the one whose gate is open creates and renews it, and all of them use it. If several write, the first one
 * creates it. A renewed certificate is shown once the configuration trusts it. Failures are logged and retried; the
 * rest of the operator does not depend on it.
 *
 * Its two watches are in a cluster of their own (kube/cluster.h), which verifies them apart from the controller's: once
 * a minute, by a request for a list of one object, where they are quiet. The controller's verification would be enough
 * where both are synced, as etcd has one revision. It is not shared: the certificate has to be there before the
 * controller is, and stays in order when that has nothing to watch. A minute is the longest that a watch may be quiet
 * and count as listening (KUBE_LISTENING_MOST), so it cannot be rarer.
 */
#ifndef SERVE_WEBHOOK_SETUP_H
#define SERVE_WEBHOOK_SETUP_H

#include <event2/event.h>

#include "kube/client.h"
#include "kube/gate.h"
#include "net/http_server.h"

struct webhook_setup;

struct webhook_setup_options {
    const char *ns;             /* the operator's own */
    const char *url;            /* that the API server is to call; then the configuration is made, too. NULL: the
                                   operator's Service, and the configuration that the manifests install */
    struct http_server *server; /* to show the certificate */
    struct kube_gate gate;      /* of every write; after opening it the caller calls webhook_setup_look() */
};

/* Client and server are borrowed. */
struct webhook_setup *
webhook_setup_new(struct event_base *loop, struct net_client *client, const struct webhook_setup_options *options);
/* Looks whether all is in order, immediately. */
void webhook_setup_look(struct webhook_setup *w);
/* Whether a write is under way. */
bool webhook_setup_writes(const struct webhook_setup *w);
void webhook_setup_free(struct webhook_setup *w);

#endif
