"""The demo retailer: its stores and the people who may look at them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Store:
    """A store; `weight` is its share of customers and orders, relative to the others."""

    name: str
    location: str
    weight: int
    is_online: bool = False
    time_zone: str = "America/Los_Angeles"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may ask; `stores` are the names of those whose data they see."""

    handle: str
    display_name: str
    role: str
    stores: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


STORES = (
    Store("Seattle", "1420 Rainier Avenue South, Seattle, WA 98144", 30),
    Store("Bellevue", "13620 Bel-Red Road, Bellevue, WA 98005", 25),
    Store("Tacoma", "3815 South Steele Street, Tacoma, WA 98409", 20),
    Store("Spokane", "5630 North Division Street, Spokane, WA 99208", 8),
    Store("Everett", "1030 Southeast Everett Mall Way, Everett, WA 98208", 7),
    Store("Redmond", "17280 Redmond Way, Redmond, WA 98052", 6),
    Store("Kirkland", "12320 Totem Lake Boulevard Northeast, Kirkland, WA 98034", 4),
    Store("Online", "Web shop, shipped from the Kent warehouse", 30, is_online=True),
)

USERS = (
    User("seattle", "Maya Lindqvist", "store_manager", ("Seattle",)),
    User("bellevue", "Daniel Park", "store_manager", ("Bellevue",)),
    User("tacoma", "Renée Okafor", "store_manager", ("Tacoma",)),
    User("spokane", "Walt Brennan", "store_manager", ("Spokane",)),
    User("everett", "Priya Raman", "store_manager", ("Everett",)),
    User("redmond", "Tomás Herrera", "store_manager", ("Redmond",)),
    User("kirkland", "Ingrid Solberg", "store_manager", ("Kirkland",)),
    User("online", "Jordan Wells", "store_manager", ("Online",)),
    User(
        "puget-sound",
        "Carol Nakamura",
        "regional_manager",
        ("Seattle", "Bellevue", "Tacoma", "Everett", "Redmond", "Kirkland"),
    ),
    User("head-office", "Zava head office", "head_office", permissions=("ops",)),
    User("catalogue-agent", "Catalogue agent", "viewer"),
)
