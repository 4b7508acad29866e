/* The answers that say no: a byte for the status, then the body. What becomes of it is one line for the log. */
#include "fuzz.h"

#include <string.h>

#include "base/str.h"
#include "kube/client_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    struct kube_call call = {.request = {.path = (char *)"/api/v1/pods?limit=1"}};
    struct kube_response response = {.status = 300 + (int)fuzz_choose(&in, 300)};
    struct err e;

    response.body = in.at;
    response.body_len = in.left;
    MUST(kube_error_of_answer(&call, &response, &e) < 0);
    MUST(*e.text && !strpbrk(e.text, "\r\n"));
    return 0;
}
