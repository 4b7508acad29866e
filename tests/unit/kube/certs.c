#include "certs.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "base/str.h"

static char *text_of(BIO *out)
{
    char *data;
    long len = BIO_get_mem_data(out, &data);
    char *text = str_dup_n(data, (size_t)len);

    BIO_free(out);
    return text;
}

static void add_extension(X509 *cert, int id, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

struct certs certs_make(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());
    _cleanup_free_ char *names = str_printf("DNS:%s,IP:127.0.0.1", name);

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, names);
    X509_sign(cert, key, EVP_sha256());
    PEM_write_bio_X509(cert_out, cert);
    PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    return (struct certs){.cert = text_of(cert_out), .key = text_of(key_out)};
}

void certs_release(struct certs *c)
{
    free(c->cert);
    free(c->key);
    *c = (struct certs){0};
}
