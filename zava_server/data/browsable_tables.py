"""The tables that may be browsed. Their sorts are the indexes of sql/0010_browse.sql."""

from __future__ import annotations

from zava_server.data.browsable import Browsable, Column, Kind, Link, Scanned

_EQUAL = ("=", "in")
_RANGE = ("=", ">=", "<=", ">", "<")
_WORDS = ("contains",)
_TEXT = ("=", "in", "contains", "starts_with")


def _column(
    name: str,
    label: str,
    kind: Kind,
    filters: tuple[str, ...],
    *,
    shown: str = "",
    by: str = "",
    sort: tuple[str, ...] = (),
    narrows: bool = False,
    common: tuple[str, ...] = (),
    beside: tuple[str, ...] = (),
) -> Column:
    """A column of the table itself, if nothing else is said."""
    return Column(
        name,
        label,
        kind,
        shown or f"own.{name}",
        by or name,
        filters,
        sort,
        narrows,
        common,
        beside,
    )


# Tenant data -------------------------------------------------------------------------------------

_STORE_ID = Scanned("store_id", "t.store_id", Kind.ID)
_JOIN_STORE = "JOIN retail.stores AS store ON store.store_id = t.store_id"
# A filter on it chooses which stores are read at all.
_STORE = Column("store", "Store", Kind.TEXT, "store.name", filters=_EQUAL)

_CUSTOMERS = Browsable(
    name="customers",
    label="Customers",
    source="retail.customers AS t",
    by_store=True,
    scanned=(
        _STORE_ID,
        Scanned("customer_id", "t.customer_id", Kind.ID),
        Scanned("last_name", 't.last_name COLLATE "C"', Kind.TEXT),
        Scanned("first_name", 't.first_name COLLATE "C"', Kind.TEXT),
        Scanned("email", 't.email COLLATE "C"', Kind.TEXT, nullable=True),
        Scanned("created_at", "t.created_at", Kind.TIME),
    ),
    key=("customer_id",),
    columns=(
        _STORE,
        _column(
            "last_name",
            "Last name",
            Kind.TEXT,
            _TEXT,
            sort=("last_name", "first_name"),
            narrows=True,
        ),
        _column("first_name", "First name", Kind.TEXT, _TEXT),
        _column("email", "E-mail", Kind.TEXT, _TEXT, sort=("email",), narrows=True),
        _column(
            "created_at", "Customer since", Kind.TIME, _RANGE, sort=("created_at",), narrows=True
        ),
        _column("customer_id", "Customer number", Kind.ID, _EQUAL, narrows=True),
    ),
    default_sort="last_name",
    joins=f"""JOIN retail.customers AS own
        ON own.store_id = t.store_id AND own.customer_id = t.customer_id
    {_JOIN_STORE}""",
    links=(
        Link(
            "Orders of this customer",
            "orders",
            (("store", "store"), ("customer_id", "customer_id")),
        ),
    ),
)

_ORDERS = Browsable(
    name="orders",
    label="Orders",
    source="retail.orders AS t",
    by_store=True,
    scanned=(
        _STORE_ID,
        Scanned("order_id", "t.order_id", Kind.ID),
        Scanned("customer_id", "t.customer_id", Kind.ID, nullable=True),
        Scanned("order_date", "t.order_date", Kind.TIME),
        Scanned("status", "t.status", Kind.TEXT),
        Scanned("total_cents", "t.total_cents", Kind.CENTS),
    ),
    key=("order_id",),
    columns=(
        _STORE,
        _column("order_date", "Order date", Kind.TIME, _RANGE, sort=("order_date",), narrows=True),
        Column(
            "customer",
            "Customer",
            Kind.TEXT,
            "nullif(trim(concat_ws(' ', customer.first_name, customer.last_name)), '')",
        ),
        _column(
            "status",
            "Status",
            Kind.TEXT,
            _EQUAL,
            narrows=True,
            common=("completed",),
            beside=("order_date",),
        ),
        _column(
            "total_amount",
            "Total",
            Kind.MONEY,
            _RANGE,
            by="total_cents",
            sort=("total_cents",),
            narrows=True,
        ),
        _column("order_id", "Order number", Kind.ID, _EQUAL, narrows=True),
        _column("customer_id", "Customer number", Kind.ID, _EQUAL, narrows=True),
    ),
    default_sort="order_date",
    descending=True,
    joins=f"""JOIN retail.orders AS own
        ON own.store_id = t.store_id AND own.order_id = t.order_id
    {_JOIN_STORE}
    LEFT JOIN retail.customers AS customer
        ON customer.store_id = own.store_id AND customer.customer_id = own.customer_id""",
    links=(
        Link("Lines of this order", "order_items", (("store", "store"), ("order_id", "order_id"))),
        Link(
            "Customer of this order",
            "customers",
            (("store", "store"), ("customer_id", "customer_id")),
        ),
    ),
)

