/* Releases by their versions: "1.31.1". What is no release ("latest") is older than any, as NULL is. */
#ifndef BASE_RELEASE_H
#define BASE_RELEASE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether there is a major version at the start of the text. */
bool release_is(const char *version);
/* Below, at or above zero as `a` is older than, the same as or newer than `b`. Of "1.31.0-rc.1" 1.31.0 is the newer. */
int release_compare(const char *a, const char *b);

/* The minor release of major version 1: 31 of "1.31.1"; below zero where it has none, or is of another major version.
 */
int release_minor(const char *version);
/* Of the 1.0 in 1.0.5. */
size_t release_minor_length(const char *version);
/* Whether two versions or tags are of the same minor release: 1.0.5 and 1.0.8. */
bool release_same_minor(const char *a, const char *b);
/* Whether a version is of the same minor release as a known one, and newer: 1.0.8 than 1.0.6. No pre-release is. */
bool release_is_newer_patch(const char *version, const char *known);

/*
 * The release among some that stands for a version: itself, or for a patch that is not among them the newest patch of
 * its minor release that is older. `nth` gives their versions, and NULL past the last. True and its number, or false:
 * there is none, as where all of the minor release are newer, and of NULL.
 */
bool release_find(const char *version, const char *(*nth)(const void *releases, size_t i), const void *releases,
                  size_t *ret);

#endif
