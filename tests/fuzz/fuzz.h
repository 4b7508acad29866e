/*
 * Fuzz targets: a file each, fuzz_TOPIC.c, which defines LLVMFuzzerTestOneInput().
 *
 * libFuzzer calls it with inputs that it makes up (`make fuzz`), replay.c with the files of corpus/TOPIC (`make test`).
 * A target says with MUST() what holds whatever comes in; that nothing crashes, leaks or is undefined, the
 * sanitizers say.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *condition, const char *file, int line);

/* What is left of an input of several parts, which form feeds divide: no format of the operator has one unescaped. */
struct fuzz_input {
    const char *at;
    size_t left;
};
/* The next part, "" where there is none: owned by the caller, with a NUL behind it; `ret_len` may be NULL. */
char *fuzz_next(struct fuzz_input *in, size_t *ret_len);
/* The next part as JSON, owned by the caller; NULL where it is none. */
json_t *fuzz_next_json(struct fuzz_input *in);
/* The first byte of the input, taken off it, as a number below `count`. */
unsigned fuzz_choose(struct fuzz_input *in, unsigned count);

#endif
