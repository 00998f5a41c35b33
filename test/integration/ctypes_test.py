#!/usr/bin/env python3
"""Drives libtroupe.so from Python with nothing but ctypes: a behavior whose `any` handler is a
Python function, raw messages, replies, a call, a kill, a stop. The library's path is in
TROUPE_LIBRARY."""
import ctypes as c
import os
import sys

OK, TIMEOUT, NO_ACTOR, UNHANDLED = 0, -8, -7, -15
SECOND = 10**9


class Ref(c.Structure):
    _fields_ = [("node", c.c_uint64), ("id", c.c_uint64)]


class MessageType(c.Structure):
    _fields_ = [("name", c.c_char_p), ("size_bytes", c.c_uint32), ("field_count", c.c_uint32),
                ("fields", c.c_void_p), ("raw", c.c_uint32), ("reserved", c.c_uint32)]


class Reason(c.Structure):
    _fields_ = [("kind", c.c_int32), ("code", c.c_int32), ("text", c.c_char * 24)]


HANDLER = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_void_p)
TERMINATE = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.POINTER(Reason))


class Behavior(c.Structure):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("state_bytes", c.c_uint32),
                ("arg_bytes", c.c_uint32), ("handlers", c.c_void_p), ("handler_count", c.c_uint32),
                ("reserved", c.c_uint32), ("init", c.c_void_p), ("terminate", TERMINATE),
                ("any", HANDLER)]


class Stats(c.Structure):
    _fields_ = [("size", c.c_size_t)] + [
        (name, c.c_uint64) for name in (
            "sent", "handled", "unhandled", "replies", "dead_no_actor", "dead_ended",
            "dead_no_reply_to", "dead_late_reply", "rejected", "spawned", "ended")]


def load():
    path = os.environ.get("TROUPE_LIBRARY")
    if path is None:
        print("TROUPE_LIBRARY is not set to the path of libtroupe.so")
        sys.exit(77)
    library = c.CDLL(path)
    for name, arguments in {
            "tr_runtime_start": [c.c_void_p, c.POINTER(c.c_void_p)],
            "tr_runtime_stop": [c.c_void_p, c.c_int64],
            "tr_runtime_destroy": [c.c_void_p],
            "tr_runtime_stats": [c.c_void_p, c.POINTER(Stats)],
            "tr_foreign_spawn": [c.c_void_p, c.POINTER(Behavior), c.c_void_p, c.POINTER(Ref)],
            "tr_foreign_send": [c.c_void_p, Ref, c.POINTER(MessageType), c.c_char_p, c.c_size_t],
            "tr_foreign_kill": [c.c_void_p, Ref],
            "tr_foreign_call": [c.c_void_p, Ref, c.c_int64, c.POINTER(MessageType), c.c_void_p,
                                c.c_size_t, c.POINTER(MessageType), c.c_char_p, c.c_size_t],
            "tr_self_reply": [c.c_void_p, c.POINTER(MessageType), c.c_char_p, c.c_size_t],
    }.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = c.c_int
    library.tr_message_bytes.argtypes = [c.c_void_p]
    library.tr_message_bytes.restype = c.c_size_t
    library.tr_message_type_of.argtypes = [c.c_void_p]
    library.tr_message_type_of.restype = c.POINTER(MessageType)
    library.tr_status_name.restype = c.c_char_p
    return library


def raw_type(name):
    return MessageType(name.encode(), 0, 0, None, 1, 0)


def same(what, expected, seen):
    if expected != seen:
        print(f"{what}: expected {expected!r}, saw {seen!r}")
        sys.exit(1)


class Echo:
    """An actor that keeps what it is told and answers what it is asked."""

    def __init__(self, library):
        self.library, self.heard, self.ends = library, [], []
        self.tell, self.ask, self.answer = raw_type("tell"), raw_type("ask"), raw_type("answer")
        self.behavior = Behavior(c.sizeof(Behavior), b"echo", 0, 0, None, 0, 0, None,
                                 TERMINATE(self.on_end), HANDLER(self.on_any))

    def on_any(self, self_pointer, _state, payload):
        data = c.string_at(payload, self.library.tr_message_bytes(self_pointer))
        name = self.library.tr_message_type_of(self_pointer).contents.name
        if name == b"tell":
            self.heard.append(data)
        else:
            reply = data.upper()
            same("tr_self_reply", OK, self.library.tr_self_reply(
                self_pointer, c.byref(self.answer), reply, len(reply)))

    def on_end(self, _self_pointer, _state, reason):
        self.ends.append(reason.contents.kind)


def call(library, rt, actor, echo, text):
    room = c.create_string_buffer(100)
    status = library.tr_foreign_call(rt, actor, 60 * SECOND, c.byref(echo.answer), room, len(room),
                                     c.byref(echo.ask), text, len(text))
    return status, room.value


def one_round(library):
    rt = c.c_void_p()
    same("tr_runtime_start", OK, library.tr_runtime_start(None, c.byref(rt)))
    echo, actor, other = Echo(library), Ref(), Ref()
    for ref in (actor, other):
        same("tr_foreign_spawn", OK,
             library.tr_foreign_spawn(rt, c.byref(echo.behavior), None, c.byref(ref)))
    texts = [b"message %d " % i * (i % 50) for i in range(500)]
    for text in texts:
        same("tr_foreign_send", OK,
             library.tr_foreign_send(rt, actor, c.byref(echo.tell), text, len(text)))
    same("the answer", (OK, b"HELLO"), call(library, rt, actor, echo, b"hello"))
    same("what was heard", texts, echo.heard)
    same("tr_foreign_kill", OK, library.tr_foreign_kill(rt, other))
    same("a call to a killed actor", (NO_ACTOR, b""), call(library, rt, other, echo, b"hello"))
    same("tr_runtime_stop", OK, library.tr_runtime_stop(rt, 60 * SECOND))
    same("reasons of the ends", [1, 2], sorted(echo.ends))  # shutdown, killed
    stats = Stats(c.sizeof(Stats))
    same("tr_runtime_stats", OK, library.tr_runtime_stats(rt, c.byref(stats)))
    same("sent", len(texts) + 3, stats.sent)
    same("handled", len(texts) + 1, stats.handled)
    same("replies", 1, stats.replies)
    same("dead letters", 1, stats.dead_no_actor + stats.dead_ended)
    same("tr_runtime_destroy", OK, library.tr_runtime_destroy(rt))


def main():
    library = load()
    for _ in range(5):
        one_round(library)
    print("driven by ctypes, 5 rounds")


main()
