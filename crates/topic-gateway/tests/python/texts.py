"""Writes texts.json: JSON texts with what Python's json and repr make of them (tests in src/json/tests.rs)."""
import json
import pathlib
import random
import struct
import unicodedata

random.seed(7)
FLOATS = [0.0, -0.0, 1.0, 0.1, 0.3, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 1.5e-7, 1e22, 1e100, 5e-324, 1.7976931348623157e308,
          9007199254740993.0, 2.5, 1747646400000.0, 1e21, 123e-10]
ODD = ["", "it's", 'say "x"', "it's \"x\"", "a\\b", "\n\r\t\b\f", "\x00\x1f\x7f\x80\xa0\xad", "\u200b\u2028\u3000\ufeff", "é", "Straße", "日本", "😀\U0001f9ff",
       "\U000e0001", "\ue000", "\ud7ff", "/", "<>&", "\U0010ffff"]


def number():
    kind = random.random()
    if kind < 0.3:
        return random.choice(FLOATS)
    if kind < 0.6:
        while True:
            value = struct.unpack("d", random.randbytes(8))[0]
            if value == value and abs(value) != float("inf"):
                return value
    if kind < 0.8:
        return random.randint(-2**70, 2**70)
    return random.choice([0, 1, -1, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64, 10**30, 7])


def text():
    if random.random() < 0.6:
        return random.choice(ODD)
    # Assigned characters only: the tables of two Unicode versions agree on them.
    pool = (chr(random.choice([random.randrange(0x500), random.randrange(0xd800), random.randrange(0x10000, 0x20000)])) for _ in range(40))
    return "".join(c for c in pool if unicodedata.category(c) not in ("Cn", "Cs"))[:8]


def value(depth=0):
    kind = random.random()
    if depth < 3 and kind < 0.25:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    if depth < 3 and kind < 0.5:
        return {text(): value(depth + 1) for _ in range(random.randrange(4))}
    return random.choice([None, True, False, number, number, text, text])


def made(v):
    return [made(x) for x in v] if isinstance(v, list) else {k: made(x) for k, x in v.items()} if isinstance(v, dict) else v() if callable(v) else v


TEXTS = [json.dumps(made(value()), ensure_ascii=random.random() < 0.5) for _ in range(260)]
TEXTS += ['{"a":1,"b":2,"a":3}', '{"a":{"x":1},"a":[2]}', "-0", "-0.0", "1E5", "1e-400", "0e0", " [ 1 , 2 ] ", '"\\u00e9\\/\\ud83d\\ude00"', "1.0e+2", "123456789012345678901234567890.0"]
cases = [[t, json.dumps(json.loads(t)), repr(json.loads(t)), str(json.loads(t))] for t in TEXTS]
lines = ",\n".join(json.dumps(c) for c in cases)
pathlib.Path(__file__).with_name("texts.json").write_text(f"[\n{lines}\n]\n")
