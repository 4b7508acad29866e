/* The cases against the simulated server, through its HTTP/2 front. */
#include <stdio.h>
#include <string.h>

#include "../apiserver/apiserver.h"
#include "base/str.h"
#include "conformance.h"
#include "net/loop.h"

static bool compact(void *context)
{
    server_compact(virtual_server(context));
    return true;
}

/* As Kubernetes 1.`minor`; the number of failed cases. */
static int run_as(int minor)
{
    _cleanup_free_ char *name = str_printf("conformance of the simulated server, as 1.%d", minor);
    struct event_base *loop = event_base_new();
    struct apiserver *server;
    struct virtual *cluster;
    struct kube_config *config;
    char *text;
    struct err e;
    int failed;

    if (apiserver_new(loop, 0, minor, &server, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    cluster = apiserver_add(server, "central");
    text = apiserver_kubeconfig(server, "central");
    if (kube_config_parse("kubeconfig", text, strlen(text), NULL, KUBE_CONFIG_FOREIGN, &config, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed = conformance_run(name, config, loop, compact, cluster);
    kube_config_free(config);
    free(text);
    apiserver_free(server);
    loop_free(loop);
    return failed;
}

/* Those on which real servers are tested: hack/cluster --help. */
int main(void)
{
    static const int minors[] = {20, 34, 37};
    int failed = 0;

    for (size_t i = 0; i < ARRAY_LEN(minors); i++)
        failed += run_as(minors[i]);
    return failed;
}
