/*
 * Commands that talk to a cluster get its credentials here, so that each of them keeps them as safe as the others.
 */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include "cli/command.h"
#include "kube/config.h"

/*
 * The kubeconfig that --kubeconfig and --context name. From then on this process writes no core dump, and other
 * processes of the same user cannot trace it.
 */
int credentials_load(const struct invocation *inv, struct kube_config **ret, struct err *e);

#endif
