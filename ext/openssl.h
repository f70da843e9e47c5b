/*
 * OpenSSL, as Python's own module _ssl has it: its functions, and the SSL behind an object of _ssl.
 *
 * No header of OpenSSL's is needed to build this, and no library to link with: the functions are
 * looked for behind the module that is loaded, so they are those which made the SSL. Where it lies
 * in an object isn't documented; CPython 3.9 to 3.14 have it as below. Nothing is believed until
 * everything around it is what it should be, see websockets_find_ssl().
 *
 * Python's MemoryBIOs copy all that goes through them, and make room for it. So an SSL gets BIOs of
 * our own, which read and write where the bytes are and belong: one for each call, behind which it
 * has Python's again, as whatever else uses it expects.
 *
 * Must never leave an object of Python's otherwise than it was.
 */

#ifndef WEBSOCKETS_OPENSSL_H
#define WEBSOCKETS_OPENSSL_H

#include <Python.h>

#include "records.h"
#include "system.h"

#include <limits.h>
#include <string.h>

/* Bytes that a record carries at most (RFC 8446 5.1). */
#define WEBSOCKETS_RECORD 16384

/* openssl/ssl.h, openssl/bio.h */
#define WEBSOCKETS_WANT_READ 2
#define WEBSOCKETS_BIO_PENDING 10
#define WEBSOCKETS_BIO_FLUSH 11
#define WEBSOCKETS_BIO_SOURCE_SINK 0x0400
#define WEBSOCKETS_BIO_MEMORY (1 | WEBSOCKETS_BIO_SOURCE_SINK)
#define WEBSOCKETS_BIO_READ_AGAIN (0x01 | 0x08)

static struct {
    int (*SSL_read)(void *, void *, int);
    int (*SSL_write)(void *, const void *, int);
    int (*SSL_pending)(const void *);
    int (*SSL_get_error)(const void *, int);
    void *(*SSL_get_rbio)(const void *);
    void *(*SSL_get_wbio)(const void *);
    void *(*SSL_get_SSL_CTX)(const void *);
    void *(*SSL_get_ex_data)(const void *, int);
    const void *(*SSL_CTX_get_ssl_method)(const void *);
    const void *(*TLS_method)(void);
    const void *(*TLS_client_method)(void);
    const void *(*TLS_server_method)(void);
    int (*BIO_read)(void *, void *, int);
    int (*BIO_write)(void *, const void *, int);
    long (*BIO_ctrl)(void *, int, long, void *);
    int (*BIO_method_type)(const void *);
    void *(*BIO_meth_new)(int, const char *);
    int (*BIO_meth_set_read)(void *, int (*)(void *, char *, int));
    int (*BIO_meth_set_write)(void *, int (*)(void *, const char *, int));
    int (*BIO_meth_set_ctrl)(void *, long (*)(void *, int, long, void *));
    void *(*BIO_new)(const void *);
    int (*BIO_free)(void *);
    int (*BIO_up_ref)(void *);
    void (*BIO_set_data)(void *, void *);
    void *(*BIO_get_data)(void *);
    void (*BIO_set_flags)(void *, int);
    void (*BIO_clear_flags)(void *, int);
    void (*SSL_set0_rbio)(void *, void *);
    void (*SSL_set0_wbio)(void *, void *);
    unsigned long (*ERR_peek_error)(void);
    void (*ERR_clear_error)(void);
    unsigned long (*OpenSSL_version_num)(void);
} openssl;

/* How BIOs of ours work. */
static void *websockets_method;

/* A BIO that nobody uses, if there is one. */
static void *websockets_spare;

#if WEBSOCKETS_POSIX && !defined(PYPY_VERSION) && !defined(Py_GIL_DISABLED) && \
    PY_VERSION_HEX >= 0x03090000 && PY_VERSION_HEX < 0x030F0000

#include <dlfcn.h>

#define WEBSOCKETS_OPENSSL 1

