#include "kube/selector.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"

#define BLANKS " \t\r\n"
/* What ends a word besides blanks, as in Kubernetes' own parser. */
#define SIGNS "=!(),<>"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define NAME_MAX_LEN 63
#define PREFIX_MAX_LEN 253

#define LABEL_WORD_WORDS "at most %d letters, digits, -, _ and ., beginning and ending with a letter or digit"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS };

struct requirement {
    char *key;
    enum op op;
    char **values; /* of OP_IN and OP_NOT_IN; an owned vector that ends with NULL */
    size_t value_count;
};

struct selector {
    struct requirement *items;
    size_t len, cap;
};

struct parse {
    const char *text, *at;
    struct err *e;
};

static int fail(const struct parse *p, const char *where, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(const struct parse *p, const char *where, const char *fmt, ...)
{
    _cleanup_buf_ struct buf what = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&what, fmt, ap);
    va_end(ap);
    return err_set(p->e, ERR_INVALID, "at character %zu: %s", (size_t)(where - p->text) + 1, buf_str(&what));
}

/* What stands at a place, for "but there is ...". */
static int fail_expected(const struct parse *p, const char *expected)
{
    if (!*p->at)
        return fail(p, p->at, "%s should follow, but this is the end", expected);
    return fail(p, p->at, "%s should follow, but there is \"%.*s\"", expected,
                (int)(strchr(SIGNS, *p->at) ? 1 : strcspn(p->at, BLANKS SIGNS)), p->at);
}

static void skip_blanks(struct parse *p)
{
    p->at += strspn(p->at, BLANKS);
}

/* Moves over a sign, if it is the next. */
static bool take(struct parse *p, const char *sign)
{
    skip_blanks(p);
    if (!str_starts(p->at, sign))
        return false;
    p->at += strlen(sign);
    return true;
}

/* The length of the next word, 0 where there is none. */
static size_t next_word(struct parse *p)
{
    skip_blanks(p);
    return strcspn(p->at, BLANKS SIGNS);
}

static bool take_word(struct parse *p, const char *word)
{
    size_t len = next_word(p);

    if (len != strlen(word) || strncmp(p->at, word, len) != 0)
        return false;
    p->at += len;
    return true;
}

/* At most `most` characters of a set, with a letter or digit of it at both ends. */
static bool is_word(const char *s, size_t len, size_t most, const char *inner, const char *ends)
{
    return len > 0 && len <= most && strspn(s, inner) >= len && strchr(ends, s[0]) && strchr(ends, s[len - 1]);
}

static bool is_label_word(const char *s, size_t len)
{
    return is_word(s, len, NAME_MAX_LEN, LETTERS DIGITS "-_.", LETTERS DIGITS);
}

static bool is_dns_name(const char *s, size_t len)
{
    const char *end = s + len;

    if (len > PREFIX_MAX_LEN)
        return false;
    while (s <= end) {
        size_t part = strcspn(s, "./");
        if (!is_word(s, part, PREFIX_MAX_LEN, LOWER DIGITS "-", LOWER DIGITS))
            return false;
        s += part + 1;
    }
    return true;
}

static int parse_key(struct parse *p, char **ret)
{
    size_t len = next_word(p);
    const char *slash = memchr(p->at, '/', len), *name = slash ? slash + 1 : p->at;

    if (!len)
        return fail_expected(p, "the name of a label");
    if (slash && !is_dns_name(p->at, (size_t)(slash - p->at)))
        return fail(
            p, p->at,
            "the prefix of a label must be a DNS name (at most %d of a-z, 0-9, - and ., each part beginning and "
            "ending with a letter or digit)",
            PREFIX_MAX_LEN);
    if (!is_label_word(name, len - (size_t)(name - p->at)))
        return fail(p, name, "the name of a label must be " LABEL_WORD_WORDS, NAME_MAX_LEN);
    *ret = str_dup_n(p->at, len);
    p->at += len;
    return 0;
}

/* Nothing is a value, too: "". */
static int parse_value(struct parse *p, struct requirement *r)
{
    size_t len = next_word(p);

    if (len && !is_label_word(p->at, len))
        return fail(p, p->at, "the value of a label must be " LABEL_WORD_WORDS, NAME_MAX_LEN);
    r->values = mem_resize(r->values, r->value_count + 2, sizeof(*r->values));
    r->values[r->value_count++] = str_dup_n(p->at, len);
    r->values[r->value_count] = NULL;
    p->at += len;
    return 0;
}

