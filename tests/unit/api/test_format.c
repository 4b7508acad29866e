/* Formats: what they take, what they refuse, and that the API server's pattern takes all that we take. */
#include <regex.h>
#include <string.h>

#include "api/format.h"
#include "base/mem.h"
#include "support.h"

#define TEN "0123456789"
#define SHA256 "sha256:" TEN TEN TEN TEN TEN TEN "abcd"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define IDENTIFIER SIXTY "abcd"

static const struct good {
    const struct field_format *format;
    const char *value;
} good[] = {
    {&format_dns_label, "default"},
    {&format_dns_label, "a"},
    {&format_dns_label, "a-1"},
    {&format_dns_label, SIXTY "123"},
    {&format_service_name, "zipkin"},
    {&format_service_name, "ab-" SIXTY},
    {&format_dns_subdomain, "registry.example-1.com"},
    {&format_object_name, "system:auth-delegator"},
    {&format_kind, "Deployment"},
    {&format_kind, "attributemanifest"},
    {&format_label_key, "disktype"},
    {&format_label_key, "kubernetes.io/os"},
    {&format_label_key, "example.com/Team_A.1"},
    {&format_label_value, ""},
    {&format_label_selector, "statsd-prom-bridge"},
    {&format_label_selector, "example.com/app==jaeger"},
    {&format_label_selector, "app in (a,\tb) , version!=v1,!old,tier notin (x_1.y,)"},
    {&format_label_value, "us-east_1.A"},
    {&format_resource_name, "cpu"},
    {&format_resource_name, "nvidia.com/gpu"},
    {&format_quantity, "0"},
    {&format_quantity, "500m"},
    {&format_quantity, "0.5"},
    {&format_quantity, ".5"},
    {&format_quantity, "2."},
    {&format_quantity, "+1"},
    {&format_quantity, "2Gi"},
    {&format_quantity, "128974848"},
    {&format_quantity, "129e6"},
    {&format_quantity, "1E"},
    {&format_quantity, "1E-3"},
    {&format_version, "1.0.5"},
    {&format_version, "1.1.0-rc.2"},
    {&format_image, "pilot"},
    {&format_image, "docker.io/istio/pilot:1.0.5"},
    {&format_image, "localhost:5000/istio/proxyv2@" SHA256},
    {&format_image, "localhost/istio/proxyv2:Mine_1@" SHA256},
    {&format_image, "Registry.Example.com/a.b/c__d/e-f---g/h_i:1"},
    {&format_image, "[fd00::1]:5000/istio/pilot"},
    {&format_image, "[::1]:5000/b"},
    {&format_image, "[::1]/b:1"},
    {&format_image, IDENTIFIER ":1"},
    {&format_image, IDENTIFIER "0"},
    {&format_image, "docker.io/" IDENTIFIER},
    {&format_image_hub, "docker.io/istio"},
    {&format_image_hub, "registry.example.com:5000/a/b_c"},
    {&format_image_hub, "istio"},
    {&format_image_hub, "localhost:5000"},
    {&format_image_hub, "Registry.Example.com"},
    {&format_image_tag, "1.0.5"},
    {&format_image_tag, "_x"},
    {&format_socket, "unix:/var/run/sds/uds_path"},
    {&format_host_port, "zipkin:9411"},
    {&format_host_port, "zipkin.tracing.svc.cluster.local:9411"},
    {&format_host_port, "10.0.0.1:65535"},
    {&format_host_port, "[fd00::1]:9411"},
    {&format_json_pointer, ""},
    {&format_json_pointer, "/"},
    {&format_json_pointer, "/spec/template/metadata/annotations/example.com~1team~0x"},
    {&format_ranges, ""},
    {&format_ranges, "10.0.0.0/8"},
    {&format_ranges, "0.0.0.0/0,::/0"},
    {&format_ranges, "10.0.0.1/32,fd00::/8,2001:db8::1/128,::ffff:10.0.0.0/104"},
    {&format_ranges_or_all, "*"},
    {&format_ranges_or_all, ""},
    {&format_ranges_or_all, "10.0.0.0/8,172.16.0.0/12"},
};

