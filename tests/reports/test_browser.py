"""The page as a browser lays it out: asks for nothing, complains of nothing, and nothing overlaps or is cut."""

import numpy as np
import pytest
from support.browser import CHROMIUM, browser
from support.read_back import write_report
from support.report_pages import BAD, TASK, group, play, suite_of

from rlbench.api import Task
from rlbench.results.file_io import write_json

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]

# Text of figures outside its figure, texts that cover each other, and what sticks out of the page.
FAULTS = """(() => {
  const faults = [], shown = e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden';
  const name = e => (e.textContent || e.tagName).trim().slice(0, 30);
  for (const svg of document.querySelectorAll('figure svg[role=img]')) {
    const frame = svg.getBoundingClientRect();
    if (!frame.width) continue;
    const texts = [...svg.querySelectorAll('text')].filter(shown).map(e => [e, e.getBoundingClientRect()]);
    for (const [e, b] of texts)
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1)
        faults.push(['cut', name(e), svg.getAttribute('aria-label').slice(0, 40)]);
    const upright = texts.filter(([e]) => !/rotate\\((?!-?0[ ,)])/.test(e.getAttribute('transform') || ''));
    for (let i = 0; i < upright.length; i++) for (let j = i + 1; j < upright.length; j++) {
      const a = upright[i][1], b = upright[j][1];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > Math.min(a.height, b.height) * 0.4)
        faults.push(['overlap', name(upright[i][0]), name(upright[j][0]), svg.getAttribute('aria-label').slice(0, 40)]);
    }
  }
  for (const e of document.querySelectorAll('main *')) {
    const b = e.getBoundingClientRect();
    if (b.right > innerWidth + 1 && !e.closest('.scroll, pre, svg')) faults.push(['sticks out', name(e), b.right]);
  }
  return faults;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Three tasks, nine algorithms (five on the last task), names of every kind, a third of the runs of one failed, and one diverged."""
    tasks = [Task(name, 100, TASK.evaluation) for name in ("CartPole-v1", "Acrobot-v1", "Pendulum-v1")]
    names = ["random", "dqn", "an_algorithm_with_a_very_long_name_indeed", BAD[0], "深度", *(f"a{i}" for i in range(4))]
    groups = [group(n, 5, task, n, {"n": n}) for i, n in enumerate(names) for task in tasks[: 3 if i < 5 else 2]]
    store = suite_of(tmp_path_factory.mktemp("page"), groups)
    draw = np.random.Generator(np.random.PCG64(1))
    for at, g in enumerate(groups):
        scores = draw.normal(100 * (at // 3), 60, 5)
        grid = [
            [(step, float(score * step / 100 + draw.normal(0, 9))) for step in (20, 40, 60, 80, 100)]
            for score in scores
        ]
        status = ["done"] * 4 + ["diverged" if at == 4 else "done"]
        lost = [*scores[:3], None, None] if at == 6 else scores
        attempt = play(store, g, lost, grid, status)
        if at == 6:
            write_json(attempt / "exit.json", {"status": "failed", "message": f"{BAD[1]} " + "x" * 300})
    return write_report(store, store.root / "report.html")


@pytest.fixture(scope="module")
def tab():
    with browser() as found:
        yield found


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overlaps_is_cut_or_sticks_out(tab, page, width, scheme):
    tab.open(page, width, scheme=scheme)
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.ask(FAULTS) == []
    light = tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light is (scheme == "light")


def test_text_that_is_covered_cut_or_sticks_out_would_be_seen(tab, page):
    tab.open(page, 1280)
    text = "document.querySelector('figure svg text')"
    tab.ask(f"{text}.parentNode.append({text}.cloneNode(true))")
    tab.ask(
        "document.querySelector('main p').style.width = '3000px', document.querySelector('main p').style.maxWidth = 'none'"
    )
    tab.ask(
        "[...document.querySelectorAll('figure svg text')].at(-1).setAttribute('transform', 'translate(9000, 9000)')"
    )
    assert {fault[0] for fault in tab.ask(FAULTS)} == {"overlap", "sticks out", "cut"}


def test_the_page_asks_for_nothing_and_the_console_is_silent(tab, page):
    tab.requests.clear()
    tab.open(page, 1280)
    assert [url for url in tab.requests if not url.startswith("file://")] == [] and len(set(tab.requests)) == 1
    assert tab.complaints == []
    assert tab.ask("document.scripts.length + document.images.length") == 0


def test_the_verdict_is_on_the_first_screen(tab, page):
    tab.open(page, 1280, 800)
    assert tab.ask("document.querySelector('#verdict + p').getBoundingClientRect().bottom") < 400


def test_single_runs_and_algorithms_are_shown_on_demand_without_a_script(tab, page):
    tab.open(page, 1280)
    figure = (
        "[...document.querySelectorAll('figure')].find(f => f.querySelector('.show-runs') && f.querySelector('.t1'))"
    )
    seen = f"[...{figure}.querySelectorAll('.runs')].filter(e => getComputedStyle(e).display !== 'none').length"
    assert tab.ask(seen) == 0  # at first without
    tab.ask(f"{figure}.querySelector('.show-runs').click()")
    everyone = tab.ask(seen)
    assert everyone == 5
    tab.ask(f"{figure}.querySelector('.legend .t1').click()")
    assert tab.ask(seen) == 4


def test_what_scrolls_sideways_on_a_phone_has_a_shadow_and_in_print_none(tab, page):
    tab.open(page, 400)
    wide = "[...document.querySelectorAll('.scroll')].find(e => e.scrollWidth > e.clientWidth + 20)"
    assert "local" in tab.ask(f"getComputedStyle({wide}).backgroundAttachment")
    assert tab.ask(f"getComputedStyle({wide}).backgroundImage").count("linear-gradient") == 4
    tab.open(page, 800, media="print")
    assert tab.ask("getComputedStyle(document.querySelector('.scroll')).backgroundImage") == "none"


def test_the_strips_wrap_instead_of_scrolling_on_a_phone(tab, page):
    tab.open(page, 400)
    assert tab.ask("[...document.querySelectorAll('.ranking')].every(e => e.getClientRects()[0].right <= innerWidth)")
    assert tab.ask("document.querySelectorAll('.ranking li').length") > 8


def test_what_is_folded_away_is_printed(tab, page, tmp_path):
    tab.open(page, 1280)
    tab.pdf(tmp_path / "p.pdf")
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    tab.open(page, 800, media="print")
    assert tab.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.ask("document.querySelector('details table').getClientRects().length") > 0
