/* Who the client says it is, and whom it believes: tokens, passwords, plugins, certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/str.h"
#include "client_fixture.h"
#include "net/credentials.h"
#include "net/loop.h"

static struct certs ours, others;

/* --- credentials --- */

static char folder[] = "/tmp/kube-identity-XXXXXX";

static void write_token(const char *path, const char *token)
{
    FILE *f = fopen(path, "w");

    fputs(token, f);
    fclose(f);
}

/* Beside it and renamed into its place, as kubelets and users with care do it. The path is the caller's. */
static char *put_file(const char *name, const char *text)
{
    char *path = str_printf("%s/%s", folder, name);
    _cleanup_free_ char *beside = str_printf("%s/.%s", folder, name);

    write_token(beside, text);
    assert_int_equal(rename(beside, path), 0);
    return path;
}

static void test_token_file(void **state)
{
    static const struct server_answer answers[] = {{"/", "Bearer one", OK(5, "{one}")},
                                                   {"/", "Bearer two", OK(5, "{two}")},
                                                   {"/", NULL, "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"},
                                                   {0}};
    char path[] = "/tmp/kube-token-XXXXXX";
    struct fixture f;
    struct outcome o;

    (void)state;
    close(mkstemp(path));
    write_token(path, "one\n");
    fixture_serve(&f, answers, NULL);
    f.config.token_file = path;
    fixture_connect(&f, NULL);
    o = fixture_get(&f, "/");
    assert_string_equal(buf_str(&o.body), "{one}");
    outcome_release(&o);

    /* A token that the server no longer knows is read again immediately, and the request goes once more. */
    write_token(path, "two\n");
    f.server.answers = answers + 1;
    o = fixture_get(&f, "/");
    assert_string_equal(buf_str(&o.body), "{two}");
    assert_int_equal(o.e.class, ERR_NONE);
    assert_int_equal(f.server.requests, 3);
    outcome_release(&o);

    /* Where the file has nothing newer, the answer stands. */
    f.server.answers = answers + 2;
    o = fixture_get(&f, "/");
    assert_int_equal(o.e.class, ERR_UNAUTHORIZED);
    assert_int_equal(f.server.requests, 4);
    assert_null(strstr(o.e.text, "two"));
    outcome_release(&o);

    /* A file that is gone for a moment does not take the token away. */
    f.server.answers = answers;
    unlink(path);
    o = fixture_get(&f, "/");
    assert_string_equal(buf_str(&o.body), "{two}");
    outcome_release(&o);
    fixture_stop(&f);
}

static void test_password_and_impersonation(void **state)
{
    static const struct server_answer answers[] = {{"/", "Basic bWU6aHVudGVyMg==", OK(7, "{hello}")}, {0}};
    struct fixture f;
    struct outcome o;

    (void)state;
    fixture_serve(&f, answers, NULL);
    f.config.username = (char *)"me";
    f.config.password = (char *)"hunter2";
    f.config.impersonate_user = (char *)"other";
    fixture_connect(&f, NULL);
    o = fixture_get(&f, "/");
    assert_int_equal(o.status, 200);
    assert_non_null(strstr(buf_str(&f.server.last), "\r\nImpersonate-User: other\r\n"));
    outcome_release(&o);
    fixture_stop(&f);
}

static struct kube_exec shell(char *args[3], const char *script)
{
    args[0] = (char *)"-c";
    args[1] = (char *)script;
    args[2] = NULL;
    return (struct kube_exec){
        .api_version = (char *)"client.authentication.k8s.io/v1", .command = (char *)"sh", .args = args};
}

