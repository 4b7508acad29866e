/*
 * What Prometheus is asked in a check, and what its answers come to.
 *
 * All requests and those that failed are asked apart: where all fail from the first one on, there is no series of good
 * ones, and a quotient would be empty instead of 0 %. A check is asked when it is due, once: its queries are named by
 * revision, step and the check before it, so that no answer counts twice, or for another step.
 *
 * Source of the labels: Istio 1.0.5, install/kubernetes/helm/istio/charts/mixer/templates/config.yaml (seconds);
 * Istio since 1.5, the proxy's extension of statistics (milliseconds, and grpc_response_status, which nothing has
 * before). What of gRPC is a failure of the server: those whose HTTP status is 5xx in google/rpc/code.proto.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controllers/canary/canary_impl.h"
#include "controllers/prometheus.h"
#include "doc/doc.h"

#define DEFAULT_SERVER_NS "istio-system"
#define DEFAULT_MIN_REQUESTS 10
#define QUANTILE "0.99"

/* UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS */
#define GRPC_FAILURES "2|4|12|13|14|15"

enum part { PART_TOTAL, PART_FAILED, PART_VALUE, PART_LAST = PART_VALUE };
static const char *const parts[] = {[PART_TOTAL] = "total", [PART_FAILED] = "failed", [PART_VALUE] = "value"};
ARRAY_COVERS(parts, PART_LAST);

/* A value of a metric; `none`: there is no data. */
struct sample {
    bool waits, none;
    const char *error; /* of the result; static; NULL: none */
    double value;
};

/* What one metric comes to. */
struct evaluation {
    enum check_verdict verdict;
    bool waits;
    char value[32];
    struct buf why;
};

static bool is_known(const json_t *metric, const char *name)
{
    return !doc_string(metric, "query") && str_eq(doc_string(metric, "name"), name);
}

/* Which requests: those that reached the target's Pods. */
static void add_selector(const struct canary *c, const char *more, struct buf *out)
{
    buf_printf(
        out,
        "{reporter=\"destination\",destination_workload_namespace=\"%s\",destination_workload=\"%s\"%s}",
        c->ns,
        c->spec->target.name,
        more);
}

static void add_increase(const struct canary *c, const char *more, const char *window, struct buf *out)
{
    buf_add_str(out, "increase(istio_requests_total");
    add_selector(c, more, out);
    buf_printf(out, "[%s])", window);
}

static void add_requests(const struct canary *c, const char *window, struct buf *out)
{
    buf_add_str(out, "sum(");
    add_increase(c, "", window, out);
    buf_add_str(out, ")");
}

/* By their HTTP status or, where that is good, by the one of gRPC: each is counted once. */
static void add_failed(const struct canary *c, const char *window, struct buf *out)
{
    buf_add_str(out, "sum(");
    add_increase(c, ",response_code=~\"5.*\"", window, out);
    buf_add_str(out, " or ");
    add_increase(c, ",response_code!~\"5.*\",grpc_response_status=~\"" GRPC_FAILURES "\"", window, out);
    buf_add_str(out, ")");
}

static void add_duration(const struct canary *c, const char *window, struct buf *out)
{
    buf_printf(
        out,
        "histogram_quantile(" QUANTILE ",sum(rate(istio_request_duration_%s_bucket",
        c->mesh.in_seconds ? "seconds" : "milliseconds");
    add_selector(c, "", out);
    buf_printf(out, "[%s]))by(le))%s", window, c->mesh.in_seconds ? "*1000" : "");
}

/* The user's query with what stands for the Canary replaced; other text in braces stays. */
static void add_own(const struct canary *c, const char *query, const char *window, struct buf *out)
{
    const struct {
        const char *name, *value;
    } known[] = {
        {"name", c->name},
        {"namespace", c->ns},
        {"target", c->spec->target.name},
        {"service", c->service},
        {"interval", window},
    };

    while (*query) {
        const char *begin = strstr(query, "{{"), *end = begin ? strstr(begin, "}}") : NULL, *value = NULL;
        const char *name = begin ? begin + 2 + strspn(begin + 2, " ") : NULL;
        size_t len = begin ? strcspn(name, " }") : 0;
        for (size_t i = 0; end && i < ARRAY_LEN(known); i++)
            if (strlen(known[i].name) == len && strncmp(known[i].name, name, len) == 0 &&
                name + len + strspn(name + len, " ") == end)
                value = known[i].value;
        if (!value) {
            size_t rest = begin ? (size_t)(begin - query) + 2 : strlen(query);
            buf_add(out, query, rest);
            query += rest;
            continue;
        }
        buf_add(out, query, (size_t)(begin - query));
        buf_add_str(out, value);
        query = end + 2;
    }
}

