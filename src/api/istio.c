#include "api/istio.h"

void istio_spec_free(struct istio_spec *spec)
{
    if (!spec)
        return;
    field_release(spec->form->spec, spec);
    if (spec->form->filled)
        field_release(spec->form->filled->spec, spec);
    free(spec);
}
