/*
 * The proxy as a child process of a test. Everything here fails the running test where it cannot do what it says.
 */
#ifndef TESTS_PROXY_CONTROL_H
#define TESTS_PROXY_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proxy_child {
    pid_t pid;
    int to, from;     /* its standard input and output */
    char *kubeconfig; /* the file of the way through it; owned */
};

/*
 * Before the server of `kubeconfig` (a file with a token); the kubeconfig of the way through it is written to
 * TEST_OUTPUT. The program lies in TEST_PROXY.
 */
void proxy_child_start(struct proxy_child *p, const char *kubeconfig, bool raw, uint64_t seed);
void proxy_child_stop(struct proxy_child *p);

/* One more rule, as in rule.h. */
void proxy_child_rule(struct proxy_child *p, const char *rule);
void proxy_child_clear(struct proxy_child *p);
/* Resets the connections of this moment, so that new ones are made. */
void proxy_child_reset(struct proxy_child *p);
/* How often a rule came true until now. */
uint64_t proxy_child_faults(struct proxy_child *p);
uint64_t proxy_child_requests(struct proxy_child *p);

#endif
