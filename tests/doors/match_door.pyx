# Test door of match: matches values given from Python, and times the matcher against a compiled
# loop over predicates.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_THREAD_CPUTIME_ID, clock_gettime, timespec
from kairos_native.layout cimport *
from kairos_native.match cimport (
    KERNEL_AVX2, KERNEL_AVX512, KERNEL_PORTABLE, match_bucket, match_kernel_best, match_leaf,
    match_rule_bits, match_rules,
)
from kairos_native.plan cimport plan, plan_free, plan_load_bytes

cdef extern from "stdlib.h" nogil:
    int posix_memalign(void** memory, size_t alignment, size_t size)

cdef extern from "naive.h" nogil:
    ctypedef struct naive_rules:
        pass
    naive_rules* naive_new(uint32_t rule_count, uint32_t predicate_count)
    void naive_delete(naive_rules* rules)
    int naive_add(naive_rules* rules, uint32_t rule, uint32_t column, uint32_t is_set,
                  uint64_t mask, double low, double high)
    uint32_t naive_match(const naive_rules* rules, const kairos_value* values, const uint32_t* ids,
                         uint32_t column_count, uint32_t* matched)

KERNELS = {"portable": KERNEL_PORTABLE, "avx2": KERNEL_AVX2, "avx512": KERNEL_AVX512}
GUARD = 0xA5A5A5A5


def kernel_best():
    return match_kernel_best()


cdef kairos_value value_of(uint8_t kind, object content):
    """`content`: a number, or bytes that the caller keeps alive."""
    cdef kairos_value value
    cdef double x
    memset(&value, 0, sizeof(value))
    value.kind = kind
    if kind == VALUE_STRING:
        value.bits = <uint64_t><const uint8_t*><bytes>content
        value.size = <uint32_t>len(<bytes>content)
    elif kind == VALUE_DOUBLE:
        x = content
        memcpy(&value.bits, &x, 8)
    elif kind > VALUE_NULL:
        value.bits = <uint64_t><int64_t>content
    return value


