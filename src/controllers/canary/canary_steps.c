#include "controllers/canary/canary_steps.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/rows.h"
#include "base/str.h"
#include "controllers/canary/canary_match.h"
#include "doc/doc.h"

static const struct field step_rows[] = {
    {"weight", INTEGER(0, 100), .doc = "Percent of the requests that the new version gets from now on."},
    {"mirror",
     INTEGER(1, 100),
     .doc =
         "Percent of the requests that it gets copies of, whose answers are dropped; only in this step. Istio before "
         "1.5 mirrors all or none."},
    {"match",
     LIST(canary_match_item, 0, CANARY_MATCHES_MAX),
     .doc = "Requests for which one of these holds get there from now on, or `weight` percent of them; the others as "
            "before. An empty list ends that."},
    {"pause", TEXT(format_duration), .doc = "How long nothing changes."},
    {"approve", FLAG, .doc = "Nothing changes until the command `approve`."},
    {"for", TEXT(format_duration), .doc = "How long a step with `weight`, `match` or `mirror` takes at least."},
};

static bool is_given(const json_t *step, const char *name)
{
    const json_t *value = json_object_get(step, name);

    return value && !json_is_null(value);
}

static void check_step(const json_t *step, const char *path, struct problems *problems)
{
    static const char *const kinds[] = {"weight", "match", "mirror", "pause", "approve"};
    size_t given = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        given += is_given(step, kinds[i]);
    if (given == 2 && is_given(step, "match") && is_given(step, "weight")) {
        if (!doc_int(doc_at(step, "weight"), 0))
            problems_add(problems, PROBLEM_ERROR, path, "must have a weight of 1 at least beside match");
    } else if (given != 1) {
        problems_add(
            problems,
            PROBLEM_ERROR,
            path,
            "must have one of weight, match, mirror, pause and approve, or match with a weight");
    } else if (json_is_false(json_object_get(step, "approve"))) {
        problems_add(problems, PROBLEM_ERROR, path, "must have an approve that is true");
    }
}

static const struct field_table step_table = {
    .name = "Step",
    .doc =
        "One of `weight`, `match`, `mirror`, `pause` and `approve`. Checks go on in each, and a step ends with a good "
        "one. What a step does not say stays as it is; of copies that holds for one step.",
    FIELD_ROWS(step_rows),
    .check = check_step,
};

const struct field canary_step_item = {NULL, DOCUMENT(step_table)};

/* Each way to say the steps excludes the others. */
void canary_check_steps(const struct api_check *c)
{
    const struct canary_spec *spec = c->spec;
    const json_t *weights = spec->analysis.step_weights, *weight;
    bool has_steps = json_array_size(spec->analysis.steps), has_weights = json_array_size(weights);
    bool has_weight = spec->analysis.step_weight, mirrors = spec->analysis.mirror || spec->analysis.mirror_weight;
    bool iterates = spec->analysis.iterations, has_match = json_array_size(spec->analysis.match);
    int64_t before = 0;
    size_t i;

    if (has_steps && (has_weights || has_weight || iterates || mirrors))
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            "spec.analysis.steps",
            "must be left out where stepWeight, stepWeights, iterations or mirror is given");
    else if (iterates && (has_weights || has_weight))
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            "spec.analysis.iterations",
            "must be left out where stepWeight or stepWeights is given");
    else if (has_weights && has_weight)
        problems_add(
            c->problems, PROBLEM_ERROR, "spec.analysis.stepWeights", "must be left out where stepWeight is given");
    else if (!has_steps && !has_weights && !has_weight && !iterates && !spec->skip_analysis)
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            "spec.analysis",
            "must have steps, iterations, stepWeight or stepWeights, unless spec.skipAnalysis is true");
    if (has_match && !iterates && !spec->skip_analysis)
        problems_add(
            c->problems,
            PROBLEM_ERROR,
            "spec.analysis.match",
            "must be left out without iterations; steps have a match of their own");
    else if (has_match && mirrors)
        problems_add(c->problems, PROBLEM_ERROR, "spec.analysis.mirror", "must be left out where match is given");
    json_array_foreach(weights, i, weight) {
        _cleanup_free_ char *path = str_printf("spec.analysis.stepWeights[%zu]", i);
        if (doc_int(weight, 0) <= before)
            problems_add(c->problems, PROBLEM_ERROR, path, "must be greater than the weight before it");
        before = doc_int(weight, 0);
    }
}

/* The cookie of a client would take the place of what the header has to be. */
static void check_cookies(const json_t *service, struct problems *problems)
{
    json_t *match;
    size_t i;

    json_array_foreach((json_t *)service, i, match) {
        _cleanup_free_ char *path = str_printf("spec.service.match[%zu].headers.cookie", i);
        if (doc_at(match, "headers", "cookie"))
            problems_add(problems, PROBLEM_ERROR, path, "must be left out beside spec.analysis.sessionAffinity");
    }
}

