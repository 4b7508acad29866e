#include "mesh_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "net/certificate.h"

int mesh_begin(void **state)
{
    struct world *w = NEW(struct world);

    world_init(w);
    *state = w;
    return 0;
}

int mesh_end(void **state)
{
    world_release(*state);
    free(*state);
    return 0;
}

int mesh_begin_installed(void **state)
{
    struct world *w;

    mesh_begin(state);
    w = *state;
    world_put_mesh(w, SPEC);
    if (world_converge(w) < 0)
        return -1;
    world_roll_out(w);
    return world_converge(w) < 0 ? -1 : 0;
}

#define TODAYS_MINOR 34
#define WEBHOOKS "admissionregistration.k8s.io/v1"

int mesh_begin_today(void **state, const char *spec)
{
    struct world *w;

    mesh_begin(state);
    w = *state;
    world_set_minor(w, TODAYS_MINOR);
    world_put_mesh(w, spec);
    return 0;
}

static void fill_in_ca_bundle(struct world *w, const char *kind)
{
    const struct kube_kind *row = kube_kind_find(&mesh_kinds, WEBHOOKS, kind);
    _cleanup_json_ json_t *all = json_array();
    const struct kube_object *o;
    json_t *configuration, *webhook;
    size_t i, k;

    for (i = 0; (o = kube_cache_next(w->cache, row, &i));)
        json_array_append_new(all, kube_object_parse(o));
    assert_true(json_array_size(all) > 0);
    json_array_foreach(all, i, configuration) {
        json_array_foreach(doc_at(configuration, "webhooks"), k, webhook)
            json_object_set_new(doc_at(webhook, "clientConfig"), "caBundle", json_string("Q0E="));
        world_put(w, json_incref(configuration));
    }
}

void fill_in_ca_bundles(struct world *w)
{
    fill_in_ca_bundle(w, "MutatingWebhookConfiguration");
    fill_in_ca_bundle(w, "ValidatingWebhookConfiguration");
}

void put_endpoint_slice(struct world *w, const char *service, bool ready)
{
    world_put_as(
        w,
        mesh_kind(KIND_ENDPOINT_SLICE),
        OBJECT(
            STRING("apiVersion", "discovery.k8s.io/v1"),
            STRING("kind", "EndpointSlice"),
            MAP("metadata",
                FORMAT("name", "%s-abcde", service),
                STRING("namespace", NS),
                MAP("labels", STRING("kubernetes.io/service-name", service))),
            SEQ("endpoints", ITEM(STRINGS("addresses", "10.1.0.9"), MAP("conditions", BOOL("ready", ready))))));
}

void settle(struct world *w)
{
    assert_true(world_converge(w) >= 0);
}

void roll_out_today(struct world *w)
{
    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod", true);
    put_endpoint_slice(w, "istiod-canary", true);
    settle(w);
}

int mesh_begin_today_installed(void **state, const char *spec)
{
    struct world *w;

    mesh_begin_today(state, spec);
    w = *state;
    assert_true(world_converge(w) > 0);
    world_roll_out(w);
    fill_in_ca_bundles(w);
    put_endpoint_slice(w, "istiod", true);
    assert_true(world_converge(w) >= 0);
    return 0;
}

void expect_status(struct world *w, const char *field, const char *value)
{
    _cleanup_free_ char *text = world_status(w, field);

    assert_string_equal(text, value);
}

bool mesh_remembers(struct world *w, const char *field)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return doc_bool(doc_at(mesh, "status", "monitoring", field), false);
}

void expect_plan(struct world *w, const char *actions)
{
    struct plan plan = world_plan(w);
    _cleanup_free_ char *text = world_describe(&plan);

    assert_string_equal(text, actions);
    world_act(w, &plan);
    plan_release(&plan);
}

static json_t *webhook_that_calls(const char *ns)
{
    return OBJECT(
        STRING("name", "pilot.validation.istio.io"),
        MAP("clientConfig",
            OPT(ns, MAP("service", STRING("name", "istio-galley"), STRING("namespace", ns))),
            OPT(!ns, STRING("url", "https://galley.example.com"))));
}

void put_webhooks(
    struct world *w, const struct kube_kind *kind, const char *name, const char *const *namespaces, size_t count)
{
    json_t *webhooks = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(webhooks, webhook_that_calls(namespaces[i]));
    world_put_as(
        w,
        kind,
        OBJECT(
            STRING("apiVersion", "admissionregistration.k8s.io/v1"),
            STRING("kind", kind->kind),
            MAP("metadata", STRING("name", name)),
            VALUE("webhooks", webhooks)));
}

void put_validating_webhooks(struct world *w, const char *name, const char *const *namespaces, size_t count)
{
    put_webhooks(w, mesh_kind(KIND_MADE_WEBHOOK), name, namespaces, count);
}

