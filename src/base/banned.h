/*
 * Functions that have bitten C programs too often do not compile here.
 *
 * The build includes this header into every source file (-include). Each entry
 * names what to use in its place.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* System headers first: poisoning must not hit their own declarations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat stpcpy /* buf_add(), str_dup() */
#pragma GCC poison sprintf vsprintf                     /* buf_printf(), snprintf() */
#pragma GCC poison gets scanf sscanf vsscanf            /* str_to_int64(), a parser */
#pragma GCC poison atoi atol atoll                      /* str_to_int64() */
#pragma GCC poison strtok                               /* str_split() */
#pragma GCC poison gmtime localtime ctime asctime       /* clock_rfc3339() */
#undef alloca                                           /* a macro in glibc */
#pragma GCC poison alloca
#pragma GCC poison tmpnam tempnam mktemp
#pragma GCC poison system popen /* a child process with an argument vector */

#endif