static void test_exec(void **state)
{
    static const struct server_answer answers[] = {
        {"/", "Bearer fresh", OK(7, "{hello}")}, {"/", NULL, "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"}, {0}};
    char *args[3];
    struct kube_exec exec = shell(args, "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":"
                                        "\"ExecCredential\",\"status\":{\"token\":\"fresh\"}}'");
    struct outcome o[3] = {0}, failed;
    struct fixture f;

    (void)state;
    fixture_serve(&f, answers, NULL);
    f.config.exec = &exec;
    fixture_connect(&f, NULL);
    for (size_t i = 0; i < ARRAY_LEN(o); i++)
        fixture_send_get(&f, &o[i], "/", false, 0);
    for (size_t i = 0; i < ARRAY_LEN(o); i++) {
        fixture_wait_over(&f, &o[i]);
        assert_string_equal(buf_str(&o[i].body), "{hello}");
        outcome_release(&o[i]);
    }
    /* A server that rejects what was made a moment ago does not make us run the plugin in a circle. */
    f.server.answers = answers + 1;
    failed = fixture_get(&f, "/");
    assert_int_equal(failed.e.class, ERR_UNAUTHORIZED);
    assert_int_equal(f.server.requests, 4);
    outcome_release(&failed);
    net_client_free(f.client);

    exec = shell(args, "exit 3");
    fixture_connect(&f, NULL);
    failed = fixture_get(&f, "/");
    assert_string_equal(failed.e.text, "exec plugin sh: ended with exit code 3");
    assert_int_equal(f.server.requests, 4);
    outcome_release(&failed);
    net_client_free(f.client);

    /* Freed while it runs, with a call that waits for it. */
    exec = shell(args, "sleep 100");
    fixture_connect(&f, NULL);
    failed = (struct outcome){0};
    fixture_send_get(&f, &failed, "/", false, 0);
    fixture_turn(&f, 10);
    fixture_stop(&f);
    assert_int_equal(failed.over, 0);
}

/* --- TLS --- */

struct tls_case {
    const char *name; /* tls-server-name */
    bool other_ca, insecure, client_cert;
    bool good;
};

static const struct tls_case tls_cases[] = {
    {.good = true},
    {.client_cert = true, .good = true},
    {.name = "kube.example", .good = true},
    {.name = "wrong.example"},
    {.other_ca = true},
    {.insecure = true, .good = true},
};

static void test_tls(void **state)
{
    static const struct server_answer good[] = {{"/", NULL, OK(7, "{hello}")}, {0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tls_cases); i++) {
        const struct tls_case *t = &tls_cases[i];
        _cleanup_free_ char *host = NULL;
        struct fixture f;
        struct outcome o;

        fixture_serve(&f, good, &ours);
        f.config.ca_pem = t->insecure ? NULL : t->other_ca ? others.cert : ours.cert;
        f.config.insecure_skip_tls_verify = t->insecure;
        f.config.tls_server_name = (char *)t->name;
        f.config.client_cert_pem = t->client_cert ? others.cert : NULL;
        f.config.client_key_pem = t->client_cert ? others.key : NULL;
        fixture_connect(&f, NULL);
        o = fixture_get(&f, "/");
        assert_int_equal(o.e.class, t->good ? ERR_NONE : ERR_UNAVAILABLE);
        assert_int_equal(f.server.requests, t->good);
        assert_int_equal(f.server.client_cert, t->client_cert);
        /* The name is for the certificate alone. */
        host = str_printf("\r\nHost: 127.0.0.1:%d\r\n", f.server.port);
        if (t->good)
            assert_non_null(strstr(buf_str(&f.server.last), host));
        outcome_release(&o);
        fixture_stop(&f);
    }
}

/* Files are looked at once a second, and when the server is not believed. */
static void wait_for_a_look(void)
{
    usleep(1010 * 1000);
}

