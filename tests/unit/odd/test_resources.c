/*
 * Our resources, odd in every place that the tables of fields know: what cannot be is refused with its path, by the
 * parser, the admission webhook and in the status alike, what is taken can be planned, and nothing ends the process.
 *
 * The tables are walked, so that a new field is tried without a line here, unless its value needs a sample of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/resource.h"
#include "api/status.h"
#include "base/map.h"
#include "base/str.h"
#include "controllers/canary/canary.h"
#include "controllers/canary/canary_plan.h"
#include "controllers/kinds.h"
#include "controllers/remote/remote_istio.h"
#include "controllers/resources.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/resources.h"
#include "odd.h"
#include "remote_world.h"
#include "serve/admission.h"

/* No resource's struct is larger. */
#define SPEC_MAX_BYTES 16384
#define VERSION "1.0.5"
#define MINOR 20

/* Where any value of the type will not do, because rules look at more than one field; JSON. */
static const struct sample {
    const char *path, *value;
} samples[] = {
    {".tolerations[0]", "{\"key\":\"a\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}"},
    {".tolerations[0].value", "\"\""},
    {"spec.analysis.steps[0]", "{\"weight\":10}"},
    {"spec.analysis.sessionAffinity.primaryCookieName", "\"b\""},
    {".match[0].headers", "{\"a\":{\"exact\":\"b\"}}"},
    {"spec.analysis.match[0]", "{\"sourceLabels\":{\"a\":\"b\"}}"},
    {"spec.analysis.steps[0].match[0]", "{\"sourceLabels\":{\"a\":\"b\"}}"},
    {"spec.analysis.metrics[0].name", "\"request-duration\""},
    {"spec.autoscalerRef.apiVersion", "\"autoscaling/v2\""},
    {"spec.autoscalerRef.kind", "\"HorizontalPodAutoscaler\""},
    {"spec.analysis.webhooks[0]", "{\"name\":\"a\",\"url\":\"http://a:1\"}"},
    {"spec.analysis.alerts[0]", "{\"name\":\"a\",\"url\":\"http://a:1\"}"},
    {"spec.gatewayFederation.enabled", "false"}, /* it needs the names of the cluster and its network */
    {"spec.overlays[0].kind", "\"Deployment\""},
    {"spec.overlays[0].name", "\"istio-ingressgateway\""},
    {"spec.overlays[0].namespace", "\"istio-system\""},
    {"spec.overlays[0].patches", "[{\"op\":\"add\",\"path\":\"/metadata/labels/a\",\"value\":\"a\"}]"},
    {"spec.overlays[0].patches[0].path", "\"/metadata/labels/a\""},
    {"spec.overlays[0].patches[0].value", "\"a\""},
    {".tolerations[0].effect", "\"NoExecute\""},
    {"spec.meshConfig",
     "{\"defaultConfig\":{\"proxyMetadata\":{\"A\":\"b\"},\"holdApplicationUntilProxyStarts\":true},"
     "\"extensionProviders\":[{\"name\":\"a\",\"zipkin\":{\"service\":\"b\",\"port\":9411}}],\"trustDomain\":\"c\"}"},
    {".nodeAffinity",
     "{\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":"
     "\"a\",\"operator\":\"In\",\"values\":[\"b\"]}]}]},\"preferredDuringSchedulingIgnoredDuringExecution\":"
     "[{\"weight\":1,\"preference\":{\"matchFields\":[]}}]}"},
    {".podAffinity",
     "{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"a\",\"labelSelector\":"
     "{\"matchLabels\":{\"a\":\"b\"}},\"namespaces\":[\"a\"]}]}"},
    {".podAntiAffinity",
     "{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,\"podAffinityTerm\":{\"topologyKey\":\"a\"}}]"
     "}"},
};

