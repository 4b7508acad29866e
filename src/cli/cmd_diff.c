#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/credentials.h"
#include "cli/input.h"
#include "cli/preview.h"
#include "cli/terminal.h"
#include "doc/difftext.h"
#include "doc/doc.h"
#include "net/loop.h"
#include "reconcile/marks.h"

#define CONTEXT_LINES 3

/* What is printed of each kind of change, and at the end of all of them. */
static const struct {
    const char *word;
    enum shade shade;
} verbs[] = {
    [KUBE_CREATE] = {"create", SHADE_GOOD},
    [KUBE_UPDATE] = {"change", SHADE_BUSY},
    [KUBE_UPDATE_STATUS] = {"update the status of", SHADE_FAINT},
    [KUBE_MERGE_PATCH] = {"label", SHADE_BUSY},
    [KUBE_REMOVE] = {"remove", SHADE_BAD},
};
ARRAY_COVERS(verbs, KUBE_VERB_LAST);

static void drop_fields(json_t *map, const char *const *keys)
{
    for (; *keys; keys++)
        json_object_del(map, *keys);
}

/* What the server keeps for itself, and notes of those who apply, say nothing about a change. */
static void drop_noise(json_t *object)
{
    static const char *const of_server[] = {"resourceVersion", "uid",      "creationTimestamp",
                                            "generation",      "selfLink", NULL};
    static const char *const notes[] = {MARK_APPLIED, "kubectl.kubernetes.io/last-applied-configuration", NULL};
    static const char *const maps[] = {"annotations", "labels"};
    json_t *metadata = doc_at(object, "metadata");

    drop_fields(metadata, of_server);
    drop_fields(doc_at(metadata, "annotations"), notes);
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (json_object_size(doc_at(metadata, maps[i])) == 0)
            json_object_del(metadata, maps[i]);
    json_object_del(object, "status");
}

static void add_yaml(json_t *object, struct buf *out)
{
    if (!object)
        return;
    drop_noise(object);
    yaml_print(object, out);
}

static void add_lines(const char *text, bool color, struct buf *out)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        _cleanup_free_ char *line = str_dup_n(text, len);
        terminal_add(out, color,
                     *text == '+'   ? SHADE_GOOD
                     : *text == '-' ? SHADE_BAD
                     : *text == '@' ? SHADE_PLACE
                                    : SHADE_NONE,
                     line);
        buf_add_char(out, '\n');
        text += len + (text[len] == '\n');
    }
}

static bool restarts_pods(const struct kube_action *action, const json_t *before, const json_t *after)
{
    return action->verb == KUBE_UPDATE && str_eq(action->kind->kind, "Deployment") &&
           !doc_equal(doc_at(before, "spec", "template"), doc_at(after, "spec", "template"));
}

static void print_action(const struct preview *p, const struct kube_action *action, bool whole, bool color)
{
    _cleanup_json_ json_t *before = preview_before(p, action), *after = preview_after(p, action);
    _cleanup_buf_ struct buf old = BUF_INIT, new = BUF_INIT, hunks = BUF_INIT, out = BUF_INIT;
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);
    _cleanup_free_ char *reason =
        str_printf("  # %s%s", action->reason, restarts_pods(action, before, after) ? "; its Pods are replaced" : "");

    terminal_add(&out, color, verbs[action->verb].shade, verbs[action->verb].word);
    buf_add_char(&out, ' ');
    terminal_add(&out, color, SHADE_STRONG, key);
    terminal_add(&out, color, SHADE_FAINT, reason);
    buf_add_char(&out, '\n');
    if (whole || (before && after)) {
        add_yaml(before, &old);
        add_yaml(after, &new);
        difftext(buf_str(&old), buf_str(&new), CONTEXT_LINES, &hunks);
        add_lines(buf_str(&hunks), color, &out);
    }
    fputs(buf_str(&out), stdout);
}

/* "2 to create, 1 to change", or nothing. */
static size_t print_plan(const struct preview *p, bool whole)
{
    bool color = terminal_has_color(stdout);
    size_t counts[ARRAY_LEN(verbs)] = {0}, all = 0;

    for (size_t i = 0; i < p->plan.len; i++) {
        const struct kube_action *action = &p->plan.actions[i];
        if (action->tag == PLAN_BOOKKEEPING)
            continue;
        print_action(p, action, whole, color);
        counts[action->verb]++;
        all++;
    }
    for (size_t verb = 0, shown = 0; verb < ARRAY_LEN(verbs); verb++)
        if (counts[verb])
            printf("%s%zu to %s", shown++ ? ", " : "# ", counts[verb], verbs[verb].word);
    if (all)
        putchar('\n');
    return all;
}

