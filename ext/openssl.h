/*
 * OpenSSL, as Python's own module _ssl has it: its functions, and the SSL behind an object of _ssl.
 *
 * No header of OpenSSL's is needed to build this, and no library to link with: the functions are
 * looked for behind the module that is loaded, so they are those which made the SSL. Where it lies
 * in an object isn't documented; CPython 3.9 to 3.14 have it as below. Nothing is believed until
 * everything around it is what it should be, see websockets_find_ssl().
 *
 * Must never change an object of Python's.
 */

#ifndef WEBSOCKETS_OPENSSL_H
#define WEBSOCKETS_OPENSSL_H

#include <Python.h>

/* openssl/ssl.h, openssl/bio.h */
#define WEBSOCKETS_WANT_READ 2
#define WEBSOCKETS_BIO_PENDING 10
#define WEBSOCKETS_BIO_MEMORY (1 | 0x0400)

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
    unsigned long (*ERR_peek_error)(void);
    void (*ERR_clear_error)(void);
    unsigned long (*OpenSSL_version_num)(void);
} openssl;

#if !defined(_WIN32) && !defined(PYPY_VERSION) && !defined(Py_GIL_DISABLED) && \
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
    WEBSOCKETS_FIND(ERR_peek_error);
    WEBSOCKETS_FIND(ERR_clear_error);
    WEBSOCKETS_FIND(OpenSSL_version_num);
    /* Python never unloads a module, so the functions stay where they are. */
    dlclose(module);
    return openssl.OpenSSL_version_num() == version;
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

static inline long
websockets_pending(void *bio)
{
    return openssl.BIO_ctrl(bio, WEBSOCKETS_BIO_PENDING, 0, NULL);
}

/* What SSL_get_error() says of it is only true if no error is left from before. */
static inline int
websockets_ssl_read(void *ssl, void *buffer, int size)
{
    if (openssl.ERR_peek_error() != 0)
        openssl.ERR_clear_error();
    return openssl.SSL_read(ssl, buffer, size);
}

/* This can only want more in a handshake, which begins by clearing the errors itself. */
static inline int
websockets_ssl_write(void *ssl, const void *data, int size)
{
    return openssl.SSL_write(ssl, data, size);
}

/* Whether a function that failed only needs more from the peer. */
static inline int
websockets_wants_more(void *ssl, int result)
{
    return openssl.SSL_get_error(ssl, result) == WEBSOCKETS_WANT_READ;
}

#endif
