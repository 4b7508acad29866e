#include "reconcile/wanted.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/overlay.h"

char *object_key(const struct kube_kind *kind, const char *ns, const char *name)
{
    return ns ? STR_JOIN('/', kind->kind, ns, name) : STR_JOIN('/', kind->kind, name);
}

void wanted_versions(const struct kube_server *server, const char **ret_versions)
{
    for (size_t i = 0; i < mesh_kinds.len; i++) {
        const struct kube_kind *kind = &mesh_kinds.rows[i];
        ret_versions[i] = kind->custom ? kind->versions[0].name : kube_server_version(server, kind);
    }
}

/* The releases that this operator knows, as the validation wants them. */
static struct api_release *known_releases(size_t *ret_count)
{
    struct api_release *known;
    size_t n = 0;

    while (mesh_releases[n].version)
        n++;
    known = NEW_ARRAY(struct api_release, n);
    for (size_t i = 0; i < n; i++)
        known[i] = (struct api_release){
            mesh_releases[i].version, mesh_releases[i].kubernetes_min, mesh_releases[i].kubernetes_max};
    *ret_count = n;
    return known;
}

int wanted_check(const json_t *resource, int minor, const char *ns, struct istio_spec *ret, struct problems *problems)
{
    size_t release_count;
    _cleanup_free_ struct api_release *releases = known_releases(&release_count);
    const struct api_context context = {
        .releases = releases, .release_count = release_count, .kubernetes_minor = minor, .ns = ns};

    return istio_parse(resource, &context, ret, problems);
}

static struct wanted describe(const struct mesh_object *object, const struct mark_owner *owner)
{
    struct wanted w;

    if (owner)
        mark_wanted(object->object, object->kind, owner);
    w = (struct wanted){
        .kind = object->kind,
        .foreign = object->foreign,
        .ns = object->kind->namespaced ? str_dup(doc_string(object->object, "metadata", "namespace")) : NULL,
        .name = str_dup(doc_string(object->object, "metadata", "name")),
        .text = doc_text(object->object),
    };
    w.hash = str_hash(w.text, strlen(w.text)) | 1;
    return w;
}

static void forget_text(struct wanted *w)
{
    char *text = TAKE_PTR(w->text);

    if (text)
        mem_free_secret(text, strlen(text));
}

static void release(struct wanted *w)
{
    forget_text(w);
    free(w->ns);
    free(w->name);
}

static int by_identity(const void *a, const void *b)
{
    const struct wanted *x = *(struct wanted *const *)a, *y = *(struct wanted *const *)b;
    int names = strcmp(x->name, y->name);

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return names ? names : strcmp(str_or(x->ns, ""), str_or(y->ns, ""));
}

static void make_index(struct wanted_set *set)
{
    set->index = NEW_ARRAY(struct wanted *, set->len);
    for (size_t i = 0; i < set->len; i++)
        set->index[i] = &set->items[i];
    qsort(set->index, set->len, sizeof(*set->index), by_identity);
}

struct wanted *wanted_find(const struct wanted_set *set, const struct kube_kind *kind, const char *ns, const char *name)
{
    struct wanted key = {.kind = kind, .ns = (char *)ns, .name = (char *)name}, *at = &key;
    struct wanted **found = bsearch(&at, set->index, set->len, sizeof(*set->index), by_identity);

    return found ? *found : NULL;
}

struct wanted_set *wanted_from(struct mesh_objects *objects, const struct mark_owner *owner)
{
    struct wanted_set *set = NEW(struct wanted_set);

    set->items = NEW_ARRAY(struct wanted, objects->len);
    for (size_t i = 0; i < objects->len; i++)
        set->items[set->len++] = describe(&objects->items[i], owner);
    mesh_objects_release(objects);
    make_index(set);
    return set;
}

void wanted_replace(struct wanted_set *set, struct mesh_objects *objects, const struct mark_owner *owner)
{
    for (size_t i = 0; i < objects->len; i++) {
        struct wanted w = describe(&objects->items[i], owner);
        struct wanted *place = wanted_find(set, w.kind, w.ns, w.name);
        release(place);
        *place = w;
    }
    mesh_objects_release(objects);
}

int wanted_build(
    const json_t *resource, int minor, const char *const *versions, struct wanted_set **ret, struct problems *problems)
{
    struct istio_spec spec;
    struct mesh_objects objects = {0};
    struct mark_owner owner = {
        .api_version = API_GROUP_VERSION,
        .kind = "Istio",
        .ns = doc_string(resource, "metadata", "namespace"),
        .name = doc_string(resource, "metadata", "name"),
        .uid = doc_string(resource, "metadata", "uid"),
    };
    struct mesh_env env = {.spec = &spec, .ns = owner.ns, .versions = versions};

    if (wanted_check(resource, minor, NULL, &spec, problems) < 0)
        return -1;
    env.release = mesh_release_find(spec.version);
    mesh_render(&env, &objects);
    overlays_apply(spec.overlays, owner.ns, &objects, problems);
    if (problems->errors) {
        mesh_objects_release(&objects);
        istio_spec_release(&spec);
        return -1;
    }
    /* A file that was never in a cluster has no uid. */
    *ret = wanted_from(&objects, owner.uid ? &owner : NULL);
    (*ret)->spec = spec;
    (*ret)->release = env.release;
    return 0;
}

void wanted_forget_texts(struct wanted_set *set)
{
    for (size_t i = 0; i < set->len; i++)
        forget_text(&set->items[i]);
}

void wanted_free(struct wanted_set *set)
{
    if (!set)
        return;
    istio_spec_release(&set->spec);
    for (size_t i = 0; i < set->len; i++)
        release(&set->items[i]);
    free(set->items);
    free(set->index);
    free(set);
}
