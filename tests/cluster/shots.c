#include "shots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "reconcile/marks.h"

static void shot_free(void *p)
{
    struct shot *s = p;

    free(s->uid);
    free(s->content);
    free(s->template);
    free(s);
}

/* Of what the resourceVersion counts, everything but the status and the notes of controllers. */
static struct shot *take_shot(const json_t *object)
{
    static const char *const of_the_server[] = {
        "resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink"};
    _cleanup_json_ json_t *copy = doc_copy(object);
    json_t *metadata = json_object_get(copy, "metadata");
    const json_t *template = doc_at(object, "spec", "template");
    struct shot *s = NEW(struct shot);

    for (size_t i = 0; i < ARRAY_LEN(of_the_server); i++)
        json_object_del(metadata, of_the_server[i]);
    json_object_del(json_object_get(metadata, "annotations"), "deployment.kubernetes.io/revision");
    json_object_del(copy, "status");
    json_object_del(copy, "secrets"); /* of a ServiceAccount: its tokens */
    s->uid = str_dup(doc_string(object, "metadata", "uid"));
    s->content = doc_text(copy);
    s->template = template ? doc_text(template) : NULL;
    return s;
}

struct map *shots_take(void)
{
    struct map *shots = map_new(shot_free);

    for (size_t row = 0; row < mesh_kinds.len; row++) {
        const struct kube_kind *kind = &mesh_kinds.rows[row];
        _cleanup_json_ json_t *items = is_of_mesh(kind) ? cluster_list(kind, MARK_OWNER) : NULL;
        json_t *item;
        size_t i;
        json_array_foreach(items, i, item) {
            _cleanup_free_ char *key = str_printf("%s/%s", kind->kind, doc_string(item, "metadata", "name"));
            map_put(shots, key, take_shot(item));
        }
    }
    return shots;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *sort_lines(const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    struct buf sorted = BUF_INIT;
    size_t len = strv_len(lines);

    qsort(lines, len, sizeof(*lines), by_text);
    for (size_t i = 0; i < len; i++)
        if (*lines[i])
            buf_printf(&sorted, "%s\n", lines[i]);
    return buf_take(&sorted);
}

char *shots_compare(const struct map *before, const struct map *after)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const char *key;
    void *value;

    for (size_t i = 0; map_next(before, &i, &key, &value);) {
        const struct shot *was = value, *is = map_get(after, key);
        if (!is)
            buf_printf(&text, "- %s\n", key);
        else if (!str_eq(was->uid, is->uid))
            buf_printf(&text, "! %s\n", key);
        else if (!str_eq(was->template, is->template))
            buf_printf(&text, "* %s\n", key);
        else if (!str_eq(was->content, is->content))
            buf_printf(&text, "~ %s\n", key);
    }
    for (size_t i = 0; map_next(after, &i, &key, NULL);)
        if (!map_has(before, key))
            buf_printf(&text, "+ %s\n", key);
    return sort_lines(buf_str(&text));
}

void shots_expect(const char *name, const struct map *before, const struct map *after, const char *changes)
{
    _cleanup_free_ char *expected = sort_lines(changes), *found = shots_compare(before, after);

    if (!str_eq(found, expected))
        fail_msg("%s changed\n%sand not\n%s", name, found, expected);
}

void mesh_wait_calm(void)
{
    mesh_wait_status("Available", ROLL_OUT);
    mesh_wait_settled(PATIENCE);
}

void mesh_patch_spec(const char *patch)
{
    _cleanup_free_ char *text = str_printf("{\"spec\": %s}", patch);

    cluster_patch(ISTIO, NS, MESH, text);
}

int shots_setup(void **state)
{
    if (harness_setup(state) < 0)
        return -1;
    operator_start();
    mesh_delete_and_wait(); /* that of a run that was broken off */
    mesh_create("{}");
    mesh_wait_calm();
    return 0;
}
