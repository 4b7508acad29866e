#include "base/release.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define NUMBER_MAX 1000000

/* A release as numbers: 1.31.0, and 0 of a pre-release or 1. All zeros where it is none. */
struct release {
    long parts[4];
};

static struct release parse(const char *text)
{
    struct release r = {{0}};

    for (int i = 0; text && i < 3; i++) {
        if (!isdigit((unsigned char)*text))
            return (struct release){{0}};
        for (; isdigit((unsigned char)*text); text++)
            if (r.parts[i] < NUMBER_MAX)
                r.parts[i] = r.parts[i] * 10 + (*text - '0');
        if (*text != '.')
            break;
        text++;
    }
    r.parts[3] = text && *text != '-';
    return r;
}

bool release_is(const char *version)
{
    return parse(version).parts[0] > 0;
}

int release_compare(const char *a, const char *b)
{
    struct release x = parse(a), y = parse(b);

    for (size_t i = 0; i < ARRAY_LEN(x.parts); i++)
        if (x.parts[i] != y.parts[i])
            return x.parts[i] < y.parts[i] ? -1 : 1;
    return 0;
}

size_t release_minor_length(const char *version)
{
    size_t major = strcspn(version, ".");

    return version[major] ? major + 1 + strcspn(version + major + 1, ".-") : major;
}

bool release_same_minor(const char *a, const char *b)
{
    return release_minor_length(a) == release_minor_length(b) && strncmp(a, b, release_minor_length(a)) == 0;
}

/* Whether behind the minor release there is one number and nothing else. */
static bool has_patch(const char *version)
{
    const char *patch = version + release_minor_length(version);

    return *patch == '.' && patch[1] && !patch[1 + strspn(patch + 1, "0123456789")];
}

bool release_is_newer_patch(const char *version, const char *known)
{
    return release_same_minor(version, known) && has_patch(version) && has_patch(known) &&
           release_compare(version, known) > 0;
}

bool release_find(const char *version, const char *(*nth)(const void *releases, size_t i), const void *releases,
                  size_t *ret)
{
    const char *found = NULL, *release;

    for (size_t i = 0; version && (release = nth(releases, i)); i++) {
        if (!str_eq(release, version) &&
            (!release_is_newer_patch(version, release) || (found && release_compare(release, found) <= 0)))
            continue;
        found = release;
        *ret = i;
        if (str_eq(release, version))
            break;
    }
    return found;
}

int release_minor(const char *version)
{
    char *end;
    long minor;

    if (!version || !str_starts(version, "1."))
        return -1;
    minor = strtol(version + 2, &end, 10);
    return end == version + 2 || minor < 0 || minor > 1000 ? -1 : (int)minor;
}