/* The least that a Canary has. */
#define CANARY_SPEC "{\"targetRef\":{\"name\":\"app\"},\"service\":{\"port\":80},\"skipAnalysis\":true}"
#define TARGET                                                                                                         \
    "{\"apiVersion\":\"apps/"                                                                                          \
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"app\",\"namespace\":\"istio-system\"},"                     \
    "\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":"    \
    "{\"a\":\"b\"}}}}}"

/* Fields that need the value of another one, so that no value of theirs is good alone. */
static const char *const dependent[] = {
    "spec.gateways.egress.ports[0].nodePort",
    "spec.sidecarRenewal.namespaceSelector.matchExpressions[0].values",
    "spec.sidecarRenewal.namespaceSelector.matchExpressions[0].values[0]",
    "spec.skipAnalysis",
    "spec.analysis.steps[0].weight",
    "spec.analysis.steps[0].match",
    "spec.analysis.steps[0].mirror",
    "spec.analysis.sessionAffinity.partitioned",
    "spec.analysis.match[0].sourceLabels",
    "spec.analysis.steps[0].match[0].sourceLabels",
    "spec.analysis.steps[0].match[0].headers.a.exact",
    "spec.analysis.steps[0].match[0].headers.a.prefix",
    "spec.analysis.steps[0].match[0].headers.a.regex",
    "spec.analysis.match[0].headers.a.exact",
    "spec.analysis.match[0].headers.a.prefix",
    "spec.analysis.match[0].headers.a.regex",
    "spec.analysis.steps[0].pause",
    "spec.analysis.steps[0].approve",
    "spec.analysis.webhooks[0].url",
    "spec.analysis.alerts[0].url",
};

/* Tried one after another for a text of any format. */
static const char *const texts[] = {
    "a",
    "a:1",
    "1.0.5",
    "10.0.0.0/8",
    "192.0.2.7",
    "/a",
    "a=b",
    "A",
    "docker.io/istio",
    "",
    "2006-01-02T15:04:05Z",
    "30s",
    "22:30",
    "unix:/a",
    "80",
    "http://a:1"};

/* What is said of a value. */
enum verdict { TAKEN, REFUSED, EITHER };

struct walk {
    const struct api_resource *r;
    const char *version; /* of Istio: its table */
    int minor;           /* of Kubernetes */
    json_t *resource;
    struct buf path;
    struct remote_world *world;
    /*
     * Rows of tables that several components share: to make all objects takes milliseconds, so that what is in their
     * fields is planned for the first of them, and parsed and reviewed for each.
     */
    struct map *rows;
    bool planned;
    size_t places, tries, refused;
};

/* A place of the resource: a field of a map, or with a NULL key an element of a list. */
struct place {
    json_t *container;
    const char *key;
    size_t index;
};

static void put(const struct place *p, json_t *value)
{
    if (!p->key)
        json_array_set_new(p->container, p->index, value);
    else if (value)
        json_object_set_new(p->container, p->key, value);
    else
        json_object_del(p->container, p->key);
}

/* --- what the resource comes to --- */

static void parse(const struct walk *w, struct problems *problems)
{
    _cleanup_free_ void *spec = mem_new0(1, SPEC_MAX_BYTES);

    if (api_parse(w->r, w->resource, NULL, spec, SPEC_MAX_BYTES, problems) == 0)
        field_release(api_edition_of(w->r, w->resource, NULL).form->spec, spec);
}

static char *review_text(const struct walk *w)
{
    _cleanup_json_ json_t *review = OBJECT(
        STRING("apiVersion", "admission.k8s.io/v1"),
        STRING("kind", "AdmissionReview"),
        MAP("request",
            STRING("uid", "u"),
            MAP("kind", STRING("group", API_GROUP), STRING("version", API_VERSION), STRING("kind", w->r->kind)),
            STRING("namespace", NS),
            STRING("name", doc_string(w->resource, "metadata", "name")),
            STRING("operation", "CREATE"),
            VALUE("object", json_incref(w->resource))));

    return doc_text(review);
}

/* Only overlays make the webhook try out what becomes of the objects, as the planner does for all fields. */
static bool is_overlay(const struct walk *w)
{
    return str_starts(buf_str(&w->path), "spec.overlays");
}

/* Why the webhook refuses it, owned by the caller; NULL: it does not. */
static char *review(const struct walk *w)
{
    const char *versions[KIND_COUNT];
    const struct admission_context context = {
        .kubernetes_minor = w->minor, .versions = is_overlay(w) ? versions : NULL};
    _cleanup_free_ char *text = review_text(w);
    _cleanup_json_ json_t *answer = NULL;
    struct admission_verdict verdict;
    struct err e;

    mesh_versions_for(w->minor, versions);
    if (admission_review(text, strlen(text), &context, &verdict, &e) < 0)
        fail_msg("%s: %s", buf_str(&w->path), e.text);
    assert_int_equal(doc_parse(verdict.review, strlen(verdict.review), SIZE_MAX, &answer, NULL), 0);
    free(verdict.review);
    assert_int_equal(doc_bool(doc_at(answer, "response", "allowed"), !verdict.allowed), verdict.allowed);
    if (verdict.allowed)
        return NULL;
    return str_dup(doc_string(answer, "response", "status", "message"));
}

static const char *refusal_in(const struct plan *plan, const char *kind)
{
    static char message[8192];

    for (size_t i = 0; i < plan->len; i++) {
        const struct kube_action *a = &plan->actions[i];
        _cleanup_json_ json_t *body = NULL;
        if (a->verb != KUBE_UPDATE_STATUS || !str_eq(a->kind->kind, kind))
            continue;
        assert_int_equal(doc_parse(a->body, strlen(a->body), SIZE_MAX, &body, NULL), 0);
        snprintf(message, sizeof(message), "%s", doc_string(body, "status", STATUS_FIELD_ERROR_MESSAGE));
        return str_eq(doc_string(body, "status", STATUS_FIELD_STATUS), STATUS_RECONCILE_FAILED) ? message : NULL;
    }
    return NULL;
}

/* As the server has it: with its uid and our finalizer. */
static void observe(struct walk *w)
{
    struct world *central = &w->world->central;
    const char *name = doc_string(w->resource, "metadata", "name");
    const struct kube_kind *kind = kube_kind_find(&mesh_kinds, API_GROUP_VERSION, w->r->kind);
    const struct kube_object *before = kube_cache_get(central->cache, kind, NS, name);
    json_t *object = doc_copy(w->resource);

    json_object_set_new(doc_make(object, "metadata"), "uid", json_string(before ? before->uid : "u"));
    json_object_set_new(doc_make(object, "metadata"), "finalizers", ARRAY(ITEM_STRING(w->r->finalizer)));
    world_put(central, object);
}

static const char *plan_canary(struct walk *w)
{
    struct world *central = &w->world->central;
    const struct plan_input input = {
        .now = SECONDS(1545000000), .server = &central->server, .observed = central->cache, .synced = ~0u};
    const struct plan_world world = {.central = &input, .contact = {.error = ""}};
    const struct kube_object *o =
        kube_cache_get(central->cache, mesh_kind(KIND_CANARY), NS, doc_string(w->resource, "metadata", "name"));
    void *memo = canary_reconciler.memo_new();
    struct reconcile_plan made;
    const char *refusal;

    assert_true(reconcile_resource(&canary_reconciler, &world, o, memo, &made));
    refusal = refusal_in(&made.central, w->r->kind);
    reconcile_plan_release(&made);
    canary_reconciler.memo_free(memo);
    return refusal;
}

/* Why the status says that it is refused; NULL: it does not, or not now. */
static const char *plan(struct walk *w)
{
    const char *refusal = NULL;

    observe(w);
    if (w->r == &api_resource_istio) {
        struct plan made = world_plan(&w->world->central);
        refusal = refusal_in(&made, w->r->kind);
        plan_release(&made);
    } else if (w->r == &api_resource_canary) {
        refusal = plan_canary(w);
    } else {
        struct reconcile_plan made;
        remote_world_plan(w->world, &made);
        refusal = refusal_in(&made.central, w->r->kind);
        reconcile_plan_release(&made);
    }
    return refusal;
}

static void render(struct walk *w)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_free_ const char **versions = NEW_ARRAY(const char *, mesh_kinds.len);
    _cleanup_json_ json_t *documents = json_array();
    _cleanup_json_ json_t *mesh =
        world_get(&w->world->central, API_GROUP_VERSION, api_resource_istio.kind, NS, "istio");
    const struct check_context context = {.minor = w->minor, .versions = versions, .mesh = mesh};

    mesh_versions_for(w->minor, versions);
    operator_kinds_find(w->r->kind)->check(w->resource, &context, documents, &problems);
}

