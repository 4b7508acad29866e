/*
 * Reports (cli/report.h) of the resources of a cluster: made with their Events, and printed.
 */
#ifndef CLI_REPORTS_H
#define CLI_REPORTS_H

#include "cli/asking.h"

/* Adds one for each of the list's resources; `kubernetes` is the server's version. */
void reports_add(const struct asking *a, const char *kind, const json_t *list, const char *kubernetes, json_t *reports);
/* To standard output, as text or as one array. Whether all of the resources are available. */
bool reports_print(const json_t *reports, bool json);

#endif
