#include "healing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"
#include "odd.h"
#include "reconcile/marks.h"

#define SLOW SECONDS(5) /* it takes some ms where the machine has nothing else to do */

struct target target_of(const json_t *item)
{
    return (struct target){
        .kind = &mesh_kinds.rows[doc_int(doc_at(item, "row"), -1)],
        .ns = doc_string(item, "ns"),
        .name = doc_string(item, "name"),
        .uid = doc_string(item, "uid"),
    };
}

static void fail_object(const struct target *t, const char *what)
{
    fail_msg("%s %s/%s: %s; see %s", t->kind->kind, str_or(t->ns, ""), t->name, what, h.log_path);
}

bool target_is_back(void *context)
{
    const struct target *t = context;
    _cleanup_json_ json_t *object = cluster_get(t->kind, t->ns, t->name);

    return object && !str_eq(doc_string(object, "metadata", "uid"), t->uid) &&
           !doc_at(object, "metadata", "deletionTimestamp");
}

void healing_after_deletions(size_t at_least)
{
    _cleanup_json_ json_t *objects = mesh_objects_in_cluster();
    msec_t began, took;
    json_t *item;
    size_t i;

    assert_true(json_array_size(objects) >= at_least);
    json_array_foreach(objects, i, item) {
        struct target t = target_of(item);
        _cleanup_free_ char *what = str_printf("%s %s is back after it was deleted", t.kind->kind, t.name);
        if (!cluster_has(t.kind, t.ns, t.name))
            continue; /* went with a definition that was deleted before it */
        began = clock_now_monotonic();
        cluster_delete(t.kind, t.ns, t.name);
        wait_until(target_is_back, &t, PATIENCE, what);
        took = clock_now_monotonic() - began;
        if (took > SLOW)
            print_message("%s, which took %lld ms\n", what, (long long)took);
    }
    mesh_wait_settled(PATIENCE);
    json_array_foreach(objects, i, item) {
        struct target t = target_of(item);
        if (!cluster_has(t.kind, t.ns, t.name))
            fail_object(&t, "is not there in the end");
    }
}

/* An owned leaf and a patch that changes it. */
struct change {
    json_t *patch;
    const struct target *target;
    json_t *path; /* keys from the root to the leaf */
    json_t *original;
    bool found;
};

static json_t *at_path(json_t *object, const json_t *path)
{
    json_t *key;
    size_t i;

    json_array_foreach((json_t *)path, i, key)
        object = json_object_get(object, json_string_value(key));
    return object;
}

/* Tries leaf after leaf of what is ours until the server takes a change of one: some are immutable or checked. */
static void try_changes(struct change *c, const json_t *ours, const json_t *live)
{
    const char *key;
    json_t *mine;

    json_object_foreach((json_t *)ours, key, mine) {
        json_t *value = json_object_get(live, key), *other;
        if (c->found)
            return;
        if (str_eq(key, "replicas")) /* an autoscaler's, where there is one; see what_others_own_survives() */
            continue;
        json_array_append_new(c->path, json_string(key));
        if (json_is_object(value) && json_is_object(mine)) {
            try_changes(c, mine, value);
        } else if (value && (other = odd_other(value))) {
            _cleanup_free_ char *text = NULL;
            _cleanup_json_ json_t *patch = json_incref(other);
            for (size_t i = json_array_size(c->path); i-- > 0;) {
                json_t *outer = json_object();
                json_object_set_new(outer, json_string_value(json_array_get(c->path, i)), patch);
                patch = outer;
            }
            text = doc_text(patch);
            if (cluster_try_patch(c->target->kind, c->target->ns, c->target->name, text)) {
                c->found = true;
                c->original = json_incref(value);
                json_decref(other);
                return;
            }
            json_decref(other);
        }
        if (!c->found)
            json_array_remove(c->path, json_array_size(c->path) - 1);
    }
}

static bool is_restored(void *context)
{
    const struct change *c = context;
    _cleanup_json_ json_t *object = cluster_get(c->target->kind, c->target->ns, c->target->name);

    return object && json_equal(at_path(object, c->path), c->original);
}

/* What is ours of an object, without its identity. */
static json_t *owned_fields_of(const json_t *object)
{
    _cleanup_json_ json_t *applied = mark_applied(object);
    json_t *ours = doc_copy(doc_at(applied, "fields")), *metadata = json_object_get(ours, "metadata");

    json_object_del(ours, "kind");
    json_object_del(ours, "apiVersion");
    json_object_del(metadata, "name");
    json_object_del(metadata, "namespace");
    json_object_del(metadata, "ownerReferences");
    return ours;
}

void healing_after_changes(void)
{
    _cleanup_json_ json_t *objects = mesh_objects_in_cluster();
    json_t *item;
    size_t i;

    json_array_foreach(objects, i, item) {
        struct target t = target_of(item);
        _cleanup_json_ json_t *object = cluster_get(t.kind, t.ns, t.name), *ours = NULL, *path = json_array();
        _cleanup_free_ char *what = NULL, *where = NULL;
        struct change c = {.target = &t, .path = path};
        if (!object)
            fail_object(&t, "is not there");
        ours = owned_fields_of(object);
        /* The body first; labels are the last resort. */
        {
            _cleanup_json_ json_t *metadata = json_incref(json_object_get(ours, "metadata"));
            json_object_del(ours, "metadata");
            try_changes(&c, ours, object);
            if (!c.found) {
                json_array_append_new(path, json_string("metadata"));
                try_changes(&c, metadata, json_object_get(object, "metadata"));
            }
        }
        if (!c.found)
            fail_object(&t, "no field of it could be changed");
        where = doc_text(path);
        what = str_printf("%s %s: %s is restored", t.kind->kind, t.name, where);
        wait_until(is_restored, &c, PATIENCE, what);
        json_decref(c.original);
    }
    mesh_wait_settled(PATIENCE);
}