static bool names_path(const char *message, const char *path)
{
    return message && strstr(message, path);
}

/* `what` is in the place that the path says. */
static void check_value(struct walk *w, enum verdict expected, const char *what)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf told = BUF_INIT;
    const char *path = buf_str(&w->path), *refusal;
    _cleanup_free_ char *denial = NULL;

    w->tries++;
    parse(w, &problems);
    problems_text(&problems, PROBLEM_ERROR, "; ", &told);
    if (expected == TAKEN && problems.errors)
        fail_msg("%s: %s %s, which is allowed, but: %s", w->r->kind, path, what, buf_str(&told));
    if (expected == REFUSED && !problems_error_at(&problems, path))
        fail_msg("%s: %s %s, and no error says so: %s", w->r->kind, path, what, buf_str(&told));
    denial = review(w);
    if ((problems.errors || expected == TAKEN) && !denial != !problems.errors)
        fail_msg(
            "%s: %s %s: %s, but the webhook says: %s",
            w->r->kind,
            path,
            what,
            problems.errors ? buf_str(&told) : "allowed",
            str_or(denial, "allowed"));
    if (expected == REFUSED && !names_path(denial, path))
        fail_msg("%s: %s %s: the webhook says: %s", w->r->kind, path, what, denial);
    w->refused += problems.errors > 0;
    if (!w->planned)
        return;
    refusal = plan(w);
    if (expected == REFUSED && !names_path(refusal, path))
        fail_msg("%s: %s %s: the status says: %s", w->r->kind, path, what, str_or(refusal, "nothing"));
    if (!problems.errors)
        render(w);
}

