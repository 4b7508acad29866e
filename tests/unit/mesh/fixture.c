#include "fixture.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/yaml.h"
#include "mesh/istiod/istiod.h"

json_t *from_yaml(const char *text)
{
    struct yaml_documents docs;
    struct err e;
    json_t *value;

    if (yaml_parse("spec", text, strlen(text), SIZE_MAX, &docs, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(docs.len, 1);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

json_t *fixture_resource(const char *spec)
{
    return OBJECT(STRING("apiVersion", API_GROUP_VERSION), STRING("kind", "Istio"),
                  MAP("metadata", STRING("name", "istio"), STRING("namespace", "istio-system")),
                  VALUE("spec", from_yaml(spec)));
}

void fixture_expect_problems(const char *spec, int errors, int warnings, const char *says)
{
    _cleanup_json_ json_t *istio = fixture_resource(spec);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_istio_spec_ struct istio_spec *parsed = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    istio_parse(istio, NULL, &parsed, &problems);
    problems_text(&problems, errors ? PROBLEM_ERROR : PROBLEM_WARNING, "\n", &text);
    if ((int)problems.errors != errors || (int)(problems.len - problems.errors) != warnings ||
        !strstr(buf_str(&text), says))
        fail_msg("%s: %zu problems: %s", spec, problems.len, buf_str(&text));
}

void fixture_init(struct fixture *f)
{
    fixture_init_spec(f, "{}");
}

void fixture_init_spec(struct fixture *f, const char *spec)
{
    _cleanup_json_ json_t *istio = fixture_resource(spec);
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct err e = {0};

    *f = (struct fixture){0};
    if (istio_parse(istio, NULL, &f->parsed, &problems) < 0) {
        problems_err(&problems, &e);
        fail_msg("%s", e.text);
    }
    f->env = (struct mesh_env){
        .spec = f->parsed,
        .release = mesh_release_find(f->parsed->version),
        .ns = "istio-system",
        .versions = f->versions,
    };
    assert_non_null(f->env.release);
    if (f->env.release->line == &istiod_line)
        return;
    f->own = *v1_of(f->parsed);
    f->env.spec = &f->own.common;
}

void fixture_render(struct fixture *f, int minor)
{
    struct mesh_plane planes[MESH_PLANES_MAX];

    rendered_release(&f->objects);
    mesh_versions_for(minor, f->versions);
    mesh_render_planes(&f->env, planes, mesh_planes(f->env.spec, planes), &f->objects);
}

void fixture_release(struct fixture *f)
{
    rendered_release(&f->objects);
    istio_spec_free(f->parsed);
}

const struct rendered *fixture_find(const struct fixture *f, const char *kind, const char *name)
{
    for (size_t i = 0; i < f->objects.len; i++) {
        const struct rendered *o = &f->objects.items[i];

        if (str_eq(o->kind->kind, kind) && str_eq(doc_string(o->object, "metadata", "name"), name))
            return o;
    }
    return NULL;
}

const json_t *fixture_object(const struct fixture *f, const char *kind, const char *name)
{
    const struct rendered *o = fixture_find(f, kind, name);

    if (!o)
        fail_msg("there is no %s/%s", kind, name);
    return o->object;
}

const json_t *fixture_container(const struct fixture *f, const char *deployment, const char *container)
{
    const json_t *object = fixture_object(f, "Deployment", deployment);
    const json_t *found = doc_find(doc_at(object, "spec", "template", "spec", "containers"), "name", container);

    if (!found)
        fail_msg("Deployment %s has no container %s", deployment, container);
    return found;
}

char *kind_and_name(const json_t *object)
{
    return str_printf("%s/%s", doc_string(object, "kind"), doc_string(object, "metadata", "name"));
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted_lines(const struct buf *text)
{
    char **lines = str_split(buf_str(text), '\n');
    size_t count = strv_len(lines);
    struct buf sorted = BUF_INIT;

    qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++) {
        if (*lines[i])
            buf_printf(&sorted, "%s\n", lines[i]);
    }
    strv_free(lines);
    return buf_take(&sorted);
}

/* Lines for the objects of `a` that `b` lacks, or (with `changed`) has otherwise. */
static void add_lines(struct buf *out, const struct fixture *a, const struct fixture *b, char missing, bool changed)
{
    for (size_t i = 0; i < a->objects.len; i++) {
        const json_t *object = a->objects.items[i].object;
        _cleanup_free_ char *key = kind_and_name(object);
        const struct rendered *other = fixture_find(b, doc_string(object, "kind"), strchr(key, '/') + 1);

        if (!other)
            buf_printf(out, "%c %s\n", missing, key);
        else if (changed && !json_equal((json_t *)object, other->object))
            buf_printf(out, "~ %s\n", key);
    }
}

char *fixture_compare(const struct fixture *before, const struct fixture *after)
{
    _cleanup_buf_ struct buf lines = BUF_INIT;

    add_lines(&lines, before, after, '-', true);
    add_lines(&lines, after, before, '+', false);
    return sorted_lines(&lines);
}

bool has_string(const json_t *seq, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(seq, i, item) {
        if (str_eq(json_string_value(item), text))
            return true;
    }
    return false;
}

bool is_subset(const json_t *part, const json_t *whole)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)part, key, value) {
        if (!json_equal(value, json_object_get(whole, key)))
            return false;
    }
    return true;
}
