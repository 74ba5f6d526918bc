"""The mutants of a module: its text with one small thing changed, by mutmut's operators and four of our own.

Every line is open to change, also tables and defaults outside functions. Left alone are what means nothing when it runs
(annotations, docstrings, imports), decorators, and the arguments of `len` and `isinstance`, as mutmut does.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_assignment, operator_string

_OF_NO_MEANING = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
_LEFT_ALONE = {"len", "isinstance"}
_OTHERS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
_DECIDED_BY_MUTMUT = (cst.Equal, cst.NotEqual, cst.Is, cst.IsNot, cst.In, cst.NotIn)
"""Comparisons that mutmut turns round itself."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed text of a module; `lines` are those of the statement that was changed."""

    place: str
    before: str
    after: str
    lines: range
    text: str

    @property
    def name(self) -> str:
        """What it is called in docs/mutation.md: it stays the same when lines move."""
        return f"`{self.place}`: `{self.before}` → `{self.after}`"


def mutants_of(module: str, text: str) -> list[Mutant]:
    """Make every mutant of a module, in the order of its lines, no text twice."""
    wrapper = MetadataWrapper(cst.parse_module(text))
    finder = _Finder(wrapper)
    wrapper.visit(finder)
    found: list[Mutant] = []
    texts = {text}
    met: Counter[str] = Counter()
    for place, lines, original, changed in finder.changes:
        other = finder.text_with(original, changed)
        if other in texts:
            continue
        texts.add(other)
        before, after = _difference(text, other)
        mutant = Mutant(".".join((module, *place)), before, after, lines, other)
        met[mutant.name] += 1
        if met[mutant.name] > 1:
            mutant = replace(mutant, after=f"{after} ({met[mutant.name]})")
        found.append(mutant)
    return found


class _Finder(cst.CSTVisitor):
    """Collects what can be changed: where, in which lines, which node, and what it becomes."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        super().__init__()
        self.changes: list[tuple[tuple[str, ...], range, cst.CSTNode, cst.CSTNode]] = []
        self._module = wrapper.module
        self._bytes = self._module.bytes
        self._positions = wrapper.resolve(PositionProvider)
        self._spans = wrapper.resolve(ByteSpanPositionProvider)
        self._place: list[str] = []
        self._statements: list[range] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._place.append(node.name.value)
        if isinstance(node, cst.BaseStatement | cst.BaseSmallStatement):
            self._statements.append(self._lines(node))
        if isinstance(node, _OF_NO_MEANING):
            return False
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _LEFT_ALONE:
            return False
        for changed in _changes(node):
            self.changes.append((tuple(self._place), self._statements[-1], node, changed))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._place.pop()
        if isinstance(original_node, cst.BaseStatement | cst.BaseSmallStatement):
            self._statements.pop()

    def text_with(self, original: cst.CSTNode, changed: cst.CSTNode) -> str:
        """The module's text with one node changed."""
        span = self._spans.get(original)
        if span is not None:
            end = span.start + span.length
            if self._bytes[span.start : end] == self._module.code_for_node(original).encode():
                part = self._module.code_for_node(changed).encode()
                return (self._bytes[: span.start] + part + self._bytes[end:]).decode()
        # Where a node's own text is not what stands there (it has lines of its own, say): right, and slow.
        tree = self._module.deep_replace(original, changed)
        assert isinstance(tree, cst.Module)
        return tree.code

    def _lines(self, statement: cst.CSTNode) -> range:
        """The lines of a statement; of one with a body, those before the body."""
        at = self._positions[statement]
        body = getattr(statement, "body", None)
        last = at.end.line
        if isinstance(body, cst.BaseSuite) and body in self._positions:
            last = max(at.start.line, self._positions[body].start.line - 1)
        return range(at.start.line, last + 1)


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind) and operator is not operator_assignment:
            changed = operator(node)
            if operator is operator_string:
                changed = islice(changed, 1)  # in capitals or small letters it is no less wrong
            if operator is operator_arg_removal:
                changed = (other for other in changed if _is_worth_trying(node, other))
            yield from changed
    yield from _without_the_statement(node)
    yield from _with_the_opposite_condition(node)
    yield from _with_another_function(node)


def _is_worth_trying(node: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Tell whether a call with another argument, or without one, may well be valid.

    Of those that stand by their place the last may have a default; one before it, or None, is what mypy refuses.
    """
    assert isinstance(node, cst.Call)
    assert isinstance(other, cst.Call)
    before, after = ([arg for arg in call.args if arg.keyword is None] for call in (node, other))
    if len(node.args) == len(other.args):
        return before == after
    return len(before) == len(after) or after == before[:-1]


def _without_the_statement(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Do not do what is done for its effect alone."""
    match node:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.BaseString())]):
            return
        case cst.SimpleStatementLine(body=[cst.Expr() | cst.Raise()]):
            yield node.with_changes(body=[cst.Pass()])


def _with_the_opposite_condition(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if not isinstance(node, cst.If | cst.CompIf):
        return
    test = node.test
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return
    if (
        isinstance(test, cst.Comparison)
        and len(test.comparisons) == 1
        and isinstance(test.comparisons[0].operator, _DECIDED_BY_MUTMUT)
    ):
        return
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inner))


def _with_another_function(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _OTHERS:
        yield node.with_changes(func=cst.Name(_OTHERS[node.func.value]))


def _difference(before: str, after: str) -> tuple[str, str]:
    """Say in which lines two texts differ: what they are in one and in the other."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return _one_line(old), _one_line(new)


def _one_line(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
