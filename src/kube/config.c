#include "kube/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "kube/config_impl.h"
#include "net/credentials.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { PATHS_MAX_BYTES = 4096 };

int kube_config_parse(const char *name, const char *text, size_t len, const char *context, enum kube_config_trust trust,
                      struct kube_config **ret, struct err *e)
{
    struct kube_config_file file;
    int r;

    if (kube_config_file_parse(name, NULL, text, len, &file, e) < 0)
        return -1;
    r = kube_config_from_files(&file, 1, context, trust, ret, e);
    kube_config_file_release(&file);
    return r;
}

static int read_kubeconfig(const char *path, struct kube_config_file *ret, struct err *e)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *dir = slash ? str_dup_n(path, (size_t)(slash - path) + 1) : NULL;
    char *text;
    size_t len;
    int r;

    if (net_file_read(path, KUBE_CONFIG_MAX_BYTES, &text, &len, e) < 0)
        return -1;
    r = kube_config_file_parse(path, dir, text, len, ret, e);
    mem_free_secret(text, len);
    return r;
}

/* Files that do not exist are left out, as kubectl does: a list names where files may be. */
static int read_paths(char *const *paths, struct kube_config_file *files, size_t *ret_len, struct err *e)
{
    size_t len = 0;
    int r = 0;

    for (; *paths && r == 0; paths++) {
        if (!**paths || (access(*paths, F_OK) < 0 && errno == ENOENT))
            continue;
        r = read_kubeconfig(*paths, &files[len], e);
        if (r == 0)
            len++;
    }
    *ret_len = len;
    return r;
}

static int load_paths(const char *list, const char *context, struct kube_config **ret, struct err *e)
{
    char **paths = str_split(list, ':');
    struct kube_config_file *files = NEW_ARRAY(struct kube_config_file, strv_len(paths));
    size_t len;
    int r = read_paths(paths, files, &len, e);

    if (r == 0 && len == 0)
        r = err_set(e, ERR_NOT_FOUND, "no kubeconfig: %s does not exist", list);
    if (r == 0)
        r = kube_config_from_files(files, len, context, KUBE_CONFIG_LOCAL, ret, e);
    while (len)
        kube_config_file_release(&files[--len]);
    free(files);
    strv_free(paths);
    if (r == 0)
        (*ret)->path = str_dup(list);
    return r;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int kube_config_load(const char *path, const char *context, struct kube_config **ret, struct err *e)
{
    const char *list = path ? path : environment("KUBECONFIG"), *home = environment("HOME");
    _cleanup_free_ char *fallback = home ? str_printf("%s/.kube/config", home) : NULL;

    if (!list)
        list = fallback;
    if (!list)
        return err_set(e, ERR_NOT_FOUND, "no kubeconfig: neither KUBECONFIG nor HOME is set");
    if (strlen(list) > PATHS_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "the list of kubeconfig files has more than %d bytes", PATHS_MAX_BYTES);
    return load_paths(list, context, ret, e);
}

static char *read_namespace(const char *dir)
{
    _cleanup_free_ char *path = str_printf("%s/namespace", dir);
    char *text;

    if (net_file_read(path, 256, &text, NULL, NULL) < 0)
        return str_dup("default");
    text[strcspn(text, " \t\r\n")] = '\0';
    if (!*text) {
        free(text);
        return str_dup("default");
    }
    return text;
}

int kube_config_from_pod(const char *dir, const char *host, const char *port, struct kube_config **ret, struct err *e)
{
    _cleanup_kube_config_ struct kube_config *c = NEW(struct kube_config);
    char *token, *ca;

    if (!host || !port)
        return err_set(e, ERR_NOT_FOUND, "not inside a Pod: KUBERNETES_SERVICE_HOST and _PORT are not set");
    c->source = str_dup("in-cluster");
    c->server = str_printf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    c->token_file = str_printf("%s/token", dir);
    c->ca_file = str_printf("%s/ca.crt", dir);
    c->namespace = read_namespace(dir);
    if (access(c->token_file, F_OK) < 0)
        return err_set(e, ERR_NOT_FOUND, "not inside a Pod with a ServiceAccount: %s does not exist", c->token_file);
    if (net_token_read(c->token_file, &token, e) < 0)
        return err_wrap(e, "in-cluster configuration");
    mem_free_secret(token, strlen(token));
    if (net_pem_read(c->ca_file, &ca, e) < 0)
        return err_wrap(e, "in-cluster configuration");
    free(ca);
    *ret = TAKE_PTR(c);
    return 0;
}

int kube_config_in_cluster(struct kube_config **ret, struct err *e)
{
    return kube_config_from_pod(SERVICE_ACCOUNT, environment("KUBERNETES_SERVICE_HOST"),
                                environment("KUBERNETES_SERVICE_PORT"), ret, e);
}

int kube_config_default(const char *path, const char *context, struct kube_config **ret, struct err *e)
{
    struct err missing;

    if (path || context || environment("KUBECONFIG"))
        return kube_config_load(path, context, ret, e);
    if (kube_config_in_cluster(ret, &missing) == 0)
        return 0;
    if (missing.class != ERR_NOT_FOUND) {
        if (e)
            *e = missing;
        return -1;
    }
    if (kube_config_load(NULL, NULL, ret, e) < 0)
        return e && e->class == ERR_NOT_FOUND ? err_wrap(e, "%s", missing.text) : -1;
    return 0;
}
