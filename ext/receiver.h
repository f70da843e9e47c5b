/* What Cython has no word for: a type whose objects answer an await without a detour.
 *
 * Must never know what is awaited. Key decision: one function is both slots that an await may use.
 * Python 3.10 and 3.11 use am_send, which needs no exception; older ones don't have it, and newer
 * ones prefer tp_iternext, where Cython's own would put a traceback on each StopIteration.
 */

#ifndef WEBSOCKETS_RECEIVER_H
#define WEBSOCKETS_RECEIVER_H

#include <Python.h>

#include "send.h"

static websockets_send websockets_advance;

static PyObject *
websockets_next(PyObject *self)
{
    PyObject *result = NULL, *exception;
    if (websockets_advance(self, Py_None, &result) != 0)
        return result;
    if (PyTuple_Check(result) || PyExceptionInstance_Check(result)) {
        /* These would be taken for the exception's arguments, or for the exception. */
        exception = PyObject_CallFunctionObjArgs(PyExc_StopIteration, result, NULL);
        Py_DECREF(result);
        if (exception == NULL)
            return NULL;
        result = exception;
    }
    PyErr_SetObject(PyExc_StopIteration, result);
    Py_DECREF(result);
    return NULL;
}

static void
websockets_set_step(PyTypeObject *type, websockets_send step)
{
    websockets_advance = step;
    type->tp_iternext = websockets_next;
    websockets_set_send(type, step);
    PyType_Modified(type);
}

/* Take over a reference that is ours already. */
#define websockets_owned(reference) (reference)

/* The step of what is done when it is awaited; without an exception that means None. */
static int
websockets_done(PyObject *self, PyObject *value, PyObject **result)
{
    (void)self;
    (void)value;
    Py_INCREF(Py_None);
    *result = Py_None;
    return 0;
}

static PyObject *
websockets_stop(PyObject *self)
{
    (void)self;
    return NULL;
}

#if defined(__GNUC__)
__attribute__((unused))
#endif
static void
websockets_set_done(PyTypeObject *type)
{
    type->tp_iternext = websockets_stop;
    websockets_set_send(type, websockets_done);
    PyType_Modified(type);
}

#endif
