/*
 * How to reach a remote cluster, from the Secret that holds its kubeconfig: input from outside, so what could reach
 * beyond that cluster is refused (KUBE_CONFIG_FOREIGN). Pure.
 */
#ifndef RECONCILE_KUBECONFIG_SECRET_H
#define RECONCILE_KUBECONFIG_SECRET_H

#include <jansson.h>

#include "kube/config.h"

/*
 * From a Secret as the API server has it: its `data` has one key, of any name. Errors begin with the Secret's name and
 * say what is wrong with it, and quote nothing of its data. *ret is owned by the caller.
 */
int kubeconfig_secret_read(const json_t *secret, struct kube_config **ret, struct err *e);

#endif