static int parse_values(struct parse *p, struct requirement *r)
{
    if (!take(p, "("))
        return fail_expected(p, "a list of values in ( )");
    if (take(p, ")"))
        return fail(p, p->at - 1, "the list of values must not be empty");
    do {
        if (parse_value(p, r) < 0)
            return -1;
    } while (take(p, ","));
    return take(p, ")") ? 0 : fail_expected(p, ", or )");
}

static int parse_requirement(struct parse *p, struct requirement *r)
{
    if (take(p, "!")) {
        r->op = OP_NOT_EXISTS;
        return parse_key(p, &r->key);
    }
    r->op = OP_EXISTS;
    if (parse_key(p, &r->key) < 0)
        return -1;
    if (take(p, "!=")) {
        r->op = OP_NOT_IN;
        return parse_value(p, r);
    }
    if (take(p, "==") || take(p, "=")) {
        r->op = OP_IN;
        return parse_value(p, r);
    }
    if (take_word(p, "in")) {
        r->op = OP_IN;
        return parse_values(p, r);
    }
    if (take_word(p, "notin")) {
        r->op = OP_NOT_IN;
        return parse_values(p, r);
    }
    return 0;
}

static int parse(struct parse *p, struct selector *s)
{
    skip_blanks(p);
    if (!*p->at)
        return 0;
    do {
        ARRAY_RESERVE_ONE(s->items, s->len, s->cap);
        s->items[s->len] = (struct requirement){0};
        if (parse_requirement(p, &s->items[s->len++]) < 0)
            return -1;
    } while (take(p, ","));
    return *p->at ? fail_expected(p, "=, ==, !=, in, notin, a comma or the end") : 0;
}

int selector_parse(const char *text, struct selector **ret, struct err *e)
{
    _cleanup_selector_ struct selector *s = NULL;
    struct parse p = {.text = text, .at = text, .e = e};

    if (strlen(text) > SELECTOR_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "it is longer than %d bytes", SELECTOR_MAX_BYTES);
    s = NEW(struct selector);
    if (parse(&p, s) < 0)
        return -1;
    *ret = TAKE_PTR(s);
    return 0;
}

static bool has_value(const struct requirement *r, const char *value)
{
    for (size_t i = 0; i < r->value_count; i++)
        if (str_eq(r->values[i], value))
            return true;
    return false;
}

static bool holds(const struct requirement *r, const json_t *labels)
{
    const char *value = json_string_value(json_object_get(labels, r->key));

    switch (r->op) {
    case OP_IN:
        return value && has_value(r, value);
    case OP_NOT_IN:
        return !value || !has_value(r, value);
    case OP_EXISTS:
        return value;
    case OP_NOT_EXISTS:
        return !value;
    }
    abort();
}

bool selector_matches(const struct selector *selector, const json_t *labels)
{
    for (size_t i = 0; i < selector->len; i++)
        if (!holds(&selector->items[i], labels))
            return false;
    return true;
}

bool selector_is_empty(const struct selector *selector)
{
    return selector->len == 0;
}

void selector_free(struct selector *selector)
{
    if (!selector)
        return;
    for (size_t i = 0; i < selector->len; i++) {
        free(selector->items[i].key);
        strv_free(selector->items[i].values);
    }
    free(selector->items);
    free(selector);
}

bool selector_pairs_match(const json_t *pairs, const json_t *labels)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)pairs, key, value)
        if (!json_equal(value, json_object_get(labels, key)))
            return false;
    return json_object_size(pairs) > 0;
}

static bool has_string(const json_t *values, const char *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(values, i, item)
        if (value && str_eq(json_string_value(item), value))
            return true;
    return false;
}

static bool expression_holds(const json_t *expression, const json_t *labels)
{
    const char *key = doc_string(expression, "key"), *operator= doc_string(expression, "operator");
    const char *value = key ? json_string_value(json_object_get(labels, key)) : NULL;
    bool listed = has_string(doc_at(expression, "values"), value);

    if (str_eq(operator, "In"))
        return listed;
    if (str_eq(operator, "NotIn"))
        return !listed;
    if (str_eq(operator, "Exists"))
        return value;
    return str_eq(operator, "DoesNotExist") && !value;
}

bool selector_object_matches(const json_t *selector, const json_t *labels)
{
    const json_t *pairs = doc_at(selector, "matchLabels");
    json_t *expression;
    size_t i;

    if (json_object_size(pairs) && !selector_pairs_match(pairs, labels))
        return false;
    json_array_foreach(doc_at(selector, "matchExpressions"), i, expression)
        if (!expression_holds(expression, labels))
            return false;
    return true;
}