cdef class Matcher:
    """One index of one image.

    Values are given as (kind, content) per column, in column order.
    """

    cdef plan* image
    cdef const kairos_index* index
    cdef uint64_t* words
    cdef uint32_t* rules
    cdef uint64_t* bits
    cdef kairos_value* values
    cdef uint32_t event_count
    cdef object kept

    def __cinit__(self, bytes data, uint32_t index):
        cdef int32_t status = 0
        cdef char message[256]
        self.image = plan_load_bytes(<const uint8_t*>data, len(data), &status, message,
                                     sizeof(message))
        if self.image == NULL:
            raise ValueError(status, (<const char*>message).decode())
        self.index = self.image.indexes + index
        if posix_memalign(<void**>&self.words, 64, self.index.word_count * 8 + 64) != 0:
            raise MemoryError
        self.rules = <uint32_t*>malloc(self.index.rule_count * 4 + 4)
        self.bits = <uint64_t*>malloc((self.index.rule_count + 63) // 64 * 8 + 8)

    def __dealloc__(self):
        plan_free(self.image)
        free(self.words)
        free(self.rules)
        free(self.bits)
        free(self.values)

    def sources(self):
        """(kind, id, part) of each column."""
        cdef const kairos_column* columns = self.image.columns + self.index.column_first
        return [(columns[i].source.kind, columns[i].source.id, columns[i].source.part)
                for i in range(self.index.column_count)]

    def dense(self):
        cdef const kairos_column* columns = self.image.columns + self.index.column_first
        return [columns[i].row_word != 0xFFFFFFFFFFFFFFFFu for i in range(self.index.column_count)]

    def residual_count(self):
        cdef const kairos_conjunction* conjunctions = (self.image.conjunctions
                                                       + self.index.conjunction_first)
        return sum([conjunctions[i].residual_count for i in range(self.index.conjunction_count)])

    def keep(self, list events):
        """Holds the events' values for match() and the timings."""
        cdef uint32_t i, k, width = self.index.column_count
        free(self.values)
        self.values = <kairos_value*>calloc(len(events) * width + 1, sizeof(kairos_value))
        self.event_count = <uint32_t>len(events)
        self.kept = events
        for i in range(self.event_count):
            for k in range(width):
                self.values[i * width + k] = value_of(events[i][k][0], events[i][k][1])

    def match(self, uint32_t event, uint32_t kernel):
        """(rules relative to the index by match_rules, the same by match_rule_bits).

        Guards stand behind all outputs.
        """
        cdef const kairos_value* values = self.values + event * self.index.column_count
        cdef uint32_t count, i, r, bit_words = (self.index.rule_count + 63) // 64
        self.words[self.index.word_count] = GUARD
        self.rules[self.index.rule_count] = GUARD
        self.bits[bit_words] = GUARD
        with nogil:
            count = match_rules(self.image, self.index, values, kernel, self.words, self.bits,
                                self.rules)
        listed = [self.rules[i] - self.index.rule_first for i in range(count)]
        with nogil:
            match_rule_bits(self.image, self.index, values, kernel, self.words, self.bits)
        marked = [r for r in range(self.index.rule_count) if self.bits[r // 64] >> (r % 64) & 1]
        if (self.words[self.index.word_count] != GUARD or self.rules[self.index.rule_count] != GUARD
                or self.bits[bit_words] != GUARD):
            raise AssertionError("written behind the end")
        return listed, marked

    def survivors(self):
        """The words of the last match."""
        return [self.words[i] for i in range(self.index.word_count)]

    def buckets(self, uint32_t event):
        cdef uint32_t i
        return [
            match_bucket(self.image, self.index.column_first + i,
                         self.values + event * self.index.column_count + i)
            for i in range(self.index.column_count)
        ]

    def filter_leaf(self, uint32_t leaf, uint8_t kind, object content):
        cdef kairos_value value = value_of(kind, content)
        return match_leaf(self.image, self.image.leaves + leaf, &value)

    def leaf_columns(self):
        """(leaf, column) of each residual leaf of each conjunction."""
        cdef const kairos_conjunction* conjunctions = (self.image.conjunctions
                                                       + self.index.conjunction_first)
        return [
            [self.image.leaves[conjunctions[i].residual_first + k].column
             for k in range(conjunctions[i].residual_count)]
            for i in range(self.index.conjunction_count)
        ]

    def time_us(self, uint32_t kernel, uint32_t passes):
        """Microseconds of this thread per event over all kept events, ids included;
        and the sum of matches.
        """
        cdef timespec start, stop
        cdef uint32_t i, k, width = self.index.column_count
        cdef uint64_t matched = 0
        with nogil:
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            for k in range(passes):
                for i in range(self.event_count):
                    matched += match_rules(self.image, self.index, self.values + i * width, kernel,
                                           self.words, self.bits, self.rules)
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &stop)
        elapsed = (stop.tv_sec - start.tv_sec) * 1e6 + (stop.tv_nsec - start.tv_nsec) * 1e-3
        return elapsed / (passes * self.event_count), matched // passes


cdef class Naive:
    """The control: a compiled loop over flat predicates with short circuit.

    Strings are compared as small ids.
    """

    cdef naive_rules* rules
    cdef uint32_t rule_count, column_count, event_count
    cdef kairos_value* values
    cdef uint32_t* ids
    cdef uint32_t* matched

    def __cinit__(self, list rules, uint32_t column_count):
        """rules: per rule a list of (column, ids as a mask or None, low, high); low <= x < high."""
        cdef uint32_t r
        self.rule_count = <uint32_t>len(rules)
        self.column_count = column_count
        self.rules = naive_new(self.rule_count, <uint32_t>sum([len(rule) for rule in rules]))
        self.matched = <uint32_t*>malloc(self.rule_count * 4 + 4)
        for r in range(self.rule_count):
            for column, mask, low, high in rules[r]:
                if not naive_add(self.rules, r, column, mask is not None, mask or 0, low, high):
                    raise ValueError("too many predicates")

    def __dealloc__(self):
        naive_delete(self.rules)
        free(self.values)
        free(self.ids)
        free(self.matched)

    def keep(self, list events):
        """events: per event and column None, an int id (strings), or a float."""
        cdef uint32_t i, k, at
        self.event_count = <uint32_t>len(events)
        self.values = <kairos_value*>calloc(self.event_count * self.column_count + 1,
                                            sizeof(kairos_value))
        self.ids = <uint32_t*>calloc(self.event_count * self.column_count + 1, 4)
        for i in range(self.event_count):
            for k in range(self.column_count):
                at = i * self.column_count + k
                value = events[i][k]
                if isinstance(value, int):
                    self.values[at].kind = VALUE_STRING
                    self.ids[at] = value
                elif value is not None:
                    self.values[at] = value_of(VALUE_DOUBLE, value)

    def match(self, uint32_t event):
        cdef uint32_t at = event * self.column_count
        cdef uint32_t count = naive_match(self.rules, self.values + at, self.ids + at,
                                          self.column_count, self.matched)
        return [self.matched[i] for i in range(count)]

    def time_us(self, uint32_t passes):
        cdef timespec start, stop
        cdef uint32_t i, k, at
        cdef uint64_t matched = 0
        with nogil:
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            for k in range(passes):
                for i in range(self.event_count):
                    at = i * self.column_count
                    matched += naive_match(self.rules, self.values + at, self.ids + at,
                                           self.column_count, self.matched)
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &stop)
        elapsed = (stop.tv_sec - start.tv_sec) * 1e6 + (stop.tv_nsec - start.tv_nsec) * 1e-3
        return elapsed / (passes * self.event_count), matched // passes
