/*
 * Time. Pure code never calls clock_now_*(): it is given `now`.
 *
 * Durations and monotonic instants are milliseconds; wall instants are
 * milliseconds since 1970 in UTC.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t msec_t;
#define MSEC_NEVER INT64_MAX
#define SECONDS(n) ((msec_t)(n)*1000)

/* Goes on while the machine sleeps, and cannot be set. */
msec_t clock_now_monotonic(void);
msec_t clock_now_wall(void);
int64_t clock_now_usec(void); /* monotonic, for measuring */
int64_t clock_cpu_usec(void); /* what this process took of the processors: the same on a busy machine */

/* "2006-01-02T15:04:05Z", as Kubernetes writes metav1.Time. */
void clock_rfc3339(msec_t wall, char ret[32]);
/* With microseconds, as Kubernetes writes metav1.MicroTime. */
void clock_rfc3339_micro(msec_t wall, char ret[32]);
/* RFC 3339 in UTC or with an offset, with or without a fraction. */
bool clock_parse_rfc3339(const char *text, msec_t *ret_wall);
/* The same; 0 where `text` is NULL or no time. */
static inline msec_t clock_time(const char *text)
{
    msec_t time;

    return text && clock_parse_rfc3339(text, &time) ? time : 0;
}
/* "30s", "10m", "2h": a whole number and its unit, a year at most. */
bool clock_parse_duration(const char *text, msec_t *ret);

#endif
