#include "api/pattern.h"

#include <regex.h>
#include <stdlib.h>

#define PATTERNS_MAX 64 /* more than there are formats */

static struct {
    const char *pattern;
    regex_t regex;
} known[PATTERNS_MAX];
static size_t count;

static const regex_t *compiled(const char *pattern)
{
    for (size_t i = 0; i < count; i++)
        if (known[i].pattern == pattern)
            return &known[i].regex;
    if (count == PATTERNS_MAX || regcomp(&known[count].regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        abort();
    known[count].pattern = pattern;
    return &known[count++].regex;
}

bool pattern_matches(const char *pattern, const char *value)
{
    return regexec(compiled(pattern), value, 0, NULL, 0) == 0;
}

void patterns_drop_kept(void)
{
    while (count)
        regfree(&known[--count].regex);
}
