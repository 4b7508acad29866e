/*
 * Commands that talk to a cluster get its credentials here, so that each of them keeps them as safe as the others.
 */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include <jansson.h>

#include "base/clock.h"
#include "cli/command.h"
#include "kube/config.h"

/*
 * The kubeconfig that --kubeconfig and --context name. From then on this process writes no core dump, and other
 * processes of the same user cannot trace it.
 */
int credentials_load(const struct invocation *inv, struct kube_config **ret, struct err *e);

/* The value of --timeout; ERR_USAGE where it is none. */
int credentials_timeout(const struct invocation *inv, msec_t *ret, struct err *e);

/* ERR_UNAVAILABLE where this is not what an API server answers to GET /version: something else is at its address. */
int credentials_check_version(const struct kube_config *config, const json_t *answer, struct err *e);
/* Puts the server in front of an error that came from it; returns -1. */
int credentials_name_server(const struct kube_config *config, struct err *e);

#endif
