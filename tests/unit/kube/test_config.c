/* Kubeconfig files: what is read from them, and which errors they cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/str.h"
#include "certs.h"
#include "doc/doc.h"
#include "kube/config.h"
#include "kube/config_impl.h"
#include "net/credentials.h"

static struct certs ours, others;
static char folder[] = "/tmp/kube-config-XXXXXX";

/* --- texts with certificates in them --- */

/* Replaces @CERT@, @KEY@ and @OTHERKEY@ by base64 of PEM. Owned by the caller. */
static char *fill(const char *text)
{
    const struct {
        const char *mark, *pem;
    } marks[] = {{"@CERT@", ours.cert}, {"@KEY@", ours.key}, {"@OTHERKEY@", others.key}};
    struct buf b = BUF_INIT;

    while (*text) {
        size_t i = 0;
        while (i < ARRAY_LEN(marks) && !str_starts(text, marks[i].mark))
            i++;
        if (i == ARRAY_LEN(marks)) {
            buf_add_char(&b, *text++);
            continue;
        }
        _cleanup_free_ char *coded = base64_encode(marks[i].pem, strlen(marks[i].pem));
        buf_add_str(&b, coded);
        text += strlen(marks[i].mark);
    }
    return buf_take(&b);
}

static char *path_in(const char *name)
{
    return str_printf("%s/%s", folder, name);
}

