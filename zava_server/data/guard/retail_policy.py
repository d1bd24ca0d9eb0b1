"""What callers may say about the retailer's data: one table, read top to bottom."""

from __future__ import annotations

from zava_server.data.guard.policy import Argument, Limits, SqlPolicy


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Relations --------------------------------------------------------------------------------------

_RELATIONS = _words("""
    stores store_managers categories product_types products product_costs
    product_description_embeddings customers orders order_items inventory daily_sales
    daily_totals daily_margins hourly_sales hourly_margins monthly_sales monthly_products
    monthly_rhythm monthly_margins
    visits daily_visits repeat_visits
""")

_COLUMNS = _words("""
    store_id name location is_online time_zone created_at user_id category_id type_id product_id sku
    description base_price cost customer_id first_name last_name email order_id order_date status
    total_amount line_no quantity unit_price discount_percent stock_level reorder_point day revenue
    units_sold units_returned line_count list_value discount_value hour month covered_revenue
    visits first_visits previous_day grain part number visited previously orders total_cents
    description_embedding model dimensions content_hash last_updated
""")

# Beside the columns above: what jsonb_each, WITH ORDINALITY and ROW(...) name their parts.
_ATTRIBUTES = _COLUMNS | _words("key value ordinality f1 f2 f3 f4 f5 f6 f7 f8 f9 similarity")

_SYSTEM_COLUMNS = _words("ctid tableoid xmin xmax cmin cmax")

# Syntax nodes and their fields --------------------------------------------------------------------

_NODES = {
    name: _words(fields)
    for name, fields in {
        # Statements and clauses. No intoClause, no lockingClause.
        "SelectStmt": """distinctClause targetList fromClause whereClause groupClause groupDistinct
            havingClause windowClause valuesLists sortClause limitOffset limitCount limitOption
            withClause op all larg rarg""",
        "WithClause": "ctes recursive location",
        "CommonTableExpr": """ctename aliascolnames ctematerialized ctequery search_clause
            cycle_clause location""",
        "CTESearchClause": "search_col_list search_breadth_first search_seq_column location",
        "CTECycleClause": """cycle_col_list cycle_mark_column cycle_mark_value cycle_mark_default
            cycle_path_column location""",
        "ResTarget": "name val location",
        "SortBy": "node sortby_dir sortby_nulls location",
        "GroupingSet": "kind content location",
        "WindowDef": """name refname partitionClause orderClause frameOptions startOffset endOffset
            location""",
        # Sources. No catalogname, no TABLESAMPLE.
        "RangeVar": "schemaname relname inh relpersistence alias location",
        "RangeSubselect": "lateral subquery alias",
        "RangeFunction": "lateral ordinality is_rowsfrom functions alias coldeflist",
        "ColumnDef": "colname typeName is_local location",
        "JoinExpr": "jointype isNatural larg rarg usingClause join_using_alias quals alias",
        "Alias": "aliasname colnames",
        # Expressions.
        "ColumnRef": "fields location",
        "A_Star": "",
        "A_Const": "ival fval boolval sval isnull location",
        "A_Expr": "kind name lexpr rexpr rexpr_list_start rexpr_list_end location",
        "A_Indirection": "arg indirection",
        "A_Indices": "is_slice lidx uidx",
        "A_ArrayExpr": "elements location list_start list_end",
        "BoolExpr": "boolop args location",
        "BooleanTest": "arg booltesttype location",
        "NullTest": "arg nulltesttype location",
        "CaseExpr": "arg args defresult location",
        "CaseWhen": "expr result location",
        "CoalesceExpr": "args location",
        "MinMaxExpr": "op args location",
        "RowExpr": "args row_format location",
        "SubLink": "subLinkType testexpr operName subselect location",
        "GroupingFunc": "args location",
        "SQLValueFunction": "op typmod location",
        "FuncCall": """funcname args agg_order agg_filter over agg_within_group agg_star
            agg_distinct func_variadic funcformat location""",
        "NamedArgExpr": "arg name argnumber location",
        "TypeCast": "arg typeName location",
        "TypeName": "names typmods typemod arrayBounds location",
        "CollateClause": "arg collname location",
        # SQL/JSON. No JSON_TABLE.
        "JsonObjectConstructor": "exprs output absent_on_null unique location",
        "JsonArrayConstructor": "exprs output absent_on_null location",
        "JsonArrayQueryConstructor": "query output format absent_on_null location",
        "JsonObjectAgg": "constructor arg absent_on_null unique",
        "JsonArrayAgg": "constructor arg absent_on_null",
        "JsonAggConstructor": "output agg_filter agg_order over location",
        "JsonKeyValue": "key value",
        "JsonValueExpr": "raw_expr format",
        "JsonFormat": "format_type encoding location",
        "JsonOutput": "typeName returning",
        "JsonReturning": "format",
        "JsonFuncExpr": """op context_item pathspec passing output on_empty on_error wrapper quotes
            location""",
        "JsonBehavior": "btype expr location",
        "JsonArgument": "val name",
        "JsonParseExpr": "expr unique_keys location",
        "JsonScalarExpr": "expr location",
        "JsonSerializeExpr": "expr output location",
        "JsonIsPredicate": "expr format item_type unique_keys location",
        # Plain values.
        "List": "items",
        "String": "sval",
        "Integer": "ival",
        "Float": "fval",
        "Boolean": "boolval",
    }.items()
}

