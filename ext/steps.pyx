"""
Steps of a task that are taken without it: the compiled twin of websockets/_core/steps.py.

Owns what a coroutine gave in such a step until its task asks for it. Must never know what is waited
for, nor when.

Key decision: of a step in which a coroutine has waited for a message, and does so again at its end,
its task has nothing to know: it waits before and afterwards, for the same. All that such a step
takes from it is who the current task is. Any other end is kept, and told to the task in a step of
its own.
"""

from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject

from websockets._core.compiled.waiter cimport Stepping, Waiter

cdef extern from "steps.h":
    enum:
        AVAILABLE "WEBSOCKETS_STEPS"
        YIELDED "WEBSOCKETS_YIELDED"
        RETURNED "WEBSOCKETS_RETURNED"
    int websockets_step(object coroutine, object value, PyObject **result) except -1
    PyObject *websockets_owner(object function) noexcept
    void websockets_set_send(
        PyTypeObject *type, int (*send)(object, object, PyObject **) except -1
    ) noexcept

from types import CoroutineType

# Of asyncio, which is imported when there is a task.
cdef object Task, enter_task, leave_task
Task = enter_task = leave_task = None

cdef enum:
    RAISED = 3


cdef class Steps(Stepping):
    """A coroutine; the pure twin describes the argument."""

    cdef object _coroutine
    cdef int _end  # how the last step ended that the task wasn't told of, 0 if there is none
    cdef object _given

    def __init__(self, coroutine):
        self._coroutine = coroutine

    cdef bint step(self, Waiter waiter, callback) except -1:
        cdef PyObject *task = websockets_owner(callback)
        if task is NULL or type(<object> task) is not Task:
            return False
        owner = <object> task
        enter_task(waiter._loop, owner)
        self.take(None)
        leave_task(waiter._loop, owner)
        if self._end == YIELDED and self._given is waiter and waiter.waiting and waiter._blocking:
            waiter._blocking = False
            self._end = 0
            self._given = None
            return True
        return False

    cdef int take(self, value) except -1:
        """Take a step, and keep what it ends with."""
        cdef PyObject *given = NULL
        try:
            self._end = websockets_step(self._coroutine, value, &given)
            self._given = <object> given
            Py_XDECREF(given)
        except BaseException as exc:
            self._end = RAISED
            self._given = exc
        return 0

    cdef object tell(self):
        """Tell what was kept, as coroutines do."""
        cdef int end = self._end
        given, self._given = self._given, None
        self._end = 0
        if end == YIELDED:
            return self.yielded(given)
        raise given if end == RAISED else StopIteration(given)

    cdef object yielded(self, given):
        """Let a waiter know whose steps to take."""
        if type(given) is Waiter:
            (<Waiter> given)._steps = self
        return given

    # A coroutine

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if not self._end:
            self.take(None)
        return self.tell()

    def send(self, value):
        """Go on."""
        if not self._end:
            self.take(value)
        return self.tell()

    def throw(self, *exc):
        """Go on with an exception: most probably the task is being cancelled."""
        cdef int end = self._end
        if end == RAISED:
            return self.tell()
        given, self._given = self._given, None
        self._end = 0
        if end == RETURNED:
            raise exc[0]
        if end == YIELDED and getattr(given, "_asyncio_future_blocking", None):
            # What a coroutine has just begun to wait for is cancelled first.
            if given.cancel():
                return given
            given._asyncio_future_blocking = False
        return self.yielded(self._coroutine.throw(*exc))

    def close(self):
        """End it."""
        self._end = 0
        self._given = None
        self._coroutine.close()

    def __getattr__(self, name):
        # What is shown of a task is asked of its coroutine.
        return getattr(self._coroutine, name)


cdef int send(object steps, object value, PyObject **result) except -1:
    """Go on, as a send() has it that makes no exception where the coroutine returns."""
    cdef Steps self = <Steps> steps
    cdef bint goes_on
    result[0] = NULL
    if not self._end:
        self.take(value)
    goes_on = self._end != RETURNED
    if goes_on:
        given = self.tell()
    else:
        given, self._given = self._given, None
        self._end = 0
    Py_INCREF(given)
    result[0] = <PyObject *> given
    return goes_on


websockets_set_send(<PyTypeObject *> Steps, send)


def steps_of(coroutine):
    """Return what a task is made of; the pure twin describes the argument."""
    global Task, enter_task, leave_task
    if not AVAILABLE or type(coroutine) is not CoroutineType:
        return coroutine
    if Task is None:
        from asyncio import tasks

        Task, enter_task, leave_task = tasks.Task, tasks._enter_task, tasks._leave_task
    return Steps(coroutine)