/* The path is owned by the caller. */
static char *write_file(const char *name, const char *text)
{
    char *path = path_in(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

/* --- refusals --- */

/* A kubeconfig with one context, one cluster and one user, in flow style. */
#define CONFIG(cluster, user)                                                                                          \
    "current-context: c\n"                                                                                             \
    "contexts: [{name: c, context: {cluster: k, user: u}}]\n"                                                          \
    "clusters: [{name: other, cluster: {server: 'https://x'}}, {name: k, cluster: {" cluster "}}]\n"                   \
    "users: [{name: u, user: {" user "}}]\n"
#define SERVER "server: 'https://10.0.0.1:6443'"
#define EXEC(rest) "exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token" rest "}"

struct refusal {
    const char *text;
    const char *context;
    const char *error; /* the whole of it */
};

static const struct refusal refusals[] = {
    {"", NULL, "f: current-context: is not set; contexts are: none"},
    {"contexts: [{name: a}, {name: b}]", NULL, "f: current-context: is not set; contexts are: a, b"},
    {"- a", NULL, "f: a kubeconfig is a map, this is a list"},
    {"a: 1\n---\nb: 1\n", NULL, "f: a kubeconfig is one document, here are 2"},
    {"kind: Pod", NULL, "f: kind: must be Config, a kubeconfig"},
    {"apiVersion: v2", NULL, "f: apiVersion: must be v1"},
    {"current-context: 7", NULL, "f: current-context: must be a string, and is a number"},
    {"current-context: x\ncontexts: {}", NULL, "f: contexts: must be a list, and is a map"},
    {"current-context: x\ncontexts: [a]", NULL, "f: contexts[0]: must be a map, and is a string"},
    {"current-context: x\ncontexts: [{name: a, context: {}}]", NULL,
     "f: current-context: no context named \"x\"; there are: a"},
    {"contexts: [{name: a, context: {}}]", "y", "f: contexts: no context named \"y\"; there are: a"},
    {"current-context: a\ncontexts: [{name: a}]", NULL, "f: contexts[0].context.cluster: is missing"},
    {"current-context: a\ncontexts: [null, {name: a, context: null}]", NULL,
     "f: contexts[1].context.cluster: is missing"},
    {"current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\nclusters: [null]", NULL,
     "f: contexts[0].context.cluster: no cluster named \"k\"; there are none"},
    {"current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\nclusters: [null, {name: k}]", NULL,
     "f: clusters[1].cluster.server: is missing (https://HOST:PORT)"},
    {"current-context: a\ncontexts: [{name: a, context: {}}]", NULL, "f: contexts[0].context.cluster: is missing"},
    {"current-context: a\ncontexts: [{name: b}, {name: a, context: {cluster: k}}]", NULL,
     "f: contexts[1].context.cluster: no cluster named \"k\"; there are none"},
    {"current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\n"
     "clusters: [{name: l}, {name: m}]",
     NULL, "f: contexts[0].context.cluster: no cluster named \"k\"; there are: l, m"},
    {"current-context: a\ncontexts: [{name: a, context: {cluster: k, user: v}}]\n"
     "clusters: [{name: k, cluster: {server: 'https://x'}}]\nusers: [{name: u}]",
     NULL, "f: contexts[0].context.user: no user named \"v\"; there are: u"},
    {CONFIG("", ""), NULL, "f: clusters[1].cluster.server: is missing (https://HOST:PORT)"},
    {CONFIG("server: 7", ""), NULL, "f: clusters[1].cluster.server: must be a string, and is a number"},
    {CONFIG("server: ':::'", ""), NULL, "f: clusters[1].cluster.server: is no URL (https://HOST:PORT)"},
    {CONFIG("server: 'ftp://x'", ""), NULL, "f: clusters[1].cluster.server: must begin with https:// or http://"},
    {CONFIG("server: 'https://me:secret@x'", ""), NULL,
     "f: clusters[1].cluster.server: must not contain a user or password"},
    {CONFIG("server: 'https://x?a=b'", ""), NULL, "f: clusters[1].cluster.server: must not contain a query"},
    {CONFIG(SERVER ", certificate-authority-data: 'a!'", ""), NULL,
     "f: clusters[1].cluster.certificate-authority-data: must be base64 (with padding)"},
    {CONFIG(SERVER ", certificate-authority-data: AA==", ""), NULL,
     "f: clusters[1].cluster.certificate-authority-data: must be PEM in base64, and has a NUL in it"},
    {CONFIG(SERVER ", certificate-authority-data: aGVsbG8=", ""), NULL,
     "f: clusters[1].cluster.certificate-authority-data: no PEM certificate in it (\"-----BEGIN CERTIFICATE-----\")"},
    {CONFIG(SERVER ", insecure-skip-tls-verify: 'yes please'", ""), NULL,
     "f: clusters[1].cluster.insecure-skip-tls-verify: must be true or false, and is a string"},
    {CONFIG(SERVER ", insecure-skip-tls-verify: true, certificate-authority: ca.crt", ""), NULL,
     "f: clusters[1].cluster.insecure-skip-tls-verify: true contradicts the certificate-authority beside it"},
    {CONFIG(SERVER ", proxy-url: 'ftp://p'", ""), NULL,
     "f: clusters[1].cluster.proxy-url: must begin with http://, https:// or socks5://"},
    {CONFIG(SERVER, "client-certificate-data: @CERT@"), NULL,
     "f: users[0].user.client-key-data: is missing beside the client certificate"},
    {CONFIG(SERVER, "client-key-data: @KEY@"), NULL,
     "f: users[0].user.client-certificate-data: is missing beside the client key"},
    {CONFIG(SERVER, "client-certificate-data: @CERT@, client-key-data: @OTHERKEY@"), NULL,
     "f: users[0].user.client-certificate-data: its key belongs to another certificate"},
    {CONFIG(SERVER, "client-certificate-data: @CERT@, client-key-data: aGVsbG8="), NULL,
     "f: users[0].user.client-certificate-data: its key is no PEM private key (one with a passphrase cannot be used)"},
    {CONFIG(SERVER, "token: \"two\\nlines\""), NULL,
     "f: users[0].user.token: the token's byte 4 is no printable ASCII character"},
    {CONFIG(SERVER, "auth-provider: {name: gcp}"), NULL,
     "f: users[0].user.auth-provider: auth providers are not supported, Kubernetes itself removed them; use exec or a "
     "token"},
    {CONFIG(SERVER, "as: me, as-groups: [admins]"), NULL,
     "f: users[0].user.as-groups: is not supported, only \"as\" is"},
    {CONFIG(SERVER, "as: \"me\\r\\nHost: x\""), NULL, "f: users[0].user.as: must be printable ASCII"},
    {CONFIG(SERVER, "exec: {command: x}"), NULL,
     "f: users[0].user.exec.apiVersion: must be client.authentication.k8s.io/v1, "
     "client.authentication.k8s.io/v1beta1 or client.authentication.k8s.io/v1alpha1"},
    {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v2, command: x}"), NULL,
     "f: users[0].user.exec.apiVersion: must be client.authentication.k8s.io/v1, "
     "client.authentication.k8s.io/v1beta1 or client.authentication.k8s.io/v1alpha1"},
    {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1}"), NULL,
     "f: users[0].user.exec.command: is missing"},
    {CONFIG(SERVER, EXEC(", args: [a, 1]")), NULL,
     "f: users[0].user.exec.args: element 1 must be a string, and is a number"},
    {CONFIG(SERVER, EXEC(", env: [{name: 'A=B'}]")), NULL,
     "f: users[0].user.exec.env: element 0 must have a name without \"=\""},
    {CONFIG(SERVER, EXEC(", interactiveMode: Always")), NULL,
     "f: users[0].user.exec.interactiveMode: Always is refused: the operator cannot ask a user"},
};

