/*
 * Label selectors as text, as `kubectl get -l` and the API take them ("Labels and Selectors" in the Kubernetes
 * documentation): requirements joined by commas, all of which must hold.
 *
 *   app=jaeger   app==jaeger     the label exists and has this value
 *   app!=jaeger                  it has another value, or does not exist
 *   app in (a, b)                it exists and has one of these values
 *   app notin (a, b)             it has none of these values, or does not exist
 *   app   !app                   it exists, it does not exist
 *
 * A text without requirements matches everything. Pure.
 */
#ifndef KUBE_SELECTOR_H
#define KUBE_SELECTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

#define SELECTOR_MAX_BYTES 1024

struct selector;

/* ERR_INVALID says where in the text and what is wrong; ERR_LIMIT: longer than SELECTOR_MAX_BYTES. */
int selector_parse(const char *text, struct selector **ret, struct err *e);
/* `labels` is a map of strings, as in metadata.labels; NULL: there are none. */
bool selector_matches(const struct selector *selector, const json_t *labels);
bool selector_is_empty(const struct selector *selector);
void selector_free(struct selector *selector);
DEFINE_CLEANUP(struct selector *, selector_free)
#define _cleanup_selector_ _cleanup_(selector_free_p)

/*
 * The other form, a map of strings as Services and `matchLabels` have it: whether the labels have all of its pairs. One
 * without pairs selects nothing.
 */
bool selector_pairs_match(const json_t *pairs, const json_t *labels);

/*
 * Kubernetes' type LabelSelector, {matchLabels, matchExpressions: [{key, operator, values}]}: whether all of it holds.
 * An empty one, and NULL, match everything. An operator that Kubernetes does not know never holds.
 */
bool selector_object_matches(const json_t *selector, const json_t *labels);

#endif
