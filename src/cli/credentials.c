#include "cli/credentials.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/str.h"
#include "doc/doc.h"

#define TIMEOUT_MOST 3600

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

int credentials_timeout(const struct invocation *inv, msec_t *ret, struct err *e)
{
    const char *text = invocation_value(inv, "timeout");
    int64_t seconds;

    if (!str_to_int64(text, &seconds) || seconds < 1 || seconds > TIMEOUT_MOST)
        return err_set(e, ERR_USAGE, "--timeout \"%s\": allowed are whole seconds from 1 to %d", text, TIMEOUT_MOST);
    *ret = SECONDS(seconds);
    return 0;
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
    return strstr(e->text, config->server) ? -1 : err_wrap(e, "%s", config->server);
}