static void check_refusal(const struct refusal *r, enum kube_config_trust trust)
{
    struct kube_config *config = NULL;
    _cleanup_free_ char *text = fill(r->text);
    struct err e;

    if (kube_config_parse("f", text, strlen(text), r->context, trust, &config, &e) == 0)
        fail_msg("accepted: %s", r->text);
    assert_null(config);
    assert_string_equal(e.text, r->error);
    assert_int_equal(e.class, ERR_INVALID);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        check_refusal(&refusals[i], KUBE_CONFIG_LOCAL);
}

/* What is a convenience in a person's own file is a weapon in one that comes from a Secret. */
static void test_foreign(void **state)
{
    static const struct refusal foreign[] = {
        {CONFIG(SERVER ", certificate-authority: /etc/passwd", ""), NULL,
         "f: clusters[1].cluster.certificate-authority: paths to files are refused here, they would be read on the "
         "operator's machine"},
        {CONFIG(SERVER, "client-certificate: a, client-key: b"), NULL,
         "f: users[0].user.client-certificate: paths to files are refused here, they would be read on the operator's "
         "machine"},
        {CONFIG(SERVER, "tokenFile: /var/run/token"), NULL,
         "f: users[0].user.tokenFile: paths to files are refused here, they would be read on the operator's machine"},
        {CONFIG(SERVER ", insecure-skip-tls-verify: true", ""), NULL,
         "f: clusters[1].cluster.insecure-skip-tls-verify: true is refused here, others could answer as the server"},
        {CONFIG(SERVER ", proxy-url: 'http://p:1'", ""), NULL,
         "f: clusters[1].cluster.proxy-url: proxies are refused here, they would see who connects to where"},
        {CONFIG(SERVER, "client-key: /etc/key"), NULL,
         "f: users[0].user.client-key: paths to files are refused here, they would be read on the operator's machine"},
        {CONFIG("server: 'http://10.0.0.1:8080'", ""), NULL,
         "f: clusters[1].cluster.server: http:// is refused here, others could read along and answer as the server"},
        {CONFIG("server: 'HTTP://10.0.0.1:8080'", ""), NULL,
         "f: clusters[1].cluster.server: http:// is refused here, others could read along and answer as the server"},
        {CONFIG(SERVER, "auth-provider: {name: gcp, config: {cmd-path: /bin/sh}}"), NULL,
         "f: users[0].user.auth-provider: auth providers are not supported, Kubernetes itself removed them; use exec "
         "or a token"},
        {CONFIG(SERVER, EXEC("")), NULL,
         "f: users[0].user.exec: plugins are refused here, they would be run on the operator's machine"},
    };
    struct kube_config *config;
    _cleanup_free_ char *good = fill(CONFIG(SERVER ", certificate-authority-data: @CERT@", "token: t"));
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        check_refusal(&foreign[i], KUBE_CONFIG_FOREIGN);
    assert_int_equal(kube_config_parse("f", good, strlen(good), NULL, KUBE_CONFIG_FOREIGN, &config, &e), 0);
    assert_string_equal(config->token, "t");
    kube_config_free(config);
}

