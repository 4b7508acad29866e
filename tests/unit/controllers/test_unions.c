/* In every object of every sample, another manager switches the member of every union: the merge undoes it. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/merge.h"
#include "doc/yaml.h"
#include "reconcile/marks.h"
#include "switches.h"

#define SAMPLES SOURCE_ROOT "/config/samples"

/* One of each version of the kinds that have several, such as the autoscalers'. */
static const int minors[] = {10, 12, 20, 21, 34};

/* Kinds of places that must be among those that were switched, or the samples lost what is to be tried. */
static const char *const expected[] = {
    "env[]",
    "volumes[]",
    "livenessProbe",
    "readinessProbe",
    "matchExpressions[]",
    "tolerations[]",
    "spec.strategy",
    "spec",
    "metrics[]",
    "rules[]",
    "subjects[]",
    "resources",
    "data",
    "selector",
    "spec.selector",
    "controller",
    "storage",
    "port",
    "peers[]",
    "portLevelSettings[].port",
    "tls",
    "buckets",
    "webhooks[].clientConfig",
};

static json_t *other_owner(void)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ConfigMap"),
        STRING("name", "foreign"),
        STRING("uid", "foreign"),
        BOOL("controller", true));
}

static void expect_undone(const struct desired *w, const json_t *last, const json_t *desired, const json_t *live)
{
    _cleanup_buf_ struct buf why = BUF_INIT;
    struct kube_merge how;
    struct merge merge, again;

    kube_merge_init(w->kind, w->foreign, &how);
    merge_three_way(last, desired, live, &how.rules, &merge);
    if (!switches_are_undone(desired, merge.result, &why)) {
        _cleanup_free_ char *text = doc_text_pretty(merge.result);
        fail_msg("%s/%s: %s in\n%s", w->kind->kind, w->name, buf_str(&why), text);
    }
    merge_three_way(last, desired, merge.result, &how.rules, &again);
    if (again.change_count)
        fail_msg("%s/%s: %s differs again", w->kind->kind, w->name, again.changes[0].path);
    merge_release(&again);
    merge_release(&merge);
}

static void switch_all(const struct desired *w, json_t *seen)
{
    _cleanup_json_ json_t *desired = NULL, *applied = NULL, *owner = other_owner();

    assert_int_equal(doc_parse(w->text, strlen(w->text), SIZE_MAX, &desired, NULL), 0);
    applied = mark_applied(desired);
    for (unsigned turn = 0; turn < SWITCHES_TURNS; turn++) {
        _cleanup_json_ json_t *live = doc_copy(desired);
        _cleanup_buf_ struct buf why = BUF_INIT;
        switches_make(desired, live, turn, owner, seen);
        if (turn == 0)
            expect_undone(w, NULL, desired, live);
        expect_undone(w, doc_at(applied, "fields"), desired, live);
    }
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;

    if (!file || getdelim(&text, &cap, '\0', file) < 0)
        fail_msg("%s cannot be read", path);
    fclose(file);
    return text;
}

static bool runs_on(const json_t *resource, int minor)
{
    const struct mesh_release *release =
        mesh_release_find(str_or(doc_string(resource, "spec", "version"), ISTIO_VERSION_DEFAULT));

    return release && minor >= release->kubernetes_min && minor <= release->kubernetes_max;
}

/* `done` has what was tried in another sample. */
static void try_sample(const char *name, int minor, json_t *done, json_t *seen)
{
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_free_ char *path = STR_JOIN('/', SAMPLES, name), *text = NULL;
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    struct yaml_documents docs;
    struct desired_set *set;
    struct err e;

    mesh_versions_for(minor, versions);
    text = read_text(path);
    if (yaml_parse(path, text, strlen(text), SIZE_MAX, &docs, &e) < 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < docs.len; i++) {
        json_t *resource = docs.items[i].value;
        if (!str_eq(doc_string(resource, "kind"), "Istio") || !runs_on(resource, minor))
            continue;
        json_object_set_new(doc_make(resource, "metadata"), "namespace", json_string("istio-system"));
        json_object_set_new(doc_make(resource, "metadata"), "uid", json_string("uid"));
        set = mesh_desired_objects(resource, minor, versions, &problems);
        if (!set)
            fail_msg("%s: %s: %s", path, problems.items[0].path, problems.items[0].text);
        for (size_t k = 0; k < set->len; k++) {
            char key[32];
            snprintf(key, sizeof(key), "%016lx", (unsigned long)set->items[k].hash);
            if (json_object_get(done, key))
                continue;
            json_object_set_new(done, key, json_true());
            switch_all(&set->items[k], seen);
        }
        desired_free(set);
    }
    yaml_documents_release(&docs);
}

static void every_switch_in_every_object_is_undone(void **state)
{
    _cleanup_json_ json_t *done = json_object(), *seen = json_object();
    DIR *folder = opendir(SAMPLES);
    struct dirent *entry;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)))
        for (size_t i = 0; str_ends(entry->d_name, ".yaml") && i < ARRAY_LEN(minors); i++)
            try_sample(entry->d_name, minors[i], done, seen);
    closedir(folder);
    assert_in_range(json_object_size(done), 100, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (!json_object_get(seen, expected[i]))
            fail_msg("no sample has %s", expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_switch_in_every_object_is_undone),
    };

    return cmocka_run_group_tests_name("controllers unions", tests, NULL, NULL);
}
