/*
 * How to reach an API server and as whom: kubeconfig files, or the Pod's own
 * ServiceAccount ("Organizing Cluster Access Using kubeconfig Files" and
 * "Accessing the Kubernetes API from a Pod" in the Kubernetes documentation).
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* An exec plugin ("client-go credential plugins"). */
struct kube_exec {
    char *api_version; /* client.authentication.k8s.io/v1, v1beta1 or v1alpha1 */
    char *command;
    char **args; /* NULL-terminated */
    char **env;  /* "NAME=value", NULL-terminated */
    char *install_hint;
    bool provide_cluster_info;
};

/*
 * Every string is owned and may be NULL. Data wins over files, as in Kubernetes: where there is data, the file is not
 * read. A client reads files again when they change, and with them the kubeconfig itself (`path`): certificate
 * authorities, client certificates and keys, tokens, passwords and plugins may be replaced while it runs.
 */
struct kube_config {
    char *server; /* https://host:port[/path], no trailing slash */
    char *tls_server_name;
    char *ca_pem, *ca_file;
    bool insecure_skip_tls_verify;
    char *proxy_url;
    char *client_cert_pem, *client_cert_file;
    char *client_key_pem, *client_key_file; /* secret */
    char *token, *token_file;               /* secret */
    char *username, *password;              /* secret */
    char *impersonate_user;
    struct kube_exec *exec;
    char *namespace; /* of the context, or of the Pod; never NULL */
    char *source;    /* for messages: the file (and context), or "in-cluster" */
    char *path;      /* files separated by colons that it was read from; NULL: it is from no kubeconfig in files */
    char *context;   /* of them */
};

/*
 * What a kubeconfig may contain. One that comes from a Secret is input from outside:
 * exec plugins, auth providers, paths to files, insecure-skip-tls-verify, plain http and
 * proxies are refused with the reason.
 */
enum kube_config_trust { KUBE_CONFIG_LOCAL, KUBE_CONFIG_FOREIGN };

#define KUBE_CONFIG_MAX_BYTES (1024 * 1024)

/*
 * From `path` (a list separated by colons, as KUBECONFIG is), or where it is NULL from
 * KUBECONFIG, or ~/.kube/config. Files are merged as kubectl merges them: the first to set a
 * name or a field wins; relative paths in a file are relative to it. `context` NULL: the current one.
 */
int kube_config_load(const char *path, const char *context, struct kube_config **ret, struct err *e);
/*
 * One document in memory; `name` is its name for messages. Messages name fields, contexts, clusters and users, and
 * quote nothing else.
 */
int kube_config_parse(const char *name, const char *text, size_t len, const char *context, enum kube_config_trust trust,
                      struct kube_config **ret, struct err *e);
/* Inside a Pod. ERR_NOT_FOUND where this process does not run in one. */
int kube_config_in_cluster(struct kube_config **ret, struct err *e);
/* A named kubeconfig if `path` is given, else KUBECONFIG, else in-cluster, else ~/.kube/config. */
int kube_config_default(const char *path, const char *context, struct kube_config **ret, struct err *e);

/*
 * Reads the files that the configuration names into it: ca_pem, client_cert_pem, client_key_pem and token are then
 * filled, and checked. Names of files that data wins over are dropped. `ret_mark` is kube_config_files_mark() of what
 * was read.
 */
int kube_config_read_files(struct kube_config *c, uint64_t *ret_mark, struct err *e);
/*
 * The same once more, of one that was read, with its kubeconfig first where it is from one: its identity and the
 * authorities that it trusts may have changed. On an error it stays as it is; so it does where the kubeconfig has
 * another server now, which is an error. Pointers into it are not valid afterwards.
 */
int kube_config_read_again(struct kube_config *c, struct err *e);
/* Changes when one of those files changes, is created or is deleted; 0: there is none. */
uint64_t kube_config_files_mark(const struct kube_config *c);

struct kube_config *kube_config_copy(const struct kube_config *c);
void kube_config_free(struct kube_config *c);
DEFINE_CLEANUP(struct kube_config *, kube_config_free)
#define _cleanup_kube_config_ _cleanup_(kube_config_free_p)

#endif
