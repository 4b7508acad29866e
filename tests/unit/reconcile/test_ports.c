/* Ports of a Service that stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doc/doc.h"
#include "reconcile/ports.h"

static json_t *service(const char *ports)
{
    json_t *value = NULL;

    assert_int_equal(doc_parse(ports, strlen(ports), 4096, &value, NULL), 0);
    return value;
}

#define SERVICE(ports) "{\"spec\":{\"ports\":[" ports "]}}"
#define HTTP "{\"name\":\"http2\",\"port\":80}"
#define KEPT "{\"name\":\"pilot\",\"port\":15011}"
#define PILOT "{\"name\":\"pilot\",\"port\":15011,\"nodePort\":30001}"

static const struct {
    const char *name, *desired, *live, *result;
} cases[] = {
    {"one that is not desired stays behind the others", SERVICE(HTTP), SERVICE(PILOT "," HTTP), SERVICE(HTTP "," KEPT)},
    {"none appears that is not there", SERVICE(HTTP), SERVICE(HTTP), SERVICE(HTTP)},
    {"a port of another client is not taken over",
     SERVICE(HTTP),
     SERVICE(HTTP ",{\"name\":\"x\",\"port\":9}"),
     SERVICE(HTTP)},
    {"what is desired under the number counts",
     SERVICE("{\"name\":\"other\",\"port\":15011}"),
     SERVICE(PILOT),
     SERVICE("{\"name\":\"other\",\"port\":15011}")},
    {"what is desired under the name counts",
     SERVICE("{\"name\":\"pilot\",\"port\":1}"),
     SERVICE(PILOT),
     SERVICE("{\"name\":\"pilot\",\"port\":1}")},
    {"a live object may be anything", SERVICE(HTTP), "{\"spec\":{\"ports\":\"x\"}}", SERVICE(HTTP)},
    {"an odd port is none", SERVICE(HTTP), SERVICE("null,{\"port\":\"15011\"}"), SERVICE(HTTP)},
};

static void ports_stay(void **state)
{
    static const int numbers[] = {15011, 8060, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *desired = service(cases[i].desired), *live = service(cases[i].live);
        _cleanup_json_ json_t *expected = service(cases[i].result), *before = doc_copy(desired);
        bool kept = ports_keep(desired, live, numbers);
        if (!json_equal(desired, expected) || kept == json_equal(desired, before))
            fail_msg("%s", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ports_stay)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
