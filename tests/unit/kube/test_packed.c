#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/packed.h"

#define SERVICE                                                                                                        \
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"creationTimestamp\":\"2026-01-01T00:00:00Z\","        \
    "\"labels\":{\"istio.banzaicloud.io/owner\":\"c0ffee\"},\"name\":\"istio-pilot\",\"namespace\":\"istio-system\"}," \
    "\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":15010,\"protocol\":\"TCP\",\"targetPort\":15010}]}}"

static void assert_kept(const char *text, size_t len, size_t most)
{
    size_t packed_len = SIZE_MAX;
    _cleanup_free_ char *packed = packed_from(text, len, &packed_len), *again = NULL;

    assert_non_null(packed);
    assert_true(packed_len <= most);
    again = packed_text(packed, packed_len, len);
    assert_memory_equal(again, text, len);
    assert_int_equal(again[len], '\0');
}

static void a_text_comes_back_as_it_was(void **state)
{
    char binary[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(binary); i++)
        binary[i] = (char)(i % 251);
    assert_kept(binary, sizeof(binary), sizeof(binary) / 4);
    assert_kept(SERVICE, strlen(SERVICE), strlen(SERVICE) / 2);
}

/* Longer than what deflate looks back. */
static void a_long_text_comes_back(void **state)
{
    enum { COUNT = 2000 };
    size_t len = strlen(SERVICE) * COUNT;
    _cleanup_free_ char *text = mem_new0(len + 1, 1);

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * strlen(SERVICE), SERVICE, strlen(SERVICE));
    assert_kept(text, len, len / 50);
}

static void what_would_grow_is_left_as_it_is(void **state)
{
    static const char *const texts[] = {"", "{", "\x8f\x03\xe1\x77\x9a\x5c\xd2\x40"};
    size_t packed_len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_null(packed_from(texts[i], strlen(texts[i]), &packed_len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_comes_back_as_it_was),
        cmocka_unit_test(a_long_text_comes_back),
        cmocka_unit_test(what_would_grow_is_left_as_it_is),
    };

    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
