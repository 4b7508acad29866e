/* How a mesh is removed: in which order, what goes with it, and whose finalizers count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh_fixture.h"

static void deletion_takes_webhooks_first_and_definitions_never(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_free_ char *first = NULL;
    struct plan plan;

    put_galleys_webhook(w);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    plan = world_plan(w);
    first = world_describe(&plan);
    assert_non_null(strstr(first, "remove MutatingWebhookConfiguration/istio-sidecar-injector"));
    assert_non_null(strstr(first, "remove ValidatingWebhookConfiguration/istio-galley"));
    assert_null(strstr(first, "remove Deployment"));
    assert_null(strstr(first, "remove ServiceAccount"));
    world_act(w, &plan);
    plan_release(&plan);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    assert_int_equal(world_count(w, "v1", "ServiceAccount"), 0);
    assert_int_equal(world_count(w, "apiextensions.k8s.io/v1", "CustomResourceDefinition"), 50);
}

/* A watch may have fallen silent: what is left then shows when it is listed again. */
static void deletion_ends_when_a_new_list_shows_nothing(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    struct plan plan;

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    do {
        plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
    } while (!(w->synced & PLAN_RELISTED));
    assert_true(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    put_galleys_webhook(w);
    expect_plan(
        w, "remove ValidatingWebhookConfiguration/istio-galley: created by a part of Istio that is being removed\n");
    /* It is asked for again: what was listed is older than what came to light. */
    assert_false(w->synced & PLAN_RELISTED);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

/* It may be carried out at any moment, and no later plan would find what it created. */
static void deletion_waits_for_creates_that_are_under_way(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    w->creating = true;
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    /* What was listed meanwhile proves nothing. */
    assert_false(w->synced & PLAN_RELISTED);
    w->creating = false;
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

/* A name that a row of mesh_made stands for; owned by the caller. */
static char *made_name(const struct mesh_made *made)
{
    size_t len = made->name ? strlen(made->name) : 0;

    if (len && made->name[len - 1] == '*')
        return str_printf("%.*sistio", (int)len - 1, made->name);
    return str_dup(str_or(made->name, "istio.default"));
}

/* By these clients; `second` may be NULL. */
static void
put_written(struct world *w, const struct mesh_made *made, const char *name, const char *first, const char *second)
{
    world_put_as(
        w,
        mesh_kind(made->kind),
        OBJECT(
            MAP("metadata",
                STRING("name", name),
                STRING("creationTimestamp", "2018-12-17T00:00:00Z"),
                SEQ("managedFields",
                    OPT(first, ITEM(STRING("manager", first))),
                    OPT(second, ITEM(STRING("manager", second)))))));
}

/* Those of a custom kind are there where it is served. */
static void put_definition_of_classes(struct world *w, const char *established)
{
    world_put_as(
        w,
        mesh_kind(KIND_GATEWAY_CLASS_DEFINITION),
        OBJECT(
            STRING("apiVersion", "apiextensions.k8s.io/v1"),
            STRING("kind", "CustomResourceDefinition"),
            MAP("metadata", STRING("name", "gatewayclasses.gateway.networking.k8s.io")),
            MAP("spec",
                STRING("group", "gateway.networking.k8s.io"),
                MAP("names", STRING("kind", "GatewayClass"), STRING("plural", "gatewayclasses")),
                SEQ("versions", ITEM(STRING("name", "v1"), BOOL("served", true), BOOL("storage", true)))),
            MAP("status", SEQ("conditions", ITEM(STRING("type", "Established"), STRING("status", established))))));
}

/* An object of that name as the program makes it in this namespace, where it has one. */
static void put_made(struct world *w, const struct mesh_made *made, const char *ns, const char *name)
{
    if (made->calls_here)
        put_webhooks(w, mesh_kind(made->kind), name, &ns, 1);
    else if (made->writer)
        put_written(w, made, name, made->writer, NULL);
    else
        put_of(w, mesh_kind(made->kind), ns, name, made->type);
}

static bool is_there(struct world *w, const struct kube_kind *kind, const char *ns, const char *name)
{
    return kube_cache_get(w->cache, kind, kind->namespaced ? ns : NULL, name);
}

static void what_programs_made_goes_with_the_mesh_and_nothing_else_does(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const struct mesh_made *made;
    size_t count = 0;

    put_definition_of_classes(w, "True");
    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i)); count++) {
        const struct kube_kind *kind = mesh_kind(made->kind);
        _cleanup_free_ char *name = made_name(made);
        put_made(w, made, NS, name);
        if (kind->namespaced)
            put_made(w, made, "shop", name);
        if (made->name)
            put_made(w, made, NS, "theirs");
        if (made->type)
            put_of(w, kind, "bank", name, "Opaque");
    }
    assert_true(count >= 4);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));

    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i));) {
        const struct kube_kind *kind = mesh_kind(made->kind);
        _cleanup_free_ char *name = made_name(made);
        assert_false(is_there(w, kind, NS, name));
        if (kind->namespaced)
            assert_int_equal(is_there(w, kind, "shop", name), !made->everywhere);
        if (made->name)
            assert_true(is_there(w, kind, NS, "theirs"));
        if (made->type)
            assert_true(is_there(w, kind, "bank", name));
    }
}

