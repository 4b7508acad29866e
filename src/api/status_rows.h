/*
 * What the statuses of all kinds of resources have in common, for their tables: rows and words. Only for files that
 * hold such a table.
 */
#ifndef API_STATUS_ROWS_H
#define API_STATUS_ROWS_H

#include "api/rows.h"
#include "api/status.h"

#define GENERATION_MAX 9007199254740991 /* whole numbers that JSON carries exactly */
#define PODS_MAX 2147483647

/* Of lists of names with their meanings: the names, and the meanings for the documentation. */
#define STATUS_NAME(name, doc) name,
#define STATUS_MEANING(name, doc) " " name ": " doc "."
#define CONDITION_LINE(name, doc) "\n- `" name "`: " doc

/* The table of a kind's conditions: these rows, and this doc with a CONDITION_LINE for each that only the kind has. */
extern const struct field status_condition_rows[6];
#define CONDITIONS_DOC "Every resource has these conditions, and may have more:\n" API_CONDITIONS(CONDITION_LINE)

/* The choices of API_STATUSES. */
extern const char *const status_words[];

/* Items of lists. */
extern const struct field status_component, status_drift;

/* clang-format off */
/* Every kind has these, and fields that it shares with some or has alone. `doc_` says what Status is. */
#define STATUS_ROWS_OF_ALL(doc_, choices_)                                                                             \
    {STATUS_FIELD_STATUS, .type = FIELD_CHOICE, .choices = choices_, .doc = doc_},                                     \
    {STATUS_FIELD_ERROR_MESSAGE, TEXT(format_text),                                                                    \
     .doc = "What is wrong, where and what is allowed; empty if nothing is."},                                         \
    {STATUS_FIELD_OBSERVED_GENERATION, INTEGER(0, GENERATION_MAX),                                                     \
     .doc = "The metadata.generation that this is about."},                                                            \
    {STATUS_FIELD_APPLIED_GENERATION, INTEGER(0, GENERATION_MAX),                                                      \
     .doc = "The metadata.generation that was in place as a whole once."}
#define STATUS_ROW_CONDITIONS(condition_)                                                                              \
    {STATUS_FIELD_CONDITIONS, LIST(condition_, 0, 100), .doc = "The same for programs."}
/* Of what a release of Istio is installed for. */
#define STATUS_ROWS_OF_MESH(doc_, choices_, condition_)                                                                \
    STATUS_ROWS_OF_ALL(doc_, choices_),                                                                                \
    {STATUS_FIELD_VERSION, TEXT(format_text), .doc = "The version of Istio that is installed."},                       \
    STATUS_ROW_CONDITIONS(condition_),                                                                                 \
    {STATUS_FIELD_COMPONENTS, LIST(status_component, 0, 100), .doc = "One line per component."}
/* Every kind has these as well, as the last ones. */
#define STATUS_ROWS_LEFT_ALONE                                                                                         \
    {STATUS_FIELD_IGNORED, INTEGER(0, PODS_MAX),                                                                       \
     .doc = "How many objects are left alone: their annotation asks for it, or they are of a newer release."},         \
    {STATUS_FIELD_DRIFT, LIST(status_drift, 0, 1000), .doc = "What the operator would change, while it is paused."}
/* clang-format on */

#endif
