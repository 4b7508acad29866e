#include "reconcile/overlay.h"

#include <stdarg.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/patch.h"

#define NAMES_LISTED 12

/* One overlay with its place in the resource: "spec.overlays[1]". */
struct overlay {
    const json_t *value;
    char *path;
    struct rendered *target; /* NULL: it names none */
};

static bool is_config(const struct rendered *object)
{
    return str_eq(object->kind->kind, "ConfigMap");
}

static bool is_named(const struct rendered *object, const char *kind, const char *ns, const char *name)
{
    return str_eq(object->kind->kind, kind) && str_eq(doc_string(object->object, "metadata", "name"), name) &&
           (!object->kind->namespaced || str_eq(doc_string(object->object, "metadata", "namespace"), ns));
}

/* Objects are sorted by kind. */
static const struct kube_kind *
kind_with_objects(const struct rendered_list *objects, const char *kind, struct buf *ret_known)
{
    for (size_t i = 0; i < objects->len; i++) {
        const struct kube_kind *k = objects->items[i].kind;
        if (str_eq(k->kind, kind))
            return k;
        if (i == 0 || objects->items[i - 1].kind != k)
            buf_printf(ret_known, "%s%s", i ? ", " : "", k->kind);
    }
    return NULL;
}

/* "istio-citadel, istio-galley and 6 more" */
static void list_names(const struct rendered_list *objects, const struct kube_kind *kind, struct buf *out)
{
    size_t count = 0;

    for (size_t i = 0; i < objects->len; i++)
        if (objects->items[i].kind == kind && count++ < NAMES_LISTED)
            buf_printf(out, "%s%s", count > 1 ? ", " : "", doc_string(objects->items[i].object, "metadata", "name"));
    if (count > NAMES_LISTED)
        buf_printf(out, " and %zu more", count - NAMES_LISTED);
}

__attribute__((format(printf, 4, 5))) static void
refuse(const struct overlay *o, struct problems *problems, const char *field, const char *fmt, ...)
{
    _cleanup_free_ char *path = str_printf("%s.%s", o->path, field);
    _cleanup_buf_ struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    problems_add(problems, PROBLEM_ERROR, path, "%s", buf_str(&text));
}

static void
find_target(struct overlay *o, const char *own_ns, const struct rendered_list *objects, struct problems *problems)
{
    const char *kind_name = doc_string(o->value, "kind"), *name = doc_string(o->value, "name");
    const char *given_ns = doc_string(o->value, "namespace"), *ns = str_or(given_ns, own_ns);
    _cleanup_buf_ struct buf known = BUF_INIT;
    const struct kube_kind *kind = kind_with_objects(objects, kind_name, &known);

    if (!kind) {
        refuse(
            o,
            problems,
            "kind",
            "must be a kind that this mesh has objects of (%s), but is %s",
            buf_str(&known),
            kind_name);
        return;
    }
    if (given_ns && !kind->namespaced) {
        refuse(o, problems, "namespace", "must be left out: a %s is in no namespace", kind_name);
        return;
    }
    for (size_t i = 0; i < objects->len && !o->target; i++)
        if (is_named(&objects->items[i], kind_name, ns, name))
            o->target = &objects->items[i];
    if (o->target)
        return;
    if (kind->namespaced && !str_eq(ns, own_ns)) {
        refuse(o, problems, "namespace", "must be the mesh's own, %s, but is %s", own_ns, ns);
        return;
    }
    buf_reset(&known);
    list_names(objects, kind, &known);
    refuse(o, problems, "name", "must be that of a %s of this mesh (%s), but is %s", kind_name, buf_str(&known), name);
}

/* Absent, or a map of texts, as our marks and Kubernetes need it. */
static bool is_text_map(const json_t *map)
{
    const char *key;
    json_t *value;

    if (!map)
        return true;
    json_object_foreach((json_t *)map, key, value)
        if (!json_is_string(value))
            return false;
    return json_is_object(map);
}

static bool check_result(const struct overlay *o, const json_t *result, struct problems *problems)
{
    static const char *const maps[] = {"labels", "annotations"};

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        if (is_text_map(doc_at(result, "metadata", maps[i])))
            continue;
        refuse(o, problems, "patches", "must leave metadata.%s an object of texts", maps[i]);
        return false;
    }
    if (doc_weight(result, NULL) <= OVERLAY_OBJECT_MAX)
        return true;
    refuse(o, problems, "patches", "must not make an object larger than %zu bytes", OVERLAY_OBJECT_MAX);
    return false;
}

static void apply(const struct overlay *o, struct problems *problems)
{
    struct rendered *target = o->target;
    _cleanup_json_ json_t *result = NULL;
    struct err e;

    if (patch_apply(target->object, doc_at(o->value, "patches"), &result, &e) < 0) {
        const char *rest;
        _cleanup_free_ char *patches = str_printf("%s.patches", o->path);
        _cleanup_free_ char *place = problems_place(patches, e.text, &rest);
        problems_add(
            problems,
            PROBLEM_ERROR,
            place,
            "%s in %s %s",
            rest,
            target->kind->kind,
            doc_string(target->object, "metadata", "name"));
        return;
    }
    if (!check_result(o, result, problems))
        return;
    json_decref(target->object);
    target->object = TAKE_PTR(result);
}

static struct overlay *
find_targets(const json_t *values, const char *ns, const struct rendered_list *objects, struct problems *problems)
{
    struct overlay *overlays = NEW_ARRAY(struct overlay, json_array_size(values));
    json_t *value;
    size_t i;

    json_array_foreach(values, i, value) {
        overlays[i] = (struct overlay){.value = value, .path = str_printf("spec.overlays[%zu]", i)};
        find_target(&overlays[i], ns, objects, problems);
    }
    return overlays;
}

void overlays_apply(const json_t *values, const char *ns, struct rendered_list *objects, struct problems *problems)
{
    size_t count = json_array_size(values);
    struct overlay *overlays = find_targets(values, ns, objects, problems);

    /* ConfigMaps first: digests of them go into Deployments, where overlays come last. */
    for (size_t i = 0; i < count; i++)
        if (overlays[i].target && is_config(overlays[i].target))
            apply(&overlays[i], problems);
    rendered_digest_configs(objects);
    for (size_t i = 0; i < count; i++) {
        if (overlays[i].target && !is_config(overlays[i].target))
            apply(&overlays[i], problems);
        free(overlays[i].path);
    }
    free(overlays);
}
