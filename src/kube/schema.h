/*
 * The schemas of CustomResourceDefinitions. Pure.
 */
#ifndef KUBE_SCHEMA_H
#define KUBE_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Whether a live schema has the same meaning as the desired one: it may have descriptions, and messages of rules, that
 * are not desired; line breaks in a rule, and the order of required fields, say nothing.
 */
bool kube_schema_same(const json_t *desired, const json_t *live);

#endif
