/* What Cython has no word for: a type whose attributes are found and called without a detour.
 *
 * Must never know what is waited for. Key decision: a task asks what it waits for four things each
 * time, by name; looking these up the usual way, and making methods of them, takes longer than all
 * else that is done then.
 */

#ifndef WEBSOCKETS_WAITER_H
#define WEBSOCKETS_WAITER_H

#include <Python.h>

/* Have attributes looked up, set, and an object called, by these functions. */
static void
websockets_set_access(
    PyTypeObject *type, getattrofunc get, int (*set)(PyObject *, PyObject *, PyObject *),
    Py_ssize_t offset)
{
    type->tp_getattro = get;
    type->tp_setattro = (setattrofunc)set;
    type->tp_vectorcall_offset = offset;
    type->tp_call = PyVectorcall_Call;
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    PyType_Modified(type);
}

#endif