/* The beginnings of objects of _ssl. */
typedef struct {
    PyObject_HEAD
    PyObject *socket;
    void *ssl;
    PyObject *context;
} websockets_ssl_object;

typedef struct {
    PyObject_HEAD
    void *ctx;
} websockets_ssl_context;

typedef struct {
    PyObject_HEAD
    void *bio;
} websockets_memory_bio;

/* Give an SSL what has come. It takes the header of a record and the rest apart, never more. */
static int
websockets_bio_read(void *bio, char *buffer, int size)
{
    websockets_flow *flow = (websockets_flow *)openssl.BIO_get_data(bio);
    int count;
    if (flow == NULL || size <= 0)
        return 0;
    openssl.BIO_clear_flags(bio, WEBSOCKETS_BIO_READ_AGAIN);
    if (flow->kept) {
        count = openssl.BIO_read(flow->rbio, buffer, size);
        flow->kept = count > 0 ? flow->kept - (size_t)count : 0;
        if (count > 0)
            return count;
    }
    if (!flow->left) {
        openssl.BIO_set_flags(bio, WEBSOCKETS_BIO_READ_AGAIN);
        return -1;
    }
    count = flow->left < (size_t)size ? (int)flow->left : size;
    memcpy(buffer, flow->come, (size_t)count);
    flow->come += count;
    flow->left -= (size_t)count;
    return count;
}

/* Take what an SSL says. */
static int
websockets_bio_write(void *bio, const char *data, int size)
{
    websockets_flow *flow = (websockets_flow *)openssl.BIO_get_data(bio);
    if (flow == NULL || size <= 0)
        return 0;
    if (flow->overflown || (size_t)size > flow->room - flow->size) {
        flow->overflown = 1; /* What follows stays behind it. */
        return openssl.BIO_write(flow->wbio, data, size);
    }
    memcpy(flow->place + flow->size, data, (size_t)size);
    flow->size += (size_t)size;
    return size;
}

static long
websockets_bio_ctrl(void *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == WEBSOCKETS_BIO_FLUSH;
}

/* Make what BIOs of ours need; return whether it is there. */
static int
websockets_make_method(void)
{
    void *method = openssl.BIO_meth_new(WEBSOCKETS_BIO_SOURCE_SINK, "bytes in their place");
    if (method == NULL || !openssl.BIO_meth_set_read(method, websockets_bio_read) ||
        !openssl.BIO_meth_set_write(method, websockets_bio_write) ||
        !openssl.BIO_meth_set_ctrl(method, websockets_bio_ctrl))
        return 0;
    websockets_method = method;
    return 1;
}

