/* What a credential plugin prints: what is taken from it fits into a header, or is a certificate with its key. */
#include "fuzz.h"

#include "kube/exec.h"
#include "net/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_exec_credential c;
    struct err e;

    if (kube_exec_parse("client.authentication.k8s.io/v1", (const char *)data, size, &c, &e) < 0)
        return 0;
    MUST(c.token || c.cert_pem);
    MUST(!c.token || net_token_check(c.token, &e) == 0);
    MUST(!c.cert_pem || net_pem_check_pair(c.cert_pem, c.key_pem, &e) == 0);
    kube_exec_credential_release(&c);
    return 0;
}
