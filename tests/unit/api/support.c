#include "support.h"
#include "controllers/remote/remote_istio.h"

#include <stdio.h>

#include "base/str.h"
#include "doc/yaml.h"
#include "mesh/resources.h"
#include "mesh/v1_1/v1_1.h"

#define FILE_MAX (1 << 20)

json_t *from_yaml(const char *text)
{
    struct yaml_documents docs = {0};
    json_t *value;
    struct err e;

    if (yaml_parse("test", text, strlen(text), FILE_MAX, &docs, &e) < 0)
        fail_msg("%s in:\n%s", e.text, text);
    assert_int_equal(docs.len, 1);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

char *read_source(const char *path)
{
    _cleanup_free_ char *whole = str_printf("%s/%s", SOURCE_ROOT, path);
    struct buf text = BUF_INIT_LIMIT(FILE_MAX);
    char chunk[4096];
    size_t len;
    FILE *file = fopen(whole, "re");

    if (!file)
        fail_msg("cannot read %s", path);
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        assert_int_equal(buf_add(&text, chunk, len), 0);
    fclose(file);
    return buf_take(&text);
}

typedef int (*parse_fn)(const json_t *, const struct api_context *, struct istio_spec **, struct problems *);

static int parse_into(parse_fn parse, const json_t *resource, const struct api_context *context, struct v1_spec *ret,
                      struct problems *problems)
{
    _cleanup_free_ struct istio_spec *spec = NULL;

    if (parse(resource, context, &spec, problems) < 0)
        return -1;
    *ret = *v1_of(spec);
    return 0;
}

int parse_istio(const json_t *resource, const struct api_context *context, struct v1_spec *ret,
                struct problems *problems)
{
    return parse_into(istio_parse, resource, context, ret, problems);
}

int parse_remote(const json_t *resource, const struct api_context *context, struct v1_spec *ret,
                 struct problems *problems)
{
    return parse_into(remote_istio_parse, resource, context, ret, problems);
}

void release(struct v1_spec *spec)
{
    field_release(v1_0_remote_form.spec, spec);
    field_release(v1_1_remote_form.spec, spec);
    field_release(v1_0_form.spec, spec);
    field_release(v1_1_form.spec, spec);
}

void assert_problems(const char *name, const struct problems *problems, enum problem_severity severity,
                     const char *expected)
{
    _cleanup_buf_ struct buf found = BUF_INIT;

    problems_text(problems, severity, "\n", &found);
    if (!str_eq(buf_str(&found), expected))
        fail_msg("%s: %s are\n%s\nbut should be\n%s", name, severity == PROBLEM_ERROR ? "errors" : "warnings",
                 buf_str(&found), expected);
}
