"""What the guard asks of relations, columns, functions, operators and types, one check a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.data.guard import arguments
from zava_server.data.guard.explanations import OPERATOR_ADVICE, TYPE_ADVICE
from zava_server.data.guard.names import strings
from zava_server.data.guard.rejection import function_advice, nearest, quoted
from zava_server.data.guard.walk import only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zava_server.data.guard.walk import Check, Fields, Visit

# What PostgreSQL calls columns without a name, where it is no function's or type's.
_MADE_UP = frozenset(
    """
    ?column? array case coalesce current_date current_time current_timestamp exists greatest
    grouping json json_array json_arrayagg json_exists json_object json_objectagg json_query
    json_scalar json_serialize json_value least localtime localtimestamp nullif row
    """.split()  # noqa: SIM905 - as the policy writes its lists
)


def check_relation(visit: Visit, fields: Fields) -> None:
    """A table of the schema, or a CTE in scope; a CTE's name never makes a catalog readable."""
    policy, name, schema = visit.policy, fields.get("relname", ""), fields.get("schemaname")
    alias = fields.get("alias", {})
    called = alias.get("aliasname", name)
    if schema is None and name in visit.ctes:
        _remember(visit, called, None)
        return
    if schema in (None, policy.schema) and name in policy.relations:
        visit.relations.add(f"{policy.schema}.{name}")
        _remember(visit, called, policy.attributes.union(strings(alias.get("colnames", []))))
        return
    shown = quoted(name if schema is None else f"{schema}.{name}")
    if schema in (None, policy.schema):
        near = nearest(name, policy.relations if schema else policy.relations | visit.ctes)
        if near:
            meant = near if near in visit.ctes else f"{policy.schema}.{near}"
            raise visit.refuse(f"There is no relation {shown} here", f"Did you mean {meant}?")
    raise visit.refuse(
        f"Relation {shown} is not allowed",
        f"Tables of {policy.schema}: {', '.join(sorted(policy.relations))}.",
    )


def check_column(visit: Visit, fields: Fields) -> None:
    """No system columns; remembers `alias.column`, which may call a function (see below)."""
    visit.columns += 1
    parts = strings(fields["fields"])
    name = parts[-1]
    if name in visit.policy.system_columns:
        raise visit.refuse(f"System column {quoted(name)} is not allowed", "Leave it out.")
    if len(parts) == 1:
        return
    if len(parts) > 3 or (len(parts) == 3 and parts[0] != visit.policy.schema):
        raise visit.refuse("A column takes one alias before it", "Write alias.column.")
    if name:
        visit.qualified.append((parts[-2], name, visit.at))


def _remember(visit: Visit, alias: str, columns: frozenset[str] | None) -> None:
    before = visit.tables.get(alias, frozenset())
    visit.tables[alias] = None if columns is None or before is None else before | columns


def check_qualified_columns(visit: Visit) -> None:
    """`alias.column` names a column, as far as the statement shows.

    PostgreSQL reads `f.name` as a call name(f) when f has no such column: `SELECT
    f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) f`. A function in FROM passes its value, any
    other source a row, for which there are fewer functions.
    """
    attributes = visit.policy.attributes
    for alias, name, at in visit.qualified:
        if name in attributes:
            continue
        of_function = visit.table_functions.get(alias)
        columns = visit.tables.get(alias) if of_function is None else of_function
        if name in columns if columns is not None else _may_be_named(visit, name):
            continue
        visit.at = at
        shown = quoted(f"{alias}.{name}")
        if of_function is not None:
            raise visit.refuse(
                f"{shown} is not a column that the FROM clause names",
                f"Name the columns there: … AS {alias}(column, …).",
            )
        near = nearest(name, visit.named if columns is None else columns)
        raise visit.refuse(
            f"There is no column {shown} here",
            f"Did you mean {alias}.{near}?" if near else "Ask get_multiple_table_schemas.",
        )


def _may_be_named(visit: Visit, name: str) -> bool:
    """Whether a column of a sub-query may go by a name: the statement's, or one made up."""
    return (
        name in visit.named
        or name in _MADE_UP
        or _listed([name], visit.policy.functions)
        or _listed([name], visit.policy.types)
    )


def check_target(visit: Visit, fields: Fields) -> None:
    """Remembers the name of a column."""
    visit.named.add(fields.get("name", ""))


