/* Exec plugins: what they are asked, what is believed of their answers, and that they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <sys/wait.h>

#include "base/base64.h"
#include "base/str.h"
#include "certs.h"
#include "doc/doc.h"
#include "kube/exec.h"
#include "net/loop.h"

#define V1 "client.authentication.k8s.io/v1"
#define HEAD "{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\","

static struct certs ours;

/* --- answers --- */

static void test_good_answers(void **state)
{
    static const char text[] = HEAD "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"}}";
    static const char forever[] = HEAD "\"status\":{\"token\":\"t\"}}";
    json_t *certificate = json_pack("{ss ss s{ss ss}}", "apiVersion", V1, "kind", "ExecCredential", "status",
                                    "clientCertificateData", ours.cert, "clientKeyData", ours.key);
    _cleanup_free_ char *with_certificate = doc_text(certificate);
    struct kube_exec_credential c;
    struct err e;

    (void)state;
    assert_int_equal(kube_exec_parse(V1, text, strlen(text), &c, &e), 0);
    assert_string_equal(c.token, "t");
    assert_null(c.cert_pem);
    assert_true(c.expires == INT64_C(1577836800000));
    kube_exec_credential_release(&c);
    assert_int_equal(kube_exec_parse(V1, forever, strlen(forever), &c, &e), 0);
    assert_true(c.expires == MSEC_NEVER);
    kube_exec_credential_release(&c);
    assert_int_equal(kube_exec_parse(V1, with_certificate, strlen(with_certificate), &c, &e), 0);
    assert_null(c.token);
    assert_string_equal(c.cert_pem, ours.cert);
    assert_string_equal(c.key_pem, ours.key);
    kube_exec_credential_release(&c);
    json_decref(certificate);
}

static void test_bad_answers(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "broken JSON in line 1, column 0"},
        {"{}", "kind: must be ExecCredential"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
         "apiVersion: must be client.authentication.k8s.io/v1, as it was asked for"},
        {HEAD "\"a\":1}", "status: is missing"},
        {HEAD "\"status\":{}}", "status: neither a token nor a client certificate"},
        {HEAD "\"status\":{\"token\":\"a b\"}}", "status.token: the token's byte 2 is no printable ASCII character"},
        {HEAD "\"status\":{\"clientKeyData\":\"k\"}}", "status: clientCertificateData and clientKeyData go together"},
        {HEAD "\"status\":{\"clientKeyData\":\"k\",\"clientCertificateData\":\"c\"}}",
         "status.clientCertificateData: no PEM certificate in it (\"-----BEGIN CERTIFICATE-----\")"},
        {HEAD "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}}",
         "status.expirationTimestamp: must be a time as 2006-01-02T15:04:05Z"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_exec_credential c;
        struct err e;
        assert_int_equal(kube_exec_parse(V1, cases[i].text, strlen(cases[i].text), &c, &e), -1);
        assert_string_equal(e.text, cases[i].error);
    }
}

/* A plugin answers in the version in which it was asked. */
static void test_every_version_is_spoken(void **state)
{
    static const char *const versions[] = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1",
                                           "client.authentication.k8s.io/v1alpha1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct kube_exec exec = {.api_version = (char *)versions[i]};
        struct kube_config config = {.server = (char *)"https://s", .exec = &exec};
        _cleanup_free_ char *answer =
            str_printf("{\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\",\"status\":{\"token\":\"t\"}}", versions[i]);
        _cleanup_free_ char *asked = str_printf("{\"apiVersion\":\"%s\",", versions[i]);
        _cleanup_buf_ struct buf info = BUF_INIT;
        struct kube_exec_credential c;
        struct err e;
        kube_exec_add_info(&config, &info);
        assert_true(str_starts(buf_str(&info), asked));
        assert_int_equal(kube_exec_parse(versions[i], answer, strlen(answer), &c, &e), 0);
        assert_string_equal(c.token, "t");
        kube_exec_credential_release(&c);
        assert_int_equal(kube_exec_parse(versions[(i + 1) % ARRAY_LEN(versions)], answer, strlen(answer), &c, &e), -1);
    }
}

/* --- questions --- */

static void test_info(void **state)
{
    struct kube_exec exec = {.api_version = (char *)V1};
    struct kube_config config = {.server = (char *)"https://s", .ca_pem = (char *)"PEM", .exec = &exec};
    struct buf b = BUF_INIT;

    (void)state;
    kube_exec_add_info(&config, &b);
    assert_string_equal(buf_str(&b), HEAD "\"spec\":{\"interactive\":false}}");
    buf_reset(&b);
    exec.provide_cluster_info = true;
    kube_exec_add_info(&config, &b);
    assert_string_equal(buf_str(&b), HEAD "\"spec\":{\"cluster\":{\"certificate-authority-data\":\"UEVN\","
                                          "\"server\":\"https://s\"},\"interactive\":false}}");
    buf_release(&b);
}

