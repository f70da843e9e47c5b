/*
 * What goes through the OpenSSL of a connection, see openssl.h.
 */

#ifndef WEBSOCKETS_RECORDS_H
#define WEBSOCKETS_RECORDS_H

#include <stddef.h>

typedef struct {
    void *rbio; /* of Python's; what it has comes first */
    void *wbio; /* of Python's; it gets what there is no room for */
    size_t kept; /* bytes that rbio has */
    const char *come; /* what is to be opened */
    size_t left;
    char *place; /* where what is sealed belongs */
    size_t room;
    size_t size; /* how much is there */
    int overflown; /* whether wbio got the rest */
} websockets_flow;

#endif
