/*
 * What a client may send to the webhook, as far as it is decided without a socket: the head of a request is the same
 * however it comes in, and every review has an answer for its uid.
 */
#include "fuzz.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/cache.h"
#include "mesh/mesh.h"
#include "net/http_head.h"
#include "reconcile/marks.h"
#include "serve/admission.h"

/* A head is complete exactly from its last byte on; whether a request is refused does not depend on what follows. */
static int parse_head(const char *text, size_t len, struct http_head *ret)
{
    struct http_head early;
    int status, result = http_head_parse(text, len, ret, &status);

    if (result > 0) {
        MUST(ret->len <= len && ret->len <= HTTP_HEAD_MAX_BYTES && ret->method.at && ret->path.at);
        MUST(http_head_parse(text, ret->len, &early, &status) == 1 && early.body_len == ret->body_len);
        MUST(http_head_parse(text, ret->len - 1, &early, &status) <= 0);
    } else if (result < 0) {
        MUST(status >= 400 && *http_reason(status));
    }
    return result;
}

static void review(const char *text, size_t len, const char *const *versions, const struct kube_cache *observed)
{
    const struct admission_context context = {.kubernetes_minor = 20, .versions = versions, .observed = observed};
    _cleanup_json_ json_t *question = NULL, *answer = NULL;
    struct admission_verdict verdict;
    struct err e;

    if (admission_review(text, len, &context, &verdict, &e) < 0) {
        MUST(e.class == ERR_INVALID || e.class == ERR_LIMIT);
        return;
    }
    MUST(doc_parse_lenient(text, len, SIZE_MAX, DOC_IN_REVIEW, &question, NULL) == 0);
    MUST(doc_parse(verdict.review, strlen(verdict.review), SIZE_MAX, &answer, NULL) == 0);
    free(verdict.review);
    MUST(str_eq(doc_string(answer, "response", "uid"), str_or(doc_string(question, "request", "uid"), "")));
    MUST(doc_bool(doc_at(answer, "response", "allowed"), !verdict.allowed) == verdict.allowed);
    MUST(verdict.allowed || doc_string(answer, "response", "status", "message"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *versions[KIND_COUNT];
    struct kube_cache *observed;
    struct http_head head;

    if (parse_head(text, size, &head) <= 0)
        return 0;
    mesh_versions_for(20, versions);
    observed = kube_cache_new(&mesh_kinds, MARK_OWNER);
    review(text + head.len, size - head.len, NULL, NULL);
    review(text + head.len, size - head.len, versions, observed);
    kube_cache_free(observed);
    return 0;
}
