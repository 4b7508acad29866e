#include <string.h>

#include "base/str.h"
#include "kube/config.h"

/* Every string of the structure. */
#define CONFIG_STRINGS(X)                                                                                              \
    X(server)                                                                                                          \
    X(tls_server_name)                                                                                                 \
    X(ca_pem)                                                                                                          \
    X(ca_file)                                                                                                         \
    X(proxy_url)                                                                                                       \
    X(client_cert_pem)                                                                                                 \
    X(client_cert_file)                                                                                                \
    X(client_key_pem)                                                                                                  \
    X(client_key_file)                                                                                                 \
    X(token)                                                                                                           \
    X(token_file)                                                                                                      \
    X(username)                                                                                                        \
    X(password)                                                                                                        \
    X(impersonate_user)                                                                                                \
    X(namespace)                                                                                                       \
    X(source)                                                                                                          \
    X(path)                                                                                                            \
    X(context)

static char **strv_copy(char *const *v)
{
    char **copy = v ? NEW_ARRAY(char *, strv_len(v) + 1) : NULL;

    for (size_t i = 0; v && v[i]; i++)
        copy[i] = str_dup(v[i]);
    return copy;
}

static struct kube_exec *exec_copy(const struct kube_exec *exec)
{
    struct kube_exec *copy;

    if (!exec)
        return NULL;
    copy = NEW(struct kube_exec);
    *copy = (struct kube_exec){
        .api_version = str_dup(exec->api_version),
        .command = str_dup(exec->command),
        .args = strv_copy(exec->args),
        .env = strv_copy(exec->env),
        .install_hint = str_dup(exec->install_hint),
        .provide_cluster_info = exec->provide_cluster_info,
    };
    return copy;
}

static void exec_free(struct kube_exec *exec)
{
    if (!exec)
        return;
    free(exec->api_version);
    free(exec->command);
    strv_free(exec->args);
    strv_free(exec->env);
    free(exec->install_hint);
    free(exec);
}

struct kube_config *kube_config_copy(const struct kube_config *c)
{
    struct kube_config *copy = NEW(struct kube_config);

#define X(field) copy->field = str_dup(c->field);
    CONFIG_STRINGS(X)
#undef X
    copy->insecure_skip_tls_verify = c->insecure_skip_tls_verify;
    copy->exec = exec_copy(c->exec);
    return copy;
}

void kube_config_free(struct kube_config *c)
{
    if (!c)
        return;
/* Cleared one like the other: what is no secret is short. */
#define X(field) str_free_secret(c->field);
    CONFIG_STRINGS(X)
#undef X
    exec_free(c->exec);
    free(c);
}
