"""Validates a Lockstep log against its CDDL schema (RFC 8610), read from the schema's own text.

Usage: cddl_validator.py SCHEMA [--alter]  < LOG

Knows the part of CDDL that the schema uses: rules, alternatives, ranges, literals, maps, arrays with occurrence
indicators, and the controls .size, .regexp and .cbor. Prints, as JSON, how often each rule was met; with --alter
also how many altered records it has refused. A record that is not valid ends it with a message.
"""
import cbor2, hashlib, io, json, re, sys

TOKEN = re.compile(
    r'\s+|;[^\n]*|(?P<text>"[^"]*")|(?P<number>-?[0-9]+)|(?P<range>\.\.)|(?P<control>\.[a-z]+)'
    r'|(?P<name>[A-Za-z][\w-]*)|(?P<mark>=>|[=/{}\[\]():,?*])'
)
PRELUDE = {"int", "uint", "bigint", "text", "bytes", "bool", "null"}


class Invalid(Exception):
    """A value is not what the schema says."""


class Parser:
    """Reads rules into trees: tuples whose first element says what they are."""

    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match, text[at:at + 40]
            at = match.end()
            if match.lastgroup:
                self.tokens.append((match.lastgroup, match.group()))
        self.at = 0

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][1] if index < len(self.tokens) else None

    def take(self, wanted=None):
        kind, token = self.tokens[self.at]
        assert wanted is None or token == wanted, (token, wanted)
        self.at += 1
        return kind, token

    def rules(self):
        rules = {}
        while self.at < len(self.tokens):
            name = self.take()[1]
            self.take("=")
            rules[name] = self.type()
        return rules

    def type(self):
        choices = [self.controlled()]
        while self.peek() == "/":
            self.take()
            choices.append(self.controlled())
        return choices[0] if len(choices) == 1 else ("choice", choices)

    def controlled(self):
        base = self.ranged()
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "control":
            return ("control", self.take()[1], base, self.ranged())
        return base

    def ranged(self):
        low = self.single()
        if self.peek() != "..":
            return low
        self.take()
        return ("range", low[1], self.single()[1])

    def single(self):
        kind, token = self.take()
        if kind == "number":
            return ("literal", int(token))
        if kind == "text":
            return ("literal", token[1:-1])
        if kind == "name":
            return ("name", token)
        close = {"{": "}", "[": "]", "(": ")"}[token]
        if token == "(":
            inner = self.type()
            self.take(close)
            return inner
        entries = []
        while self.peek() != close:
            entries.append(self.entry())
            if self.peek() == ",":
                self.take()
        self.take(close)
        return ("map" if token == "{" else "array", entries)

    def entry(self):
        least, most = self.occurrence()
        key = None
        if self.peek(1) == ":":
            key = ("literal", self.take()[1])
            self.take(":")
        value = self.type()
        if self.peek() == "=>":
            self.take()
            key, value = value, self.type()
        return least, most, key, value

    def occurrence(self):
        if self.peek() == "?":
            self.take()
            return 0, 1
        star = 1 if self.tokens[self.at][0] == "number" else 0
        if self.peek(star) != "*":
            return 1, 1
        least = int(self.take()[1]) if star else 0
        self.take("*")
        most = int(self.take()[1]) if self.tokens[self.at][0] == "number" else float("inf")
        return least, most


