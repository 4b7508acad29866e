/*
 * What the dashboards of a mesh show: a table. Every panel has a query for each line of releases (mesh_line.metrics),
 * since metrics and labels have other names there; where a line has no query, it has no such panel.
 */
#ifndef MESH_COMMON_PANELS_H
#define MESH_COMMON_PANELS_H

#include "mesh/line.h"

enum { PANEL_QUERIES_MAX = 3, DASHBOARD_VARIABLES_MAX = 2 };

/* PromQL, and how a series is called. */
struct panel_query {
    const char *legend;                 /* "{{label}}" is the label's value; NULL: Grafana's choice */
    const char *of[MESH_METRICS_COUNT]; /* NULL: the line has none */
};

struct panel {
    const char *title; /* NULL ends a list */
    const char *unit;  /* Grafana's name of it: "s", "reqps" */
    bool is_stat;      /* the last value in large; else a graph over time */
    struct panel_query queries[PANEL_QUERIES_MAX];
};

/* What is chosen at the top of a dashboard: "$name" in the queries. */
struct panel_variable {
    const char *name; /* NULL ends a list */
    const char *query;
    const char *regex; /* what of each answer is the value; NULL: all */
};

struct dashboard {
    const char *name; /* of the object, behind "istio-dashboard-"; NULL ends the list */
    const char *title;
    const char *about; /* one sentence */
    struct panel_variable variables[DASHBOARD_VARIABLES_MAX + 1];
    const struct panel *panels;
};

extern const struct dashboard mesh_dashboard_table[];

#endif
