"""YAML that says each thing once: no key twice, no references, and no surprising types.

References let a few lines stand for billions, and a key given twice loses its first
value in silence.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


class DuplicateKeyError(yaml.MarkedYAMLError):
    """A key that stands twice in its mapping.

    Attributes
    ----------
    key : str
        The key.
    """

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        super().__init__(problem=f"the key {key} stands twice", problem_mark=mark)
        self.key = key


class PlainTextLoader(yaml.BaseLoader):
    """YAML whose values are all text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse references.

        Raises
        ------
        yaml.MarkedYAMLError
            If the next node is one.
        """
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="a reference", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that stands twice, and one that is not text.

        Raises
        ------
        DuplicateKeyError
            If a key stands twice.
        yaml.MarkedYAMLError
            If a key is a list or a mapping.
        """
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key.value, str):
                raise yaml.MarkedYAMLError(problem="a key that is not text", problem_mark=key.start_mark)
            if key.value in seen:
                raise DuplicateKeyError(key.value, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class PlainLoader(PlainTextLoader, yaml.constructor.SafeConstructor):
    """YAML with numbers, true, false and null, as YAML 1.2 and every editor read it.

    YAML 1.1, which PyYAML reads by itself, takes ``1e-3`` for a text, ``010`` for eight,
    ``1:30`` for ninety and ``NO`` for false.

    Examples
    --------
    >>> yaml.load("{a: 1e-3, b: NO, c: 7, d: true, e: null}", PlainLoader)
    {'a': 0.001, 'b': 'NO', 'c': 7, 'd': True, 'e': None}
    """


_RESOLVED = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    "float": (
        r"[-+]?([0-9]+\.[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        list("-+.0123456789"),
    ),
}
for _name, (_pattern, _first) in _RESOLVED.items():
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), _first)
