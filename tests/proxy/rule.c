#include "rule.h"

#include <fnmatch.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *word;
    enum rule_moment moment;
    const char *what;
} faults[] = {
#define X(name, word, moment, what) {word, moment, what},
    FAULTS(X)
#undef X
};

static void rule_release(struct rule *r)
{
    free(r->method);
    free(r->path);
}

static int parse_chance(const char *text, unsigned *ret_permille, struct err *e)
{
    char *end;
    double chance = strtod(text, &end);

    if (!*text || *end || !(chance >= 0 && chance <= 1))
        return err_set(e, ERR_INVALID, "p is \"%s\"; from 0 to 1 is allowed", text);
    *ret_permille = (unsigned)(chance * 1000 + 0.5);
    return 0;
}

static int parse_setting(struct rule *r, const char *setting, struct err *e)
{
    const char *equals = strchr(setting, '='), *value = equals ? equals + 1 : "";
    _cleanup_free_ char *key = str_dup_n(setting, equals ? (size_t)(equals - setting) : strlen(setting));
    const struct {
        const char *key;
        int64_t *number;
    } numbers[] = {
        {"count", &r->left}, {"bytes", &r->bytes}, {"ms", &r->ms}, {"code", &r->code}, {"retry-after", &r->retry_after},
    };

    if (str_eq(key, "method"))
        str_replace(&r->method, value);
    else if (str_eq(key, "path"))
        str_replace(&r->path, value);
    if (str_eq(key, "method") || str_eq(key, "path"))
        return 0;
    if (str_eq(key, "p"))
        return parse_chance(value, &r->permille, e);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!str_eq(key, numbers[i].key))
            continue;
        if (!str_to_int64(value, numbers[i].number) || *numbers[i].number < 0)
            return err_set(e, ERR_INVALID, "%s is \"%s\"; a whole number is allowed", key, value);
        return 0;
    }
    return err_set(e, ERR_INVALID, "a rule has no \"%s\"", key);
}

static int parse_rule(const char *text, struct rule *r, struct err *e)
{
    _cleanup_strv_ char **words = str_split(text, ' ');
    size_t fault = 0;

    *r = (struct rule){.permille = 1000, .left = -1, .code = 500};
    while (fault < FAULT_COUNT && !str_eq(words[0], faults[fault].word))
        fault++;
    if (fault == FAULT_COUNT)
        return err_set(e, ERR_INVALID, "there is no fault \"%s\"", str_or(words[0], ""));
    r->fault = (enum fault)fault;
    for (char **word = words + 1; *word; word++)
        if (**word && parse_setting(r, *word, e) < 0)
            return -1;
    return 0;
}

int rules_add(struct rules *rules, const char *text, struct err *e)
{
    struct rule rule;

    if (rules->len == RULES_MOST)
        return err_set(e, ERR_LIMIT, "more than %d rules", RULES_MOST);
    if (parse_rule(text, &rule, e) < 0) {
        rule_release(&rule);
        return err_wrap(e, "rule \"%s\"", text);
    }
    rules->items[rules->len++] = rule;
    return 0;
}

void rules_clear(struct rules *rules)
{
    for (size_t i = 0; i < rules->len; i++)
        rule_release(&rules->items[i]);
    rules->len = 0;
}

static bool fits(const struct rule *r, const char *method, const char *path)
{
    if (r->method && !(str_eq(r->method, "writes") ? !str_eq(method, "GET") : str_eq(r->method, method)))
        return false;
    return !r->path || (path && fnmatch(r->path, path, 0) == 0);
}

const struct rule *rules_choose(struct rules *rules, enum rule_moment moment, const char *method, const char *path)
{
    for (size_t i = 0; i < rules->len; i++) {
        struct rule *r = &rules->items[i];
        if (faults[r->fault].moment != moment || r->left == 0 || !fits(r, method, path) ||
            !rng_chance(&rules->rng, r->permille))
            continue;
        if (r->left > 0)
            r->left--;
        r->hits++;
        return r;
    }
    return NULL;
}

uint64_t rules_hits(const struct rules *rules)
{
    uint64_t hits = 0;

    for (size_t i = 0; i < rules->len; i++)
        hits += rules->items[i].hits;
    return hits;
}

void rules_describe(struct buf *out)
{
    for (size_t i = 0; i < FAULT_COUNT; i++)
        buf_printf(out, "  %-13s %s\n", faults[i].word, faults[i].what);
}
