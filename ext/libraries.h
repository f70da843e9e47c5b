/*
 * Which library compresses, as a table of its functions: zlib, or zlib-ng in a Python module.
 *
 * zlib-ng's own interface is zlib's with a prefix to the names. Its stream has the same fields at the
 * same places where size_t is an unsigned long; behind those that are used here it is shorter. When a
 * stream is made, zlib-ng is told the major version and the size that it is taken to have, and
 * refuses whatever isn't its own.
 *
 * Modules are only looked into, never loaded: a path that isn't loaded has no functions.
 */

#ifndef WEBSOCKETS_LIBRARIES_H
#define WEBSOCKETS_LIBRARIES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "system.h"

typedef struct {
    const char *version;
    int size;
    int (*deflate_init)(z_stream *, int, int, int, int, int, const char *, int);
    int (*deflate)(z_stream *, int);
    int (*deflate_reset)(z_stream *);
    int (*deflate_end)(z_stream *);
    int (*inflate_init)(z_stream *, int, const char *, int);
    int (*inflate)(z_stream *, int);
    int (*inflate_reset)(z_stream *);
    int (*inflate_end)(z_stream *);
} functions;

static functions ZLIB = {
    ZLIB_VERSION, (int)sizeof(z_stream), deflateInit2_, deflate,      deflateReset,
    deflateEnd,   inflateInit2_,         inflate,       inflateReset, inflateEnd,
};

/* As zlib-ng 2 has it. */
typedef struct {
    const uint8_t *next_in;
    uint32_t avail_in;
    size_t total_in;
    uint8_t *next_out;
    uint32_t avail_out;
    size_t total_out;
    const char *msg;
    void *state;
    void *zalloc;
    void *zfree;
    void *opaque;
    int data_type;
    uint32_t adler;
    unsigned long reserved;
} zlib_ng_stream;

#define SAME_PLACE(field)                                                     \
    (offsetof(z_stream, field) == offsetof(zlib_ng_stream, field) &&          \
     sizeof(((z_stream *)0)->field) == sizeof(((zlib_ng_stream *)0)->field))

#define SAME_LAYOUT                                                           \
    (SAME_PLACE(next_in) && SAME_PLACE(avail_in) && SAME_PLACE(total_in) &&   \
     SAME_PLACE(next_out) && SAME_PLACE(avail_out) && SAME_PLACE(total_out) && \
     SAME_PLACE(msg) && SAME_PLACE(state) && SAME_PLACE(zalloc) &&            \
     SAME_PLACE(zfree) && SAME_PLACE(opaque) &&                               \
     sizeof(z_stream) >= sizeof(zlib_ng_stream))

#if !WEBSOCKETS_POSIX

static int
find_zlib_ng(const char *path, functions *found)
{
    (void)path;
    (void)found;
    return 0;
}

#else

#include <dlfcn.h>

/* Fill in the functions and return 1, or return 0 if the module at that path doesn't have them. */
static int
find_zlib_ng(const char *path, functions *found)
{
    z_stream stream;
    void *module;
    int works = 0;

    if (!SAME_LAYOUT || (module = dlopen(path, RTLD_NOW | RTLD_NOLOAD)) == NULL)
        return 0;
    found->version = "2";
    found->size = (int)sizeof(zlib_ng_stream);
    *(void **)&found->deflate_init = dlsym(module, "zng_deflateInit2_");
    *(void **)&found->deflate = dlsym(module, "zng_deflate");
    *(void **)&found->deflate_reset = dlsym(module, "zng_deflateReset");
    *(void **)&found->deflate_end = dlsym(module, "zng_deflateEnd");
    *(void **)&found->inflate_init = dlsym(module, "zng_inflateInit2_");
    *(void **)&found->inflate = dlsym(module, "zng_inflate");
    *(void **)&found->inflate_reset = dlsym(module, "zng_inflateReset");
    *(void **)&found->inflate_end = dlsym(module, "zng_inflateEnd");
    if (found->deflate_init && found->deflate && found->deflate_reset && found->deflate_end &&
        found->inflate_init && found->inflate && found->inflate_reset && found->inflate_end) {
        memset(&stream, 0, sizeof stream);
        works = found->inflate_init(&stream, -15, found->version, found->size) == Z_OK;
        if (works)
            found->inflate_end(&stream);
    }
    /* Python never unloads a module, so the functions stay where they are. */
    dlclose(module);
    return works;
}

#endif

#endif
