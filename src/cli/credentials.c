#include "cli/credentials.h"

#include <sys/prctl.h>
#include <sys/resource.h>

static void keep_memory_to_ourselves(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int credentials_load(const struct invocation *inv, struct kube_config **ret, struct err *e)
{
    keep_memory_to_ourselves();
    return kube_config_default(invocation_value(inv, "kubeconfig"), invocation_value(inv, "context"), ret, e);
}
