/* What the benchmarks share: how figures are summed up, and what federation needs in the central cluster. */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <stddef.h>

#include "kube/request.h"
#include "reconcile/desired.h"

extern const struct kube_kind bench_remote_istio, bench_secret, bench_pod;

/* Sorts the values. */
double bench_median(double *values, size_t count);
/* The median, and the least and the most. Sorts the values. */
void bench_print(const char *what, double *values, size_t count, const char *unit);

/*
 * Sends so many requests, 64 at a time, until the server has taken all. What it does not serve yet (404) or does not
 * answer is sent again; every other error fails the test, but that an object exists already.
 */
void bench_send_all(size_t count, struct net_request (*request)(const void *context, size_t i), const void *context);
/* Creates all of them so, and waits for the last answer. */
void bench_post_objects(const struct desired_set *set);
/* Deletes Istio's definitions, which a mesh leaves there. */
void bench_remove_definitions(void);

/* What the central Citadel signs with, which runs in none of the benchmarks: remote clusters are to sign with it. */
void bench_create_signing_certificate(void);
/* The kubeconfig of a remote cluster as the operator looks for it. */
struct net_request bench_kubeconfig_request(const char *name, const char *kubeconfig);
struct net_request bench_remote_request(const char *name);
/* A Pod of Pilot's that nobody runs, and the request that makes it Ready at this address. */
struct net_request bench_create_pilot(const char *name, const char *ip);
/*
 * Waits until the machine's processors were idle for five seconds on end, but for a fifth of them. New definitions
 * make an API server work for some 15 s at what it publishes of all kinds (OpenAPI), and times taken meanwhile tell of
 * that. Says so, where the machine did not become quiet within two minutes.
 */
void bench_wait_quiet(void);
/* A file as a whole, owned by the caller. */
char *bench_contents(const char *path);

#endif