/* The preview of a resource; NULL if it is refused: its errors were printed, and `ret_code` is set. */
static int make_preview(struct event_base *loop, const struct invocation *inv, const struct input *in,
                        const struct input_resource *mesh, struct preview *ret, int *ret_code, struct err *e)
{
    _cleanup_problems_ struct problems before = PROBLEMS_INIT, problems = PROBLEMS_INIT;
    _cleanup_kube_config_ struct kube_config *config = NULL;
    msec_t timeout;
    int r;

    if (credentials_timeout(inv, &timeout, e) < 0)
        return -1;

    /* Errors that do not depend on the cluster are reported without one. */
    input_review(mesh, NULL, 0, NULL, &before);
    *ret_code = input_conclude(in, &before);
    if (*ret_code) {
        input_report(mesh, &before, NULL, stderr);
        return 0;
    }
    if (credentials_load(inv, &config, e) < 0)
        return -1;
    r = preview_make(loop, config, mesh->value, timeout, ret, &problems, e);
    *ret_code = input_conclude(in, &problems);
    input_report(mesh, &problems, NULL, stderr);
    if (problems.errors || r == 0)
        return 0;
    return e->class == ERR_INVALID ? err_wrap(e, "%s", mesh->file->name) : credentials_name_server(config, e);
}

/* The only Istio in the files; NULL if there is an error: it was printed, and `ret_code` is set. */
static int read_mesh(const struct invocation *inv, struct input *in, const struct input_resource **ret, int *ret_code,
                     struct err *e)
{
    if (input_read_all(inv, in, e) < 0)
        return -1;
    *ret_code = input_report_strays(in, NULL, stderr);
    if (*ret_code)
        return 0;
    if (input_find_mesh(in, ret, e) < 0)
        return -1;
    if (*ret)
        return 0;
    return err_set(
        e, ERR_INVALID,
        "%s: no Istio: a mesh is what is compared with its cluster; for a RemoteIstio set spec.pause: true, and its "
        "status tells what would be changed (istio-operator status)",
        input_name(in));
}

/* What the preflight says of a change of the version; false: the version does not change. */
static bool print_upgrade(const struct preview *p, FILE *out)
{
    _cleanup_json_ json_t *upgrade = preview_upgrade(p);
    json_t *warning;
    size_t i;

    if (!upgrade)
        return false;
    terminal_print_line(out, "upgrade from Istio %s to %s: nothing keeps it from being installed",
                        doc_string(upgrade, "from"), doc_string(upgrade, "to"));
    json_array_foreach(doc_at(upgrade, "warnings"), i, warning)
        terminal_print_line(out, "warning: %s", json_string_value(warning));
    return true;
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_loop_ struct event_base *loop = event_base_new();
    _cleanup_input_ struct input in = {0};
    const struct input_resource *mesh = NULL;
    struct preview preview = {0};
    int code = 0;

    if (read_mesh(inv, &in, &mesh, &code, e) < 0 ||
        (mesh && make_preview(loop, inv, &in, mesh, &preview, &code, e) < 0))
        return -1;
    if (code == 0 && print_plan(&preview, invocation_has(inv, "whole")) > 0)
        code = 1;
    if (code == 1)
        print_upgrade(&preview, stderr);
    if (code == 1 && doc_bool(doc_at(mesh->value, "spec", "pause"), false))
        fputs("spec.pause is true: the operator does none of this until it is false\n", stderr);
    preview_release(&preview);
    return code;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "print what the operator would change in a live cluster for a resource",
    .text = "Nothing is sent. Objects that would be created or removed are named; of those that would be changed\n"
            "the lines are shown that differ. Exit code 0: nothing would change; 1: something would; above: an\n"
            "error.",
    .options =
        (const struct option_row[]){
            OPTIONS_FILE,
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_NAMESPACE("namespace of a resource that names none"),
            OPTION_TIMEOUT,
            {"whole", 0, NULL, NULL, "print also the whole of objects that would be created or removed"},
            {NULL},
        },
    .run = run,
};

static int run_upgrade(const struct invocation *inv, struct err *e)
{
    _cleanup_loop_ struct event_base *loop = event_base_new();
    _cleanup_input_ struct input in = {0};
    const struct input_resource *mesh = NULL;
    struct preview preview = {0};
    int code = 0;

    if (!invocation_has(inv, "check"))
        return err_set(e, ERR_USAGE, "upgrade needs --check: a mesh is upgraded by spec.version of its resource");
    if (read_mesh(inv, &in, &mesh, &code, e) < 0 ||
        (mesh && make_preview(loop, inv, &in, mesh, &preview, &code, e) < 0))
        return -1;
    if (code == 0 && !print_upgrade(&preview, stdout))
        puts("the version does not change");
    preview_release(&preview);
    return code;
}

const struct command command_upgrade = {
    .name = "upgrade",
    .summary = "say what speaks against the version that a resource asks for",
    .text = "Nothing is sent. The operator looks at the same before it writes anything of another version, and keeps\n"
            "the old one where something speaks against the new. Exit code 0: nothing does; above: something does,\n"
            "and is named, or an error.",
    .options =
        (const struct option_row[]){
            {"check", 0, NULL, NULL, "only say it; nothing else can be asked for"},
            OPTIONS_FILE,
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_NAMESPACE("namespace of a resource that names none"),
            OPTION_TIMEOUT,
            {NULL},
        },
    .run = run_upgrade,
};
