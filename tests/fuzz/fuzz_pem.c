/* Certificates and keys as others may write them into Secrets and kubeconfigs: certificate, key, authorities. */
#include "fuzz.h"

#include "base/str.h"
#include "net/certificate.h"
#include "net/credentials.h"

#define NOW (SECONDS(1) * 1750000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"istio-operator.istio-system.svc", "10.0.0.1", NULL};
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_free_ char *cert = fuzz_next(&in, NULL), *key = fuzz_next(&in, NULL), *ca = fuzz_next(&in, NULL);
    _cleanup_certificate_ struct certificate c = {0};
    struct err e;
    bool certs_good = net_pem_check_certs(cert, &e) == 0;

    MUST(net_pem_check_pair(cert, key, &e) < 0 || certs_good);
    net_token_check(cert, &e);
    if (certificate_read(cert, key, ca, &c, &e) < 0) {
        MUST(e.class == ERR_INVALID);
        return 0;
    }
    MUST(str_eq(c.cert, cert) && str_eq(c.key, key));
    certificate_check(&c, names, NOW, &e);
    MUST(c.not_before <= certificate_renewal(&c) && certificate_renewal(&c) <= c.not_after);
    return 0;
}
