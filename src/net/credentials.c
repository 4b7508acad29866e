#include "net/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"

static int read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    char chunk[4096];
    ssize_t n;
    int r = 0;

    while (r == 0 && (n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r = err_errno(e, errno, "cannot read %s", path);
        else if (buf_add(b, chunk, (size_t)n) < 0)
            r = err_set(e, ERR_LIMIT, "%s has more than %zu bytes", path, b->limit);
    }
    explicit_bzero(chunk, sizeof(chunk));
    return r;
}

int net_file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
    struct buf b = BUF_INIT_LIMIT(max);
    struct stat st;
    int fd, r;

    /* A pipe without a writer must not block. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(e, errno, "cannot read %s", path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        r = err_set(e, ERR_IO, "cannot read %s: it is a directory", path);
    else
        r = read_all(fd, path, &b, e);
    close(fd);
    if (r < 0) {
        buf_release_secret(&b);
        return -1;
    }
    if (ret_len)
        *ret_len = b.len;
    *ret = buf_take(&b);
    return 0;
}

int net_pem_read(const char *path, char **ret, struct err *e)
{
    return net_file_read(path, NET_PEM_MAX_BYTES, ret, NULL, e);
}

int net_pem_no_passphrase(char *ret, int size, int writing, void *context)
{
    (void)ret;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static int read_certs(const char *pem, X509 **ret_first, struct err *e)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *cert;
    size_t count = 0;
    unsigned long reason;

    ERR_clear_error();
    while ((cert = PEM_read_bio_X509(in, NULL, net_pem_no_passphrase, NULL))) {
        if (count++ == 0 && ret_first)
            *ret_first = cert;
        else
            X509_free(cert);
    }
    reason = ERR_GET_REASON(ERR_peek_last_error());
    ERR_clear_error();
    BIO_free(in);
    if (!count && reason == PEM_R_NO_START_LINE)
        return err_set(e, ERR_INVALID, "no PEM certificate in it (\"-----BEGIN CERTIFICATE-----\")");
    if (reason != PEM_R_NO_START_LINE) {
        if (ret_first && count) {
            X509_free(*ret_first);
            *ret_first = NULL;
        }
        return err_set(e, ERR_INVALID, "PEM certificate number %zu is broken", count + 1);
    }
    return 0;
}

int net_pem_check_certs(const char *pem, struct err *e)
{
    return read_certs(pem, NULL, e);
}

int net_pem_check_pair(const char *cert_pem, const char *key_pem, struct err *e)
{
    X509 *cert = NULL;
    EVP_PKEY *key;
    BIO *in;
    int r = 0;

    if (!key_pem)
        return err_set(e, ERR_INVALID, "a client certificate without its key");
    if (read_certs(cert_pem, &cert, e) < 0)
        return -1;
    in = BIO_new_mem_buf(key_pem, -1);
    key = PEM_read_bio_PrivateKey(in, NULL, net_pem_no_passphrase, NULL);
    BIO_free(in);
    if (!key)
        r = err_set(e, ERR_INVALID, "its key is no PEM private key (one with a passphrase cannot be used)");
    else if (X509_check_private_key(cert, key) != 1)
        r = err_set(e, ERR_INVALID, "its key belongs to another certificate");
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(cert);
    return r;
}

msec_t net_pem_expires(const char *pem)
{
    X509 *cert = NULL;
    struct tm tm;
    msec_t expires = MSEC_NEVER;

    if (read_certs(pem, &cert, NULL) == 0 && cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
        expires = SECONDS(timegm(&tm));
    X509_free(cert);
    return expires;
}

int net_token_check(const char *token, struct err *e)
{
    size_t len = strlen(token);

    if (!len)
        return err_set(e, ERR_INVALID, "the token is empty");
    if (len > NET_TOKEN_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "the token has more than %d bytes", NET_TOKEN_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return err_set(e, ERR_INVALID, "the token's byte %zu is no printable ASCII character", i + 1);
    return 0;
}

int net_token_read(const char *path, char **ret, struct err *e)
{
    char *text;
    size_t len, start = 0, size;
    int r;

    if (net_file_read(path, NET_TOKEN_MAX_BYTES, &text, &len, e) < 0)
        return -1;
    size = len;
    while (len && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    start = strspn(text, " \t\r\n");
    memmove(text, text + start, len + 1 - start);
    r = net_token_check(text, e);
    if (r < 0) {
        mem_free_secret(text, size);
        return err_wrap(e, "%s", path);
    }
    *ret = text;
    return 0;
}