bool has_validating_webhook(struct world *w, const char *name)
{
    return kube_cache_get(w->cache, mesh_kind(KIND_MADE_WEBHOOK), NULL, name);
}

void put_galleys_webhook(struct world *w)
{
    put_validating_webhooks(w, "istio-galley", (const char *const[]){NS, NS}, 2);
}

void put_of(struct world *w, const struct kube_kind *kind, const char *ns, const char *name, const char *type)
{
    char api_version[128];

    kube_api_version(kind, kind->versions[0].name, api_version);
    world_put_as(
        w,
        kind,
        OBJECT(
            STRING("apiVersion", api_version),
            STRING("kind", kind->kind),
            MAP("metadata", STRING("name", name), STRING("namespace", kind->namespaced ? ns : NULL)),
            STRING("type", type)));
}

void put_definition(struct world *w, enum mesh_kind_id view, enum mesh_kind_id of, bool established)
{
    const struct kube_kind *kind = mesh_kind(of);

    world_put_as(
        w,
        mesh_kind(view),
        OBJECT(
            STRING("apiVersion", "apiextensions.k8s.io/v1"),
            STRING("kind", "CustomResourceDefinition"),
            MAP("metadata", FORMAT("name", "%s.%s", kind->plural, kind->group)),
            MAP("spec",
                STRING("group", kind->group),
                MAP("names", STRING("plural", kind->plural)),
                SEQ("versions", ITEM(STRING("name", kind->versions[0].name), BOOL("served", true)))),
            MAP("status",
                SEQ("conditions",
                    ITEM(STRING("type", "Established"), STRING("status", established ? "True" : "False"))))));
}

json_t *condition_of(struct world *w, const char *type)
{
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    return json_incref((json_t *)doc_find(doc_at(mesh, "status", "conditions"), "type", type));
}

void settle_with_condition(
    struct world *w, const char *type, const char *status, const char *reason, const char *in_message)
{
    _cleanup_json_ json_t *condition = NULL;

    settle(w);
    condition = condition_of(w, type);
    assert_string_equal(str_or(doc_string(condition, "status"), "absent"), status);
    assert_string_equal(str_or(doc_string(condition, "reason"), ""), reason);
    if (!strstr(str_or(doc_string(condition, "message"), ""), in_message))
        fail_msg("%s", doc_string(condition, "message"));
}

int begin_today(void **state)
{
    return mesh_begin_today(state, TODAY_SPEC);
}

int begin_today_installed(void **state)
{
    return mesh_begin_today_installed(state, TODAY_SPEC);
}

int first_plan_with(struct world *w, const char *const *lines, size_t count, int *ret)
{
    int rounds = 0;

    memset(ret, 0, count * sizeof(*ret));
    for (;;) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *text = world_describe(&plan);
        bool done = !plan.len;
        rounds++;
        for (size_t i = 0; i < count; i++)
            if (!ret[i] && strstr(text, lines[i]))
                ret[i] = rounds;
        world_act(w, &plan);
        plan_release(&plan);
        if (done || rounds == 30)
            return rounds;
    }
}

void as_helm(json_t *object)
{
    static const char *const labels[] = {"app.kubernetes.io/managed-by", "helm.sh/chart", "release"};
    json_t *metadata = doc_at(object, "metadata"), *pod = doc_at(object, "spec", "template", "metadata");

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        json_object_set_new(doc_make(metadata, "labels"), labels[i], json_string("Helm"));
        json_object_set_new(doc_make(pod, "labels"), labels[i], json_string("Helm"));
    }
    json_object_del(doc_at(metadata, "labels"), MARK_OWNER);
    json_object_del(metadata, "annotations");
}

char *authority_until(msec_t end)
{
    struct certificate c;
    char *text;

    assert_int_equal(
        certificate_make((const char *const[]){"x", NULL}, NOW - 400 * DAY, end - (NOW - 400 * DAY), NULL, &c, NULL),
        0);
    text = base64_encode(c.ca, strlen(c.ca));
    certificate_release(&c);
    return text;
}

void put_authority(struct world *w, enum mesh_kind_id kind, const char *name, json_t *data)
{
    world_put_as(
        w,
        mesh_kind(kind),
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", name), STRING("namespace", NS)),
            VALUE("data", data)));
}

msec_t next_plan_after(struct world *w)
{
    const struct plan_input in = {
        .now = NOW + w->later, .server = &w->server, .observed = w->cache, .synced = w->synced, .queue_context = w};
    const struct plan_world world = {.central = &in, .contact = {.error = ""}};
    struct reconcile_plan plan;
    msec_t after;

    assert_true(reconcile_resource(&istio_reconciler, &world, mesh_find(w->cache), w->memo, &plan));
    after = plan.again_after;
    reconcile_plan_release(&plan);
    return after;
}
