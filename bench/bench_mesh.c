/*
 * How fast and how small: one mesh on a real API server, beside what the same objects cost raw.
 *
 * Run by `make bench`, which brings up a control plane without a node. Every figure is measured again in each run.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/cluster/harness.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/desired.h"
#include "shared.h"

#define RUNS 5
#define DELETIONS                                                                                                      \
    100 /* of every object in turn: of each no more than are put back immediately (KUBE_REPEATS_AT_ONCE) */
#define DEFINITIONS 5
#define PORT_DELETIONS 4 /* likewise */
#define SETTLE_SECONDS 5
/*
 * Until definitions that were removed are created again. kube-apiserver 1.34 publishes the OpenAPI of a group
 * meanwhile, and may end by a nil pointer where the group comes back while it goes (kube-openapi, pkg/cached/cache.go).
 */
#define REST_SECONDS 5

/* Of a line of releases: what its figures are to be at most. */
static const struct goals {
    int kubernetes;  /* the oldest that a mesh without a version has it on */
    double multiple; /* of the raw POSTs */
    int memory;      /* MB */
} goals_of_lines[] = {{22, 1.2, 9}, {0, 1.5, 12}};

static const struct goals *goals(void)
{
    const struct goals *g = goals_of_lines;

    while (cluster_minor() < g->kubernetes)
        g++;
    return g;
}

static double ms_since(int64_t usec)
{
    return (double)(clock_now_usec() - usec) / 1000;
}

static double time_raw_posts(const struct desired_set *set)
{
    int64_t began = clock_now_usec();

    bench_post_objects(set);
    return ms_since(began);
}

static bool is_definition(const struct desired *w)
{
    return w->kind->is_definition;
}

static void remove_all(const struct desired_set *set)
{
    for (size_t i = set->len; i-- > 0;)
        if (!set->items[i].kind->custom)
            cluster_delete_if_there(set->items[i].kind, set->items[i].ns, set->items[i].name);
    bench_remove_definitions();
    pause_ms(REST_SECONDS * 1000);
}

static void write_objects(const struct desired_set *set, const char *path, bool definitions)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    for (size_t i = 0; i < set->len; i++)
        if (definitions == is_definition(&set->items[i]))
            fprintf(f, "%s\n", set->items[i].text);
    fclose(f);
}

static double time_kubectl(const struct desired_set *set)
{
    _cleanup_free_ char *definitions = str_printf("%s/bench-crds.json", getenv("TEST_OUTPUT"));
    _cleanup_free_ char *rest = str_printf("%s/bench-rest.json", getenv("TEST_OUTPUT"));
    _cleanup_free_ char *command = str_printf(
        "export KUBECONFIG=%s; kubectl apply -f %s >/dev/null && kubectl wait --for=condition=Established crd --all "
        ">/dev/null && kubectl apply -f %s >/dev/null",
        getenv("TEST_KUBECONFIG"),
        definitions,
        rest);
    int64_t began;

    write_objects(set, definitions, true);
    write_objects(set, rest, false);
    began = clock_now_usec();
    assert_int_equal(run_shell(command), 0);
    return ms_since(began);
}

static bool everything_is_written(void *context)
{
    (void)context;
    return operator_metric("managed_objects") > 0 && operator_metric("drift_objects") == 0;
}

static double time_install(void)
{
    int64_t began = clock_now_usec();
    double taken;

    mesh_create("{}");
    wait_until(everything_is_written, NULL, SECONDS(60), "the mesh is written");
    taken = ms_since(began);
    return taken;
}

/* Of one deletion, in ms from the server's answer to it. */
struct heal {
    double gone, back; /* 0: it was gone with the answer */
};

static char *uid_of(const struct desired *w)
{
    _cleanup_json_ json_t *object = cluster_get(w->kind, w->ns, w->name);

    return str_dup(doc_string(object, "metadata", "uid"));
}

static struct heal time_heal(const struct desired *w)
{
    _cleanup_free_ char *deleted = uid_of(w);
    struct heal heal = {0};
    int64_t began;

    cluster_delete(w->kind, w->ns, w->name);
    began = clock_now_usec();
    for (;;) {
        _cleanup_free_ char *uid = uid_of(w);
        double now = ms_since(began);
        if (uid && !str_eq(uid, deleted)) {
            heal.back = now;
            return heal;
        }
        if (uid) /* its finalizers are not done */
            heal.gone = now;
    }
}

/* With the operator, or without it: then the test creates the same object again, and the time is the server's. */
static double time_again(const struct desired *w, bool with_operator)
{
    int64_t began;

    if (with_operator)
        return time_heal(w).back;
    cluster_delete(w->kind, w->ns, w->name);
    began = clock_now_usec();
    while (!cluster_try(kube_request_create(w->kind, cluster_version(w->kind), w->ns, w->text)))
        ;
    return ms_since(began);
}

