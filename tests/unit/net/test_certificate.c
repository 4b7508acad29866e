/* The operator's own certificate: its life, what it covers, and what is taken from a Secret that others can write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "serve/webhook.h"

#define DAY (SECONDS(1) * 60 * 60 * 24)
#define NOW (DAY * 20000)
#define NAMES ((const char *const[]){"op.ns.svc", "127.0.0.1", "::1", NULL})

static struct certificate make(msec_t now, const char *former_ca)
{
    struct certificate c;
    struct err e;

    if (certificate_make(NAMES, now, CERTIFICATE_LIFE, former_ca, &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;

    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

static void test_life(void **state)
{
    _cleanup_certificate_ struct certificate c = make(NOW, NULL);
    static const struct {
        msec_t at;
        const char *trouble; /* NULL: none */
    } cases[] = {
        {NOW, NULL},
        {NOW - CERTIFICATE_BACKDATE, NULL},
        {NOW - CERTIFICATE_BACKDATE - 1000, "it is not valid yet"},
        {NOW + DAY * 243, NULL},
        {NOW + DAY * 244, "two thirds of its life are over"},
        {NOW + DAY * 365, "it has expired"},
        {NOW + DAY * 3650, "it has expired"},
    };
    struct err e;

    (void)state;
    assert_int_equal(c.not_before, NOW - CERTIFICATE_BACKDATE);
    assert_int_equal(c.not_after, NOW + CERTIFICATE_LIFE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int result = certificate_check(&c, NAMES, cases[i].at, &e);
        if ((result == 0) != !cases[i].trouble || (result < 0 && !str_eq(e.text, cases[i].trouble)))
            fail_msg("case %zu: %s", i, result < 0 ? e.text : "good");
    }
}

static void test_names(void **state)
{
    _cleanup_certificate_ struct certificate c = make(NOW, NULL);
    struct err e;

    (void)state;
    assert_int_equal(certificate_check(&c, (const char *const[]){"op.ns.svc", NULL}, NOW, &e), 0);
    assert_int_equal(certificate_check(&c, (const char *const[]){"op.other.svc", NULL}, NOW, &e), -1);
    assert_string_equal(e.text, "it does not cover op.other.svc");
    assert_int_equal(certificate_check(&c, (const char *const[]){"op.ns.svc", "10.0.0.1", NULL}, NOW, &e), -1);
    assert_string_equal(e.text, "it does not cover 10.0.0.1");
}

static void test_former_authorities_stay_while_they_are_valid(void **state)
{
    _cleanup_certificate_ struct certificate first = make(NOW, NULL);
    _cleanup_certificate_ struct certificate second = make(NOW + DAY * 244, first.ca);
    _cleanup_certificate_ struct certificate third = make(NOW + DAY * 245, second.ca);
    _cleanup_certificate_ struct certificate fourth = make(NOW + DAY * 246, third.ca);
    _cleanup_certificate_ struct certificate late = make(NOW + DAY * 366, first.ca);

    (void)state;
    assert_int_equal(count(first.ca, "BEGIN CERTIFICATE"), 1);
    assert_non_null(strstr(second.ca, first.ca));
    assert_int_equal(count(second.ca, "BEGIN CERTIFICATE"), 2);
    assert_int_equal(count(third.ca, "BEGIN CERTIFICATE"), 3);
    /* However often it is renewed, the bundle does not grow. */
    assert_int_equal(count(fourth.ca, "BEGIN CERTIFICATE"), 3);
    assert_null(strstr(fourth.ca, first.ca));
    assert_int_equal(count(late.ca, "BEGIN CERTIFICATE"), 1);
}

static void test_the_authority_keeps_no_key(void **state)
{
    _cleanup_certificate_ struct certificate c = make(NOW, NULL);

    (void)state;
    assert_null(strstr(c.ca, "KEY"));
    assert_int_equal(count(c.key, "BEGIN PRIVATE KEY"), 1);
    assert_int_equal(count(c.cert, "BEGIN CERTIFICATE"), 1);
}

