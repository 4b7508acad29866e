#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/format.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define FILE_MAX (1 << 20)

/* For any value, as JSON. */
static const char *const odd[] = {
    "null",
    "true",
    "0",
    "1",
    "-1",
    "1.5",
    "70000",
    "2147483648",
    "\"\"",
    "\"a\"",
    "\"A\"",
    "\"a b\"",
    "\"-1\"",
    "\"a.b/c\"",
    "\"../a\"",
    "\"" SIXTY "abcd\"",
    "[]",
    "{}",
    "[null]",
    "[\"a\",\"a\"]",
    "[1]",
    "[{}]",
    "{\"a\":1}",
    "{\"a\":\"b\"}",
    "\"*\"",
    "\"25%\"",
    "\"1500u\"",
    "\"8Ei\"",
    "\"10.0.0.0/8\"",
};

/* For texts of a format. */
static const struct {
    const struct field_format *format;
    const char *values[16];
} texts[] = {
    {&format_image,
     {"docker.io/istio/pilot:1.0.5", "docker.io/Istio/pilot", "MyOrg/pilot", "localhost:5000/a/b", "a/../b", "a//b",
      "Registry.Example.com/a", "a@sha256:abc", "a:" SIXTY SIXTY TEN}},
    {&format_image_hub, {"docker.io/istio", "docker.io/MyOrg", "MyOrg", "localhost:5000", "a/../b", "a/", "istio"}},
    {&format_image_tag, {"1.0.5", "-x", "a:b", SIXTY SIXTY TEN}},
    {&format_ranges, {"10.0.0.0/8,fd00::/8", "10.0.0.0/08", "010.0.0.0/8", "10.0.0.0/33", "10.0.0.1/8,", "::/0"}},
    {&format_ranges_or_all, {"10.0.0.0/8,fd00::/8", "10.0.0.0/08", "010.0.0.0/8", "*,10.0.0.0/8", "::/0"}},
    {&format_host_port, {"zipkin.tracing:9411", "zipkin:0", "zipkin:65536", "a..b:1", "[::1]:9411"}},
    {&format_version, {"1.0.5", "1.0.6", "1.0", "v1.0.5", "1.31.1", "1.30.99", "1.31.1-rc.1"}},
    {&format_revision, {"canary", "1-31-1", "default", "a.b", "-a", SIXTY "abcd"}},
    {&format_folder, {"/opt/cni/bin", "opt", "/", "/a/../b", "//a", "/a:b", "/" SIXTY SIXTY SIXTY SIXTY TEN TEN}},
    {&format_socket,
     {"unix:/var/run/sds/uds_path", "/var/run/sds/uds_path", "unix:a", "unix:/a/", "unix:/" SIXTY SIXTY}},
    {&format_file_name, {"10-a.conflist", ".", "..", "a/b", SIXTY SIXTY SIXTY SIXTY TEN TEN}},
};

