/*
 * Many virtual clusters behind one port: https://127.0.0.1:PORT/clusters/NAME is a Kubernetes API server.
 *
 * They run on the given loop, beside whatever else does. Controllers of a cluster do their work up to two seconds
 * after a change: definitions are established, Deployments become available, garbage is collected.
 */
#ifndef TESTS_APISERVER_APISERVER_H
#define TESTS_APISERVER_APISERVER_H

#include "virtual.h"

struct apiserver;

/* As Kubernetes 1.`minor`, on 127.0.0.1:`port` (0: any), with a certificate of its own. */
int apiserver_new(struct event_base *loop, int port, int minor, struct apiserver **ret, struct err *e);
void apiserver_free(struct apiserver *a);
DEFINE_CLEANUP(struct apiserver *, apiserver_free)
#define _cleanup_apiserver_ _cleanup_(apiserver_free_p)

struct virtual *apiserver_add(struct apiserver *a, const char *name);
/* NULL where there is none. */
struct virtual *apiserver_find(struct apiserver *a, const char *name);
/* for (size_t i = 0; (v = apiserver_next(a, &i));) */
struct virtual *apiserver_next(struct apiserver *a, size_t *position);
/* A kubeconfig for the cluster; owned by the caller. */
char *apiserver_kubeconfig(const struct apiserver *a, const char *name);

const struct virtual_world *apiserver_world(const struct apiserver *a);
int apiserver_port(const struct apiserver *a);
size_t apiserver_connections(const struct apiserver *a);
/* Does what the clusters' controllers have to do by now; also after a change from outside of requests. */
void apiserver_advance(struct apiserver *a);

#endif
