#include "reconcile/overlay.h"

#include <string.h>

#include "api/kubernetes.h"
#include "base/str.h"
#include "doc/doc.h"
#include "doc/patch.h"
#include "reconcile/inherit.h"
#include "reconcile/marks.h"

#define NAMES_LISTED 12
#define OVERLAY_OBJECT_LIGHT (64 * 1024) /* bytes of an object that is far from all limits */

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

static void
find_target(struct overlay *o, const char *own_ns, const struct rendered_list *objects, struct problems *problems)
{
    const char *kind_name = doc_string(o->value, "kind"), *name = doc_string(o->value, "name");
    const char *given_ns = doc_string(o->value, "namespace"), *ns = str_or(given_ns, own_ns);
    _cleanup_buf_ struct buf known = BUF_INIT;
    const struct kube_kind *kind = kind_with_objects(objects, kind_name, &known);

    if (!kind) {
        problems_refuse(
            problems,
            o->path,
            "kind",
            "must be a kind that this mesh has objects of (%s), but is %s",
            buf_str(&known),
            kind_name);
        return;
    }
    if (given_ns && !kind->namespaced) {
        problems_refuse(problems, o->path, "namespace", "must be left out: a %s is in no namespace", kind_name);
        return;
    }
    for (size_t i = 0; i < objects->len && !o->target; i++)
        if (is_named(&objects->items[i], kind_name, ns, name))
            o->target = &objects->items[i];
    if (o->target)
        return;
    if (kind->namespaced && !str_eq(ns, own_ns)) {
        problems_refuse(problems, o->path, "namespace", "must be the mesh's own, %s, but is %s", own_ns, ns);
        return;
    }
    buf_reset(&known);
    list_names(objects, kind, &known);
    problems_refuse(
        problems,
        o->path,
        "name",
        "must be that of a %s of this mesh (%s), but is %s",
        kind_name,
        buf_str(&known),
        name);
}

static void apply(const struct overlay *o, struct problems *problems)
{
    struct rendered *target = o->target;
    _cleanup_json_ json_t *result = NULL, *before = NULL;
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
    before = target->object;
    target->object = TAKE_PTR(result);
    inherit_note_asked(target, before);
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

/* The path of a pointer as messages have it: "/spec/ports/0/name" is spec.ports[0].name. */
static void pointer_path(const char *pointer, struct buf *out)
{
    _cleanup_strv_ char **keys = *pointer ? str_split(pointer + 1, '/') : NULL;

    for (char **key = keys; key && *key && !str_eq(*key, "-"); key++) {
        int64_t index;
        if (str_to_int64(*key, &index))
            doc_path_index(out, (size_t)index);
        else
            doc_path_key(out, *key);
    }
}

static bool is_at_or_below(const char *path, const char *above)
{
    size_t len = strlen(above);

    return str_starts(path, above) && (!path[len] || path[len] == '.' || path[len] == '[');
}

/* How much of an error's path a patch covers; 0: it is about another path. */
static size_t nearness(const json_t *patch, const char *place)
{
    _cleanup_buf_ struct buf path = BUF_INIT;
    const char *of_patch;

    if (str_eq(doc_string(patch, "op"), "test"))
        return 0;
    pointer_path(doc_string(patch, "path"), &path);
    of_patch = buf_str(&path);
    if (is_at_or_below(place, of_patch))
        return strlen(of_patch);
    return is_at_or_below(of_patch, place) ? strlen(place) : 0;
}

/* The last of the patches that are nearest to a mistake; with none, the last overlay of the object. */
static char *
find_culprit(const struct overlay *overlays, size_t count, const struct rendered *target, const char *place)
{
    char *culprit = NULL;
    size_t most = 0, k;
    json_t *patch;

    for (size_t i = 0; i < count; i++) {
        if (overlays[i].target != target)
            continue;
        if (!most) {
            free(culprit);
            culprit = str_printf("%s.patches", overlays[i].path);
        }
        json_array_foreach(doc_at(overlays[i].value, "patches"), k, patch) {
            size_t near = nearness(patch, place);
            if (!near || near < most)
                continue;
            most = near;
            free(culprit);
            culprit = str_printf("%s.patches[%zu]", overlays[i].path, k);
        }
    }
    return culprit;
}

/* What the operator writes on every object after the overlays. */
static void
check_marks(const struct overlay *overlays, size_t count, const struct rendered *target, struct problems *problems)
{
    static const char *const marks[][2] = {{"labels", MARK_OWNER}, {"annotations", MARK_APPLIED}};

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        _cleanup_free_ char *place = str_printf("metadata.%s", marks[i][0]), *culprit = NULL;
        if (!doc_at_(target->object, (const char *const[]){"metadata", marks[i][0], marks[i][1], NULL}))
            continue;
        culprit = find_culprit(overlays, count, target, place);
        problems_add(
            problems,
            PROBLEM_WARNING,
            culprit,
            "sets %s in %s, which the operator writes itself: the value is lost",
            marks[i][1],
            place);
    }
}

