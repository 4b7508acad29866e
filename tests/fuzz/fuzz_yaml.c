/* Any text as YAML: what is read is printed so that it reads as the same. */
#include "fuzz.h"

#include "base/buf.h"
#include "doc/doc.h"
#include "doc/yaml.h"

#define BYTES_MAX ((size_t)1 << 20)

static void read_back(const json_t *value, void (*print)(const json_t *value, struct buf *out))
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct yaml_documents docs;
    struct err e;

    print(value, &text);
    MUST(yaml_parse("printed", buf_str(&text), text.len, SIZE_MAX, &docs, &e) == 0);
    MUST(docs.len == 1 && doc_equal(docs.items[0].value, value));
    yaml_documents_release(&docs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_documents docs;
    struct err e;

    if (yaml_parse("input", (const char *)data, size, BYTES_MAX, &docs, &e) < 0)
        return 0;
    for (size_t i = 0; i < docs.len; i++) {
        const char *path;
        json_t *line;

        read_back(docs.items[i].value, yaml_print);
        read_back(docs.items[i].value, yaml_print_ordered);
        json_object_foreach(docs.items[i].places, path, line)
            MUST(yaml_line(&docs.items[i], path) >= 1);
    }
    yaml_documents_release(&docs);
    return 0;
}
