"""The kinds of panel, in one style: readable when colour-blind, and never a zero where nothing is known."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import barchart, common, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMappingResult,
)

# Okabe and Ito's palette: told apart with every common kind of colour blindness.
FATIGUE = "#0072B2"
STRESS = "#E69F00"
COVERAGE = "#56B4E9"
WITHHELD = "#CC79A7"
GOOD = "#009E73"
BAD = "#D55E00"
GREY = "#999999"

LETTERED = {
    "Ⓐ": (FATIGUE, None),
    "Ⓑ": (STRESS, [12, 4]),
    "Ⓒ": (GOOD, None),
    "Ⓓ": (WITHHELD, [12, 4]),
    "Ⓔ": (COVERAGE, None),
    "Ⓕ": (BAD, [12, 4]),
    "Ⓖ": (GREY, [3, 4]),
    "Ⓗ": (FATIGUE, [3, 4]),
    "Ⓘ": (STRESS, [3, 4]),
}
"""Colour and dashes of series whose names begin with a letter: told apart without colour, too. Further ones have
Grafana's own. Grafana 12 has no palette for the colour-blind, and no other way to colour what only SQL can name."""

NO_VALUE = "sin datos suficientes / not enough data"

SIZES = {"third": 8, "half": 12, "whole": 24, "sixth": 4, "quarter": 6}


def colour(names: dict[str, str]) -> dict[str, list[DynamicConfigValue]]:
    """Overrides that paint the named series."""
    return {
        name: [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": value})] for name, value in names.items()
    }


def unit(name: str, *, decimals: int | None = None, title: str | None = None) -> list[DynamicConfigValue]:
    """An override of one column's unit and heading."""
    values = [DynamicConfigValue("unit", name)]
    if decimals is not None:
        values.append(DynamicConfigValue("decimals", decimals))
    if title is not None:
        values.append(DynamicConfigValue("displayName", title))
    return values


def leading(name: str, title: str) -> list[DynamicConfigValue]:
    """An override of a column whose values are choices of the page `stressvision-<name>`, and lead there."""
    url = f"/d/stressvision-{name}?var-{name}=${{__value.text}}&${{__url_time_range}}"
    link = {"title": "Abrir / Open: ${__value.text}", "url": url}
    return [*unit("string", title=title), DynamicConfigValue("links", [link])]


def figure(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    unit: str,
    paint: str = GREY,
    decimals: int | None = None,
    width: str = "sixth",
    alarm_above: float | None = None,
) -> stat.Panel:
    """One number. With `alarm_above` it turns from green to vermilion above that value."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .span(SIZES[width])
        .height(4)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .no_value(NO_VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .mappings([_null_says_so()])
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    if alarm_above is None:
        return panel.color_scheme(FieldColor().mode(FieldColorModeId.FIXED).fixed_color(paint)).thresholds(_one(paint))
    return panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS)).thresholds(
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=None, color=GOOD), Threshold(value=alarm_above, color=BAD)])
    )


def trend(
    title: str,
    description: str,
    queries: Sequence[Builder[Dataquery]],
    *,
    unit: str,
    overrides: dict[str, list[DynamicConfigValue]] | None = None,
    bars: bool = False,
    width: str = "half",
    ratio: bool = False,
    lettered: bool = False,
) -> timeseries.Panel:
    """Lines (or bars) over time from zero; a day without a figure stays a gap. `ratio` fixes the axis to 0..1.

    `lettered`: names of series begin with one of `LETTERED`.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(SIZES[width])
        .height(9)
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .fill_opacity(60 if bars else 0)
        .line_width(2)
        .show_points(VisibilityMode.AUTO)
        .point_size(6)
        .span_nulls(False)
        .axis_soft_min(0)
        .no_value(NO_VALUE)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .thresholds(_one(GREY))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE))
    )
    if ratio:
        panel = panel.min(0).max(1)
    for query in queries:
        panel = panel.with_target(query)
    for name, properties in (overrides or {}).items():
        panel = panel.override_by_name(name, properties)
    for letter, (paint, dashes) in LETTERED.items() if lettered else ():
        style = {"fill": "dash", "dash": dashes} if dashes else {"fill": "solid"}
        painted = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": paint})
        panel = panel.override_by_regexp(f"/^{letter}/", [painted, DynamicConfigValue("custom.lineStyle", style)])
    return panel


def bars(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    across: str,
    unit: str,
    overrides: dict[str, list[DynamicConfigValue]],
    width: str = "half",
) -> barchart.Panel:
    """Bars from zero for each value of the column `across`, side by side."""
    panel = (
        barchart.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .span(SIZES[width])
        .height(9)
        .x_field(across)
        .stacking(StackingMode.NONE)
        .show_value(VisibilityMode.NEVER)
        .fill_opacity(60)
        .axis_soft_min(0)
        .no_value(NO_VALUE)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .thresholds(_one(GREY))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE))
    )
    for name, properties in overrides.items():
        panel = panel.override_by_name(name, properties)
    return panel


def heat(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    unit: str,
    scheme: FieldColorModeId,
    rows: dict[str, list[DynamicConfigValue]],
    width: str = "half",
    height: int = 15,
) -> table.Panel:
    """A heat map as a table: each cell's ground is darker the higher it is, in one colour, over all columns alike.

    `rows` names the first column, which must be text. An empty cell is a point, and has no ground.
    """
    empty = SpecialValueMap(
        DashboardSpecialValueMapOptions(
            match=SpecialValueMatch.NULL_AND_NAN, result=ValueMappingResult(text="·", color="transparent", index=0)
        )
    )
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .decimals(0)
        .min(0)
        .span(SIZES[width])
        .height(height)
        .no_value(NO_VALUE)
        .show_header(True)
        .cell_options(TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC))
        .color_scheme(FieldColor().mode(scheme))
        .mappings([empty])
        .thresholds(_one(GREY))
    )
    for name, properties in rows.items():
        panel = panel.override_by_name(name, [*properties, DynamicConfigValue("custom.cellOptions", {"type": "auto"})])
    return panel


def listing(
    title: str,
    description: str,
    query: Builder[Dataquery],
    columns: dict[str, list[DynamicConfigValue]],
    *,
    width: str = "whole",
    height: int = 9,
) -> table.Panel:
    """A table in the order of its statement; `columns` gives unit and heading by column name."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit("short")
        .span(SIZES[width])
        .height(height)
        .no_value(NO_VALUE)
        .show_header(True)
        .mappings([_null_says_so()])
        .thresholds(_one(GREY))
    )
    for name, properties in columns.items():
        panel = panel.override_by_name(name, properties)
    return panel


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


def _one(paint: str) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=paint)])


def _null_says_so() -> SpecialValueMap:
    result = ValueMappingResult(text=NO_VALUE, color=GREY, index=0)
    return SpecialValueMap(DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=result))
