/* "Labels and Selectors" and "Field Selectors" in the Kubernetes documentation. */
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "server_impl.h"

/* A copy without spaces around; owned by the caller. */
static char *trimmed(const char *text, size_t len)
{
    while (len && *text == ' ') {
        text++;
        len--;
    }
    while (len && text[len - 1] == ' ')
        len--;
    return str_dup_n(text, len);
}

/* "(a, b)" */
static bool is_among(const char *list, const char *value)
{
    size_t len = strcspn(list, ")");

    if (*list == '(' && len) {
        list++;
        len--;
    }
    while (true) {
        size_t item = strcspn(list, ",)");
        _cleanup_free_ char *text = trimmed(list, item);
        if (str_eq(text, value))
            return true;
        if (list[item] != ',')
            return false;
        list += item + 1;
    }
}

static bool meets_term(const char *term, const json_t *labels)
{
    bool absent = *term == '!';
    size_t len = strcspn(term + absent, "=! ");
    _cleanup_free_ char *key = str_dup_n(term + absent, len);
    const char *value = doc_string(labels, key), *rest = term + absent + len;

    while (*rest == ' ')
        rest++;
    if (absent || !*rest)
        return absent != (value != NULL);
    if (str_starts(rest, "in "))
        return value && is_among(rest + strlen("in "), value);
    if (str_starts(rest, "notin "))
        return !value || !is_among(rest + strlen("notin "), value);
    absent = *rest == '!';
    _cleanup_free_ char *other = trimmed(rest + strspn(rest, "!="), strlen(rest + strspn(rest, "!=")));
    return str_eq(value, other) != absent;
}

bool selector_labels(const char *selector, const json_t *object)
{
    const json_t *labels = doc_at(object, "metadata", "labels");

    while (*selector) {
        size_t len = 0;
        for (int depth = 0; selector[len] && (depth || selector[len] != ','); len++)
            depth += (selector[len] == '(') - (selector[len] == ')');
        _cleanup_free_ char *term = trimmed(selector, len);
        if (!meets_term(term, labels))
            return false;
        selector += len + (selector[len] == ',');
    }
    return true;
}

/* Fields of at most two names. */
static bool meets_field(const char *term, const json_t *object)
{
    size_t len = strcspn(term, "!=");
    bool not = term[len] == '!';
    _cleanup_free_ char *path = str_dup_n(term, len);
    _cleanup_strv_ char **names = str_split(path, '.');
    const char *value = names[1] ? doc_string(object, names[0], names[1]) : doc_string(object, names[0]);

    return str_eq(str_or(value, ""), term + len + strspn(term + len, "!=")) != not ;
}

bool selector_fields(const char *selector, const json_t *object)
{
    _cleanup_strv_ char **terms = str_split(selector, ',');

    for (char **term = terms; *term; term++)
        if (**term && !meets_field(*term, object))
            return false;
    return true;
}