/* Whatever stands where it should not may be a secret. */
static void test_messages_quote_no_secret(void **state)
{
    static const char *const texts[] = {
        "S3CRET",
        "S3CRET: [",
        "{a: b, S3CRET}: c",
        "token: !S3CRET a",
        "token: !S3CRET {a: b}",
        "S3CRET: a\nS3CRET: b",
        "- S3CRET",
        "a: *S3CRET",
        "kind: S3CRET",
        "apiVersion: S3CRET",
        CONFIG("server: 'https://me:S3CRET@x'", ""),
        CONFIG("server: 'ftp://S3CRET'", ""),
        CONFIG(SERVER ", proxy-url: 'http://me:S3CRET@p:1'", ""),
        CONFIG(SERVER ", certificate-authority-data: S3CRET!", ""),
        CONFIG(SERVER ", certificate-authority: /S3CRET", ""),
        CONFIG(SERVER, "client-key-data: S3CRET!"),
        CONFIG(SERVER, "client-certificate-data: @CERT@, client-key-data: S3CRETxx"),
        CONFIG(SERVER, "token: \"S3CRET\\n\""),
        CONFIG(SERVER, "token: [S3CRET]"),
        CONFIG(SERVER, "tokenFile: /S3CRET"),
        CONFIG(SERVER, "password: {S3CRET: a}"),
        CONFIG(SERVER, "as: \"S3CRET\\n\""),
        CONFIG(SERVER, EXEC(", env: [{name: A, value: S3CRET}]")),
        CONFIG(SERVER, "auth-provider: {name: S3CRET, config: {access-token: S3CRET}}"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_free_ char *text = fill(texts[i]);
        struct kube_config *config;
        struct err e;
        if (kube_config_parse("f", text, strlen(text), NULL, KUBE_CONFIG_FOREIGN, &config, &e) == 0)
            fail_msg("accepted: %s", texts[i]);
        if (strstr(e.text, "S3CRET"))
            fail_msg("%s\nfor: %s", e.text, texts[i]);
    }
}

static void test_too_large(void **state)
{
    _cleanup_free_ char *text = mem_new0(1, KUBE_CONFIG_MAX_BYTES + 1);
    struct kube_config *config;
    struct err e;

    (void)state;
    memset(text, '#', KUBE_CONFIG_MAX_BYTES + 1);
    assert_int_equal(kube_config_parse("f", text, KUBE_CONFIG_MAX_BYTES + 1, NULL, KUBE_CONFIG_FOREIGN, &config, &e),
                     -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_string_equal(e.text, "f: 1048577 bytes, at most 1048576 are read");
}

/* --- what is read --- */

static struct kube_config *parse(const char *text, const char *context)
{
    _cleanup_free_ char *filled = fill(text);
    struct kube_config *config;
    struct err e;

    if (kube_config_parse("f", filled, strlen(filled), context, KUBE_CONFIG_LOCAL, &config, &e) < 0)
        fail_msg("%s", e.text);
    return config;
}

static void test_fields(void **state)
{
    struct kube_config *c = parse(CONFIG("server: 'https://10.0.0.1:6443/prefix//', tls-server-name: kube.example, "
                                         "certificate-authority-data: @CERT@, proxy-url: 'socks5://p:1080', "
                                         "disable-compression: true, extensions: []",
                                         "client-certificate-data: @CERT@, client-key-data: @KEY@, token: t0k, "
                                         "username: me, password: pw, as: other, future: field"),
                                  NULL);

    (void)state;
    assert_string_equal(c->server, "https://10.0.0.1:6443/prefix");
    assert_string_equal(c->tls_server_name, "kube.example");
    assert_string_equal(c->ca_pem, ours.cert);
    assert_null(c->ca_file);
    assert_false(c->insecure_skip_tls_verify);
    assert_string_equal(c->proxy_url, "socks5://p:1080");
    assert_string_equal(c->client_cert_pem, ours.cert);
    assert_string_equal(c->client_key_pem, ours.key);
    assert_string_equal(c->token, "t0k");
    assert_string_equal(c->username, "me");
    assert_string_equal(c->password, "pw");
    assert_string_equal(c->impersonate_user, "other");
    assert_string_equal(c->namespace, "default");
    assert_string_equal(c->source, "f (context c)");
    assert_null(c->exec);
    kube_config_free(c);
}

/* As kubectl reads it: an element that is null is empty, and names nobody. */
static const char with_lists[] =
    "{\"current-context\":\"c\","
    "\"contexts\":[{\"name\":\"x\"},{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],"
    "\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https://k\"}}],"
    "\"users\":[{\"name\":\"u\",\"user\":{\"exec\":{\"apiVersion\":\"client.authentication.k8s.io/v1alpha1\","
    "\"command\":\"aws\",\"args\":[\"a\",\"b\"],\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":"
    "null}]}}}]}";

/* What was read from it, with an argument for each null among them. */
static void check_lists(const json_t *object, size_t args)
{
    _cleanup_free_ char *text = doc_text(object);
    struct kube_config *c = parse(text, NULL);

    assert_string_equal(c->server, "https://k");
    assert_string_equal(c->exec->api_version, "client.authentication.k8s.io/v1alpha1");
    assert_string_equal(c->exec->command, "aws");
    assert_int_equal(strv_len(c->exec->args), args);
    assert_int_equal(strv_len(c->exec->env), 2);
    assert_string_equal(c->exec->env[0], "A=1");
    assert_string_equal(c->exec->env[1], "B=");
    kube_config_free(c);
}

static void check_nulls_in(const json_t *object, json_t *list, bool are_args)
{
    for (size_t i = 0; i <= json_array_size(list); i++) {
        json_array_insert_new(list, i, json_null());
        check_lists(object, are_args ? 3 : 2);
        json_array_remove(list, i);
    }
}

static void test_null_elements_are_empty(void **state)
{
    static const char *const absent[] = {"args", "env", "installHint", "provideClusterInfo", "interactiveMode"};
    _cleanup_json_ json_t *object = NULL;
    json_t *user, *exec;
    struct kube_config *c;
    struct err e;

    (void)state;
    assert_int_equal(doc_parse(with_lists, strlen(with_lists), SIZE_MAX, &object, &e), 0);
    user = json_array_get(doc_at(object, "users"), 0);
    exec = doc_at(user, "user", "exec");
    check_lists(object, 2);
    check_nulls_in(object, doc_at(object, "contexts"), false);
    check_nulls_in(object, doc_at(object, "clusters"), false);
    check_nulls_in(object, doc_at(object, "users"), false);
    check_nulls_in(object, doc_at(exec, "args"), true);
    check_nulls_in(object, doc_at(exec, "env"), false);
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        _cleanup_json_ json_t *former = json_incref(json_object_get(exec, absent[i]));
        _cleanup_free_ char *text = NULL;
        json_object_set_new(exec, absent[i], json_null());
        text = doc_text(object);
        kube_config_free(parse(text, NULL));
        if (former)
            json_object_set(exec, absent[i], former);
    }
    /* a user of whom nothing is said is nobody */
    json_object_set_new(user, "user", json_null());
    {
        _cleanup_free_ char *text = doc_text(object);
        c = parse(text, NULL);
    }
    assert_null(c->exec);
    assert_null(c->token);
    kube_config_free(c);
}

/* As most encoders write JSON; also in a Secret. */
static void test_json_may_escape_any_character(void **state)
{
    static const char text[] =
        "{\"current-context\":\"\\ud83d\\ude80\",\"contexts\":[{\"name\":\"\\ud83d\\ude80\",\"context\":"
        "{\"cluster\":\"k\\u0085\"}}],\"clusters\":[{\"name\":\"k\xc2\x85\",\"cluster\":{\"server\"\n:"
        "\"https:\\/\\/k\"}}]}";
    static const char utf16[] = "\xff\xfe{\0}\0\n";
    struct kube_config *c;
    struct err e;

    (void)state;
    assert_int_equal(kube_config_parse("f", text, strlen(text), NULL, KUBE_CONFIG_FOREIGN, &c, &e), 0);
    assert_string_equal(c->server, "https://k");
    assert_string_equal(c->source, "f (context \xf0\x9f\x9a\x80)");
    kube_config_free(c);
    assert_int_equal(kube_config_parse("f", utf16, sizeof(utf16), NULL, KUBE_CONFIG_FOREIGN, &c, &e), -1);
    assert_string_equal(e.text, "f: current-context: is not set; contexts are: none");
}

static void test_contexts(void **state)
{
    static const char text[] = "current-context: a\n"
                               "contexts:\n"
                               "- {name: a, context: {cluster: k, user: u, namespace: ''}}\n"
                               "- {name: b, context: {cluster: l, namespace: mesh}}\n"
                               "clusters:\n"
                               "- {name: k, cluster: {server: 'https://k'}}\n"
                               "- {name: l, cluster: {server: 'http://l:8080', insecure-skip-tls-verify: true}}\n"
                               "users: [{name: u, user: {token: t}}]\n";
    struct kube_config *a = parse(text, NULL), *b = parse(text, "b");

    (void)state;
    assert_string_equal(a->server, "https://k");
    assert_string_equal(a->namespace, "default");
    assert_string_equal(a->token, "t");
    assert_string_equal(b->server, "http://l:8080");
    assert_string_equal(b->namespace, "mesh");
    assert_true(b->insecure_skip_tls_verify);
    assert_null(b->token);
    kube_config_free(a);
    kube_config_free(b);
}

static void test_exec(void **state)
{
    struct kube_config *original = parse(
        CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: get-token, args: [-c, x], "
                       "env: [{name: A, value: '1'}, {name: B}], installHint: 'apt install it', "
                       "provideClusterInfo: true, interactiveMode: IfAvailable}"),
        NULL);
    struct kube_config *c = kube_config_copy(original);

    (void)state;
    kube_config_free(original);
    assert_string_equal(c->exec->api_version, "client.authentication.k8s.io/v1beta1");
    assert_string_equal(c->exec->command, "get-token");
    assert_int_equal(strv_len(c->exec->args), 2);
    assert_string_equal(c->exec->args[1], "x");
    assert_int_equal(strv_len(c->exec->env), 2);
    assert_string_equal(c->exec->env[0], "A=1");
    assert_string_equal(c->exec->env[1], "B=");
    assert_string_equal(c->exec->install_hint, "apt install it");
    assert_true(c->exec->provide_cluster_info);
    kube_config_free(c);
}

