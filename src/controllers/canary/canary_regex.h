/*
 * What is wrong with a regular expression, as far as that can be told without RE2, by which Envoy compares headers. One
 * that it does not know lets no proxy take its routes. Pure.
 *
 * Source: RE2, "Syntax".
 */
#ifndef CONTROLLERS_CANARY_CANARY_REGEX_H
#define CONTROLLERS_CANARY_CANARY_REGEX_H

/* Why RE2 refuses it, as what it must be; static. NULL: nothing is known against it. */
const char *canary_regex_fault(const char *regex);

#endif