static const struct server_answer closing[] = {
    {.path = "/", .bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n[\"h\"]", .close = true},
    {0}};

static enum err_class get(struct fixture *f, char text[ERR_TEXT_MAX])
{
    struct outcome o = fixture_get(f, "/");

    memcpy(text, o.e.text, ERR_TEXT_MAX);
    outcome_release(&o);
    return o.e.class;
}

static void a_new_authority_in_its_file_is_believed(void **state)
{
    _cleanup_free_ char *path = put_file("ca.crt", ours.cert);
    char text[ERR_TEXT_MAX];
    struct fixture f;

    (void)state;
    fixture_serve(&f, closing, &ours);
    f.config.ca_file = path;
    fixture_connect(&f, NULL);
    assert_int_equal(get(&f, text), ERR_NONE);
    /* The server first: it is not believed. */
    server_set_certificate(&f.server, others.cert, others.key);
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    /* What is no certificate does not take the authority away that is there, and is reported. */
    free(put_file("ca.crt", "half a cert"));
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    assert_non_null(strstr(text, "certificate-authority of test: no PEM certificate in it"));
    server_set_certificate(&f.server, ours.cert, ours.key);
    assert_int_equal(get(&f, text), ERR_NONE);
    /* The next call sees a new one, without a second try of its owner. */
    server_set_certificate(&f.server, others.cert, others.key);
    free(put_file("ca.crt", others.cert));
    assert_int_equal(get(&f, text), ERR_NONE);
    /* And where the file goes first, it is the server's certificate that is not believed any more. */
    free(put_file("ca.crt", ours.cert));
    wait_for_a_look();
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    server_set_certificate(&f.server, ours.cert, ours.key);
    assert_int_equal(get(&f, text), ERR_NONE);
    fixture_stop(&f);
}

static void a_write_that_was_not_sent_goes_with_the_new_authority(void **state)
{
    _cleanup_free_ char *path = put_file("ca.crt", ours.cert);
    struct outcome o = {0};
    struct fixture f;

    (void)state;
    fixture_serve(&f, closing, &others);
    f.config.ca_file = path;
    fixture_connect(&f, NULL);
    free(put_file("ca.crt", others.cert));
    fixture_send_before(&f, &o, "/", 0);
    fixture_wait_over(&f, &o);
    assert_int_equal(o.e.class, ERR_NONE);
    assert_int_equal(f.server.requests, 1);
    outcome_release(&o);
    fixture_stop(&f);
}

static void a_client_certificate_and_its_key_are_replaced_together(void **state)
{
    _cleanup_free_ char *ca = put_file("ca.crt", ours.cert), *cert = put_file("tls.crt", ours.cert),
                        *key = put_file("tls.key", ours.key);
    char text[ERR_TEXT_MAX];
    struct fixture f;

    (void)state;
    fixture_serve(&f, closing, &ours);
    f.config.ca_file = ca;
    f.config.client_cert_file = cert;
    f.config.client_key_file = key;
    fixture_connect(&f, NULL);
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_string_equal(f.server.client_name, "kube.example");
    /* Between the two it is who it was. */
    free(put_file("tls.crt", others.cert));
    wait_for_a_look();
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_string_equal(f.server.client_name, "kube.example");
    free(put_file("tls.key", others.key));
    wait_for_a_look();
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_string_equal(f.server.client_name, "other.example");
    fixture_stop(&f);
}

static void a_client_certificate_that_the_server_refuses_is_read_again(void **state)
{
    _cleanup_free_ char *cert = put_file("tls.crt", ours.cert), *key = put_file("tls.key", ours.key);
    char text[ERR_TEXT_MAX];
    struct fixture f;

    (void)state;
    fixture_serve(&f, closing, &ours);
    f.config.ca_pem = ours.cert;
    f.config.client_cert_file = cert;
    f.config.client_key_file = key;
    fixture_connect(&f, NULL);
    server_expect_client(&f.server, "other.example");
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    assert_non_null(strstr(text, " alert "));
    free(put_file("tls.crt", others.cert));
    free(put_file("tls.key", others.key));
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_string_equal(f.server.client_name, "other.example");
    fixture_stop(&f);
}

static char *kubeconfig(const char *server, const struct certs *authority, const char *token)
{
    _cleanup_free_ char *ca = base64_encode(authority->cert, strlen(authority->cert));

    return str_printf("{current-context: c, contexts: [{name: c, context: {cluster: s, user: u}}],\n"
                      " clusters: [{name: s, cluster: {server: '%s', certificate-authority-data: %s}}],\n"
                      " users: [{name: u, user: {token: %s}}]}\n",
                      server, ca, token);
}

static void connect_by(struct fixture *f, const char *path)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    struct err e;

    if (kube_config_load(path, NULL, &config, &e) < 0 || kube_client_new(f->loop, config, NULL, &f->client, &e) < 0)
        fail_msg("%s", e.text);
}

