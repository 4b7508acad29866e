/*
 * Requests of a command to the API server that --kubeconfig and --context name, all of them together within --timeout.
 */
#ifndef CLI_ASKING_H
#define CLI_ASKING_H

#include <jansson.h>

#include "cli/command.h"
#include "kube/client.h"
#include "kube/config.h"

/* Zeroed: none. */
struct asking {
    struct event_base *loop;
    struct kube_config *config;
    struct net_client *client;
    msec_t began, timeout; /* monotonic */
};

/* The command has the options that credentials.h reads. asking_end() also where it fails. */
int asking_begin(const struct invocation *inv, struct asking *ret, struct err *e);
void asking_end(struct asking *a);
#define _cleanup_asking_ _cleanup_(asking_end)

/* How long what is asked from now on may take; 0: no longer. */
msec_t asking_left(const struct asking *a);
/* Takes over the request. *ret is owned by the caller. Errors name the server. */
int asking_send(const struct asking *a, struct net_request request, json_t **ret, struct err *e);
/* The same. Something else than an API server may be at its address, and answer with any JSON: that is an error. */
int asking_list(const struct asking *a, struct net_request request, json_t **ret, struct err *e);
/* The answer to GET /version, owned by the caller. ERR_UNAVAILABLE where that is not an API server's. */
int asking_version(const struct asking *a, json_t **ret, struct err *e);

#endif
