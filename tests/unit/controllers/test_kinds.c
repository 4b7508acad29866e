/* The rows of the operator's kinds agree with each other, and with the other tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "controllers/kinds.h"
#include "controllers/resources.h"
#include "mesh/kinds.h"

static void a_kind_is_called_the_same_everywhere(void **state)
{
    const struct api_resource *const *resource = api_resources;

    (void)state;
    for (const struct reconciler *const *row = operator_kinds.rows; *row; row++, resource++) {
        const struct kube_kind *kind = &mesh_kinds.rows[(*row)->kind];
        assert_ptr_equal((*row)->resource, *resource);
        assert_string_equal(kind->kind, (*resource)->kind);
        assert_string_equal(kind->plural, (*resource)->plural);
        assert_string_equal(kind->group, API_GROUP);
    }
    assert_null(*resource);
}

static unsigned bits_of(const struct watch_table *table)
{
    unsigned bits = 0;

    for (size_t i = 0; i < table->len; i++)
        bits |= table->rows[i].bit;
    return bits;
}

static void what_a_kind_always_watches_is_in_its_table(void **state)
{
    size_t count = 0;

    (void)state;
    for (const struct reconciler *const *row = operator_kinds.rows; *row; row++)
        if ((*row)->watch) {
            assert_int_equal((*row)->watch & ~bits_of((*row)->watches), 0);
            count++;
        }
    assert_true(count > 0);
}

/* There is one watch of it: two tables would switch it to and fro. */
static void a_kind_of_object_is_in_one_table_of_watches(void **state)
{
    const struct watch_table *tables[KIND_COUNT] = {0};

    (void)state;
    for (const struct reconciler *const *row = operator_kinds.rows; *row; row++)
        for (size_t i = 0; (*row)->watches && i < (*row)->watches->len; i++) {
            const struct watch_table **of = &tables[(*row)->watches->rows[i].kind];
            assert_true(!*of || *of == (*row)->watches);
            *of = (*row)->watches;
        }
    assert_non_null(tables[KIND_POD]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_is_called_the_same_everywhere),
        cmocka_unit_test(what_a_kind_always_watches_is_in_its_table),
        cmocka_unit_test(a_kind_of_object_is_in_one_table_of_watches),
    };

    return cmocka_run_group_tests_name("unit controllers kinds", tests, NULL, NULL);
}