static void add_query(const struct canary *c, const json_t *metric, enum part part, struct buf *out)
{
    const char *window = str_or(doc_string(metric, "interval"), "1m"), *query = doc_string(metric, "query");

    if (query)
        add_own(c, query, window, out);
    else if (part == PART_TOTAL)
        add_requests(c, window, out);
    else if (part == PART_FAILED)
        add_failed(c, window, out);
    else
        add_duration(c, window, out);
}

/* Owned by the caller. */
static char *server_of(const struct canary *c)
{
    const char *of_mesh = doc_string(c->istio, "spec", "monitoring", "prometheus", "url");
    const char *given = str_or(c->spec->metrics_server, of_mesh);

    return given ? str_dup(given) : str_printf("http://prometheus.%s:9090", str_or(c->mesh.ns, DEFAULT_SERVER_NS));
}

static char *key_of(const struct canary *c, const json_t *metric, enum part part)
{
    const struct canary_state *s = &c->observed;

    return str_printf(
        "%s/%d/%" PRId64 "/%s/%s", s->revision, s->step, s->checked, doc_string(metric, "name"), parts[part]);
}

static struct sample without(const char *error)
{
    return (struct sample){.error = error};
}

/* The one value of a result. */
static struct sample read_value(const json_t *data)
{
    const json_t *result = doc_at(data, "result"), *pair = result;
    const char *text;
    double value;
    char *end;

    if (str_eq(doc_string(data, "resultType"), "vector")) {
        if (json_array_size(result) > 1)
            return without("the query has several values as its result");
        pair = doc_at(json_array_get(result, 0), "value");
        if (!json_array_size(result))
            return (struct sample){.none = true};
    } else if (!str_eq(doc_string(data, "resultType"), "scalar")) {
        return without("the result of the query is no vector or scalar");
    }
    text = json_string_value(json_array_get(pair, 1));
    value = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end)
        return without("the value is no number");
    return isfinite(value) ? (struct sample){.value = value} : (struct sample){.none = true};
}

/* Asks for one value, and reads what was answered; `why` gets the text of an error, where it has none yet. */
static struct sample ask(const struct canary *c, const json_t *metric, enum part part, struct buf *why)
{
    _cleanup_free_ char *key = key_of(c, metric, part), *server = server_of(c), *error = NULL;
    _cleanup_buf_ struct buf query = BUF_INIT;
    _cleanup_prometheus_answer_ struct prometheus_answer answer;
    struct sample sample;

    add_query(c, metric, part, &query);
    prometheus_ask(
        c->re,
        &(struct prometheus_question){
            .key = key, .server = server, .query = buf_str(&query), .max_age = canary_interval(c->spec)},
        &answer);
    if (answer.waits)
        return (struct sample){.waits = true};
    sample = answer.error ? without("there is no result") : read_value(answer.data);
    if (sample.error)
        error = answer.error ? str_dup(answer.error) : prometheus_error(server, sample.error);
    if (error && !why->len)
        buf_add_str(why, error);
    return sample;
}

static void hold_to_range(const json_t *metric, double value, struct evaluation *j)
{
    const json_t *min = doc_at(metric, "thresholdRange", "min"), *max = doc_at(metric, "thresholdRange", "max");

    snprintf(j->value, sizeof(j->value), "%.6g", value);
    j->verdict = VERDICT_FAIL;
    if (json_is_number(min) && value < json_number_value(min))
        buf_printf(&j->why, "%s is below %.6g", j->value, json_number_value(min));
    else if (json_is_number(max) && value > json_number_value(max))
        buf_printf(&j->why, "%s is above %.6g", j->value, json_number_value(max));
    else
        j->verdict = VERDICT_PASS;
}

/* Whether there is something to evaluate; else `j` says what there is. */
static bool has_value(const struct sample *sample, struct evaluation *j)
{
    j->waits |= sample->waits;
    if (sample->waits)
        return false;
    if (sample->error) {
        j->verdict = VERDICT_ERROR;
        return false;
    }
    if (sample->none && j->verdict != VERDICT_ERROR) {
        j->verdict = VERDICT_NO_DATA;
        if (!j->why.len)
            buf_add_str(&j->why, "there is no value");
    }
    return !sample->none;
}

static bool has_traffic(const json_t *metric, const struct sample *total, struct evaluation *j)
{
    double least = (double)doc_int(doc_at(metric, "minRequests"), DEFAULT_MIN_REQUESTS), count;

    if (total->waits || total->error)
        return has_value(total, j);
    count = total->none ? 0 : total->value;
    if (count > 0 && count >= least)
        return true;
    j->verdict = VERDICT_NO_DATA;
    buf_reset(&j->why);
    buf_printf(&j->why, "%.0f requests, of %.0f that are needed", count, least > 1 ? least : 1);
    return false;
}