/* --- values of fields --- */

static bool path_fits(const char *path, const char *sample)
{
    return *sample == '.' ? str_ends(path, sample) : str_eq(path, sample);
}

static json_t *own_sample(const struct walk *w)
{
    const char *path = buf_str(&w->path);

    if (str_eq(path, "spec.version"))
        return json_string(w->version);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        json_t *value;
        if (!path_fits(path, samples[i].path))
            continue;
        assert_int_equal(doc_parse(samples[i].value, strlen(samples[i].value), SIZE_MAX, &value, NULL), 0);
        return value;
    }
    return NULL;
}

static const char *text_sample(const struct field_format *format)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_buf_ struct buf why = BUF_INIT;
        if (format_matches(format, texts[i], &why))
            return texts[i];
    }
    fail_msg("no text of this test is %s", format->words);
    return NULL;
}

static json_t *sample(struct walk *w, const struct field *f);

/* The fields without which there is no such object. */
static json_t *table_sample(struct walk *w, const struct field_table *table)
{
    json_t *map = json_object();

    for (size_t i = 0; i < table->len; i++) {
        size_t mark = w->path.len;
        doc_path_key(&w->path, table->rows[i].name);
        if (table->rows[i].required)
            json_object_set_new(map, table->rows[i].name, sample(w, &table->rows[i]));
        buf_truncate(&w->path, mark);
    }
    return map;
}

static json_t *list_sample(struct walk *w, const struct field *items)
{
    json_t *list = json_array();
    size_t mark = w->path.len;

    doc_path_index(&w->path, 0);
    json_array_append_new(list, sample(w, items));
    buf_truncate(&w->path, mark);
    return list;
}

/* A value that is good, and as small as can be. */
static json_t *sample(struct walk *w, const struct field *f)
{
    json_t *own = own_sample(w), *map;

    if (own)
        return own;
    switch (f->type) {
    case FIELD_FLAG:
        return json_true();
    case FIELD_INTEGER:
    case FIELD_PORTION:
        return json_integer((json_int_t)f->least);
    case FIELD_NUMBER:
        return json_real(f->least);
    case FIELD_TEXT:
        return json_string(text_sample(f->format));
    case FIELD_CHOICE:
        return json_string(f->choices[0]);
    case FIELD_QUANTITY:
        return json_string("1");
    case FIELD_TIME:
        return json_string("2006-01-02T15:04:05Z");
    case FIELD_ANY:
        return json_string("a");
    case FIELD_UNSUPPORTED:
        return f->otherwise ? field_default(f) : json_string("a");
    case FIELD_GROUP:
    case FIELD_DOCUMENT:
        return table_sample(w, f->table);
    case FIELD_LIST:
        return list_sample(w, f->items);
    case FIELD_MAP:
        map = json_object();
        json_object_set_new(
            map,
            str_eq(f->format->noun, format_resource_name.noun) ? "cpu" : text_sample(f->format),
            sample(w, f->items));
        return map;
    }
    return NULL;
}

static enum verdict verdict_of_number(const struct field *f, enum odd how)
{
    double value = how == ODD_ZERO       ? 0
                   : how == ODD_NEGATIVE ? (double)INT64_MIN
                   : how == ODD_LARGE    ? (double)INT64_MAX
                                         : 1e300;