/* For documents, varied in every part. */
static const struct {
    const char *field, *value;
} samples[] = {
    {"resources", "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"1Gi\",\"example.com/gpu\":1,\"hugepages-2Mi\":\"4Mi\"},"
                  "\"limits\":{\"cpu\":\"200m\",\"memory\":\"1Gi\",\"example.com/gpu\":1,\"hugepages-2Mi\":\"4Mi\","
                  "\"ephemeral-storage\":\"1Gi\"}}"},
    {"env", "{\"A\":\"b\",\"PILOT_TRACE_SAMPLING\":\"\",\"GOMEMLIMIT\":\"1\"}"},
    {"excludeNamespaces", "[\"kube-system\",\"a\"]"},
    {"meshConfig", "{\"defaultConfig\":{\"proxyMetadata\":{\"A\":\"b\"}},\"extensionProviders\":[{\"name\":\"a\"}],"
                   "\"trustDomain\":\"a\",\"enableTracing\":true}"},
    {"nodeSelector", "{\"kubernetes.io/os\":\"linux\",\"disk\":\"ssd\"}"},
    {"tolerations",
     "[{\"operator\":\"Exists\"},{\"key\":\"a\",\"operator\":\"Equal\",\"value\":\"b\",\"effect\":\"NoExecute\","
     "\"tolerationSeconds\":30}]"},
    {"affinity",
     "{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[{"
     "\"matchExpressions\":"
     "[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b\"]},{\"key\":\"a\",\"operator\":\"Gt\",\"values\":[\"1\"]}],"
     "\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":[\"node\"]}]}]},"
     "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,\"preference\":{\"matchExpressions\":"
     "[{\"key\":\"a\",\"operator\":\"Exists\"}]}}]},"
     "\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"labelSelector\":{\"matchLabels\":"
     "{\"a\":\"b\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"b\"]}]},"
     "\"namespaces\":[\"default\"],\"topologyKey\":\"kubernetes.io/hostname\"}],"
     "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":100,\"podAffinityTerm\":{\"topologyKey\":\"a\"}}"
     "]}}"},
    {"imagePullSecrets", "[\"one\",\"two.b\"]"},
    {"autoInjectionNamespaces", "[\"default\",\"shop\"]"},
    {"enabledServices", "[{\"name\":\"zipkin\",\"labelSelector\":\"app=jaeger\"}]"},
    {"overlays",
     "[{\"kind\":\"Deployment\",\"name\":\"istio-pilot\",\"patches\":[{\"op\":\"add\",\"path\":\"/spec/paused\","
     "\"value\":true},{\"op\":\"copy\",\"from\":\"/spec/replicas\",\"path\":\"/spec/minReadySeconds\"}]}]"},
    {"overlays",
     "[{\"kind\":\"Deployment\",\"name\":\"istiod\",\"patches\":[{\"op\":\"add\",\"path\":\"/spec/minReadySeconds\","
     "\"value\":1}]}]"},
};

static json_t *parse(const char *text)
{
    json_t *value;
    struct err e;

    if (doc_parse(text, strlen(text), SIZE_MAX, &value, &e) < 0)
        abort();
    return value;
}

/* --- variants of a document --- */

/* A place in a document: what holds the value there, by key or by index. */
struct place {
    json_t *whole, *holder;
    const char *key;
    size_t index;
    struct buf path;
    values_fn fn;
    void *context;
};

static void put(struct place *at, json_t *value)
{
    if (at->key)
        json_object_set(at->holder, at->key, value);
    else
        json_array_set(at->holder, at->index, value);
}

static void tell(struct place *at)
{
    at->fn(buf_str(&at->path), at->whole, at->context);
}

static void vary(struct place *at, json_t *value);

static void vary_below(const struct place *at, json_t *value)
{
    struct place below = {.whole = at->whole, .holder = value, .fn = at->fn, .context = at->context};
    _cleanup_json_ json_t *keys = json_array();
    json_t *item;
    const char *key;
    size_t i;

    /* A list of its own, because variants remove and add keys. */
    json_object_foreach(value, key, item)
        json_array_append_new(keys, json_string(key));
    for (i = 0; i < (json_is_array(value) ? json_array_size(value) : json_array_size(keys)); i++) {
        below.key = json_is_array(value) ? NULL : json_string_value(json_array_get(keys, i));
        below.index = i;
        buf_reset(&below.path);
        buf_add_str(&below.path, buf_str((struct buf *)&at->path));
        if (below.key)
            doc_path_key(&below.path, below.key);
        else
            doc_path_index(&below.path, i);
        vary(&below, below.key ? json_object_get(value, below.key) : json_array_get(value, i));
    }
    buf_release(&below.path);
}

static void vary(struct place *at, json_t *value)
{
    _cleanup_json_ json_t *kept = json_incref(value);

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        _cleanup_json_ json_t *other = parse(odd[i]);
        put(at, other);
        tell(at);
    }
    if (at->key) {
        json_object_del(at->holder, at->key);
        tell(at);
    }
    put(at, kept);
    if (json_is_object(value)) {
        json_object_set_new(value, "unknownField", json_string("a"));
        tell(at);
        json_object_del(value, "unknownField");
    }
    if (json_is_array(value) && json_array_size(value)) {
        json_array_append(value, json_array_get(value, 0));
        tell(at);
        json_array_remove(value, json_array_size(value) - 1);
    }
    vary_below(at, value);
}

void values_each_variant(const json_t *document, values_fn fn, void *context)
{
    _cleanup_json_ json_t *whole = doc_copy(document);
    struct place top = {.whole = whole, .fn = fn, .context = context};

    vary_below(&top, whole);
    buf_release(&top.path);
}

/* --- specs --- */

