/*
 * Commands that talk to a cluster get its credentials here, so that each of them keeps them as safe as the others.
 */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include "cli/command.h"
#include "kube/config.h"

/*
 * The kubeconfig that --kubeconfig and --context name. From now on this process leaves no core behind, and nobody of
 * the same user traces it.
 */
int credentials_load(const struct invocation *inv, struct kube_config **ret, struct err *e);

#endif
