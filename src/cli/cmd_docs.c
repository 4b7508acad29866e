#include <stdio.h>

#include "base/str.h"
#include "cli/command.h"
#include "controllers/resources.h"
#include "serve/metrics.h"

/* Pages other than those of the resources. */
static const struct page {
    const char *name, *title;
    void (*add)(struct buf *out);
} pages[] = {
    {"metrics", "Metrics", metrics_document},
    {"commands", "Commands", help_document},
};

static const struct page *find_page(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (str_eq(pages[i].name, name))
            return &pages[i];
    return NULL;
}

static const struct api_resource *find_resource(const char *singular)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        if (str_eq((*r)->singular, singular))
            return *r;
    return NULL;
}

static void list_pages(struct buf *out)
{
    for (const struct api_resource *const *r = api_resources; *r; r++)
        buf_printf(out, "%s ", (*r)->singular);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        buf_printf(out, "%s%s", i ? " " : "", pages[i].name);
}

static int run(const struct invocation *inv, struct err *e)
{
    const char *name = inv->argument_count == 1 ? inv->arguments[0] : NULL;
    const struct api_resource *resource = find_resource(name);
    const struct page *page = find_page(name);
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (resource) {
        api_reference_markdown(resource, &text);
    } else if (page) {
        buf_printf(&text, "# %s\n\n<!-- Printed by `istio-operator docs %s`; change the table in the program. -->\n\n",
                   page->title, page->name);
        page->add(&text);
    } else {
        list_pages(&text);
        return err_set(e, ERR_USAGE, "one page at a time; there are: %s", buf_str(&text));
    }
    fputs(buf_str(&text), stdout);
    return 0;
}

const struct command command_docs = {
    .name = "docs",
    .arguments = "PAGE",
    .summary = "print a page of the reference in Markdown: istio, remoteistio, metrics or commands",
    .run = run,
};
