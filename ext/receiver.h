/* What Cython has no word for: a type whose objects answer an await without raising StopIteration.
 *
 * Must never know what is awaited. Key decision: before Python 3.10, where types have no such slot,
 * nothing is done, and the type's __next__() serves.
 */

#ifndef WEBSOCKETS_RECEIVER_H
#define WEBSOCKETS_RECEIVER_H

#include <Python.h>

typedef int (*websockets_send)(PyObject *self, PyObject *value, PyObject **result);

#if PY_VERSION_HEX >= 0x030A0000
static inline void
websockets_set_send(PyTypeObject *type, websockets_send send)
{
    /* PySendResult has the values -1, 0 and 1, which fit any integer type it may be. */
    type->tp_as_async->am_send = (sendfunc)(void (*)(void))send;
    PyType_Modified(type);
}
#else
static inline void
websockets_set_send(PyTypeObject *type, websockets_send send)
{
    (void)type;
    (void)send;
}
#endif

#endif
