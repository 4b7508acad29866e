#include "controllers/prometheus.h"

#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "kube/request.h"

static const msec_t QUERY_TIMEOUT = SECONDS(5);
#define ANSWER_MAX ((size_t)64 * 1024)
#define ERROR_MAX 200 /* bytes of what a server says */

void prometheus_answer_release(struct prometheus_answer *answer)
{
    free(answer->error);
    json_decref(answer->document);
    *answer = (struct prometheus_answer){0};
}

/* Without the slashes at its end. */
static int length_of(const char *server)
{
    size_t len = strlen(server);

    while (len && server[len - 1] == '/')
        len--;
    return (int)len;
}

static char *error_of(const char *server, const char *why, int status)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(&text, "%.*s: %.*s", length_of(server), server, (int)str_cut(why, ERROR_MAX), why);
    if (status)
        buf_printf(&text, " (HTTP %d)", status);
    return buf_take(&text);
}

char *prometheus_error(const char *server, const char *why)
{
    return error_of(server, why, 0);
}

static void read_answer(const char *server, const struct query_answer *answer, struct prometheus_answer *ret)
{
    const char *error = answer->error;

    if (!error && doc_parse(answer->body, answer->body_len, ANSWER_MAX, &ret->document, NULL) < 0)
        error = "it is no JSON";
    else if (!error && !str_eq(doc_string(ret->document, "status"), "success"))
        error = str_or(doc_string(ret->document, "error"), "it is no answer of Prometheus");
    if (error)
        ret->error = error_of(server, error, answer->status);
    else
        ret->data = doc_at(ret->document, "data");
}

void prometheus_ask(struct reconcile *r, const struct prometheus_question *question, struct prometheus_answer *ret)
{
    const char *server = question->server;
    _cleanup_buf_ struct buf url = BUF_INIT;
    const struct query_answer *answer;

    *ret = (struct prometheus_answer){0};
    buf_printf(&url, "%.*s/api/v1/query?query=", length_of(server), server);
    kube_add_escaped(&url, question->query);
    queries_add(
        &r->plan->queries,
        &(struct query){
            .key = question->key,
            .url = buf_str(&url),
            .timeout = QUERY_TIMEOUT,
            .retries = question->retries,
            .body_max = ANSWER_MAX,
            .max_age = question->max_age});
    answer = query_answers_find(&r->world->answers, question->key);
    ret->waits = !answer;
    if (answer)
        read_answer(server, answer, ret);
}