static void a_kubeconfig_that_is_replaced_is_read_again(void **state)
{
    char text[ERR_TEXT_MAX];
    struct fixture f;
    char *first, *second, *elsewhere, *path;

    (void)state;
    fixture_serve(&f, closing, &ours);
    first = kubeconfig(f.config.server, &ours, "one");
    second = kubeconfig(f.config.server, &others, "two");
    elsewhere = kubeconfig("https://127.0.0.1:1", &others, "three");
    path = put_file("config", first);
    connect_by(&f, path);
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_non_null(strstr(buf_str(&f.server.last), "\r\nAuthorization: Bearer one\r\n"));
    server_set_certificate(&f.server, others.cert, others.key);
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    free(put_file("config", second));
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_non_null(strstr(buf_str(&f.server.last), "\r\nAuthorization: Bearer two\r\n"));

    /* Another server is nothing to go to without a word. */
    free(put_file("config", elsewhere));
    wait_for_a_look();
    assert_int_equal(get(&f, text), ERR_NONE);
    assert_non_null(strstr(buf_str(&f.server.last), "\r\nAuthorization: Bearer two\r\n"));
    server_set_certificate(&f.server, ours.cert, ours.key);
    assert_int_equal(get(&f, text), ERR_UNAVAILABLE);
    assert_non_null(strstr(text, "that takes a restart"));
    assert_null(strstr(text, "three"));
    fixture_stop(&f);
    free(first);
    free(second);
    free(elsewhere);
    free(path);
}

static void a_certificate_says_when_it_expires(void **state)
{
    (void)state;
    assert_in_range(net_pem_expires(ours.cert) - clock_now_wall(), SECONDS(3000), SECONDS(3700));
    assert_true(net_pem_expires("nothing") == MSEC_NEVER);
}

static void test_bad_configuration(void **state)
{
    static const char *const texts[] = {
        "certificate-authority of test: no PEM certificate in it (\"-----BEGIN CERTIFICATE-----\")",
        "client-certificate of test: its key belongs to another certificate",
    };
    struct event_base *loop = event_base_new();
    struct kube_config c[] = {
        {.ca_pem = (char *)"x"},
        {.client_cert_pem = ours.cert, .client_key_pem = others.key},
        {.ca_file = (char *)"/nonexistent/ca.crt"},
        {.token_file = (char *)"/nonexistent/token"},
    };
    struct net_client *client = NULL;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i].server = (char *)"https://127.0.0.1:1";
        c[i].source = (char *)"test";
        assert_int_equal(kube_client_new(loop, &c[i], NULL, &client, &e), -1);
        assert_null(client);
        if (i < ARRAY_LEN(texts))
            assert_string_equal(e.text, texts[i]);
        else
            assert_non_null(strstr(e.text, "/nonexistent/"));
    }
    loop_free(loop);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    ours = certs_make("kube.example");
    others = certs_make("other.example");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"ca.crt", "tls.crt", "tls.key", "config"};

    (void)state;
    certs_release(&ours);
    certs_release(&others);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_file),
        cmocka_unit_test(test_password_and_impersonation),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(a_new_authority_in_its_file_is_believed),
        cmocka_unit_test(a_write_that_was_not_sent_goes_with_the_new_authority),
        cmocka_unit_test(a_client_certificate_and_its_key_are_replaced_together),
        cmocka_unit_test(a_client_certificate_that_the_server_refuses_is_read_again),
        cmocka_unit_test(a_kubeconfig_that_is_replaced_is_read_again),
        cmocka_unit_test(a_certificate_says_when_it_expires),
        cmocka_unit_test(test_bad_configuration),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
