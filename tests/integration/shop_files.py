"""A small shop's files, to be changed line by line in tests of the import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

STORES = """\
store_code,name,location,is_online,time_zone
S1,Northside,"12 Main St, Springfield",no,America/Los_Angeles
S2,Web,Everywhere,TRUE,Europe/Paris
"""
PRODUCTS = """\
sku,name,description,category,product_type,cost,base_price
P1,Claw hammer,"A ""good"" hammer,
for nails",Tools,Hammers,5.00,9.99
P2,Wire nail,,Tools,Nails,,0.10
P3,Hose,Waters the lawn,Garden,Hammers,8,20
"""
CUSTOMERS = """\
customer_code,store_code,first_name,last_name,email
C1,S1,Ann,Lee,ann@example.org
C1,S2,Ann,Lee,ann@example.org
C2,S1,,,
"""
ORDERS = """\
order_code,store_code,customer_code,order_date,status
O1,S1,C1,2026-01-05 10:00,completed
O1,S2,C1,2026-01-05T10:00:00Z,
O2,S1,,2026-01-06,pending
O3,S1,C2,2026-01-07 09:30:15,completed
"""
ITEMS = """\
order_code,store_code,sku,quantity,unit_price,discount_percent,total_amount
O1,S1,P1,2,9.99,10,17.98
O1,S1,P1,1,9.99,,
O1,S2,P3,1,20.00,0,20.00
O2,S1,P2,100,0.10,,10.00
O1,S1,P2,-3,0.10,,-0.30
"""
INVENTORY = """\
store_code,sku,stock_level,reorder_point
S1,P1,5,2
S2,P3,0,
"""
USERS = """\
handle,display_name,role,store_codes,permissions
north,North manager,store_manager,S1,
both,,regional_manager,S1; S2,
boss,The boss,head_office,,ops
robot,Robot,viewer,,
"""


def _shop() -> dict[str, str]:
    return {
        "stores": STORES,
        "products": PRODUCTS,
        "customers": CUSTOMERS,
        "orders": ORDERS,
        "order_items": ITEMS,
        "inventory": INVENTORY,
        "users": USERS,
    }


@dataclass
class Shop:
    """The files by table, written to a directory when they are used."""

    directory: Path
    files: dict[str, str] = field(default_factory=_shop)

    def replace(self, table: str, old: str, new: str) -> Shop:
        """Changes a text that must be there once."""
        assert self.files[table].count(old) == 1, old
        self.files[table] = self.files[table].replace(old, new)
        return self

    def add(self, table: str, *lines: str) -> Shop:
        """Adds lines at the end."""
        self.files[table] += "".join(f"{line}\n" for line in lines)
        return self

    def only(self, *tables: str) -> Shop:
        """Leaves out all other files."""
        self.files = {table: self.files[table] for table in tables}
        return self

    def without(self, tables: Iterable[str]) -> Shop:
        """Leaves out these files."""
        return self.only(*(table for table in self.files if table not in set(tables)))

    def write(self) -> Path:
        """Writes the files and nothing else."""
        self.directory.mkdir(exist_ok=True)
        for old in self.directory.iterdir():
            old.unlink()
        for table, text in self.files.items():
            (self.directory / f"{table}.csv").write_text(text, encoding="utf-8", newline="")
        return self.directory
