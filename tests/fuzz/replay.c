/* Feeds files, and all files of folders, to a target: what was found once stays found. Built without libFuzzer. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/str.h"
#include "fuzz.h"
#include "net/credentials.h"

#define FILE_MAX_BYTES ((size_t)16 << 20)

static char *const *paths;
static size_t fed;

static void feed_file(const char *path)
{
    struct err e;
    _cleanup_free_ char *text = NULL;
    size_t len;

    if (net_file_read(path, FILE_MAX_BYTES, &text, &len, &e) < 0)
        fail_msg("%s", e.text);
    /* The last line before a crash names its file. */
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput((const uint8_t *)text, len);
    fed++;
}

static int is_visible(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

static void feed(const char *path)
{
    struct dirent **entries;
    struct stat st;
    int count;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        feed_file(path);
        return;
    }
    count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        fail_msg("cannot read %s", path);
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *entry = str_printf("%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        feed_file(entry);
    }
    free(entries);
}

static void every_file_of_the_corpus_is_survived_and_holds_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; paths[i]; i++)
        feed(paths[i]);
    assert_true(fed > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_of_the_corpus_is_survived_and_holds_the_rules)};

    (void)argc;
    paths = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