    if (how < ODD_ZERO || how > ODD_REAL)
        return REFUSED;
    return value >= f->least && value <= f->most ? EITHER : REFUSED;
}

static enum verdict verdict_of_text(const struct field *f, enum odd how)
{
    if (how == ODD_LONG && f->type == FIELD_TEXT && !f->format->pattern)
        return EITHER;
    return how == ODD_EMPTY || how == ODD_TEXT || how == ODD_CONTROLS ? EITHER : REFUSED;
}

/* What is to be said of an odd value. Of what has the field's type it depends on the format and on rules. */
static enum verdict verdict_of(const struct field *f, bool is_item, enum odd how)
{
    if (how == ODD_ABSENT && is_item)
        return EITHER;
    if (how == ODD_ABSENT || how == ODD_NULL) {
        if (f->type == FIELD_ANY)
            return EITHER;
        return f->required || is_item ? REFUSED : TAKEN;
    }
    switch (f->type) {
    case FIELD_FLAG:
        return how == ODD_TRUE ? EITHER : REFUSED;
    case FIELD_INTEGER:
    case FIELD_NUMBER:
        return verdict_of_number(f, how);
    case FIELD_TEXT:
    case FIELD_CHOICE:
    case FIELD_TIME:
        return verdict_of_text(f, how);
    case FIELD_QUANTITY:
        return how == ODD_ZERO || how == ODD_LARGE ? EITHER : verdict_of_text(f, how);
    case FIELD_ANY:
    case FIELD_PORTION:
    case FIELD_UNSUPPORTED:
        return EITHER;
    case FIELD_GROUP:
    case FIELD_DOCUMENT:
        return how == ODD_MAP || how == ODD_KEYS ? EITHER : REFUSED;
    case FIELD_MAP:
        return how == ODD_MAP ? EITHER : REFUSED;
    case FIELD_LIST:
        if (how == ODD_NULLS)
            return f->items->type == FIELD_ANY ? EITHER : REFUSED;
        return how == ODD_LIST || how == ODD_MAPS || how == ODD_NESTED || how == ODD_TWICE ? EITHER : REFUSED;
    }
    return EITHER;
}

/* One character more than there may be. */
static json_t *too_long(const struct field_format *format)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (int i = 0; i <= format->max_length; i++)
        buf_add_char(&text, 'a');
    return json_string(buf_str(&text));
}

/* One more than there may be. */
static json_t *too_many(const struct field *f, const json_t *good)
{
    size_t count = (size_t)f->most + 1;
    json_t *value = f->type == FIELD_LIST ? json_array() : f->type == FIELD_MAP ? json_object() : NULL;

    for (size_t i = 0; value && i < count; i++) {
        _cleanup_free_ char *key = str_printf("a%zu", i);
        if (f->type == FIELD_LIST)
            json_array_append_new(value, doc_copy(json_array_get(good, 0)));
        else
            json_object_set_new(value, key, doc_copy(json_object_iter_value(json_object_iter((json_t *)good))));
    }
    return value;
}

/* Bytes that are no UTF-8 make a document that is none, wherever they stand. */
static void try_broken_bytes(struct walk *w, const struct place *p)
{
    static const char mark[] = "BROKEN-BYTES";
    static const char *const bytes[] = {"\xff\xfe", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf0\x9f\x98"};

    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *parsed = NULL;
        struct admission_verdict verdict;
        struct yaml_documents documents;
        struct err e;
        char *at;
        put(p, json_string(mark));
        text = review_text(w);
        at = strstr(text, mark);
        assert_non_null(at);
        memset(at, ' ', strlen(mark));
        memcpy(at, bytes[i], strlen(bytes[i]));
        assert_int_equal(doc_parse(text, strlen(text), SIZE_MAX, &parsed, &e), -1);
        assert_int_equal(yaml_parse("file", text, strlen(text), SIZE_MAX / 2, &documents, &e), -1);
        assert_int_equal(admission_review(text, strlen(text), &(struct admission_context){0}, &verdict, &e), -1);
        assert_int_equal(e.class, ERR_INVALID);
    }
}

static void walk_table(struct walk *w, const struct field_table *table, json_t *map);
static void walk_field(struct walk *w, const struct field *f, bool is_item, const struct place *p);

#define OPEN_PLANNED 5 /* as rows: one in so many */

