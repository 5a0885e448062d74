"""The grammar of DynamoDB's expressions: text in, a small tree out.

    condition  := conjunction (OR conjunction)*
    conjunction := negation (AND negation)*
    negation   := NOT negation | primary
    primary    := "(" condition ")" | function | operand comparison
    comparison := (= | <> | < | <= | > | >=) operand | BETWEEN operand AND operand | IN "(" operand, … ")"
    operand    := path | :value
    path       := word | #placeholder

    update     := SET path = sum, … | REMOVE path, … | ADD path :value, …
    sum        := term (("+" | "-") term)?
    term       := path | :value | if_not_exists "(" path, term ")"

Paths into lists and maps, sets and the functions for them are not played here: no item of the desk has such values.
What an expression means for an item is in `conditions` and `updates`.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple, TypeVar

Tree = TypeVar("Tree")

TEXT_MAX = 4096  # bytes
IN_MAX = 100  # operands of IN

CONDITION_FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "begins_with": 2}
UPDATE_FUNCTIONS = {"if_not_exists": 2}
PATH_FIRST = frozenset({"attribute_exists", "attribute_not_exists", "if_not_exists"})
NOT_PLAYED = frozenset({"attribute_type", "contains", "size", "list_append"})
COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
CLAUSES = frozenset({"SET", "REMOVE", "ADD"})


class IllegalExpression(ValueError):
    """The text is no expression, in AWS's words but without `Invalid …Expression: ` before them."""


@dataclass(frozen=True)
class Path:
    """An attribute, named as it is written: a word, or `#n`."""

    name: str


@dataclass(frozen=True)
class Placeholder:
    """`:name` of ExpressionAttributeValues."""

    name: str


Operand = Path | Placeholder


@dataclass(frozen=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Between:
    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True)
class Membership:
    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True)
class Function:
    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True)
class Not:
    condition: "Condition"


@dataclass(frozen=True)
class And:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Or:
    conditions: tuple["Condition", ...]


Condition = Comparison | Between | Membership | Function | Not | And | Or


@dataclass(frozen=True)
class IfNotExists:
    path: Path
    otherwise: "Term"


Term = Path | Placeholder | IfNotExists


@dataclass(frozen=True)
class Sum:
    """`left + right`, or `left - right`."""

    operator: str
    left: Term
    right: Term


@dataclass(frozen=True)
class Set:
    path: Path
    value: Term | Sum


@dataclass(frozen=True)
class Remove:
    path: Path


@dataclass(frozen=True)
class Add:
    path: Path
    value: Placeholder


Action = Set | Remove | Add


class Token(NamedTuple):
    kind: str
    text: str


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<name>\#[A-Za-z0-9_]+)
      | (?P<value>:[A-Za-z0-9_]+)
      | (?P<sign><>|<=|>=|[=<>+\-(),.\[\]])
      | (?P<nothing>\S)
    )""",
    re.VERBOSE | re.ASCII,
)
END = Token("end", "<EOF>")


@functools.cache
def reserved_words() -> frozenset[str]:
    """AWS's list ("Reserved words in DynamoDB"): a bare attribute name must not be one of these."""
    return frozenset(files(__package__).joinpath("reserved_words.txt").read_text().split())


@functools.lru_cache(maxsize=4096)
def condition(text: str) -> Condition:
    """The tree of a condition, filter or key condition expression. Raises IllegalExpression."""
    return _parsed(text, _Parser.condition)


@functools.lru_cache(maxsize=4096)
def update(text: str) -> tuple[Action, ...]:
    """The actions of an update expression, in the order they are written. Raises IllegalExpression."""
    return _parsed(text, _Parser.update)


def _parsed(text: str, rule: Callable[["_Parser"], Tree]) -> Tree:
    if not text.strip():
        raise IllegalExpression("The expression can not be empty;")
    if len(text.encode()) > TEXT_MAX:
        raise IllegalExpression(
            f"Expression size has exceeded the maximum allowed size; expression size: {len(text.encode())}"
        )
    parser = _Parser(text)
    tree = rule(parser)
    if parser.next is not END:
        raise parser.unexpected()
    return tree


