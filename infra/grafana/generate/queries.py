"""The queries a panel can hold: PostgreSQL, for which the SDK has no type, and Prometheus."""

from typing import Any, Literal, Self

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder, runtime, variants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import Dataquery as PrometheusDataquery

POSTGRES = "grafana-postgresql-datasource"
Format = Literal["time_series", "table"]

HR = DataSourceRef(type_val=POSTGRES, uid="stressvision-hr")
SAFETY = DataSourceRef(type_val=POSTGRES, uid="stressvision-safety")
OPERATIONS = DataSourceRef(type_val=POSTGRES, uid="stressvision-ops")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="stressvision-prometheus")


class PostgresQuery(variants.Dataquery):
    """One SQL statement, as Grafana's PostgreSQL data source stores it."""

    def __init__(self, raw_sql: str, format_val: Format, ref_id: str, datasource: DataSourceRef) -> None:
        self.raw_sql = raw_sql
        self.format_val = format_val
        self.ref_id = ref_id
        self.datasource = datasource

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": self.datasource,
            "editorMode": "code",
            "format": self.format_val,
            "rawQuery": True,
            "rawSql": self.raw_sql,
            "refId": self.ref_id,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(data["rawSql"], data["format"], data["refId"], DataSourceRef.from_json(data["datasource"]))


def postgres_variant() -> runtime.DataqueryConfig:
    """What `register_dataquery_variant` needs to read these queries back."""
    return runtime.DataqueryConfig(identifier=POSTGRES, from_json_hook=PostgresQuery.from_json)


class Sql(builder.Builder[PostgresQuery]):
    """A statement for one of the three roles; `series` makes a graph of it, else it is a table."""

    def __init__(self, source: DataSourceRef, statement: str, *, series: bool = False, ref: str = "A") -> None:
        text = "\n".join(line for line in statement.strip().splitlines() if line.strip())
        self._query = PostgresQuery(text, "time_series" if series else "table", ref, source)

    def build(self) -> PostgresQuery:
        return self._query


def lettered(name: str, order: str) -> str:
    """SQL for `name` with a letter before it, by its place among all values of `order`; Ⓐ is U+24B6."""
    return f"chr(9397 + dense_rank() OVER (ORDER BY {order})::int) || ' ' || {name} AS metric"


class Prom(builder.Builder[PrometheusDataquery]):
    """A PromQL expression; `now` asks for one value at the end of the range only."""

    def __init__(self, expression: str, legend: str = "", *, now: bool = False, ref: str = "A") -> None:
        query = prometheus.Dataquery().expr(expression).ref_id(ref).datasource(PROMETHEUS)
        query = query.legend_format(legend or "__auto")
        self._query = query.instant() if now else query.range()

    def build(self) -> PrometheusDataquery:
        return self._query.build()


def quantiles(histogram: str) -> list[Prom]:
    """Median and 99th percentile of a histogram without labels."""
    return [
        Prom(f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))", name, ref=ref)
        for share, name, ref in ((0.5, "p50", "A"), (0.99, "p99", "B"))
    ]
