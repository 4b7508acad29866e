#include <sys/stat.h>

#include "base/str.h"
#include "kube/config.h"
#include "net/credentials.h"

static void drop(char **text)
{
    str_free_secret(*text);
    *text = NULL;
}

static void swap(char **a, char **b)
{
    char *kept = *a;

    *a = *b;
    *b = kept;
}

/* Data wins over a file. */
static void forget_unused_files(struct kube_config *c)
{
    if (c->ca_pem)
        drop(&c->ca_file);
    if (c->client_cert_pem)
        drop(&c->client_cert_file);
    if (c->client_key_pem)
        drop(&c->client_key_file);
    if (c->token || c->exec)
        drop(&c->token_file);
}

static int read_pem(const char *file, char **text, const char *what, const struct kube_config *c, struct err *e)
{
    char *read;

    if (!file)
        return 0;
    if (net_pem_read(file, &read, e) < 0)
        return err_wrap(e, "%s of %s", what, c->source);
    drop(text);
    *text = read;
    return 0;
}

static int read_token(struct kube_config *c, struct err *e)
{
    char *read;

    if (!c->token_file)
        return 0;
    if (net_token_read(c->token_file, &read, e) < 0)
        return err_wrap(e, "tokenFile of %s", c->source);
    drop(&c->token);
    c->token = read;
    return 0;
}

static int read_files(struct kube_config *c, struct err *e)
{
    if (read_pem(c->ca_file, &c->ca_pem, "certificate-authority", c, e) < 0 ||
        read_pem(c->client_cert_file, &c->client_cert_pem, "client-certificate", c, e) < 0 ||
        read_pem(c->client_key_file, &c->client_key_pem, "client-key", c, e) < 0 || read_token(c, e) < 0)
        return -1;
    if (c->ca_pem && net_pem_check_certs(c->ca_pem, e) < 0)
        return err_wrap(e, "certificate-authority of %s", c->source);
    if (c->client_cert_pem && net_pem_check_pair(c->client_cert_pem, c->client_key_pem, e) < 0)
        return err_wrap(e, "client-certificate of %s", c->source);
    return 0;
}

/* The kubeconfig as it is now, or a copy of one that has another source. */
static int load_again(const struct kube_config *c, struct kube_config **ret, struct err *e)
{
    if (!c->path) {
        *ret = kube_config_copy(c);
        return 0;
    }
    if (kube_config_load(c->path, c->context, ret, e) < 0)
        return -1;
    forget_unused_files(*ret);
    return 0;
}

static bool is_same_server(const struct kube_config *a, const struct kube_config *b)
{
    return str_eq(a->server, b->server) && str_eq(a->tls_server_name, b->tls_server_name) &&
           str_eq(a->proxy_url, b->proxy_url) && str_eq(a->impersonate_user, b->impersonate_user) &&
           a->insecure_skip_tls_verify == b->insecure_skip_tls_verify;
}

int kube_config_read_again(struct kube_config *c, struct err *e)
{
    _cleanup_kube_config_ struct kube_config *fresh = NULL;
    struct kube_exec *exec = c->exec;

    if (load_again(c, &fresh, e) < 0)
        return -1;
    if (!is_same_server(c, fresh))
        return err_set(e, ERR_INVALID, "%s has another server, proxy or user to act as now: that takes a restart",
                       fresh->source);
    if (read_files(fresh, e) < 0)
        return -1;
    swap(&c->ca_pem, &fresh->ca_pem);
    swap(&c->ca_file, &fresh->ca_file);
    swap(&c->client_cert_pem, &fresh->client_cert_pem);
    swap(&c->client_cert_file, &fresh->client_cert_file);
    swap(&c->client_key_pem, &fresh->client_key_pem);
    swap(&c->client_key_file, &fresh->client_key_file);
    swap(&c->token, &fresh->token);
    swap(&c->token_file, &fresh->token_file);
    swap(&c->username, &fresh->username);
    swap(&c->password, &fresh->password);
    c->exec = fresh->exec;
    fresh->exec = exec;
    return 0;
}

static uint64_t add_file(uint64_t mark, const char *path)
{
    struct stat st;
    struct {
        uint64_t mark, device, inode, size, seconds, nanoseconds;
    } seen = {.mark = mark};

    if (path && stat(path, &st) == 0) {
        seen.device = st.st_dev;
        seen.inode = st.st_ino;
        seen.size = (uint64_t)st.st_size;
        seen.seconds = (uint64_t)st.st_mtim.tv_sec;
        seen.nanoseconds = (uint64_t)st.st_mtim.tv_nsec;
    }
    return str_hash(&seen, sizeof(seen));
}

uint64_t kube_config_files_mark(const struct kube_config *c)
{
    const char *const files[] = {c->ca_file, c->client_cert_file, c->client_key_file, c->token_file};
    _cleanup_strv_ char **paths = c->path ? str_split(c->path, ':') : NULL;
    bool any = paths != NULL;
    uint64_t mark = 0;

    for (size_t i = 0; paths && paths[i]; i++)
        mark = add_file(mark, paths[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        any = any || files[i];
        mark = add_file(mark, files[i]);
    }
    return any ? mark : 0;
}

/* The mark of the files first: what changes while it is read is read again. */
int kube_config_read_files(struct kube_config *c, uint64_t *ret_mark, struct err *e)
{
    uint64_t mark;

    forget_unused_files(c);
    mark = kube_config_files_mark(c);
    if (read_files(c, e) < 0)
        return -1;
    *ret_mark = mark;
    return 0;
}
