#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/command.h"
#include "cli/input.h"
#include "json/difftext.h"
#include "json/doc.h"
#include "operator/marks.h"
#include "operator/preview.h"

#define TIMEOUT SECONDS(30)
#define CONTEXT_LINES 3

/* What the server keeps for itself says nothing about a change. */
static json_t *comparable(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    static const char *const dropped[] = {"resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"};

    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        json_object_del(metadata, dropped[i]);
    json_object_del(json_object_get(metadata, "annotations"), MARK_APPLIED);
    json_object_del(object, "status");
    return object;
}

static void print_colored(const char *text)
{
    bool color = isatty(STDOUT_FILENO);

    while (*text) {
        size_t len = strcspn(text, "\n");
        const char *shade = *text == '+' ? "\033[32m" : *text == '-' ? "\033[31m" : *text == '@' ? "\033[36m" : NULL;
        if (color && shade)
            printf("%s%.*s\033[0m\n", shade, (int)len, text);
        else
            printf("%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void print_yaml_difference(const struct preview *p, const struct kube_action *action)
{
    _cleanup_json_ json_t *before = preview_before(p, action), *after = preview_after(action);
    _cleanup_buf_ struct buf old = BUF_INIT, new = BUF_INIT, text = BUF_INIT;

    if (before) {
        /* Items of a list do not repeat what the list says. */
        json_object_set(before, "apiVersion", json_object_get(after, "apiVersion"));
        json_object_set(before, "kind", json_object_get(after, "kind"));
        yaml_print(comparable(before), &old);
    }
    if (after)
        yaml_print(comparable(after), &new);
    difftext(buf_str(&old), buf_str(&new), CONTEXT_LINES, &text);
    print_colored(buf_str(&text));
}

static void print_patch(const struct kube_action *action)
{
    _cleanup_json_ json_t *patch = preview_after(action);
    _cleanup_buf_ struct buf text = BUF_INIT;

    json_object_del(json_object_get(patch, "metadata"), "resourceVersion");
    yaml_print(patch, &text);
    print_colored(buf_str(&text));
}

static void print_action(const struct preview *p, const struct kube_action *action, bool whole)
{
    static const char *const words[] = {
        [KUBE_CREATE] = "create", [KUBE_UPDATE] = "change", [KUBE_MERGE_PATCH] = "label", [KUBE_REMOVE] = "remove"};
    _cleanup_free_ char *key = object_key(action->kind, action->ns, action->name);

    printf("%s %s  # %s\n", words[action->verb], key, action->reason);
    if (action->verb == KUBE_UPDATE || (action->verb == KUBE_CREATE && whole))
        print_yaml_difference(p, action);
    else if (action->verb == KUBE_MERGE_PATCH)
        print_patch(action);
}

static int run(const struct invocation *inv, struct err *e)
{
    _cleanup_event_base_ struct event_base *loop = event_base_new();
    _cleanup_kube_config_ struct kube_config *config = NULL;
    _cleanup_json_ json_t *resource = NULL;
    const char *file = invocation_value(inv, "file");
    struct preview preview = {0};
    size_t count = 0;

    signal(SIGPIPE, SIG_IGN);
    if (input_read_resource(file, "Istio", invocation_value(inv, "namespace"), &resource, e) < 0 ||
        kube_config_default(invocation_value(inv, "kubeconfig"), invocation_value(inv, "context"), &config, e) < 0)
        return -1;
    if (preview_make(loop, config, resource, TIMEOUT, &preview, e) < 0)
        return err_wrap(e, "%s", file);
    for (size_t i = 0; i < preview.plan.len; i++) {
        if (preview.plan.actions[i].tag == PLAN_NOTED)
            continue;
        print_action(&preview, &preview.plan.actions[i], invocation_has(inv, "whole"));
        count++;
    }
    preview_release(&preview);
    return count ? 1 : 0;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "print what the operator would change in a live cluster for a resource",
    .text = "Nothing is sent. Exit code 0: nothing would change; 1: something would; above: an error.",
    .options =
        (const struct option_row[]){
            OPTION_FILE,
            OPTION_KUBECONFIG,
            OPTION_CONTEXT,
            OPTION_NAMESPACE("namespace of a resource that names none"),
            {"whole", 0, NULL, NULL, "print also the whole of objects that would be created"},
            {NULL},
        },
    .run = run,
};