_CHOICES = {
    (node, field): _words(words)
    for (node, field), words in {
        ("SelectStmt", "op"): "SETOP_NONE SETOP_UNION SETOP_INTERSECT SETOP_EXCEPT",
        ("SelectStmt", "limitOption"): """LIMIT_OPTION_DEFAULT LIMIT_OPTION_COUNT
            LIMIT_OPTION_WITH_TIES""",
        # Not MATERIALIZED's opposite: a chain of them doubles the plan at each step.
        ("CommonTableExpr", "ctematerialized"): "CTEMaterializeDefault CTEMaterializeAlways",
        ("RangeVar", "relpersistence"): "p",
        ("JoinExpr", "jointype"): "JOIN_INNER JOIN_LEFT JOIN_FULL JOIN_RIGHT",
        ("SortBy", "sortby_dir"): "SORTBY_DEFAULT SORTBY_ASC SORTBY_DESC",
        ("SubLink", "subLinkType"): """EXISTS_SUBLINK ALL_SUBLINK ANY_SUBLINK EXPR_SUBLINK
            ARRAY_SUBLINK""",
        ("A_Expr", "kind"): """AEXPR_OP AEXPR_OP_ANY AEXPR_OP_ALL AEXPR_DISTINCT AEXPR_NOT_DISTINCT
            AEXPR_NULLIF AEXPR_IN AEXPR_LIKE AEXPR_ILIKE AEXPR_SIMILAR AEXPR_BETWEEN
            AEXPR_NOT_BETWEEN AEXPR_BETWEEN_SYM AEXPR_NOT_BETWEEN_SYM""",
        # Dates and times; not who is logged in, to what.
        ("SQLValueFunction", "op"): """SVFOP_CURRENT_DATE SVFOP_CURRENT_TIME SVFOP_CURRENT_TIME_N
            SVFOP_CURRENT_TIMESTAMP SVFOP_CURRENT_TIMESTAMP_N SVFOP_LOCALTIME SVFOP_LOCALTIME_N
            SVFOP_LOCALTIMESTAMP SVFOP_LOCALTIMESTAMP_N""",
        ("JsonFuncExpr", "op"): "JSON_EXISTS_OP JSON_QUERY_OP JSON_VALUE_OP",
    }.items()
}

# Functions ----------------------------------------------------------------------------------------

_AGGREGATES = _words("""
    any_value avg bit_and bit_or bit_xor bool_and bool_or every count max min sum
    corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp var_pop var_samp variance
    mode percentile_cont percentile_disc
    array_agg json_agg json_agg_strict json_object_agg json_object_agg_strict
    json_object_agg_unique json_object_agg_unique_strict jsonb_agg jsonb_agg_strict
    jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    string_agg range_agg range_intersect_agg
""")

_WINDOW = _words("""
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank
    row_number
""")

_NUMBERS = _words("""
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd
    cosh cot cotd degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10
    min_scale mod pi power pow radians random random_normal round scale sign sin sind sinh sqrt tan
    tand tanh trim_scale trunc width_bucket
""")

_TIMES = _words("""
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract
    isfinite justify_days justify_hours justify_interval make_date make_interval make_time
    make_timestamp make_timestamptz now overlaps statement_timestamp timezone to_char to_date
    to_number to_timestamp transaction_timestamp
""")

