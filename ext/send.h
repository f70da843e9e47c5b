/* Steps of what is awaited that end without an exception, where Python knows of such (3.10 on).
 *
 * Must never know what is awaited.
 */

#ifndef WEBSOCKETS_SEND_H
#define WEBSOCKETS_SEND_H

#include <Python.h>

/* A step, as am_send has it: it returns 0 if *result is the value of the whole, 1 if *result is to
 * be yielded, or -1 with an exception. */
typedef int (*websockets_send)(PyObject *self, PyObject *value, PyObject **result);

static inline void
websockets_set_send(PyTypeObject *type, websockets_send send)
{
#if PY_VERSION_HEX >= 0x030A0000
    /* PySendResult has the values -1, 0 and 1, which fit any integer type it may be. */
    type->tp_as_async->am_send = (sendfunc)(void (*)(void))send;
#else
    (void)type;
    (void)send;
#endif
}

#endif
