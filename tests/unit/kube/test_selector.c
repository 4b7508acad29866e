/* Label selectors: what they take, which labels they match, and what they say of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/selector.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define P253 SIXTY SIXTY SIXTY SIXTY TEN "xyz"

static const struct match {
    const char *selector, *labels;
    bool matches;
} matches[] = {
    {"", "{}", true},
    {" \t", "{\"a\":\"1\"}", true},
    {"a=1", "{\"a\":\"1\"}", true},
    {"a=1", "{\"a\":\"2\"}", false},
    {"a=1", "{\"b\":\"1\"}", false},
    {"a=1", "{}", false},
    {"a==1", "{\"a\":\"1\"}", true},
    {"a==1", "{\"a\":\"11\"}", false},
    {" a =  1 ", "{\"a\":\"1\"}", true},
    {"a=", "{\"a\":\"\"}", true},
    {"a=", "{\"a\":\"1\"}", false},
    {"a=", "{}", false},
    {"a=,b=1", "{\"a\":\"\",\"b\":\"1\"}", true},
    {"A=1", "{\"a\":\"1\"}", false},
    /* not equal, and not in, hold for what is not there */
    {"a!=1", "{\"a\":\"1\"}", false},
    {"a!=1", "{\"a\":\"2\"}", true},
    {"a!=1", "{}", true},
    {"a!=", "{\"a\":\"\"}", false},
    {"a!=", "{}", true},
    {"a notin (1,2)", "{\"a\":\"2\"}", false},
    {"a notin (1,2)", "{\"a\":\"3\"}", true},
    {"a notin (1,2)", "{\"b\":\"1\"}", true},
    {"a in (1,2)", "{\"a\":\"1\"}", true},
    {"a in (1,2)", "{\"a\":\"2\"}", true},
    {"a in ( 1 , 2 )", "{\"a\":\"2\"}", true},
    {"a in (1,2)", "{\"a\":\"1,2\"}", false},
    {"a in (1,2)", "{}", false},
    {"a in(1)", "{\"a\":\"1\"}", true},
    {"a in (,1)", "{\"a\":\"\"}", true},
    {"a in (1,)", "{\"a\":\"\"}", true},
    {"a in (1,)", "{\"a\":\"2\"}", false},
    {"a in (in,notin)", "{\"a\":\"notin\"}", true},
    {"a", "{\"a\":\"\"}", true},
    {"a", "{\"b\":\"a\"}", false},
    {"!a", "{}", true},
    {"! a", "{\"b\":\"1\"}", true},
    {"!a", "{\"a\":\"\"}", false},
    {"in", "{\"in\":\"1\"}", true},
    {"notin in (in)", "{\"notin\":\"in\"}", true},
    {"a=1,b=2", "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}", true},
    {"a=1,b=2", "{\"a\":\"1\"}", false},
    {"a,!b,c!=1,d in (x),e notin (y)", "{\"a\":\"1\",\"c\":\"2\",\"d\":\"x\"}", true},
    {"a,!b,c!=1,d in (x),e notin (y)", "{\"a\":\"1\",\"c\":\"2\",\"d\":\"x\",\"e\":\"y\"}", false},
    {"a=1,a=2", "{\"a\":\"1\"}", false},
    {"a\n=\r1", "{\"a\":\"1\"}", true},
    {"istio-mixer-type=telemetry", "{\"app\":\"telemetry\",\"istio-mixer-type\":\"telemetry\"}", true},
    {"app.kubernetes.io/name=pilot", "{\"app.kubernetes.io/name\":\"pilot\"}", true},
    {"a=1", "{\"a\":1}", false}, /* no label has a number */
    {"!a", "{\"a\":1}", true},
};

static void a_selector_matches_what_kubectl_would_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        const struct match *m = &matches[i];
        _cleanup_selector_ struct selector *selector = NULL;
        _cleanup_json_ json_t *labels = NULL;
        struct err e = {0};
        assert_int_equal(doc_parse(m->labels, strlen(m->labels), SIZE_MAX, &labels, &e), 0);
        if (selector_parse(m->selector, &selector, &e) < 0)
            fail_msg("\"%s\" is refused: %s", m->selector, e.text);
        if (selector_matches(selector, labels) != m->matches)
            fail_msg("\"%s\" should%s match %s", m->selector, m->matches ? "" : " not", m->labels);
    }
}

static void no_labels_are_an_empty_map(void **state)
{
    _cleanup_selector_ struct selector *there = NULL, *absent = NULL;

    (void)state;
    assert_int_equal(selector_parse("a", &there, NULL), 0);
    assert_int_equal(selector_parse("!a", &absent, NULL), 0);
    assert_false(selector_matches(there, NULL));
    assert_true(selector_matches(absent, NULL));
    assert_false(selector_is_empty(there));
}