/* --- files --- */

static void test_files_are_merged(void **state)
{
    _cleanup_free_ char *first = write_file("first", "contexts: [{name: a, context: {cluster: k, user: u}}]\n"
                                                     "clusters: [{name: k, cluster: {server: 'https://first'}}]\n");
    _cleanup_free_ char *second =
        write_file("second", "current-context: a\n"
                             "contexts: [{name: a, context: {cluster: z, user: z, namespace: z}}]\n"
                             "clusters: [{name: k, cluster: {server: 'https://second', tls-server-name: z}}]\n"
                             "users: [{name: u, user: {tokenFile: sub/token, client-certificate: c.crt, "
                             "client-key: /k.key, exec: {apiVersion: client.authentication.k8s.io/v1, "
                             "command: ./plugin}}}]\n");
    _cleanup_free_ char *list = str_printf("%s/none:%s::%s", folder, first, second);
    _cleanup_free_ char *token = path_in("sub/token"), *cert = path_in("c.crt"), *plugin = path_in("./plugin");
    struct kube_config *c;
    struct err e;

    (void)state;
    assert_int_equal(kube_config_load(list, NULL, &c, &e), 0);
    assert_string_equal(c->server, "https://first");
    assert_null(c->tls_server_name); /* of a name that was known already nothing is taken */
    assert_string_equal(c->namespace, "default");
    assert_string_equal(c->token_file, token);
    assert_string_equal(c->client_cert_file, cert);
    assert_string_equal(c->client_key_file, "/k.key");
    assert_string_equal(c->exec->command, plugin);
    kube_config_free(c);
}