def check_alias(visit: Visit, fields: Fields) -> None:
    """Remembers the names of columns; a function's alias is one too."""
    visit.named.add(fields["aliasname"])
    visit.named.update(strings(fields.get("colnames", [])))


def check_cte(visit: Visit, fields: Fields) -> None:
    """Remembers the names of columns."""
    visit.named.update(strings(fields.get("aliascolnames", [])))
    for clause in ("search_clause", "cycle_clause"):
        names = fields.get(clause, {}).values()
        visit.named.update(name for name in names if isinstance(name, str))


def check_definition(visit: Visit, fields: Fields) -> None:
    """Remembers the name of a column."""
    visit.named.add(fields.get("colname", ""))


def check_attribute(visit: Visit, fields: Fields) -> None:
    """`(value).name`, which PostgreSQL also reads as a call name(value)."""
    visit.grows = True
    for name in strings(fields["indirection"]):
        if name and name not in visit.policy.attributes:
            raise visit.refuse(
                f"Attribute {quoted(name)} of a value in parentheses is not allowed",
                "Write alias.column, or ->> for JSON.",
            )


def check_table_function(visit: Visit, fields: Fields) -> None:
    """A function in FROM; remembers its alias and columns.

    The alias names the column too, unless columns are named after it or by the function itself.
    """
    functions = []
    columns = {"ordinality"}
    for wrapped in fields["functions"]:
        call, *definitions = wrapped["List"]["items"]
        if "FuncCall" not in call:
            raise visit.refuse(
                "Only a function call may stand in FROM like this", "Use (SELECT …) AS alias."
            )
        functions.append(strings(call["FuncCall"]["funcname"])[-1])
        for definition in definitions:
            if definition:
                columns.update(_column_names(definition["List"]["items"]))
    alias = fields.get("alias", {})
    columns.update(_column_names(fields.get("coldeflist", [])))
    columns.update(strings(alias.get("colnames", [])))
    if columns == {"ordinality"}:
        only_one = len(functions) == 1 and functions[0] not in visit.policy.column_naming
        columns.update([alias["aliasname"]] if alias and only_one else functions)
    name = alias.get("aliasname", functions[0])
    # Where two scopes use an alias, only what both name is safe.
    before = visit.table_functions.get(name)
    visit.table_functions[name] = frozenset(columns) if before is None else before & columns


def _column_names(definitions: list[Fields]) -> list[str]:
    return [only(definition)[1].get("colname", "") for definition in definitions]


def check_function(visit: Visit, fields: Fields) -> None:
    """A listed function, with as many arguments as it takes, none of them unbounded."""
    policy = visit.policy
    parts = strings(fields["funcname"])
    name = parts[-1]
    if not _listed(parts, policy.functions):
        raise _refuse_function(visit, parts)
    given = fields.get("args", [])
    if name in policy.unbounded or name in policy.replacing or name in policy.stretching:
        visit.grows = True
    if name in policy.cut_at or name in policy.multiplied:
        visit.grows = True
    fewest, most = policy.arity.get(name, (0, len(given)))
    if not fewest <= len(given) <= most:
        raise visit.refuse(
            f"Function {name} takes {fewest if fewest == most else f'{fewest} to {most}'} "
            f"arguments here, not {len(given)}"
        )
    bounds = policy.arguments.get(name)
    if bounds is not None:
        if fields.get("func_variadic") or any("NamedArgExpr" in argument for argument in given):
            raise visit.refuse(f"Function {name} takes its arguments one by one here")
        for position, bound in bounds.items():
            if position < len(given):
                arguments.require(
                    visit, f"Argument {position + 1} of {name}", bound, given[position]
                )
    if name == "generate_series":
        arguments.require_series(visit, given)


def _refuse_function(visit: Visit, parts: list[str]) -> Exception:
    name = parts[-1]
    hint = function_advice(name)
    if hint is None:
        listed = frozenset().union(*visit.policy.functions.values())
        near = nearest(name, listed)
        hint = f"Did you mean {near}?" if near and near != name else None
    return visit.refuse(f"Function {quoted('.'.join(parts))} is not allowed", hint)


def check_operator(visit: Visit, fields: Fields) -> None:
    """A listed operator with operands that keep its work bounded."""
    # BETWEEN and IN copy what stands before them.
    if fields["kind"] != "AEXPR_OP" and not _is_plain(fields.get("lexpr")):
        visit.grows = True
    _operator(visit, fields["name"], fields.get("lexpr"), fields.get("rexpr"))


