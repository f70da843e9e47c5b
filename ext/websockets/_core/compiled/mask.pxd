cpdef bytes apply_mask(object data, object key, Py_ssize_t offset=*)