_TEXT = _words("""
    ascii bit_count bit_length btrim casefold char_length character_length chr concat concat_ws
    crc32 crc32c decode encode format initcap left length like_escape lower lpad ltrim md5
    octet_length overlay position quote_literal quote_nullable quote_ident regexp_count regexp_instr
    regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim sha224 sha256 sha384
    sha512 similar_to_escape split_part starts_with string_to_array string_to_table strpos substr
    substring to_bin to_hex to_oct translate upper convert_from convert_to
""")

_ARRAYS_AND_RANGES = _words("""
    array_append array_cat array_dims array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_reverse array_sample
    array_shuffle array_sort
    array_to_string array_upper cardinality generate_series generate_subscripts num_nonnulls
    num_nulls trim_array unnest
    int4range int8range numrange tsrange tstzrange daterange
    int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
    isempty lower_inc lower_inf multirange range_merge upper_inc upper_inf
""")

_JSON = _words("""
    array_to_json json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_extract_path
    json_extract_path_text json_object json_object_keys json_strip_nulls json_to_record
    json_to_recordset json_typeof jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys
    jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
    jsonb_path_query_first jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz
    jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_pretty jsonb_set jsonb_set_lax
    jsonb_strip_nulls jsonb_to_record
    jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb
""")

_VECTORS = _words("""
    cosine_distance inner_product l1_distance l2_distance l2_normalize subvector vector_dims
    vector_norm
""")

_FUNCTIONS = {
    "pg_catalog": _AGGREGATES | _WINDOW | _NUMBERS | _TIMES | _TEXT | _ARRAYS_AND_RANGES | _JSON,
    "public": _VECTORS,
    "retail": _words("search_products_by_description"),
}

_COLUMN_NAMING = _words("""
    json_array_elements json_array_elements_text json_each json_each_text
    jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text
    search_products_by_description
""")

_ARITY = {
    "age": (1, 2),
    "date": (1, 1),
    "format": (1, 100),
    "generate_series": (2, 4),
    "lpad": (2, 3),
    "random": (0, 2),
    "repeat": (2, 2),
    "replace": (3, 3),
    "rpad": (2, 3),
    "search_products_by_description": (3, 3),
    "split_part": (3, 3),
    "string_to_array": (2, 3),
    "string_to_table": (2, 3),
    "strpos": (2, 2),
    "translate": (3, 3),
}

_ARGUMENTS = {
    "repeat": {1: Argument.LENGTH},
    "lpad": {1: Argument.LENGTH},
    "rpad": {1: Argument.LENGTH},
    "format": {0: Argument.TEMPLATE},
    "to_char": {1: Argument.TEMPLATE},
}

# Operators ----------------------------------------------------------------------------------------

_OPERATORS = {
    "pg_catalog": _words("""
        + - * / % ^ @ |/ ||/ = <> < > <= >=
        & | # ~ << >>
        || ~~ ~~* !~~ !~~* ~* !~ !~* ^@
        -> ->> #> #>> #- ? ?| ?& @> <@ @? && -|- &< &>
    """)
    # How the grammar writes x BETWEEN a AND b.
    | {"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"},
    "public": _words("<=> <-> <#> <+>"),
}

# Long values -------------------------------------------------------------------------------------

# Measured on PostgreSQL 18: each of these runs for minutes on long values, and no timeout,
# cancellation or termination reaches it meanwhile.
_MULTIPLIED = {
    **dict.fromkeys(
        _words("""
            strpos position replace split_part string_to_array string_to_table translate
            btrim ltrim rtrim
            ~~ ~~* !~~ !~~* ?| ?& @> <@ &&
        """),
        (0, 1),
    ),
    # A path may compare every part of the value with every other.
    **dict.fromkeys(
        _words("""
            jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
            jsonb_path_query_first @?
            jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz jsonb_path_query_array_tz
            jsonb_path_query_first_tz
        """),
        (0, 0),
    ),
}

_SLOW = _words("""
    upper lower initcap casefold reverse md5 sha224 sha256 sha384 sha512 encode decode convert_from
    convert_to regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
    regexp_split_to_array regexp_split_to_table regexp_substr similar_to_escape like_escape replace
    translate split_part string_to_array string_to_table quote_ident quote_literal quote_nullable
    to_json to_jsonb row_to_json
""")

