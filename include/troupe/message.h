/* SPDX-License-Identifier: MIT
 * Message types. One macro makes the struct that carries a message and the descriptor that names
 * its fields:
 *
 *   #define COUNTER_ADD(FIELD, T) FIELD(T, int64, value)
 *   TR_MESSAGE(counter_add, COUNTER_ADD)        // struct counter_add { int64_t value; }
 *   TR_MESSAGE(counter_get, TR_NO_FIELDS)       // no payload
 *
 * Kinds: int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 bool ref.
 *
 * Identity: a descriptor is a weak symbol, so every source file of a program or shared object that
 * includes the same TR_MESSAGE shares one; descriptors that still have different addresses (two
 * shared objects with hidden symbols) count as the same type when name and fields are equal.
 */
#ifndef TROUPE_MESSAGE_H
#define TROUPE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ref.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tr_field_kind {
    TR_FIELD_NONE = 0,
    TR_FIELD_int8,
    TR_FIELD_int16,
    TR_FIELD_int32,
    TR_FIELD_int64,
    TR_FIELD_uint8,
    TR_FIELD_uint16,
    TR_FIELD_uint32,
    TR_FIELD_uint64,
    TR_FIELD_float32,
    TR_FIELD_float64,
    TR_FIELD_bool,
    TR_FIELD_ref
} tr_field_kind;

typedef struct tr_field {
    const char *name;
    uint32_t kind;         /* tr_field_kind */
    uint32_t offset_bytes; /* in the message struct */
    uint32_t size_bytes;
} tr_field;

/* Immutable, and must outlive every runtime that has seen it. Filled by TR_MESSAGE; bindings may
 * fill one by hand. */
typedef struct tr_message_type {
    const char *name;
    uint32_t size_bytes;  /* of the payload; 0 for a message without fields */
    uint32_t field_count; /* 0 for a raw type */
    const tr_field *fields;
    uint32_t raw; /* 1: the payload is bytes of a length chosen at each send */
    uint32_t reserved;
} tr_message_type;

/* True when both describe the same message type: the same address, or equal names and fields.
 * Threads: any. */
TR_API bool tr_message_type_equal(const tr_message_type *a, const tr_message_type *b);

#define TRI_TYPE_int8 int8_t
#define TRI_TYPE_int16 int16_t
#define TRI_TYPE_int32 int32_t
#define TRI_TYPE_int64 int64_t
#define TRI_TYPE_uint8 uint8_t
#define TRI_TYPE_uint16 uint16_t
#define TRI_TYPE_uint32 uint32_t
#define TRI_TYPE_uint64 uint64_t
#define TRI_TYPE_float32 float
#define TRI_TYPE_float64 double
#define TRI_TYPE_bool bool
#define TRI_TYPE_ref tr_ref

#define TRI_FIELD_MEMBER(T, KIND, NAME) TRI_TYPE_##KIND NAME;
#define TRI_FIELD_ROW(T, KIND, NAME)                                                               \
    {#NAME, TR_FIELD_##KIND, (uint32_t)offsetof(T, NAME), (uint32_t)sizeof(TRI_TYPE_##KIND)},
#define TRI_FIELD_ONE(T, KIND, NAME) +1

/* The field list of a message without fields. */
#define TR_NO_FIELDS(FIELD, T)

#if defined(__GNUC__)
#define TRI_EXT __extension__
#else
#define TRI_EXT
#endif

/* A constant that every source file may define and the linker keeps once. */
#ifdef __cplusplus
#define TRI_ONCE(TYPE, NAME) extern "C" inline const TYPE NAME
#else
#define TRI_ONCE(TYPE, NAME)                                                                       \
    extern const TYPE NAME;                                                                        \
    __attribute__((weak)) const TYPE NAME
#endif

/* Defines `NAME`, a struct type, and `NAME_message`, its descriptor. At file scope. */
#define TR_MESSAGE(NAME, FIELDS)                                                                   \
    TRI_EXT typedef struct NAME { FIELDS(TRI_FIELD_MEMBER, NAME) } NAME;                           \
    static const tr_field NAME##_fields_[] = {                                                     \
        FIELDS(TRI_FIELD_ROW, NAME){"", TR_FIELD_NONE, 0, 0}};                                     \
    TRI_ONCE(tr_message_type, NAME##_message) = {                                                  \
        #NAME,                                                                                     \
        (0 FIELDS(TRI_FIELD_ONE, NAME)) != 0 ? (uint32_t)sizeof(NAME) : 0u,                        \
        (uint32_t)(0 FIELDS(TRI_FIELD_ONE, NAME)),                                                 \
        NAME##_fields_,                                                                            \
        0,                                                                                         \
        0};

/* Defines `NAME_message`, the descriptor of a raw message: bytes whose length each send chooses. */
#define TR_RAW_MESSAGE(NAME) TRI_ONCE(tr_message_type, NAME##_message) = {#NAME, 0, 0, 0, 1, 0};

#ifdef __cplusplus
}
#endif
#endif