struct specs {
    struct map *seen;             /* what was varied in full: tables and fields, by their addresses */
    const char *version;          /* of the resource, which decides about the table; NULL: it has none */
    const struct field *above[8]; /* the fields around */
    size_t depth;
    values_fn fn;
    void *context;
};

static bool has_row(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->len; i++)
        if (str_eq(table->rows[i].name, name))
            return true;
    return false;
}

/* A spec with one field at the place below `above`. What can be enabled is, or nothing follows from the field. */
static void tell_spec(const struct specs *s, const char *name, const json_t *value)
{
    _cleanup_json_ json_t *spec = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;
    json_t *in = spec;

    buf_add_str(&path, "spec");
    if (s->version)
        json_object_set_new(spec, "version", json_string(s->version));
    for (size_t i = 0; i < s->depth; i++) {
        json_t *inner = json_object();
        json_object_set_new(in, s->above[i]->name, inner);
        doc_path_key(&path, s->above[i]->name);
        if (has_row(s->above[i]->table, "enabled"))
            json_object_set_new(inner, "enabled", json_true());
        in = inner;
    }
    json_object_set_new(in, name, doc_copy(value));
    doc_path_key(&path, name);
    s->fn(buf_str(&path), spec, s->context);
}

struct one_field {
    const struct specs *specs;
    const char *name;
};

static void tell_variant(const char *path, const json_t *document, void *context)
{
    const struct one_field *one = context;

    (void)path;
    tell_spec(one->specs, one->name, json_object_get(document, "value"));
}

static void vary_field(const struct specs *s, const struct field *field)
{
    struct one_field one = {s, field->name};

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        _cleanup_json_ json_t *value = parse(odd[i]);
        tell_spec(s, field->name, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (const char *const *text = texts[i].values; field->format == texts[i].format && *text; text++) {
            _cleanup_json_ json_t *value = json_string(*text);
            tell_spec(s, field->name, value);
        }
    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        _cleanup_json_ json_t *value = json_string(*choice);
        tell_spec(s, field->name, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        _cleanup_json_ json_t *holder = json_object();
        if (!str_eq(samples[i].field, field->name))
            continue;
        json_object_set_new(holder, "value", parse(samples[i].value));
        tell_variant("", holder, &one);
        values_each_variant(holder, tell_variant, &one);
    }
}

/* A good value alone, where the field was varied in full elsewhere. */
static void show_field(const struct specs *s, const struct field *field)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        if (str_eq(samples[i].field, field->name)) {
            _cleanup_json_ json_t *value = parse(samples[i].value);
            tell_spec(s, field->name, value);
        }
}

static void each_field(const struct specs *s, const struct field_table *table)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *field = &table->rows[i];
        struct specs inner = *s;
        char key[256];
        if (field->type == FIELD_GROUP) {
            inner.above[inner.depth++] = field;
            each_field(&inner, field->table);
            continue;
        }
        /* Of one name and held to the same, wherever it is. */
        snprintf(key, sizeof(key), "%s %d %g %g %p %p %p", field->name, field->type, field->least, field->most,
                 (const void *)field->format, (const void *)field->items, (const void *)field->table);
        if (map_has(s->seen, key))
            show_field(s, field);
        else
            vary_field(s, field);
        map_put(s->seen, key, (void *)field);
    }
}

void values_each_spec(const struct api_resource *r, const char *version, values_fn fn, void *context)
{
    _cleanup_map_ struct map *seen = map_new(NULL);
    _cleanup_json_ json_t *resource = OBJECT(MAP("spec", STRING("version", version)));
    struct specs s = {.seen = seen, .version = version, .fn = fn, .context = context};

    each_field(&s, api_edition_of(r, resource, NULL).form->spec);
}

/* --- objects --- */

json_t *values_objects(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(FILE_MAX);
    struct yaml_documents docs = {0};
    json_t *objects = json_array();
    FILE *file = fopen(VALUES_OBJECTS, "re");
    char chunk[4096];
    struct err e;

    if (!file)
        abort();
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), file)) > 0;)
        if (buf_add(&text, chunk, n) < 0)
            abort();
    fclose(file);
    if (yaml_parse(VALUES_OBJECTS, buf_str(&text), text.len, FILE_MAX, &docs, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    for (size_t i = 0; i < docs.len; i++)
        json_array_append(objects, docs.items[i].value);
    yaml_documents_release(&docs);
    return objects;
}
