/* The template of sidecars: a template of Go's language, delimited by [[ and ]], that makes YAML. */
#include "fixture.h"

#include "base/buf.h"
#include "base/str.h"
#include "doc/yaml.h"

/* The template that the injector executes for every Pod. Owned by the caller. */
static char *template_of(const struct fixture *f)
{
    const char *text = doc_string(fixture_object(f, "ConfigMap", "istio-sidecar-injector"), "data", "config");
    struct yaml_documents docs;
    struct err e = {0};
    char *template;

    if (yaml_parse("config", text, strlen(text), 1 << 20, &docs, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(docs.len, 1);
    assert_string_equal(doc_string(docs.items[0].value, "policy"), "enabled");
    template = str_dup(doc_string(docs.items[0].value, "template"));
    yaml_documents_release(&docs);
    assert_non_null(template);
    return template;
}

static char *rendered(const char *spec)
{
    _cleanup_fixture_ struct fixture f;

    fixture_init_spec(&f, spec);
    fixture_render(&f, 20);
    return template_of(&f);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

#define PLAIN "{}"
#define PRIVILEGED "{proxy: {privileged: true}}"
#define CORE_DUMP "{proxy: {enableCoreDump: true}}"
#define LOG_LEVEL "{proxy: {logLevel: debug}}"
#define IMAGES                                                                                                         \
    "{proxy: {image: 'registry.example:5000/proxy@sha256:" SHA "'},"                                                   \
    " proxyInit: {image: 'registry.example/init:1'}, imagePullPolicy: Always}"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HUB_AND_TAG "{imageHub: registry.example/istio, imageTag: 1.0.5-own}"
#define RANGES "{includeIPRanges: '10.0.0.0/8,172.16.0.0/12', excludeIPRanges: 10.1.0.0/16}"
#define RESOURCES "{proxy: {resources: {limits: {memory: 1Gi}}}}"

static const struct {
    const char *spec, *text;
    int times;
} cases[] = {
    {PLAIN, "image: \"docker.io/istio/proxy_init:1.0.5\"\n", 1},
    {PLAIN, "`sidecar.istio.io/proxyImage` \"docker.io/istio/proxyv2:1.0.5\" ", 1},
    {PLAIN, "imagePullPolicy: \"IfNotPresent\"\n", 2},
    {PLAIN, "`traffic.sidecar.istio.io/includeOutboundIPRanges` \"*\" ", 1},
    {PLAIN, "`traffic.sidecar.istio.io/excludeOutboundIPRanges` \"\" ", 1},
    {PLAIN, " {\"requests\":{\"cpu\":\"10m\"}}\n", 1},
    {PLAIN, "    readOnlyRootFilesystem: true\n", 1},
    {PLAIN, "privileged: true\n", 1},
    {PLAIN, "enable-core-dump", 0},
    {PLAIN, "--proxyLogLevel", 0},
    {PRIVILEGED, "privileged: true\n", 2},
    {PRIVILEGED, "    readOnlyRootFilesystem: true\n", 1},
    {CORE_DUMP, "- name: enable-core-dump\n  image: \"docker.io/istio/proxy_init:1.0.5\"\n", 1},
    {CORE_DUMP, "privileged: true\n", 2},
    {CORE_DUMP, "readOnlyRootFilesystem", 0},
    {LOG_LEVEL, "  - --proxyLogLevel\n  - \"debug\"\n", 1},
    {IMAGES, "image: \"registry.example/init:1\"\n", 1},
    {IMAGES, "`sidecar.istio.io/proxyImage` \"registry.example:5000/proxy@sha256:" SHA "\" ", 1},
    {IMAGES, "imagePullPolicy: \"Always\"\n", 2},
    {HUB_AND_TAG, "image: \"registry.example/istio/proxy_init:1.0.5-own\"\n", 1},
    {HUB_AND_TAG, "`sidecar.istio.io/proxyImage` \"registry.example/istio/proxyv2:1.0.5-own\" ", 1},
    {RANGES, "`traffic.sidecar.istio.io/includeOutboundIPRanges` \"10.0.0.0/8,172.16.0.0/12\" ", 1},
    {RANGES, "`traffic.sidecar.istio.io/excludeOutboundIPRanges` \"10.1.0.0/16\" ", 1},
    {RESOURCES, " {\"limits\":{\"memory\":\"1Gi\"}}\n", 1},
    {RESOURCES, "10m", 0},
};

static void test_template_follows_the_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *template = rendered(cases[i].spec);
        int times = count(template, cases[i].text);

        if (times != cases[i].times)
            fail_msg("case %zu: %d times, not %d: %s", i, times, cases[i].times, cases[i].text);
    }
}

/* Directives stand on one line each, and every block that is opened is closed. */
static void check_directives(const char *template)
{
    _cleanup_free_ char *text = str_dup(template);
    int depth = 0, directives = 0;

    for (char *open = text, *close; (open = strstr(open, "[[")); open = close, directives++) {
        char *word = open + 2 + strspn(open + 2, "- ");

        close = strstr(open, "]]");
        assert_non_null(close);
        assert_null(memchr(open, '\n', (size_t)(close - open)));
        assert_null(memmem(open + 2, (size_t)(close - open - 2), "[[", 2));
        depth += str_starts(word, "if ");
        depth -= str_starts(word, "end ");
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
    assert_true(directives > 20);
    assert_int_equal(count(template, "[["), count(template, "]]"));
    assert_null(strstr(template, "{{"));
    /* lines that are left out leave nothing behind */
    assert_null(strstr(template, "\n\n"));
}

static void test_directives_are_balanced(void **state)
{
    static const char *const specs[] = {PLAIN, PRIVILEGED, CORE_DUMP, LOG_LEVEL, IMAGES, RANGES, RESOURCES};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        _cleanup_free_ char *template = rendered(specs[i]);

        check_directives(template);
    }
}

/* The template with an x for every value that a directive prints, and without the other directives. */
static char *without_directives(const char *template)
{
    struct buf text = BUF_INIT;
    const char *open;

    for (; (open = strstr(template, "[[")); template = strstr(open, "]]") + 2) {
        buf_add(&text, template, (size_t)(open - template));
        if (open[2] == ' ' && !str_starts(open + 3, "if ") && !str_starts(open + 3, "end "))
            buf_add_str(&text, "x");
    }
    buf_add_str(&text, template);
    return buf_take(&text);
}

/* Texts that would end a string, begin a directive or a placeholder, were they put in as they are. */
static char *rendered_with(char *text)
{
    _cleanup_fixture_ struct fixture f;
    _cleanup_json_ json_t *resources = json_pack("{s:[[s]]}", "x", "[[ end ]]");

    fixture_init(&f);
    f.own.common.proxy.image = f.own.proxy_init.image = f.own.common.image_pull_policy = f.own.common.proxy.log_level =
        text;
    f.own.common.include_ip_ranges = f.own.common.exclude_ip_ranges = text;
    f.own.common.proxy.resources = resources;
    fixture_render(&f, 20);
    return template_of(&f);
}

static void test_values_cannot_leave_their_place(void **state)
{
    static char hostile[] = "a\"]] [[ end ]] {{if coreDump}} {{proxyImage}}\nb: c\\";
    _cleanup_free_ char *plain = rendered(LOG_LEVEL), *template = rendered_with(hostile), *text = NULL;
    struct yaml_documents docs;
    struct err e = {0};

    (void)state;
    /* no directive more than there is without them: each begins with "[[", and none of the values may hold that */
    assert_int_equal(count(template, "[["), count(plain, "[["));
    assert_int_equal(count(template, "\n"), count(plain, "\n"));
    assert_null(strstr(template, "enable-core-dump"));

    /* what is outside of directives is YAML still, and the texts in it arrive whole */
    text = str_dup(template);
    char *end = strstr(text, "  args:");
    assert_non_null(end);
    *end = '\0';
    _cleanup_free_ char *head = without_directives(text);
    if (yaml_parse("head", head, strlen(head), 1 << 20, &docs, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(doc_string(json_array_get(doc_at(docs.items[0].value, "initContainers"), 0), "image"), hostile);
    yaml_documents_release(&docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_follows_the_resource),
        cmocka_unit_test(test_directives_are_balanced),
        cmocka_unit_test(test_values_cannot_leave_their_place),
    };

    return cmocka_run_group_tests_name("mesh config_injection", tests, NULL, NULL);
}
