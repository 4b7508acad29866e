/*
 * The log: one line an event, on standard error, as text or as JSON.
 *
 *   log_info("object created", "kind", "Service", "name", name, NULL);
 *
 * Every line is whole and on one line: control characters are escaped, bytes that are no UTF-8 are replaced, and
 * texts longer than 4 KiB are cut and end in "...".
 *
 * Keys and values are strings in pairs up to a NULL; a NULL value ends the list,
 * so pass str_or(value, ""). Only the top of the program logs: controllers and
 * commands. Secrets are never arguments.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVEL_LAST = LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

void log_configure(enum log_level least, enum log_format format);
bool log_parse_format(const char *name, enum log_format *ret);
bool log_parse_level(const char *name, enum log_level *ret);

void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)

#endif
