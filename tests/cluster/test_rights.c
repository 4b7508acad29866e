/*
 * The operator's rights, held against what it asked for in all the tests before: nothing was refused, and every right
 * was used. Runs last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "base/map.h"
#include "base/str.h"
#include "harness.h"
#include "json/build.h"
#include "json/doc.h"
#include "operator/rights.h"

struct used {
    struct map *rights; /* "group/resource verb" */
    struct buf refused;
};

static void note_request(void *context, const json_t *entry)
{
    struct used *used = context;
    const json_t *object = doc_at(entry, "objectRef");
    const char *sub = doc_string(object, "subresource");
    _cleanup_free_ char *right = NULL;

    if (!object)
        return;
    right = str_printf(
        "%s/%s%s%s %s",
        str_or(doc_string(object, "apiGroup"), ""),
        doc_string(object, "resource"),
        sub ? "/" : "",
        str_or(sub, ""),
        doc_string(entry, "verb"));
    if (doc_int(doc_at(entry, "responseStatus", "code"), 0) == 403)
        buf_printf(&used->refused, " %s", right);
    map_put(used->rights, right, used);
}

static void nothing_was_refused_and_every_right_was_used(void **state)
{
    struct used used = {.rights = map_new(NULL)};
    _cleanup_buf_ struct buf unused = BUF_INIT;
    _cleanup_json_ json_t *own = rights_own();
    json_t *right;
    size_t i;

    (void)state;
    if (!audit_is_on())
        skip();
    audit_read(0, note_request, &used);
    assert_true(map_len(used.rights) > 50);
    json_array_foreach(own, i, right)
        if (!map_has(used.rights, json_string_value(right)))
            buf_printf(&unused, " [%s]", json_string_value(right));
    if (used.refused.len)
        fail_msg("refused:%s", buf_str(&used.refused));
    if (unused.len)
        fail_msg("never used:%s", buf_str(&unused));
    map_free(used.rights);
    buf_release(&used.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_was_refused_and_every_right_was_used)};

    return cmocka_run_group_tests_name("cluster rights", tests, NULL, NULL);
}