_UNBOUNDED = _words("""
    array_agg json_agg json_agg_strict json_object_agg json_object_agg_strict
    json_object_agg_unique json_object_agg_unique_strict jsonb_agg jsonb_agg_strict
    jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    string_agg range_agg jsonb_pretty
""")

_NUMERIC = (
    _NUMBERS
    | _words("sum avg stddev stddev_pop stddev_samp var_pop var_samp variance to_number")
    | _words("+ - * / % ^ @ |/ ||/")
)

_STRETCHING = {
    **dict.fromkeys(_words("concat concat_ws format encode upper lower initcap casefold"), 2),
    **dict.fromkeys(_words("quote_ident quote_literal quote_nullable"), 2),
    **dict.fromkeys(_words("array_to_string like_escape similar_to_escape"), 2),
    **dict.fromkeys(_words("array_to_json json_build_array json_build_object"), 6),
    **dict.fromkeys(_words("jsonb_build_array jsonb_build_object"), 6),
    **dict.fromkeys(_words("row_to_json to_json to_jsonb json_object jsonb_object"), 6),
}

_CUT_AT = {"left": 1, "right": 1, "substr": 2, "substring": 2, "lpad": 1, "rpad": 1, "repeat": 1}

_SHORT_RESULTS = _words("""
    count length char_length character_length octet_length bit_length array_length cardinality
    json_array_length jsonb_array_length strpos position starts_with regexp_count regexp_instr
    regexp_like md5 sha224 sha256 sha384 sha512 crc32 crc32c to_char date_trunc date_part extract
    age num_nulls num_nonnulls array_position bool_and bool_or every row_number rank dense_rank
    ntile jsonb_path_exists jsonb_path_match jsonb_typeof json_typeof ascii chr
    = <> < > <= >= ~~ ~~* !~~ !~~* ~ ~* !~ !~* ^@ ? ?| ?& @> <@ && @? -|- &< &>
""") | {"BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"}

# Types --------------------------------------------------------------------------------------------

# As the grammar spells them: integer is int4, real float4.
_NUMBER_TYPES = _words("int2 int4 int8 numeric float4 float8")

_TYPES = {
    "pg_catalog": _NUMBER_TYPES
    | _words("""
        bool text varchar bpchar date time timetz timestamp timestamptz interval
        uuid json jsonb jsonpath bytea
        int4range int8range numrange tsrange tstzrange daterange
        int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
    """),
    "public": _words("vector"),
}

_SHORT_TYPES = _words("""
    int2 int4 int8 float4 float8 bool date time timetz timestamp timestamptz interval uuid
    int4range int8range tsrange tstzrange daterange
""")

_COLLATIONS = _words("C POSIX default ucs_basic pg_c_utf8")

RETAIL_POLICY = SqlPolicy(
    nodes=_NODES,
    choices=_CHOICES,
    relations=_RELATIONS,
    schema="retail",
    functions=_FUNCTIONS,
    arity=_ARITY,
    arguments=_ARGUMENTS,
    column_naming=_COLUMN_NAMING,
    aggregates=_AGGREGATES | _WINDOW,
    operators=_OPERATORS,
    # On text both of these are pg_trgm's, which runs on past every timeout.
    numeric_operand=_words("%"),
    vector_operand=_words("<->"),
    types=_TYPES,
    number_types=_NUMBER_TYPES,
    collations=_COLLATIONS,
    system_columns=_SYSTEM_COLUMNS,
    attributes=_ATTRIBUTES,
    multiplied=_MULTIPLIED,
    of_elements=_words("@> <@ &&"),
    slow=_SLOW,
    unbounded=_UNBOUNDED,
    numeric=_NUMERIC,
    replacing=_words("replace regexp_replace"),
    stretching=_STRETCHING,
    cut_at=_CUT_AT,
    short_results=_SHORT_RESULTS,
    short_types=_SHORT_TYPES,
    limits=Limits(
        text_bytes=64 * 1024,
        operator_run=200,
        operator_characters=10_000,
        tree_bytes=600_000,
        depth=300,
        selects=500,
        windows=100,
        growth=200_000,
        work=12_000_000_000,
        literal=1_000,
        length=1_000,
        series=1_000_000,
    ),
)