static void evaluate(const struct canary *c, const json_t *metric, struct evaluation *j)
{
    bool is_rate = is_known(metric, CANARY_SUCCESS_RATE), is_duration = is_known(metric, CANARY_DURATION);
    struct sample total = {0}, sample;

    j->verdict = VERDICT_PASS;
    if (is_rate || is_duration)
        total = ask(c, metric, PART_TOTAL, &j->why);
    sample = ask(c, metric, is_rate ? PART_FAILED : PART_VALUE, &j->why);
    if ((is_rate || is_duration) && !has_traffic(metric, &total, j)) {
        j->waits |= sample.waits;
        return;
    }
    if (is_rate && !sample.waits && !sample.error) {
        double failed = sample.none ? 0 : sample.value;
        hold_to_range(metric, failed > total.value ? 0 : (total.value - failed) / total.value * 100, j);
    } else if (has_value(&sample, j)) {
        hold_to_range(metric, sample.value, j);
    }
}

/* What the verdict means to the release, by the policies. */
static enum canary_outcome outcome_of(const struct canary *c, const json_t *metric, const struct evaluation *j)
{
    const char *no_data = str_or(doc_string(metric, "onNoData"), c->spec->analysis.no_traffic);

    switch (j->verdict) {
    case VERDICT_PASS:
        return CHECK_PASSES;
    case VERDICT_FAIL:
        return CHECK_FAILS;
    case VERDICT_NO_DATA:
        return str_eq(no_data, "Pass") ? CHECK_PASSES : str_eq(no_data, "Fail") ? CHECK_FAILS : CHECK_HAS_NO_DATA;
    case VERDICT_ERROR:
        return str_eq(c->spec->analysis.metrics_error, "Fail") ? CHECK_FAILS : CHECK_HAS_ERROR;
    }
    return CHECK_HAS_ERROR;
}

static json_t *line(const struct canary *c, const json_t *metric, const struct evaluation *j)
{
    static const char *const verdicts[] = {
        [VERDICT_PASS] = "Pass", [VERDICT_FAIL] = "Fail", [VERDICT_NO_DATA] = "NoData", [VERDICT_ERROR] = "Error"};
    ARRAY_COVERS(verdicts, VERDICT_LAST);
    char now[32];

    clock_rfc3339(c->in->now, now);
    return json_pack(
        "{ssssssssss}",
        "metric",
        doc_string(metric, "name"),
        "value",
        j->value,
        "verdict",
        verdicts[j->verdict],
        "message",
        buf_str(&j->why),
        "at",
        now);
}

/* A check, while its parts are evaluated. */
struct check {
    json_t *lines;
    enum canary_outcome worst;
    bool waits;
};

static void
worsen(struct canary *c, struct check *check, enum canary_outcome outcome, const char *what, const char *why)
{
    if (outcome <= check->worst)
        return;
    check->worst = outcome;
    buf_reset(&c->check_text);
    buf_printf(&c->check_text, "%s%s", what, why);
}

static void measure(struct canary *c, struct check *check)
{
    json_t *metric;
    size_t i;

    json_array_foreach(c->spec->analysis.metrics, i, metric) {
        _cleanup_free_ char *what = str_printf("%s: ", doc_string(metric, "name"));
        struct evaluation j = {0};
        evaluate(c, metric, &j);
        check->waits |= j.waits;
        if (!j.waits) {
            worsen(c, check, outcome_of(c, metric, &j), what, buf_str(&j.why));
            json_array_append_new(check->lines, line(c, metric, &j));
        }
        buf_release(&j.why);
    }
}

/*
 * A webhook may take its time: metrics are measured on meanwhile, and are shown, as is who is waited for, when another
 * check would have been due.
 */
static void ask_hooks(struct canary *c, struct check *check)
{
    const msec_t longer = canary_check_due(c->spec, &c->observed) + canary_interval(c->spec);
    const bool is_long = c->in->now >= longer;
    _cleanup_buf_ struct buf failure = BUF_INIT, pending = BUF_INIT;
    const bool is_over = canary_check_hooks(c, is_long, &failure, &pending);

    if (failure.len)
        worsen(c, check, CHECK_FAILS, "", buf_str(&failure));
    if (is_over)
        return;
    canary_look_again(c, longer);
    if (check->worst < CHECK_FAILS && is_long && !check->waits)
        c->checks = json_incref(check->lines);
    if (check->worst < CHECK_FAILS && pending.len) {
        buf_reset(&c->check_text);
        buf_printf(&c->check_text, "the check %s", buf_str(&pending));
        c->facts.check_text = buf_str(&c->check_text);
    }
    check->waits = true;
}

void canary_check(struct canary *c)
{
    struct check check = {.worst = CHECK_PASSES};

    c->facts.check = CHECK_WAITS;
    if (c->in->now < canary_check_due(c->spec, &c->observed))
        return;
    check.lines = json_array();
    measure(c, &check);
    ask_hooks(c, &check);
    if (!check.waits || check.worst == CHECK_FAILS) {
        c->facts.check = check.worst;
        c->facts.check_text = buf_str(&c->check_text);
        c->checks = json_incref(check.lines);
    }
    json_decref(check.lines);
}
