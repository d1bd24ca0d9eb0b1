"""What refused constructs are called in SQL, and what does the job instead."""

from __future__ import annotations

_WRITES = "Only SELECT, VALUES and TABLE are answered; nothing can be written through this server."
_SERVER = "Callers see the retail schema, not the server; ask get_server_health or the ops team."
_IDENTITY = "Use the whoami tool."
_SEARCH = "Use the semantic_search_products tool, or ILIKE for words you know."
_SETTINGS = "Settings belong to the server; a query can neither read nor change them."
_SCHEMA = "Use the get_multiple_table_schemas tool."
_XML = "Use the JSON functions, such as jsonb_build_object."

_STATEMENTS = {
    "InsertStmt": ("INSERT", _WRITES),
    "UpdateStmt": ("UPDATE", _WRITES),
    "DeleteStmt": ("DELETE", _WRITES),
    "MergeStmt": ("MERGE", _WRITES),
    "CopyStmt": ("COPY", _WRITES),
    "DoStmt": ("DO", _WRITES),
    "CallStmt": ("CALL", _WRITES),
    "TransactionStmt": ("Transaction control", "Each call is a transaction of its own."),
    "ExplainStmt": ("EXPLAIN", "Use the explain_query tool."),
    "VariableSetStmt": ("SET", _SETTINGS),
    "VariableShowStmt": ("SHOW", _SETTINGS),
    "PrepareStmt": ("PREPARE", "Send the statement itself; the server prepares it."),
    "ExecuteStmt": ("EXECUTE", "Send the statement itself; the server prepares it."),
    "DeclareCursorStmt": ("A cursor", "Send the SELECT itself, with LIMIT and OFFSET to page."),
    "ListenStmt": ("LISTEN", "Notifications are not for callers."),
    "NotifyStmt": ("NOTIFY", "Notifications are not for callers."),
}

_CLAUSES = {
    "SelectStmt.intoClause": ("SELECT INTO", _WRITES),
    "SelectStmt.lockingClause": ("A locking clause (FOR UPDATE, FOR SHARE)", "Leave it out."),
    "RangeTableSample": ("TABLESAMPLE", "Use WHERE random() < 0.1 for a sample of your own rows."),
    "RangeTableFunc": ("XMLTABLE", _XML),
    "JsonTable": ("JSON_TABLE", "Use jsonb_to_recordset or jsonb_path_query."),
    "XmlExpr": ("An XML expression", _XML),
    "XmlSerialize": ("XMLSERIALIZE", _XML),
    "ParamRef": ("A parameter like $1", "Write the value itself."),
    "CurrentOfExpr": ("CURRENT OF", None),
    "SetToDefault": ("DEFAULT", "Write the value itself."),
    "MergeSupportFunc": ("MERGE_ACTION", _WRITES),
    "RangeVar.catalogname": ("A database name before the schema", "Write schema.table."),
    "A_Const.bsval": ("A bit string", "Use integers or text."),
    "TypeName.setof": ("SETOF", None),
    "TypeName.pct_type": ("%TYPE", "Name the type itself."),
    "SortBy.useOp": ("ORDER BY … USING", "Use ASC or DESC."),
    "SortBy.sortby_dir=SORTBY_USING": ("ORDER BY … USING", "Use ASC or DESC."),
    "CommonTableExpr.ctematerialized=CTEMaterializeNever": ("NOT MATERIALIZED", "Leave it out."),
    "SQLValueFunction.op=SVFOP_CURRENT_ROLE": ("current_role", _IDENTITY),
    "SQLValueFunction.op=SVFOP_CURRENT_USER": ("current_user", _IDENTITY),
    "SQLValueFunction.op=SVFOP_USER": ("user", _IDENTITY),
    "SQLValueFunction.op=SVFOP_SESSION_USER": ("session_user", _IDENTITY),
    "SQLValueFunction.op=SVFOP_CURRENT_CATALOG": ("current_catalog", _SERVER),
    "SQLValueFunction.op=SVFOP_CURRENT_SCHEMA": ("current_schema", _SERVER),
}

# Functions by the beginning of their name; the longest that fits speaks.
FUNCTION_ADVICE = {
    "pg_": _SERVER,
    "pg_sleep": "Waiting is not for queries.",
    "pg_get_": _SCHEMA,
    "pg_typeof": "The result names each column's type.",
    "version": _SERVER,
    "inet_": _SERVER,
    "current_setting": _SETTINGS,
    "set_config": _SETTINGS,
    "setseed": "random() needs no seed; for repeatable picks order by md5(id::text).",
    "system_user": _IDENTITY,
    "has_": _IDENTITY,
    "current_user": _IDENTITY,
    "get_current_user_store": _IDENTITY,
    "get_user_store_list": _IDENTITY,
    "col_description": _SCHEMA,
    "obj_description": _SCHEMA,
    "to_reg": _SCHEMA,
    "lo_": "There are no large objects here.",
    "dblink": "A query reads this database only.",
    "query_to_xml": "Write the query itself as a sub-query.",
    "table_to_xml": "Select from the table itself.",
    "xml": _XML,
    "xpath": _XML,
    "to_tsquery": _SEARCH,
    "to_tsvector": _SEARCH,
    "plainto_tsquery": _SEARCH,
    "phraseto_tsquery": _SEARCH,
    "websearch_to_tsquery": _SEARCH,
    "ts_": _SEARCH,
    "similarity": _SEARCH,
    "word_similarity": _SEARCH,
    "strict_word_similarity": _SEARCH,
    "levenshtein": _SEARCH,
    "hash": "Use md5(x::text), or crc32(x::text::bytea) for a number.",
    "nextval": "Use row_number() to number rows.",
    "currval": "Use row_number() to number rows.",
    "setval": _WRITES,
    "array_fill": "Use array_agg over generate_series.",
    "normalize": "Text in the database is normalized already.",
    "median": "Use percentile_cont(0.5) WITHIN GROUP (ORDER BY x).",
    "ifnull": "Use coalesce.",
    "isnull": "Use coalesce.",
    "nvl": "Use coalesce.",
    "iif": "Use CASE WHEN.",
    "if": "Use CASE WHEN.",
    "datediff": "Subtract the dates: a::date - b::date.",
    "dateadd": "Add an interval: x + interval '1 day'.",
    "date_format": "Use to_char.",
    "strftime": "Use to_char.",
    "getdate": "Use now().",
    "group_concat": "Use string_agg.",
    "last_day": "Use date_trunc('month', x) + interval '1 month' - interval '1 day'.",
    "year": "Use extract(year from x).",
    "month": "Use extract(month from x) or date_trunc('month', x).",
    "day": "Use extract(day from x).",
    "quarter": "Use extract(quarter from x).",
}

# Without the angle brackets that some have on one side.
OPERATOR_ADVICE = {
    "%": _SEARCH,
    "%%": _SEARCH,
    "@@": "Use jsonb_path_match for JSON. " + _SEARCH,
    "@@@": _SEARCH,
}

TYPE_ADVICE = {
    "money": "Use numeric.",
    "xml": "Use jsonb.",
    "tsquery": _SEARCH,
    "tsvector": _SEARCH,
    "name": "Use text.",
    "char": "Use text.",
    "datetime": "Use timestamptz.",
    "string": "Use text.",
    "double": "Use double precision or numeric.",
    "regclass": _SCHEMA,
}

# What the grammar turns the words into.
SHOWN_OPERATORS = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}

CONSTRUCTS: dict[str, tuple[str, str | None]] = {**_STATEMENTS, **_CLAUSES}
"""Node, `node.field` or `node.field=word` to its name in SQL and the advice."""
