/* The rules of the proxy: what they say, to whom, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "rule.h"

static void first_rule_that_fits_counts(void **state)
{
    struct rules rules = {.rng = {7}};
    struct err e;

    (void)state;
    assert_int_equal(rules_add(&rules, "answer code=429 retry-after=2 method=POST path=/api/* count=2", &e), 0);
    assert_int_equal(rules_add(&rules, "reset path=*watch=1*", &e), 0);
    assert_int_equal(rules_add(&rules, "silent", &e), 0);
    for (int i = 0; i < 3; i++) {
        const struct rule *r = rules_choose(&rules, RULE_REQUEST, "POST", "/api/v1/services");
        assert_true(i < 2 ? r->code == 429 && r->retry_after == 2 : r == NULL);
    }
    assert_null(rules_choose(&rules, RULE_REQUEST, "GET", "/api/v1/services"));
    assert_int_equal(rules_choose(&rules, RULE_REQUEST, "GET", "/api/v1/pods?watch=1&x=y")->fault, FAULT_RESET);
    assert_int_equal(rules_choose(&rules, RULE_ACCEPT, NULL, NULL)->fault, FAULT_SILENT);
    assert_null(rules_choose(&rules, RULE_ALWAYS, NULL, NULL));
    assert_int_equal(rules_hits(&rules), 4);
    rules_clear(&rules);
}

static void chance_follows_the_seed(void **state)
{
    char first[200] = "", again[200] = "";
    int hits = 0;

    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        struct rules rules = {.rng = {42}};
        struct err e;
        assert_int_equal(rules_add(&rules, "reset p=0.25", &e), 0);
        for (int i = 0; i < 199; i++) {
            bool hit = rules_choose(&rules, RULE_REQUEST, "GET", "/");
            (pass ? again : first)[i] = hit ? '1' : '0';
            hits += hit;
        }
        rules_clear(&rules);
    }
    assert_string_equal(first, again);
    assert_in_range(hits, 60, 140); /* 100 on average */
}

static void nonsense_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "there is no fault \"\""},         {"explode", "there is no fault \"explode\""},
        {"reset p=2", "from 0 to 1"},           {"reset p=", "from 0 to 1"},
        {"delay ms=soon", "a whole number"},    {"delay ms=-1", "a whole number"},
        {"answer status=500", "no \"status\""},
    };
    struct rules rules = {.rng = {1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        assert_true(rules_add(&rules, cases[i].text, &e) < 0);
        if (!strstr(e.text, cases[i].reason))
            fail_msg("\"%s\": %s", cases[i].text, e.text);
    }
    assert_int_equal(rules.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rule_that_fits_counts),
        cmocka_unit_test(chance_follows_the_seed),
        cmocka_unit_test(nonsense_is_refused_with_its_reason),
    };

    return cmocka_run_group_tests_name("proxy rules", tests, NULL, NULL);
}
