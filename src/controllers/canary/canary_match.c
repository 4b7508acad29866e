#include "controllers/canary/canary_match.h"

#include "api/rows.h"
#include "base/str.h"
#include "controllers/canary/canary_regex.h"
#include "doc/doc.h"

#define ELSEWHERE                                                                                                      \
    .refused = true, .instead = "requests match by `headers` and `sourceLabels`; write it in `service.match`"

static const struct field_format format_header = {
    .noun = "header name",
    .words = "the name of a header in lower case, as Istio has them",
    .pattern = "^[a-z0-9_-]+$",
    .max_length = 256,
};

static const struct field text_rows[] = {
    {"exact", TEXT(format_annotation_value), .doc = "The whole value."},
    {"prefix", TEXT(format_annotation_value), .doc = "What the value begins with."},
    {"regex", TEXT(format_annotation_value), .doc = "A regular expression of RE2 for the whole value."},
};

static void check_text(const json_t *text, const char *path, struct problems *problems)
{
    const char *regex = doc_string(text, "regex"), *fault = regex ? canary_regex_fault(regex) : NULL;
    _cleanup_free_ char *of_regex = str_printf("%s.regex", path);
    size_t given = 0;

    if (fault)
        problems_add(problems, PROBLEM_ERROR, of_regex, "%s", fault);
    for (size_t i = 0; i < ARRAY_LEN(text_rows); i++)
        given += doc_string(text, text_rows[i].name) != NULL;
    if (given != 1)
        problems_add(problems, PROBLEM_ERROR, path, "must have one of exact, prefix and regex");
}

static const struct field_table text_table = {
    .name = "Text match",
    .doc = "One of `exact`, `prefix` and `regex`.",
    FIELD_ROWS(text_rows),
    .check = check_text,
};

static const struct field header_value = {NULL, DOCUMENT(text_table)};
static const struct field label_value = {NULL, TEXT(format_label_value)};

static const struct field match_rows[] = {
    {"headers",
     MAP(format_header, header_value, 16),
     .doc = "What headers have to be; of a cookie the header `cookie`."},
    {"sourceLabels", MAP(format_label_key, label_value, 16), .doc = "Labels of the pods from which the requests come."},
    {"uri", UNSUPPORTED("{}"), ELSEWHERE},
    {"scheme", UNSUPPORTED("{}"), ELSEWHERE},
    {"method", UNSUPPORTED("{}"), ELSEWHERE},
    {"authority", UNSUPPORTED("{}"), ELSEWHERE},
    {"port", UNSUPPORTED("0"), ELSEWHERE},
    {"gateways", UNSUPPORTED("[]"), ELSEWHERE},
    {"queryParams", UNSUPPORTED("{}"), ELSEWHERE},
    {"withoutHeaders", UNSUPPORTED("{}"), ELSEWHERE},
    {"sourceNamespace", UNSUPPORTED("\"\""), ELSEWHERE},
    {"ignoreUriCase", UNSUPPORTED("false"), ELSEWHERE},
};

static void check_match(const json_t *match, const char *path, struct problems *problems)
{
    if (!json_object_size(doc_at(match, "headers")) && !json_object_size(doc_at(match, "sourceLabels")))
        problems_add(problems, PROBLEM_ERROR, path, "must have headers or sourceLabels");
}

static const struct field_table match_table = {
    .name = "Match",
    .doc = "Requests for which all of this holds.",
    FIELD_ROWS(match_rows),
    .check = check_match,
};

const struct field canary_match_item = {NULL, DOCUMENT(match_table)};

/* The maps of an item, whose entries are conditions of their own. */
static const char *const maps[] = {"headers", "sourceLabels"};

json_t *canary_match_both(const json_t *service, const json_t *match)
{
    json_t *both = json_array(), *one, *other;
    size_t i, k;

    if (!json_array_size(service))
        return json_array_extend(both, (json_t *)match), both;
    json_array_foreach((json_t *)service, i, one)
        json_array_foreach((json_t *)match, k, other) {
            json_t *item = doc_copy(one);
            for (size_t m = 0; m < ARRAY_LEN(maps); m++)
                if (json_object_size(doc_at(other, maps[m])))
                    json_object_update(doc_make(item, maps[m]), doc_at(other, maps[m]));
            json_array_append_new(both, item);
        }
    return both;
}

static void check_against(const json_t *one, const json_t *match, const char *path, struct problems *problems)
{
    const char *name;
    json_t *value;

    for (size_t m = 0; m < ARRAY_LEN(maps); m++)
        json_object_foreach(doc_at(match, maps[m]), name, value) {
            const json_t *other = doc_at(one, maps[m], name);
            _cleanup_buf_ struct buf at = BUF_INIT;
            buf_printf(&at, "%s.%s", path, maps[m]);
            doc_path_key(&at, name);
            if (other && !json_equal(other, value))
                problems_add(problems, PROBLEM_ERROR, buf_str(&at), "must be as in spec.service.match");
        }
}

void canary_match_check(const json_t *service, const json_t *match, const char *path, struct problems *problems)
{
    json_t *one, *other;
    size_t i, k;

    json_array_foreach((json_t *)match, i, one) {
        _cleanup_free_ char *at = str_printf("%s[%zu]", path, i);
        json_array_foreach((json_t *)service, k, other)
            check_against(other, one, at, problems);
    }
}
