/*
 * The words in which tables of fields are written (api/field.h). Only for files that hold tables: the names are short.
 */
#ifndef API_ROWS_H
#define API_ROWS_H

#include "api/field.h"
#include "base/mem.h"

/* The rows of a static array. */
#define FIELD_ROWS(array) .rows = (array), .len = ARRAY_LEN(array)

/* Inside documents. */
#define FLAG .type = FIELD_FLAG
#define INTEGER(least_, most_) .type = FIELD_INTEGER, .least = (least_), .most = (most_)
#define NUMBER(least_, most_) .type = FIELD_NUMBER, .least = (least_), .most = (most_)
#define TEXT(format_) .type = FIELD_TEXT, .format = &(format_)
#define CHOICE(...)                                                                                                    \
    .type = FIELD_CHOICE, .choices = (const char *const[])                                                             \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define QUANTITY .type = FIELD_QUANTITY
#define TIME .type = FIELD_TIME
#define ANY .type = FIELD_ANY
/* The JSON that asks for nothing, besides null, "", [] and {}; of an object its fields as far as they are given. */
#define UNSUPPORTED(nothing) .type = FIELD_UNSUPPORTED, .otherwise = (nothing)
#define DOCUMENT(table_) .type = FIELD_DOCUMENT, .table = &(table_)
#define LIST(items_, least_, most_) .type = FIELD_LIST, .items = &(items_), .least = (least_), .most = (most_)
#define MAP(keys_, items_, most_) .type = FIELD_MAP, .format = &(keys_), .items = &(items_), .most = (most_)

/* Behind a type without a member. */
#define ALIAS(...)                                                                                                     \
    .alias_of = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

/* In a member of OWNER, a macro that names the struct. */
#define FIELD_AT(member, ctype)                                                                                        \
    .offset = offsetof(OWNER, member) +                                                                                \
              0 * sizeof(struct {                                                                                      \
                  _Static_assert(__builtin_types_compatible_p(__typeof__(((OWNER *)0)->member), ctype),                \
                                 #member " must be of type " #ctype);                                                  \
                  char unused;                                                                                         \
              })
#define FLAG_AT(member) FLAG, FIELD_AT(member, bool)
#define INTEGER_AT(member, least_, most_) INTEGER(least_, most_), FIELD_AT(member, int)
#define NUMBER_AT(member, least_, most_) NUMBER(least_, most_), FIELD_AT(member, double)
#define TEXT_AT(member, format_) TEXT(format_), FIELD_AT(member, char *)
#define CHOICE_AT(member, ...) CHOICE(__VA_ARGS__), FIELD_AT(member, char *)
#define DOCUMENT_AT(member, table_) DOCUMENT(table_), FIELD_AT(member, json_t *)
#define LIST_AT(member, items_, least_, most_) LIST(items_, least_, most_), FIELD_AT(member, json_t *)
#define MAP_AT(member, keys_, items_, most_) MAP(keys_, items_, most_), FIELD_AT(member, json_t *)
/* A struct inside the struct, with a table of its own. */
#define STRUCT_AT(member, table_) .type = FIELD_GROUP, .table = &(table_), .offset = offsetof(OWNER, member)
/* An object in the resource, but members of the same struct: its table has the same OWNER. */
#define GROUP(table_) .type = FIELD_GROUP, .table = &(table_), .offset = 0

#endif