static const struct bad {
    const struct field_format *format;
    const char *value;
    const char *why; /* what the check adds to the format's words */
} bad[] = {
    {&format_dns_label, "", ""},
    {&format_dns_label, "Default", ""},
    {&format_dns_label, "a.b", ""},
    {&format_dns_label, "-a", ""},
    {&format_dns_label, "a-", ""},
    {&format_dns_label, "a\nb", ""},
    {&format_dns_label, SIXTY "1234", "it is longer than 63 characters"},
    {&format_service_name, "1a", ""},
    {&format_service_name, "a.b", ""},
    {&format_dns_subdomain, "a..b", ""},
    {&format_dns_subdomain, "a.b.", ""},
    {&format_object_name, "", ""},
    {&format_object_name, "a/b", ""},
    {&format_kind, "Deployment.v1", ""},
    {&format_label_key, "/x", ""},
    {&format_label_key, "a/b/c", ""},
    {&format_label_key, SIXTY "1234", "its prefix has at most 253 and its name at most 63 characters"},
    {&format_label_value, "a b", ""},
    {&format_label_selector, "", "it is empty, and would select every pod"},
    {&format_label_selector, " ", "it is empty, and would select every pod"},
    {&format_label_selector, "app=a;b=c",
     "at character 5: the value of a label must be at most 63 letters, digits, -, _ "
     "and ., beginning and ending with a letter or digit"},
    {&format_resource_name, "", ""},
    {&format_quantity, "", ""},
    {&format_quantity, "-1", ""},
    {&format_quantity, "1 Gi", ""},
    {&format_quantity, "1GB", ""},
    {&format_quantity, ".", ""},
    {&format_version, "1.0", ""},
    {&format_version, "v1.0.5", ""},
    {&format_version, "latest", ""},
    {&format_image, "https://docker.io/istio", ""},
    {&format_image, "docker.io/istio/pilot:", ""},
    {&format_image, "[::1]", ""},
    {&format_image, "[::1]:5000", ""},
    {&format_image, "[fe80::1%eth0]:5000/b", ""},
    {&format_image, "[::ffff:192.0.2.1]:5000/b", ""},
    {&format_image, "::1/b", ""},
    {&format_image, IDENTIFIER, "64 hexadecimal digits are the identifier of an image and no name"},
    {&format_image, "docker.io/istio pilot", ""},
    {&format_image, "docker.io/Istio/pilot", ""},
    {&format_image, "docker.io/istio/Pilot:1.0.5", ""},
    {&format_image, "docker.io/istio/../pilot", ""},
    {&format_image, "docker.io/istio/./pilot", ""},
    {&format_image, "docker.io/istio//pilot", ""},
    {&format_image, "docker.io/istio/pilot..x", ""},
    {&format_image, "docker.io/istio/-pilot", ""},
    {&format_image, "docker.io/istio/pilot_", ""},
    {&format_image, "docker.io/istio/pilot___x", ""},
    {&format_image, "docker.io/istio/pilot:-x", ""},
    {&format_image, "docker.io/istio/pilot@sha256:abc", ""},
    {&format_image, "docker.io/istio/pilot@sha256:" TEN TEN TEN TEN TEN TEN "ABCD", ""},
    {&format_image, "docker.io/istio/pilot@md5:" TEN TEN TEN "ab", ""},
    {&format_image, "docker.io/istio/pilot:" SIXTY SIXTY TEN, ""},
    {&format_image, "MyOrg/pilot", "\"MyOrg\" has neither a dot nor a port, so it is no registry but part of the path"},
    {&format_image, "docker.io/" SIXTY SIXTY SIXTY SIXTY "abcdef:1", "its name has more than 255 characters"},
    {&format_image_hub, "docker.io/MyOrg", ""},
    {&format_image_hub, "MyOrg", "\"MyOrg\" has neither a dot nor a port, so it is no registry but part of the path"},
    {&format_image_hub, "docker.io/a/../b", ""},
    {&format_image_hub, "docker.io/" SIXTY SIXTY SIXTY SIXTY, "it is longer than 224 characters"},
    {&format_image_hub, "docker.io/istio/", ""},
    {&format_image_hub, "https://docker.io/istio", ""},
    {&format_image_hub, "docker.io/istio:1.0.5", ""},
    {&format_image_tag, ".x", ""},
    {&format_image_tag, "a:b", ""},
    {&format_socket, "/var/run/sds/uds_path", ""},
    {&format_socket, "unix:uds_path", ""},
    {&format_socket, "unix:/var/../uds_path", ""},
    {&format_socket, "unix:/var/run/", ""},
    {&format_socket, "unix:/" SIXTY SIXTY, "it is longer than 112 characters"},
    {&format_host_port, "zipkin", ""},
    {&format_host_port, "zipkin:0", ""},
    {&format_host_port, "zipkin..tracing:9411", ""},
    {&format_host_port, "zipkin-.tracing:9411", ""},
    {&format_host_port, "http://zipkin:9411", ""},
    {&format_host_port, "zipkin:65536", ""},
    {&format_json_pointer, "spec", ""},
    {&format_json_pointer, "/a~2", ""},
    {&format_ranges, "*", "\"*\" is only allowed alone"},
    {&format_ranges, ",", "\"\" is empty: a comma too many"},
    {&format_ranges, "10.0.0.0/8,", "\"\" is empty: a comma too many"},
    {&format_ranges, "10.0.0.0", "\"10.0.0.0\" has no prefix length (/32 is this one address)"},
    {&format_ranges, "fd00::1", "\"fd00::1\" has no prefix length (/128 is this one address)"},
    {&format_ranges, "10.0.0.0/33", "\"10.0.0.0/33\" has no prefix length from 0 to 32 behind the /"},
    {&format_ranges, "10.0.0.0/", "\"10.0.0.0/\" has no prefix length from 0 to 32 behind the /"},
    {&format_ranges, "10.0.0.0/08", "\"10.0.0.0/08\" has a prefix length with a leading zero: write /8"},
    {&format_ranges, "10.0.0.0/00", "\"10.0.0.0/00\" has a prefix length with a leading zero: write /0"},
    {&format_ranges, "fd00::/008", "\"fd00::/008\" has a prefix length with a leading zero: write /8"},
    {&format_ranges, "010.0.0.0/8", "\"010.0.0.0/8\" has no IP address before the /"},
    {&format_ranges, "::ffff:010.0.0.0/104", "\"::ffff:010.0.0.0/104\" has no IP address before the /"},
    {&format_ranges, "10.0.0.0/-1", "\"10.0.0.0/-1\" has no prefix length from 0 to 32 behind the /"},
    {&format_ranges, "fd00::/129", "\"fd00::/129\" has no prefix length from 0 to 128 behind the /"},
    {&format_ranges, "10.0.0/8", "\"10.0.0/8\" has no IP address before the /"},
    {&format_ranges, "10.0.0.256/8", "\"10.0.0.256/8\" has no IP address before the /"},
    {&format_ranges, "internal", "\"internal\" has no IP address before the /"},
    {&format_ranges, "10.0.0.0/8, 172.16.0.0/12", "\" 172.16.0.0/12\" has a blank"},
    {&format_ranges_or_all, "*,10.0.0.0/8", "\"*\" is only allowed alone"},
};

