"""
Waiting for something, again and again: the compiled twin of websockets/_core/waiter.py.

Owns who waits, and when that one goes on. Must never know what is waited for.

Key decision: the four attributes of a future that a task uses each time it waits are answered at
once, see waiter.h, and the one of them that it calls is this object itself.
"""

from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.weakref cimport PyWeakref_NewRef

cdef extern from "waiter.h":
    void websockets_set_access(
        PyTypeObject *type,
        object (*get)(object self, object name),
        int (*set)(object self, object name, PyObject *value) except -1,
        Py_ssize_t offset,
    )

cdef extern from "Python.h":
    object PyObject_GenericGetAttr(object self, object name)
    int PyObject_GenericSetAttr "PyObject_GenericSetAttr"(
        object self, object name, PyObject *value
    ) except -1
    Py_ssize_t PyVectorcall_NARGS(size_t count)
    int PyContext_Enter(object context)
    int PyContext_Exit(object context) except -1
    void PyErr_Clear()

import sys

cdef str BLOCKING = sys.intern("_asyncio_future_blocking")
cdef str GET_LOOP = sys.intern("get_loop")
cdef str ADD = sys.intern("add_done_callback")
cdef str CONTEXT = sys.intern("context")


cdef class Stepping:
    """What a task is made of that may go on without it: a subclass says how."""

    cdef bint step(self, Waiter waiter, callback) except -1:
        """
        Go on, in the context of the task.

        Arguments:
            callback: what the task has given to let it go on.

        Returns:
            whether it waits for the same waiter again; otherwise the task has to go on.

        Raises:
            RuntimeError: if another task runs, as `callback` would.
        """
        raise NotImplementedError


cdef class Waiter:
    """What a task can wait for; the pure twin describes the arguments."""

    def __cinit__(self):
        self._call = <void *> called

    def __init__(self, loop, running_loop, task_of, done):
        self._loop = loop
        try:
            self._loop_of = PyWeakref_NewRef(loop, None)  # It is called as get_loop() is.
        except TypeError:
            self._loop_of = None
        self._running_loop = running_loop
        self._task_of = task_of
        self._done = done

    cpdef unsigned long long begin(self) except 0:
        """Wait; the coroutine has to yield this object next. Return the number of this wait."""
        self.waiting = True
        self._turn += 1
        self._steps = None
        # By this mark a task knows that it is to wait.
        self._blocking = True
        return self._turn

    cpdef end(self, unsigned long long turn):
        """Let go of one who waits no more; the pure twin describes the argument."""
        if self.waiting and self._turn == turn:
            self.waiting = False
            self._callback = self._context = None

    cpdef wake(self, bint at_once):
        """Let who waits go on; the pure twin describes the argument."""
        cdef bint idle = self.idle
        callback, self._callback = self._callback, None
        context, self._context = self._context, None
        self.waiting = False
        if callback is None:
            return
        if at_once:
            self.idle = False
            # The event loop may run this in the task's own context, which can't be entered twice.
            if idle or self.nothing_runs():
                if PyContext_Enter(context) == 0:
                    self.go_on(callback, context)
                    return
                PyErr_Clear()
        try:
            self._loop.call_soon(callback, self._done, context=context)
        except BaseException:
            # For want of memory: whatever happens next tries it again.
            self.waiting = True
            self._callback = callback
            self._context = context
            raise

    cdef bint nothing_runs(self) except -1:
        """Tell whether the loop runs in this thread, and no task in it."""
        return self._running_loop() is self._loop and self._task_of(self._loop) is None

    cdef int go_on(self, callback, context) except -1:
        """Let a task go on in the context that was entered for it."""
        cdef Stepping steps = self._steps
        self._cancelled = False
        try:
            if steps is None or not steps.step(self, callback):
                callback(self._done)
            else:
                self._callback = callback
                self._context = context
                self._steps = steps
                if self._cancelled:
                    self.wake(False)
        except RuntimeError:
            # A task runs after all, as an eager one that was begun in the middle of what came.
            PyContext_Exit(context)
            self._loop.call_soon(callback, self._done, context=context)
        except BaseException as exc:
            # KeyboardInterrupt and SystemExit: they end the event loop.
            PyContext_Exit(context)
            self._loop.call_soon(raise_, exc)
        else:
            PyContext_Exit(context)
        return 0

    # What tasks want of a future

    @property
    def _asyncio_future_blocking(self):
        """Whether somebody is about to wait."""
        return self._blocking

    def get_loop(self):
        """Tell for which event loop this is."""
        return self._loop

    def add_done_callback(self, callback, *, context=None):
        """Have the task that waits give the function that lets it go on."""
        self._callback = callback
        self._context = context

    def cancel(self, msg=None):
        """Let a task that is being cancelled go on, which then knows that itself."""
        self._cancelled = True
        self.wake(False)
        return False

    def result(self):
        """Have nothing to say: what happened is to be seen elsewhere."""


def raise_(exc):
    """Raise an exception in a place of its own."""
    raise exc


cdef object get(object self, object name):
    """Answer what tasks ask: names that they use are the same objects everywhere."""
    cdef Waiter waiter = <Waiter> self
    if name is BLOCKING:
        return waiter._blocking
    if name is GET_LOOP and waiter._loop_of is not None:
        return waiter._loop_of
    if name is ADD:
        return self
    return PyObject_GenericGetAttr(self, name)


cdef int set(object self, object name, PyObject *value) except -1:
    """Take the mark away by which a task knows that it is to wait."""
    if name is BLOCKING and value is not NULL:
        (<Waiter> self)._blocking = <object> value
        return 0
    return PyObject_GenericSetAttr(self, name, value)


cdef object called(object self, PyObject **arguments, size_t count, PyObject *names):
    """Be called as add_done_callback()."""
    cdef Waiter waiter = <Waiter> self
    cdef Py_ssize_t named = 0 if names is NULL else PyTuple_GET_SIZE(<tuple> names)
    if PyVectorcall_NARGS(count) != 1 or named > 1 or (
        named and (<tuple> names)[0] != CONTEXT
    ):
        raise TypeError("add_done_callback() takes a callback and a context")
    waiter._callback = <object> arguments[0]
    waiter._context = <object> arguments[1] if named else None
    return None


cdef Waiter sample = Waiter.__new__(Waiter)
websockets_set_access(
    <PyTypeObject *> Waiter, get, set, <char *> &sample._call - <char *> <PyObject *> sample
)
