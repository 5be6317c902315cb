# From identifiers to the 128-bit ids under which everything is kept; the normal forms stand in
# identifier.h.
from libc.stdint cimport int32_t, uint8_t, uint32_t
from kairos_native.layout cimport kairos_tenant_settings


cdef extern from "identifier.h" nogil:
    cdef enum:
        IDENTIFIER_UNSPECIFIED
        IDENTIFIER_USER
        IDENTIFIER_ACCOUNT
        IDENTIFIER_EMAIL
        IDENTIFIER_PHONE
        IDENTIFIER_DEVICE
        IDENTIFIER_SESSION
        IDENTIFIER_ANONYMOUS
        IDENTIFIER_TYPE_MAX
        IDENTIFIER_NORMAL_SIZE_MAX
    # Writes the form that is hashed; returns its size, or 0 where the value is not one of its type.
    #   Shapes: result[IDENTIFIER_NORMAL_SIZE_MAX]
    uint32_t identifier_normal(uint32_t type, const uint8_t* value, uint32_t size, uint8_t* result)


# The 128-bit id of an identifier under the tenant's key: SipHash of the value for a user (also
# where the type is not stated); for every other type SipHash of 0xFF, the type and the normal form.
# No text begins with 0xFF, so that no user has the id of, say, an e-mail address.
#   Shapes: value[size], valid UTF-8; result[16]
#   Errors: STATUS_IDENTIFIER_INVALID: empty, longer than 256 bytes, an unknown type, or an e-mail
#           address or phone number that is not one; nothing is written then
cdef int32_t identifier_id(const kairos_tenant_settings* settings, uint32_t type,
                           const uint8_t* value, uint32_t size, uint8_t* result) noexcept nogil
