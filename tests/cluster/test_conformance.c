/* The cases of tests/conformance against the real API server: what holds here must hold in the simulated one. */
#include <stdio.h>
#include <stdlib.h>

#include "net/loop.h"

#include "../conformance/conformance.h"
#include "harness.h"

/* After a restart it knows only what happened since. */
static bool restart(void *command)
{
    return command && run_shell(command) == 0;
}

int main(void)
{
    struct event_base *loop = event_base_new();
    struct kube_config *config;
    struct err e;
    int failed;

    if (kube_config_load(getenv("TEST_KUBECONFIG"), NULL, &config, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    failed =
        conformance_run("conformance of the real server", config, loop, restart, getenv("TEST_RESTART_API_SERVER"));
    kube_config_free(config);
    loop_free(loop);
    return failed;
}