_JOIN_BOUGHT = (
    "JOIN retail.orders AS bought ON bought.store_id = t.store_id AND bought.order_id = t.order_id"
)

_ORDER_ITEMS = Browsable(
    name="order_items",
    label="Order lines",
    source="retail.order_items AS t",
    by_store=True,
    scanned=(
        _STORE_ID,
        Scanned("order_id", "t.order_id", Kind.ID),
        Scanned("line_no", "t.line_no", Kind.INTEGER),
        Scanned("product_id", "t.product_id", Kind.ID),
        Scanned("quantity", "t.quantity", Kind.INTEGER),
        Scanned("unit_price", "t.unit_price", Kind.MONEY),
        Scanned("discount_percent", "t.discount_percent", Kind.MONEY),
        Scanned("total_amount", "t.total_amount", Kind.MONEY),
        Scanned("order_date", "bought.order_date", Kind.TIME, joins=(_JOIN_BOUGHT,)),
    ),
    key=("order_id", "line_no"),
    columns=(
        _STORE,
        # By the index of the orders, whose lines follow.
        _column(
            "order_date",
            "Order date",
            Kind.TIME,
            _RANGE,
            shown="bought.order_date",
            sort=("order_date",),
        ),
        _column("line_no", "Line", Kind.INTEGER, ()),
        Column("sku", "SKU", Kind.TEXT, "product.sku", filters=("=",), sku_of="product_id"),
        Column("product", "Product", Kind.TEXT, "product.name"),
        _column("quantity", "Units", Kind.INTEGER, _RANGE),
        _column("unit_price", "Unit price", Kind.MONEY, _RANGE),
        _column("discount_percent", "Discount %", Kind.MONEY, _RANGE),
        _column("total_amount", "Line total", Kind.MONEY, _RANGE),
        Column("status", "Order status", Kind.TEXT, "bought.status"),
        _column("order_id", "Order number", Kind.ID, _EQUAL, narrows=True),
        _column("product_id", "Product number", Kind.ID, _EQUAL, narrows=True),
    ),
    default_sort="order_date",
    descending=True,
    joins=f"""JOIN retail.order_items AS own
        ON own.store_id = t.store_id AND own.order_id = t.order_id AND own.line_no = t.line_no
    {_JOIN_STORE}
    JOIN retail.products AS product ON product.product_id = own.product_id
    {_JOIN_BOUGHT}""",
    links=(
        Link("Product of this line", "products", (("sku", "sku"),)),
        Link("Order of this line", "orders", (("store", "store"), ("order_id", "order_id"))),
    ),
)

# The catalogue -----------------------------------------------------------------------------------

_PRODUCT = ("JOIN retail.products AS product ON product.product_id = t.product_id",)
_WITH_CATEGORY = "JOIN retail.categories AS category ON category.category_id = product.category_id"
_WITH_TYPE = "JOIN retail.product_types AS type ON type.type_id = product.type_id"
_CATEGORY = _column("category", "Category", Kind.TEXT, _EQUAL, shown="category.name")
_TYPE = _column("product_type", "Product type", Kind.TEXT, _EQUAL, shown="type.name")
_SKU = _column("sku", "SKU", Kind.TEXT, _TEXT, shown="product.sku", sort=("sku",))