/* --- runs --- */

struct outcome {
    bool over;
    struct kube_exec_credential credential;
    struct err e;
};

static void on_done(void *context, struct kube_exec_credential *credential, const struct err *e)
{
    struct outcome *o = context;

    o->over = true;
    if (credential)
        o->credential = *credential;
    else
        o->e = *e;
}

static struct outcome run_exec(struct kube_exec *exec)
{
    struct kube_config config = {.server = (char *)"https://s", .exec = exec};
    struct event_base *loop = event_base_new();
    struct kube_exec_run *r;
    struct outcome o = {0};

    exec->api_version = (char *)V1;
    if (kube_exec_start(loop, &config, on_done, &o, &r, &o.e) == 0)
        while (!o.over)
            event_base_loop(loop, EVLOOP_ONCE);
    loop_free(loop);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left behind */
    assert_int_equal(errno, ECHILD);
    return o;
}

/* Runs a script of the shell as the plugin. */
static struct outcome run(const char *script)
{
    char *args[] = {(char *)"-c", (char *)script, NULL}, *env[] = {(char *)"GREETING=hello", NULL};

    return run_exec(&(struct kube_exec){.command = (char *)"sh", .args = args, .env = env});
}

static void test_runs(void **state)
{
    struct outcome o = run("printf '%s\"status\":{\"token\":\"%s\"}}' "
                           "'{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",' $GREETING; exec >&-; sleep 0.05");

    (void)state;
    assert_int_equal(o.e.class, ERR_NONE);
    assert_string_equal(o.credential.token, "hello");
    kube_exec_credential_release(&o.credential);
    /* The question arrives as it was made, and standard input is empty. */
    o = run("read x && exit 9; test \"$KUBERNETES_EXEC_INFO\" = '" HEAD "\"spec\":{\"interactive\":false}}' || exit 8; "
            "printf '%s\"status\":{\"token\":\"t\"}}' '{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",'");
    assert_string_equal(o.e.text, "");
    kube_exec_credential_release(&o.credential);
}

static void test_failures(void **state)
{
    static const struct {
        const char *script, *error;
        enum err_class class;
    } cases[] = {
        {"true", "exec plugin sh: its output is no ExecCredential: broken JSON in line 1, column 0", ERR_INVALID},
        {"exit 3", "exec plugin sh: ended with exit code 3", ERR_IO},
        {"kill -9 $$", "exec plugin sh: ended by signal 9", ERR_IO},
        {"echo secret", "exec plugin sh: its output is no ExecCredential: broken JSON in line 1, column 6",
         ERR_INVALID},
        {"yes", "exec plugin sh: printed more than 1048576 bytes", ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = run(cases[i].script);
        assert_int_equal(o.e.class, cases[i].class);
        assert_string_equal(o.e.text, cases[i].error);
    }
}

static void test_not_installed(void **state)
{
    struct outcome o = run_exec(&(struct kube_exec){.command = (char *)"no-such-plugin"});

    (void)state;
    assert_true(str_starts(o.e.text, "exec plugin no-such-plugin"));
    assert_true(str_ends(o.e.text, " is not installed"));
    o = run_exec(
        &(struct kube_exec){.command = (char *)"no-such-plugin", .install_hint = (char *)"see https://example.org"});
    assert_true(str_ends(o.e.text, " is not installed: see https://example.org"));
    o = run("exit 127");
    assert_string_equal(o.e.text, "exec plugin sh (or a program that it runs) is not installed");
}

/* A plugin that hangs, with children of its own, is gone when nobody waits for it any more. */
static void test_cancel(void **state)
{
    char *args[] = {(char *)"-c", (char *)"sleep 100 & sleep 100", NULL};
    struct kube_exec exec = {.api_version = (char *)V1, .command = (char *)"sh", .args = args};
    struct kube_config config = {.server = (char *)"https://s", .exec = &exec};
    struct event_base *loop = event_base_new();
    struct outcome o = {0};
    struct kube_exec_run *r;
    struct err e;

    (void)state;
    assert_int_equal(kube_exec_start(loop, &config, on_done, &o, &r, &e), 0);
    kube_exec_cancel(r);
    kube_exec_cancel(NULL);
    event_base_loop(loop, EVLOOP_NONBLOCK);
    assert_false(o.over);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    loop_free(loop);
}

static int set_up(void **state)
{
    (void)state;
    ours = certs_make("a.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_release(&ours);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version_is_spoken),
        cmocka_unit_test(test_good_answers),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_not_installed),
        cmocka_unit_test(test_cancel),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
