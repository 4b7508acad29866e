/* The kubeconfig of a remote cluster, as it lies in a Secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/kubeconfig_secret.h"

#include "certs.h"

#define CONFIG(cluster, user)                                                                                          \
    "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: "       \
    "{" cluster "}}], users: [{name: u, user: {" user "}}]}"
#define SERVER "server: 'https://10.0.0.1:6443'"

/* A Secret with this data, which it takes over. */
static json_t *secret_with(json_t *data)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "Secret"),
        MAP("metadata", STRING("name", "west"), STRING("namespace", "istio-system")),
        VALUE("data", data));
}

static json_t *secret_of(const char *key, const char *text)
{
    _cleanup_free_ char *encoded = base64_encode(text, strlen(text));

    return secret_with(OBJECT(STRING(key, encoded)));
}

static void assert_refused(json_t *secret, enum err_class class, const char *text)
{
    struct kube_config *config = NULL;
    struct err e = {0};

    if (kubeconfig_secret_read(secret, &config, &e) == 0)
        fail_msg("accepted, but should be refused: %s", text);
    assert_null(config);
    assert_string_equal(e.text, text);
    assert_int_equal(e.class, class);
    json_decref(secret);
}

static void the_key_may_have_any_name(void **state)
{
    static const char *const keys[] = {"kubeconfig", "west", "config.yaml", "a.b_c-d"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        _cleanup_json_ json_t *secret = secret_of(keys[i], CONFIG(SERVER, "token: t"));
        _cleanup_kube_config_ struct kube_config *config = NULL;
        struct err e = {0};
        if (kubeconfig_secret_read(secret, &config, &e) < 0)
            fail_msg("%s", e.text);
        assert_string_equal(config->server, "https://10.0.0.1:6443");
        assert_string_equal(config->token, "t");
    }
}

static void a_certificate_is_taken_from_the_file_itself(void **state)
{
    struct certs me = certs_make("me");
    _cleanup_free_ char *pem = base64_encode(me.cert, strlen(me.cert));
    _cleanup_free_ char *key = base64_encode(me.key, strlen(me.key));
    _cleanup_free_ char *text = str_printf(
        CONFIG(SERVER ", certificate-authority-data: %s", "client-certificate-data: %s, client-key-data: %s"),
        pem,
        pem,
        key);
    _cleanup_json_ json_t *secret = secret_of("kubeconfig", text);
    _cleanup_kube_config_ struct kube_config *config = NULL;
    struct err e = {0};

    (void)state;
    if (kubeconfig_secret_read(secret, &config, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(config->ca_pem, me.cert);
    assert_string_equal(config->client_key_pem, me.key);
    certs_release(&me);
}

#define WEST "Secret istio-system/west: "
#define DATA WEST "data.kubeconfig: "

static void a_secret_without_one_kubeconfig_says_so(void **state)
{
    (void)state;
    assert_refused(secret_with(NULL), ERR_INVALID, WEST "data: must have one key, with the kubeconfig, but has 0");
    assert_refused(
        secret_with(json_object()), ERR_INVALID, WEST "data: must have one key, with the kubeconfig, but has 0");
    assert_refused(
        secret_with(OBJECT(STRING("a", "S3CRET"), STRING("b", "S3CRET"))),
        ERR_INVALID,
        WEST "data: must have one key, with the kubeconfig, but has 2");
    assert_refused(
        secret_with(OBJECT(STRING("kubeconfig", ""))),
        ERR_INVALID,
        DATA "must be a kubeconfig in base64, but is empty");
    assert_refused(
        secret_with(OBJECT(INT("kubeconfig", 5))), ERR_INVALID, DATA "must be a kubeconfig in base64, but is empty");
    assert_refused(
        secret_with(OBJECT(STRING("kubeconfig", "S3CRET!"))), ERR_INVALID, DATA "must be base64 (with padding)");
}

static void what_reaches_beyond_the_cluster_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {CONFIG(SERVER, "exec: {command: S3CRET}"),
         "users[0].user.exec: plugins are refused here, they would be run on the operator's machine"},
        {CONFIG(SERVER, "auth-provider: {name: gcp, config: {cmd-path: S3CRET}}"),
         "users[0].user.auth-provider: auth providers are not supported, Kubernetes itself removed them; use exec or a "
         "token"},
        {CONFIG(SERVER ", certificate-authority: /S3CRET", ""),
         "clusters[0].cluster.certificate-authority: paths to files are refused here, they would be read on the "
         "operator's machine"},
        {CONFIG(SERVER, "tokenFile: /S3CRET"),
         "users[0].user.tokenFile: paths to files are refused here, they would be read on the operator's machine"},
        {CONFIG(SERVER ", insecure-skip-tls-verify: true", "token: S3CRET"),
         "clusters[0].cluster.insecure-skip-tls-verify: true is refused here, others could answer as the server"},
        {CONFIG(SERVER ", proxy-url: 'http://S3CRET@p:1'", ""),
         "clusters[0].cluster.proxy-url: proxies are refused here, they would see who connects to where"},
        {CONFIG("server: 'http://S3CRET:1'", ""),
         "clusters[0].cluster.server: http:// is refused here, others could read along and answer as the server"},
        {"S3CRET", "a kubeconfig is a map, this is a string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = str_printf(DATA "%s", cases[i].says);
        assert_refused(secret_of("kubeconfig", cases[i].text), ERR_INVALID, text);
    }
}

static void a_megabyte_is_the_limit(void **state)
{
    _cleanup_free_ char *text = mem_new0(1, 2 * KUBE_CONFIG_MAX_BYTES);

    (void)state;
    memset(text, '#', 2 * KUBE_CONFIG_MAX_BYTES - 1);
    assert_refused(
        secret_of("kubeconfig", text), ERR_LIMIT, DATA "is too large for a kubeconfig, at most 1048576 bytes are read");
    text[KUBE_CONFIG_MAX_BYTES + 1] = '\0';
    assert_refused(secret_of("kubeconfig", text), ERR_LIMIT, DATA "1048577 bytes, at most 1048576 are read");
    text[KUBE_CONFIG_MAX_BYTES] = '\0';
    assert_refused(secret_of("kubeconfig", text), ERR_INVALID, DATA "current-context: is not set; contexts are: none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_may_have_any_name),
        cmocka_unit_test(a_certificate_is_taken_from_the_file_itself),
        cmocka_unit_test(a_secret_without_one_kubeconfig_says_so),
        cmocka_unit_test(what_reaches_beyond_the_cluster_is_refused),
        cmocka_unit_test(a_megabyte_is_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
