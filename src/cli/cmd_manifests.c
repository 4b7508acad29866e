#include "base/str.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/input.h"
#include "doc/doc.h"
#include "install/manifests.h"

#define DEFAULT_IMAGE "docker.io/banzaicloud/istio-operator:" VERSION_TEXT

static int run_manifests(const struct invocation *inv, struct err *e)
{
    struct manifest_options options = {
        .ns = invocation_value(inv, "namespace"),
        .image = invocation_value(inv, "image"),
    };
    _cleanup_json_ json_t *documents = NULL;

    if (!str_to_int64(invocation_value(inv, "replicas"), &options.replicas) || options.replicas < 1 ||
        options.replicas > MANIFEST_REPLICAS_MOST)
        return err_set(e, ERR_USAGE, "--replicas \"%s\": allowed are whole numbers from 1 to %d",
                       invocation_value(inv, "replicas"), MANIFEST_REPLICAS_MOST);
    documents = invocation_has(inv, "remote") ? manifests_remote(&options) : manifests_all(&options);
    output_print(documents, "yaml");
    return 0;
}

static int run_crds(const struct invocation *inv, struct err *e)
{
    _cleanup_json_ json_t *documents = manifests_crds();

    (void)inv, (void)e;
    output_print(documents, "yaml");
    return 0;
}

const struct command command_manifests = {
    .name = "manifests",
    .summary = "print what installs the operator itself: definitions, rights, StatefulSet, Service",
    .text =
        "For instance: istio-operator manifests --image IMG | kubectl apply -f -\n"
        "With --remote, what a remote cluster needs before it joins: a ServiceAccount for the operator's kubeconfig,\n"
        "with the rights that the operator, and Pilot with the same kubeconfig, need there.",
    .options =
        (const struct option_row[]){
            {"image", 0, "IMAGE", DEFAULT_IMAGE, "the operator's image", .format = &format_image},
            {"replicas", 0, "N", "2", "how many operators; one of them acts, the others stand by"},
            OPTION_NAMESPACE("namespace to run in, or of the ServiceAccount"),
            {"remote", 0, NULL, NULL, "print the rights in a remote cluster instead"},
            {NULL},
        },
    .run = run_manifests,
};

const struct command command_crds = {
    .name = "crds",
    .summary = "print the CustomResourceDefinitions of the operator's own resources",
    .run = run_crds,
};