static void test_what_is_no_certificate_is_refused(void **state)
{
    _cleanup_certificate_ struct certificate a = make(NOW, NULL), b = make(NOW, NULL);
    _cleanup_free_ char *half = str_dup_n(a.cert, strlen(a.cert) / 2);
    char *spaces = NEW_ARRAY(char, 100 * 1024);
    const struct {
        const char *cert, *key, *ca, *error;
    } cases[] = {
        {"", "", "", "tls.crt is no certificate"},
        {half, a.key, a.ca, "tls.crt is no certificate"},
        {a.key, a.cert, a.ca, "tls.crt is no certificate"},
        {a.cert, "", a.ca, "tls.key is no private key"},
        {a.cert,
         "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
         a.ca,
         "tls.key is no private key"},
        {a.cert, b.key, a.ca, "tls.key is not the key of tls.crt"},
        {a.cert, a.key, b.ca, "tls.crt is not signed by ca.crt"},
        {a.cert, a.key, "", "tls.crt is not signed by ca.crt"},
        {spaces, a.key, a.ca, "larger than a certificate can be"},
    };
    struct certificate read;
    struct err e;

    (void)state;
    memset(spaces, ' ', 100 * 1024 - 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(certificate_read(cases[i].cert, cases[i].key, cases[i].ca, &read, &e), -1);
        assert_string_equal(e.text, cases[i].error);
    }
    free(spaces);
}

static void test_a_secret_holds_it(void **state)
{
    _cleanup_certificate_ struct certificate made = make(NOW, NULL), read = {0};
    _cleanup_json_ json_t *secret = webhook_secret(NULL, "istio-system", &made);
    _cleanup_free_ char *authorities = webhook_read_authorities(secret);
    struct err e;

    (void)state;
    assert_string_equal(doc_string(secret, "type"), "kubernetes.io/tls");
    assert_string_equal(doc_string(secret, "metadata", "namespace"), "istio-system");
    assert_int_equal(webhook_read_secret(secret, &read, &e), 0);
    assert_string_equal(read.cert, made.cert);
    assert_string_equal(read.key, made.key);
    assert_string_equal(authorities, made.ca);
    assert_int_equal(read.not_after, made.not_after);
}

static void test_a_secret_of_others_keeps_what_is_theirs(void **state)
{
    _cleanup_certificate_ struct certificate made = make(NOW, NULL);
    _cleanup_json_ json_t *live = OBJECT(
                              STRING("kind", "Secret"),
                              STRING("type", "Opaque"),
                              MAP("metadata", STRING("name", "x"), STRING("resourceVersion", "7")),
                              MAP("data", STRING("other", "AAAA"), STRING("tls.crt", "%%%"))),
                          *secret = webhook_secret(live, "ns", &made);
    _cleanup_certificate_ struct certificate read = {0};
    struct err e;

    (void)state;
    assert_int_equal(webhook_read_secret(live, &read, &e), -1);
    assert_string_equal(e.text, "tls.crt is no certificate");
    assert_int_equal(webhook_read_secret(secret, &read, &e), 0);
    assert_string_equal(doc_string(secret, "type"), "Opaque");
    assert_string_equal(doc_string(secret, "data", "other"), "AAAA");
    assert_string_equal(doc_string(secret, "metadata", "resourceVersion"), "7");
}

