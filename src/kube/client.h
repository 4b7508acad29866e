/*
 * A client of one API server: net/client.h with the credentials of a kubeconfig and Kubernetes' words for what a server
 * refuses. Where an exec plugin gives the credentials, it runs as a child process, and requests wait for it. A request
 * whose credentials the server does not accept is sent once more, if there are others then.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <jansson.h>

#include "base/err.h"
#include "kube/config.h"
#include "kube/request.h"
#include "net/client.h"

/*
 * Copies `config`. Fails where certificates or keys cannot be read. Files that it names are checked before a call, at
 * most once a second, and read again where one changed.
 */
int kube_client_new(struct event_base *loop, const struct kube_config *config, const struct net_client_options *options,
                    struct net_client **ret, struct err *e);

/* The error for an answer's HTTP status of 300 or more and its Status object (or NULL). */
enum err_class kube_answer_class(int http, const json_t *status);
/*
 * Describes an answer with a status of 300 or more by the Status object in its body, with the class that fits; sets
 * r->retry_after where that object alone says it.
 */
void kube_error_of_answer(const struct net_request *request, struct net_response *r, struct err *e);

#endif
