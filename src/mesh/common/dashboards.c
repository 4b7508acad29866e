/*
 * Sources: Grafana's documentation, "Dashboard JSON model" (the grid has 24 columns) and "Variables"; the values of its
 * Helm chart, sidecar.dashboards; the Grafana operator's API reference, grafana.integreatly.org/v1beta1.
 */
#include "mesh/common/dashboards.h"

#include "base/str.h"
#include "doc/doc.h"
#include "mesh/common/objects.h"

enum { SCHEMA_VERSION = 36, COLUMNS = 24, STAT_WIDTH = 6, STAT_HEIGHT = 4, GRAPH_WIDTH = 12, GRAPH_HEIGHT = 8 };

/* The user chooses which, at the top of the dashboard. */
static struct row datasource(void)
{
    return MAP("datasource", STRING("type", "prometheus"), STRING("uid", "${datasource}"));
}

/* --- panels --- */

/* Where the next panel begins: in rows from left to right. */
struct place {
    int x, y, height; /* of the row */
};

static json_t *take_place(struct place *place, bool is_stat)
{
    int width = is_stat ? STAT_WIDTH : GRAPH_WIDTH, height = is_stat ? STAT_HEIGHT : GRAPH_HEIGHT;
    json_t *taken;

    if (place->x + width > COLUMNS || (place->x && place->height != height)) {
        place->y += place->height;
        place->x = 0;
    }
    place->height = height;
    taken = OBJECT(INT("h", height), INT("w", width), INT("x", place->x), INT("y", place->y));
    place->x += width;
    return taken;
}

/* Empty where the line has none of the queries. */
static json_t *targets_of(const struct panel *panel, enum mesh_metrics metrics)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < PANEL_QUERIES_MAX; i++)
        if (panel->queries[i].of[metrics])
            json_array_append_new(
                targets,
                OBJECT(
                    FORMAT("refId", "%c", (int)('A' + i)),
                    datasource(),
                    STRING("expr", panel->queries[i].of[metrics]),
                    STRING("legendFormat", panel->queries[i].legend)));
    return targets;
}

static json_t *options_of(const struct panel *panel)
{
    if (panel->is_stat)
        return OBJECT(MAP("reduceOptions", STRINGS("calcs", "lastNotNull")));
    return OBJECT(
        MAP("legend", STRING("displayMode", "list"), STRING("placement", "bottom"), BOOL("showLegend", true)),
        MAP("tooltip", STRING("mode", "multi"), STRING("sort", "desc")));
}

static json_t *panels_of(const struct panel *panel, enum mesh_metrics metrics)
{
    json_t *panels = json_array();
    struct place place = {0};

    for (; panel->title; panel++) {
        json_t *targets = targets_of(panel, metrics);
        if (!json_array_size(targets)) {
            json_decref(targets);
            continue;
        }
        json_array_append_new(
            panels,
            OBJECT(
                INT("id", (json_int_t)json_array_size(panels) + 1),
                STRING("type", panel->is_stat ? "stat" : "timeseries"),
                STRING("title", panel->title),
                datasource(),
                VALUE("gridPos", take_place(&place, panel->is_stat)),
                MAP("fieldConfig", MAP("defaults", STRING("unit", panel->unit)), SEQ("overrides")),
                VALUE("options", options_of(panel)),
                VALUE("targets", targets)));
    }
    return panels;
}

/* --- dashboards --- */

static json_t *variables_of(const struct dashboard *dashboard)
{
    json_t *variables =
        ARRAY(ITEM(STRING("name", "datasource"), STRING("type", "datasource"), STRING("query", "prometheus")));

    for (const struct panel_variable *v = dashboard->variables; v->name; v++)
        json_array_append_new(
            variables,
            OBJECT(
                STRING("name", v->name),
                STRING("type", "query"),
                datasource(),
                STRING("definition", v->query),
                MAP("query", STRING("query", v->query), STRING("refId", v->name)),
                STRING("regex", str_or(v->regex, "")),
                INT("refresh", 2), /* when the time range changes */
                INT("sort", 1)));  /* by name */
    return variables;
}

json_t *mesh_dashboard(const struct dashboard *dashboard, enum mesh_metrics metrics)
{
    return OBJECT(
        FORMAT("uid", MESH_DASHBOARD "%s", dashboard->name),
        STRING("title", dashboard->title),
        STRING("description", dashboard->about),
        STRINGS("tags", "istio"),
        INT("schemaVersion", SCHEMA_VERSION),
        BOOL("editable", true),
        STRING("refresh", "1m"),
        MAP("time", STRING("from", "now-1h"), STRING("to", "now")),
        MAP("templating", VALUE("list", variables_of(dashboard))),
        VALUE("panels", panels_of(dashboard->panels, metrics)));
}

/* --- objects --- */

/* The ConfigMaps' file is named by the dashboard, too: the sidecar puts those of all ConfigMaps into one folder. */
static void config_map(const struct mesh_env *env, struct rendered_list *out, const char *name, const char *text)
{
    const struct istio_spec *spec = env->spec;
    const char *folder = spec->monitoring.grafana.folder;
    const json_t *labels = spec->monitoring.grafana.labels;
    _cleanup_free_ char *file = str_printf("%s.json", name);

    mesh_add(
        env,
        out,
        "ConfigMap",
        OBJECT(
            MAP("metadata",
                STRING("name", name),
                STRING("namespace", str_or(spec->monitoring.grafana.ns, env->ns)),
                VALUE("labels", labels ? doc_copy(labels) : OBJECT(STRING("grafana_dashboard", "1"))),
                OPT(folder, MAP("annotations", STRING("grafana_folder", folder)))),
            MAP("data", STRING(file, text))));
}

static void grafana_dashboard(const struct mesh_env *env, struct rendered_list *out, const char *name, const char *text)
{
    const struct istio_spec *spec = env->spec;
    const json_t *labels = spec->monitoring.grafana.labels;

    mesh_add(
        env,
        out,
        "GrafanaDashboard",
        OBJECT(
            MAP("metadata", STRING("name", name), STRING("namespace", str_or(spec->monitoring.grafana.ns, env->ns))),
            MAP("spec",
                MAP("instanceSelector", VALUE("matchLabels", labels ? doc_copy(labels) : json_object())),
                BOOL("allowCrossNamespaceImport", true),
                STRING("folder", spec->monitoring.grafana.folder),
                STRING("json", text))));
}

void mesh_dashboards(const struct mesh_env *env, struct rendered_list *out)
{
    const char *mode = env->spec->monitoring.grafana.mode;
    const size_t before = out->len;

    if (str_eq(str_or(mode, ISTIO_GRAFANA_NONE), ISTIO_GRAFANA_NONE))
        return;
    for (const struct dashboard *d = mesh_dashboard_table; d->name; d++) {
        _cleanup_json_ json_t *dashboard = mesh_dashboard(d, env->release->line->metrics);
        _cleanup_free_ char *text = doc_text(dashboard), *name = str_printf(MESH_DASHBOARD "%s", d->name);
        if (str_eq(mode, ISTIO_GRAFANA_CONFIG_MAP))
            config_map(env, out, name, text);
        else
            grafana_dashboard(env, out, name, text);
    }
    rendered_set_apart(out, before, MESH_APART_DASHBOARDS);
}
