cpdef bytes apply_mask(object data, object key, long long offset=*)
