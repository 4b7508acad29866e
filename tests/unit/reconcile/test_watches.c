/*
 * Each kind of resource has watches of its own: two tiny kinds, one that counts Pods and one that counts Services, by
 * the same bit of tables that do not know each other, under one controller on simulated time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/crd.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/controller.h"
#include "reconcile/marks.h"
#include "sim.h"

#define NS "default"

/* --- the kinds --- */

struct counter {
    char *note;
};

static const struct field spec_rows[] = {
    {"note",
     .type = FIELD_TEXT,
     .format = &format_dns_label,
     .offset = offsetof(struct counter, note),
     .doc = "What for."},
};
static const struct field_table spec_table = {
    .name = "spec", .doc = "A counter.", .rows = spec_rows, .len = ARRAY_LEN(spec_rows)};
static const struct field status_rows[] = {
    {"seen", .type = FIELD_INTEGER, .least = 0, .most = 1000, .doc = "How many there are."},
};
static const struct field_table status_table = {
    .name = "status", .doc = "What is.", .rows = status_rows, .len = ARRAY_LEN(status_rows), .open = true};
static const struct api_rule rules[] = {{NULL, NULL}};
static const struct api_column columns[] = {{NULL}};
static const struct api_form form = {.spec = &spec_table, .size = sizeof(struct counter), .rules = rules};

#define RESOURCE(kind_, plural_)                                                                                       \
    {                                                                                                                  \
        .kind = kind_, .list_kind = kind_ "List", .plural = plural_, .singular = plural_, .doc = "A counter.",         \
        .intro = "A counter.", .finalizer = "counter.example.com/finalizer", .form = &form, .status = &status_table,   \
        .columns = columns,                                                                                            \
    }
static const struct api_resource pod_counter = RESOURCE("PodCounter", "podcounters"),
                                 service_counter = RESOURCE("ServiceCounter", "servicecounters");

enum { POD, SERVICE, DEFINITION, POD_COUNTER, SERVICE_COUNTER };
enum { COUNTED = 1 };

#define COUNTED_KIND(kind_, plural_)                                                                                   \
    {                                                                                                                  \
        .kind = kind_, .plural = plural_, .group = "", .versions = {{"v1"}}, .namespaced = true,                       \
        .watch = KUBE_WATCH_NONE,                                                                                      \
    }
#define COUNTER_KIND(kind_, plural_)                                                                                   \
    {                                                                                                                  \
        .kind = kind_, .plural = plural_, .group = API_GROUP, .versions = {{API_VERSION}}, .namespaced = true,         \
        .watch = KUBE_WATCH_ALL, .custom = true,                                                                       \
    }
static const struct kube_kind kind_rows[] = {
    [POD] = COUNTED_KIND("Pod", "pods"),
    [SERVICE] = COUNTED_KIND("Service", "services"),
    [DEFINITION] =
        {.kind = "CustomResourceDefinition",
         .is_definition = true,
         .plural = "customresourcedefinitions",
         .group = "apiextensions.k8s.io",
         .versions = {{"v1"}},
         .watch = KUBE_WATCH_OWNED},
    [POD_COUNTER] = COUNTER_KIND("PodCounter", "podcounters"),
    [SERVICE_COUNTER] = COUNTER_KIND("ServiceCounter", "servicecounters"),
};
static const struct kube_kind_table kinds = {kind_rows, ARRAY_LEN(kind_rows)};

static const struct watch_row pod_rows[] = {{COUNTED, POD}}, service_rows[] = {{COUNTED, SERVICE}};
static const struct watch_table pod_watches = {pod_rows, ARRAY_LEN(pod_rows)},
                                service_watches = {service_rows, ARRAY_LEN(service_rows)};

static void
check(const json_t *from, const struct check_context *context, json_t *ret_objects, struct problems *problems)
{
    (void)from, (void)context, (void)ret_objects, (void)problems;
}

static void review(struct reconcile *r)
{
    (void)r;
}

static void plan(struct reconcile *r)
{
    r->plan->central.watch |= COUNTED;
    reconcile_conclude(r, &r->plan->central, false);
}

static bool leave(struct reconcile *r)
{
    return plan_is_relisted(r->world->central, &r->plan->central);
}