_PRODUCTS = Browsable(
    name="products",
    label="Products",
    source="retail.products AS product",
    by_store=False,
    scanned=(
        Scanned("product_id", "product.product_id", Kind.ID),
        Scanned("sku", 'product.sku COLLATE "C"', Kind.TEXT),
        Scanned("name", 'product.name COLLATE "C"', Kind.TEXT),
        Scanned("base_price", "product.base_price", Kind.MONEY),
        Scanned("description", "product.description", Kind.TEXT),
        Scanned("category", "category.name", Kind.TEXT, joins=(_WITH_CATEGORY,)),
        Scanned("product_type", "type.name", Kind.TEXT, joins=(_WITH_TYPE,)),
    ),
    key=("product_id",),
    columns=(
        _SKU,
        _column("name", "Product", Kind.TEXT, _TEXT, shown="product.name", sort=("name",)),
        _CATEGORY,
        _TYPE,
        _column(
            "base_price",
            "Price",
            Kind.MONEY,
            _RANGE,
            shown="product.base_price",
            sort=("base_price",),
        ),
        _column("description", "Description", Kind.TEXT, _WORDS, shown="product.description"),
        _column("product_id", "Product number", Kind.ID, (), shown="product.product_id"),
    ),
    default_sort="name",
    joins=f"{_PRODUCT[0]} {_WITH_CATEGORY} {_WITH_TYPE}",
    links=(
        Link("Stock of this product", "inventory", (("sku", "sku"),)),
        Link("Sales of this product", "order_items", (("sku", "sku"),)),
    ),
)

_INVENTORY = Browsable(
    name="inventory",
    label="Stock",
    source="retail.inventory AS t",
    by_store=True,
    scanned=(
        _STORE_ID,
        Scanned("product_id", "t.product_id", Kind.ID),
        Scanned("stock_level", "t.stock_level", Kind.INTEGER),
        Scanned("reorder_point", "t.reorder_point", Kind.INTEGER),
        Scanned("to_reorder", "t.stock_level <= t.reorder_point", Kind.YES_NO),
        Scanned("sku", 'product.sku COLLATE "C"', Kind.TEXT, joins=_PRODUCT),
        Scanned("product", 'product.name COLLATE "C"', Kind.TEXT, joins=_PRODUCT),
        Scanned("category", "category.name", Kind.TEXT, joins=(*_PRODUCT, _WITH_CATEGORY)),
        Scanned("product_type", "type.name", Kind.TEXT, joins=(*_PRODUCT, _WITH_TYPE)),
    ),
    key=("product_id",),
    columns=(
        _STORE,
        _SKU,
        _column("product", "Product", Kind.TEXT, _TEXT, shown="product.name", sort=("product",)),
        _CATEGORY,
        _TYPE,
        _column("stock_level", "In stock", Kind.INTEGER, _RANGE, sort=("stock_level",)),
        _column("reorder_point", "Re-order at", Kind.INTEGER, _RANGE),
        _column(
            "to_reorder",
            "To re-order",
            Kind.YES_NO,
            ("=",),
            shown="own.stock_level <= own.reorder_point",
        ),
    ),
    default_sort="product",
    joins=f"""JOIN retail.inventory AS own
        ON own.store_id = t.store_id AND own.product_id = t.product_id
    {_JOIN_STORE} {_PRODUCT[0]} {_WITH_CATEGORY} {_WITH_TYPE}""",
    links=(
        Link("This product", "products", (("sku", "sku"),)),
        Link("Sales of this product", "order_items", (("store", "store"), ("sku", "sku"))),
    ),
)

_STORES = Browsable(
    name="stores",
    label="Stores",
    source="retail.stores AS t",
    by_store=False,
    scanned=(
        Scanned("name", 't.name COLLATE "C"', Kind.TEXT),
        Scanned("location", "t.location", Kind.TEXT),
        Scanned("is_online", "t.is_online", Kind.YES_NO),
        Scanned("time_zone", "t.time_zone", Kind.TEXT),
    ),
    key=("name",),
    columns=(
        _column("name", "Store", Kind.TEXT, _TEXT, sort=("name",)),
        _column("location", "Address", Kind.TEXT, _WORDS),
        _column("is_online", "Online", Kind.YES_NO, ("=",)),
        _column("time_zone", "Time zone", Kind.TEXT, _EQUAL),
    ),
    default_sort="name",
    joins="JOIN retail.stores AS own ON own.name = t.name",
    links=(
        Link("Orders of this store", "orders", (("store", "name"),)),
        Link("Stock of this store", "inventory", (("store", "name"),)),
    ),
)

BROWSABLE = {
    table.name: table
    for table in (_ORDERS, _ORDER_ITEMS, _CUSTOMERS, _PRODUCTS, _INVENTORY, _STORES)
}
"""By name, the most used first."""
