"""Figures say what the tables hold, in both languages, and can stand in a page that loads nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from proofs import small_proof

import paydelay as pdl
from paydelay import figures
from paydelay.errors import ConfigError, FeatureMismatchError, LedgerError
from paydelay.explain import Contributions
from paydelay.features import CATALOGUE
from paydelay.figures.drawing import check_drawing
from paydelay.figures.naming import best_by_auc, best_by_money, driver_name
from paydelay.language import causes, format_share, phrase
from paydelay.language.catalogue import texts

AS_OF = date(2025, 11, 30)
DRAWN = ("reliability", "lift", "stability", "slices")


def drawn(name, outcome="late", language="en", proof=None):
    proof = proof or small_proof()
    if name == "drivers":
        return figures.drivers(proof, language)
    return getattr(figures, name)(proof, outcome, language)


def every(language="en"):
    found = [drawn(name, outcome, language) for name in DRAWN for outcome in ("late", "unpaid")]
    return [*found, drawn("drivers", language=language)]


def words(figure):
    """Every text that is seen."""
    root = ET.fromstring(figures.svg(figure))
    return ["".join(text.itertext()) for text in root.iter("text")]


def changed(**tables):
    """The small proof with other tables."""
    return SimpleNamespace(tables={**small_proof().tables, **tables})


def test_figures_are_reached_from_the_package_and_are_figures():
    figure = pdl.figures.reliability(small_proof())
    assert type(figure).__name__ == "Figure"
    assert figure.get_suptitle().startswith("Predicted late: ")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_nothing_is_clipped(language):
    for figure in every(language):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()
        title = figure.get_suptitle()
        assert (box.x0 >= -0.01, box.x1 <= width + 0.01) == (True, True), title
        assert (box.y0 >= -0.01, box.y1 <= height + 0.01) == (True, True), title


def test_the_svg_stands_alone_and_says_what_it_is():
    for figure in every():
        text = figures.svg(figure)
        root = ET.fromstring(text)
        assert root.attrib["role"] == "img"
        assert root[0].tag == "title"
        assert root[0].text == " ".join(figure.get_suptitle().split())
        assert not re.search(r"https?:|xmlns|<style|<script|<metadata|<!--|url\((?!#)", text)
        assert all(node.attrib["href"].startswith("#") for node in root.iter() if "href" in node.attrib)
        # Texts are texts, and colours are those of the page.
        assert len(list(root.iter("text"))) > 5
        assert set(re.findall(r"(?<!, )#[0-9a-f]{6}\b", text)) == set()
        used = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text))
        named = {node.attrib["id"] for node in root.iter() if "id" in node.attrib}
        assert {first or second for first, second in used} <= named


def test_figures_of_one_page_share_no_names():
    names = [re.findall(r'\bid="([^"]*)"', figures.svg(figure)) for figure in every()]
    together = [name for found in names for name in found]
    assert len(together) == len(set(together)) > 10


def test_the_same_proof_gives_the_same_text():
    assert [figures.svg(figure) for figure in every("fr")] == [figures.svg(figure) for figure in every("fr")]


def test_a_french_figure_holds_no_english():
    both = (every("en"), every("fr"))
    seen = [{text for figure in found for text in words(figure)} for found in both]
    same = {text for text in seen[0] & seen[1] if re.search(r"[A-Za-z]{4}", text)}
    # Segments are called what the ledger calls them.
    assert same <= {"key", "middle", "small"}
    assert not any(set(text) & set("{}_") for text in seen[0] | seen[1])


def test_the_title_of_the_reliability_is_the_mean_over_all_rows():
    bins = pl.DataFrame(
        {
            "outcome": ["late"] * 2,
            "bin": [1, 2],
            "row_count": [30, 10],
            "predicted": [0.2, 0.6],
            "observed": [0.1, 0.9],
            "low": [0.0, None],
            "high": [0.2, None],
        }
    )
    figure = drawn("reliability", proof=changed(reliability=bins))
    assert figure.get_suptitle() == "Predicted late: 30% on average. Came late: 30%."


@pytest.mark.parametrize("outcome", ["late", "unpaid"])
def test_the_money_curve_names_what_each_method_found_at_a_fifth(outcome):
    rows = small_proof().tables["lift"].filter(pl.col("top_share") == 0.2, outcome=outcome)
    seen = words(drawn("lift", outcome))
    for scorer, captured in rows.select("scorer", "captured").iter_rows():
        assert f"{phrase(f'scorer.{scorer}', 'en')}\u00a0\u00a0{format_share(captured, 'en', 1)}" in seen


def test_books_in_which_the_model_is_ahead_are_counted():
    books = pl.DataFrame(
        {
            "outcome": ["late"] * 4,
            "as_of": pl.Series(["2025-01-06", "2025-01-13", "2025-01-20", "2026-03-02"]).str.to_date(),
            "auc": [0.8, 0.7, None, 0.9],
            "baseline_auc": [0.7, 0.7, None, 0.95],
            "late_value_20": [0.5, 0.6, 0.7, None],
            "baseline_late_value_20": [0.4, 0.5, 0.6, None],
        }
    )
    proof = changed(books=books)
    assert figures.book_days(proof, "late") == (1, 3, 4)
    figure = drawn("stability", proof=proof)
    assert "ahead in 1 by AUC and in 3 by late money" in " ".join(figure.get_suptitle().split())
    # Beyond a year the year stands beside the month.
    assert "Mar 2026" in words(figure)
    assert phrase(f"scorer.{best_by_auc(proof, 'late')}", "en") in " ".join(words(figure))


def test_each_axis_of_the_books_names_the_method_that_is_best_by_it():
    gains = (
        small_proof()
        .tables["gains"]
        .with_columns(
            baseline=pl.when(pl.col("figure") == "auc")
            .then(pl.lit("late_ratio"))
            .when(pl.col("figure") == "late_value_20")
            .then(pl.lit("largest_amount"))
            .otherwise("baseline")
        )
    )
    proof = changed(gains=gains)
    assert (best_by_auc(proof, "late"), best_by_money(proof, "late")) == ("late_ratio", "largest_amount")
    axes = drawn("stability", proof=proof).axes
    by_auc, by_money = (" ".join(text.get_text() for text in axis.texts).split() for axis in axes)
    assert {"late", "ratio"} <= set(by_auc)
    assert {"largest", "amount"} <= set(by_money)


def test_drivers_of_one_cause_are_added_up_and_own_features_keep_their_name():
    table = pl.DataFrame(
        {
            "feature": ["a", "b", "c"],
            "cause": ["payment_run.monday", "payment_run.friday", "my_mood"],
            "mean_log_odds": [0.1, 0.2, 0.1],
        }
    )
    shares = figures.driver_shares(changed(drivers=table), "en")
    assert shares["name"].to_list() == ["usual payment weekday", "my_mood"]
    assert shares["feature_count"].to_list() == [2, 1]
    assert shares["share"].to_list() == pytest.approx([0.75, 0.25])
    nothing = changed(drivers=table.with_columns(mean_log_odds=pl.lit(0.0)))
    assert figures.driver_shares(nothing, "fr")["share"].to_list() == [0.0, 0.0]
    assert "\u00a00%" in words(drawn("drivers", proof=nothing))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_cause_of_a_feature_has_a_short_name(language):
    for cause in {*causes(), *(feature.cause for feature in CATALOGUE.features)}:
        assert f"driver.{cause.partition('.')[0]}" in texts(language)
        assert len(driver_name(cause, language)) <= 44


def test_a_name_from_a_ledger_is_a_name_whatever_it_holds():
    odd = ["$x^2$ & <b>", "a\x1b[2Jb\u202ec", "株式会社"]
    table = small_proof().tables["slices"].filter(outcome="late").head(3)
    rows = table.with_columns(kind=pl.lit("segment"), slice=pl.Series(odd))
    seen = words(drawn("slices", proof=changed(slices=rows)))
    assert {"$x^2$ & <b>", "a [2Jb c", "株式会社"} <= set(seen)


def test_slices_outside_their_interval_are_counted():
    table = small_proof().tables["slices"].filter(outcome="late").head(2)
    bounds = {"came_low": pl.Series([0.1, 0.3]), "came_high": pl.Series([0.3, None], dtype=pl.Float64)}
    rows = table.with_columns(predicted_share=pl.Series([0.2, 0.2]), came_share=0.3, **bounds)
    title = " ".join(drawn("slices", proof=changed(slices=rows)).get_suptitle().split())
    assert title.startswith("In 1 of 2 slices ")


def test_what_is_not_judged_is_not_drawn():
    only_late = {
        name: rows.filter(outcome="late") if "outcome" in rows.columns else rows
        for name, rows in small_proof().tables.items()
    }
    proof = SimpleNamespace(tables=only_late)
    for name in DRAWN:
        drawn(name, proof=proof)
        with pytest.raises(ConfigError, match="does not judge the outcome 'unpaid'"):
            drawn(name, "unpaid", proof=proof)
    with pytest.raises(ConfigError, match="choose one of late, unpaid"):
        drawn("lift", "paid", proof=proof)
    with pytest.raises(ConfigError, match="choose one of en, fr"):
        drawn("lift", language="de")


def test_what_a_figure_needs_is_there():
    check_drawing()
    assert np.isfinite(drawn("drivers").get_size_inches()).all()


# Contributions and books ----------------------------------------------------------------


def contributed(outcome="late", count=40):
    """Contributions made up: the first feature counts most, and is known of all but the last row."""
    names = ("late_share_last20", "delay_mean_90", "due_weekday", "$x$")
    own = replace(
        CATALOGUE["due_weekday"],
        name="$x$",
        cause="covariate",
        words={"en": "Mood of $the$ day", "fr": "Humeur du jour"},
    )
    features = (*(CATALOGUE[name] for name in names[:3]), own)
    across = np.linspace(-1.0, 1.0, count)
    values = np.column_stack([(across + 1.0) / 2.0, 10.0 * across, np.round(across), across])
    values[-1, 0] = np.nan
    phi = np.column_stack([np.log(2.0) * np.sign(across), 0.1 * across, 0.01 * across, -0.02 * across])
    return Contributions(
        outcome=outcome,
        invoice_ids=tuple(f"F{number}" for number in range(count)),
        probability=(across + 1.0) / 2.0,
        features=features,
        values=values,
        phi=phi,
        base=np.zeros(count),
        ruled_count=3,
    )


def book(currency="EUR", days=(AS_OF,)):
    rows = pl.DataFrame({"days_past_due": [-3, 0, 31, 400], "open_amount_reporting": [5.0, 20.0, 50.0, 25.0]})
    frame = pl.concat([rows.with_columns(as_of=pl.lit(day)) for day in days])
    return SimpleNamespace(frame=frame, reporting_currency=currency)


def books_and_contributions(language="en"):
    made = [contributed(outcome) for outcome in ("late", "unpaid")]
    return [
        *(figures.beeswarm(each, language) for each in made),
        figures.dependence(made[0], "late_share_last20", language),
        figures.dependence(made[1], "$x$", language),
        figures.explanation(made[1], "F7", language),
        figures.drivers(made[0], language),
        figures.ageing(book(), language=language),
        figures.delays([-40.0, -1.0, 0.0, 1.0, 31.0, np.inf, np.nan], language),
    ]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_nothing_is_clipped_of_books_and_contributions(language):
    for figure in books_and_contributions(language):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01, figure.get_suptitle()


def test_french_books_and_contributions_hold_no_english():
    both = (books_and_contributions("en"), books_and_contributions("fr"))
    seen = [{text for figure in found for text in words(figure)} for found in both]
    same = {text for text in seen[0] & seen[1] if re.search(r"[A-Za-z]{4}", text)}
    # A feature has one name in every language, and stands beside its words.
    assert {text.partition(" ")[0] for text in same} <= set(contributed().feature_names)
    assert not any(set(text) & set("{}") for text in seen[0] | seen[1])


def test_a_swarm_has_a_point_per_invoice_at_what_it_contributes_and_the_strongest_feature_on_top():
    made = contributed()
    figure = figures.beeswarm(made, top=2)
    unknown, known = figure.axes[0].collections[:2]
    assert unknown.get_offsets()[:, 0].tolist() == made.phi[-1:, 0].tolist()
    assert known.get_offsets()[:, 0].tolist() == made.phi[:-1, 0].tolist()
    # Low values and high ones are coloured by their rank, from 0 to 1.
    assert np.argsort(known.get_array()).tolist() == list(range(39))
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "customer's late ratio\nlate_share_last20",
        "customer's average delay\ndelay_mean_90",
    ]
    assert "most with customer's late ratio: by × 2.0 or its inverse" in " ".join(
        figure.get_suptitle().replace("\u00a0", " ").split()
    )
    # Points of one place are moved apart, and none into another row.
    beside = known.get_offsets()[:, 1]
    assert len(set(zip(made.phi[:-1, 0].tolist(), beside.tolist(), strict=True))) == 39
    assert np.abs(beside).max() <= 0.4


def test_dependence_tells_the_ends_and_sets_apart_what_is_not_known():
    figure = figures.dependence(contributed(), "late_share_last20")
    title = " ".join(figure.get_suptitle().replace("\u00a0", " ").split())
    assert title == (
        "Odds of being late, by customer's late ratio: × 0.50 in the lowest quarter, × 2.0 in the highest"
    )
    known, unknown = figure.axes[0].collections
    assert (len(known.get_offsets()), len(unknown.get_offsets())) == (39, 1)
    assert unknown.get_offsets()[0, 0] < known.get_offsets()[:, 0].min()
    assert "not known: 1" in words(figure)


def test_an_explanation_leaves_nothing_out():
    made = contributed()
    figure = figures.explanation(made, "F39", top=2)
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert sum(bars) == pytest.approx(made.phi[39].sum())
    assert len(bars) == 3
    assert "100% likely to be late" in " ".join(figure.get_suptitle().split())
    assert "late_share_last20 = not known" in words(figure)


def test_contributions_that_cannot_be_drawn_are_refused():
    made = contributed()
    with pytest.raises(FeatureMismatchError, match="no feature 'mood'"):
        figures.dependence(made, "mood")
    with pytest.raises(LedgerError, match="a rule gives its score"):
        figures.explanation(made, "F99")
    with pytest.raises(ConfigError, match="nothing to draw"):
        figures.beeswarm(made, top=0)
    nothing = replace(made, values=np.full_like(made.values, np.nan))
    with pytest.raises(ConfigError, match="known of none"):
        figures.dependence(nothing, "due_weekday")


def test_the_balance_is_by_age_and_adds_up():
    figure = figures.ageing(book())
    assert [bar.get_height() for bar in figure.axes[0].patches] == [25.0, 0.0, 50.0, 0.0, 25.0]
    title = " ".join(figure.get_suptitle().split())
    assert title == "EUR 100 is open: 75% of it is overdue, 25.0% by more than 90 days"
    with pytest.raises(ConfigError, match="several dates"):
        figures.ageing(book(days=(AS_OF, AS_OF + timedelta(7))))
    with pytest.raises(ConfigError, match="give currency"):
        figures.ageing(book(currency=None))


def test_delays_beyond_the_ends_stand_in_the_last_bars():
    figure = figures.delays([-400.0, -1.0, 0.0, 1.0, 91.0, np.inf, np.nan, 5.0])
    heights = {
        bar.get_x(): round(7 * bar.get_height()) for bar in figure.axes[0].patches if bar.get_height() > 0
    }
    # Bars of three whole days; the one that begins at -2.5 ends with the due date.
    assert heights == {-29.5: 1, -2.5: 2, 0.5: 1, 3.5: 1, 90.5: 2}
    assert figure.get_suptitle().startswith("Of 7 invoices 57% were paid late, 28.6% by more than 30 days")
    with pytest.raises(ConfigError, match="no delay to draw"):
        figures.delays([np.nan])
