#include "kube/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/merge.h"
#include "kube/quantity.h"
#include "kube/schema.h"

const struct kube_kind *kube_kind_find(const struct kube_kind_table *table, const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    size_t group_len = slash ? (size_t)(slash - api_version) : 0;

    for (size_t i = 0; i < table->len; i++) {
        const struct kube_kind *row = &table->rows[i];
        if (!row->view && str_eq(row->kind, kind) && strlen(row->group) == group_len &&
            memcmp(row->group, api_version, group_len) == 0)
            return row;
    }
    return NULL;
}

const struct kube_kind *kube_kind_own(const struct kube_kind_table *table, const struct kube_kind *kind)
{
    for (size_t i = 0; i < table->len && kind->view; i++)
        if (!table->rows[i].view && str_eq(table->rows[i].kind, kind->kind) &&
            str_eq(table->rows[i].group, kind->group))
            return &table->rows[i];
    return kind;
}

const char *kube_kind_version_for(const struct kube_kind *kind, int minor)
{
    for (size_t i = 0; i < KUBE_VERSIONS_MAX && kind->versions[i].name; i++) {
        const struct kube_version *v = &kind->versions[i];
        if (v->since <= minor && (!v->until || minor <= v->until))
            return v->name;
    }
    return NULL;
}

/* Whether the text is at this path: keys joined by dots, "[]" behind one for any element. */
static bool has_text_at(const json_t *value, const char *path, const char *text)
{
    size_t len = strcspn(path, "."), name = len >= 2 && path[len - 1] == ']' ? len - 2 : len, i;
    const char *rest = path[len] ? path + len + 1 : "";
    json_t *element;
    char key[64];

    if (!*path)
        return str_eq(json_string_value(value), text);
    snprintf(key, sizeof(key), "%.*s", (int)name, path);
    value = json_object_get(value, key);
    if (name == len)
        return has_text_at(value, rest, text);
    json_array_foreach((json_t *)value, i, element)
        if (has_text_at(element, rest, text))
            return true;
    return false;
}

bool kube_kind_needs(const struct kube_kind *kind, const json_t *object, const struct kube_kind *other,
                     const char *name, bool *ret_exactly)
{
    for (const struct kube_need *need = kind->needs; need && need->kind; need++) {
        if (!str_eq(need->kind, other->kind) || (need->path && !has_text_at(object, need->path, name)))
            continue;
        *ret_exactly = !need->path;
        return true;
    }
    return false;
}

void kube_api_version(const struct kube_kind *kind, const char *version, char ret[128])
{
    if (*kind->group)
        snprintf(ret, 128, "%s/%s", kind->group, version);
    else
        snprintf(ret, 128, "%s", version);
}

/*
 * Where a field's name has two rows, the first whose key the elements carry counts: `ports` are those of a container
 * (containerPort) or of a Service (port). Kubernetes' own strategic merge considers the port's number alone, and mixes
 * up those of two protocols; the keys are those of its server-side apply.
 */
const struct merge_key kube_merge_keys[] = {
    {"containers", "name", NULL, NULL},
    {"initContainers", "name", NULL, NULL},
    {"ephemeralContainers", "name", NULL, NULL},
    {"volumes", "name", NULL, NULL},
    {"volumeMounts", "mountPath", NULL, NULL},
    {"volumeDevices", "devicePath", NULL, NULL},
    {"env", "name", NULL, NULL},
    {"ports", "containerPort", "protocol", "TCP"},
    {"ports", "port", "protocol", "TCP"},
    {"imagePullSecrets", "name", NULL, NULL},
    {"secrets", "name", NULL, NULL}, /* of a ServiceAccount */
    {"hostAliases", "ip", NULL, NULL},
    {"topologySpreadConstraints", "topologyKey", "whenUnsatisfiable", ""},
    {"webhooks", "name", NULL, NULL},
    {"versions", "name", NULL, NULL}, /* of a CustomResourceDefinition */
    {"conditions", "type", NULL, NULL},
    {"ownerReferences", "uid", NULL, NULL},
    {NULL},
};

/* Of a custom kind nothing is known but its metadata. */
static const struct merge_key custom_merge_keys[] = {
    {"ownerReferences", "uid", NULL, NULL},
    {NULL},
};

