#include "net/certificate.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/credentials.h"

#define PEM_MAX_BYTES (64 * 1024)
#define FORMER_MAX 2
#define AUTHORITY_NAME "istio-operator"

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)
#define _cleanup_x509_ _cleanup_(X509_free_p)
#define _cleanup_pkey_ _cleanup_(EVP_PKEY_free_p)
#define _cleanup_bio_ _cleanup_(BIO_free_all_p)
#define _cleanup_store_ _cleanup_(X509_STORE_free_p)
#define _cleanup_store_ctx_ _cleanup_(X509_STORE_CTX_free_p)

/* OpenSSL's own words could quote what it read; they are dropped, and libcurl's queue stays clean. */
static int fail(struct err *e, enum err_class class, const char *text)
{
    ERR_clear_error();
    return err_set(e, class, "%s", text);
}

static msec_t time_of(const ASN1_TIME *time)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (msec_t)timegm(&tm) * 1000 : 0;
}

static bool add_extension(X509 *cert, X509 *issuer, int id, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;
    bool good;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    good = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* The authority has a name of its own each time: a bundle of several of one name would have to be tried through. */
static bool set_name(X509 *cert, const char *name)
{
    return X509_NAME_add_entry_by_txt(
               X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1;
}

static bool set_serial(X509 *cert, uint64_t *ret)
{
    /* Positive, and not 0. */
    if (RAND_bytes((unsigned char *)ret, sizeof(*ret)) != 1)
        return false;
    *ret = (*ret >> 1) | 1;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), *ret) == 1;
}

static bool set_life(X509 *cert, msec_t now, msec_t life)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)((now - CERTIFICATE_BACKDATE) / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)((now + life) / 1000));
}

static X509 *make_authority(EVP_PKEY *key, msec_t now, msec_t life)
{
    _cleanup_x509_ X509 *ca = X509_new();
    _cleanup_free_ char *name = NULL;
    uint64_t serial;

    if (!ca || !set_serial(ca, &serial))
        return NULL;
    name = str_printf(AUTHORITY_NAME " %016llx", (unsigned long long)serial);
    if (X509_set_version(ca, X509_VERSION_3) != 1 || !set_name(ca, name) || !set_life(ca, now, life) ||
        X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 || X509_set_pubkey(ca, key) != 1 ||
        !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign") ||
        !add_extension(ca, ca, NID_subject_key_identifier, "hash") || X509_sign(ca, key, EVP_sha256()) == 0)
        return NULL;
    return TAKE_PTR(ca);
}

static bool is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static X509 *make_serving(const char *const *names, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, msec_t now, msec_t life)
{
    _cleanup_x509_ X509 *cert = X509_new();
    _cleanup_buf_ struct buf alternatives = BUF_INIT;
    uint64_t serial;

    for (const char *const *name = names; *name; name++)
        buf_printf(&alternatives, "%s%s:%s", name == names ? "" : ",", is_address(*name) ? "IP" : "DNS", *name);
    if (!cert || !set_serial(cert, &serial) || X509_set_version(cert, X509_VERSION_3) != 1 ||
        !set_name(cert, AUTHORITY_NAME) || !set_life(cert, now, life) ||
        X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1 || X509_set_pubkey(cert, key) != 1 ||
        !add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(cert, ca, NID_ext_key_usage, "serverAuth") ||
        !add_extension(cert, ca, NID_authority_key_identifier, "keyid") ||
        !add_extension(cert, ca, NID_subject_alt_name, buf_str(&alternatives)) ||
        X509_sign(cert, ca_key, EVP_sha256()) == 0)
        return NULL;
    return TAKE_PTR(cert);
}

static char *text_of(BIO *out)
{
    char *data;
    long len = BIO_get_mem_data(out, &data);

    return str_dup_n(data, (size_t)len);
}

static char *cert_text(X509 *cert)
{
    _cleanup_bio_ BIO *out = BIO_new(BIO_s_mem());

    return out && PEM_write_bio_X509(out, cert) == 1 ? text_of(out) : NULL;
}

static char *key_text(EVP_PKEY *key)
{
    _cleanup_bio_ BIO *out = BIO_new(BIO_s_secmem());

    return out && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 ? text_of(out) : NULL;
}

/* The next certificate of a bundle, or NULL. */
static X509 *next_cert(BIO *bundle)
{
    X509 *cert = PEM_read_bio_X509(bundle, NULL, net_pem_no_passphrase, NULL);

    ERR_clear_error();
    return cert;
}

/* Appends the first authorities of the former bundle, which are its newest, as far as they are valid. */
static char *join_bundle(const char *ca, const char *former_ca, msec_t now)
{
    _cleanup_buf_ struct buf bundle = BUF_INIT;
    _cleanup_bio_ BIO *in = BIO_new_mem_buf(str_or(former_ca, ""), -1);
    int kept = 0;

    buf_add_str(&bundle, ca);
    if (former_ca && strlen(former_ca) > PEM_MAX_BYTES)
        return buf_take(&bundle);
    while (kept < FORMER_MAX) {
        _cleanup_x509_ X509 *former = next_cert(in);
        _cleanup_free_ char *text = former ? cert_text(former) : NULL;
        if (!text)
            break;
        if (time_of(X509_get0_notAfter(former)) <= now || strstr(ca, text))
            continue;
        buf_add_str(&bundle, text);
        kept++;
    }
    return buf_take(&bundle);
}