void canary_check_matches(const struct api_check *c)
{
    const struct canary_spec *spec = c->spec;
    const json_t *service = doc_at(spec->service, "match");
    json_t *step;
    size_t i;

    if (spec->analysis.affinity)
        check_cookies(service, c->problems);
    canary_match_check(service, spec->analysis.match, "spec.analysis.match", c->problems);
    json_array_foreach(spec->analysis.steps, i, step) {
        _cleanup_free_ char *path = str_printf("spec.analysis.steps[%zu].match", i);
        canary_match_check(service, doc_at(step, "match"), path, c->problems);
    }
}

msec_t canary_duration(const char *text)
{
    msec_t value;

    return text && clock_parse_duration(text, &value) ? value : 0;
}

msec_t canary_interval(const struct canary_spec *spec)
{
    return canary_duration(spec->analysis.interval);
}

/* Steps keep what they do not say; but copies are of one step. */
static size_t own_steps(const json_t *steps, struct canary_step *ret)
{
    int weight = 0, matched = 0;
    json_t *step;
    size_t i;

    json_array_foreach(steps, i, step) {
        const json_t *match = doc_at(step, "match"), *given = doc_at(step, "weight");
        const char *pause = doc_string(step, "pause");
        if (match)
            matched = json_array_size(match) ? (int)doc_int(given, 100) : 0;
        else
            weight = (int)doc_int(given, weight);
        ret[i] = (struct canary_step){
            .weight = weight,
            .mirror = (int)doc_int(doc_at(step, "mirror"), 0),
            .match = matched,
            .opens = match && matched,
            .approve = doc_bool(doc_at(step, "approve"), false),
            .length = canary_duration(pause ? pause : doc_string(step, "for")),
        };
    }
    return i;
}

/* Without `match` nothing gets there, but copies, before all of it does. */
static size_t iterated_steps(const struct canary_spec *spec, int mirror, struct canary_step *ret)
{
    bool has_match = json_array_size(spec->analysis.match);

    ret[0] = (struct canary_step){
        .mirror = mirror,
        .match = has_match ? 100 : 0,
        .opens = has_match,
        .length = spec->analysis.iterations * canary_interval(spec),
    };
    ret[1] = (struct canary_step){.weight = 100};
    return has_match ? 1 : 2;
}

size_t canary_steps(const struct canary_spec *spec, struct canary_step ret[CANARY_STEPS_MAX])
{
    const int most = spec->analysis.max_weight, by = spec->analysis.step_weight;
    const int mirror = !spec->analysis.mirror ? 0 : spec->analysis.mirror_weight ? spec->analysis.mirror_weight : 100;
    size_t count = 0, i;
    json_t *weight;

    if (json_array_size(spec->analysis.steps))
        return own_steps(spec->analysis.steps, ret);
    if (spec->analysis.iterations)
        return iterated_steps(spec, mirror, ret);
    if (mirror)
        ret[count++] = (struct canary_step){.mirror = mirror};
    json_array_foreach(spec->analysis.step_weights, i, weight)
        ret[count++] = (struct canary_step){.weight = (int)doc_int(weight, 0)};
    if (i || !by)
        return count;
    for (int grown = by; grown < most; grown += by)
        ret[count++] = (struct canary_step){.weight = grown};
    ret[count++] = (struct canary_step){.weight = most};
    return count;
}

struct canary_step canary_step_of(const struct canary_spec *spec, int number)
{
    struct canary_step steps[CANARY_STEPS_MAX];
    size_t count = canary_steps(spec, steps);

    return number >= 0 && (size_t)number < count ? steps[number] : (struct canary_step){0};
}

const json_t *canary_match(const struct canary_spec *spec, int number)
{
    const json_t *match = NULL;
    json_t *step;
    size_t i;

    if (number < 0)
        return NULL;
    if (spec->analysis.iterations && !json_array_size(spec->analysis.steps))
        match = spec->analysis.match;
    json_array_foreach(spec->analysis.steps, i, step)
        if (i <= (size_t)number && doc_at(step, "match"))
            match = doc_at(step, "match");
    return json_array_size(match) ? match : NULL;
}

void canary_match_id(const struct canary_spec *spec, int number, char ret[CANARY_MATCH_ID_MAX])
{
    const json_t *match = canary_match(spec, number);

    *ret = '\0';
    if (match)
        snprintf(ret, CANARY_MATCH_ID_MAX, "%016" PRIx64, doc_hash(match));
}
