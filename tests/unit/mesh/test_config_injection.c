/* The template of sidecars: a template of Go's language, delimited by [[ and ]], that makes YAML. */
#include "fixture.h"

#include "base/buf.h"
#include "base/str.h"
#include "json/yaml.h"

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

static char *rendered(void (*change)(struct istio_spec *))
{
    _cleanup_fixture_ struct fixture f;
    char *template;

    fixture_init(&f);
    f.spec.proxy.privileged = false;
    change(&f.spec);
    fixture_render(&f, 20);
    template = template_of(&f);
    json_decref(f.spec.proxy.resources);
    return template;
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void nothing(struct istio_spec *spec)
{
    (void)spec;
}

static void privileged(struct istio_spec *spec)
{
    spec->proxy.privileged = true;
}

static void core_dump(struct istio_spec *spec)
{
    spec->proxy.enable_core_dump = true;
}

static void log_level(struct istio_spec *spec)
{
    static char level[] = "debug";

    spec->proxy.log_level = level;
}

static void images(struct istio_spec *spec)
{
    static char proxy[] = "registry.example:5000/proxy@sha256:00", init[] = "registry.example/init:1",
                always[] = "Always";

    spec->proxy.image = proxy;
    spec->proxy_init.image = init;
    spec->image_pull_policy = always;
}

static void hub_and_tag(struct istio_spec *spec)
{
    static char hub[] = "registry.example/istio", tag[] = "1.0.5-own";

    spec->image_hub = hub;
    spec->image_tag = tag;
}

static void ranges(struct istio_spec *spec)
{
    static char include[] = "10.0.0.0/8,172.16.0.0/12", exclude[] = "10.1.0.0/16";

    spec->include_ip_ranges = include;
    spec->exclude_ip_ranges = exclude;
}

static void resources(struct istio_spec *spec)
{
    spec->proxy.resources = json_pack("{s:{s:s}}", "limits", "memory", "1Gi");
}

/* Texts that would end a string, begin a directive or begin a placeholder, were they put in as they are. */
static void hostile(struct istio_spec *spec)
{
    static char text[] = "a\"]] [[ end ]] {{if coreDump}} {{proxyImage}}\nb: c\\";

    spec->proxy.image = spec->proxy_init.image = spec->image_pull_policy = spec->proxy.log_level = text;
    spec->include_ip_ranges = spec->exclude_ip_ranges = text;
    spec->proxy.resources = json_pack("{s:[[s]]}", "x", "[[ end ]]");
}

static const struct {
    void (*change)(struct istio_spec *);
    const char *text;
    int times;
} cases[] = {
    {nothing, "image: \"docker.io/istio/proxy_init:1.0.5\"\n", 1},
    {nothing, "`sidecar.istio.io/proxyImage` \"docker.io/istio/proxyv2:1.0.5\" ", 1},
    {nothing, "imagePullPolicy: \"IfNotPresent\"\n", 2},
    {nothing, "`traffic.sidecar.istio.io/includeOutboundIPRanges` \"*\" ", 1},
    {nothing, "`traffic.sidecar.istio.io/excludeOutboundIPRanges` \"\" ", 1},
    {nothing, " {\"requests\":{\"cpu\":\"10m\"}}\n", 1},
    {nothing, "    readOnlyRootFilesystem: true\n", 1},
    {nothing, "privileged: true\n", 1},
    {nothing, "enable-core-dump", 0},
    {nothing, "--proxyLogLevel", 0},
    {privileged, "privileged: true\n", 2},
    {privileged, "    readOnlyRootFilesystem: true\n", 1},
    {core_dump, "- name: enable-core-dump\n  image: \"docker.io/istio/proxy_init:1.0.5\"\n", 1},
    {core_dump, "privileged: true\n", 2},
    {core_dump, "readOnlyRootFilesystem", 0},
    {log_level, "  - --proxyLogLevel\n  - \"debug\"\n", 1},
    {images, "image: \"registry.example/init:1\"\n", 1},
    {images, "`sidecar.istio.io/proxyImage` \"registry.example:5000/proxy@sha256:00\" ", 1},
    {images, "imagePullPolicy: \"Always\"\n", 2},
    {hub_and_tag, "image: \"registry.example/istio/proxy_init:1.0.5-own\"\n", 1},
    {hub_and_tag, "`sidecar.istio.io/proxyImage` \"registry.example/istio/proxyv2:1.0.5-own\" ", 1},
    {ranges, "`traffic.sidecar.istio.io/includeOutboundIPRanges` \"10.0.0.0/8,172.16.0.0/12\" ", 1},
    {ranges, "`traffic.sidecar.istio.io/excludeOutboundIPRanges` \"10.1.0.0/16\" ", 1},
    {resources, " {\"limits\":{\"memory\":\"1Gi\"}}\n", 1},
    {resources, "10m", 0},
};

static void test_template_follows_the_resource(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *template = rendered(cases[i].change);
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
}

static void test_directives_are_balanced(void **state)
{
    static void (*const changes[])(struct istio_spec *) = {nothing, privileged, core_dump, log_level, images, ranges};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        _cleanup_free_ char *template = rendered(changes[i]);

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

static void test_values_cannot_leave_their_place(void **state)
{
    _cleanup_free_ char *plain = rendered(log_level), *template = rendered(hostile), *text = NULL;
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
    assert_string_equal(doc_string(json_array_get(doc_at(docs.items[0].value, "initContainers"), 0), "image"),
                        "a\"]] [[ end ]] {{if coreDump}} {{proxyImage}}\nb: c\\");
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
