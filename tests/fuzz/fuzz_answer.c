/* The answers that say no: a byte for the status, then the body. What becomes of it is one line for the log. */
#include "fuzz.h"

#include <string.h>

#include "base/str.h"
#include "kube/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    const struct net_request request = {.path = (char *)"/api/v1/pods?limit=1"};
    struct net_response response = {.status = 300 + (int)fuzz_choose(&in, 300)};
    struct err e;

    response.body = in.at;
    response.body_len = in.left;
    kube_error_of_answer(&request, &response, &e);
    MUST(*e.text && !strpbrk(e.text, "\r\n"));
    return 0;
}
