/*
 * What the log says of the connection to a cluster: a line with the reason when it has failed for a second, when the
 * reason changes, and every ten minutes as long as it fails; a line when it works again; and one when the cluster's
 * resource versions went backwards. A connection that fails and recovers repeatedly gets at most twenty lines in ten
 * minutes.
 */
#ifndef RECONCILE_CONNECTION_LOG_H
#define RECONCILE_CONNECTION_LOG_H

#include "kube/cluster.h"

struct connection_log;

/* Borrows the cluster, and is freed before it. `name` is what lines call it; copied. */
struct connection_log *connection_log_new(struct kube_cluster *cluster, const char *name);
void connection_log_free(struct connection_log *l);
/* Something in the cluster changed. Between these calls a timer checks whether there is something to log. */
void connection_log_look(struct connection_log *l);

#endif
