/*
 * The steps of a release: the fields of `analysis` that say them (`steps`; Flagger's `stepWeight`, `stepWeights`,
 * `mirror`, `iterations` and `match`), and what they come to.
 */
#ifndef CONTROLLERS_CANARY_CANARY_STEPS_H
#define CONTROLLERS_CANARY_CANARY_STEPS_H

#include "controllers/canary/canary.h"

enum { CANARY_STEPS_MAX = 101 };

/* An item of `analysis.steps`. */
extern const struct field canary_step_item;

/* What must hold of them, and of what requests have to match. */
void canary_check_steps(const struct api_check *check);
void canary_check_matches(const struct api_check *check);

/* From check to check. */
msec_t canary_interval(const struct canary_spec *spec);
/* 0: it is none. */
msec_t canary_duration(const char *text);

/* What holds during a step. */
struct canary_step {
    int weight, mirror; /* percent of the requests that the canary gets, and of those that it gets copies of */
    int match;          /* percent of those that match which it gets; 0: they are not told apart */
    bool opens;         /* it says which requests match, so that others may than in the step before */
    bool approve;       /* it ends when a person says so */
    msec_t length;      /* that it takes at least */
};
/*
 * The steps in their order, into `ret`; how many there are: 1 at least, unless the analysis is skipped and none is
 * given.
 */
size_t canary_steps(const struct canary_spec *spec, struct canary_step ret[CANARY_STEPS_MAX]);
/* One of them; all zero where there are not so many, or `step` is below 0. */
struct canary_step canary_step_of(const struct canary_spec *spec, int step);
/* Which requests match in this step; borrowed. NULL: none are told apart. */
const json_t *canary_match(const struct canary_spec *spec, int step);
/* Tells one `match` from another: a hash; "": there is none. */
enum { CANARY_MATCH_ID_MAX = 17 };
void canary_match_id(const struct canary_spec *spec, int step, char ret[CANARY_MATCH_ID_MAX]);

#endif
