/* What the stand-in of Citadel leaves in the cluster, a real Citadel 1.0 has to be able to go on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "api.h"
#include "base/str.h"
#include "doc/doc.h"
#include "standin.h"

/* --- the API server, and what else citadel.c asks of its program --- */

enum { CREATED_MAX = 4 };

static json_t *created[CREATED_MAX];
static size_t created_count;
static jmp_buf idle;

json_t *api_call(const char *method, const char *path, const char *type, const json_t *body, int *status)
{
    (void)type;
    if (str_eq(method, "POST")) {
        assert_true(created_count < CREATED_MAX);
        created[created_count++] = json_deep_copy(body);
        *status = 201;
        return NULL;
    }
    *status = strstr(path, "istio-ca-secret") ? 404 : 200;
    if (strstr(path, "serviceaccounts"))
        return json_pack("{s:[{s:{s:s,s:s}}]}", "items", "metadata", "name", "default", "namespace", "shop");
    return *status == 200 ? json_pack("{s:[]}", "items") : NULL;
}

/* Everything is written. */
void api_wait(const char *const *paths)
{
    (void)paths;
    longjmp(idle, 1);
}

const char *api_string(const json_t *object, const char *const *keys)
{
    for (; object && *keys; keys++)
        object = json_object_get(object, *keys);
    return str_or(json_string_value(object), "");
}

void say(const char *format, ...)
{
    (void)format;
}

const char *option(const char *name)
{
    (void)name;
    return NULL;
}

/* --- */

static int run(void **state)
{
    (void)state;
    if (setjmp(idle) == 0)
        citadel_run();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    while (created_count)
        json_decref(created[--created_count]);
    return 0;
}

static const char *content(const char *name, const char *key)
{
    for (size_t i = 0; i < created_count; i++)
        if (str_eq(doc_string(created[i], "metadata", "name"), name))
            return doc_string(created[i], "stringData", key);
    fail_msg("no Secret %s", name);
    return NULL;
}

static void assert_is_key_of_citadel(const char *secret, const char *key)
{
    const char *pem = content(secret, key);
    BIO *memory = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *parsed = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);

    assert_true(str_starts(pem, "-----BEGIN RSA PRIVATE KEY-----\n"));
    assert_non_null(parsed);
    assert_int_equal(EVP_PKEY_get_base_id(parsed), EVP_PKEY_RSA);
    assert_int_equal(EVP_PKEY_get_bits(parsed), 2048);
    EVP_PKEY_free(parsed);
    BIO_free(memory);
}

static X509 *certificate(const char *secret, const char *key)
{
    BIO *memory = BIO_new_mem_buf(content(secret, key), -1);
    X509 *parsed = PEM_read_bio_X509(memory, NULL, NULL, NULL);

    BIO_free(memory);
    assert_non_null(parsed);
    return parsed;
}

static void test_keys_are_rsa_in_pkcs1(void **state)
{
    (void)state;
    assert_is_key_of_citadel("istio-ca-secret", "ca-key.pem");
    assert_is_key_of_citadel("istio.default", "key.pem");
}

static void test_the_authority_signs_with_its_rsa_key(void **state)
{
    X509 *authority = certificate("istio-ca-secret", "ca-cert.pem"),
         *leaf = certificate("istio.default", "cert-chain.pem");

    (void)state;
    assert_int_equal(X509_verify(leaf, X509_get0_pubkey(authority)), 1);
    assert_int_equal(X509_get_signature_nid(leaf), NID_sha256WithRSAEncryption);
    X509_free(leaf);
    X509_free(authority);
}

static void test_the_secrets_have_the_types_of_citadel(void **state)
{
    (void)state;
    assert_int_equal(created_count, 2);
    assert_string_equal(doc_string(created[0], "type"), "istio.io/ca-root");
    assert_string_equal(doc_string(created[1], "type"), "istio.io/key-and-cert");
}

/* The stand-in runs once and ends with its process: it frees nothing, which is no finding of the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_rsa_in_pkcs1),
        cmocka_unit_test(test_the_authority_signs_with_its_rsa_key),
        cmocka_unit_test(test_the_secrets_have_the_types_of_citadel),
    };

    return cmocka_run_group_tests_name("standin citadel", tests, run, forget);
}
