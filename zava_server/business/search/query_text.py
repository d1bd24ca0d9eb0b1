"""A shopper's query as text: cleaned, taken apart, and in which language it is."""

from __future__ import annotations

import re
import unicodedata

from zava_server.data.catalogue import ParsedQuery

MOST_WORDS = 64
"""Later words of a very long query are left to the embedder."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CODE = re.compile(r"[^\W_]+(?:[-./_][^\W_]+)*")
_SHORTEST_CODE, _LONGEST_CODE = 4, 64
_LATIN_ENDS = 0x24F

# Function words of languages that share the alphabet. Those in the second list are English words or
# names as well, and say something only beside one of the first.
_FOREIGN_TEXT = """
der das und ist nicht mein meine ein eine einen für mit auf zum zur dem wie ich suche
les des une un qui est pas dans avec sur du au aux je cherche comment
el los las una para que mi mis del por como necesito busco algo
il lo gli di che mio mia cerco qualcosa della nel alla
het een voor mijn niet ik zoek
uma meu minha não preciso
"""
_PERHAPS_FOREIGN_TEXT = "die den an in im am le la de en pour mon con per come non van met op te"
_PERHAPS_FOREIGN = frozenset(_PERHAPS_FOREIGN_TEXT.split())
_FOREIGN = frozenset(_FOREIGN_TEXT.split())


def cleaned(query: str) -> str:
    """`query` on one line, without what the database or the embedder cannot take.

    Control characters (NUL among them) become spaces; halves of surrogate pairs go.
    """
    sound = query.encode("utf-8", "ignore").decode("utf-8")
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in sound).split())


def parsed(query: str) -> ParsedQuery:
    """What a clean query consists of."""
    return ParsedQuery(query, words_of(query), codes_in(query), code_start(query))


def words_of(query: str) -> list[str]:
    """The words of `query` in lower case, each once, in order; numbers are words too."""
    found = (match.group().replace("’", "'").lower() for match in _WORD.finditer(query))
    return list(dict.fromkeys(found))[:MOST_WORDS]


def code_key(text: str) -> str:
    """Letters and digits of `text` in capitals, as `zava.sku_key` makes it of a SKU."""
    return re.sub(r"[\W_]+", "", text).upper()


def codes_in(query: str) -> list[str]:
    """Keys of what could be a SKU: the query as a whole, and longer words with a digit in them."""
    parts = [code_key(m.group()) for m in _CODE.finditer(query) if re.search(r"\d", m.group())]
    keys = (code_key(query), *(part for part in parts if len(part) >= _SHORTEST_CODE))
    return list(dict.fromkeys(key for key in keys if len(key) <= _LONGEST_CODE))[:MOST_WORDS]


def code_start(query: str) -> str | None:
    """The key of `query` if it may begin a SKU: one word, with a digit or a dash."""
    if not _CODE.fullmatch(query) or not re.search(r"[\d-]", query):
        return None
    key = code_key(query)
    return key if _SHORTEST_CODE <= len(key) <= _LONGEST_CODE else None


def looks_foreign(query: str) -> bool:
    """Whether `query` is probably not English, by its script or its small words."""
    letters = [c for c in query if c.isalpha()]
    if letters and sum(ord(c) > _LATIN_ENDS for c in letters) > len(letters) / 2:
        return True
    words = words_of(query)
    foreign = sum(word in _FOREIGN for word in words)
    perhaps = sum(word in _PERHAPS_FOREIGN for word in words)
    return foreign >= 1 and (foreign + perhaps) * 4 >= len(words)
