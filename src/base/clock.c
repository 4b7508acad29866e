#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t usec(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

msec_t clock_now_monotonic(void)
{
    return usec(CLOCK_BOOTTIME) / 1000;
}

msec_t clock_now_wall(void)
{
    return usec(CLOCK_REALTIME) / 1000;
}

int64_t clock_now_usec(void)
{
    return usec(CLOCK_MONOTONIC);
}

int64_t clock_cpu_usec(void)
{
    return usec(CLOCK_PROCESS_CPUTIME_ID);
}

/* Milliseconds within the second, also before 1970. */
static int millis_of(msec_t wall)
{
    int millis = (int)(wall % 1000);

    return millis < 0 ? millis + 1000 : millis;
}

static void format_time(msec_t wall, const char *format, char ret[32])
{
    time_t seconds = (wall - millis_of(wall)) / 1000;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(ret, 32, format, &tm);
}

void clock_rfc3339(msec_t wall, char ret[32])
{
    format_time(wall, "%Y-%m-%dT%H:%M:%SZ", ret);
}

void clock_rfc3339_micro(msec_t wall, char ret[32])
{
    char seconds[32];

    format_time(wall, "%Y-%m-%dT%H:%M:%S", seconds);
    snprintf(ret, 32, "%.19s.%06dZ", seconds, millis_of(wall) * 1000);
}

static bool digits(const char **p, int count, int *ret)
{
    int n = 0;

    for (int i = 0; i < count; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        n = 10 * n + (**p - '0');
    }
    *ret = n;
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* "2006-01-02T15:04:05" within the calendar; 60 is a leap second. */
static bool parse_date_time(const char **p, struct tm *ret)
{
    int year, month;

    if (!digits(p, 4, &year) || !literal(p, '-') || !digits(p, 2, &month) || !literal(p, '-') ||
        !digits(p, 2, &ret->tm_mday) || !literal(p, 'T') || !digits(p, 2, &ret->tm_hour) || !literal(p, ':') ||
        !digits(p, 2, &ret->tm_min) || !literal(p, ':') || !digits(p, 2, &ret->tm_sec))
        return false;
    if (month < 1 || month > 12 || ret->tm_mday < 1 || ret->tm_mday > days_in(year, month))
        return false;
    ret->tm_year = year - 1900;
    ret->tm_mon = month - 1;
    return ret->tm_hour <= 23 && ret->tm_min <= 59 && ret->tm_sec <= 60;
}

/* ".5" and the like, to the millisecond; nothing is no fraction. */
static bool parse_fraction(const char **p, int *ret_millis)
{
    int scale = 100;

    *ret_millis = 0;
    if (**p != '.')
        return true;
    (*p)++;
    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
        *ret_millis += (**p - '0') * scale;
    return true;
}

/* "Z" or "+01:00", in seconds. */
static bool parse_offset(const char **p, int64_t *ret)
{
    int sign = **p == '-' ? -1 : 1, hours, minutes;

    *ret = 0;
    if (literal(p, 'Z'))
        return true;
    if (!literal(p, '+') && !literal(p, '-'))
        return false;
    if (!digits(p, 2, &hours) || !literal(p, ':') || !digits(p, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse_rfc3339(const char *text, msec_t *ret_wall)
{
    const char *p = text;
    struct tm tm = {0};
    int64_t offset;
    int millis;

    if (!parse_date_time(&p, &tm) || !parse_fraction(&p, &millis) || !parse_offset(&p, &offset) || *p)
        return false;
    *ret_wall = ((int64_t)timegm(&tm) - offset) * 1000 + millis;
    return true;
}

bool clock_parse_duration(const char *text, msec_t *ret)
{
    const msec_t most = SECONDS(365 * 24 * 3600);
    msec_t value = 0, unit;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && value <= most; p++)
        value = value * 10 + (*p - '0');
    unit = *p == 's' ? SECONDS(1) : *p == 'm' ? SECONDS(60) : *p == 'h' ? SECONDS(3600) : 0;
    if (p == text || !unit || p[1] || value > most / unit)
        return false;
    *ret = value * unit;
    return true;
}