#define WEBSOCKETS_FIND(name)                                          \
    do {                                                               \
        if ((*(void **)&openssl.name = dlsym(module, #name)) == NULL) \
            goto missing;                                              \
    } while (0)

/* Find the functions behind a module that is loaded; return whether all are there. */
static int
websockets_find_openssl(const char *path, unsigned long version)
{
    void *module = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (module == NULL)
        return 0;
    WEBSOCKETS_FIND(SSL_read);
    WEBSOCKETS_FIND(SSL_write);
    WEBSOCKETS_FIND(SSL_pending);
    WEBSOCKETS_FIND(SSL_get_error);
    WEBSOCKETS_FIND(SSL_get_rbio);
    WEBSOCKETS_FIND(SSL_get_wbio);
    WEBSOCKETS_FIND(SSL_get_SSL_CTX);
    WEBSOCKETS_FIND(SSL_get_ex_data);
    WEBSOCKETS_FIND(SSL_CTX_get_ssl_method);
    WEBSOCKETS_FIND(TLS_method);
    WEBSOCKETS_FIND(TLS_client_method);
    WEBSOCKETS_FIND(TLS_server_method);
    WEBSOCKETS_FIND(BIO_read);
    WEBSOCKETS_FIND(BIO_write);
    WEBSOCKETS_FIND(BIO_ctrl);
    WEBSOCKETS_FIND(BIO_method_type);
    WEBSOCKETS_FIND(BIO_meth_new);
    WEBSOCKETS_FIND(BIO_meth_set_read);
    WEBSOCKETS_FIND(BIO_meth_set_write);
    WEBSOCKETS_FIND(BIO_meth_set_ctrl);
    WEBSOCKETS_FIND(BIO_new);
    WEBSOCKETS_FIND(BIO_free);
    WEBSOCKETS_FIND(BIO_up_ref);
    WEBSOCKETS_FIND(BIO_set_data);
    WEBSOCKETS_FIND(BIO_get_data);
    WEBSOCKETS_FIND(BIO_set_flags);
    WEBSOCKETS_FIND(BIO_clear_flags);
    WEBSOCKETS_FIND(SSL_set0_rbio);
    WEBSOCKETS_FIND(SSL_set0_wbio);
    WEBSOCKETS_FIND(ERR_peek_error);
    WEBSOCKETS_FIND(ERR_clear_error);
    WEBSOCKETS_FIND(OpenSSL_version_num);
    /* Python never unloads a module, so the functions stay where they are. */
    dlclose(module);
    return openssl.OpenSSL_version_num() == version && websockets_make_method();
missing:
    dlclose(module);
    return 0;
}

static int
websockets_is_memory(PyObject *memory, void *bio)
{
    return (size_t)Py_TYPE(memory)->tp_basicsize >= sizeof(websockets_memory_bio) &&
           ((websockets_memory_bio *)memory)->bio == bio &&
           openssl.BIO_method_type(bio) == WEBSOCKETS_BIO_MEMORY;
}

/*
 * Return the SSL of an object of _ssl, or NULL if that isn't sure.
 *
 * What lies beside it has to be the context that the object itself names, before the SSL is looked
 * at; then the SSL has to name the same context, the very object, and the very memory.
 */
static void *
websockets_find_ssl(PyObject *object, PyObject *context, PyObject *incoming, PyObject *outgoing)
{
    void *ssl, *ctx;
    const void *method;
    if ((size_t)Py_TYPE(object)->tp_basicsize < sizeof(websockets_ssl_object) ||
        (size_t)Py_TYPE(context)->tp_basicsize < sizeof(websockets_ssl_context))
        return NULL;
    if (((websockets_ssl_object *)object)->context != context)
        return NULL;
    ssl = ((websockets_ssl_object *)object)->ssl;
    ctx = ((websockets_ssl_context *)context)->ctx;
    if (ssl == NULL || ctx == NULL || openssl.SSL_get_SSL_CTX(ssl) != ctx)
        return NULL;
    method = openssl.SSL_CTX_get_ssl_method(ctx);
    if (method != openssl.TLS_method() && method != openssl.TLS_client_method() &&
        method != openssl.TLS_server_method())
        return NULL;
    if (openssl.SSL_get_ex_data(ssl, 0) != object)
        return NULL;
    if (!websockets_is_memory(incoming, openssl.SSL_get_rbio(ssl)) ||
        !websockets_is_memory(outgoing, openssl.SSL_get_wbio(ssl)))
        return NULL;
    return ssl;
}

#else

#define WEBSOCKETS_OPENSSL 0

static int
websockets_find_openssl(const char *path, unsigned long version)
{
    (void)path;
    (void)version;
    return 0;
}

static void *
websockets_find_ssl(PyObject *object, PyObject *context, PyObject *incoming, PyObject *outgoing)
{
    (void)object;
    (void)context;
    (void)incoming;
    (void)outgoing;
    return NULL;
}

#endif

/* Take over a reference that is ours already. */
#define websockets_taken_over(reference) (reference)

static inline size_t
websockets_pending(void *bio)
{
    long size = openssl.BIO_ctrl(bio, WEBSOCKETS_BIO_PENDING, 0, NULL);
    return size > 0 ? (size_t)size : 0;
}

/*
 * Return a BIO of ours, or NULL, with a reference for an SSL beside our own.
 *
 * OpenSSL may call Python, where other threads and other connections have their turn: so whoever
 * is in the middle of something has one for itself.
 */
static void *
websockets_borrow(websockets_flow *flow)
{
    void *bio = websockets_spare;
    websockets_spare = NULL;
    if (bio == NULL && (bio = openssl.BIO_new(websockets_method)) == NULL)
        return NULL;
    openssl.BIO_set_data(bio, flow);
    openssl.BIO_up_ref(bio);
    return bio;
}

static void
websockets_give_back(void *bio)
{
    openssl.BIO_set_data(bio, NULL);
    if (websockets_spare == NULL)
        websockets_spare = bio;
    else
        openssl.BIO_free(bio);
}

/* Whether a function that failed only needs more from the peer. */
static inline int
websockets_wants_more(void *ssl, int result)
{
    return openssl.SSL_get_error(ssl, result) == WEBSOCKETS_WANT_READ;
}

/*
 * Open the records that are there into a place, as far as it has room.
 *
 * Return how many bytes they carry. The state is 1 if all went well, 0 if more has to come for the
 * next record, and -1 if Python's object has to be asked.
 */
static size_t
websockets_open(void *ssl, websockets_flow *flow, char *place, size_t room, int *state)
{
    size_t size = 0, some;
    int count;
    void *bio = websockets_borrow(flow);
    if (bio == NULL) {
        *state = -1;
        return 0;
    }
    *state = 1;
    openssl.SSL_set0_rbio(ssl, bio);
    /* What SSL_get_error() says of it is only true if no error is left from before. */
    if (openssl.ERR_peek_error() != 0)
        openssl.ERR_clear_error();
    while (size < room) {
        some = room - size < INT_MAX ? room - size : INT_MAX;
        count = openssl.SSL_read(ssl, place + size, (int)some);
        if (count <= 0) {
            *state = websockets_wants_more(ssl, count) ? 0 : -1;
            break;
        }
        size += (size_t)count;
        if (!flow->left && !flow->kept)
            break;
    }
    openssl.BIO_up_ref(flow->rbio);
    openssl.SSL_set0_rbio(ssl, flow->rbio);
    websockets_give_back(bio);
    return size;
}

/*
 * Seal two pieces as one, from a place on, in so many records at most.
 *
 * Return how far it came. The state is as above; 0 can only be in a handshake, which begins by
 * clearing the errors itself.
 */
static size_t
websockets_seal(void *ssl, websockets_flow *flow, const char *head, size_t first, const char *data,
                size_t whole, size_t start, int records, int *state)
{
    char joined[WEBSOCKETS_RECORD];
    const char *part;
    size_t size, some;
    int count;
    void *bio;
    /* What was said before stays in front of this. */
    flow->overflown = websockets_pending(flow->wbio) > 0;
    if ((bio = websockets_borrow(flow)) == NULL) {
        *state = -1;
        return start;
    }
    *state = 1;
    openssl.SSL_set0_wbio(ssl, bio);
    while (start < whole && records--) {
        size = whole - start < WEBSOCKETS_RECORD ? whole - start : WEBSOCKETS_RECORD;
        if (start < first) {
            some = first - start < size ? first - start : size;
            memcpy(joined, head + start, some);
            memcpy(joined + some, data, size - some);
            part = joined;
        } else {
            part = data + (start - first);
        }
        count = openssl.SSL_write(ssl, part, (int)size);
        if (count <= 0) {
            *state = websockets_wants_more(ssl, count) ? 0 : -1;
            break;
        }
        start += (size_t)count;
    }
    openssl.BIO_up_ref(flow->wbio);
    openssl.SSL_set0_wbio(ssl, flow->wbio);
    websockets_give_back(bio);
    return start;
}

#endif