def check_sub_select_operator(visit: Visit, fields: Fields) -> None:
    """The operator of `x op ANY (SELECT …)`."""
    if fields["subLinkType"] == "ARRAY_SUBLINK" or not _is_plain(fields.get("testexpr")):
        visit.grows = True
    if "operName" in fields:
        _operator(visit, fields["operName"], fields.get("testexpr"), fields.get("subselect"))


def _is_plain(operand: Fields | None) -> bool:
    """Whether copies of it are cheap."""
    return not operand or "ColumnRef" in operand or "A_Const" in operand


def _operator(visit: Visit, name: list[Fields], left: Fields | None, right: Fields | None) -> None:
    policy = visit.policy
    parts = strings(name)
    operator = parts[-1]
    if not _listed(parts, policy.operators):
        raise visit.refuse(
            f"Operator {quoted('.'.join(parts))} is not allowed",
            OPERATOR_ADVICE.get(operator.strip("<>")),
        )
    operands = [operand for operand in (left, right) if operand]
    if operator in policy.multiplied and not (right and arguments.is_short_literal(right)):
        visit.grows = True
    if operator in policy.numeric_operand and not any(
        arguments.is_number(policy, operand) for operand in operands
    ):
        raise visit.refuse(
            f"One side of {operator} must be a number or be cast to one", "Use mod(a, b)."
        )
    if operator in policy.vector_operand and not any(
        arguments.is_vector(policy, operand) for operand in operands
    ):
        raise visit.refuse(f"One side of {operator} must be cast to vector", "Use <=>.")


def check_type(visit: Visit, fields: Fields) -> None:
    """A listed type; `char(n)` only as long as texts are."""
    policy = visit.policy
    parts = strings(fields["names"])
    if not _listed(parts, policy.types):
        raise visit.refuse(
            f"Type {quoted('.'.join(parts))} is not allowed", TYPE_ADVICE.get(parts[-1])
        )
    if parts[-1] == "bpchar":
        for modifier in fields.get("typmods", []):
            arguments.require_length(visit, "char(n)", modifier)


def check_collation(visit: Visit, fields: Fields) -> None:
    """A listed collation."""
    parts = strings(fields["collname"])
    if parts[-1] not in visit.policy.collations or parts[:-1] not in ([], ["pg_catalog"]):
        raise visit.refuse(
            f"Collation {quoted('.'.join(parts))} is not allowed",
            f"Use one of: {', '.join(sorted(visit.policy.collations))}.",
        )


def check_growing(visit: Visit, _: Fields) -> None:
    """SQL/JSON is copied while it is parsed, and builds and searches long values."""
    visit.grows = True


def check_window(visit: Visit, fields: Fields) -> None:
    """Not too many windows of their own, which the planner compares with each other."""
    visit.windows += bool(fields.keys() & {"partitionClause", "orderClause"})
    most = visit.policy.limits.windows
    if visit.windows > most:
        raise visit.refuse(
            f"There are more than {most} windows",
            "Name one that several functions share: … OVER w … WINDOW w AS (…).",
        )


def check_with(visit: Visit, fields: Fields) -> None:
    """A recursive CTE builds long values."""
    if fields.get("recursive"):
        visit.grows = True


def _listed(parts: list[str], allowed: Mapping[str, frozenset[str]]) -> bool:
    match parts:
        case [name]:
            return any(name in names for names in allowed.values())
        case [schema, name]:
            return name in allowed.get(schema, ())
    return False


CHECKS: dict[str, Check] = {
    "RangeVar": check_relation,
    "ColumnRef": check_column,
    "A_Indirection": check_attribute,
    "RangeFunction": check_table_function,
    "FuncCall": check_function,
    "A_Expr": check_operator,
    "SubLink": check_sub_select_operator,
    "TypeName": check_type,
    "ResTarget": check_target,
    "Alias": check_alias,
    "CommonTableExpr": check_cte,
    "ColumnDef": check_definition,
    "CollateClause": check_collation,
    "JsonArrayQueryConstructor": check_growing,
    "JsonIsPredicate": check_growing,
    "JsonValueExpr": check_growing,
    "WindowDef": check_window,
    "WithClause": check_with,
}
