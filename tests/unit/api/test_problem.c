/* Problems: bounded, harmless for terminals, and findable by path. */
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "support.h"

static void errors_and_warnings_are_kept_apart(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;

    (void)state;
    problems_add(&p, PROBLEM_ERROR, "spec.a", "must be %d", 1);
    problems_add(&p, PROBLEM_WARNING, "spec.b", "is odd");
    problems_add(&p, PROBLEM_ERROR, "spec.c", "must not be");
    assert_problems("both", &p, PROBLEM_ERROR, "spec.a: must be 1\nspec.c: must not be");
    assert_problems("both", &p, PROBLEM_WARNING, "spec.b: is odd");
    assert_int_equal(p.errors, 2);
}

static void as_an_error_they_say_all_of_it(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct err e = {0};

    (void)state;
    problems_add(&p, PROBLEM_WARNING, "spec.b", "is odd");
    assert_int_equal(problems_err(&p, &e), 0);
    assert_string_equal(e.text, "");
    problems_add(&p, PROBLEM_ERROR, "spec.a", "must be 1");
    problems_add(&p, PROBLEM_ERROR, "spec.c", "must not be");
    assert_int_equal(problems_err(&p, &e), -1);
    assert_int_equal(e.class, ERR_INVALID);
    assert_string_equal(e.text, "spec.a: must be 1; spec.c: must not be");
}

static void the_list_is_bounded(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < PROBLEMS_MAX + 7; i++)
        problems_add(&p, PROBLEM_ERROR, "spec", "is wrong");
    assert_int_equal(p.len, PROBLEMS_MAX);
    assert_int_equal(p.errors, PROBLEMS_MAX + 7);
    problems_text(&p, PROBLEM_ERROR, "; ", &text);
    assert_true(str_ends(buf_str(&text), "; and 7 more"));
}

static void long_and_unprintable_paths_are_tamed(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    _cleanup_free_ char *path = mem_new0(100001, 1);

    (void)state;
    memset(path, 'x', 100000);
    path[1] = '\033';
    problems_add(&p, PROBLEM_ERROR, path, "is wrong");
    assert_int_equal(strlen(p.items[0].path), PROBLEM_PATH_MAX);
    assert_int_equal(p.items[0].path[1], '?');
}

static void quotes_are_cut_between_characters(void **state)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"", "\"\""},
        {"short", "\"short\""},
        {"a\nb\033[1m", "\"a?b?[1m\""},
        {"0123456789012345678901234567890123456789012345678901234567890123",
         "\"0123456789012345678901234567890123456789012345678901234567890123\""},
        {"01234567890123456789012345678901234567890123456789012345678901234",
         "\"0123456789012345678901234567890123456789012345678901234567890123...\""},
        {"012345678901234567890123456789012345678901234567890123456789012\xc3\xa4 and more",
         "\"012345678901234567890123456789012345678901234567890123456789012...\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_buf_ struct buf quoted = BUF_INIT;
        problems_quote(cases[i].text, &quoted);
        assert_string_equal(buf_str(&quoted), cases[i].quoted);
    }
}

static void a_password_in_a_url_is_not_quoted(void **state)
{
    static const struct {
        const char *value, *described;
    } cases[] = {
        {"http://alice:hidden@hooks/gate", "the string \"http://...@hooks/gate\""},
        {"ftp://hid/d@en@hooks", "the string \"ftp://...@hooks\""},
        {"http://hooks:no", "the string \"http://hooks:no\""},
        {"docker.io/istio/pilot@sha256:abc", "the string \"docker.io/istio/pilot@sha256:abc\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *value = json_string(cases[i].value);
        _cleanup_buf_ struct buf text = BUF_INIT;
        problems_describe(value, &text);
        assert_string_equal(buf_str(&text), cases[i].described);
    }
}

static void errors_are_found_at_a_path_and_below_it(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;

    (void)state;
    problems_add(&p, PROBLEM_ERROR, "spec.pilot.replicaCount", "is wrong");
    problems_add(&p, PROBLEM_ERROR, "spec.overlays[1]", "is wrong");
    problems_add(&p, PROBLEM_WARNING, "spec.mtls", "is odd");
    assert_true(problems_error_at(&p, "spec.pilot.replicaCount"));
    assert_true(problems_error_at(&p, "spec.pilot"));
    assert_true(problems_error_at(&p, "spec.overlays"));
    assert_false(problems_error_at(&p, "spec.pilot.replica"));
    assert_false(problems_error_at(&p, "spec.mtls"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_and_warnings_are_kept_apart),
        cmocka_unit_test(as_an_error_they_say_all_of_it),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(long_and_unprintable_paths_are_tamed),
        cmocka_unit_test(quotes_are_cut_between_characters),
        cmocka_unit_test(a_password_in_a_url_is_not_quoted),
        cmocka_unit_test(errors_are_found_at_a_path_and_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
