/* What servers say, as users read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "kube/message.h"

static void expect(const char *message, const char *told)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    kube_message_add(&out, message);
    assert_string_equal(buf_str(&out), told);
}

static void plain_sentences_stay(void **state)
{
    static const char *const sentences[] = {
        "",
        "services \"istio-pilot\" already exists",
        "Deployment.apps \"istio-pilot\" is invalid: spec.template.spec.containers[0].env[0].valueFrom: Invalid value: "
        "\"\": may not be specified when `value` is not empty",
        "Service \"a\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        "exceeded quota: small, requested: cpu=500m, used: cpu=1500m, limited: cpu=2",
        "admission webhook \"w.example.com\" denied the request: {\"a\": 1} is not {b}, see https://e.com/x?a={id}",
        "context deadline exceeded after 30s, 10m0s at most; 1.5 of 2.0 were left, in v1.20.2",
        "pvc-5f8f1a3e-8a2b-4c6d-9e0f-112233445566 is in use",
        "the request is over its limit; request id missing",
        "a.b{} and c.D{E:1} are short",
        "the colour is 0xff, the port :443",
        "\xc3\xa4\xc3\xb6\xc3\xbc \xe2\x9c\x93",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        expect(sentences[i], sentences[i]);
}

static void what_changes_with_each_try_is_left_out(void **state)
{
    (void)state;
    expect("read tcp 10.0.0.1:53124->10.0.0.2:443: connection reset by peer",
           "read tcp 10.0.0.1:...->10.0.0.2:443: connection reset by peer");
    expect("denied, Request ID: 7f3e-11, RequestId=AB12, trace_id \"0af7651916cd43dd\"",
           "denied, Request ID: ..., RequestId=..., trace_id \"...\"");
    expect("denied (5f8f1a3e-8a2b-4c6d-9e0f-112233445566)", "denied (...)");
    expect("certificate has expired: current time 2024-05-01T10:11:12.345Z is after 2023-11-02T00:00:00+02:00",
           "certificate has expired: current time 2024-05-01 is after 2023-11-02");
    expect("at 2024-05-01 10:11:12.345 +0000 UTC m=+12.5: no", "at 2024-05-01: no");
    expect("it took 1m3.52s, then 10.25ms and 7.5\xc2\xb5s.", "it took ..., then ... and ....");
    expect("old pointer (*int32)(0xc000123abc)", "old pointer (*int32)(0x...)");
    expect("two\nlines\tand\033[31m red", "two lines and [31m red");
}

#define BUDGET(a, b)                                                                                                   \
    "PodDisruptionBudget.policy \"istio-ingressgateway\" is invalid: spec: Invalid value: "                            \
    "policy.PodDisruptionBudgetSpec{MinAvailable:(*intstr.IntOrString)(" a "), Selector:(*v1.LabelSelector)(" b        \
    "), MaxUnavailable:(*intstr.IntOrString)(" a "), Note:\"}{\"}: minAvailable and maxUnavailable cannot be both set"

static void dumps_of_go_values_are_shortened(void **state)
{
    static const char told[] =
        "PodDisruptionBudget.policy \"istio-ingressgateway\" is invalid: spec: Invalid value: "
        "policy.PodDisruptionBudgetSpec{...}: minAvailable and maxUnavailable cannot be both set";
    _cleanup_free_ char *labels = str_printf("%200s", "x");
    _cleanup_free_ char *map = str_printf("a: Invalid value: map[string]interface {}{\"k\":\"%s\"}: no", labels);
    _cleanup_free_ char *json = str_printf("a: Invalid value: {\"k\":\"%s\"}: no", labels);
    _cleanup_free_ char *slice = str_printf("a: Invalid value: []core.EnvVar{core.EnvVar{Name:\"%s\"}}: no", labels);
    _cleanup_free_ char *open = str_printf("a: Invalid value: core.PodSpec{Volumes:\"%s", labels);

    (void)state;
    expect(BUDGET("0xc0124742a0", "0xc00c7c0f40"), told);
    expect(BUDGET("0xc00feedbee", "0xc011c0ffee"), told);
    expect(map, "a: Invalid value: map[string]interface {}{...}: no");
    expect(json, "a: Invalid value: {...}: no");
    expect(slice, "a: Invalid value: []core.EnvVar{...}: no");
    expect(open, "a: Invalid value: core.PodSpec{...}");
    expect("spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"a\":\"b\"}}: field is "
           "immutable",
           "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"a\":\"b\"}}: field is "
           "immutable");
}

static void long_strings_are_shortened_and_letters_stay_whole(void **state)
{
    struct buf text = BUF_INIT, all = BUF_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;

    (void)state;
    buf_add_str(&text, "x: Invalid value: \"");
    for (int i = 0; i < 200; i++)
        buf_add_str(&text, "\xc3\xa4");
    buf_add_str(&text, "\": too long");
    kube_message_add(&out, buf_str(&text));
    assert_true(out.len < 160);
    assert_non_null(strstr(buf_str(&out), "\xc3\xa4...\": too long"));
    for (int i = 0; i < 100000; i++)
        buf_add_str(&all, i % 7 ? "\xc3\xa4" : "a");
    buf_reset(&out);
    kube_message_add(&out, buf_str(&all));
    assert_in_range(out.len, KUBE_MESSAGE_MAX - 5, KUBE_MESSAGE_MAX);
    for (size_t i = 0, len; i < out.len; i += len)
        assert_true((len = str_utf8_next(buf_str(&out) + i, out.len - i, NULL)) > 0);
    buf_release(&text);
    buf_release(&all);
}

/* Whatever comes, there is an end and nothing beyond the text is read (the sanitizers look). */
static void pieces_of_all_that_is_looked_for_do_no_harm(void **state)
{
    static const char *const pieces[] = {"0x",
                                         "c0124742a0",
                                         "{",
                                         "}",
                                         "\"",
                                         "`",
                                         "core.X",
                                         "map",
                                         "[",
                                         "]string",
                                         "value: ",
                                         "2024-05-01T10:11:12",
                                         ".5",
                                         "Z",
                                         " m=+",
                                         "request id",
                                         ":",
                                         "->",
                                         "1m",
                                         "3.5s",
                                         "\\",
                                         "-",
                                         "5f8f1a3e-8a2b-4c6d-9e0f-112233445566",
                                         "\xc3",
                                         "\xa4"};
    uint64_t seed = 3;

    (void)state;
    for (int n = 0; n < 20000; n++) {
        _cleanup_buf_ struct buf text = BUF_INIT, out = BUF_INIT;
        _cleanup_free_ char *exact = NULL;
        for (int i = 0; i < 12; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            buf_add_str(&text, pieces[(seed >> 33) % ARRAY_LEN(pieces)]);
        }
        exact = str_dup(buf_str(&text));
        kube_message_add(&out, exact);
        assert_true(out.len <= KUBE_MESSAGE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_sentences_stay),
        cmocka_unit_test(what_changes_with_each_try_is_left_out),
        cmocka_unit_test(dumps_of_go_values_are_shortened),
        cmocka_unit_test(long_strings_are_shortened_and_letters_stay_whole),
        cmocka_unit_test(pieces_of_all_that_is_looked_for_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
