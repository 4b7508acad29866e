#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/str.h"

static struct file *add(struct files *files, const char *name)
{
    ARRAY_RESERVE_ONE(files->items, files->len, files->cap);
    files->items[files->len] = (struct file){.name = str_dup(str_eq(name, "-") ? "standard input" : name)};
    return &files->items[files->len++];
}

static int read_text(const char *path, struct buf *ret, struct err *e)
{
    bool standard_input = str_eq(path, "-");
    FILE *f = standard_input ? stdin : fopen(path, "re");
    char chunk[16384];
    int r = 0;

    if (!f)
        return err_errno(e, errno, "%s", path);
    for (size_t n; r == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        if (buf_add(ret, chunk, n) < 0)
            r = err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, ret->limit);
    if (r == 0 && ferror(f))
        r = err_errno(e, errno, "%s", path);
    if (!standard_input)
        fclose(f);
    return r;
}

static void read_file(struct files *files, const char *path)
{
    struct file *file = add(files, path);
    _cleanup_buf_ struct buf text = BUF_INIT_LIMIT(FILE_MAX_BYTES);

    if (read_text(path, &text, &file->failure) < 0)
        return;
    files->bytes += text.len;
    if (files->bytes > FILES_MAX_BYTES)
        err_set(&file->failure, ERR_LIMIT, "%s: with it the files have more than %d bytes", file->name,
                FILES_MAX_BYTES);
    else
        yaml_parse(path, buf_str(&text), text.len, FILE_MAX_BYTES, &file->docs, &file->failure);
}

static bool has_known_ending(const char *name)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t len = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (len > strlen(endings[i]) && str_eq(name + len - strlen(endings[i]), endings[i]))
            return true;
    return false;
}

static bool is_folder(const char *path, bool follow)
{
    struct stat st;

    return (follow ? stat(path, &st) : lstat(path, &st)) == 0 && S_ISDIR(st.st_mode);
}

/* Links to folders are not followed: they may lead in circles. */
static void read_folder(struct files *files, const char *path, bool recursive)
{
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);

    if (count < 0)
        err_errno(&add(files, path)->failure, errno, "%s", path);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        _cleanup_free_ char *inner = str_printf("%s%s%s", path, slash, name);
        if (files->len >= FILES_MAX || str_eq(name, ".") || str_eq(name, ".."))
            ;
        else if (recursive && is_folder(inner, false))
            read_folder(files, inner, true);
        else if (has_known_ending(name) && !is_folder(inner, true))
            read_file(files, inner);
        free(entries[i]);
    }
    free(entries);
}

static void read_path(struct files *files, const char *path, bool recursive)
{
    size_t before = files->len;

    if (files->len >= FILES_MAX)
        return;
    if (!is_folder(path, true)) {
        read_file(files, path);
        return;
    }
    read_folder(files, path, recursive);
    if (files->len == before)
        err_set(&add(files, path)->failure, ERR_INVALID, "%s: no .yaml, .yml or .json file is in it", path);
}

static int read_name(struct files *files, const char *name, bool recursive, bool *standard_input, struct err *e)
{
    if (!*name)
        return err_set(e, ERR_USAGE, "-f: the name of a file is empty");
    if (str_eq(name, "-") && *standard_input)
        return err_set(e, ERR_USAGE, "-f -: standard input can be read only once");
    *standard_input |= str_eq(name, "-");
    read_path(files, name, recursive);
    return 0;
}

/* As kubectl has it: a comma separates names, unless there is a file of that name. */
static int read_names(struct files *files, const char *names, bool recursive, bool *standard_input, struct err *e)
{
    _cleanup_strv_ char **split = str_split(names, ',');
    struct stat st;

    if (stat(names, &st) == 0)
        return read_name(files, names, recursive, standard_input, e);
    for (char **name = split; *name; name++)
        if (read_name(files, *name, recursive, standard_input, e) < 0)
            return -1;
    return 0;
}

int files_read(const struct invocation *inv, struct files *ret, struct err *e)
{
    bool recursive = invocation_has(inv, "recursive"), standard_input = false;
    struct files files = {0};

    if (!inv->repeated_len)
        return err_set(e, ERR_USAGE, "which resource? -f FILE names it; - is standard input");
    for (size_t i = 0; i < inv->repeated_len; i++)
        if (read_names(&files, inv->repeated[i], recursive, &standard_input, e) < 0) {
            files_release(&files);
            return -1;
        }
    if (files.len >= FILES_MAX) {
        files_release(&files);
        return err_set(e, ERR_LIMIT, "-f: %d files or more", FILES_MAX);
    }
    *ret = files;
    return 0;
}

void files_release(struct files *files)
{
    for (size_t i = 0; i < files->len; i++) {
        yaml_documents_release(&files->items[i].docs);
        free(files->items[i].name);
    }
    free(files->items);
    *files = (struct files){0};
}
