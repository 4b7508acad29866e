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
    return usec(CLOCK_MONOTONIC) / 1000;
}

msec_t clock_now_wall(void)
{
    return usec(CLOCK_REALTIME) / 1000;
}

int64_t clock_now_usec(void)
{
    return usec(CLOCK_MONOTONIC);
}

static void format_time(msec_t wall, const char *format, char ret[32])
{
    time_t seconds = wall / 1000;
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
    snprintf(ret, 32, "%.19s.%06dZ", seconds, (int)(wall % 1000) * 1000);
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

bool clock_parse_rfc3339(const char *text, msec_t *ret_wall)
{
    const char *p = text;
    struct tm tm = {0};
    int year, month, hours, minutes, millis = 0;
    int64_t offset = 0;

    if (!digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &month) || !literal(&p, '-') ||
        !digits(&p, 2, &tm.tm_mday) || !literal(&p, 'T') || !digits(&p, 2, &tm.tm_hour) || !literal(&p, ':') ||
        !digits(&p, 2, &tm.tm_min) || !literal(&p, ':') || !digits(&p, 2, &tm.tm_sec))
        return false;
    if (*p == '.') {
        int scale = 100;
        for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
            millis += (*p - '0') * scale;
    }
    if (*p == '+' || *p == '-') {
        int sign = *p++ == '+' ? 1 : -1;
        if (!digits(&p, 2, &hours) || !literal(&p, ':') || !digits(&p, 2, &minutes))
            return false;
        offset = sign * (hours * 3600 + minutes * 60);
    } else if (!literal(&p, 'Z')) {
        return false;
    }
    if (*p || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *ret_wall = ((int64_t)timegm(&tm) - offset) * 1000 + millis;
    return true;
}
