# Contract in identifier.pxd.
from libc.stdint cimport int32_t, uint8_t, uint32_t

from kairos_native.hash cimport kairos_siphash128
from kairos_native.layout cimport kairos_tenant_settings
from kairos_native.limits cimport KAIROS_SUBJECT_ID_SIZE_MAX
from kairos_native.status cimport STATUS_IDENTIFIER_INVALID, STATUS_OK


cdef int32_t identifier_id(const kairos_tenant_settings* settings, uint32_t type,
                           const uint8_t* value, uint32_t size, uint8_t* result) noexcept nogil:
    cdef uint8_t text[2 + IDENTIFIER_NORMAL_SIZE_MAX]
    cdef uint32_t used
    if type <= IDENTIFIER_USER:
        if not size or size > KAIROS_SUBJECT_ID_SIZE_MAX:
            return STATUS_IDENTIFIER_INVALID
        kairos_siphash128(settings.hash_key, value, size, result)
        return STATUS_OK
    used = identifier_normal(type, value, size, text + 2)
    if not used:
        return STATUS_IDENTIFIER_INVALID
    text[0] = 0xFF
    text[1] = <uint8_t>type
    kairos_siphash128(settings.hash_key, text, 2 + used, result)
    return STATUS_OK
