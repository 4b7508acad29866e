/*
 * Streams of gRPC to a server, each by a connection of its own and open for 20 s, with a message a second in both
 * directions; so many at a time, one after the other, none tried twice. One is answered where each message was, and the
 * stream ended with the trailer that says so.
 *
 * The method is the one of gRPC's server reflection whose request and answer are both streams.
 */
#ifndef TESTS_CLUSTER_STREAMS_H
#define TESTS_CLUSTER_STREAMS_H

#include "load.h"

#define STREAMS_AT_A_TIME 4

/* Begins, to port 80 of `address`; `host` stays as long. For load_end(), which waits for those that are open. */
struct load *streams_start(const char *address, const char *host);

#endif