int certificate_make(
    const char *const *names, msec_t now, msec_t life, const char *former_ca, struct certificate *ret, struct err *e)
{
    _cleanup_pkey_ EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    _cleanup_x509_ X509 *ca = ca_key ? make_authority(ca_key, now, life) : NULL, *cert = NULL;
    _cleanup_free_ char *ca_pem = NULL;
    struct certificate made = {0};

    if (ca && key)
        cert = make_serving(names, key, ca, ca_key, now, life);
    if (!cert || !(ca_pem = cert_text(ca)) || !(made.cert = cert_text(cert)) || !(made.key = key_text(key))) {
        certificate_release(&made);
        return fail(e, ERR_INTERNAL, "OpenSSL makes no certificate");
    }
    made.ca = join_bundle(ca_pem, former_ca, now);
    made.not_before = time_of(X509_get0_notBefore(cert));
    made.not_after = time_of(X509_get0_notAfter(cert));
    *ret = made;
    return 0;
}

static X509 *parse_cert(const char *pem)
{
    _cleanup_bio_ BIO *in = BIO_new_mem_buf(pem, -1);

    return next_cert(in);
}

static EVP_PKEY *parse_key(const char *pem)
{
    _cleanup_bio_ BIO *in = BIO_new_mem_buf(pem, -1);

    return PEM_read_bio_PrivateKey(in, NULL, net_pem_no_passphrase, NULL);
}

static X509_STORE *parse_bundle(const char *pem)
{
    _cleanup_bio_ BIO *in = BIO_new_mem_buf(pem, -1);
    X509_STORE *store = X509_STORE_new();
    X509 *ca;

    while (store && (ca = next_cert(in))) {
        X509_STORE_add_cert(store, ca);
        X509_free(ca);
    }
    return store;
}

static bool is_signed(X509 *cert, const char *ca, msec_t now)
{
    _cleanup_store_ X509_STORE *store = parse_bundle(ca);
    _cleanup_store_ctx_ X509_STORE_CTX *context = X509_STORE_CTX_new();

    if (!store || !context || X509_STORE_CTX_init(context, store, cert, NULL) != 1)
        return false;
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)(now / 1000));
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    return X509_verify_cert(context) == 1;
}

int certificate_read(
    const char *cert_pem, const char *key_pem, const char *ca_pem, struct certificate *ret, struct err *e)
{
    _cleanup_x509_ X509 *cert = NULL;
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    msec_t not_before;

    if (strlen(cert_pem) > PEM_MAX_BYTES || strlen(key_pem) > PEM_MAX_BYTES || strlen(ca_pem) > PEM_MAX_BYTES)
        return fail(e, ERR_LIMIT, "larger than a certificate can be");
    if (!(cert = parse_cert(cert_pem)))
        return fail(e, ERR_INVALID, "tls.crt is no certificate");
    if (!(key = parse_key(key_pem)))
        return fail(e, ERR_INVALID, "tls.key is no private key");
    if (X509_check_private_key(cert, key) != 1)
        return fail(e, ERR_INVALID, "tls.key is not the key of tls.crt");
    not_before = time_of(X509_get0_notBefore(cert));
    if (!is_signed(cert, ca_pem, not_before))
        return fail(e, ERR_INVALID, "tls.crt is not signed by ca.crt");
    ERR_clear_error();
    *ret = (struct certificate){
        .cert = str_dup(cert_pem),
        .key = str_dup(key_pem),
        .ca = str_dup(ca_pem),
        .not_before = not_before,
        .not_after = time_of(X509_get0_notAfter(cert))};
    return 0;
}

msec_t certificate_renewal(const struct certificate *c)
{
    return c->not_before + (c->not_after - c->not_before) / 3 * 2;
}

static bool covers(X509 *cert, const char *name)
{
    if (is_address(name))
        return X509_check_ip_asc(cert, name, 0) == 1;
    return X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}

int certificate_check(const struct certificate *c, const char *const *names, msec_t now, struct err *e)
{
    _cleanup_x509_ X509 *cert = parse_cert(c->cert);

    if (!cert)
        return fail(e, ERR_INVALID, "tls.crt is no certificate");
    if (now < c->not_before)
        return fail(e, ERR_INVALID, "it is not valid yet");
    if (now >= c->not_after)
        return fail(e, ERR_INVALID, "it has expired");
    if (now >= certificate_renewal(c))
        return fail(e, ERR_INVALID, "two thirds of its life are over");
    for (; *names; names++)
        if (!covers(cert, *names)) {
            ERR_clear_error();
            return err_set(e, ERR_INVALID, "it does not cover %s", *names);
        }
    if (!is_signed(cert, c->ca, now))
        return fail(e, ERR_INVALID, "its authority is not valid");
    return 0;
}

bool certificate_ends(const char *pem, msec_t *ret_first, msec_t *ret_last)
{
    _cleanup_bio_ BIO *in = strlen(pem) > PEM_MAX_BYTES ? NULL : BIO_new_mem_buf(pem, -1);
    size_t count = 0;
    X509 *cert;

    while (in && (cert = next_cert(in))) {
        msec_t end = time_of(X509_get0_notAfter(cert));
        if (!count++)
            *ret_first = *ret_last = end;
        else if (end > *ret_last)
            *ret_last = end;
        X509_free(cert);
    }
    return count;
}

void certificate_release(struct certificate *c)
{
    free(c->cert);
    str_free_secret(c->key);
    free(c->ca);
    *c = (struct certificate){0};
}