static bool server_takes(const struct field_format *format, const char *value)
{
    regex_t regex;
    bool taken;

    assert_int_equal(regcomp(&regex, format->pattern, REG_EXTENDED | REG_NOSUB), 0);
    taken = regexec(&regex, value, 0, NULL, 0) == 0;
    regfree(&regex);
    return taken;
}

static void good_values_are_taken_here_and_by_the_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_buf_ struct buf why = BUF_INIT;
        if (!format_matches(good[i].format, good[i].value, &why))
            fail_msg("%s is refused as %s: %s", good[i].value, good[i].format->noun, buf_str(&why));
        if (!server_takes(good[i].format, good[i].value))
            fail_msg("the API server refuses %s as %s", good[i].value, good[i].format->noun);
    }
}

static void bad_values_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_buf_ struct buf why = BUF_INIT;
        if (format_matches(bad[i].format, bad[i].value, &why))
            fail_msg("%s is taken as %s", bad[i].value, bad[i].format->noun);
        assert_string_equal(buf_str(&why), bad[i].why);
    }
}

static void length_counts_characters_and_not_bytes(void **state)
{
    static const struct field_format four = {.noun = "four", .words = "four", .max_length = 4};
    _cleanup_buf_ struct buf why = BUF_INIT;

    (void)state;
    assert_true(format_matches(&four, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", &why));
    assert_false(format_matches(&four, "aaaaa", &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_are_taken_here_and_by_the_server),
        cmocka_unit_test(bad_values_are_refused_with_a_reason),
        cmocka_unit_test(length_counts_characters_and_not_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
