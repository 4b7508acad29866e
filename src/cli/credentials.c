#include "cli/credentials.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/str.h"
#include "doc/doc.h"

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

int credentials_check_version(const struct kube_config *config, const json_t *answer, struct err *e)
{
    if (doc_string(answer, "gitVersion"))
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "%s: the answer to GET /version is not that of a Kubernetes API server",
                   config->server);
}

int credentials_name_server(const struct kube_config *config, struct err *e)
{
    return str_starts(e->text, config->server) ? -1 : err_wrap(e, "%s", config->server);
}