/* All objects but the definitions, in turn. */
static void measure_heals(const struct desired_set *set, bool with_operator)
{
    double taken[DELETIONS], worst = 0;
    _cleanup_free_ char *of = NULL;
    size_t at = 0;

    for (size_t i = 0; i < DELETIONS; i++, at++) {
        while (is_definition(&set->items[at % set->len]))
            at++;
        taken[i] = time_again(&set->items[at % set->len], with_operator);
        if (taken[i] < worst)
            continue;
        worst = taken[i];
        free(of);
        of = object_key(set->items[at % set->len].kind, set->items[at % set->len].ns, set->items[at % set->len].name);
    }
    bench_print(
        with_operator ? "from a deletion to the object being back (goal: 20, worst 100)"
                      : "  until the API server itself has the same again",
        taken,
        DELETIONS,
        "ms");
    printf("  the worst was %s\n", of);
}

/* A definition goes when the API server has looked for objects of its kind: that time is the server's. */
static void measure_definitions(const struct desired_set *set)
{
    double all[DEFINITIONS], own[DEFINITIONS];
    size_t count = 0;

    for (size_t i = 0; i < set->len && count < DEFINITIONS; i++) {
        struct heal heal;
        if (!is_definition(&set->items[i]))
            continue;
        heal = time_heal(&set->items[i]);
        all[count] = heal.back;
        own[count++] = heal.back - heal.gone;
    }
    bench_print("from the deletion of a definition to its being back", all, count, "ms");
    bench_print("  of that, after the API server had removed it", own, count, "ms");
}

static bool has_node_ports(const struct desired *w)
{
    return str_eq(w->kind->kind, "Service") && strstr(w->text, "\"nodePort\"");
}

/* The API server says that a Service is deleted before it frees its node ports, and refuses them meanwhile. */
static void measure_node_ports(const struct desired_set *set, bool with_operator)
{
    double taken[PORT_DELETIONS];
    size_t count = 0, services = 1;

    while (services && count < PORT_DELETIONS) {
        services = 0;
        for (size_t i = 0; i < set->len && count < PORT_DELETIONS; i++) {
            if (!has_node_ports(&set->items[i]))
                continue;
            taken[count++] = time_again(&set->items[i], with_operator);
            services++;
        }
    }
    if (!count) /* the server chooses them all */
        return;
    bench_print(
        with_operator ? "from the deletion of a Service with node ports to its being back"
                      : "  until the API server itself accepts the same again",
        taken,
        count,
        "ms");
}

static double time_start(void)
{
    int64_t began = clock_now_usec();

    operator_start();
    return ms_since(began);
}

static void figures(void **state)
{
    double raw[RUNS], kubectl[1], install[RUNS], start[RUNS], memory[1];
    struct desired_set *set = mesh_objects_of("{}");
    _cleanup_free_ char *memory_of = NULL;

    (void)state;
    printf("%zu objects, %d cores\n", set->len, (int)sysconf(_SC_NPROCESSORS_ONLN));
    kubectl[0] = time_kubectl(set);
    remove_all(set);
    /* In turn: what else the machine does concerns both. */
    for (int i = 0; i < RUNS; i++) {
        raw[i] = time_raw_posts(set);
        remove_all(set);
        operator_start();
        install[i] = time_install();
        if (i < RUNS - 1) {
            mesh_delete_and_wait();
            operator_kill(SIGTERM);
            remove_all(set);
        }
    }
    bench_print("64 parallel raw POSTs of the objects", raw, RUNS, "ms");
    bench_print("kubectl apply of them", kubectl, 1, "ms");
    bench_print("from creating the resource to the last object written", install, RUNS, "ms");
    printf(
        "%-56s %8.2f  (goal: at most %.1f)\n",
        "  as a multiple of the raw POSTs",
        bench_median(install, RUNS) / bench_median(raw, RUNS),
        goals()->multiple);

    pause_ms(SETTLE_SECONDS * 1000);
    memory[0] = (double)operator_memory_kb() / 1024;
    memory_of = str_printf("resident memory, settled (goal: %d)", goals()->memory);
    bench_print(memory_of, memory, 1, "MB");
    measure_heals(set, true);
    measure_definitions(set);
    pause_ms(SETTLE_SECONDS * 2 * 1000);
    measure_node_ports(set, true);
    for (int i = 0; i < RUNS; i++) {
        operator_kill(SIGTERM);
        start[i] = time_start();
    }
    bench_print("from start to all watches synced (goal: 300)", start, RUNS, "ms");
    mesh_delete_and_wait();
    operator_kill(SIGTERM);
    remove_all(set);
    time_raw_posts(set);
    measure_heals(set, false);
    measure_node_ports(set, false);
    remove_all(set);
    desired_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures)};

    return cmocka_run_group_tests_name("bench", tests, harness_setup, harness_teardown);
}
