"""A Brick model in Turtle, read without a network and within limits, as plain ids and relations.

This is the one place that knows RDF. What an owl:imports names is told and never fetched; no literal is made into
anything but text, since some types of RDF would have XML parsed; and all of it runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from rdflib import BNode, Literal, URIRef
from rdflib.plugins.parsers.notation3 import BadSyntax, RDFSink, SinkParser

from gateway.equipment.graph import Graph, Links, Thing, join, local

MOST_TRIPLES = 200_000
LONGEST_IRI = 2_000
LONGEST_TEXT = 1_000  # of a literal; what is longer is cut
BASE = "http://model.invalid/"  # of ids that are relative
BRICK = ("https://brickschema.org/schema/", "http://brickschema.org/schema/", "http://buildsys.org/ontologies/")
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABELS = ("http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/2004/02/skos/core#prefLabel")
IMPORTS = "http://www.w3.org/2002/07/owl#imports"

# How the parser ends, beside its own, where the text does.
PARSER_ERRORS = (LookupError, ValueError, ArithmeticError, AssertionError, TypeError, AttributeError)

Term = URIRef | BNode | Literal


class ModelError(Exception):
    """The model is broken, at ``line``, or too much."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code, self.line = code, line


def read(turtle: bytes) -> Graph:
    """The model's things and links. Raises ``ModelError``."""
    sink = _Sink()
    parser = SinkParser(sink, baseURI=BASE, turtle=True)
    try:
        parser.loadBuf(turtle.decode("utf-8-sig"))
    except UnicodeDecodeError as wrong:
        line = turtle[: wrong.start].count(b"\n") + 1
        raise ModelError("not-utf8", "Turtle is UTF-8, and this is not.", line) from None
    except BadSyntax as wrong:
        raise ModelError("turtle-broken", f"This is no Turtle: {wrong._why}.", wrong.lines + 1) from None
    except RecursionError:
        raise ModelError("nested-too-deep", "Blank nodes or lists are nested too deep.", parser.lines + 1) from None
    except ModelError as wrong:
        wrong.line = parser.lines + 1
        raise
    except PARSER_ERRORS:
        text = "This is no Turtle, or it ends too early."
        raise ModelError("turtle-broken", text, parser.lines + 1) from None
    if not sink.found.triples:
        raise ModelError("model-empty", "There is not one triple in it.")
    return sink.finished()


class _Sink(RDFSink):
    """Takes each triple as it is read, so that no graph of RDF's own is built."""

    def __init__(self) -> None:
        self.rootFormula = None
        self.uuid, self.counter = "", 0
        self.found = Graph()
        self._refers: Links = {}  # of a thing to where its time-series id or value stands
        self._takes: dict[str, Callable[[Thing, Term], None]] = {
            "hasUnit": _measure,
            "hasTimeseriesId": _series,
            "hasExternalReference": self._refer,
            "hasTimeseriesReference": self._refer,
            "timeseries": self._refer,
            "lastKnownValue": self._refer,
            "value": _value,
            "sensor_value": _value,
            "hasTimestamp": _stamp,
            "timestamp": _stamp,
            **self._both("hasPoint", "isPointOf", self.found.owners),
            **self._both("hasPart", "isPartOf", self.found.wholes),
            **self._both("isLocationOf", "hasLocation", self.found.spots),
            **self._both("feeds", "isFedBy", self.found.feeders),
            **self._both("feedsAir", "isFedByAir", self.found.feeders),
        }

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> Literal:  # noqa: N802 - the parser's name
        """Text, whatever its type says."""
        return Literal(_printable(s[:LONGEST_TEXT]))

    def newSymbol(self, *args: str) -> URIRef:  # noqa: N802
        """An id, if it is not absurdly long."""
        if len(args[0]) > LONGEST_IRI:
            raise ModelError("id-too-long", f"An id has more than {LONGEST_IRI} letters.")
        return URIRef(_printable(args[0]))

    def makeStatement(self, quadruple: tuple[object, ...], why: object = None) -> None:  # noqa: N802
        """One triple; the parser gives predicate, subject, object."""
        self.found.triples += 1
        if self.found.triples > MOST_TRIPLES:
            raise ModelError("too-many-triples", f"The model has more than {MOST_TRIPLES} triples.")
        predicate, subject, value = (cast(Term, self.normalise(None, term)) for term in quadruple[1:])
        verb, thing = str(predicate), self._thing(str(subject))
        if verb == RDF_TYPE:
            if str(value).startswith(BRICK) and local(str(value)) not in thing.classes:
                thing.classes.append(local(str(value)))
        elif verb in LABELS:
            thing.label = thing.label or str(value)
        elif verb == IMPORTS:
            self.found.imports.append(str(value))
        elif verb.startswith(BRICK) and (take := self._takes.get(local(verb))):
            take(thing, value)

    def finished(self) -> Graph:
        """What stands at a reference belongs to what refers to it."""
        for number, places in self._refers.items():
            thing = self.found.things[number]
            for place in filter(None, map(self.found.things.get, places)):
                thing.series += [one for one in place.series if one not in thing.series]
                thing.value, thing.at = thing.value or place.value, thing.at or place.at
                self.found.things.pop(place.id)
        return self.found

    def _thing(self, number: str) -> Thing:
        if (thing := self.found.things.get(number)) is None:
            thing = self.found.things[number] = Thing(number)
        return thing

    def _both(self, down: str, up: str, links: Links) -> dict[str, Callable[[Thing, Term], None]]:
        return {down: partial(self._link, links, down=True), up: partial(self._link, links, down=False)}

    def _link(self, links: Links, thing: Thing, value: Term, *, down: bool) -> None:
        if isinstance(value, Literal):
            return
        other = self._thing(str(value))
        below, above = (other, thing) if down else (thing, other)
        join(links, below.id, above.id)

    def _refer(self, thing: Thing, value: Term) -> None:
        if not isinstance(value, Literal):
            join(self._refers, thing.id, str(value))


def _printable(text: str) -> str:
    """Escapes make letters that no database takes: NUL, and halves of pairs."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _measure(thing: Thing, value: Term) -> None:
    thing.measure = str(value) if isinstance(value, Literal) else local(str(value))


def _series(thing: Thing, value: Term) -> None:
    if str(value) not in thing.series:
        thing.series.append(str(value))


def _value(thing: Thing, value: Term) -> None:
    if isinstance(value, Literal):
        thing.value = str(value)


def _stamp(thing: Thing, value: Term) -> None:
    thing.at = str(value)
