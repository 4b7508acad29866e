#include "kube/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doc/merge.h"

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

const struct kube_kind *kube_kind_view(const struct kube_kind_table *table, const char *view)
{
    for (size_t i = 0; i < table->len; i++)
        if (str_eq(table->rows[i].view, view))
            return &table->rows[i];
    return NULL;
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

void kube_api_version(const struct kube_kind *kind, const char *version, char ret[128])
{
    if (*kind->group)
        snprintf(ret, 128, "%s/%s", kind->group, version);
    else
        snprintf(ret, 128, "%s", version);
}

/*
 * Where a field's name has two rows, the first whose key the elements carry counts: `ports` are those of a container
 * (containerPort) or of a Service (port).
 */
const struct merge_key kube_merge_keys[] = {
    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
    {"env", "name"},
    {"ports", "containerPort"},
    {"ports", "port"},
    {"imagePullSecrets", "name"},
    {"secrets", "name"}, /* of a ServiceAccount */
    {"hostAliases", "ip"},
    {"topologySpreadConstraints", "topologyKey"},
    {"webhooks", "name"},
    {"conditions", "type"},
    {"ownerReferences", "uid"},
    {NULL, NULL},
};

/* Of a custom kind nothing is known but its metadata. */
static const struct merge_key custom_merge_keys[] = {
    {"ownerReferences", "uid"},
    {NULL, NULL},
};

/* A decimal number times a power of two, as m * 2^twos * 5^fives with m coprime to ten: equal values, equal parts. */
struct quantity {
    bool negative;
    unsigned __int128 m;
    int twos, fives;
};

#define QUANTITY_DIGITS_MAX 36 /* of a 128 bit number, safely */
#define QUANTITY_EXPONENT_MAX 1000

static bool read_exponent(const char *s, int *ret)
{
    int64_t value;

    if (*s == '+')
        s++;
    if (!str_to_int64(s, &value) || value > QUANTITY_EXPONENT_MAX || value < -QUANTITY_EXPONENT_MAX)
        return false;
    *ret = (int)value;
    return true;
}

static bool read_suffix(const char *s, int *ret_tens, int *ret_twos)
{
    static const struct {
        const char *suffix;
        int tens, twos;
    } suffixes[] = {
        {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
        {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
        {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
    };

    *ret_twos = 0;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (!str_eq(s, suffixes[i].suffix))
            continue;
        *ret_tens = suffixes[i].tens;
        *ret_twos = suffixes[i].twos;
        return true;
    }
    return (*s == 'e' || *s == 'E') && read_exponent(s + 1, ret_tens);
}

/* The grammar of resource.Quantity ("Quantity" in the Kubernetes API reference). */
static bool quantity_read(const char *s, struct quantity *ret)
{
    struct quantity q = {0};
    int digits = 0, fraction = 0, tens, twos;
    bool any = false, point = false;

    if (*s == '+' || *s == '-')
        q.negative = *s++ == '-';
    for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        any = true;
        fraction += point;
        if ((q.m || *s != '0') && ++digits > QUANTITY_DIGITS_MAX)
            return false;
        q.m = q.m * 10 + (unsigned)(*s - '0');
    }
    if (!any || !read_suffix(s, &tens, &twos))
        return false;
    if (!q.m) {
        *ret = (struct quantity){0};
        return true;
    }
    q.fives = tens - fraction;
    q.twos = tens - fraction + twos;
    for (; q.m % 2 == 0; q.m /= 2)
        q.twos++;
    for (; q.m % 5 == 0; q.m /= 5)
        q.fives++;
    *ret = q;
    return true;
}

bool kube_quantity_equal(const char *a, const char *b)
{
    struct quantity x, y;

    if (str_eq(a, b))
        return true;
    return quantity_read(a, &x) && quantity_read(b, &y) && x.negative == y.negative && x.m == y.m && x.twos == y.twos &&
           x.fives == y.fives;
}

static bool is_quantity_path(const char *path)
{
    static const char *const maps[] = {"resources.requests.", "resources.limits.", "hard."};
    static const char *const fields[] = {".sizeLimit", ".divisor", ".averageValue", ".targetAverageValue"};
    const char *last = strrchr(path, '.');

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        /* The name of a resource may have dots of its own ("example.com/gpu"). */
        const char *at = strstr(path, maps[i]);
        if (at && (at == path || at[-1] == '.'))
            return true;
    }
    for (size_t i = 0; last && i < ARRAY_LEN(fields); i++)
        if (str_eq(last, fields[i]))
            return true;
    return false;
}

/* YAML's `cpu: 1` is a number and the server's answer the string "1". */
static const char *scalar_text(const json_t *value, char number[64])
{
    if (json_is_integer(value))
        snprintf(number, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, 64, "%.17g", json_real_value(value));
    else
        return json_string_value(value);
    return number;
}

static bool same_quantity(const char *path, const json_t *wanted, const json_t *live)
{
    char wanted_number[64], live_number[64];
    const char *a, *b;

    if (!is_quantity_path(path))
        return false;
    a = scalar_text(wanted, wanted_number);
    b = scalar_text(live, live_number);
    return a && b && kube_quantity_equal(a, b);
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

/* Anybody may have entries of their own in these. */
static const char *const open_maps[] = {"labels", "annotations", NULL};

void kube_merge_init(const struct kube_kind *kind, const char *const *foreign, struct kube_merge *ret)
{
    *ret = (struct kube_merge){
        .rules =
            {
                .keys = kind->unkeyed  ? NULL
                        : kind->custom ? custom_merge_keys
                                       : kube_merge_keys,
                .open = open_maps,
                .empty_is_absent = !kind->custom,
                .same = kind->custom ? NULL : same_quantity,
                .foreign = is_foreign,
                .context = ret,
            },
        .foreign = {kind->foreign, foreign},
    };
}
