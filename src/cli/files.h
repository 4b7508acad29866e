/* The files that a command is given with -f, and the documents in them. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "base/err.h"
#include "cli/command.h"
#include "doc/yaml.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)
#define FILES_MAX_BYTES (64 * 1024 * 1024) /* of all of them */
#define FILES_MAX 10000

struct file {
    char *name; /* for messages; owned */
    struct yaml_documents docs;
    struct err failure; /* ERR_NONE where it was read; else there are no documents */
};

struct files {
    struct file *items;
    size_t len, cap;
    size_t bytes;
};

/*
 * All that -f names: files, "-" for standard input, lists of them with commas, and folders, of which every file is read
 * that ends in .yaml, .yml or .json, in the order of their names; of the folders in them with --recursive. What cannot
 * be read has its failure in its place. ERR_USAGE where no -f was given, or standard input twice.
 */
int files_read(const struct invocation *inv, struct files *ret, struct err *e);
void files_release(struct files *files);
#define _cleanup_files_ _cleanup_(files_release)

#endif
