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

int istio_spec_parse(const struct api_resource *r, const json_t *resource, const struct api_context *context,
                     struct istio_spec **ret, struct problems *problems)
{
    const struct api_form *form = api_edition_of(r, resource, context).form;
    _cleanup_free_ struct istio_spec *spec = mem_new0(1, form->size);

    if (api_parse(r, resource, context, spec, form->size, problems) < 0)
        return -1;
    spec->form = form;
    *ret = TAKE_PTR(spec);
    return 0;
}
