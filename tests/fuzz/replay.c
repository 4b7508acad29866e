/*
 * Feeds files, and all files of folders, to a target: what was found once stays found. With --odd each document in a
 * file is fed besides with every place of it odd (tests/odd). Built without libFuzzer.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "fuzz.h"
#include "net/credentials.h"
#include "odd.h"

#define FILE_MAX_BYTES ((size_t)16 << 20)

static char *const *paths;
static size_t fed, fed_odd;
static bool odd;

/* One document of an input, in which it begins at `begin` and ends before `end`. */
static void feed_odd_document(const char *text, size_t len, size_t begin, size_t end)
{
    _cleanup_json_ json_t *document = NULL;

    if (doc_parse(text + begin, end - begin, FILE_MAX_BYTES, &document, NULL) < 0)
        return;
    for (size_t place = 0; place < odd_places(document); place++)
        for (enum odd how = 0; how < ODD_COUNT; how++) {
            _cleanup_json_ json_t *other = odd_document(document, place, how, NULL);
            _cleanup_free_ char *other_text = other ? doc_text(other) : NULL;
            _cleanup_buf_ struct buf input = BUF_INIT;
            if (!other)
                continue;
            buf_add(&input, text, begin);
            buf_add_str(&input, other_text);
            buf_add(&input, text + end, len - end);
            LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.len);
            fed_odd++;
        }
}

/* The parts of an input are divided by form feeds and line ends; bytes before a document choose something. */
static void feed_odd(const char *text, size_t len)
{
    for (size_t begin = 0, end; begin < len; begin = end + 1) {
        for (end = begin; end < len && text[end] != '\f' && text[end] != '\n';)
            end++;
        while (begin < end && text[begin] != '{' && text[begin] != '[')
            begin++;
        if (begin < end)
            feed_odd_document(text, len, begin, end);
    }
}

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
    if (odd)
        feed_odd(text, len);
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
    if (odd)
        print_message("%zu inputs besides, odd in one place each\n", fed_odd);
    assert_true(!odd || fed_odd > 200);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_of_the_corpus_is_survived_and_holds_the_rules)};

    odd = argc > 1 && str_eq(argv[1], "--odd");
    paths = argv + 1 + odd;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
