#include "reconcile/volumes.h"

#include "base/str.h"
#include "doc/doc.h"

/* How a volume, or a part of a projected one, refers to an object. */
struct source {
    const char *field; /* of the volume */
    const char *name_in_volume, *name_in_projection;
    const char *kind;
};

static const struct source sources[] = {
    {"secret", "secretName", "name", "Secret"},
    {"configMap", "name", "name", "ConfigMap"},
};

/* A search through one Pod: the first missing object or key, and the number of missing ones. */
struct search {
    const struct kube_cache *observed;
    const struct volume_kinds *kinds;
    const char *ns;
    const char *volume; /* the name of the one that is checked */
    char *first;
    size_t missing;
};

static const struct kube_object *find(const struct search *s, const struct source *source, const char *name)
{
    const struct kube_kind *kind = source == sources ? s->kinds->secret : s->kinds->config_map;

    return kube_cache_get(s->observed, kind, s->ns, name);
}

static void add(struct search *s, char *text)
{
    s->missing++;
    if (s->first)
        free(text);
    else
        s->first = text;
}

static void
look_for_keys(struct search *s, const struct source *source, const struct kube_object *o, const json_t *items)
{
    _cleanup_json_ json_t *object = json_array_size(items) ? kube_object_parse(o) : NULL;
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        const char *key = doc_string(item, "key");
        if (!key || json_object_get(doc_at(object, "data"), key) || json_object_get(doc_at(object, "binaryData"), key))
            continue;
        add(s,
            str_printf(
                "volume %s needs key %s of %s %s, which has no such key", s->volume, key, source->kind, o->name));
    }
}

static void look_for(struct search *s, const struct source *source, const json_t *reference, const char *name)
{
    const struct kube_object *o;

    if (!name || doc_bool(doc_at(reference, "optional"), false))
        return;
    o = find(s, source, name);
    if (o)
        look_for_keys(s, source, o, doc_at(reference, "items"));
    else
        add(s, str_printf("volume %s needs %s %s, which does not exist", s->volume, source->kind, name));
}

static void look_at_projection(struct search *s, const json_t *projection)
{
    for (size_t k = 0; k < ARRAY_LEN(sources); k++) {
        const json_t *reference = doc_at(projection, sources[k].field);
        look_for(s, &sources[k], reference, doc_string(reference, sources[k].name_in_projection));
    }
}

static void look_at_volume(struct search *s, const json_t *volume)
{
    json_t *projection;
    size_t i;

    s->volume = str_or(doc_string(volume, "name"), "?");
    for (size_t k = 0; k < ARRAY_LEN(sources); k++) {
        const json_t *reference = doc_at(volume, sources[k].field);
        look_for(s, &sources[k], reference, doc_string(reference, sources[k].name_in_volume));
    }
    json_array_foreach(doc_at(volume, "projected", "sources"), i, projection)
        look_at_projection(s, projection);
}

char *volumes_missing(const struct kube_cache *observed, const struct volume_kinds *kinds, const json_t *pod)
{
    struct search s = {.observed = observed, .kinds = kinds, .ns = doc_string(pod, "metadata", "namespace")};
    _cleanup_free_ char *first = NULL;
    json_t *volume;
    size_t i;

    json_array_foreach(doc_at(pod, "spec", "volumes"), i, volume)
        look_at_volume(&s, volume);
    first = s.first;
    if (!first)
        return NULL;
    return s.missing == 1 ? str_printf("FailedMount: %s", first)
                          : str_printf("FailedMount: %s, and %zu more", first, s.missing - 1);
}