static void test_environment(void **state)
{
    _cleanup_free_ char *path = write_file("env", "current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\n"
                                                  "clusters: [{name: k, cluster: {server: 'https://env'}}]\n");
    _cleanup_free_ char *missing = path_in("missing"), *large = path_in("large");
    struct kube_config *c;
    struct err e;

    (void)state;
    setenv("KUBECONFIG", path, 1);
    assert_int_equal(kube_config_default(NULL, NULL, &c, &e), 0);
    assert_string_equal(c->server, "https://env");
    kube_config_free(c);
    assert_int_equal(kube_config_load(missing, NULL, &c, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, missing));

    _cleanup_free_ char *home = path_in("home"), *kube = path_in("home/.kube");
    mkdir(home, 0700);
    mkdir(kube, 0700);
    free(write_file("home/.kube/config", "current-context: a\ncontexts: [{name: a, context: {cluster: k}}]\n"
                                         "clusters: [{name: k, cluster: {server: 'https://home'}}]\n"));
    unsetenv("KUBECONFIG");
    setenv("HOME", home, 1);
    assert_int_equal(kube_config_default(NULL, NULL, &c, &e), 0);
    assert_string_equal(c->server, "https://home");
    kube_config_free(c);

    FILE *f = fopen(large, "w");
    fprintf(f, "a: %*d\n", KUBE_CONFIG_MAX_BYTES, 1);
    fclose(f);
    assert_int_equal(kube_config_load(large, NULL, &c, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
}

static void test_pod(void **state)
{
    struct kube_config *c;
    struct err e;

    (void)state;
    assert_int_equal(kube_config_from_pod(folder, NULL, "443", &c, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    assert_int_equal(kube_config_from_pod(folder, "10.0.0.1", "443", &c, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    free(write_file("token", "abc\n"));
    free(write_file("ca.crt", ours.cert));
    assert_int_equal(kube_config_from_pod(folder, "10.0.0.1", "443", &c, &e), 0);
    assert_string_equal(c->server, "https://10.0.0.1:443");
    assert_string_equal(c->namespace, "default");
    assert_true(str_ends(c->ca_file, "/ca.crt"));
    assert_true(str_ends(c->token_file, "/token"));
    assert_string_equal(c->source, "in-cluster");
    kube_config_free(c);
    free(write_file("namespace", "istio-system\n"));
    assert_int_equal(kube_config_from_pod(folder, "fd00::1", "443", &c, &e), 0);
    assert_string_equal(c->server, "https://[fd00::1]:443");
    assert_string_equal(c->namespace, "istio-system");
    kube_config_free(c);
    free(write_file("token", " \n"));
    assert_int_equal(kube_config_from_pod(folder, "10.0.0.1", "443", &c, &e), -1);
    assert_int_equal(e.class, ERR_INVALID);
}

static void test_tokens(void **state)
{
    _cleanup_free_ char *path = write_file("t", "  a-b.c \r\n\n");
    char *token;
    struct err e;

    (void)state;
    assert_int_equal(net_token_read(path, &token, &e), 0);
    assert_string_equal(token, "a-b.c");
    free(token);
    free(write_file("t", "se cret"));
    assert_int_equal(net_token_read(path, &token, &e), -1);
    assert_null(strstr(e.text, "cret"));
    assert_int_equal(net_token_read(folder, &token, &e), -1);
    assert_int_equal(e.class, ERR_IO);
}

static int set_up(void **state)
{
    (void)state;
    ours = certs_make("kube.example");
    others = certs_make("other.example");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const left[] = {"first", "second",    "env", "large", "home/.kube/config", "home/.kube", "home",
                                       "token", "namespace", "t",   "ca.crt"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        _cleanup_free_ char *path = path_in(left[i]);
        remove(path);
    }
    certs_release(&ours);
    certs_release(&others);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_messages_quote_no_secret),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_null_elements_are_empty),
        cmocka_unit_test(test_json_may_escape_any_character),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_files_are_merged),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_pod),
        cmocka_unit_test(test_tokens),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
