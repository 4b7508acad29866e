#include "tls.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/str.h"
#include "net/certificate.h"

/* HTTP/1.1, whatever else is offered. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned int in_len, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";

    (void)ssl;
    (void)context;
    return SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof(ours) - 1, in, in_len) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

static bool use_certificate(SSL_CTX *tls, const struct certificate *c)
{
    BIO *cert_text = BIO_new_mem_buf(c->cert, -1), *key_text = BIO_new_mem_buf(c->key, -1);
    X509 *cert = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    bool good = cert && key && SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1;

    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_text);
    BIO_free(key_text);
    return good;
}

int tls_server_new(SSL_CTX **ret, char **ret_ca, struct err *e)
{
    _cleanup_certificate_ struct certificate c = {0};
    SSL_CTX *tls;

    if (certificate_make((const char *const[]){"127.0.0.1", "localhost", NULL}, clock_now_wall(), CERTIFICATE_LIFE,
                         NULL, &c, e) < 0)
        return -1;
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || !use_certificate(tls, &c)) {
        SSL_CTX_free(tls);
        return err_set(e, ERR_INTERNAL, "OpenSSL does not take the certificate");
    }
    SSL_CTX_set_alpn_select_cb(tls, select_protocol, NULL);
    *ret = tls;
    *ret_ca = str_dup(c.ca);
    return 0;
}

int tls_client_new(const char *ca, SSL_CTX **ret, struct err *e)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    BIO *text = BIO_new_mem_buf(str_or(ca, ""), -1);
    X509 *authority;
    int count = 0;

    for (; tls && (authority = PEM_read_bio_X509(text, NULL, NULL, NULL)); count++) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), authority);
        X509_free(authority);
    }
    BIO_free(text);
    if (!count) {
        SSL_CTX_free(tls);
        return err_set(e, ERR_INVALID, "no certificate of an authority to know the server by");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    *ret = tls;
    return 0;
}
