/* What Cython has no word for: a step of a coroutine, and whose step a function takes.
 *
 * Must never know what is waited for. Key decision: where the interpreter has no call for a step that
 * makes no exception of its end, there is none here either.
 */

#ifndef WEBSOCKETS_STEPS_H
#define WEBSOCKETS_STEPS_H

#include <Python.h>

#include "send.h"

#define WEBSOCKETS_STEPS (PY_VERSION_HEX >= 0x030A0000)

/* How a coroutine stops. */
enum { WEBSOCKETS_YIELDED = 1, WEBSOCKETS_RETURNED = 2 };

#if WEBSOCKETS_STEPS

/* Let a coroutine go on; return how it stops, and give what it stops with, or -1. */
static inline int
websockets_step(PyObject *coroutine, PyObject *value, PyObject **result)
{
    switch (PyIter_Send(coroutine, value, result)) {
    case PYGEN_NEXT:
        return WEBSOCKETS_YIELDED;
    case PYGEN_RETURN:
        return WEBSOCKETS_RETURNED;
    default:
        return -1;
    }
}

#else

static inline int
websockets_step(PyObject *coroutine, PyObject *value, PyObject **result)
{
    (void)coroutine;
    (void)value;
    *result = NULL;
    PyErr_SetNone(PyExc_NotImplementedError);
    return -1;
}

#endif

/* Return whose method a function in C is, or NULL. */
static inline PyObject *
websockets_owner(PyObject *function)
{
    return PyCFunction_Check(function) ? PyCFunction_GET_SELF(function) : NULL;
}

#endif