static void test_the_configuration_gets_the_authorities(void **state)
{
    _cleanup_json_ json_t *live = webhook_configuration("v1", 20, "istio-system", NULL, NULL), *patch = NULL,
                          *again = NULL;
    _cleanup_free_ char *bundle = base64_encode("CA", 2);
    const json_t *webhook;

    (void)state;
    doc_make(live, "metadata");
    json_object_set_new(doc_at(live, "metadata"), "resourceVersion", json_string("12"));
    json_object_set_new(json_array_get(doc_at(live, "webhooks"), 0), "timeoutSeconds", json_integer(9));
    patch = webhook_patch(live, NULL, "CA");
    assert_non_null(patch);
    assert_string_equal(doc_string(patch, "metadata", "resourceVersion"), "12");
    webhook = json_array_get(doc_at(patch, "webhooks"), 0);
    assert_string_equal(doc_string(webhook, "clientConfig", "caBundle"), bundle);
    assert_string_equal(doc_string(webhook, "clientConfig", "service", "namespace"), "istio-system");
    /* What a person has set stays. */
    assert_int_equal(doc_int(doc_at(webhook, "timeoutSeconds"), 0), 9);

    json_object_update(live, patch);
    again = webhook_patch(live, NULL, "CA");
    assert_null(again);
}

/* Another client may take out of the configuration what they like; an API server leaves empty lists out altogether. */
static void test_a_configuration_without_the_webhook_stays_as_it_is(void **state)
{
    static const char *const configurations[] = {
        "{}",
        "{\"webhooks\":null}",
        "{\"webhooks\":[]}",
        "{\"webhooks\":[null]}",
        "{\"webhooks\":[{}]}",
        "{\"webhooks\":{}}",
        "{\"webhooks\":[{\"name\":\"other\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configurations); i++) {
        _cleanup_json_ json_t *live = NULL;
        assert_int_equal(doc_parse(configurations[i], strlen(configurations[i]), SIZE_MAX, &live, NULL), 0);
        assert_false(webhook_is_configured(live));
        assert_null(webhook_patch(live, NULL, "CA"));
        assert_null(webhook_patch(live, "https://127.0.0.1:9443/validate", "CA"));
    }
}

static void test_the_configuration_gets_the_url(void **state)
{
    static const char url[] = "https://127.0.0.1:9443/validate";
    _cleanup_json_ json_t *live = webhook_configuration("v1beta1", 14, "ns", NULL, "CA"),
                          *patch = webhook_patch(live, url, "CA"),
                          *desired = webhook_configuration("v1", 20, "ns", url, "CA");
    const json_t *client = doc_at(json_array_get(doc_at(patch, "webhooks"), 0), "clientConfig");

    (void)state;
    assert_true(doc_equal(client, doc_at(json_array_get(doc_at(desired, "webhooks"), 0), "clientConfig")));
    assert_string_equal(doc_string(client, "url"), url);
    assert_null(webhook_patch(desired, url, "CA"));
}

static void test_names_follow_from_service_and_url(void **state)
{
    static const struct {
        const char *url, *host; /* NULL: refused */
    } cases[] = {
        {"https://127.0.0.1:9443/validate", "127.0.0.1"},
        {"https://[fd00::1]:9443/validate", "fd00::1"},
        {"https://host.example", "host.example"},
        {"http://127.0.0.1/validate", NULL},
        {"https://", NULL},
        {"https://:9443/", NULL},
        {"https://user@host/", NULL},
        {"https://a,DNS:b/", NULL},
        {"https://[fd00::1", NULL},
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **names = webhook_names("mesh", cases[i].url);
        assert_string_equal(names[0], "istio-operator-controller-manager.mesh.svc");
        assert_int_equal(webhook_check_url(cases[i].url, &e), cases[i].host ? 0 : -1);
        if (!str_eq(names[2], cases[i].host))
            fail_msg("%s: %s", cases[i].url, str_or(names[2], "none"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_former_authorities_stay_while_they_are_valid),
        cmocka_unit_test(test_the_authority_keeps_no_key),
        cmocka_unit_test(test_what_is_no_certificate_is_refused),
        cmocka_unit_test(test_a_secret_holds_it),
        cmocka_unit_test(test_a_secret_of_others_keeps_what_is_theirs),
        cmocka_unit_test(test_the_configuration_gets_the_authorities),
        cmocka_unit_test(test_a_configuration_without_the_webhook_stays_as_it_is),
        cmocka_unit_test(test_the_configuration_gets_the_url),
        cmocka_unit_test(test_names_follow_from_service_and_url),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