/* Of the type that a user gave it, a Secret of the name of Citadel's is the user's. */
static void a_secret_of_another_type_stays(void **state)
{
    struct world *w = *state;
    const struct kube_kind *secret = mesh_kind(KIND_SECRET_KEYS);
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    put_of(w, secret, NS, "istio-ca-secret", "Opaque");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    assert_true(is_there(w, secret, NS, "istio-ca-secret"));
}

static const struct mesh_made *made_classes(void)
{
    const struct mesh_made *made;

    for (size_t i = 0; (made = mesh_made_next(MESH_CENTRAL, &i));)
        if (made->kind == KIND_MADE_GATEWAY_CLASS)
            return made;
    return NULL;
}

/* A class that a user wrote, alone or after istiod, is the user's; so is one of which nothing is recorded. */
static void a_class_of_a_user_stays(void **state)
{
    static const struct {
        const char *first, *second;
        bool stays;
    } cases[] = {
        {"pilot-discovery", NULL, false},
        {"pilot-discovery", "pilot-discovery", false},
        {"kubectl-create", "pilot-discovery", true}, /* istiod writes the status */
        {"pilot-discovery", "kubectl-edit", true},
        {"helm", NULL, true},
        {NULL, NULL, true},
    };
    struct world *w = *state;
    const struct mesh_made *made = made_classes();
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    assert_non_null(made);
    put_definition_of_classes(w, "True");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *name = str_printf("class-%zu", i);
        put_written(w, made, name, cases[i].first, cases[i].second);
    }
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *name = str_printf("class-%zu", i);
        if (is_there(w, mesh_kind(made->kind), NULL, name) != cases[i].stays)
            fail_msg("case %zu", i);
    }
}

/* Without the Gateway API, or with a definition that is not served, nothing waits for its classes. */
static void classes_are_not_looked_for_where_they_are_not_served(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    bool looked = false;

    put_definition_of_classes(w, "False");
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    for (int i = 0; i < 12; i++) {
        struct plan plan = world_plan(w);
        world_act(w, &plan);
        plan_release(&plan);
        assert_false(w->synced & PLAN_WATCH_MADE_CLASSES);
        looked |= w->synced & PLAN_WATCH_CLASSES_SERVED;
    }
    assert_true(looked);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
}

/* Another istiod of the cluster, which is not the operator's, creates its certificates again: no fight. */
static void what_another_mesh_makes_again_stays(void **state)
{
    static const char *const created[] = {"2018-12-17T00:00:00Z", "2018-12-18T00:00:00Z", "2018-12-18T00:00:01Z"};
    static const char *const namespaces[] = {"before", "same", "later"};
    struct world *w = *state;
    const struct kube_kind *kind = mesh_kind(KIND_MADE_CONFIG_MAP);
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");

    for (size_t i = 0; i < ARRAY_LEN(created); i++)
        world_put_as(
            w,
            kind,
            OBJECT(
                MAP("metadata",
                    STRING("name", "istio-ca-root-cert"),
                    STRING("namespace", namespaces[i]),
                    STRING("creationTimestamp", created[i]))));
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
    for (size_t i = 0; i < ARRAY_LEN(created); i++)
        assert_int_equal(is_there(w, kind, namespaces[i], "istio-ca-root-cert"), i == 2);
}

/* Who still runs would make it again: without its rights it cannot. */
static void what_programs_made_goes_after_their_rights(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    const struct kube_kind *leader = mesh_kind(KIND_CONFIG_MAP_KEYS);
    bool removed = false;

    put_of(w, leader, NS, "istio-ingress-controller-leader-istio", NULL);
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    for (int round = 0; round < 12 && !removed; round++) {
        struct plan plan = world_plan(w);
        _cleanup_free_ char *text = world_describe(&plan);
        if ((removed = strstr(text, "istio-ingress-controller-leader-istio"))) {
            assert_int_equal(world_count(w, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), 0);
            assert_int_equal(world_count(w, "v1", "ServiceAccount"), 0);
        }
        world_act(w, &plan);
        plan_release(&plan);
    }
    assert_true(removed);
}

/* The names that releases of this operator have put on a resource; the first one is today's. */
#define FINALIZER_TODAY "istio-operator.finializer.banzaicloud.io"
#define FINALIZER_FORMER "istio-operator.finalizer.banzaicloud.io"

static void set_finalizers(json_t *mesh, const char *const *names)
{
    json_object_set_new(doc_at(mesh, "metadata"), "finalizers", json_build_strings(names));
}

static void the_finalizer_has_the_name_that_resources_carry(void **state)
{
    struct world *w = *state;
    _cleanup_json_ json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *expected = ARRAY(ITEM_STRING(FINALIZER_TODAY));

    assert_true(json_equal(doc_at(mesh, "metadata", "finalizers"), expected));
}

