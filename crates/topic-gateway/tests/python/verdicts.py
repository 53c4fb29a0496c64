"""Writes verdicts.json: schemas, values, and what jsonschema 4.26.0 says of them (tests in src/schema/tests.rs).

    pip install --target /tmp/jsonschema jsonschema==4.26.0
    PYTHONHASHSEED=0 PYTHONPATH=/tmp/jsonschema python3 verdicts.py [--seed N] [--count N] [--out FILE]
"""
import argparse
import json
import pathlib
import random
import warnings

from jsonschema import exceptions, validators

warnings.simplefilter("ignore")
arguments = argparse.ArgumentParser()
arguments.add_argument("--seed", type=int, default=1)
arguments.add_argument("--count", type=int, default=260)
arguments.add_argument("--out", default=pathlib.Path(__file__).with_name("verdicts.json"))
arguments = arguments.parse_args()
rng = random.Random(arguments.seed)
pick = rng.choice

DRAFTS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
NAMES = ["a", "b", "ab", "x-1", "it's"]
PATTERNS = ["^a", "b$", r"^\d+$", r"\w{2}", "^x-", "[^a-z]", "", r"^\s*$", r"(a|b)\Z", "a{,2}b", "é+", r"^[\w.-]+$"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
STRINGS = ["", "a", "ab", "abc", "it's", "12", "b\n", "é", "😀x", "\u0663", "x-1", "\x1f"]
NUMBERS = [0, 1, -1, 2, 3, 1.0, 0.5, 1.5, -0.0, 0.3, 7.5, 2**63, 2**64 + 1, float(2**64), 1e300, 10**30, 1e-7]


def value(depth=0):
    kind = rng.random()
    if depth < 2 and kind < 0.25:
        return [value(depth + 1) for _ in range(rng.randrange(4))]
    if depth < 2 and kind < 0.6:
        return {pick(NAMES): value(depth + 1) for _ in range(rng.randrange(4))}
    return pick([None, True, False, pick(NUMBERS), pick(NUMBERS), pick(STRINGS), pick(STRINGS)])


def size():
    return pick([0, 1, 2, 3])


def limit():
    return pick([0, 1, 2, 1.5, -1, 2.0, 2**64])


def names():
    return rng.sample(NAMES, rng.randrange(1, 3))


# What the crate `jsonschema` and Python read differently; half of the schemas do without, so that both judges are asked.
STRICT = ["pattern", "patternProperties", "multipleOf", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"]


def schema(draft, depth, plain):
    if depth <= 0 or rng.random() < 0.12:
        choices = [{}, {"type": pick(TYPES)}, {"const": value(1)} if draft > 4 else {"enum": [value(1)]}, {"minimum": limit()}]
        return pick(choices + ([True, False, False] if draft > 4 else []))
    sub = lambda: schema(draft, depth - 1, plain)  # noqa: E731
    subs = lambda: [sub() for _ in range(rng.randrange(1, 4))]  # noqa: E731
    by_name = lambda names: {name: sub() for name in names}  # noqa: E731
    makers = {
        "type": lambda: pick([pick(TYPES), rng.sample(TYPES, 2)]),
        "enum": lambda: rng.sample([1, 1.0, True, "a", None, [1], [True], {"a": 0}, {"a": False}, 2**64], 3),
        "minimum": limit, "maximum": limit,
        "multipleOf": lambda: pick([1, 2, 0.5, 0.1, 3, 1.0, 1e-3]),
        "minLength": size, "maxLength": size, "pattern": lambda: pick(PATTERNS),
        "minItems": size, "maxItems": size, "uniqueItems": lambda: pick([True, True, False]),
        "minProperties": size, "maxProperties": size, "required": names,
        "properties": lambda: by_name(names()), "patternProperties": lambda: by_name(rng.sample(PATTERNS, rng.randrange(1, 3))),
        "additionalProperties": lambda: pick([False, False, sub()]),
        "allOf": subs, "anyOf": subs, "oneOf": subs, "not": sub,
        "$ref": lambda: "#/definitions/d",
    }
    if draft > 4:
        makers |= {"const": lambda: value(1), "exclusiveMinimum": limit, "exclusiveMaximum": limit, "propertyNames": sub, "contains": sub}
    else:
        makers |= {"exclusiveMinimum": lambda: True, "exclusiveMaximum": lambda: pick([True, False])}
    if draft >= 7:
        makers |= {"if": sub, "then": sub, "else": sub}
    if draft <= 7:
        makers |= {"dependencies": lambda: pick([by_name(names()), {pick(NAMES): names()}])}
    if draft < 2020:
        makers |= {"items": lambda: pick([sub() if draft > 4 else {"type": pick(TYPES)}, subs()]), "additionalItems": lambda: pick([False, sub()])}
    if draft >= 2019:
        makers |= {
            "dependentRequired": lambda: {pick(NAMES): names()}, "dependentSchemas": lambda: by_name(names()),
            "minContains": size, "maxContains": size, "unevaluatedItems": lambda: pick([False, sub()]), "unevaluatedProperties": lambda: pick([False, sub()]),
        }
    if draft == 2020:
        makers |= {"prefixItems": subs, "items": sub, "$dynamicRef": lambda: "#d"}
    if draft == 4:
        makers["additionalProperties"] = lambda: False
        makers["additionalItems"] = lambda: False
    if plain:
        makers = {keyword: maker for keyword, maker in makers.items() if keyword not in STRICT}
    keywords = rng.sample(sorted(makers), rng.randrange(1, 6))
    if "then" in keywords or "else" in keywords:
        keywords.insert(0, "if")
    if "minContains" in keywords or "maxContains" in keywords:
        keywords.append("contains")
    if draft == 4:
        keywords += [{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}[k] for k in keywords if k in ("exclusiveMinimum", "exclusiveMaximum")]
    return {keyword: makers[keyword]() for keyword in dict.fromkeys(keywords)}


def generated():
    draft = pick([2020] * 8 + [2019, 2019, 7, 7, 6, 4])
    plain = rng.random() < 0.5
    made = schema(draft, 2, plain)
    if isinstance(made, dict):
        made["definitions"] = {"d": schema(draft, 1, plain)}
        if draft == 2020:
            if isinstance(made["definitions"]["d"], bool):
                made["definitions"]["d"] = {"not": {}}
            made["definitions"]["d"]["$dynamicAnchor"] = "d"
        if "$ref" in json.dumps(made["definitions"]) or "$dynamicRef" in json.dumps(made["definitions"]):
            return generated()
        if draft != 2020:
            made["$schema"] = DRAFTS[draft]
    return made, [value() for _ in range(8)]


# References, anchors and identifiers; what each leads to shows in the sentence.
WRITTEN = [
    ({"$id": "https://e.x/root.json", "$ref": "item.json", "$defs": {"i": {"$id": "item.json", "type": "integer", "$defs": {"n": {"type": "null"}}}}}, ["a", 1]),
    ({"$id": "https://e.x/root.json", "properties": {"a": {"$ref": "item.json#/$defs/n"}}, "$defs": {"i": {"$id": "item.json", "$defs": {"n": {"type": "null"}}}}}, [{"a": 1}, {"a": None}]),
    ({"$ref": "#p", "$defs": {"p": {"$anchor": "p", "minLength": 2}}}, ["a", "ab"]),
    ({"properties": {"a": {"$ref": "#"}, "n": {"type": "string"}}, "required": ["n"]}, [{"n": "x", "a": {"n": "y"}}, {"n": "x", "a": {"a": 1}}, {"n": 1, "a": {}}]),
    ({"$id": "https://e.x/tree", "$dynamicAnchor": "node", "properties": {"data": True, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}}}, [{"children": [{"children": 1}]}, {"children": []}]),
    ({"$id": "https://e.x/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False, "$defs": {"t": {"$id": "tree", "$dynamicAnchor": "node", "properties": {"data": True, "children": {"items": {"$dynamicRef": "#node"}}}}}},
     [{"children": [{"daat": 1}]}, {"children": [{"data": 1}]}]),
    ({"$schema": DRAFTS[2019], "$id": "https://e.x/strict", "$recursiveAnchor": True, "$ref": "tree", "unevaluatedProperties": False,
      "$defs": {"t": {"$id": "tree", "$recursiveAnchor": True, "properties": {"data": True, "children": {"items": {"$recursiveRef": "#"}}}}}}, [{"children": [{"daat": 1}]}, {"children": [{"data": 1}]}]),
    ({"$schema": DRAFTS[7], "$ref": "#/definitions/a", "minimum": 5, "definitions": {"a": {"type": "integer"}}}, [1, "x"]),
    ({"$schema": DRAFTS[7], "properties": {"a": {"$ref": "#foo"}}, "definitions": {"f": {"$id": "#foo", "type": "null"}}}, [{"a": 1}]),
    ({"$defs": {"a/b": {"~x": {"const": 1}}}, "$ref": "#/$defs/a~1b/~0x"}, [1, 2]),
    ({"$defs": {"a b": {"const": 1}}, "$ref": "#/$defs/a%20b"}, [1, 2]),
    ({"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, [1, {}, {"a": 1}]),
    ({"oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "integer"}, "b": {"minimum": 3}}}]}, [{"a": None}, {"a": None, "b": 1}, {"a": "x", "b": 1}, {}]),
    ({"anyOf": [{"anyOf": [{"type": "null"}, {"minimum": 3}]}, {"maximum": -3}]}, [1, "x"]),
    ({"properties": {"a": False, "b": {"type": "string"}}}, [{"a": 1}, {"b": 1}, {"a": 1, "b": 1}]),
    ({"items": {"items": {"type": "integer"}}}, [[[1, "x"], ["y"]], [[1], 2]]),
    ({"minimum": 10**30, "maximum": 10**31}, [10**30 - 1, 10**30, 1e30, 1e31, 2e31, 10**31]),
    ({"const": 10**25}, [1e25, 10**25, 10**25 + 1]),
    ({"type": "integer"}, [1.0, 1.5, 1e300, True, "1", 10**400]),
    ({"format": "uuid", "contentEncoding": "base64", "type": "string"}, ["x", 1]),
    ({"$schema": DRAFTS[7], "contentEncoding": "base64", "contentMediaType": "application/json", "format": "date"}, ["{x"]),
    ({"additionalProperties": False, "patternProperties": {"^a": {}, "b": {}}}, [{"x": 1}, {"x": 1, "y": 2, "a": 3}]),
    ({"additionalProperties": {"type": "string"}}, [{"b": 1, "a": 2}]),
    ({"unevaluatedProperties": {"type": "string", "minLength": 2, "maxLength": 0}}, [{"b": 1, "a": "x"}]),
    ({"uniqueItems": True}, [[1, True], [1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [[1], [True]], [None, None], ["a", "a"], [[1, [2]], [1, [2.0]]]]),
]
# Regular expressions that Python reads in its own way, each against the same texts.
EXPRESSIONS = [
    "a$", r"a\Z", r"^\w+$", r"^\W+$", r"^[\w]+$", r"^[^\w]+$", r"^\s+$", r"^[\s]+$", r"^\S+$", r"^\d+$", r"^\D+$", "a{2}", "a{,2}b", "a{1,}", "a{", "a{x}", "{a}", "a{,}",
    "[[a]", "[]a]", "[^]a]", "[a&&b]", "[a~~b]", r"[\]]", r"[a\-z]", r"\.", r"\-", r"\/", r"\<", r"a\>b", r"\x41", r"\u00e9", r"\U0001F600", r"\0", r"\07", r"\a\f\v",
    r"[\b]", r"\bab\b", r"(?P<x>a)(?P=x)", r"(a)\1", "(?i)AB", "(?i)É", "(?s)a.b", "a.b", "(?m)^b$", "^(?:a|b)$", "(?<=a)b", "a(?!b)", "(?>a+)b", "a++b", "a#b", "^$", "", ".", "^.$",
    r"^[0-9a-f]{8}-[0-9a-f]{4}$", r"^[A-Z][A-Za-z0-9_.-]{0,3}$", "\u00e9+", "a|b$", r"(^a|b$)", "^\\^$", "[$]", r"\$", "(?#no)a",
]
TEXTS = ["", "a", "b", "ab", "aab", "aaab", "a\n", "a\nb", "\n", "a\n\n", "AB", "É", "\u00e9", "e\u0301", "\u0663", "\u2167", "\u203f", "\u200d", "\x1c", "\x85", "\u3000", "\u180e", "_", "[", "]",
         "&", "~", "a{", "a{x}", "{a}", ".", "-", "/", "<", "a>b", "A", "\U0001F600", "\x00", "\x07", "\x07\x0c\x0b", "\x08", "x ab y", "aa", "a#b", "0123abcd-00ff", "Ab1.", "^", "$", "12", "\r"]
WRITTEN += [({"pattern": expression}, TEXTS) for expression in EXPRESSIONS]


def verdict(validator, instance):
    best = exceptions.best_match(validator.iter_errors(instance))
    return [instance] if best is None else [instance, best.message, "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in best.absolute_path)]


def judged(made, instances):
    cls = validators.validator_for(made)
    try:
        cls.check_schema(made)
    except exceptions.SchemaError:
        return None
    # Read back, so that no two values are one object.
    made, instances = json.loads(json.dumps([made, instances]))
    verdicts = []
    for instance in instances:
        try:
            verdicts.append(verdict(cls(made), instance))
        except Exception as error:  # Python itself gives up, on a number too large for a float or a boolean without a length.
            if not isinstance(error, (OverflowError, TypeError)):
                raise
    return [made, verdicts]


cases = [judged(*case) for case in WRITTEN]
assert None not in cases
while len(cases) < len(WRITTEN) + arguments.count:
    case = judged(*generated())
    if case and any(len(v) > 1 for v in case[1]):
        cases.append(case)
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
pathlib.Path(arguments.out).write_text(f"[\n{lines}\n]\n")
print(len(cases), "schemas,", sum(len(c[1]) for c in cases), "values,", sum(len(v) > 1 for c in cases for v in c[1]), "refused")