static bool is_quantity_path(const char *path, enum kube_precision *ret)
{
    static const char *const maps[] = {"resources.requests.", "resources.limits.", "hard."};
    static const char *const fields[] = {".sizeLimit",          ".divisor",     ".averageValue",
                                         ".targetAverageValue", ".targetValue", ".target.value"};

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        /* The name of a resource may have dots of its own ("example.com/gpu"). */
        const char *at = strstr(path, maps[i]);
        if (at && (at == path || at[-1] == '.')) {
            *ret = KUBE_MILLI;
            return true;
        }
    }
    *ret = KUBE_NANO;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_ends(path, fields[i]))
            return true;
    return false;
}

/* What the server chooses where an empty value leaves it the choice. */
static bool is_allocated(const char *path)
{
    static const char *const paths[] = {"spec.clusterIP", "spec.healthCheckNodePort", "spec.ports[].nodePort"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (str_eq(path, paths[i]))
            return true;
    return false;
}

static bool same_to_server(const char *path, const json_t *desired, const json_t *live)
{
    char desired_number[KUBE_QUANTITY_NUMBER], live_number[KUBE_QUANTITY_NUMBER];
    const char *a = kube_quantity_text(desired, desired_number), *b = kube_quantity_text(live, live_number);
    enum kube_precision precision;

    if (!a || !b)
        return false;
    if (is_allocated(path) && (!*a || str_eq(a, "0")))
        return true;
    return is_quantity_path(path, &precision) && kube_quantity_equal(a, b, precision);
}

/* The path itself, or one below it. */
static bool is_foreign(const void *context, const char *path)
{
    const struct kube_merge *merge = context;

    for (size_t i = 0; i < ARRAY_LEN(merge->foreign); i++) {
        for (const char *const *f = merge->foreign[i]; f && *f; f++) {
            size_t len = strlen(*f);
            if (strncmp(path, *f, len) == 0 && (!path[len] || path[len] == '.' || path[len] == '['))
                return true;
        }
    }
    return false;
}

/* What the row says of a path that is not desired: that it goes, or what is below it. */
static enum merge_fate fate_by_row(const struct kube_kind *kind, const char *path)
{
    size_t len = strlen(path);

    for (const char *const *excluded = kind->excluded; excluded && *excluded; excluded++) {
        if (str_eq(*excluded, path))
            return MERGE_GOES;
        if (str_starts(*excluded, path) && (*excluded)[len] == '.')
            return MERGE_LOOK_WITHIN;
    }
    return MERGE_STAYS;
}

static enum merge_fate others(const void *context, const char *path, const struct merge_place *in, const char *field,
                              const json_t *value)
{
    const struct kube_merge *merge = context;
    enum merge_fate fate = fate_by_row(merge->kind, path);

    return fate == MERGE_STAYS ? kube_unions_fate(merge->kind, path, in, field, value) : fate;
}

/* Whether it is an entry of one of these maps of texts, of which servers keep those that are empty. */
static bool is_in_map_of_texts(const char *path)
{
    static const char *const maps[] = {"labels", "annotations", "matchLabels", "nodeSelector"};

    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        for (const char *at = path; (at = strstr(at, maps[i])); at++)
            if ((at == path || at[-1] == '.') && at[strlen(maps[i])] == '.')
                return true;
    return false;
}

static bool empty_counts(const void *context, const char *path)
{
    const struct kube_merge *merge = context;

    return is_in_map_of_texts(path) || kube_unions_empty_counts(merge->kind, path);
}

/* Of an autoscaler: servers keep them in autoscaling/v1, and give them in an order of their own. */
static const char *const unordered[] = {"metrics", NULL};

/* Any client may have entries of its own in these. */
static const char *const open_maps[] = {"labels", "annotations", NULL};

/*
 * The schema of a CustomResourceDefinition: parts of two of them are none, and its skeleton would take so much of the
 * object's annotations that `kubectl apply` has no room for its own.
 */
static const char *const whole[] = {"openAPIV3Schema", NULL};

void kube_merge_init(const struct kube_kind *kind, const char *const *foreign, struct kube_merge *ret)
{
    *ret = (struct kube_merge){
        .rules =
            {
                .keys = kind->unkeyed || kind->custom ? custom_merge_keys : kube_merge_keys,
                .unordered = kind->custom ? NULL : unordered,
                .open = open_maps,
                .whole = kind->is_definition ? whole : NULL,
                .same_whole = kube_schema_same,
                .empty_is_absent = !kind->custom,
                .empty_counts = empty_counts,
                .same = kind->custom ? NULL : same_to_server,
                .foreign = is_foreign,
                .others = others,
                .context = ret,
            },
        .kind = kind,
        .foreign = {kind->foreign, foreign},
    };
}
