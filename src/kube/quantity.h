/*
 * Quantities of Kubernetes ("500m", "2Gi"): read and compared as the API server stores them. Source: "Quantity" in the
 * Kubernetes API reference, and the package k8s.io/apimachinery/pkg/api/resource that it is made from.
 */
#ifndef KUBE_QUANTITY_H
#define KUBE_QUANTITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What the server rounds up to: thousandths in lists of resources (requests, limits), else billionths. */
enum kube_precision { KUBE_MILLI = 3, KUBE_NANO = 9 };

/*
 * Whether two texts are the same quantity to the server, "2048Mi" and "2Gi", "1.5m" and "2m" among thousandths: it
 * rounds up, away from zero, and what has a binary suffix is at most 2^63-1. Equal texts are equal, whatever they are.
 */
bool kube_quantity_equal(const char *a, const char *b, enum kube_precision precision);

/* Below zero, zero, above zero as a < b, a = b, a > b, so stored. False where one of them is no quantity. */
bool kube_quantity_compare(const char *a, const char *b, enum kube_precision precision, int *ret);

/* Whether it has no fraction, when it is rounded up to thousandths. False where it is no quantity. */
bool kube_quantity_is_whole(const char *text);

/*
 * How many units of 10^-digits it is, rounded up; `digits` is at most KUBE_NANO. False where it is no quantity, below
 * zero, or has more digits than any number of bytes.
 */
bool kube_quantity_round_up(const char *text, int digits, int64_t *ret);

/* Whether it is a multiple of a whole number above zero, both rounded up. False where one of them is no quantity. */
bool kube_quantity_is_multiple(const char *text, const char *of);

/*
 * The text of a quantity in a document, where it may be a number, too: YAML's `cpu: 1`. Borrowed from the value, or in
 * `number`; NULL where it is neither.
 */
#define KUBE_QUANTITY_NUMBER 64
const char *kube_quantity_text(const json_t *value, char number[KUBE_QUANTITY_NUMBER]);

#endif
