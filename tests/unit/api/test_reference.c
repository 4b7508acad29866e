/* What is committed and printed by the code stays true: the reference page and the samples. */
#include <dirent.h>
#include <string.h>

#include "base/str.h"
#include "controllers/resources.h"
#include "doc/doc.h"
#include "support.h"

#define SAMPLES "config/samples"
#define FIRST_SAMPLE SAMPLES "/istio_v1beta1_istio.yaml"

static void the_committed_page_is_what_the_table_prints(void **state)
{
    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_free_ char *path = str_printf("docs/reference/%s.md", (*r)->singular);
        _cleanup_free_ char *committed = read_source(path);
        _cleanup_buf_ struct buf printed = BUF_INIT;
        api_reference_markdown(*r, &printed);
        if (!str_eq(committed, buf_str(&printed)))
            fail_msg("%s is out of date; refresh it: run make manifests", path);
    }
}

/* Links on the page are by the tables' names. */
static void check_names(const struct field_table *table, json_t *seen)
{
    const json_t *before = json_object_get(seen, table->name);

    if (before) {
        assert_int_equal(json_integer_value(before), (intptr_t)table);
        return;
    }
    json_object_set_new(seen, table->name, json_integer((intptr_t)table));
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        while (field->items)
            field = field->items;
        if (field->table)
            check_names(field->table, seen);
    }
}

static void every_table_on_a_page_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_json_ json_t *seen = json_object();
        check_names(api_edition_of(*r, NULL, NULL).form->spec, seen);
        check_names((*r)->status, seen);
    }
}

static void check_sample(const char *name)
{
    static const struct api_release releases[] = {
        {"1.0.5", 10, 21}, {"1.0.6", 10, 21}, {"1.1.17", 10, 21}, {"1.31.1", 32, 37}};
    static const struct api_context context = {
        .releases = releases, .release_count = ARRAY_LEN(releases), .ns = "istio-system"};
    _cleanup_free_ char *path = str_printf(SAMPLES "/%s", name), *text = read_source(path);
    _cleanup_json_ json_t *resource = from_yaml(text);
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    const struct api_resource *r = api_resource_find(doc_string(resource, "kind"));
    struct v1_spec spec; /* which holds any */

    assert_non_null(r);
    if (api_parse(r, resource, &context, &spec, sizeof(spec), &p) == 0)
        field_release(api_edition_of(r, resource, &context).form->spec, &spec);
    assert_problems(path, &p, PROBLEM_ERROR, "");
    assert_problems(path, &p, PROBLEM_WARNING, "");
}

static void every_sample_is_valid(void **state)
{
    DIR *dir = opendir(SOURCE_ROOT "/" SAMPLES);
    size_t count = 0;

    (void)state;
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (str_starts(entry->d_name, "istio_v1beta1_istio") && str_ends(entry->d_name, ".yaml")) {
            check_sample(entry->d_name);
            count++;
        }
    closedir(dir);
    assert_true(count > 10);
}

static void the_first_sample_is_the_one_that_users_know(void **state)
{
    _cleanup_free_ char *text = read_source(FIRST_SAMPLE);
    _cleanup_json_ json_t *sample = from_yaml(text);
    _cleanup_json_ json_t *known = from_yaml("apiVersion: istio.banzaicloud.io/v1beta1\n"
                                             "kind: Istio\n"
                                             "metadata:\n"
                                             "  labels: {controller-tools.k8s.io: \"1.0\"}\n"
                                             "  name: istio\n"
                                             "spec:\n"
                                             "  mtls: false\n"
                                             "  includeIPRanges: \"*\"\n"
                                             "  excludeIPRanges: \"\"\n"
                                             "  autoInjectionNamespaces: [\"default\"]\n"
                                             "  controlPlaneSecurityEnabled: false\n");

    (void)state;
    assert_true(json_equal(sample, known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_page_is_what_the_table_prints),
        cmocka_unit_test(every_table_on_a_page_has_a_name_of_its_own),
        cmocka_unit_test(every_sample_is_valid),
        cmocka_unit_test(the_first_sample_is_the_one_that_users_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
