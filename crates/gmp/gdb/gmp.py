"""Goroutines in gdb: in a core dump or a running process, with or without debug information.

    (gdb) source crates/gmp/gdb/gmp.py
    (gdb) gmp goroutines            every goroutine: number, state, where it was spawned, its thread if it has one
    (gdb) gmp bt 17                 the stack of goroutine 17
    (gdb) gmp bt all                the stack of every goroutine

A goroutine that is parked has no thread. To show its stack, an unwinder of this script claims for a moment that the
innermost frame of the selected thread was called from where the goroutine goes on; so frames begin at #1. The tables are
found by the symbol gmp_sched::debugger::LAYOUT (crates/gmp-sched/src/debugger.rs). x86_64 and aarch64.
"""

import re
import struct

import gdb
import gdb.unwinder

VERSION = 1
LAYOUT = "gmp_sched::debugger::LAYOUT"
START = "gmp_context_start"


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack("=Q", read(address, 8))[0]


def text(address, length):
    return read(address, length).decode("utf-8", "replace")


def string(address):
    """A &str at `address`."""
    return text(word(address), word(address + 8))


def address_of(symbol):
    try:
        return int(gdb.parse_and_eval("(unsigned long) &'%s'" % symbol))
    except gdb.error:
        # Without debug information the symbol table's name ends in a hash.
        found = re.search(r"^(0x[0-9a-f]+)\s+%s(::h[0-9a-f]{16})?$" % re.escape(symbol),
                          gdb.execute("info variables %s" % symbol, to_string=True), re.MULTILINE)
        if not found:
            raise
        return int(found.group(1), 16)


class Layout:
    """The table that the runtime keeps for debuggers."""

    def __init__(self):
        try:
            at = address_of(LAYOUT)
        except gdb.error:
            raise gdb.GdbError("no goroutines: the program has no symbol %s" % LAYOUT)
        words = struct.unpack("=18Q", read(at, 18 * 8))
        if words[0] != VERSION:
            raise gdb.GdbError("the program's layout is %d, this script knows %d" % (words[0], VERSION))
        (_, self.slabs, self.base, self.len, self.entry, self.start, self.size, self.slab, self.context, self.id,
         self.reason, self.parent, self.spawned_at, self.texts, self.reasons, self.threads, offsets, self.g) = words
        self.older, self.tid = offsets >> 32, offsets & 0xFFFFFFFF


class Goroutine:
    def __init__(self, layout, at):
        self.at = at
        number = read(at + layout.reason, 1)[0]
        self.exists = 0 < number < layout.reasons
        if not self.exists:
            return
        self.state = string(layout.texts + 16 * number)
        self.id, self.parent = word(at + layout.id), word(at + layout.parent)
        self.context = word(at + layout.context)
        place = word(at + layout.spawned_at)
        # A Location: the file's name, then the line; which word is which is for the compiler to say.
        self.spawned_at = location(place)
        self.tid = None

    def line(self):
        thread = "" if self.tid is None else "  thread %d" % self.tid
        return "goroutine %d [%s]  created by %d at %s%s" % (self.id, self.state, self.parent, self.spawned_at, thread)


def location(place):
    if place == 0:
        return "?"
    a, b = word(place), word(place + 8)
    address, length = (a, b) if a > b else (b, a)
    try:
        name = text(address, length).rstrip("\0") if length < 4096 else "?"
    except gdb.MemoryError:
        name = "?"
    line = struct.unpack("=I", read(place + 16, 4))[0]
    return "%s:%d" % (name, line)


def goroutines():
    layout = Layout()
    base, count = word(layout.slabs + layout.base), word(layout.slabs + layout.len)
    found = {}
    for index in range(count):
        entry = base + index * layout.entry
        first, size = word(entry + layout.start), word(entry + layout.size)
        for slot in range(layout.slab // size):
            g = Goroutine(layout, first + slot * size)
            if g.exists:
                found[g.at] = g
    at = word(layout.threads)
    while at:
        g = found.get(word(at + layout.g))
        if g is not None:
            g.tid = struct.unpack("=i", read(at + layout.tid, 4))[0]
        at = word(at + layout.older)
    return sorted(found.values(), key=lambda g: g.id)


def registers(context):
    """What the registers hold when a saved context goes on (crates/gmp-context/src/arch)."""
    arch = gdb.selected_inferior().architecture().name()
    if arch.startswith("aarch64"):
        return {"pc": word(context), "sp": context + 32, "x29": word(context + 16)}
    pc = word(context)
    if pc == address_of(START):
        return {"rip": pc, "rsp": context + 8, "rbp": 0}
    return {"rip": pc, "rsp": context + 24, "rbp": word(context + 16), "rbx": word(context + 8)}


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Detour(gdb.unwinder.Unwinder):
    """Says that the innermost frame was called from where a goroutine goes on."""

    def __init__(self):
        super().__init__("gmp")
        self.to = None

    def __call__(self, pending):
        if self.to is None:
            return None
        names, self.to = self.to, None
        sp = names["rsp" if "rsp" in names else "sp"]
        # Just below the goroutine's frames, so that gdb finds them in order.
        info = pending.create_unwind_info(FrameId(gdb.Value(sp - 16), gdb.Value(0)))
        words = gdb.lookup_type("unsigned long")
        for name, value in names.items():
            info.add_saved_register(name, gdb.Value(value).cast(words))
        return info


DETOUR = Detour()
gdb.unwinder.register_unwinder(None, DETOUR, replace=True)


def stack(g):
    print(g.line())
    if g.tid is not None:
        for thread in gdb.selected_inferior().threads():
            if thread.ptid[1] == g.tid:
                thread.switch()
                gdb.execute("bt")
                return
    if g.context == 0:
        print("has not begun")
        return
    gdb.invalidate_cached_frames()
    DETOUR.to = registers(g.context)
    try:
        for line in gdb.execute("bt", to_string=True).splitlines():
            # The frame of the thread that lent its place.
            if not line.startswith("#0 "):
                print(line)
    finally:
        DETOUR.to = None
        gdb.invalidate_cached_frames()


class Prefix(gdb.Command):
    """Goroutines: gmp goroutines, gmp bt N, gmp bt all."""

    def __init__(self):
        super().__init__("gmp", gdb.COMMAND_STACK, prefix=True)


class List(gdb.Command):
    """Lists every goroutine."""

    def __init__(self):
        super().__init__("gmp goroutines", gdb.COMMAND_STACK)

    def invoke(self, _, __):
        for g in goroutines():
            print(g.line())


class Backtrace(gdb.Command):
    """Shows the stack of a goroutine by its number, or of all: gmp bt N, gmp bt all."""

    def __init__(self):
        super().__init__("gmp bt", gdb.COMMAND_STACK)

    def invoke(self, argument, _):
        everyone = goroutines()
        wanted = [g for g in everyone if argument == "all" or str(g.id) == argument]
        if not wanted:
            raise gdb.GdbError("there is no goroutine %s" % (argument or "(give a number, or all)"))
        selected = gdb.selected_thread()
        for g in wanted:
            stack(g)
            print()
            if selected is not None:
                selected.switch()


Prefix()
List()
Backtrace()
