/* What the parts of the harness have in common; for nobody else. */
#ifndef TESTS_CLUSTER_HARNESS_IMPL_H
#define TESTS_CLUSTER_HARNESS_IMPL_H

#include "harness.h"

/* A variable of the environment; the test fails without it. */
const char *harness_env(const char *name);

/* A process that ends with the test; its standard error goes to `error_fd` where that is not below zero. */
pid_t harness_spawn(const char *const *arguments, int error_fd);

/* The parsed answer (owned by the caller), or NULL with the error's class and, where desired, its text (owned, too). */
json_t *cluster_call(struct net_request request, enum err_class *ret_class, char **ret_text);

#endif
