/*
 * A stand-in for all nodes of a cluster that has none: a child process that says of every Pod that it runs, is ready
 * and has an address. With the cluster's own controllers, Deployments become available by it.
 */
#ifndef TESTS_CLUSTER_KUBELET_H
#define TESTS_CLUSTER_KUBELET_H

#define KUBELETS_MOST 8

/* For the cluster of a kubeconfig; NULL: the test's. It ends with the test's process, or by kubelets_stop(). */
void kubelet_start(const char *kubeconfig);
void kubelets_stop(void);

#endif
