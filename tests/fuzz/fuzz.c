#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

#define JSON_MAX ((size_t)1 << 20)

_Noreturn void fuzz_broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

char *fuzz_next(struct fuzz_input *in, size_t *ret_len)
{
    const char *end = in->left ? memchr(in->at, '\f', in->left) : NULL;
    size_t len = end ? (size_t)(end - in->at) : in->left, step = len + (end != NULL);
    char *part = mem_new0(len + 1, 1);

    if (len)
        memcpy(part, in->at, len);
    in->at += step;
    in->left -= step;
    if (ret_len)
        *ret_len = len;
    return part;
}

json_t *fuzz_next_json(struct fuzz_input *in)
{
    size_t len;
    _cleanup_free_ char *text = fuzz_next(in, &len);
    json_t *value;

    return doc_parse(text, len, JSON_MAX, &value, NULL) < 0 ? NULL : value;
}

unsigned fuzz_choose(struct fuzz_input *in, unsigned count)
{
    unsigned byte;

    if (!in->left)
        return 0;
    byte = (unsigned char)*in->at++;
    in->left--;
    return byte % count;
}