/* A document whose fields have no rows: all that may be in it. */
static void walk_open(struct walk *w, const struct place *p, const json_t *good)
{
    size_t places = odd_places(good), mark = w->path.len;

    for (size_t place = 1; place < places; place++)
        for (enum odd how = 0; how < ODD_COUNT; how++) {
            json_t *value = odd_document(good, place, how, &w->path);
            if (value) {
                put(p, value);
                w->planned = w->tries % OPEN_PLANNED == 0;
                check_value(w, EITHER, odd_words(how));
            }
            buf_truncate(&w->path, mark);
        }
    w->planned = true;
}

static void walk_within(struct walk *w, const struct field *f, json_t *value)
{
    size_t mark = w->path.len;

    if (f->type == FIELD_GROUP || f->type == FIELD_DOCUMENT) {
        walk_table(w, f->table, value);
    } else if (f->type == FIELD_LIST) {
        doc_path_index(&w->path, 0);
        walk_field(w, f->items, true, &(struct place){.container = value});
    } else if (f->type == FIELD_MAP) {
        /* The map's own goes with the entry. */
        _cleanup_free_ char *key = str_dup(json_object_iter_key(json_object_iter(value)));
        doc_path_key(&w->path, key);
        walk_field(w, f->items, true, &(struct place){.container = value, .key = key});
    }
    buf_truncate(&w->path, mark);
}

static bool is_dependent(const struct walk *w)
{
    for (size_t i = 0; i < ARRAY_LEN(dependent); i++)
        if (str_eq(buf_str(&w->path), dependent[i]))
            return true;
    return false;
}

static bool is_new(struct walk *w, const struct field *f)
{
    _cleanup_free_ char *key = str_printf("%p", (const void *)f);
    bool known = map_has(w->rows, key);

    map_put(w->rows, key, NULL);
    return !known;
}

/* The place has a good value, and has it again afterwards. */
static void walk_field(struct walk *w, const struct field *f, bool is_item, const struct place *p)
{
    json_t *within = p->key ? json_object_get(p->container, p->key) : json_array_get(p->container, p->index);
    _cleanup_json_ json_t *good = doc_copy(within), *many = too_many(f, good);

    bool planned = is_new(w, f);

    w->places++;
    walk_within(w, f, within);
    w->planned = planned;
    check_value(w, f->type == FIELD_UNSUPPORTED || is_dependent(w) ? EITHER : TAKEN, "is as it should be");
    for (enum odd how = 0; how < ODD_COUNT; how++) {
        json_t *value = odd_value(how, good);
        if (!value && (how != ODD_ABSENT || !p->key))
            continue;
        enum verdict verdict = verdict_of(f, is_item, how);
        put(p, value);
        check_value(w, verdict == TAKEN && is_dependent(w) ? EITHER : verdict, odd_words(how));
    }
    if (many) {
        put(p, TAKE_PTR(many));
        check_value(w, REFUSED, "has too many elements");
    }
    if (f->type == FIELD_TEXT) {
        put(p, too_long(f->format));
        check_value(w, REFUSED, "is too long");
    }
    if (f->type == FIELD_TEXT || f->type == FIELD_CHOICE || f->type == FIELD_QUANTITY)
        try_broken_bytes(w, p);
    if (planned && (f->type == FIELD_ANY || (f->type == FIELD_DOCUMENT && f->table->open)))
        walk_open(w, p, good);
    put(p, TAKE_PTR(good));
}

static void walk_table(struct walk *w, const struct field_table *table, json_t *map)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct field *f = &table->rows[i];
        bool stays = json_object_get(map, f->name);
        size_t mark = w->path.len;
        doc_path_key(&w->path, f->name);
        if (!stays)
            json_object_set_new(map, f->name, sample(w, f));
        walk_field(w, f, false, &(struct place){.container = map, .key = f->name});
        if (!stays)
            json_object_del(map, f->name);
        buf_truncate(&w->path, mark);
    }
}

