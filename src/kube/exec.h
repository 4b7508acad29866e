/*
 * Credentials from an exec plugin ("client-go credential plugins" in the Kubernetes
 * documentation): a child process that prints an ExecCredential on its standard output.
 *
 * The plugin has the operator's standard error, and an empty standard input. It runs in a
 * process group of its own, which is killed when its time is over.
 */
#ifndef KUBE_EXEC_H
#define KUBE_EXEC_H

#include <event2/event.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "kube/config.h"

#define KUBE_EXEC_MAX_BYTES (1024 * 1024)

/* A token, or a certificate with its key, or both. All strings are owned. */
struct kube_exec_credential {
    char *token;              /* secret */
    char *cert_pem, *key_pem; /* secret */
    msec_t expires;           /* wall; MSEC_NEVER where it does not say */
};

void kube_exec_credential_release(struct kube_exec_credential *c);

/* Reads what a plugin printed. `api_version` is the one it was asked in. */
int kube_exec_parse(const char *api_version, const char *text, size_t len, struct kube_exec_credential *ret,
                    struct err *e);

/* Appends KUBERNETES_EXEC_INFO's value: what the plugin is asked. */
void kube_exec_add_info(const struct kube_config *config, struct buf *out);

struct kube_exec_run;

/* `credential` is the callee's from then on, or NULL with `e`. Runs from the loop; the run is over and freed. */
typedef void (*kube_exec_done_fn)(void *context, struct kube_exec_credential *credential, const struct err *e);

/* Starts the plugin of config->exec. `config` and its certificates must stay until kube_exec_start() returned. */
int kube_exec_start(struct event_base *loop, const struct kube_config *config, kube_exec_done_fn done, void *context,
                    struct kube_exec_run **ret, struct err *e);
/* Kills it; `done` does not run. */
void kube_exec_cancel(struct kube_exec_run *run);

#endif