static const char *const longest[] = {
    SIXTY "abc=" SIXTY "abc", P253 "/" SIXTY "abc", "a in (" SIXTY "abc)", "a.b-c.d/A_b.C-1=x_y.Z-0", "0=0",
};

static void names_and_values_may_be_as_long_as_labels_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(longest); i++) {
        _cleanup_selector_ struct selector *selector = NULL;
        struct err e = {0};
        if (selector_parse(longest[i], &selector, &e) < 0)
            fail_msg("\"%s\" is refused: %s", longest[i], e.text);
    }
}

#define NAME "the name of a label must be at most 63 "
#define VALUE "the value of a label must be at most 63 "
#define PREFIX "the prefix of a label must be a DNS name "

static const struct mistake {
    const char *selector, *text; /* the text begins with this */
} mistakes[] = {
    {",", "at character 1: the name of a label should follow, but there is \",\""},
    {"a,", "at character 3: the name of a label should follow, but this is the end"},
    {"a,,b", "at character 3: the name of a label should follow, but there is \",\""},
    {"=1", "at character 1: the name of a label should follow, but there is \"=\""},
    {"!", "at character 2: the name of a label should follow, but this is the end"},
    {"!!a", "at character 2: the name of a label should follow, but there is \"!\""},
    {"!a=1", "at character 3: =, ==, !=, in, notin, a comma or the end should follow, but there is \"=\""},
    {"a b", "at character 3: =, ==, !=, in, notin, a comma or the end should follow, but there is \"b\""},
    {"a=1 b=2", "at character 5: =, ==, !=, in, notin, a comma or the end should follow, but there is \"b\""},
    {"a===1", "at character 4: =, ==, !=, in, notin, a comma or the end should follow, but there is \"=\""},
    {"a in", "at character 5: a list of values in ( ) should follow, but this is the end"},
    {"a in 1", "at character 6: a list of values in ( ) should follow, but there is \"1\""},
    {"a in ()", "at character 7: the list of values must not be empty"},
    {"a in (1", "at character 8: , or ) should follow, but this is the end"},
    {"a in (1 2)", "at character 9: , or ) should follow, but there is \"2\""},
    {"a in (1))", "at character 9: =, ==, !=, in, notin, a comma or the end should follow, but there is \")\""},
    {"a not in (1)", "at character 3: =, ==, "},
    {"a IN (1)", "at character 3: =, ==, "},
    {"a>1", "at character 2: =, ==, !=, in, notin, a comma or the end should follow, but there is \">\""},
    {"a={1}", "at character 3: " VALUE},
    {"a=-1", "at character 3: " VALUE},
    {"a=1.", "at character 3: " VALUE},
    {"a=x/y", "at character 3: " VALUE},
    {"a=\"1\"", "at character 3: " VALUE},
    {"a=\xc3\xa4", "at character 3: " VALUE},
    {"a=" SIXTY "abcd", "at character 3: " VALUE},
    {"a in (1," SIXTY "abcd)", "at character 9: " VALUE},
    {"-a=1", "at character 1: " NAME},
    {"a_=1", "at character 1: " NAME},
    {SIXTY "abcd", "at character 1: " NAME},
    {"b/", "at character 3: " NAME},
    {"b/c/d", "at character 3: " NAME},
    {"/a", "at character 1: " PREFIX},
    {"B/a", "at character 1: " PREFIX},
    {"b_/a", "at character 1: " PREFIX},
    {"b./a", "at character 1: " PREFIX},
    {"b..c/a", "at character 1: " PREFIX},
    {"-b/a", "at character 1: " PREFIX},
    {P253 "a/a", "at character 1: " PREFIX},
};

static void mistakes_are_reported_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        _cleanup_selector_ struct selector *selector = NULL;
        struct err e = {0};
        if (selector_parse(mistakes[i].selector, &selector, &e) == 0)
            fail_msg("\"%s\" should be refused", mistakes[i].selector);
        assert_int_equal(e.class, ERR_INVALID);
        if (!str_starts(e.text, mistakes[i].text))
            fail_msg("\"%s\": %s\nshould be: %s", mistakes[i].selector, e.text, mistakes[i].text);
    }
}

static void a_selector_has_a_limit(void **state)
{
    _cleanup_selector_ struct selector *selector = NULL;
    char text[SELECTOR_MAX_BYTES + 2];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? ',' : 'a';
    text[SELECTOR_MAX_BYTES + 1] = '\0';
    assert_int_equal(selector_parse(text, &selector, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    text[SELECTOR_MAX_BYTES - 1] = '\0';
    assert_int_equal(selector_parse(text, &selector, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_selector_matches_what_kubectl_would_list),
        cmocka_unit_test(no_labels_are_an_empty_map),
        cmocka_unit_test(names_and_values_may_be_as_long_as_labels_are),
        cmocka_unit_test(mistakes_are_reported_with_their_place),
        cmocka_unit_test(a_selector_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