static void every_name_that_the_finalizer_had_frees_the_resource(void **state)
{
    static const char *const cases[][3] = {
        {FINALIZER_TODAY, NULL},
        {FINALIZER_FORMER, NULL},
        {FINALIZER_TODAY, FINALIZER_FORMER, NULL},
        {FINALIZER_FORMER, FINALIZER_TODAY, NULL},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *mesh;
        world_put_mesh(w, SPEC);
        assert_true(world_converge(w) >= 0);
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        set_finalizers(mesh, cases[i]);
        world_put(w, mesh);
        world_roll_out(w);
        assert_true(world_converge(w) >= 0);
        mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
        assert_int_equal(json_array_size(doc_at(mesh, "metadata", "finalizers")), cases[i][1] ? 2 : 1);
        json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
        world_put(w, mesh);
        assert_true(world_converge(w) > 0);
        assert_false(world_has(w, API_GROUP_VERSION, "Istio", NS, "istio"));
        assert_int_equal(world_count(w, "apps/v1", "Deployment"), 0);
    }
}

static void the_finalizer_of_another_manager_stays(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *expected = ARRAY(ITEM_STRING("example.com/backup")), *left = NULL;

    set_finalizers(mesh, (const char *const[]){FINALIZER_FORMER, "example.com/backup", FINALIZER_TODAY, NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    left = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    assert_true(json_equal(doc_at(left, "metadata", "finalizers"), expected));
}

/* Another client removed the operator's finalizer before the operator could remove anything. */
static void a_resource_that_lost_its_finalizer_says_what_it_leaves_behind(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_free_ char *text = NULL;

    set_finalizers(mesh, (const char *const[]){"example.com/backup", NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    text = world_status(w, "ErrorMessage");
    assert_non_null(strstr(text, " objects with its owner label are left"));
    assert_non_null(strstr(text, "held by the finalizer example.com/backup"));
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "istio-pilot"));
}

/* A status that is written once, and says who keeps the resource; the cluster can have a mesh again. */
static void a_resource_that_another_manager_keeps_says_so(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    _cleanup_json_ json_t *other = NULL;
    _cleanup_free_ char *text = NULL;
    struct plan plan;

    set_finalizers(
        mesh,
        (const char *const[]){"example.com/backup", FINALIZER_TODAY, "foregroundDeletion", "example.com/audit", NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    assert_true(world_converge(w) > 0);
    text = world_status(w, "ErrorMessage");
    assert_string_equal(
        text, "nothing is left to remove; the resource is held by the finalizer example.com/backup, example.com/audit");
    plan = world_plan(w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);
    other = OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Istio"),
        MAP("metadata",
            STRING("name", "next"),
            STRING("namespace", NS),
            STRING("creationTimestamp", "2018-12-19T00:00:00Z")),
        MAP("spec", STRING("version", "1.0.5")));
    world_put(w, TAKE_PTR(other));
    assert_true(world_converge(w) > 0);
    assert_true(world_has(w, "apps/v1", "Deployment", NS, "istio-pilot"));
}

/* Only the garbage collector's own finalizers are left: it takes them off. */
static void what_the_garbage_collector_keeps_is_not_said_to_be_held(void **state)
{
    struct world *w = *state;
    json_t *mesh = world_get(w, API_GROUP_VERSION, "Istio", NS, "istio");
    struct plan plan;

    set_finalizers(mesh, (const char *const[]){"foregroundDeletion", NULL});
    json_object_set_new(doc_at(mesh, "metadata"), "deletionTimestamp", json_string("2018-12-18T00:00:00Z"));
    world_put(w, mesh);
    plan = world_plan(w);
    assert_int_equal(plan.len, 0);
    plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTALLED(deletion_takes_webhooks_first_and_definitions_never),
        INSTALLED(deletion_ends_when_a_new_list_shows_nothing),
        INSTALLED(deletion_waits_for_creates_that_are_under_way),
        INSTALLED(what_programs_made_goes_with_the_mesh_and_nothing_else_does),
        INSTALLED(a_secret_of_another_type_stays),
        INSTALLED(a_class_of_a_user_stays),
        INSTALLED(classes_are_not_looked_for_where_they_are_not_served),
        INSTALLED(what_another_mesh_makes_again_stays),
        INSTALLED(what_programs_made_goes_after_their_rights),
        INSTALLED(the_finalizer_has_the_name_that_resources_carry),
        FRESH(every_name_that_the_finalizer_had_frees_the_resource),
        INSTALLED(the_finalizer_of_another_manager_stays),
        INSTALLED(a_resource_that_lost_its_finalizer_says_what_it_leaves_behind),
        INSTALLED(a_resource_that_another_manager_keeps_says_so),
        INSTALLED(what_the_garbage_collector_keeps_is_not_said_to_be_held),
    };

    return cmocka_run_group_tests_name("controllers removal", tests, NULL, NULL);
}
