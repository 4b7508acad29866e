#include "base/str.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/input.h"
#include "doc/doc.h"
#include "install/manifests.h"

#define OPTION_INSTALL_VERSION                                                                                         \
    {                                                                                                                  \
        "kube-version", 0, "VERSION", "1.34", "the Kubernetes that it is for, from 1.10 on: what it serves and takes"  \
    }
#define DEFAULT_IMAGE "docker.io/banzaicloud/istio-operator:" VERSION_TEXT

static int read_kubernetes(const struct invocation *inv, int *ret_minor, struct err *e)
{
    const char *version = invocation_value(inv, "kube-version");

    if (input_parse_kube_version(version, ret_minor, e) < 0)
        return -1;
    if (*ret_minor >= MANIFEST_KUBERNETES_MIN)
        return 0;
    return err_set(e, ERR_USAGE, "--kube-version \"%s\": the operator needs Kubernetes 1.%d or later", version,
                   MANIFEST_KUBERNETES_MIN);
}

static int read_replicas(const struct invocation *inv, struct manifest_options *o, struct err *e)
{
    const char *replicas = invocation_value(inv, "replicas");
    int64_t most = manifests_replicas_most(o->minor);

    o->replicas = most < 2 ? most : 2;
    if (!replicas)
        return 0;
    if (!str_to_int64(replicas, &o->replicas) || o->replicas < 1 || o->replicas > MANIFEST_REPLICAS_MOST)
        return err_set(e, ERR_USAGE, "--replicas \"%s\": allowed are whole numbers from 1 to %d", replicas,
                       MANIFEST_REPLICAS_MOST);
    if (o->replicas > most)
        return err_set(e, ERR_USAGE,
                       "--replicas \"%s\": on Kubernetes 1.%d 1 is allowed, there is no Lease (1.14) by which replicas "
                       "elect the one that acts",
                       replicas, o->minor);
    return 0;
}

static int run_manifests(const struct invocation *inv, struct err *e)
{
    struct manifest_options options = {
        .ns = invocation_value(inv, "namespace"),
        .image = invocation_value(inv, "image"),
    };
    _cleanup_json_ json_t *documents = NULL;

    if (read_kubernetes(inv, &options.minor, e) < 0 || read_replicas(inv, &options, e) < 0)
        return -1;
    documents = invocation_has(inv, "remote") ? manifests_remote(&options) : manifests_all(&options);
    output_print(documents, "yaml");
    return 0;
}

static int run_crds(const struct invocation *inv, struct err *e)
{
    _cleanup_json_ json_t *documents = NULL;
    int minor;

    if (read_kubernetes(inv, &minor, e) < 0)
        return -1;
    documents = manifests_crds(minor);
    output_print(documents, "yaml");
    return 0;
}

const struct command command_manifests = {
    .name = "manifests",
    .summary = "print what installs the operator itself: definitions, rights, StatefulSet, Service",
    .text =
        "For instance: istio-operator manifests --image IMG | kubectl apply -f -\n"
        "Kubernetes before 1.21 needs --kube-version: API versions and fields come and go.\n"
        "With --remote, what a remote cluster needs before it joins: a ServiceAccount for the operator's kubeconfig,\n"
        "with the rights that the operator, and Pilot with the same kubeconfig, need there.",
    .options =
        (const struct option_row[]){
            {"image", 0, "IMAGE", DEFAULT_IMAGE, "the operator's image", .format = &format_image},
            {"replicas", 0, "N", NULL,
             "how many operators; one of them acts, the others stand by (2; before Kubernetes 1.14: 1)"},
            OPTION_INSTALL_VERSION,
            OPTION_NAMESPACE("namespace to run in, or of the ServiceAccount"),
            {"remote", 0, NULL, NULL, "print the rights in a remote cluster instead"},
            {NULL},
        },
    .run = run_manifests,
};

const struct command command_crds = {
    .name = "crds",
    .summary = "print the CustomResourceDefinitions of the operator's own resources",
    .options = (const struct option_row[]){OPTION_INSTALL_VERSION, {NULL}},
    .run = run_crds,
};