class Validator:
    """Checks values against the rules, and counts the rules that were met."""

    def __init__(self, rules):
        self.rules, self.met = rules, {}

    def check(self, type_, value, path):
        getattr(self, type_[0])(type_, value, path)

    def fits(self, type_, value, path):
        before = dict(self.met)
        try:
            self.check(type_, value, path)
            return True
        except Invalid:
            self.met = before
            return False

    def require(self, condition, path, what, value):
        if not condition:
            raise Invalid(f"{path}: {str(value)[:60]} is not {what}")

    def name(self, type_, value, path):
        name = type_[1]
        if name not in PRELUDE:
            self.check(self.rules[name], value, path)
            self.met[name] = self.met.get(name, 0) + 1
            return
        number = isinstance(value, int) and not isinstance(value, bool)
        self.require({
            # cbor2 makes numbers of bignums.
            "int": number, "bigint": number, "uint": number and value >= 0,
            "text": isinstance(value, str), "bytes": isinstance(value, bytes),
            "bool": isinstance(value, bool), "null": value is None,
        }[name], path, name, value)

    def literal(self, type_, value, path):
        same = type(value) is type(type_[1]) and value == type_[1]
        self.require(same, path, repr(type_[1]), value)

    def range(self, type_, value, path):
        number = isinstance(value, int) and not isinstance(value, bool)
        inside = number and type_[1] <= value <= type_[2]
        self.require(inside, path, f"in {type_[1]}..{type_[2]}", value)

    def choice(self, type_, value, path):
        if not any(self.fits(choice, value, path) for choice in type_[1]):
            # The alternative of the same kind says best what is wrong.
            if isinstance(value, dict) and "kind" in value and value["kind"] in self.rules:
                self.check(("name", value["kind"]), value, path)
            self.require(False, path, "any of the alternatives", value)

    def control(self, type_, value, path):
        _, control, base, argument = type_
        self.check(base, value, path)
        if control == ".size":
            if isinstance(value, int):
                self.require(value < 256 ** argument[1], path, f"{argument[1]} bytes", value)
            else:
                size = len(value.encode() if isinstance(value, str) else value)
                low, high = argument[1], argument[-1]
                self.require(low <= size <= high, path, f"{low} to {high} bytes long", value)
        elif control == ".regexp":
            self.require(re.fullmatch(argument[1], value), path, argument[1], value)
        elif control == ".cbor":
            self.check(argument, cbor2.loads(value), path)
        else:
            raise AssertionError(control)

    def array(self, type_, value, path):
        self.require(isinstance(value, list), path, "an array", value)
        at = 0
        for least, most, _, element in type_[1]:
            count = 0
            while at < len(value) and count < most:
                self.check(element, value[at], f"{path}[{at}]")
                at, count = at + 1, count + 1
            self.require(count >= least, path, f"at least {least} long", value)
        self.require(at == len(value), path, f"at most {at} long", value)

    def map(self, type_, value, path):
        self.require(isinstance(value, dict), path, "a map", value)
        left = dict(value)
        for least, most, key, element in type_[1]:
            if key[0] == "literal":
                self.require(least == 0 or key[1] in left, path, f"a map with {key[1]}", value)
                if key[1] in left:
                    self.check(element, left.pop(key[1]), f"{path}.{key[1]}")
            else:
                for name in list(left):
                    self.check(key, name, path)
                    self.check(element, left.pop(name), f"{path}.{name}")
        self.require(not left, path, f"a map without {list(left)[:1]}", value)


def altered(value):
    """The value with one thing in it exchanged for a float, or one thing more: the schema has no floats."""
    yield 1.5
    if isinstance(value, dict):
        yield {**value, "surplus": 1}
        for key in value:
            for inner in altered(value[key]):
                yield {**value, key: inner}
    elif isinstance(value, list):
        for index in range(min(len(value), 3)):
            for inner in altered(value[index]):
                yield value[:index] + [inner] + value[index + 1:]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        validator = Validator(Parser(file.read()).rules())
    data = sys.stdin.buffer.read()
    stream, previous, number, refused = io.BytesIO(data), b"LOCKSTEP", 0, 0
    while stream.tell() < len(data):
        start = stream.tell()
        try:
            frame = cbor2.load(stream)
        except cbor2.CBORDecodeEOF:
            raise Invalid(f"{len(data) - start} bytes of a cut frame follow {number} whole records")
        validator.check(("name", "frame"), frame, f"frame {number}")
        checksum, encoded = frame
        if hashlib.sha256(previous + encoded).digest()[:8] != checksum:
            raise Invalid(f"frame {number}: the checksum does not match it and those before it")
        previous = checksum
        record = cbor2.loads(encoded)
        validator.check(("name", "log-record"), record, f"record {number}")
        if "--alter" in sys.argv:
            for wrong in altered(record):
                if validator.fits(("name", "log-record"), wrong, ""):
                    raise Invalid(f"record {number}: {str(wrong)[:200]} passes, and should not")
                refused += 1
        number += 1
    print(json.dumps({"records": number, "refused": refused, "met": validator.met}))


try:
    main()
except (Invalid, cbor2.CBORDecodeError, OSError) as error:
    sys.exit(f"invalid: {error}")