static bool add_status(struct reconcile *r, json_t *status)
{
    const struct plan_input *in = r->world->central;
    const struct kube_kind *counted = &kind_rows[r->reconciler->watches->rows[0].kind];

    if (in->synced & COUNTED)
        json_object_set_new(status, "seen", json_integer((json_int_t)kube_cache_count(in->observed, counted)));
    return true;
}

#define RECONCILER(resource_, kind_, watches_)                                                                         \
    {                                                                                                                  \
        .resource = resource_, .kind = kind_, .watches = watches_, .check = check, .review = review, .plan = plan,     \
        .leave = leave, .status = add_status,                                                                          \
    }
static const struct reconciler pod_reconciler = RECONCILER(&pod_counter, POD_COUNTER, &pod_watches),
                               service_reconciler = RECONCILER(&service_counter, SERVICE_COUNTER, &service_watches);
static const struct reconciler *const rows[] = {&pod_reconciler, &service_reconciler, NULL};

/* --- the bench --- */

struct bench {
    struct sim *sim;
    struct controller *controller;
};

static int connect_nowhere(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_UNAVAILABLE, "there is no other cluster");
}

static int setup(void **state)
{
    static const struct controller_kinds all = {.objects = &kinds, .rows = rows, .owner_label = MARK_OWNER};
    const struct controller_options options = {.kinds = &all, .ns = NS, .keeps_memory = true};
    const struct connector connector = {connect_nowhere, NULL};
    struct bench *b = NEW(struct bench);

    b->sim = sim_new(&kinds, 20, 1);
    sim_apply(b->sim, &kind_rows[DEFINITION], api_crd(&pod_counter, "v1"));
    sim_apply(b->sim, &kind_rows[DEFINITION], api_crd(&service_counter, "v1"));
    b->controller = controller_new_on(sim_io(b->sim), &options, &connector);
    controller_start(b->controller);
    sim_run(b->sim, SECONDS(2));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    controller_free(b->controller);
    sim_free(b->sim);
    free(b);
    return 0;
}

static void put(struct bench *b, int kind, const char *name)
{
    const struct kube_kind *row = &kind_rows[kind];
    _cleanup_free_ char *version = *row->group ? str_printf("%s/%s", row->group, row->versions[0].name) : str_dup("v1");

    sim_apply(
        b->sim,
        row,
        OBJECT(
            STRING("apiVersion", version),
            STRING("kind", row->kind),
            MAP("metadata", STRING("name", name), STRING("namespace", NS))));
    sim_run(b->sim, SECONDS(2));
}

/* -1: nothing was counted yet. */
static int64_t seen(const struct bench *b, int kind)
{
    return doc_int(doc_at(sim_get(b->sim, &kind_rows[kind], NS, "count"), "status", "seen"), -1);
}

/* --- the tests --- */

static void a_kind_watches_only_what_it_asks_for_itself(void **state)
{
    struct bench *b = *state;
    unsigned before = sim_open_watches(b->sim);

    put(b, POD, "one");
    put(b, SERVICE, "one");
    put(b, SERVICE, "two");
    put(b, POD_COUNTER, "count");
    assert_int_equal(sim_open_watches(b->sim), before + 1);
    assert_int_equal(seen(b, POD_COUNTER), 1);

    put(b, SERVICE_COUNTER, "count");
    assert_int_equal(sim_open_watches(b->sim), before + 2);
    assert_int_equal(seen(b, POD_COUNTER), 1);
    assert_int_equal(seen(b, SERVICE_COUNTER), 2);
}

static void a_watch_ends_with_the_kind_that_asked_for_it(void **state)
{
    struct bench *b = *state;
    unsigned before = sim_open_watches(b->sim);

    put(b, POD_COUNTER, "count");
    put(b, SERVICE_COUNTER, "count");
    assert_int_equal(sim_open_watches(b->sim), before + 2);
    sim_request_deletion(b->sim, &kind_rows[POD_COUNTER], NS, "count");
    sim_run(b->sim, SECONDS(10));
    assert_null(sim_get(b->sim, &kind_rows[POD_COUNTER], NS, "count"));
    assert_int_equal(sim_open_watches(b->sim), before + 1);

    put(b, SERVICE, "three");
    assert_int_equal(seen(b, SERVICE_COUNTER), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kind_watches_only_what_it_asks_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_ends_with_the_kind_that_asked_for_it, setup, teardown),
    };

    return cmocka_run_group_tests_name("unit reconcile watches", tests, NULL, NULL);
}
