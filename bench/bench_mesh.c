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
#include "mesh/resources.h"
#include "reconcile/desired.h"
#include "shared.h"

#define RUNS 5
#define PARALLEL 64
#define DELETIONS                                                                                                      \
    100 /* of every object in turn: of each no more than are put back immediately (KUBE_REPEATS_AT_ONCE) */
#define DEFINITIONS 5
#define PORT_DELETIONS 4 /* likewise */
#define SETTLE_SECONDS 5

static double ms_since(int64_t usec)
{
    return (double)(clock_now_usec() - usec) / 1000;
}

/* 64 POSTs at a time until the server has taken all; what is not served yet is sent again. */
struct flood {
    const struct desired_set *set;
    size_t next, under_way, left;
    size_t *again, again_count;
};

struct post {
    struct flood *flood;
    size_t item;
};

static void pour(struct flood *f);

static void on_posted(void *context, const struct net_response *response, const struct err *e)
{
    struct post *post = context;
    struct flood *f = post->flood;

    (void)response;
    f->under_way--;
    if (e && e->class == ERR_NOT_FOUND)
        f->again[f->again_count++] = post->item;
    else if (e)
        fail_msg("POST %s: %s", f->set->items[post->item].name, e->text);
    else
        f->left--;
    free(post);
    pour(f);
}

static void pour(struct flood *f)
{
    while (f->under_way < PARALLEL && (f->next < f->set->len || f->again_count)) {
        struct post *post = NEW(struct post);
        const struct desired *w;
        struct net_request request;
        *post = (struct post){f, f->next < f->set->len ? f->next++ : f->again[--f->again_count]};
        w = &f->set->items[post->item];
        request = kube_request_create(w->kind, cluster_version(w->kind), w->ns, w->text);
        f->under_way++;
        net_client_send(h.client, &request, NULL, on_posted, post);
    }
    if (f->left == 0)
        event_base_loopbreak(h.loop);
}

static double time_raw_posts(const struct desired_set *set)
{
    struct flood f = {.set = set, .left = set->len, .again = NEW_ARRAY(size_t, set->len)};
    int64_t began = clock_now_usec();

    pour(&f);
    event_base_dispatch(h.loop);
    free(f.again);
    return ms_since(began);
}

static bool definitions_are_gone(void *context)
{
    const struct kube_kind *crd = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    _cleanup_json_ json_t *items = cluster_list(crd, NULL);
    size_t own = 0;

    (void)context;
    while (api_resources[own])
        own++;
    return json_array_size(items) == own;
}

static void remove_all(const struct desired_set *set)
{
    for (size_t i = set->len; i-- > 0;)
        if (!set->items[i].kind->custom)
            cluster_delete_if_there(set->items[i].kind, set->items[i].ns, set->items[i].name);
    wait_until(definitions_are_gone, NULL, SECONDS(60), "the definitions are gone");
    pause_ms(1500);
}

static void write_objects(const struct desired_set *set, const char *path, bool definitions)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    for (size_t i = 0; i < set->len; i++)
        if (definitions == str_eq(set->items[i].kind->kind, "CustomResourceDefinition"))
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
    return operator_metric("managed_objects") > 100 && operator_metric("drift_objects") == 0;
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

static bool is_definition(const struct desired *w)
{
    return str_eq(w->kind->kind, "CustomResourceDefinition");
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
    size_t count = 0;

    while (count < PORT_DELETIONS)
        for (size_t i = 0; i < set->len && count < PORT_DELETIONS; i++)
            if (has_node_ports(&set->items[i]))
                taken[count++] = time_again(&set->items[i], with_operator);
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

    (void)state;
    printf("%zu objects, %d cores\n", set->len, (int)sysconf(_SC_NPROCESSORS_ONLN));
    for (int i = 0; i < RUNS; i++) {
        raw[i] = time_raw_posts(set);
        remove_all(set);
    }
    bench_print("64 parallel raw POSTs of the objects", raw, RUNS, "ms");
    kubectl[0] = time_kubectl(set);
    bench_print("kubectl apply of them", kubectl, 1, "ms");
    remove_all(set);

    for (int i = 0; i < RUNS; i++) {
        operator_start();
        install[i] = time_install();
        if (i < RUNS - 1) {
            mesh_delete_and_wait();
            operator_kill(SIGTERM);
            remove_all(set);
        }
    }
    bench_print("from creating the resource to the last object written", install, RUNS, "ms");
    printf(
        "%-56s %8.2f\n",
        "  as a multiple of the raw POSTs (goal: at most 1.5)",
        bench_median(install, RUNS) / bench_median(raw, RUNS));

    pause_ms(SETTLE_SECONDS * 1000);
    memory[0] = (double)operator_memory_kb() / 1024;
    bench_print("resident memory, settled (goal: under 12)", memory, 1, "MB");
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
