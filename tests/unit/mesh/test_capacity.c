/* What a Pod asks for, and when a rollout needs one Pod more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/doc.h"
#include "mesh/capacity.h"
#include "mesh/workloads.h"

#define REQUESTS(cpu, memory) "\"resources\": {\"requests\": {\"cpu\": " cpu ", \"memory\": \"" memory "\"}}"
#define LIMITS(cpu, memory) "\"resources\": {\"limits\": {\"cpu\": " cpu ", \"memory\": \"" memory "\"}}"

static void what_a_pod_asks_for(void **state)
{
    static const struct {
        const char *spec;
        int64_t cpu, mebibytes, cpu_limit;
    } cases[] = {
        {"{}", 0, 0, 0},
        {"{\"containers\": [{}, {\"resources\": {}}]}", 0, 0, 0},
        {"{\"containers\": [{" REQUESTS("\"500m\"", "1Gi") "}, {" REQUESTS("1", "512Mi") "}]}", 1500, 1536, 0},
        /* Without a request the limit is one. */
        {"{\"containers\": [{" LIMITS("2", "1Gi") "}]}", 2000, 1024, 2000},
        /* One that ends before the others begin asks for its own alone. */
        {"{\"containers\": [{" REQUESTS("1", "1Mi") "}], \"initContainers\": [{" REQUESTS("\"10m\"", "2Mi") "}]}", 1000,
         2, 0},
        /* One that stays is beside them. */
        {"{\"containers\": [{" REQUESTS(
             "1", "1Mi") "}], \"initContainers\": [{\"restartPolicy\": \"Always\", " REQUESTS("\"10m\"", "2Mi") "}]}",
         1010, 3, 0},
        {"{\"containers\": [{" REQUESTS("\"a lot\"", "-1") "}]}", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ json_t *spec = doc_parse_own(cases[i].spec);
        struct capacity c = capacity_of_pod(spec);
        if (c.of[CAPACITY_PODS] != 1 || c.of[CAPACITY_CPU] != cases[i].cpu ||
            c.of[CAPACITY_MEMORY] != cases[i].mebibytes * 1024 * 1024 || c.of[CAPACITY_CPU_LIMIT] != cases[i].cpu_limit)
            fail_msg("%s: %lld, %lld", cases[i].spec, (long long)c.of[CAPACITY_CPU], (long long)c.of[CAPACITY_MEMORY]);
    }
}

/* The server's default is 25 % of both; of Pods more it rounds up, of those less down. */
static void when_a_rollout_needs_one_pod_more(void **state)
{
    static const struct {
        const char *strategy;
        int replicas;
        bool surges;
    } cases[] = {
        {"{}", 1, true},
        {"{}", 3, true},
        {"{}", 4, false},
        {"{}", 0, false},
        {"{\"strategy\": {\"type\": \"Recreate\"}}", 1, false},
        {"{\"strategy\": {\"rollingUpdate\": {\"maxUnavailable\": 0, \"maxSurge\": 1}}}", 9, true},
        {"{\"strategy\": {\"rollingUpdate\": {\"maxUnavailable\": 1}}}", 1, false},
        {"{\"strategy\": {\"rollingUpdate\": {\"maxUnavailable\": \"25%\", \"maxSurge\": \"100%\"}}}", 3, true},
        /* Then the server takes one Pod less. */
        {"{\"strategy\": {\"rollingUpdate\": {\"maxUnavailable\": \"25%\", \"maxSurge\": 0}}}", 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ json_t *spec = doc_parse_own(cases[i].strategy);
        if (mesh_deployment_surges(spec, cases[i].replicas) != cases[i].surges)
            fail_msg("%s of %d", cases[i].strategy, cases[i].replicas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_pod_asks_for),
        cmocka_unit_test(when_a_rollout_needs_one_pod_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
