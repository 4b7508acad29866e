/* The blocks that documents are made of: given and taken again, bounded, and without what was in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>

#include "doc/blocks.h"

#define LONGEST 400
/* What is kept at most, and room for the heap's own account of it. */
#define KEPT_MOST ((size_t)320 * 1024)

static int drop(void **state)
{
    (void)state;
    blocks_drop_kept();
    return 0;
}

/* Every size several times over: each byte is ours alone, whatever the block was before. */
static void no_two_blocks_overlap(void **state)
{
    enum { EACH = 3 };
    unsigned char *blocks[LONGEST + 1][EACH];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size <= LONGEST; size++)
            for (size_t i = 0; i < EACH; i++) {
                blocks[size][i] = blocks_take(size);
                assert_non_null(blocks[size][i]);
                memset(blocks[size][i], (int)(size * EACH + i) & 0xff, size);
            }
        for (size_t size = 0; size <= LONGEST; size++)
            for (size_t i = 0; i < EACH; i++) {
                for (size_t at = 0; at < size; at++)
                    assert_int_equal(blocks[size][i][at], (size * EACH + i) & 0xff);
                blocks_give(blocks[size][i]);
            }
    }
}

static void a_secret_is_not_in_the_next_document(void **state)
{
    (void)state;
    for (size_t size = 64; size <= LONGEST; size++) {
        char *block = blocks_take(size);
        memset(block, 's', size);
        blocks_give(block);
        block = blocks_take(size);
        assert_null(memmem(block, size, "ssss", 4));
        blocks_give(block);
    }
}

/* Documents come in all shapes, and some are large: what was needed once is not kept for ever. */
static void what_is_kept_is_bounded(void **state)
{
    enum { COUNT = 20000 };
    void **blocks = calloc(COUNT, sizeof(*blocks));
    size_t before = mallinfo2().uordblks;

    (void)state;
    assert_non_null(blocks);
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = blocks_take(i % 200);
    for (size_t i = 0; i < COUNT; i++)
        blocks_give(blocks[i]);
    assert_in_range(mallinfo2().uordblks, 0, before + KEPT_MOST);
    blocks_drop_kept();
    /* The heap itself counts a few freed blocks of each size as used. */
    assert_in_range(mallinfo2().uordblks, 0, before + 16 * 1024);
    free(blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_two_blocks_overlap, drop),
        cmocka_unit_test_setup(a_secret_is_not_in_the_next_document, drop),
        cmocka_unit_test_setup(what_is_kept_is_bounded, drop),
    };

    return cmocka_run_group_tests_name("json blocks", tests, NULL, NULL);
}
