/* Regular expressions that RE2 refuses, and such as it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "controllers/canary/canary_regex.h"

static void what_re2_takes_is_taken(void **state)
{
    static const char *const taken[] = {
        "",
        "yes",
        "(.*; *)?tester=yes(;.*)?",
        "a|b",
        "|",
        "()",
        "()*",
        "^*$",
        "(a|)+?",
        "[]]",
        "[^]]",
        "[]a]",
        "[a-]",
        "[-a]",
        "[a-z-9]",
        "[\\]]",
        "[\\d-z]",
        "[[:alpha:]_]",
        "[[:^digit:]]",
        "[(*+?{]",
        "a{2}",
        "a{2,}",
        "a{2,3}?",
        "a{0,1000}",
        "a{,3}",
        "{",
        "{a}",
        "a{2",
        "a{02}",
        "a{1,99999999999999999999999}",
        "a{b}",
        "x*?y+?z??",
        "(a*)*",
        "(?:a)",
        "(?P<name>a)",
        "(?<name>a)",
        "(?i)a",
        "(?i:a)",
        "(?s-i:a)",
        "\\.\\*\\(\\)\\[\\]\\{\\}\\\\",
        "\\d+\\s*\\w?\\b",
        "\\pL\\p{Greek}\\x41\\x{263a}\\123\\0",
        "\\_",
        "\\Q(*[\\E+",
        "\\Q(",
        "\\z",
        "caf\xc3\xa9+",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        const char *fault = canary_regex_fault(taken[i]);
        if (fault)
            fail_msg("%s: %s", taken[i], fault);
    }
}

static void what_re2_refuses_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *regex, *says;
    } refused[] = {
        {"(", "a ) for each ("},           {"(a(b)", "a ) for each ("},      {"(?i", "a kind that RE2 lacks"},
        {")", "a ( for each )"},           {"a)b", "a ( for each )"},        {"(?i))", "a ( for each )"},
        {"[", "a ] for each ["},           {"[a", "a ] for each ["},         {"[]", "a ] for each ["},
        {"[^]", "a ] for each ["},         {"[a-", "a ] for each ["},        {"[a\\]", "a ] for each ["},
        {"[z-a]", "before its beginning"}, {"a\\", "end with a backslash"},  {"[a\\", "end with a backslash"},
        {"*", "repeat something"},         {"+a", "repeat something"},       {"?", "repeat something"},
        {"{2}", "repeat something"},       {"a|*", "repeat something"},      {"(*a)", "repeat something"},
        {"(?:+)", "repeat something"},     {"(?i)*", "repeat something"},    {"a**", "in parentheses"},
        {"a++", "in parentheses"},         {"a*+", "in parentheses"},        {"a???", "in parentheses"},
        {"a{2}{3}", "in parentheses"},     {"a{3,2}", "1000 times at most"}, {"a{1001}", "1000 times at most"},
        {"(?=a)", "look-around"},          {"(?!a)", "look-around"},         {"(?<=a)", "look-around"},
        {"(?<!a)", "look-around"},         {"(?>a)", "look-around"},         {"(?#a)", "look-around"},
        {"(?x)a", "look-around"},          {"(?)", "look-around"},           {"(a)\\1", "backreference"},
        {"(a)\\18", "backreference"},      {"\\9", "backreference"},         {"\\k", "escape of a letter"},
        {"\\Za", "escape of a letter"},    {"[\\h]", "escape of a letter"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        const char *fault = canary_regex_fault(refused[i].regex);
        if (!fault || !strstr(fault, refused[i].says))
            fail_msg("%s: %s", refused[i].regex, str_or(fault, "taken"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_re2_takes_is_taken),
        cmocka_unit_test(what_re2_refuses_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
