/*
 * What a server says, made fit for a status, an Event or a log. Pure.
 *
 * The same failure has the same text at each try: pointers, times of day, durations, ephemeral ports and identifiers of
 * requests are left out. Dumps of Go values and long strings are shortened, so that the sentence around them can be
 * read. It is one line of at most KUBE_MESSAGE_MAX bytes, and stays UTF-8 where it was.
 */
#ifndef KUBE_MESSAGE_H
#define KUBE_MESSAGE_H

#include "base/buf.h"

#define KUBE_MESSAGE_MAX 700

void kube_message_add(struct buf *out, const char *message);

#endif