class _Parser:
    """Recursive descent: a method for each rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self._tokens = [Token(str(m.lastgroup), m[str(m.lastgroup)]) for m in _TOKEN.finditer(text) if m.lastgroup]
        self._position = 0
        self._last_group = (0, 0)  # where the parentheses closed last began and ended

    @property
    def next(self) -> Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else END

    def condition(self) -> Condition:
        conditions = [self._conjunction()]
        while self._keyword("OR"):
            conditions.append(self._conjunction())
        return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))

    def _conjunction(self) -> Condition:
        conditions = [self._negation()]
        while self._keyword("AND"):
            conditions.append(self._negation())
        return conditions[0] if len(conditions) == 1 else And(tuple(conditions))

    def _negation(self) -> Condition:
        return Not(self._negation()) if self._keyword("NOT") else self._primary()

    def _primary(self) -> Condition:
        begin = self._position
        if self._sign("("):
            condition = self.condition()
            if self._last_group == (begin + 1, self._position):
                raise IllegalExpression("The expression has redundant parentheses;")
            self._expect(")")
            self._last_group = (begin, self._position)
            return condition
        if self._at_call():
            return self._test()
        return self._comparison(self._operand())

    def _test(self) -> Function:
        name = self._function(CONDITION_FUNCTIONS, UPDATE_FUNCTIONS, "a condition expression")
        arguments = tuple(self._list_of(self._operand))
        _check_arguments(name, CONDITION_FUNCTIONS[name], arguments)
        return Function(name, arguments)

    def _function(self, played: Mapping[str, int], elsewhere: Mapping[str, int], where: str) -> str:
        """The name of a function that may be called here."""
        name = self._take("word")
        if name in NOT_PLAYED:
            raise NotImplementedError(f"the function {name}")
        if name in elsewhere:
            raise IllegalExpression(f"The function is not allowed in {where}; function: {name}")
        if name not in played:
            raise IllegalExpression(f"Invalid function name; function: {name}")
        return name

    def _comparison(self, left: Operand) -> Condition:
        if self.next.text in COMPARISONS:
            return Comparison(self._take("sign"), left, self._operand())
        if self._keyword("BETWEEN"):
            low = self._operand()
            if not self._keyword("AND"):
                raise self.unexpected()
            return Between(left, low, self._operand())
        if self._keyword("IN"):
            options = tuple(self._list_of(self._operand))
            if len(options) > IN_MAX:
                raise IllegalExpression(
                    "Invalid number of operands for operator or function; operator or function: IN, "
                    f"number of operands: {len(options) + 1}"
                )
            return Membership(left, options)
        raise self.unexpected()

    def _operand(self) -> Operand:
        if self.next.kind == "value":
            return Placeholder(self._take("value"))
        return self._path()

    def update(self) -> tuple[Action, ...]:
        actions: list[Action] = []
        seen: set[str] = set()
        rules: dict[str, Callable[[], Action]] = {
            "SET": self._set,
            "REMOVE": lambda: Remove(self._path()),
            "ADD": lambda: Add(self._path(), Placeholder(self._take("value"))),
        }
        while self.next is not END:
            clause = self.next.text.upper()
            if clause == "DELETE":
                raise NotImplementedError("DELETE, which is for sets")
            if clause not in CLAUSES:
                raise self.unexpected()
            if clause in seen:
                raise IllegalExpression(f'The "{clause}" section can only be used once in an update expression;')
            seen.add(clause)
            self._take("word")
            actions.append(rules[clause]())
            while self._sign(","):
                actions.append(rules[clause]())
        return tuple(actions)

    def _set(self) -> Set:
        path = self._path()
        self._expect("=")
        term = self._term()
        if self.next.text in ("+", "-"):
            return Set(path, Sum(self._take("sign"), term, self._term()))
        return Set(path, term)

    def _term(self) -> Term:
        if self.next.kind == "value":
            return Placeholder(self._take("value"))
        if not self._at_call():
            return self._path()
        name = self._function(UPDATE_FUNCTIONS, CONDITION_FUNCTIONS, "an update expression")
        terms = self._list_of(self._term)
        _check_arguments(name, UPDATE_FUNCTIONS[name], terms)
        first, second = terms
        assert isinstance(first, Path)
        return IfNotExists(first, second)

    def _path(self) -> Path:
        path = Path(self._name())
        if self.next.text in (".", "["):
            raise NotImplementedError("paths into lists and maps")
        return path

    def _name(self) -> str:
        if self.next.kind == "name":
            return self._take("name")
        if self.next.text.upper() in KEYWORDS:
            raise self.unexpected()
        word = self._take("word")
        if word.upper() in reserved_words():
            raise IllegalExpression(f"Attribute name is a reserved keyword; reserved keyword: {word}")
        return word

    def _list_of(self, rule: Callable[[], Tree]) -> list[Tree]:
        self._expect("(")
        elements = [rule()]
        while self._sign(","):
            elements.append(rule())
        self._expect(")")
        return elements

    def _at_call(self) -> bool:
        after = self._tokens[self._position + 1 : self._position + 2]
        return self.next.kind == "word" and self.next.text.upper() not in KEYWORDS and after == [("sign", "(")]

    def _keyword(self, word: str) -> bool:
        found = self.next.kind == "word" and self.next.text.upper() == word
        self._position += found
        return found

    def _sign(self, sign: str) -> bool:
        found = self.next == ("sign", sign)
        self._position += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise self.unexpected()

    def _take(self, kind: str) -> str:
        token = self.next
        if token.kind != kind:
            raise self.unexpected()
        self._position += 1
        return token.text

    def unexpected(self) -> IllegalExpression:
        around = self._tokens[max(0, self._position - 1) : self._position + 2]
        near = " ".join(token.text for token in around)
        return IllegalExpression(f'Syntax error; token: "{self.next.text}", near: "{near}"')


def _check_arguments(function: str, expected: int, arguments: Sequence[object]) -> None:
    if len(arguments) != expected:
        raise IllegalExpression(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {function}, number of operands: {len(arguments)}"
        )
    if function in PATH_FIRST and not isinstance(arguments[0], Path):
        raise IllegalExpression(f"Operator or function requires a document path; operator or function: {function}")