static void check_object(
    const struct overlay *overlays, size_t count, const struct rendered *target, int minor, struct problems *problems)
{
    _cleanup_problems_ struct problems found = PROBLEMS_INIT;

    kubernetes_check(target->object, minor, &found);
    for (size_t i = 0; i < found.len; i++) {
        const struct problem *p = &found.items[i];
        _cleanup_free_ char *culprit = find_culprit(overlays, count, target, p->path);
        problems_add(
            problems,
            p->severity,
            culprit,
            "must leave %s %s valid: %s: %s",
            target->kind->kind,
            doc_string(target->object, "metadata", "name"),
            p->path,
            p->text);
    }
}

static bool is_first(const struct overlay *overlays, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (overlays[k].target == overlays[i].target)
            return false;
    return true;
}

/*
 * An object close to etcd's limit is measured with its owner label and annotations: the skeleton of its fields is an
 * annotation.
 */
static void
check_size(const struct overlay *overlays, size_t count, const struct rendered *target, struct problems *problems)
{
    static const struct mark_owner owner = {
        .api_version = "v1", .kind = "Owner", .name = "name", .uid = "01234567-0123-0123-0123-012345678901"};
    const char *name = doc_string(target->object, "metadata", "name");
    _cleanup_free_ char *culprit = NULL;
    _cleanup_json_ json_t *marked = NULL;

    if (doc_weight(target->object, NULL) < OVERLAY_OBJECT_LIGHT)
        return;
    culprit = find_culprit(overlays, count, target, "");
    marked = doc_copy(target->object);
    mark_desired(marked, target->kind, &owner);
    if (doc_weight(marked, NULL) > KUBERNETES_OBJECT_MAX)
        problems_add(
            problems,
            PROBLEM_ERROR,
            str_or(culprit, "spec"),
            "must not make %s %s larger than %zu bytes, as etcd takes no more",
            target->kind->kind,
            name,
            KUBERNETES_OBJECT_MAX);
    else if (!kubernetes_annotations_fit(doc_at(marked, "metadata")))
        problems_add(
            problems,
            PROBLEM_ERROR,
            str_or(culprit, "spec"),
            "must not give %s %s so many fields: with the list of them that the operator keeps its annotations would "
            "have "
            "more than %d bytes",
            target->kind->kind,
            name,
            KUBERNETES_ANNOTATIONS_MAX);
}

void overlays_apply(
    const json_t *values, const char *ns, int minor, struct rendered_list *objects, struct problems *problems)
{
    size_t count = json_array_size(values), errors = problems->errors;
    struct overlay *overlays = find_targets(values, ns, objects, problems);

    /* ConfigMaps first: Deployments get their digests, before the overlays of the Deployments. */
    for (size_t i = 0; i < count; i++)
        if (overlays[i].target && is_config(overlays[i].target))
            apply(&overlays[i], problems);
    rendered_digest_configs(objects);
    for (size_t i = 0; i < count; i++)
        if (overlays[i].target && !is_config(overlays[i].target))
            apply(&overlays[i], problems);
    /* Together, because one may need what another one adds. */
    for (size_t i = 0; i < count && problems->errors == errors; i++)
        if (is_first(overlays, i)) {
            check_marks(overlays, count, overlays[i].target, problems);
            check_object(overlays, count, overlays[i].target, minor, problems);
        }
    for (size_t i = 0; i < objects->len && problems->errors == errors; i++)
        check_size(overlays, count, &objects->items[i], problems);
    for (size_t i = 0; i < count; i++)
        free(overlays[i].path);
    free(overlays);
}
