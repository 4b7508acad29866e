/*
 * What the parts of the configuration share. No other file includes this.
 *
 *   config.c         which files are read, and the Pod's own files
 *   config_copy.c    the structure: copied and freed
 *   config_files.c   the files that it names, read at first and again when they change
 *   config_parse.c   kubeconfig documents into the structure
 *   config_secret.c  certificates, keys and tokens
 */
#ifndef KUBE_CONFIG_IMPL_H
#define KUBE_CONFIG_IMPL_H

#include <jansson.h>

#include "kube/config.h"

struct kube_config_file {
    char *name;     /* for messages; owned */
    char *dir;      /* what relative paths in it are relative to; owned; NULL: the working directory */
    json_t *object; /* owned */
};

/* Reads the text of one kubeconfig, not yet what is in it. `dir` is copied. */
int kube_config_file_parse(const char *name, const char *dir, const char *text, size_t len,
                           struct kube_config_file *ret, struct err *e);
void kube_config_file_release(struct kube_config_file *f);

/* The files as one: the first to set a name, or the current context, wins. */
int kube_config_from_files(const struct kube_config_file *files, size_t len, const char *context,
                           enum kube_config_trust trust, struct kube_config **ret, struct err *e);

/* A ServiceAccount's files in `dir`, and the API server's address as a Pod's environment has it. */
int kube_config_from_pod(const char *dir, const char *host, const char *port, struct kube_config **ret, struct err *e);

#endif