static void walk(const struct api_resource *r, const char *version, int minor, struct remote_world *world)
{
    struct walk w = {
        .r = r, .version = version, .minor = minor, .world = world, .rows = map_new(NULL), .planned = true};
    json_t *spec;

    w.resource = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", r->kind),
        MAP("metadata", STRING("name", r == &api_resource_istio ? "istio" : REMOTE), STRING("namespace", NS)),
        VALUE("spec", r->form ? doc_parse_own(CANARY_SPEC) : OBJECT(STRING("version", r->follower ? NULL : version))));
    spec = doc_at(w.resource, "spec");
    buf_add_str(&w.path, "spec");
    check_value(&w, TAKEN, "is as small as can be");
    walk_table(&w, api_edition_of(r, w.resource, NULL).form->spec, spec);
    buf_release(&w.path);
    map_free(w.rows);
    json_decref(w.resource);
    print_message("%s: %zu places, %zu values, %zu of them refused\n", r->kind, w.places, w.tries, w.refused);
    assert_true(w.places > 50 && w.refused > 10 * w.places / 2);
}

static void an_istio_with_an_odd_field_is_refused_with_its_path(void **state)
{
    walk(&api_resource_istio, VERSION, MINOR, *state);
}

static void an_istio_1_1_with_an_odd_field_is_refused_with_its_path(void **state)
{
    walk(&api_resource_istio, "1.1.17", MINOR, *state);
}

static void an_istio_of_today_with_an_odd_field_is_refused_with_its_path(void **state)
{
    walk(&api_resource_istio, REMOTE_WORLD_TODAYS_VERSION, REMOTE_WORLD_TODAYS_MINOR, *state);
}

static void a_remote_istio_with_an_odd_field_is_refused_with_its_path(void **state)
{
    remote_world_put_secret(*state, REMOTE, OBJECT(STRING("config", "e30=")));
    walk(&api_resource_remote_istio, VERSION, MINOR, *state);
}

static void a_remote_istio_1_1_with_an_odd_field_is_refused_with_its_path(void **state)
{
    remote_world_put_secret(*state, REMOTE, OBJECT(STRING("config", "e30=")));
    walk(&api_resource_remote_istio, "1.1.17", MINOR, *state);
}

static void a_canary_with_an_odd_field_is_refused_with_its_path(void **state)
{
    world_put_as(&((struct remote_world *)*state)->central, mesh_kind(KIND_TARGET_DEPLOYMENT), doc_parse_own(TARGET));
    walk(&api_resource_canary, VERSION, MINOR, *state);
}

/* Around the spec: what no API server lets through, and a file or a client of the webhook may have. */
static void a_resource_that_is_odd_itself_is_survived(void **state)
{
    for (const struct api_resource *const *r = api_resources; *r; r++) {
        _cleanup_json_ json_t *good = OBJECT(
            STRING("apiVersion", API_GROUP_VERSION),
            STRING("kind", (*r)->kind),
            MAP("metadata",
                STRING("name", *r == &api_resource_istio ? "istio" : REMOTE),
                STRING("namespace", NS),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z"),
                INT("generation", 1),
                MAP("labels", STRING("a", "b")),
                MAP("annotations", STRING("a", "b")),
                SEQ("finalizers", ITEM_STRING("a"))),
            MAP("spec"),
            MAP("status",
                STRING("Status", "Available"),
                INT("appliedGeneration", 1),
                SEQ("conditions", ITEM(STRING("type", "Ready"), STRING("status", "True")))));
        struct walk w = {.r = *r, .minor = MINOR, .world = *state};
        for (size_t place = 0; place < odd_places(good); place++)
            for (enum odd how = 0; how < ODD_COUNT; how++) {
                _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
                _cleanup_free_ char *denial = NULL;
                w.resource = odd_document(good, place, how, NULL);
                if (!w.resource)
                    continue;
                parse(&w, &problems);
                denial = review(&w);
                if (problems.errors && !denial)
                    fail_msg(
                        "place %zu %s: %s, but the webhook allows it", place, odd_words(how), problems.items[0].text);
                json_decref(w.resource);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_istio_with_an_odd_field_is_refused_with_its_path, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            an_istio_1_1_with_an_odd_field_is_refused_with_its_path, remote_world_setup_1_1, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            an_istio_of_today_with_an_odd_field_is_refused_with_its_path,
            remote_world_setup_today,
            remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_remote_istio_with_an_odd_field_is_refused_with_its_path, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_remote_istio_1_1_with_an_odd_field_is_refused_with_its_path,
            remote_world_setup_1_1,
            remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_canary_with_an_odd_field_is_refused_with_its_path, remote_world_setup, remote_world_teardown),
        cmocka_unit_test_setup_teardown(
            a_resource_that_is_odd_itself_is_survived, remote_world_setup, remote_world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
